"""What the refiners compute: samples in any batch, seeds, chunks, charts and previews."""

import pytest
import torch
from latentsteer.core.chunking import Chunking
from latentsteer.nodes.standalone.graph import validate


@pytest.mark.bits
@pytest.mark.parametrize("kind", ["LangevinRefine", "AdamRefine"])
def test_a_sample_alone_is_refined_as_in_its_batch(kind, graph, run):
    """Ten samples are two chunks, of which the second is padded."""
    made = graph.steered("0-9")
    batch = graph.from_prior(made)
    together = graph.refined(made, batch, kind, steps=5, chunk="fixed")
    ran_rows = (9, 3)
    alone = {}
    for row in ran_rows:
        wanted = graph.add("ClassCondition", auxiliary=made.classifier, classes=str(row))
        energy = graph.add("EnergyClassifier", auxiliary=made.classifier, condition=wanted)
        one = graph.add("SelectLatents", batch=batch, rows=str(row))
        inputs = {"generator": made.generator, "start": one, "energy": energy}
        alone[row] = graph.add(kind, **inputs, steps=5, chunk="fixed")
    ran = run(graph)
    whole = ran[together]
    for row in ran_rows:
        assert ran[alone[row]].samples == (row,)
        assert torch.equal(ran[alone[row]].values[0], whole.values[row])
        curve = ran.trace(alone[row]).energies[:, 0]
        assert torch.equal(curve, ran.trace(together).energies[:, row])


@pytest.mark.bits
def test_samples_in_another_order_keep_their_streams(graph, run):
    made = graph.steered("4")
    batch = graph.add("PriorInit", generator=made.generator, samples=3)
    turned = graph.add("SelectLatents", batch=batch, rows="2, 0,1")
    straight = graph.refined(made, batch, step_size=0.01)
    other = graph.refined(made, turned, step_size=0.01)
    ran = run(graph)
    assert ran[other].samples == (2, 0, 1)
    assert torch.equal(ran[other].values, ran[straight].values[[2, 0, 1]])


@pytest.mark.bits
@pytest.mark.parametrize("kind", ["LangevinRefine", "AdamRefine"])
def test_the_same_graph_gives_the_same_images_and_another_seed_others(kind, run, new_graph):
    def pictures(start_seed, seed):
        graph = new_graph()
        made = graph.steered("2, 6")
        start = graph.from_translator(made, seed=start_seed)
        refined = graph.refined(made, start, kind, seed=seed)
        images = graph.add("Decode", generator=made.generator, latents=refined)
        return run(graph)[images]

    first = pictures(0, 0)
    assert torch.equal(pictures(0, 0), first)
    assert not torch.equal(pictures(1, 0), first)
    # Adam draws nothing.
    assert torch.equal(pictures(0, 1), first) is (kind == "AdamRefine")


def test_fixed_and_fast_chunks_agree_but_for_rounding(graph, run):
    made = graph.steered("0-9")
    start = graph.from_prior(made)
    fixed, fast = (graph.refined(made, start, steps=1, chunk=mode) for mode in ("fixed", "fast"))
    ran = run(graph)
    torch.testing.assert_close(ran[fast].values, ran[fixed].values, rtol=0, atol=1e-5)


def test_keep_best_ends_no_sample_above_what_it_met(graph, run):
    made = graph.steered("0-3")
    wild = {"step_size": 0.3, "inverse_temperature": 1.0, "momentum": 0.0, "steps": 6}
    refined = graph.refined(made, graph.from_prior(made), keep_best=True, **wild)
    ran = run(graph)
    trace = ran.trace(refined)
    torch.testing.assert_close(trace.after["energy"], trace.energies.min(dim=0).values)
    assert bool((trace.energies[-1] > trace.after["energy"] + 1e-3).any())


def test_a_basis_is_refined_with_its_weights(graph, run):
    made = graph.steered("0-3")
    basis = graph.from_translator(made, mode="basis")
    refined = graph.refined(
        made, basis, steps=6, step_size=0.01, momentum=0.5, weights_rate=0.05, clip_norm=1.0
    )
    images = graph.add("Decode", generator=made.generator, latents=refined)
    ran = run(graph)
    moved = (ran[refined].values - ran[basis].values).abs()
    chart = ran[basis].chart
    parts = chart.source.split(moved)
    assert len(parts) == 2
    assert all(bool((part > 0).any()) for part in parts.values())
    energies = ran.trace(refined).energies.mean(dim=1)
    assert energies[-1] < energies[0]
    assert ran[images].shape == (4, 28, 28, 3)


def test_previews_are_written_on_the_way(graph, run, new_host, out):
    made = graph.steered("0-3")
    refined = graph.refined(made, graph.from_prior(made), steps=5, preview_every=2)
    host = new_host()
    host.write_previews = True
    run(graph, host)
    shown = sorted(path.name for path in (out / "previews").iterdir())
    assert shown == [f"{refined[0]}_{step:06}.png" for step in (2, 4)]


def test_chunks_of_the_fixed_mode_hold_eight_digits():
    assert Chunking.of("fixed", (28, 28)) == Chunking(8, padded=True)


def test_the_graphs_of_these_tests_are_whole(graph):
    """The nodes that tests add to a graph to run every node do not change its results."""
    from latentsteer.nodes.standalone.registry import load_nodes

    made = graph.steered()
    graph.add("SaveLatents", latents=graph.refined(made, graph.from_prior(made)))
    checked = validate(graph.api, load_nodes())
    assert set(checked.order) == set(graph.api)
    assert graph.complete() == graph.api
