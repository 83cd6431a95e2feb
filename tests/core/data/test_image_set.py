"""Sets of pictures: resizing and reading."""

import numpy as np
import pytest
import torch
from latentsteer.core.data.image_set import pictures, read_image_set
from latentsteer.core.errors import InvalidInput
from PIL import Image


def written(path, pixels, **options):
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(path, **options)


def test_crops_keep_the_middle_and_the_shape(tmp_path):
    pixels = np.zeros((4, 12, 3))
    pixels[:, 4:8] = 255
    written(tmp_path / "a.png", pixels)
    crop = read_image_set(tmp_path, size=(4, 4)).images
    torch.testing.assert_close(crop, torch.ones(1, 3, 4, 4))
    stretched = read_image_set(tmp_path, size=(4, 4), fit="stretch").images
    assert stretched.shape == (1, 3, 4, 4)
    assert stretched[0, 0, 0, 0] < 0.2


def test_pictures_are_turned_as_their_camera_says(tmp_path):
    pixels = np.zeros((2, 6, 3))
    pixels[0] = 255
    exif = Image.Exif()
    exif[274] = 6  # turned by a quarter
    written(tmp_path / "a.png", pixels, exif=exif)
    found = read_image_set(tmp_path).images
    assert found.shape == (1, 3, 6, 2)
    torch.testing.assert_close(found[0, 0], torch.tensor([[0.0, 1.0]]).expand(6, 2))


def test_grey_and_transparent_pictures_become_colour(tmp_path):
    written(tmp_path / "a.png", np.full((3, 3), 51))
    written(tmp_path / "b.png", np.full((3, 3, 4), 51))
    found = read_image_set(tmp_path)
    torch.testing.assert_close(found.images, torch.full((2, 3, 3, 3), 0.2))
    assert found.names == found.labels == ("a.png", "b.png")


def test_only_pictures_of_the_folder_itself_are_read(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "folder.png").mkdir()
    for name in ("b.PNG", "a.jpeg", "below/c.png"):
        written(tmp_path / name, np.zeros((2, 2, 3)), format="PNG")
    (tmp_path / "notes.txt").write_text("no caption", encoding="utf-8")
    assert [path.name for path in pictures(tmp_path)] == ["a.jpeg", "b.PNG"]
    assert pictures(tmp_path / "gone") == []


def test_both_files_of_labels_need_a_choice(tmp_path):
    written(tmp_path / "a.png", np.zeros((2, 2, 3)))
    (tmp_path / "captions.txt").write_text("one", encoding="utf-8")
    (tmp_path / "labels.csv").write_text("a.png,two", encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"holds captions.txt and labels.csv"):
        read_image_set(tmp_path)
    assert read_image_set(tmp_path, labels="captions.txt").labels == ("one",)


def test_progress_is_told_and_may_stop(tmp_path):
    for name in "abc":
        written(tmp_path / f"{name}.png", np.zeros((2, 2, 3)))
    seen = []

    def report(done):
        seen.append(done)
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_image_set(tmp_path, report=report)
    assert seen == [1, 2]


@pytest.mark.parametrize(
    ("options", "said"),
    [({"first": -1}, "range"), ({"limit": -1}, "range"), ({"size": (0, 4)}, "range")],
)
def test_options_out_of_range_are_refused(options, said, tmp_path):
    written(tmp_path / "a.png", np.zeros((2, 2, 3)))
    with pytest.raises(InvalidInput, match=said):
        read_image_set(tmp_path, **options)


@pytest.mark.parametrize("order", ["shuffled", "balanced"])
def test_halves_of_a_folder_share_no_picture_and_keep_their_labels(order, tmp_path):
    names = [f"{letter}{number}" for letter in "abcd" for number in range(6)]
    for level, name in enumerate(names):
        written(tmp_path / f"{name}.png", np.full((2, 2, 3), level))
    lines = "".join(f"{name}.png: {name[0]}\n" for name in names)
    (tmp_path / "captions.txt").write_text(lines)
    options = {"order": order, "seed": 4}
    first, second = (
        read_image_set(tmp_path, part=part, **options) for part in ("first half", "second half")
    )
    assert sorted(first.names + second.names) == [f"{name}.png" for name in names]
    for half in (first, second):
        assert list(half.labels) == [name[0] for name in half.names]
        levels = (half.images[:, 0, 0, 0] * 255).round().int().tolist()
        assert [f"{names[level]}.png" for level in levels] == list(half.names)
        if order == "balanced":
            assert sorted(half.labels) == sorted("abcd" * 3)
    some = read_image_set(tmp_path, part="second half", first=2, limit=3, **options)
    assert some.names == second.names[2:5]
    with pytest.raises(InvalidInput, match=r"The second half of .* has 12 pictures; 12 skipped"):
        read_image_set(tmp_path, part="second half", first=12, **options)


def test_a_balanced_order_needs_labels(tmp_path):
    for name in "abc":
        written(tmp_path / f"{name}.png", np.zeros((2, 2, 3)))
    with pytest.raises(InvalidInput, match="needs one label per picture"):
        read_image_set(tmp_path, order="balanced")
    assert len(read_image_set(tmp_path, order="shuffled").names) == 3
