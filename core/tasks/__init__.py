"""Tasks from end to end: each is one chain of the library's functions, with presets of studies."""
