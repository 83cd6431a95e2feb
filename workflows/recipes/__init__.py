"""Recipes of the shipped workflows, a table of rows per paper."""
