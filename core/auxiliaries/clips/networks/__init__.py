"""The networks of CLIP models."""
