"""Studies of what pairs give."""
