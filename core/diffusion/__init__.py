"""Diffusion priors of a generator's latents: noise levels, sampling, networks, training, files."""
