"""The Python that writes the shipped graphs, a table of rows per paper."""
