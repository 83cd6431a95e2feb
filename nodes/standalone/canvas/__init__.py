"""Canvas format, API format, and the layout of a canvas."""
