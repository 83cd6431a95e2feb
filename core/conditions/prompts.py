"""Text prompts: one row per line, with weighted parts, and negative prompts.

The line "a red hat | a smile:0.5" is one row of two parts, the smile with half the weight. Clauses
are separated by commas: "a red hat, a smile" has two, which can count in addition to the whole.
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

__all__ = ["Prompt", "PromptCondition", "clauses", "parse_line", "parse_lines", "text_condition"]

WEIGHT = re.compile(r"(?P<text>.*?)\s*(?<!\d):\s*(?P<weight>[\w.,%+-]*)")
"""A text and the weight after its last colon; a colon between digits is part of the text."""
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
COMMA = re.compile(r"[;,](?!\d)")
"""Separator of clauses; excludes the comma in 1,000."""
HOST_SYNTAX = re.compile(
    r"(?<!\\)\([^()]*:\s*[+-]?[\d.]+\s*\)|\(\([^()]+\)\)|\[[^\[\]]*:[^\[\]]*\]"
    r"|<(?:lora|lyco|hypernet):[^<>]*>|\bembedding:[\w./-]+|\{[^{}]*\|[^{}]*\}"
)
"""Syntax with a special meaning in the text nodes of ComfyUI and of its predecessors."""
ALMOST = re.compile(r"[+-]?([\d.,]*\d[\d.,]*%?|nan|inf|infinity)", re.IGNORECASE)
"""Endings that look like a weight but are no valid number."""


@dataclass(frozen=True)
class Prompt:
    """A text with its weight.

    Attributes:
        text: text of the part, not empty.
        weight: finite weight; a negative one steers away from the text.
    """

    text: str
    weight: float = 1.0

    def __str__(self) -> str:
        return self.text if self.weight == 1 else f"{self.text}:{self.weight:g}"


@dataclass(frozen=True)
class PromptCondition:
    """Condition made of prompts, with notes.

    Attributes:
        condition: one row per line, or several per line where repeated.
        notes: sentences on what was cut, is unknown to the encoder or is read as plain text.
    """

    condition: Condition
    notes: tuple[str, ...]


def parse_line(line: str) -> tuple[Prompt, ...]:
    """Parses one row into parts separated by `|`, each with an optional `:weight` at its end.

    A colon between two digits (10:30), or without a number after it, belongs to the text.

    Raises:
        InvalidInput: a part has no text, or a weight is not a finite number.
    """
    return tuple(_prompt(part.strip(), line) for part in line.split("|"))


def parse_lines(text: str) -> tuple[tuple[Prompt, ...], ...]:
    """Parses a text into rows, one per non-blank line.

    Raises:
        InvalidInput: a part has no text, or a weight is not a finite number.
    """
    return tuple(parse_line(line) for line in text.splitlines() if line.strip())


def clauses(text: str) -> tuple[str, ...]:
    """Clauses of a text, separated by commas; empty where there is only one."""
    found = tuple(part.strip() for part in COMMA.split(text) if part.strip())
    return found if len(found) > 1 else ()


def text_condition(
    clip: Clip,
    prompts: str,
    *,
    negative: str = "",
    samples_per_prompt: int = 1,
    clause_weight: float = 0.0,
) -> PromptCondition:
    """Encodes prompts with a CLIP's text encoder, c = f_txt(y) of TR0N section 5.2.

    Parts and negative prompts are combined into one direction, see `core.conditions.mixing.mixed`,
    and so are a text and its clauses if clauses count. Clauses help a CLIP that confuses which
    colour belongs to what in a long text but not in a short one. The papers use the whole text
    only.

    Args:
        clip: CLIP with a text encoder.
        prompts: one row per line.
        negative: negative prompts in the same form; each part of each line is subtracted from
            every row.
        samples_per_prompt: number of times each row is repeated, at least 1.
        clause_weight: weight of each clause relative to its whole text, 0 or more. Clauses that
            the encoder cannot encode are ignored.

    Raises:
        InvalidInput: no prompt, a part without text, an invalid weight, weights that cancel, or a
            text that the encoder cannot encode.
        ConditionMismatch: the CLIP has no text encoder.
    """
    lines = parse_lines(prompts)
    if not lines:
        raise InvalidInput("No prompt. Write what the image should show, one line per row.")
    if not 0 <= clause_weight < math.inf:
        raise InvalidInput(f"A clause weight of {clause_weight}; expected 0 or more.")
    unwanted = [Prompt(part.text, -part.weight) for line in parse_lines(negative) for part in line]
    usable = (
        _encodable(clip, [part for line in lines for part in line]) if clause_weight else set()
    )

    def counted(part: Prompt) -> list[Prompt]:
        weight = clause_weight * part.weight
        return [Prompt(clause, weight) for clause in clauses(part.text) if clause in usable]

    parts = [[*line, *chain.from_iterable(map(counted, line)), *unwanted] for line in lines]
    distinct = list(dict.fromkeys(part.text for line in parts for part in line))
    # Encoded one at a time, so that a row does not depend on the other prompts.
    texts = [clip.texts([text]) for text in distinct]
    embeddings = {
        text: found.embeddings[0].detach().float().cpu()
        for text, found in zip(distinct, texts, strict=True)
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
    return PromptCondition(condition.repeated(samples_per_prompt), tuple(dict.fromkeys(notes)))


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
    """Notes on syntax of other text nodes that is plain text here."""
    found = dict.fromkeys(
        match[0] for line in text.splitlines() for match in HOST_SYNTAX.finditer(line)
    )
    return [
        f"{form!r} is read as text: weights, networks and choices within a text are not known "
        "here. A part of a line may have a weight, as in 'a red hat:1.5 | a blue shirt'."
        for form in found
    ]


def _encodable(clip: Clip, parts: Sequence[Prompt]) -> set[str]:
    """Clauses that the encoder can encode; a small one knows no word of "a person"."""

    def encodes(clause: str) -> bool:
        try:
            clip.texts([clause])
        except InvalidInput:
            return False
        return True

    return {clause for clause in {c for p in parts for c in clauses(p.text)} if encodes(clause)}


def _label(line: Sequence[Prompt]) -> str:
    return " | ".join(str(part) for part in line)
