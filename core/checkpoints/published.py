"""What is known of the released files of an architecture, for the table of models."""

from dataclasses import dataclass

__all__ = ["Published"]


@dataclass(frozen=True, kw_only=True)
class Published:
    """One row of the table of generators in docs/models.md.

    Attributes:
        name: what the files are called by their authors.
        files: names of the files as published, in Markdown.
        licence: licence of the weights.
        latents: the latents that the files have.
        given: the inputs that the generator needs first.
        verified: what the outputs were compared with.
    """

    name: str
    files: str
    licence: str
    latents: str
    given: str = "none"
    verified: str
