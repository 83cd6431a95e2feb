"""Starts: draw candidates, then choose by energy."""
