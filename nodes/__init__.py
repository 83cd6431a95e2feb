"""The nodes: sockets to the library and back, with no mathematics of their own."""
