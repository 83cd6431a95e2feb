"""The networks of unconditional GANs, with the names of the official state dicts."""
