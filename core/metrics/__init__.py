"""Metrics of sets of images, with intervals."""
