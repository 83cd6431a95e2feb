"""What people type in the canvas' search, and the node that should come first."""

FIRST = {
    "steer": "Steer",
    "edit image": "Edit Image",
    "attribute": "Edit Image",
    "smile": "Edit Image",
    "clip guidance": "Energy CLIP",
    "classifier guidance": "Energy Classifier",
    "class": "Class Condition",
    "image prompt": "Image Condition",
    "langevin": "Langevin Refine",
    "particles": "KRR Flow Refine",
    "two people": "Compose Fuse",
    "load gan": "Load Generator",
    "stylegan": "Load Generator",
    "train gan": "Train D2C",
    "own pictures": "Train D2C",
    "few labels": "Few-Shot Condition",
    "variation": "Variation Init",
    "best of seeds": "Best Latents",
    "contact sheet": "Image Grid",
    "fid": "Evaluate Images",
    "clip score": "CLIP Score",
}
"""Phrases for which it comes first of all nodes, the host's included."""
FIRST_OF_OURS = {"inpaint": "Energy Masked", "text to image": "Steer", "seeds": "Steer"}
"""Phrases that are in the names of the host's own nodes, which both frontends rank first."""
