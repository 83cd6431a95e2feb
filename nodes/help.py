"""The help of a node: what its page says beside the schema."""

from dataclasses import dataclass

__all__ = ["Help"]


@dataclass(frozen=True)
class Help:
    """Text of a node's help page; `pages.py` writes the page from it and the schema.

    Attributes:
        about: what to know before using the node, in Markdown.
        example: a short example, in Markdown.
    """

    about: str
    example: str
