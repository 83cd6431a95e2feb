"""Workflows of ReNO on ComfyUI's own models."""
