"""The stand-in host, for running graphs without ComfyUI."""
