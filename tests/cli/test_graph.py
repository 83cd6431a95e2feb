"""Bad graphs are refused as a whole, with messages that state the cure."""

import json

import pytest
from latentsteer.nodes.cli.settings import apply_settings
from latentsteer.nodes.standalone.errors import WorkflowError
from latentsteer.nodes.standalone.graph import is_ui, read_workflow, validate
from latentsteer.nodes.standalone.host import use


def refusal(api, nodes):
    with pytest.raises(WorkflowError) as caught:
        validate(api, nodes)
    return str(caught.value)


def test_a_good_graph_is_ordered_and_coerced(api, nodes):
    api["1"]["inputs"].update(seed="9", scale=2, size=5.0, grey=1, text=3)
    graph = validate(api, nodes)
    assert set(graph.order) == set(api)
    place = graph.order.index
    assert max(place("1"), place("2")) < place("3") < min(place("4"), place("5"))
    values = graph.nodes["1"].values
    assert values == {
        "seed": 9, "size": 5, "chunk": "fixed", "scale": 2.0, "grey": True, "text": "3"
    }  # fmt: skip
    assert [type(value) for value in values.values()] == [int, int, str, float, bool, str]
    assert graph.nodes["3"].links["weight"] == ("2", 1)
    assert api["1"]["inputs"]["seed"] == "9"


@pytest.mark.parametrize(
    ("node", "name", "value", "says"),
    [
        ("1", "size", 1, "node 1 (ToyMake, 'First'), input 'size': got 1, expected a whole numb"),
        ("1", "size", 65, "from 2 to 64"),
        ("1", "size", "many", "got 'many', expected a whole number from 2 to 64"),
        ("1", "scale", float("nan"), "got nan, expected a number from 0.0 to 10.0"),
        ("1", "chunk", "fixd", "expected one of: fixed, fast; did you mean 'fixed'?"),
        ("3", "toy", 3, 'got the value 3, expected a link ["node id", output index] of type TOY'),
        ("3", "toy", ["1"], "is not a link"),
        ("3", "toy", [1, 0], "is not a link"),
        (
            "3",
            "toy",
            ["9", 0],
            "linked to node '9', which does not exist; the nodes are node 1 (ToyMake, 'First')",
        ),
        (
            "3",
            "toy",
            ["1", 2],
            "linked to output 2 of node 1 (ToyMake, 'First'), which has 0: toy",
        ),
        ("3", "toy", ["1", 1], "got FLOAT from output 1 of node 1 (ToyMake, 'First'), expected T"),
        (
            "4",
            "filename_prefix",
            ["3", 0],
            "got IMAGE from output 0 of node 3 (ToyDecode), expected STRING",
        ),
    ],
)
def test_bad_inputs(api, nodes, node, name, value, says):
    api[node]["inputs"][name] = value
    assert says in refusal(api, nodes)


def test_unknown_inputs_are_noted_and_left_out(api, nodes):
    api["1"]["inputs"]["sede"] = 1
    api["3"]["inputs"]["gone"] = ["9", 0]
    graph = validate(api, nodes)
    assert "sede" not in graph.nodes["1"].values
    assert "gone" not in graph.nodes["3"].links
    one, other = graph.notes
    assert one.startswith("node 1 (ToyMake, 'First') has no input 'sede', so it is ignored;")
    assert "it has seed, size, chunk, scale, grey, text; did you mean 'seed'?" in one
    assert "node 3 (ToyDecode) has no input 'gone'" in other


def test_all_problems_are_told_at_once(api, nodes):
    del api["1"]["inputs"]["seed"], api["5"]["inputs"]["image"]
    lines = refusal(api, nodes).splitlines()
    assert len(lines) == 2
    assert "input 'seed': it is required, but the graph does not set it; its default" in lines[0]
    assert "link an output of type IMAGE" in lines[1]


def test_unknown_node(api, nodes):
    api["2"]["class_type"] = "ToyMaker"
    message = refusal(api, nodes)
    assert "node 2 is a 'ToyMaker'" in message
    assert "the closest are ToyMake" in message
    assert "--server" in message


def test_circle(api, nodes):
    api["1"]["inputs"]["text"] = ["3", 0]
    message = refusal(api, nodes)
    assert message.startswith("the graph has a cycle: ")
    assert "node 1 (ToyMake, 'First') -> node 3 (ToyDecode)" in message
    assert "remove one of these links" in message
    assert "node 2" not in message


def test_no_output_node(api, nodes):
    del api["4"], api["5"]
    assert "no output node, so nothing would run; add one, for instance Prev" in refusal(
        api, nodes
    )


