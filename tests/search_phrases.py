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
FIRST_OF_OURS = {
    "inpaint": "Energy Masked",
    "inpainting": "Edit Image",
    "text to image": "Steer",
    "seeds": "Steer",
    "style transfer": "Give Inputs",
    "slider": "Move Latents",
    "embedding": "Text Condition",
    "sampling": "Langevin Refine",
    "gan inversion": "Image to Latents",
    "face edit": "Edit Image",
}
"""Phrases that the hosts' own nodes may have in their names, which both frontends rank first."""
