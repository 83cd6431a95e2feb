"""Composed generation: two latents as one image."""
