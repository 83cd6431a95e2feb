"""D2C: diffusion priors of latents, few-shot conditions, sampling and manipulation."""
