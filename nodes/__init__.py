"""ComfyUI nodes: they connect sockets and widgets to core, and hold no mathematics."""
