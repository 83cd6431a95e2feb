"""Canvas workflows with subgraphs become the graph that the canvas would send."""

import copy

import pytest
from latentsteer.nodes.standalone.canvas.formats import api_from_ui
from latentsteer.nodes.standalone.errors import WorkflowError
from latentsteer.nodes.standalone.executor import execute

INNER, OUTER = "aaaaaaaa-0000-0000-0000-000000000001", "aaaaaaaa-0000-0000-0000-000000000002"
MAKE = {"seed": 7, "size": 4, "chunk": "fixed", "scale": 1.0, "grey": False, "text": "x"}
ROW = [7, "fixed", 4, "fixed", 1.0, False, "x"]


def socket(name, kind, link=None, widget=False):
    more = {"widget": {"name": name}} if widget else {}
    return {"name": name, "type": kind, "link": link, **more}


def link(number, origin, slot, target, place, kind="TOY"):
    keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
    return dict(zip(keys, (number, origin, slot, target, place, kind), strict=True))


def made(**more):
    outputs = [{"name": "toy", "type": "TOY"}, {"name": "mean", "type": "FLOAT"}]
    node = {"id": 3, "type": "ToyMake", "widgets_values": list(ROW), "inputs": []}
    return {**node, "outputs": outputs, **more}


def inner():
    """A maker, whose seed and size the subgraph shows, mixed with a toy from outside."""
    shown = [socket("seed", "INT", 11, widget=True), socket("size", "INT", 12, widget=True)]
    mixed = [
        socket("toy", "TOY", 13),
        socket("second", "TOY", 14),
        socket("weight", "FLOAT", None, True),
    ]
    return {
        "id": INNER,
        "name": "Mixed",
        "inputs": [
            {"name": "toy", "type": "TOY"},
            {"name": "seed", "type": "INT"},
            {"name": "size", "type": "INT"},
        ],
        "outputs": [{"name": "image", "type": "IMAGE"}, {"name": "made", "type": "TOY"}],
        "nodes": [
            made(inputs=shown),
            {"id": 5, "type": "ToyDecode", "widgets_values": [0.25], "inputs": mixed,
             "outputs": [{"name": "image", "type": "IMAGE"}]},
            {"id": 6, "type": "MarkdownNote", "widgets_values": ["why"]},
        ],
        "links": [
            link(11, -10, 1, 3, 0, "INT"), link(12, -10, 2, 3, 1, "INT"),
            link(13, -10, 0, 5, 0), link(14, 3, 0, 5, 1),
            link(15, 5, 0, -20, 0, "IMAGE"), link(16, 3, 0, -20, 1),
        ],
    }  # fmt: skip


def instance(number, toy, out, **more):
    sockets = [
        socket("toy", "TOY", toy),
        socket("seed", "INT", None, True),
        socket("size", "INT", None, True),
    ]
    outputs = [{"name": "image", "type": "IMAGE", "links": [out]}, {"name": "made", "type": "TOY"}]
    return {"id": number, "type": INNER, "inputs": sockets, "outputs": outputs, **more}


def saver(number, image):
    return {"id": number, "type": "SaveImage", "inputs": [socket("images", "IMAGE", image)],
            "widgets_values": ["toy"]}  # fmt: skip


@pytest.fixture
def ui():
    return {
        "nodes": [made(id=1), instance(2, 1, 2), saver(9, 2)],
        "links": [[1, 1, 0, 2, 0, "TOY"], [2, 2, 0, 9, 0, "IMAGE"]],
        "definitions": {"subgraphs": [inner()]},
    }


def expected(prefix="2:", toy=("1", 0), **make):
    return {
        f"{prefix}3": {"class_type": "ToyMake", "inputs": {**MAKE, **make}},
        f"{prefix}5": {
            "class_type": "ToyDecode",
            "inputs": {"weight": 0.25, "toy": list(toy), "second": [f"{prefix}3", 0]},
        },
    }


def around(api, **more):
    return {
        "1": {"class_type": "ToyMake", "inputs": MAKE},
        **api,
        "9": {
            "class_type": "SaveImage",
            "inputs": {"filename_prefix": "toy", "images": ["2:5", 0]},
        },
        **more,
    }


def test_a_subgraph_becomes_its_nodes(ui, schemas, nodes, host):
    api = api_from_ui(ui, schemas)
    assert api == around(expected())
    assert len(execute(api, host, nodes=nodes).files) == 2


def test_subgraphs_that_nobody_uses_do_no_harm(schemas):
    unknown = {**inner(), "id": OUTER, "nodes": [{"id": 1, "type": "Unknown"}]}
    ui = {"nodes": [made(id=1)], "links": [], "definitions": {"subgraphs": [inner(), unknown, {}]}}
    assert api_from_ui(ui, schemas) == {"1": {"class_type": "ToyMake", "inputs": MAKE}}


@pytest.mark.parametrize(
    "shown",
    [
        {"widgets_values": [8, 6]},  # 1.27
        {"widgets_values": [None, 6], "widgets_values_named": {"seed": 8, "size": 6}},
        {"properties": {"proxyWidgets": [["3", "size"], ["3", "seed"]]}, "widgets_values": [6, 8]},
        {
            "properties": {"proxyWidgets": [["-1", "seed"], ["-1", "size"]]},
            "widgets_values": [8, 6],
        },
        {
            "properties": {"proxyWidgets": '[["3", "3: seed"], ["3", "size"]]'},
            "widgets_values": [8, 6],
        },
    ],
)
def test_an_instance_shows_values_of_widgets_inside(ui, schemas, shown):
    ui["nodes"][1].update(shown)
    assert api_from_ui(ui, schemas) == around(expected(seed=8, size=6))


