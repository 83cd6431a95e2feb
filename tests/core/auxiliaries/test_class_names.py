"""Sources of class names."""

from pathlib import Path

import pytest
from latentsteer.core.auxiliaries.classifiers.names import (
    class_names,
    imagenet_names,
    read_class_names,
    saved_names,
)
from latentsteer.core.checkpoints.checkpoint import Checkpoint
from latentsteer.core.errors import InvalidInput


def text(tmp_path, content):
    path = tmp_path / "names.txt"
    path.write_bytes(content)
    return path


def test_a_text_file_has_a_name_per_line(tmp_path):
    content = "\ufeffcat\r\n dog, hound \n\nKätzchen\n".encode()
    assert read_class_names(text(tmp_path, content)) == ("cat", "dog, hound", "Kätzchen")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", r"names\.txt has no class names"),
        (b" \n\n", "has no class names. Write one per line"),
        (b"cat\ndog\n\ncat\n", "names 'cat' twice, on lines 1 and 4"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
        (b"a" * (5 << 20), "that is not a list of names"),
    ],
)
def test_a_text_file_with_a_fault(content, says, tmp_path):
    with pytest.raises(InvalidInput, match=says):
        read_class_names(text(tmp_path, content))


def test_no_text_file(tmp_path):
    with pytest.raises(InvalidInput, match="There is no file of class names"):
        read_class_names(tmp_path / "gone.txt")


def test_what_a_model_tells_is_made_distinct_and_free_of_commas():
    told = [
        "maillot",
        "maillot, tank suit",
        "crane",
        "crane",
        "tench, Tinca",
        "",
        "ray, a",
        "ray, b",
    ]
    assert class_names("m", 8, {}, told) == (
        "maillot",
        "maillot / tank suit",
        "crane (2)",
        "crane (3)",
        "tench",
        "(5)",
        "ray / a",
        "ray / b",
    )
    assert class_names("m", 3, {}, None) == ("0", "1", "2")


def test_the_classes_of_imagenet_are_a_librarys():
    names = imagenet_names()
    assert len(names) == 1000
    assert names[:2] == ("tench", "goldfish")


@pytest.mark.parametrize(
    "values",
    [
        {"classes": ["a", "b", "c"]},
        {"args": {"labels": ["a", "b", "c"]}},
        {"hyper_parameters": {"data": {"class_to_idx": {"c": 2, "a": 0, "b": 1}}}},
        {"idx": 3, "label_names": {"0": "a", "1": "b", "2": "c"}},
        {"classes": ["too", "few"], "class_names": ["a", "b", "c"]},
    ],
)
def test_names_that_were_saved_beside_the_weights(values):
    checkpoint = Checkpoint(Path("m.pth"), {}, "", {"values": values})
    assert saved_names(checkpoint, 3) == ["a", "b", "c"]


@pytest.mark.parametrize("values", [None, {}, {"classes": 3}, {"classes": ["a", "b", 7]}, ["a"]])
def test_no_names_beside_the_weights(values):
    assert saved_names(Checkpoint(Path("m.pth"), {}, "", {"values": values}), 3) is None
