"""The two stages of a flow on the codes of a discrete VAE, as nodes."""

import pytest
from latentsteer.core.generators.dalle.official import GENERATOR
from latentsteer.nodes.standalone.errors import NodeError

from ..core.example_files import randomised, written

FEATURES, PLACES = 5, 4


@pytest.fixture
def host(tmp_path, new_host):
    """A host with a file of a tiny discrete VAE."""
    folder = tmp_path / "own" / "models" / "latentsteer_generators"
    written(randomised(GENERATOR.examples[0]()), folder / "decoder.safetensors")
    return new_host(tmp_path / "own")


def flow(graph, generator, start, energy, **inputs):
    classifier = graph.add("LoadAuxModel", file="digits classifier (embedded)")
    settings = {"steps": 2, "step_size": 0.1, "auxiliary": classifier, **inputs}
    return graph.add("KRRFlowRefine", generator=generator, start=start, energy=energy, **settings)


def test_both_stages_end_at_codes(host, run, graph):
    generator = graph.add("LoadGenerator", file="decoder.safetensors")
    start = graph.add("PriorInit", generator=generator, samples=3)
    energy = graph.add("EnergyCodebook", generator=generator, weight=0.1)
    warmed = flow(graph, generator, start, energy, eta=3.0)
    tuned = flow(graph, generator, warmed, energy, eta=3.0, places="rows", at_once=1)
    snapped = graph.add("SnapToCodes", generator=generator, batch=tuned)
    ran = run(graph, host)
    grids = {
        name: ran[link].values.unflatten(1, (FEATURES, PLACES))
        for name, link in (("start", start), ("warm", warmed), ("fine", tuned), ("end", snapped))
    }
    assert (grids["warm"] != grids["start"]).any(dim=(0, 1)).all()
    # Two steps move the first two places, in the order of rows.
    changed = (grids["fine"] != grids["warm"]).any(dim=(0, 1))
    assert changed.tolist() == [True, True, False, False]
    table = ran[generator].codes
    rows = grids["end"].mT.reshape(-1, FEATURES)
    assert ((rows[:, None] - table).abs().amax(dim=2).min(dim=1).values == 0).all()


def test_latents_without_a_grid_have_no_order_and_no_codes(run, graph):
    made = graph.models()
    start = graph.add("PriorInit", generator=made.generator, samples=3)
    graph.add("SnapToCodes", generator=made.generator, batch=start)
    with pytest.raises(NodeError, match="no grid of codes"):
        run(graph)


def test_places_in_an_order_need_a_grid(run, graph):
    made = graph.models()
    start = graph.add("PriorInit", generator=made.generator, samples=3)
    graph.add(
        "KRRFlowRefine",
        generator=made.generator,
        start=start,
        auxiliary=made.classifier,
        steps=1,
        places="rows",
    )
    with pytest.raises(NodeError, match="need latents on a grid"):
        run(graph)
