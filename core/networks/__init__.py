"""The networks, written to the state-dict keys of the checkpoints that they open."""
