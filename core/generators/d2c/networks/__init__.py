"""The networks of D2C, with the names of the official state dicts."""
