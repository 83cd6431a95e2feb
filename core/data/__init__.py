"""Image data sets in folders."""
