"""Pictures of every depth: each in its own range, or refused with the range that it takes."""

import numpy as np
import pytest
import torch
from latentsteer.core.data.image_set import read_image_set
from latentsteer.core.errors import InvalidInput
from latentsteer.nodes.standalone import images
from latentsteer.nodes.standalone.errors import WorkflowError
from PIL import Image

RAMP = np.tile(np.linspace(0, 1, 16), (16, 1))
"""From black on the left to white on the right."""
HALF = 255 // 2


def bits(depth):
    return np.round(RAMP * (2**depth - 1))


def grey(mode):
    return Image.fromarray(bits(8).astype(np.uint8)).convert(mode)


def with_alpha(mode):
    picture = Image.merge("LA", (grey("L"), Image.new("L", (16, 16), HALF)))
    return picture.convert(mode)


def big_endian():
    data = bits(16).astype(">u2").tobytes()
    return Image.frombytes("I;16B", (16, 16), data)


DEEP = {
    "one bit.png": lambda: Image.fromarray(RAMP > 0.5),
    "grey.png": lambda: grey("L"),
    "grey.tif": lambda: grey("L"),
    "16 bits.png": lambda: Image.fromarray(bits(16).astype(np.uint16)),
    "16 bits.tif": lambda: Image.fromarray(bits(16).astype(np.uint16)),
    "16 bits, big.tif": big_endian,
    "floats.tif": lambda: Image.fromarray(RAMP.astype(np.float32)),
    "colour.png": lambda: grey("RGB"),
    "colour.webp": lambda: grey("RGB"),
    "alpha.png": lambda: with_alpha("LA"),
    "colour and alpha.png": lambda: with_alpha("RGBA"),
    "palette.png": lambda: grey("P"),
    "ink.tif": lambda: grey("CMYK"),
    "colour.bmp": lambda: grey("RGB"),
}


@pytest.mark.parametrize("name", DEEP)
def test_a_picture_of_any_depth_has_its_own_range(name, tmp_path):
    made = DEEP[name]()
    made.save(tmp_path / name, **({"lossless": True} if name.endswith("webp") else {}))
    wanted = torch.from_numpy((RAMP > 0.5) if name.startswith("one") else RAMP).float()
    margin = 0.51 / 255 if "16" not in name else 0.51 / 65535
    found = read_image_set(tmp_path).images
    assert float((found - wanted).abs().max()) <= margin
    one, mask = images.load(tmp_path / name)
    torch.testing.assert_close(one, found.movedim(1, -1))
    if "alpha" in name:
        torch.testing.assert_close(mask, torch.full((1, 16, 16), 1 - HALF / 255))
    else:
        assert not mask.any()


def test_a_deep_grey_that_is_transparent_has_a_mask(tmp_path):
    picture = Image.fromarray(bits(16).astype(np.uint16))
    picture.save(tmp_path / "a.png", transparency=0)
    one, mask = images.load(tmp_path / "a.png")
    assert float(one.max()) == 1
    if mask.shape[1] == 16:  # Pillow before 11 forgets the colour that is clear
        assert torch.equal(mask[0], (one[0, ..., 0] == 0).float())


def test_a_palette_with_transparency_has_a_mask(tmp_path):
    picture = Image.new("P", (4, 4))
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.putpixel((1, 1), 1)
    picture.save(tmp_path / "a.png", transparency=1)
    one, mask = images.load(tmp_path / "a.png")
    assert one[0, 0, 0].tolist() == [1, 0, 0]
    assert mask.sum() == mask[0, 1, 1] == 1


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.array([[0.0, 255.0]], np.float32), "floats from 0 to 255"),
        (np.array([[-1.0, 1.0]], np.float32), "floats from -1 to 1"),
        (np.array([[0.0, np.nan]], np.float32), "floats from nan to nan"),
        (np.array([[3, 70000]], np.int32), "32-bit integers from 3 to 70000"),
    ],
)
def test_numbers_without_a_range_of_their_own_are_refused_with_theirs(values, says, tmp_path):
    Image.fromarray(values).save(tmp_path / "a.tif")
    with pytest.raises(InvalidInput, match=says):
        read_image_set(tmp_path)
    with pytest.raises(WorkflowError, match=says):
        images.load(tmp_path / "a.tif")


def test_what_is_no_picture_is_one_sentence(tmp_path):
    (tmp_path / "a.png").write_bytes(b"a letter")
    with pytest.raises(WorkflowError, match="cannot be read"):
        images.load(tmp_path / "a.png")
