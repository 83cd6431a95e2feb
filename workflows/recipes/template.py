"""What makes a workflow a template of the host: a row of words, stages and a picture."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...nodes.standalone.canvas.staged import ModelFile

__all__ = [
    "ASKED",
    "COLOURS",
    "ENLARGED",
    "GIVEN",
    "MODELS",
    "RESULT",
    "STEER",
    "TASK",
    "Own",
    "Template",
]

MODELS, GIVEN, ASKED = "Models", "What is given", "What is wanted"
TASK, STEER, RESULT = "Draw", "Steer", "Pictures"
COLOURS: Mapping[str, str] = {
    MODELS: "#3f6b8f",
    GIVEN: "#8f7a3f",
    ASKED: "#7a5494",
    TASK: "#3f8f6b",
    STEER: "#3f8f6b",
    RESULT: "#8f543f",
}
"""Stages of templates from left to right, and the colours of their frames."""
ENLARGED = 4
"""How many times pictures are enlarged: hosts show small ones as small as they are."""


@dataclass(frozen=True)
class Own:
    """A node for the user's own pictures, muted until it is wanted.

    Attributes:
        kind: its id.
        title: its title on the canvas.
        instead: title of the node whose place it can take.
        inputs: values of its widgets that are no defaults.
    """

    kind: str
    title: str
    instead: str
    inputs: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True)
class Template:
    """A template of the host.

    Attributes:
        name: its file: a number, and the task in plain words.
        does: what it does, in a sentence.
        change: what to change first: title of a node, a dot and a widget, or a title alone; and
            what it is.
        own: nodes for the user's own pictures.
        stages: stages of nodes, by title, that differ from those of their categories.
        starter: whether it is for beginners: without a judge, and opens readable at once.
        models: public files that it names.
        tiles: images of its picture, a square number: title of a node and number of the image;
            empty for the first `shown` of those that it saves.
        shown: a square number.
    """

    name: str
    does: str
    change: tuple[tuple[str, str], ...] = ()
    own: tuple[Own, ...] = ()
    stages: Mapping[str, str] = field(default_factory=dict[str, str])
    starter: bool = True
    models: tuple[ModelFile, ...] = ()
    tiles: tuple[tuple[str, int], ...] = ()
    shown: int = 4
