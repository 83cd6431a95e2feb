"""Names and files of the shipped models. Imports nothing."""

__all__ = ["AUXILIARIES", "GENERATORS"]

GENERATORS = {
    "avatars (embedded)": "avatars-generator.safetensors",
    "digits (embedded)": "digits-generator.safetensors",
}
AUXILIARIES = {
    "avatars CLIP (embedded)": "avatars-clip.safetensors",
    "avatars judge (embedded)": "avatars-judge.safetensors",
    "digits classifier (embedded)": "digits-classifier.safetensors",
    "digits judge (embedded)": "digits-judge.safetensors",
}
