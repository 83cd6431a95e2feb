"""Setups of the paper whose templates open the shipped translator: with its training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..graph import GraphBuilder, Recipe

__all__ = ["with_training"]


def with_training(
    template: Recipe, graph: Callable[[Recipe], GraphBuilder], about: str = "", says: str = ""
) -> Recipe:
    """Returns the workflow of the setups that a template is compared with.

    Args:
        template: workflow that opens the shipped translator.
        graph: builds the graph that trains its translator.
        about: where and how fast it runs; that of the template if empty.
        says: what it shows; the difference from the template if empty.
    """
    return replace(
        template,
        id=f"{template.id}_trained",
        rows=template.like,
        like=(),
        title=f"{template.title}, training included",
        says=says
        or f"The workflow *{template.id}* with the training of its translator: **Train "
        "Translator** learns on pairs that it makes, as in the paper, instead of **Load "
        "Translator**.",
        graph=graph,
        about=about or template.about,
    )
