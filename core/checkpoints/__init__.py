"""Reads tensors and configuration from model files without running anything in them."""
