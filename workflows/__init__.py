"""Recipes of the shipped workflows, and studies of their results."""
