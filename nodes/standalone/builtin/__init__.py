"""The host's own nodes that the shipped graphs use."""
