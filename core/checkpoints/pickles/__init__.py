"""The pickle interpreter and the layouts in which tensors are stored."""
