"""The images of a training: read, checked before any work, in memory or from files."""

import numpy as np
import pytest
import torch
from latentsteer.core.d2c.training.images import FiledImages, held_images, training_images
from latentsteer.core.errors import InvalidInput
from PIL import Image


def fill(folder, count=3, side=6):
    draws = np.random.default_rng(0)
    for number in range(count):
        pixels = draws.integers(0, 256, (side, side, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def test_images_are_the_same_in_memory_and_from_files(tmp_path):
    fill(tmp_path)
    seen = []
    held = training_images(tmp_path, 4, report=seen.append)
    filed = training_images(tmp_path, 4, memory=0, report=seen.append)
    assert seen == [1, 2, 3] * 2
    assert isinstance(filed, FiledImages)
    assert not isinstance(held, FiledImages)
    assert len(held) == len(filed) == 3
    assert held.resolution == filed.resolution == 4
    assert torch.equal(held.read([2, 0]), filed.read([2, 0]))
    assert torch.equal((held.read([1]) * 255).round() / 255, held.read([1]))


@pytest.mark.parametrize("memory", [0, 1 << 20])
def test_the_digest_changes_with_the_images(memory, tmp_path):
    first = training_images(fill(tmp_path), 4, memory=memory).digest
    assert training_images(tmp_path, 4, memory=memory).digest == first
    Image.new("RGB", (9, 9)).save(tmp_path / "1.png")
    assert training_images(tmp_path, 4, memory=memory).digest != first


@pytest.mark.parametrize("memory", [0, 1 << 20])
def test_bad_folders_are_refused_before_any_work(memory, tmp_path):
    with pytest.raises(InvalidInput, match="There is no folder"):
        training_images(tmp_path / "none", 4, memory=memory)
    with pytest.raises(InvalidInput, match=r"There is no picture in .*subfolders are not read"):
        training_images(tmp_path, 4, memory=memory)
    fill(tmp_path, 1)
    with pytest.raises(InvalidInput, match="holds 1 picture; a training needs at least 2"):
        training_images(tmp_path, 4, memory=memory)
    fill(tmp_path)
    whole = (tmp_path / "1.png").read_bytes()
    (tmp_path / "1.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InvalidInput, match=r"1\.png cannot be read"):
        training_images(tmp_path, 4, memory=memory)


def test_a_batch_is_checked():
    x = torch.rand(3, 3, 4, 4)
    assert torch.equal(held_images(x, 4).read([1])[0], (x[1] * 255).round() / 255)
    with pytest.raises(InvalidInput, match=r"Images of 4 x 4 pixels; .* needs 8 x 8"):
        held_images(x, 8)
    with pytest.raises(InvalidInput, match="The batch holds 1 picture"):
        held_images(x[:1], 4)
    for bad in (2.0, float("nan")):
        with pytest.raises(InvalidInput, match="outside 0 to 1"):
            held_images(x * bad, 4)
