"""Stand-in host, for running graphs without ComfyUI."""
