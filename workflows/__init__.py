"""What writes the shipped graphs, and the studies that prove their figures."""
