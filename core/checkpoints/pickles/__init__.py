"""The pickle machine, and the layouts that tensors are stored in."""
