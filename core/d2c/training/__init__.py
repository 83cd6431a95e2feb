"""Training of a D2C: its terms, networks, steps, configurations and pictures."""
