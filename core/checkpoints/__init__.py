"""Model files to tensors and configuration; nothing in a file is run."""
