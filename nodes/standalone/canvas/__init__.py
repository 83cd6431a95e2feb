"""Canvas format and API format, and the layout of a canvas."""
