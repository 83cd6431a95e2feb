"""Networks of CLIP models."""
