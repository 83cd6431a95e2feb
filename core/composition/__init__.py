"""Two latents as one image."""
