"""Workflow files in their usual formats, and the pictures that graphs name."""

import json

import pytest
from latentsteer.nodes.standalone.canvas.workflow_file import read_workflow
from latentsteer.nodes.standalone.errors import WorkflowError
from latentsteer.nodes.standalone.executor import execute
from latentsteer.nodes.standalone.graph import validate
from latentsteer.nodes.standalone.host import use
from PIL import Image
from PIL.PngImagePlugin import PngInfo


def written(path, content):
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


UI = {"nodes": [], "links": [], "version": 0.4}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda api: api,
        lambda api: {"prompt": api},
        lambda api: {
            "client_id": "x",
            "prompt": api,
            "extra_data": {"extra_pnginfo": {"workflow": UI}},
        },
        lambda api: {"workflow": UI, "output": api},
    ],
)
def test_wrapped_graphs(tmp_path, api, wrap):
    assert read_workflow(written(tmp_path / "w.json", wrap(api))) == api


def test_a_wrapped_canvas(tmp_path):
    assert read_workflow(written(tmp_path / "w.json", {"workflow": UI})) == UI
    assert read_workflow(written(tmp_path / "w.json", {**UI, "prompt": {"1": {}}})) == {
        **UI,
        "prompt": {"1": {}},
    }


def test_a_node_may_be_called_prompt(tmp_path, api):
    odd = {"prompt": api["1"], "x": api["2"]}
    assert read_workflow(written(tmp_path / "w.json", odd)) == odd


def test_a_saved_picture_gives_its_graph(tmp_path, api, nodes, host):
    (path, _) = execute(api, host, nodes=nodes).files
    assert read_workflow(path) == api
    info = PngInfo()
    info.add_text("workflow", json.dumps(UI))
    Image.new("RGB", (2, 2)).save(tmp_path / "canvas.png", pnginfo=info)
    assert read_workflow(tmp_path / "canvas.png") == UI
    Image.new("RGB", (2, 2)).save(tmp_path / "plain.png")
    with pytest.raises(WorkflowError, match="contains no workflow"):
        read_workflow(tmp_path / "plain.png")
    (tmp_path / "half.png").write_bytes(path.read_bytes()[:60])
    with pytest.raises(WorkflowError, match="cannot be read"):
        read_workflow(tmp_path / "half.png")


@pytest.fixture
def folders(host):
    """A picture with a different grey in each folder."""
    places = {
        "input/a.png": 10, "input/clipspace/m.png": 20, "out/a.png": 30,
        "out/sub/b.png": 40, "out/temp/a.png": 50, "input/odd [name].png": 60,
    }  # fmt: skip
    for name, grey in places.items():
        path = host.base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (3, 2), grey).save(path)
    return host


def loading(name, **more):
    image = {"class_type": "LoadImage", "inputs": {"image": name, **more}}
    return {"1": image, "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}}


@pytest.mark.parametrize(
    ("name", "grey"),
    [
        ("a.png", 10), ("a.png [input]", 10), ("a.png[input]", 10), ("a.png [output]", 30),
        ("a.png [temp]", 50), ("clipspace/m.png [input]", 20), ("clipspace/m.png", 20),
        ("clipspace\\m.png [input]", 20), ("sub/b.png [output]", 40), ("odd [name].png", 60),
    ],
)  # fmt: skip
def test_annotated_pictures(folders, nodes, name, grey):
    result = execute(loading(name, upload="image"), folders, nodes=nodes)
    assert result.outputs["1"][0].mul(255).round().unique().tolist() == [grey]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("b.png [output]", "there is no picture 'b.png' in"),
        ("../out/a.png [input]", "leads out of"),
        ("/etc/passwd", "leads out of"),
        ("a.png [elsewhere]", "it holds: a.png, clipspace/m.png"),
    ],
)
def test_pictures_that_are_not_there(folders, nodes, name, says):
    with use(folders), pytest.raises(WorkflowError, match="LoadImage") as caught:
        validate(loading(name), nodes)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (lambda whole: b"", "it is empty"),
        (lambda whole: b"no picture", "cannot identify"),
        (lambda whole: whole[: len(whole) // 2], "cannot be read"),
        (lambda whole: whole[:20] + bytes(20) + whole[40:], "cannot be read"),
    ],
)
def test_damaged_pictures_are_refused_before_the_work(folders, nodes, content, says):
    path = folders.base / "input" / "a.png"
    Image.effect_noise((40, 40), 60).save(path)
    path.write_bytes(content(path.read_bytes()))
    with use(folders), pytest.raises(WorkflowError) as caught:
        validate(loading("a.png"), nodes)
    assert says in str(caught.value)
    assert "a.png cannot be read" in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("PrimitiveInt", 5), ("PrimitiveFloat", 0.5), ("PrimitiveString", "a"),
        ("PrimitiveStringMultiline", "a\nb"), ("PrimitiveBoolean", True),
    ],
)  # fmt: skip
def test_primitive_nodes_of_the_host(nodes, host, kind, value):
    api = {
        "1": {"class_type": kind, "inputs": {"value": value}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }
    result = execute(api, host, nodes=nodes)
    assert result.outputs["1"] == (value,)