def test_a_list_of_what_is_shown_leaves_the_values_inside(ui, schemas):
    """Frontends 1.32 to 1.45 keep them there."""
    shown = {"proxyWidgets": [["3", "seed"], ["3", "scale"], ["5", "weight"]]}
    ui["nodes"][1].update(properties=shown, widgets_values=[])
    assert api_from_ui(ui, schemas) == around(expected())
    ui["nodes"][1].update(widgets_values=[9, 2.5, None])
    assert api_from_ui(ui, schemas) == around(expected(seed=9, scale=2.5))


def test_what_shares_an_input_shares_the_first_value(ui, schemas):
    """As the canvas shows one widget for both, be the other a widget or a bare input."""
    graph = ui["definitions"]["subgraphs"][0]
    other = made(id=20, inputs=[socket("seed", "INT", 31, widget=True)])
    other["widgets_values"] = [99, "fixed"]
    preview = {"id": 21, "type": "PreviewAny", "inputs": [socket("source", "*", 32)]}
    graph["nodes"] += [other, preview]
    graph["links"] += [link(31, -10, 1, 20, 0, "INT"), link(32, -10, 1, 21, 0, "INT")]
    for shown, seed in ({}, 7), ({"widgets_values": [8, 6]}, 8):
        ui["nodes"][1].update(shown)
        got = api_from_ui(ui, schemas)
        assert got["2:20"]["inputs"]["seed"] == got["2:3"]["inputs"]["seed"] == seed
        assert got["2:21"]["inputs"] == {"source": seed}


def test_a_link_into_a_shown_widget_wins(ui, schemas):
    primitive = {
        "id": 4,
        "type": "PrimitiveNode",
        "widgets_values": [12, "fixed"],
        "outputs": [{"type": "INT"}],
    }
    ui["nodes"].append(primitive)
    ui["links"].append([3, 4, 0, 2, 1, "INT"])
    ui["nodes"][1]["inputs"][1]["link"] = 3
    ui["nodes"][1]["widgets_values"] = [8, 6]
    assert api_from_ui(ui, schemas) == around(expected(seed=12, size=6))


def test_two_instances_and_one_in_another(ui, schemas):
    nested = {
        "id": OUTER,
        "name": "Twice",
        "inputs": [{"name": "first seed", "type": "INT"}, {"name": "toy", "type": "TOY"}],
        "outputs": [{"name": "image", "type": "IMAGE"}],
        "nodes": [
            instance(7, 21, 23),
            instance(8, 22, 24, widgets_values=[5, 5], mode=0),
        ],
        "links": [
            link(21, -10, 1, 7, 0), link(22, 7, 1, 8, 0),
            link(24, 8, 0, -20, 0, "IMAGE"), link(25, -10, 0, 7, 1, "INT"),
        ],
    }  # fmt: skip
    nested["nodes"][0]["inputs"][1]["link"] = 25
    ui["definitions"]["subgraphs"].append(nested)
    sockets = [socket("first seed", "INT", None, True), socket("toy", "TOY", 1)]
    outputs = [{"name": "image", "type": "IMAGE"}]
    top = {"id": 2, "type": OUTER, "widgets_values": [3], "inputs": sockets}
    ui["nodes"][1] = {**top, "outputs": outputs}
    got = api_from_ui(ui, schemas)
    assert got["9"]["inputs"]["images"] == ["2:8:5", 0]
    del got["9"], got["1"]
    assert got == {
        **expected("2:7:", seed=3),
        **expected("2:8:", toy=("2:7:3", 0), seed=5, size=5),
    }


@pytest.mark.parametrize("mode", [2, 4])
def test_a_muted_instance_gives_nothing_and_a_bypassed_one_hands_on(ui, schemas, mode):
    ui["nodes"][1]["mode"] = mode
    decode = {
        "id": 10,
        "type": "ToyDecode",
        "widgets_values": [0.5],
        "inputs": [socket("toy", "TOY", 5)],
    }
    ui["nodes"].append(decode)
    ui["links"].append([5, 2, 1, 10, 0, "TOY"])
    got = api_from_ui(ui, schemas)
    assert set(got) == {"1", "9", "10"}
    assert "images" not in got["9"]["inputs"]
    assert got["10"]["inputs"] == {"weight": 0.5} | ({"toy": ["1", 0]} if mode == 4 else {})


def test_reroutes_and_muted_nodes_inside(ui, schemas):
    graph = ui["definitions"]["subgraphs"][0]
    reroute = {
        "id": 8,
        "type": "Reroute",
        "inputs": [{"name": "", "type": "*", "link": 17}],
        "outputs": [{"type": "TOY"}],
    }
    graph["nodes"].append(reroute)
    graph["links"][3] = link(14, 8, 0, 5, 1)
    graph["links"].append(link(17, 3, 0, 8, 0))
    assert api_from_ui(ui, schemas) == around(expected())
    graph["nodes"][0]["mode"] = 2
    got = api_from_ui(ui, schemas)
    assert set(got) == {"1", "2:5", "9"}
    assert "second" not in got["2:5"]["inputs"]


def test_a_subgraph_that_contains_itself_is_refused(ui, schemas):
    ui["definitions"]["subgraphs"][0]["nodes"].append(instance(7, None, None))
    with pytest.raises(WorkflowError, match="contain each other without end"):
        api_from_ui(ui, schemas)


def test_definitions_may_lie_in_definitions(ui, schemas):
    graph = ui["definitions"]["subgraphs"].pop()
    holder = {**copy.deepcopy(graph), "id": OUTER, "definitions": {"subgraphs": [graph]}}
    ui["definitions"]["subgraphs"].append(holder)
    assert api_from_ui(ui, schemas) == around(expected())
