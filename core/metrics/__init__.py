"""Figures of sets of images, with intervals."""
