"""Translators that nodes train, save and load."""

import pytest
import torch


@pytest.mark.bits
def test_a_kept_translator_draws_as_the_trained_one(new_graph, run, new_host, tiny, tmp_path):
    base = tmp_path / "base"
    base.mkdir()
    first = new_graph()
    made = first.steered("0-4")
    models = {"generator": made.generator, "auxiliary": made.classifier}
    trained = first.add("TrainTranslator", **models, **tiny)
    passed = first.add("SaveTranslator", translator=trained, name="kept by me")
    starts = {"generator": made.generator, "condition": made.condition}
    drawn = first.add("TranslatorInit", translator=passed, seed=6, **starts)
    ran = run(first, new_host(base))
    file = base / "models" / "latentsteer_translators" / "kept by me.safetensors"
    assert ran.ui(passed)["text"] == (f"saved as {file}",)
    assert ran[passed] is ran[trained]
    assert "batches, loss" in ran.ui(trained)["text"][0]

    second = new_graph()
    made = second.steered("0-4")
    loaded = second.add("LoadTranslator", file=file.name)
    starts = {"generator": made.generator, "condition": made.condition}
    modes = {
        mode: second.add("TranslatorInit", translator=loaded, seed=6, mode=mode, **starts)
        for mode in ("sample", "mean", "mode", "basis")
    }
    again = run(second, new_host(base))
    assert torch.equal(again[modes["sample"]].values, ran[drawn].values)
    assert again[loaded].config == ran[trained].config
    sizes = {mode: again[wire].values.shape for mode, wire in modes.items()}
    dim = again[made.generator].source.dim
    assert sizes["sample"] == sizes["mean"] == sizes["mode"] == (5, dim)
    # Three means, each with a weight per coordinate (appendix B.1).
    assert sizes["basis"] == (5, 3 * dim + 3 * dim)


@pytest.mark.bits
def test_training_again_gives_the_same_translator_and_another_seed_another(graph, run, tiny):
    made = graph.models()
    models = {"generator": made.generator, "auxiliary": made.classifier}
    one, two, other, single = (
        graph.add("TrainTranslator", **models, **tiny, **changes)
        for changes in ({}, {}, {"seed": 1}, {"kind": "deterministic"})
    )
    ran = run(graph)
    weights = {id(w): list(ran[w].state_dict().values()) for w in (one, two, other)}
    for first, second in zip(weights[id(one)], weights[id(two)], strict=True):
        assert torch.equal(first, second)
    assert not torch.equal(weights[id(one)][0], weights[id(other)][0])
    assert (ran[one].config.components, ran[single].config.components) == (3, 1)
