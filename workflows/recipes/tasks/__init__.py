"""Workflows of whole tasks: one node, and the same in small ones."""
