"""The measure by which the tests tell a picture from an empty one."""

import numpy as np
import pytest
from latentsteer.core.zoo.shipped import EXAMPLES
from PIL import Image

from .contents import has_contents, span

DRAWN = np.random.default_rng(0)
EMPTY = {
    "grey": np.full((64, 64), 128),
    "black": np.zeros((64, 64)),
    "white": np.full((64, 64), 255),
    "a faint ramp": np.linspace(90, 200, 64)[None].repeat(64, axis=0),
    "faint noise": DRAWN.normal(128, 20, (64, 64)).clip(0, 255),
    "noise": DRAWN.integers(0, 256, (64, 64)),
    "one black pixel": np.pad(np.zeros((1, 1)), 30, constant_values=200),
}


@pytest.mark.parametrize("what", EMPTY)
def test_an_empty_picture_has_no_contents(what):
    assert not has_contents(Image.fromarray(EMPTY[what].astype(np.uint8)).convert("RGB"))


def test_an_empty_grid_has_no_contents():
    grid = np.full((129, 259), 128)
    grid[64], grid[:, 64::65] = 255, 255
    assert not has_contents(Image.fromarray(grid.astype(np.uint8)))


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("side", [64, 256])
def test_a_picture_has_contents(name, side):
    picture = Image.open(EXAMPLES[name]).convert("RGB").resize((side, side))
    assert has_contents(picture)
    assert not has_contents(Image.blend(picture, Image.new("RGB", picture.size, "grey"), 0.5))
    assert 175 < span(picture) <= 255
