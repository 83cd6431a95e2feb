"""Official D2C models: an autoencoder, and a diffusion of its latents."""
