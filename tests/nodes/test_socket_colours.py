"""Colours of sockets on the canvas."""

import re
from pathlib import Path

from latentsteer.nodes import sockets

SCRIPT = Path(__file__).parents[2] / "web" / "js" / "colours.js"


def test_every_type_has_a_colour_of_its_own():
    types = re.findall(r'Custom\("LATENTSTEER_(\w+)"\)', Path(sockets.__file__).read_text("utf-8"))
    colours = dict(
        re.findall(r"^  ([A-Z_]+): '(#[0-9a-f]{6})',$", SCRIPT.read_text("utf-8"), re.M)
    )
    assert sorted(colours) == sorted(set(types))
    assert len(set(colours.values())) == len(colours)