@pytest.mark.parametrize("api", [{}, {"1": 3}, {"1": {"inputs": {}}}, {"last_node_id": 3}])
def test_not_api_format(api, nodes):
    message = refusal(api, nodes)
    assert "no nodes" in message or "is not a node: expected an object with class_type" in message


def test_unneeded_nodes_may_lack_inputs_but_not_err(api, nodes):
    api["9"] = {"class_type": "ToyDecode", "inputs": {}}
    assert "9" not in validate(api, nodes).order
    api["9"]["inputs"]["weight"] = 2.0
    assert "node 9" in refusal(api, nodes)


def test_validate_inputs_decides_alone_on_what_it_names(nodes):
    api = {"1": {"class_type": "ToyFile", "inputs": {"file": "hidden.st", "other": "a"}}}
    assert validate(api, nodes).nodes["1"].values["file"] == "hidden.st"
    api["1"]["inputs"]["file"] = "gone.st"
    assert refusal(api, nodes) == "node 1 (ToyFile): no file 'gone.st'; put it into x"
    api["1"]["inputs"] = {"file": "hidden.st", "other": "b"}
    assert "got 'b', expected one of: a" in refusal(api, nodes)


def test_wrapped_lists_are_values(api, nodes):
    api["1"]["inputs"]["text"] = {"__value__": "inside"}
    assert validate(api, nodes).nodes["1"].values["text"] == "inside"


def test_load_image_names_what_there_is(nodes, host):
    (host.base / "input").mkdir()
    (host.base / "input" / "cat.png").write_bytes(b"")
    api = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "dog.png"}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
    }
    with use(host):
        assert "no picture 'dog.png'" in refusal(api, nodes)
        assert "it holds: cat.png" in refusal(api, nodes)
        api["1"]["inputs"]["image"] = "../secret.png"
        assert "leads out of" in refusal(api, nodes)


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "cannot read the workflow"), ("{", "is not JSON"), ("[1]", "holds a list")],
)
def test_unreadable_files(tmp_path, content, says):
    path = tmp_path / "w.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(WorkflowError, match=says):
        read_workflow(path)


def test_a_byte_order_mark_does_not_hurt(tmp_path, api):
    path = tmp_path / "w.json"
    path.write_text(json.dumps(api), encoding="utf-8-sig")
    assert read_workflow(path) == api
    assert not is_ui(api)


@pytest.mark.parametrize(
    ("setting", "node", "name", "value"),
    [
        ("1.seed=18446744073709551615", "1", "seed", 2**64 - 1),
        ("First.scale=2", "1", "scale", 2.0),
        ("1.grey=false", "1", "grey", False),
        ("1.grey=On", "1", "grey", True),
        ("SaveImage.filename_prefix=a=b.c", "4", "filename_prefix", "a=b.c"),
        ("3.weight=0.25", "3", "weight", 0.25),
        ("1.text=", "1", "text", ""),
    ],
)
def test_settings(api, schemas, setting, node, name, value):
    before = json.dumps(api)
    got = apply_settings(api, [setting], schemas)[node]["inputs"][name]
    assert (got, type(got)) == (value, type(value))
    assert json.dumps(api) == before


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("seed=1", "expected NODE.INPUT=VALUE, for instance 3.seed=7"),
        ("1.seed", "expected NODE.INPUT=VALUE"),
        ("99.seed=1", "there is no node '99'; the graph has node 1 (ToyMake, 'First')"),
        ("ToyMake.seed=1", "2 nodes are called 'ToyMake'; use an id: node 1 (ToyMake, 'First')"),
        ("1.sede=1", "'sede' of node 1 (ToyMake, 'First') is not there; its widgets are seed"),
        ("3.toy=1", "is a socket, not a widget; its widgets are weight"),
        ("1.seed=x", "got 'x', expected a whole number from 0 to"),
        ("1.grey=maybe", "got 'maybe', expected one of true"),
    ],
)
def test_bad_settings(api, schemas, setting, says):
    with pytest.raises(WorkflowError) as caught:
        apply_settings(api, [setting], schemas)
    assert says in str(caught.value)


def test_settings_of_nodes_of_other_packs(api):
    assert apply_settings(api, ["1.seed=5"], {})["1"]["inputs"]["seed"] == 5
    assert apply_settings(api, ["1.text=5"], {})["1"]["inputs"]["text"] == "5"
    with pytest.raises(WorkflowError, match="has no value 'toy'"):
        apply_settings(api, ["3.toy=5"], {})
