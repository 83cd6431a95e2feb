"""Figures of the studies, and the page that is written of them."""
