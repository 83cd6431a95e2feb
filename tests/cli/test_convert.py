"""Workflows between the canvas' format and API format."""

import itertools
import json

import pytest
from latentsteer.nodes.standalone.canvas.formats import api_from_ui, ui_from_api
from latentsteer.nodes.standalone.canvas.layout import TITLE
from latentsteer.nodes.standalone.errors import WorkflowError
from latentsteer.nodes.standalone.graph import is_ui


def canvas(api, schemas, **more):
    return ui_from_api(api, schemas, title="Toys", notes="# Two toys\n\nmixed", **more)


def by_id(ui, number):
    return next(node for node in ui["nodes"] if node["id"] == number)


def test_round_trip_is_the_identity(api, schemas):
    ui = json.loads(json.dumps(canvas(api, schemas)))
    assert is_ui(ui)
    assert api_from_ui(ui, schemas) == api
    assert list(api_from_ui(ui, schemas)) == list(api)
    assert canvas(api_from_ui(ui, schemas), schemas) == ui


def test_ids_that_are_no_numbers_survive(api, schemas):
    text = json.dumps(api).replace('"1"', '"first"')
    assert api_from_ui(canvas(json.loads(text), schemas), schemas) == json.loads(text)


def test_widget_values_stand_in_schema_order_with_control(api, schemas):
    ui = canvas(api, schemas)
    assert by_id(ui, 1)["widgets_values"] == [7, "fixed", 4, "fixed", 1.0, False, "x"]
    assert by_id(ui, 3)["widgets_values"] == [0.5]
    image = {"1": {"class_type": "LoadImage", "inputs": {"image": "cat.png"}}}
    loaded = canvas(image, schemas)
    assert by_id(loaded, 1)["widgets_values"] == ["cat.png", "image"]
    assert api_from_ui(loaded, schemas) == image


def test_links_and_sockets_agree(api, schemas):
    ui = canvas(api, schemas)
    for number, origin, slot, target, place, kind in ui["links"]:
        output, socket = by_id(ui, origin)["outputs"][slot], by_id(ui, target)["inputs"][place]
        assert number in output["links"]
        assert socket["link"] == number
        assert output["type"] == socket["type"] == kind
    assert ui["last_link_id"] == len(ui["links"]) == 5
    assert ui["last_node_id"] == max(node["id"] for node in ui["nodes"])
    weight = by_id(ui, 3)["inputs"][2]
    assert weight["widget"] == {"name": "weight"}
    assert [socket["name"] for socket in by_id(ui, 1)["inputs"]] == []


def test_properties_and_note(api, schemas):
    ui = canvas(api, schemas)
    properties = by_id(ui, 1)["properties"]
    assert properties["cnr_id"] == "latentsteer"
    assert properties["Node name for S&R"] == "ToyMake"
    assert properties["ver"].count(".") == 2
    assert by_id(ui, 4)["properties"]["cnr_id"] == "comfy-core"
    note = ui["nodes"][0]
    assert (note["type"], note["title"]) == ("MarkdownNote", "Toys")
    assert note["widgets_values"] == ["# Two toys\n\nmixed"]
    assert ui["version"] == 0.4


def test_nothing_overlaps_and_links_run_to_the_right(api, schemas):
    ui = canvas(api, schemas)
    for one, two in itertools.combinations(ui["nodes"], 2):
        (x1, y1), (w1, h1), (x2, y2), (w2, h2) = (*_box(one), *_box(two))
        assert x1 + w1 <= x2 or x2 + w2 <= x1 or y1 + h1 <= y2 - TITLE or y2 + h2 <= y1 - TITLE
    for _, origin, _, target, _, _ in ui["links"]:
        assert by_id(ui, origin)["pos"][0] < by_id(ui, target)["pos"][0]


def _box(node):
    return node["pos"], node["size"]


def test_own_positions_and_groups(api, schemas):
    ui = canvas(api, schemas, layout={"3": (900, 50)}, groups={"inputs": ["1", "2"]})
    assert by_id(ui, 3)["pos"] == [900, 50]
    group = ui["groups"][0]
    x, y, width, height = group["bounding"]
    assert group["title"] == "inputs"
    for number in (1, 2):
        (left, top), (w, h) = _box(by_id(ui, number))
        assert x < left
        assert y < top - TITLE
        assert left + w <= x + width
        assert top + h <= y + height


