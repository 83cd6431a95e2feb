"""Halves of real images: one for a flow, the other for the judge."""

import json

import pytest
import torch
from latentsteer.core.errors import InvalidInput
from latentsteer.core.zoo import shipped as catalogue
from latentsteer.nodes.standalone.errors import NodeError

JUDGE = "digits judge (embedded)"
REAL = "digits held out (embedded)"
HALF = {"order": "balanced", "draw": 5}
FIRST, SECOND = "first half", "second half"

pytestmark = pytest.mark.usefixtures("judged_once")


def measured(graph, images, **inputs):
    judge = graph.add("LoadAuxModel", file=JUDGE)
    options = {"reference": REAL, "chunk": "fast", **inputs}
    return graph.add("EvaluateImages", images=images, auxiliary=judge, **options)


def test_a_half_is_at_a_distance_of_0_from_itself_alone(run, graph):
    parts = {
        part: graph.add("ReferenceImages", reference=REAL, count=500, part=part, **HALF)
        for part in (FIRST, SECOND)
    }
    options = {f"reference_{name}": value for name, value in HALF.items()}
    same = measured(graph, parts[FIRST], reference_part=FIRST, **options)
    other = measured(graph, parts[FIRST], reference_part=SECOND, **options)
    whole = measured(graph, parts[FIRST])
    ours = measured(graph, parts[FIRST], reference="none", real=parts[SECOND])
    filed = graph.add("ReferenceImages", reference=REAL, count=500)
    classes = measured(graph, filed, reference_part=SECOND, **options)
    ran = run(graph)
    found = [
        json.loads(ran.result.outputs[link[0]][2])["frechet_distance"]
        for link in (same, whole, other, ours, classes)
    ]
    assert found[0] == pytest.approx(0, abs=1e-3)
    assert found[0] < found[1] < found[2] < 0.4
    assert found[3] == found[2]
    assert found[4] > 5, "the first 500 as filed are digits 0 to 4"


def test_as_before_all_as_filed_are_taken(run, graph):
    some = graph.add("ReferenceImages", reference=REAL, first=3, count=4)
    images = catalogue.reference_images(REAL)[0][3:7]
    assert torch.equal(run(graph)[some], images.movedim(1, 3))


def test_more_than_a_half_is_refused(run, graph):
    graph.add("ReferenceImages", reference=REAL, count=501, part=FIRST, **HALF)
    with pytest.raises(NodeError, match="has 500 in its first half") as caught:
        run(graph)
    assert isinstance(caught.value.__cause__, InvalidInput)


def test_a_reference_and_real_images_at_a_time_are_refused(run, graph):
    images = graph.add("ReferenceImages", reference=REAL, count=4)
    measured(graph, images, real=images)
    with pytest.raises(NodeError, match="Take one of the two"):
        run(graph)


def test_pictures_are_counted_among_those_that_show_the_text(run, graph):
    four = {"reference": REAL, "count": 4, "showing": "7"}
    first, next_ones = (graph.add("ReferenceImages", first=place, **four) for place in (0, 4))
    ran = run(graph)
    sevens = catalogue.reference_portion(REAL, showing="7")[:8].movedim(1, 3)
    assert torch.equal(torch.cat([ran[first], ran[next_ones]]), sevens)
    graph.add("ReferenceImages", reference=REAL, count=900, showing="7")
    with pytest.raises(NodeError, match="that show '7'"):
        run(graph)
