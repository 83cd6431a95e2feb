"""D2C: few-shot conditions and a diffusion prior in the latents of a generator."""
