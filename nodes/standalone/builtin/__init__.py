"""Stand-ins for ComfyUI's own nodes in the shipped graphs."""
