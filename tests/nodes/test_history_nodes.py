"""Consecutive nodes get fresh draws, and their outputs record the generator's options."""

import logging
from itertools import pairwise

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.generators.biggan import ajbrock as biggan
from latentsteer.core.identity import options_of
from latentsteer.core.zoo import shipped as catalogue
from latentsteer.nodes.standalone.errors import NodeError

SAMPLES, DIM = 100, 32
MARGIN = 4 / (SAMPLES * DIM) ** 0.5
"""Four standard errors of a correlation of independent draws; DIM numbers each."""


def displaced(run, graph, nodes):
    """Returns the displacements of latents from node to node."""
    ran = run(graph)
    values = [ran[node].values for node in nodes]
    assert values[0].shape == (SAMPLES, DIM)
    return [(b - a).flatten() for a, b in pairwise(values)]


def correlation(a, b):
    return float(a @ b / (a.norm() * b.norm()))


def weak(graph):
    """A generator and a weak energy."""
    generator = graph.add("LoadGenerator", file="digits (embedded)")
    return generator, graph.add("EnergyPrior", generator=generator, weight=1e-6)


LANGEVIN = {"steps": 5, "step_size": 0.01, "inverse_temperature": 1.0, "momentum": 0.0}


@pytest.mark.parametrize("between", ["nothing", "Select Latents", "Save and Load Latents"])
def test_langevin_refiners_in_a_row_draw_afresh(between, run, graph):
    generator, energy = weak(graph)
    start = graph.add("PriorInit", generator=generator, samples=SAMPLES)

    def refined(latents):
        settings = {"generator": generator, "energy": energy, **LANGEVIN}
        return graph.add("LangevinRefine", start=latents, **settings)

    first = refined(start)
    passed = first
    if between == "Select Latents":
        rows = ",".join(map(str, range(SAMPLES)))
        passed = graph.add("SelectLatents", batch=first, rows=rows)
    elif between == "Save and Load Latents":
        saved = graph.add("SaveLatents", latents=first, name="kept")
        one, _ = displaced_once(run, graph, (start, first), saved)
        again = graph.__class__()
        other, pull = weak(again)
        loaded = again.add("LoadLatents", file="latents/kept_00001.safetensors")
        second = again.add(
            "LangevinRefine", start=loaded, generator=other, energy=pull, **LANGEVIN
        )
        ran = run(again)
        two = (ran[second].values - ran[loaded].values).flatten()
        assert abs(correlation(one, two)) < MARGIN
        assert "latents of digits" in ran.ui(loaded)["text"][0]
        return
    second = refined(passed)
    third = refined(second)
    moves = displaced(run, graph, (start, first, second, third))
    for i, a in enumerate(moves):
        assert float(a.std()) == pytest.approx((5 * 0.01) ** 0.5, rel=0.1)
        assert all(abs(correlation(a, b)) < MARGIN for b in moves[:i])


def displaced_once(run, graph, nodes, saved):
    ran = run(graph)
    before, after = (ran[node].values for node in nodes)
    return (after - before).flatten(), saved


def test_variations_in_a_row_draw_afresh(run, graph):
    generator, _ = weak(graph)
    start = graph.add("PriorInit", generator=generator, samples=SAMPLES)
    settings = {"generator": generator, "samples_per_latent": 1, "variation": 0.6}
    first = graph.add("VariationInit", near=start, **settings)
    second = graph.add("VariationInit", near=first, **settings)
    ran = run(graph)
    values = [ran[node].values for node in (start, first, second)]
    one, two = ((b - 0.8 * a).flatten() for a, b in pairwise(values))
    assert abs(correlation(one, two)) < MARGIN
    assert ran[second].history == (2,) * SAMPLES


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A base folder with a small BigGAN."""
    folder = tmp_path_factory.mktemp("small")
    example = biggan.GENERATOR.examples[0]()
    stream = torch.Generator().manual_seed(0)
    tensors = {
        prefix + name: torch.randn(tensor.shape, generator=stream) * 0.1
        if tensor.is_floating_point() and tensor.ndim > 1
        else tensor
        for prefix, network in example.networks.items()
        for name, tensor in network.state_dict().items()
    }
    path = folder / "models" / "latentsteer_generators" / "big.safetensors"
    checkpoints.write(path, tensors, example.config)
    return folder


def test_latents_and_translators_refuse_another_truncation(small, new_host, run, graph, caplog):
    host = new_host(small)
    plain = graph.add("LoadGenerator", file="big.safetensors")
    graph.add("SaveLatents", latents=graph.add("PriorInit", generator=plain, samples=2), name="l")
    f = graph.add("LoadAuxModel", file="digits classifier (embedded)")
    tiny = {"pairs": 16, "epochs": 1, "hidden": 4, "components": 2}
    trained = graph.add("TrainTranslator", generator=plain, auxiliary=f, **tiny)
    graph.add("SaveTranslator", translator=trained, name="t")
    run(graph, host)

    def decoded(truncation):
        made = graph.__class__()
        generator = made.add("LoadGenerator", file="big.safetensors", truncation=truncation)
        loaded = made.add("LoadLatents", file="latents/l_00001.safetensors")
        made.add("Decode", generator=generator, latents=loaded)
        return run(made, host), loaded

    ran, loaded = decoded(0.0)
    assert options_of(ran[loaded].generator)["psi"] == 1
    assert "psi 1 (truncation)" in ran.ui(loaded)["text"][0]
    decoded(1.0)
    with pytest.raises(
        NodeError, match=r"psi 1 \(truncation\).*psi 0.5 \(truncation\).*Load 'big'"
    ):
        decoded(0.5)

    def begun(truncation):
        made = graph.__class__()
        generator = made.add("LoadGenerator", file="big.safetensors", truncation=truncation)
        f = made.add("LoadAuxModel", file="digits classifier (embedded)")
        condition = made.add("ClassCondition", auxiliary=f, classes="3")
        translator = made.add("LoadTranslator", file="t.safetensors")
        made.add("TranslatorInit", translator=translator, generator=generator, condition=condition)
        return run(made, host).ui(translator)["text"][0]

    assert "latents of big, with eps 1e-05, psi 1 (truncation)" in begun(0.0)
    with pytest.raises(NodeError, match=r"psi 1 .*psi 0.5 .*train one"):
        begun(0.5)
    # An older file is accepted, with a note.
    path = host.output_directory() / "latents" / "l_00001.safetensors"
    kept = checkpoints.read(path)
    config = {k: v for k, v in kept.config.items() if k != "generator_options"}
    checkpoints.write(path, kept.tensors, config)
    with caplog.at_level(logging.WARNING, "latentsteer"):
        ran, loaded = decoded(0.5)
    assert "identified by its weights alone" in ran.ui(loaded)["text"][0]
    assert "before the options of a generator were stored" in caplog.text


def test_the_shipped_generators_take_no_options(run, graph):
    for name in catalogue.GENERATORS:
        graph.add("LoadGenerator", file=name)
    ran = run(graph)
    for number in graph.api:
        assert not options_of(ran[[number, 0]].id)
