"""Nodes of whole tasks."""
