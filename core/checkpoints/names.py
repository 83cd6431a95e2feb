"""Names by which model files and model folders are recognised. Imports nothing."""

__all__ = ["FOLDER_MARKS", "PAIRS_MARK", "SUFFIXES"]

SUFFIXES = frozenset(
    {".pth", ".pt", ".bin", ".tar", ".ckpt", ".pkl", ".pickle", ".npz", ".safetensors"}
)
"""Accepted suffixes. The contents decide what a file is."""
FOLDER_MARKS = ("config.json", "open_clip_config.json")
"""Files that mark a folder as a model."""
PAIRS_MARK = "pairs.json"
"""File that marks a folder as stored pairs: their manifest."""
