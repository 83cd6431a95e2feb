"""Figures of the studies, and the page generated from them."""
