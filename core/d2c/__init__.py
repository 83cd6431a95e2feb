"""D2C: a diffusion prior over the latents of a generator, and conditions of a few examples."""
