"""Names and files of the shipped models. Imports nothing."""

__all__ = [
    "AUXILIARIES",
    "COMPANIONS",
    "EMBEDDED_CLIPS",
    "GENERATORS",
    "PAIRS",
    "PRIORS",
    "TRANSLATORS",
]

GENERATORS = {
    "avatars (embedded)": "avatars-generator.safetensors",
    "avatars codes (embedded)": "avatars-codes.safetensors",
    "digits (embedded)": "digits-generator.safetensors",
    "avatars one step (embedded)": "avatars-one-step.safetensors",
}
AUXILIARIES = {
    "avatars CLIP (embedded)": "avatars-clip.safetensors",
    "avatars judge (embedded)": "avatars-judge.safetensors",
    "digits classifier (embedded)": "digits-classifier.safetensors",
    "digits judge (embedded)": "digits-judge.safetensors",
}
EMBEDDED_CLIPS = ("avatars CLIP (embedded)",)
"""Those of the auxiliaries that read texts."""
PAIRS = {
    "avatars pairs (embedded)": "avatars-pairs",
    "digits pairs (embedded)": "digits-pairs",
}
"""Folders of pairs (z, f(G(z))), as `core.pairs.stored` reads them."""
TRANSLATORS = {
    "avatars translator (embedded)": "avatars-translator.safetensors",
    "digits translator (embedded)": "digits-translator.safetensors",
}
"""Translators trained on those pairs, without the last ones."""
COMPANIONS = {
    "avatars (embedded)": (
        "avatars CLIP (embedded)",
        "avatars pairs (embedded)",
        "avatars translator (embedded)",
    ),
    "digits (embedded)": (
        "digits classifier (embedded)",
        "digits pairs (embedded)",
        "digits translator (embedded)",
    ),
}
"""Each generator's auxiliary, and their pairs and translator."""
PRIORS = {
    "avatars prior (embedded)": "avatars-prior.safetensors",
}
"""Diffusion priors of the latents of those generators."""
