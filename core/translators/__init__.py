"""Translators q(z|c) and their training."""
