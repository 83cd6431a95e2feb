"""Networks of reward models."""
