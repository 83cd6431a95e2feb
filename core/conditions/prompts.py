"""Prompts as people write them: a line per row, parts with weights, and what is not wanted.

The line "a red hat | a smile:0.5" is one row that asks for both, the smile counting half. What
stands between commas are clauses: "a red hat, a smile" has two, which may count beside the whole.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import torch

from ..clip import Clip
from ..condition import Condition
from ..errors import InvalidInput
from .mixing import mixed

__all__ = ["Prompt", "TextCondition", "clauses", "parse_line", "parse_lines", "text_condition"]

WEIGHT = re.compile(r"(?P<text>.*?)\s*(?<!\d):\s*(?P<weight>[\w.,%+-]*)")
"""A text and what follows its last colon; between two digits a colon is part of the text."""
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
COMMA = re.compile(r"[;,](?!\d)")
"""What parts clauses; not that of 1,000."""
HOST_SYNTAX = re.compile(
    r"(?<!\\)\([^()]*:\s*[+-]?[\d.]+\s*\)|\(\([^()]+\)\)|\[[^\[\]]*:[^\[\]]*\]"
    r"|<(?:lora|lyco|hypernet):[^<>]*>|\bembedding:[\w./-]+|\{[^{}]*\|[^{}]*\}"
)
"""What ComfyUI's own text nodes, and those that it took after, read as instructions."""
ALMOST = re.compile(r"[+-]?([\d.,]*\d[\d.,]*%?|nan|inf|infinity)", re.IGNORECASE)
"""What was meant as a weight and is none."""


@dataclass(frozen=True)
class Prompt:
    """A text and how much it counts.

    Attributes:
        text: not empty.
        weight: finite; negative draws away from the text.
    """

    text: str
    weight: float = 1.0

    def __str__(self) -> str:
        return self.text if self.weight == 1 else f"{self.text}:{self.weight:g}"


@dataclass(frozen=True)
class TextCondition:
    """What became of prompts.

    Attributes:
        condition: a row per line, or several.
        notes: sentences for people: what was cut, is not known or is read as text alone.
    """

    condition: Condition
    notes: tuple[str, ...]


def parse_line(line: str) -> tuple[Prompt, ...]:
    """The parts of one row, separated by `|`, each with an optional `:weight` at its end.

    A colon between two digits (10:30) and one with no number after it belong to the text.

    Raises:
        InvalidInput: a part without text, or a weight that is no finite number.
    """
    return tuple(_prompt(part.strip(), line) for part in line.split("|"))


def parse_lines(text: str) -> tuple[tuple[Prompt, ...], ...]:
    """The rows of a text, one per line that is not blank.

    Raises:
        InvalidInput: a part without text, or a weight that is no finite number.
    """
    return tuple(parse_line(line) for line in text.splitlines() if line.strip())


def clauses(text: str) -> tuple[str, ...]:
    """What stands between a text's commas; none where there is but one."""
    found = tuple(part.strip() for part in COMMA.split(text) if part.strip())
    return found if len(found) > 1 else ()


def text_condition(
    clip: Clip,
    prompts: str,
    *,
    negative: str = "",
    samples_per_prompt: int = 1,
    clause_weight: float = 0.0,
) -> TextCondition:
    """Rows that a CLIP's text encoder makes of prompts, c = f_txt(y) of TR0N section 5.2.

    Several parts and what is not wanted make one direction, see `core.conditions.mixing.mixed`. So
    do a text and its clauses, where those count: a CLIP that hardly notices whose colour is whose
    in a long text does so in a short one. The papers have the whole text alone.

    Args:
        clip: with a text encoder.
        prompts: a line per row.
        negative: in the same form; every part of every line is subtracted from every row.
        samples_per_prompt: times that each row is repeated, at least 1.
        clause_weight: how much each clause of a wanted text counts beside it, 0 or more; times the
            text's own weight. A clause that the encoder can make nothing of does not count.

    Raises:
        InvalidInput: no prompt, a part without text, a bad weight, weights that cancel, or a text
            that the encoder can make nothing of.
        ConditionMismatch: the CLIP has no text encoder.
    """
    lines = parse_lines(prompts)
    if not lines:
        raise InvalidInput("No prompt. Write what the image should show, a line per row.")
    if not 0 <= clause_weight < math.inf:
        raise InvalidInput(f"A clause weight of {clause_weight}; expected 0 or more.")
    unwanted = [Prompt(part.text, -part.weight) for line in parse_lines(negative) for part in line]
    telling = _telling(clip, [part for line in lines for part in line]) if clause_weight else set()

    def counted(part: Prompt) -> list[Prompt]:
        weight = clause_weight * part.weight
        return [Prompt(clause, weight) for clause in clauses(part.text) if clause in telling]

    parts = [[*line, *chain.from_iterable(map(counted, line)), *unwanted] for line in lines]
    said = list(dict.fromkeys(part.text for line in parts for part in line))
    # One by one, so that a row is the same whatever other prompts stand beside it.
    texts = [clip.texts([text]) for text in said]
    embeddings = {
        text: found.embeddings[0].detach().float().cpu()
        for text, found in zip(said, texts, strict=True)
    }
    rows = [
        mixed(torch.stack([embeddings[p.text] for p in line]), [p.weight for p in line])
        for line in parts
    ]
    labels = tuple(_label(line) for line in lines)
    condition = Condition(torch.stack(rows), labels, clip.id, clip.name)
    notes = (
        *_host_notes(f"{prompts}\n{negative}"),
        *(note for found in texts for note in found.notes),
    )
    return TextCondition(condition.repeated(samples_per_prompt), tuple(dict.fromkeys(notes)))


def _prompt(part: str, line: str) -> Prompt:
    text, weight = part, 1.0
    found = WEIGHT.fullmatch(part)
    if found is not None and NUMBER.fullmatch(found["weight"]):
        text, weight = found["text"].strip(), float(found["weight"])
    elif found is not None and ALMOST.fullmatch(found["weight"]):
        weight = math.nan
    if not math.isfinite(weight):
        raise InvalidInput(
            f"The weight at the end of {part!r} is not a finite number. Write it as in "
            "'a red hat:1.5'; other endings with a colon are read as text."
        )
    if not text:
        raise InvalidInput(
            f"A prompt is empty in the line {line.strip()!r}. Write something on both sides of "
            "every '|' and before every weight."
        )
    return Prompt(text, weight)


def _host_notes(text: str) -> list[str]:
    """That what other text nodes take for instructions is text here."""
    found = dict.fromkeys(
        match[0] for line in text.splitlines() for match in HOST_SYNTAX.finditer(line)
    )
    return [
        f"{form!r} is read as text: weights, networks and choices within a text are not known "
        "here. A part of a line may have a weight, as in 'a red hat:1.5 | a blue shirt'."
        for form in found
    ]


def _telling(clip: Clip, parts: Sequence[Prompt]) -> set[str]:
    """The clauses that say something to the encoder; "a person" says nothing to a small one."""

    def tells(clause: str) -> bool:
        try:
            clip.texts([clause])
        except InvalidInput:
            return False
        return True

    return {clause for clause in {c for p in parts for c in clauses(p.text)} if tells(clause)}


def _label(line: Sequence[Prompt]) -> str:
    return " | ".join(str(part) for part in line)
