"""The table of generators in docs/models.md, which `make workflows` writes, against the loader."""

import inspect
import re
from pathlib import Path

import pytest
from latentsteer.core.generator import NEED_WORDS, ConditionalGenerator, Generator
from latentsteer.core.generators import ARCHITECTURES, open_generator

from ..example_files import written

PAGE = Path(__file__).parents[3] / "docs" / "models.md"
EMBEDDED = ("digits-", "avatars-")
"""Starts of the ids of shipped models, which have tables of their own."""
COLUMNS = (
    *("family, its id", "files", "licence of the weights", "latents", "given inputs", "options"),
    "verified against",
)


def rows():
    """The cells of each row by the family's id; a family may have several rows."""
    lines = PAGE.read_text("utf-8").splitlines()
    (start,) = [n for n, line in enumerate(lines) if line == f"| {' | '.join(COLUMNS)} |"]
    found = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert len(cells) == len(COLUMNS)
        found.setdefault(re.search(r": `([\w-]+)`$", cells[0])[1], []).append(cells)
    return found


ROWS = rows()


def test_every_family_has_a_row_whose_cells_are_filled():
    assert set(ROWS) == {id for id in ARCHITECTURES.ids if not id.startswith(EMBEDDED)}
    assert all(all(cells) for family in ROWS.values() for cells in family)


@pytest.mark.parametrize("family", ROWS)
def test_its_options_and_inputs_are_those_of_the_loader(family, tmp_path):
    (architecture,) = [one for one in ARCHITECTURES if one.id == family]
    widgets = [getattr(option, "widget", None) for option in architecture.options]
    made = inspect.signature(architecture.load).return_annotation
    needs = ()
    if made is ConditionalGenerator:
        path = written(architecture.examples[0](), tmp_path / "m.safetensors")
        needs = open_generator(path).needs
    else:
        assert made is Generator
    for cells in ROWS[family]:
        options = re.sub(r" \([^)]*\)", "", cells[5])
        named = set() if options == "none" else set(options.split(", "))
        assert named == {name for name in widgets if name}
        assert cells[4] == (" and ".join(NEED_WORDS[need] for need in needs) or "none")
