"""The help of a node: the text of its page besides the schema."""

from dataclasses import dataclass

__all__ = ["Help"]


@dataclass(frozen=True)
class Help:
    """Text of a node's help page; `pages.py` writes the page from it and the schema.

    Attributes:
        about: description of the node, in Markdown.
        example: a short example, in Markdown.
    """

    about: str
    example: str