def test_unknown_nodes_inputs_and_links_are_told(api, schemas):
    with pytest.raises(WorkflowError, match=r"no such inputs: sede; it has seed"):
        canvas({"1": {"class_type": "ToyMake", "inputs": {"sede": 1}}}, schemas)
    with pytest.raises(WorkflowError, match=r"node 1 \(Other\): no such node"):
        canvas({"1": {"class_type": "Other", "inputs": {}}}, schemas)
    with pytest.raises(WorkflowError, match="node '9', which does not exist"):
        canvas({"1": {"class_type": "ToyDecode", "inputs": {"toy": ["9", 0]}}}, schemas)
    api["3"]["inputs"]["toy"] = ["1", 5]
    with pytest.raises(WorkflowError, match=r"\(ToyMake, 'First'\) has no output 5"):
        canvas(api, schemas)


def splice(ui, link, node):
    """Put a node with one input and one output into a link."""
    row = next(row for row in ui["links"] if row[0] == link)
    new = ui["last_link_id"] + 1
    ui["last_link_id"] = new
    ui["links"].append([new, row[1], row[2], node["id"], 0, row[5]])
    row[1], row[2] = node["id"], 0
    node.setdefault("inputs", [{"name": "", "type": row[5], "link": new}])
    node.setdefault("outputs", [{"name": "", "type": row[5], "links": [link]}])
    ui["nodes"].append(node)


def test_reroutes_are_followed(api, schemas):
    ui = canvas(api, schemas)
    splice(ui, 1, {"id": 50, "type": "Reroute"})
    splice(ui, 1, {"id": 51, "type": "Reroute"})
    assert api_from_ui(ui, schemas) == api


def test_bypassed_nodes_hand_on_by_type(api, schemas):
    ui = canvas(api, schemas)
    splice(ui, 1, {"id": 50, "type": "ToyDecode", "mode": 4})
    assert api_from_ui(ui, schemas) == api


def test_bypassed_node_without_that_type_gives_nothing(api, schemas):
    ui = canvas(api, schemas)
    by_id(ui, 3)["mode"] = 4
    got = api_from_ui(ui, schemas)
    assert "3" not in got
    assert "image" not in got["5"]["inputs"]


def test_muted_nodes_and_their_links_fall_away(api, schemas):
    ui = canvas(api, schemas)
    by_id(ui, 2)["mode"] = 2
    got = api_from_ui(ui, schemas)
    assert "2" not in got
    assert "second" not in got["3"]["inputs"]
    assert got["3"]["inputs"]["weight"] == 0.5


def test_primitive_nodes_give_their_value(api, schemas):
    ui = canvas(api, schemas)
    number = next(row[0] for row in ui["links"] if row[3] == 3 and row[5] == "FLOAT")
    row = next(row for row in ui["links"] if row[0] == number)
    row[1], row[2] = 60, 0
    ui["nodes"].append({"id": 60, "type": "PrimitiveNode", "widgets_values": [0.125, "fixed"]})
    assert api_from_ui(ui, schemas)["3"]["inputs"]["weight"] == 0.125


def test_values_by_name_missing_and_without_control(api, schemas):
    ui = canvas(api, schemas)
    by_id(ui, 1)["widgets_values"] = {"seed": 3, "text": "y"}
    by_id(ui, 2)["widgets_values"] = [8, 4, "fixed", 1.0, False, "x"]
    got = api_from_ui(ui, schemas)
    make = {"size": 4, "chunk": "fixed", "scale": 1.0, "grey": False}
    assert got["1"]["inputs"] == {**make, "seed": 3, "text": "y"}
    assert got["2"]["inputs"] == api["2"]["inputs"]


def test_links_as_objects(api, schemas):
    ui = canvas(api, schemas)
    keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
    ui["links"] = [dict(zip(keys, row, strict=True)) for row in ui["links"]]
    assert api_from_ui(ui, schemas) == api


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda ui: ui["nodes"][1].update(type="Other"), "widgets are unknown here.*Export"),
        (lambda ui: ui["nodes"][1].pop("type"), "is damaged .*KeyError"),
    ],
)
def test_what_cannot_be_converted(api, schemas, change, says):
    ui = canvas(api, schemas)
    change(ui)
    with pytest.raises(WorkflowError, match=says):
        api_from_ui(ui, schemas)


def test_reroutes_in_a_circle_are_told(schemas):
    reroute = {"id": 1, "type": "Reroute", "inputs": [{"name": "", "type": "*", "link": 1}]}
    taker = {"id": 2, "type": "PreviewImage", "inputs": [{"name": "images", "link": 2}]}
    ui = {"nodes": [reroute, taker], "links": [[1, 1, 0, 1, 0, "*"], [2, 1, 0, 2, 0, "IMAGE"]]}
    with pytest.raises(WorkflowError, match="cycle"):
        api_from_ui(ui, schemas)
