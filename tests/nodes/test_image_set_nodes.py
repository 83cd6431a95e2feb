"""Load Image Set: order, crops, labels, and bad input."""

import pytest
import torch
from latentsteer.nodes.standalone.errors import NodeError, WorkflowError
from PIL import Image

from .krr_graphs import flow, particles


@pytest.fixture
def pictures(tmp_path, base):
    """A base folder with pictures in its input folder."""
    import shutil

    folder = tmp_path / "pictured"
    shutil.copytree(base, folder)
    place = folder / "input" / "birds"
    place.mkdir(parents=True)
    for number, (name, size) in enumerate(
        [("b.png", (9, 6)), ("a.jpg", (8, 8)), ("c.png", (6, 9))]
    ):
        Image.new("RGB", size, (80 * number, 0, 255)).save(place / name)
    return folder, place


@pytest.fixture
def loaded(pictures, run, new_host, new_graph):
    def go(**inputs):
        graph = new_graph()
        link = graph.add("LoadImageSet", **{"folder": "birds", "width": 6, **inputs})
        ran = run(graph, new_host(pictures[0]))
        return ran.result.outputs[link[0]]

    return go


def test_pictures_are_sorted_cropped_and_counted(loaded):
    images, labels, count = loaded()
    assert images.shape == (3, 6, 6, 3)
    assert count == 3
    assert labels == "a.jpg\nb.png\nc.png"
    torch.testing.assert_close(images[1, 0, 0], torch.tensor([0.0, 0.0, 1.0]))
    assert not images.is_inference()
    assert loaded(first=1, limit=1)[1] == "b.png"
    assert loaded(width=5, height=7, fit="stretch")[0].shape == (3, 7, 5, 3)


@pytest.mark.parametrize(
    ("name", "text", "labels"),
    [
        ("captions.txt", "one\ntwo: dots\nthree\n", "one\ntwo: dots\nthree"),
        ("captions.txt", "c.png: sea\na.jpg: a  bird\nb.png: b", "a bird\nb\nsea"),
        ("labels.csv", 'file,label\nb.png,"x, y"\na.jpg,7\nc.png,z\n', "7\nx, y\nz"),
        ("labels.csv", "b.png,1\na.jpg,0\nc.png,1\n", "0\n1\n1"),
    ],
)
def test_labels_go_with_their_pictures(name, text, labels, loaded, pictures):
    (pictures[1] / name).write_text(text, encoding="utf-8")
    assert loaded()[1] == labels
    assert loaded(labels_file="none")[1] == "a.jpg\nb.png\nc.png"
    assert loaded(labels_file=name, limit=2)[1] == "\n".join(labels.split("\n")[:2])


@pytest.mark.parametrize(
    ("name", "text", "inputs", "said"),
    [
        ("captions.txt", "one\ntwo\n", {}, "has 2 captions for 3 pictures"),
        ("labels.csv", "a.jpg,0\n", {}, "has no label for b.png, c.png"),
        ("labels.csv", "a.jpg,0\na.jpg,1\n", {}, "labels 'a.jpg' twice"),
        ("labels.csv", "a.jpg\n", {}, "has no label"),
        ("x.txt", "", {"labels_file": "gone.txt"}, "no file 'gone.txt'"),
        ("x.txt", "", {"labels_file": "../x.txt"}, "no file '../x.txt'"),
        ("x.txt", "", {"width": 0}, "b.png is 9 x 6 pixels and a.jpg 8 x 8"),
        ("x.txt", "", {"first": 3}, "3 skipped leave none"),
        ("d.png", "no picture", {}, "d.png cannot be read"),
    ],
)
def test_sets_that_do_not_go_are_refused(name, text, inputs, said, loaded, pictures):
    (pictures[1] / name).write_text(text, encoding="utf-8")
    with pytest.raises(NodeError) as caught:
        loaded(**inputs)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("folder", "said"),
    [("gone", "there is birds"), ("../..", "leads out of"), ("/tmp", "leads out of")],
)
def test_folders_that_are_not_there_are_refused(folder, said, loaded):
    with pytest.raises(WorkflowError, match=said):
        loaded(folder=folder)


def test_a_folder_without_pictures_is_refused(loaded, pictures):
    (pictures[1].parent / "empty").mkdir()
    with pytest.raises(NodeError, match="There is no picture in"):
        loaded(folder="empty")


def test_a_set_is_the_real_images_of_a_flow(pictures, run, new_host, new_graph):
    graph = new_graph()
    made = graph.models()
    images = graph.add("LoadImageSet", folder="birds", width=28)
    refined = flow(graph, made, particles(graph, made, samples=3), real=images, steps=1)
    ran = run(graph, new_host(pictures[0]))
    assert list(ran.trace(refined).terms) == ["log q(x)", "-log p(x)"]
