"""The pictures that templates open with: what they are, and how a host gets them."""

from pathlib import Path

import numpy as np
from latentsteer.core.images import resized
from latentsteer.core.zoo.shipped import EXAMPLES, reference_images
from latentsteer.nodes.example_pictures import place_examples
from latentsteer.nodes.standalone.host import StandaloneHost
from latentsteer.nodes.standalone.images import load
from latentsteer.nodes.standalone.input_pictures import located
from latentsteer.workflows.recipes.files import AVATARS_HELD_OUT, EXAMPLE, EXAMPLE_MASKED
from PIL import Image

NUMBER, CLOSE = 84, 0.02
"""Of the avatar among the held-out ones; what enlarging and shrinking may change in the mean."""


def test_it_is_a_held_out_avatar_and_the_masked_one_has_the_same_colours():
    image, _ = load(EXAMPLES[EXAMPLE])
    masked, mask = load(EXAMPLES[EXAMPLE_MASKED])
    small, other = (resized(one.movedim(3, 1), (64, 64)) for one in (image, masked))
    assert (small - other).abs().mean() < CLOSE
    assert mask.shape == masked.shape[:3]
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert 0.2 < mask.mean() < 0.5
    held_out, _ = reference_images(AVATARS_HELD_OUT)
    apart = (small - held_out[:200]).abs().mean(dim=(1, 2, 3))
    assert int(apart.argmin()) == NUMBER
    assert apart[NUMBER] < CLOSE


def test_a_host_gets_them_and_keeps_what_is_there(tmp_path):
    mine = Image.fromarray(np.zeros((2, 2, 3), np.uint8))
    mine.save(tmp_path / EXAMPLE)
    place_examples(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(EXAMPLES)
    assert load(tmp_path / EXAMPLE)[0].shape == (1, 2, 2, 3)
    assert (tmp_path / EXAMPLE_MASKED).read_bytes() == EXAMPLES[EXAMPLE_MASKED].read_bytes()


def test_a_folder_that_cannot_be_written_does_not_stop_the_host(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    place_examples(tmp_path / "file" / "below")

    def refused(*arguments, **settings):
        raise OSError(30, "Read-only file system", str(tmp_path))

    monkeypatch.setattr(Path, "touch", refused)
    place_examples(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


def test_two_hosts_that_start_at_once_do_not_disturb_each_other(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "exists", lambda path: False)
    (tmp_path / EXAMPLE).write_text("of the other", encoding="utf-8")
    place_examples(tmp_path)
    assert (tmp_path / EXAMPLE).read_text(encoding="utf-8") == "of the other"


def test_the_command_needs_no_file_and_prefers_the_users(tmp_path):
    host = StandaloneHost(tmp_path)
    assert located(host, EXAMPLE) == EXAMPLES[EXAMPLE]
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / EXAMPLE).touch()
    assert located(host, EXAMPLE) == (tmp_path / "input" / EXAMPLE).resolve()
