"""What the nodes compute, end to end on the embedded digits."""

import json

import pytest
import torch
from latentsteer.core.chunking import Chunking
from latentsteer.core.energies.classification import classification
from latentsteer.core.energies.prior import gaussian_prior
from latentsteer.core.latents import Latents
from latentsteer.core.rng import SampleRng
from latentsteer.core.zoo import shipped as catalogue
from latentsteer.nodes.standalone.graph import validate

JUDGE = "digits judge (embedded)"


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


def test_kept_latents_come_back_as_they_were(new_graph, run, out):
    first = new_graph()
    made = first.steered("2, 7")
    basis = first.from_translator(made, mode="basis", weights="softmax")
    picked = first.add("SelectLatents", batch=basis, rows="1")
    saved = first.add("SaveLatents", latents=picked, name="mine")
    ran = run(first)
    file = out / "latents" / "mine_00001.safetensors"
    assert ran.ui(saved)["text"] == (f"saved as {file}",)
    assert ran[saved] is ran[picked]
    second = new_graph()
    loaded = second.add("LoadLatents", file="latents/mine_00001.safetensors")
    back = run(second)[loaded]
    assert isinstance(back, Latents)
    assert torch.equal(back.values, ran[picked].values)
    assert back.chart == ran[picked].chart
    assert back.samples == (1,)
    assert (back.generator, back.interrupted) == (ran[picked].generator, None)
    run(first)
    assert sorted(p.name for p in file.parent.iterdir()) == [
        "mine_00001.safetensors",
        "mine_00002.safetensors",
    ]


def test_load_latents_offers_the_newest_first(new_graph, run, new_host, out):
    import os

    from latentsteer.nodes.latents.load import LoadLatents
    from latentsteer.nodes.standalone.host import use

    graph = new_graph()
    made = graph.steered()
    start = graph.from_prior(made)
    for name in ("older", "newer"):
        graph.add("SaveLatents", latents=start, name=name)
    run(graph)
    folder = out / "latents"
    os.utime(folder / "older_00001.safetensors", (1, 1))
    with use(new_host()):
        (widget,) = LoadLatents.define_schema().inputs
    assert widget.options == ["latents/newer_00001.safetensors", "latents/older_00001.safetensors"]


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


def test_chained_energies_add_with_their_weights(graph, run):
    made = graph.steered("1, 8")
    prior = graph.add("EnergyPrior", generator=made.generator, weight=0.25, std=0.5)
    chained = graph.add(
        "EnergyClassifier",
        auxiliary=made.classifier,
        condition=made.condition,
        weight=3.0,
        energy=prior,
    )
    bayes = graph.add(
        "EnergyBayes",
        generator=made.generator,
        auxiliary=made.classifier,
        condition=made.condition,
        beta1=2.0,
        beta2=20.0,
        energy=chained,
    )
    start = graph.from_prior(made)
    ran = run(graph)
    generator, z = ran[made.generator], ran[start].values
    streams = SampleRng.of(0, 2)

    def at(energy):
        return energy.pullback(generator)(z, streams)

    near = at(gaussian_prior(generator.source, std=0.5))
    plain = at(gaussian_prior(generator.source))
    entropy = at(classification(ran[made.classifier], ran[made.condition]))
    torch.testing.assert_close(at(ran[prior]), 0.25 * near)
    torch.testing.assert_close(at(ran[chained]), 0.25 * near + 3 * entropy)
    torch.testing.assert_close(
        at(ran[bayes]), 0.25 * near + 3 * entropy + 2 * plain + 20 * entropy
    )


def test_the_energy_report_shows_before_and_after(graph, run):
    made = graph.steered("0-3")
    made.energy = graph.add(
        "EnergyPrior", generator=made.generator, weight=0.01, energy=made.energy
    )
    refined = graph.refined(
        made, graph.from_prior(made), "AdamRefine", steps=6, learning_rate=0.05
    )
    report = graph.add("EnergyReport", trace=[refined[0], 1])
    ran = run(graph)
    trace, (curves, text) = ran.trace(refined), ran.result.outputs[report[0]]
    assert curves.ndim == 4
    assert (curves.shape[0], curves.shape[3]) == (1, 3)
    assert curves.dtype == torch.float32
    assert 0 <= curves.min() < curves.max() <= 1
    assert ran.ui(report)["text"] == (text,)
    lines = text.splitlines()
    assert lines[0] == "Adam Refine: 6 steps, 4 samples"
    for name in ("energy", "prior", "classifier(digits-classifier)"):
        (line,) = (line for line in lines if line.startswith(f"{name}: "))
        before, after = trace.before[name].mean(), trace.after[name].mean()
        assert f"mean {float(before):.4g} -> {float(after):.4g}" in line
    (line,) = (line for line in lines if line.startswith("probability("))
    assert f"worst sample {float(trace.before[_name(line)].min()):.4g} -> " in line
    assert trace.after["energy"].mean() < trace.before["energy"].mean()
    assert trace.after[_name(line)].mean() > trace.before[_name(line)].mean()
    shown = ran.ui(refined)["latentsteer"][0]["refine"]
    assert json.loads(json.dumps(shown)) == shown
    assert shown["before"]["energy"] == pytest.approx(float(trace.before["energy"].mean()))


def _name(line):
    return line.split(": mean")[0]


def test_evaluated_images_have_the_judges_figures(graph, run):
    made = graph.steered("3, 5, 7", each=2)
    start = graph.from_translator(made, candidates=3, energy=made.energy)
    images = graph.add("Decode", generator=made.generator, latents=start)
    judge = graph.add("LoadAuxModel", file=JUDGE)
    told = graph.add(
        "EvaluateImages",
        images=images,
        auxiliary=judge,
        condition=made.condition,
        reference="digits held out (embedded)",
    )
    plain = graph.add("EvaluateImages", images=images, auxiliary=judge)
    ran = run(graph)
    shown = json.loads(ran[told])
    (figures,) = (item["evaluate"] for item in ran.ui(told)["latentsteer"])
    probability = ran.result.outputs[told[0]][1]
    says = ran[judge].embed(ran[images].movedim(3, 1))
    wanted = torch.tensor([3, 3, 5, 5, 7, 7])
    own = says[torch.arange(6), wanted]
    assert probability == pytest.approx(float(own.mean()), abs=1e-5)
    assert figures["probability"] == probability
    assert figures["judge"] == "digits-judge"
    assert figures["images"] == 6
    assert figures["agreement"] == pytest.approx(float((says.argmax(1) == wanted).float().mean()))
    assert figures["frechet_distance"] > 0
    assert figures["diversity"] > 0
    low, high = figures["probability_low"], figures["probability_high"]
    assert low <= probability <= high
    # The displayed figures are rounded.
    assert shown.keys() == figures.keys()
    judge_name = figures.pop("judge")
    assert shown.pop("judge") == judge_name
    assert shown == pytest.approx(figures, rel=1e-2, abs=1e-3)
    without = json.loads(ran[plain])
    assert ran.result.outputs[plain[0]][1] == 0.0
    assert not {"probability", "frechet_distance"} & set(without)


def test_the_reference_is_the_same_as_itself(graph, run):
    """The held-out images against the held-out images."""
    from latentsteer.nodes.images import to_host
    from latentsteer.nodes.report.evaluate import EvaluateImages

    judge = graph.add("LoadAuxModel", file=JUDGE)
    model = run(graph)[judge]
    images, labels = catalogue.reference_images("digits held out (embedded)")
    condition = model.condition(labels.tolist())
    text, probability = EvaluateImages.execute(
        to_host(images), model, "digits held out (embedded)", "fast", condition
    ).args
    figures = json.loads(text)
    assert figures["frechet_distance"] == pytest.approx(0, abs=1e-3)
    assert figures["agreement"] == pytest.approx(0.98, abs=0.01)  # as the manifest says
    assert probability > 0.95


@pytest.mark.parametrize(("classes", "count"), [("0-4", 5), ("3", 2), ("all", 10)])
def test_prior_init_draws_one_latent_for_each_row_of_a_condition(classes, count, graph, run):
    """A condition of one row leaves the number to `samples`."""
    made = graph.steered(classes)
    start = graph.from_prior(made, samples=2, seed=9)
    more = graph.add("PriorInit", generator=made.generator, samples=10, seed=9)
    ran = run(graph)
    assert ran[start].samples == tuple(range(count))
    assert torch.equal(ran[start].values, ran[more].values[:count])


def test_the_best_of_more_candidates_is_better_and_keeps_the_first_draws(graph, run):
    made = graph.steered("0-7")
    one, many = (graph.from_prior(made, candidates=count, energy=made.energy) for count in (1, 6))
    ran = run(graph)
    streams = SampleRng.of(0, 8)
    energy = ran[made.energy].pullback(ran[made.generator])
    first, best = (energy(ran[wire].values, streams) for wire in (one, many))
    # Chunks of other sizes may differ in the last bits.
    assert bool((best <= first + 1e-4).all())
    assert bool((best < first - 0.1).any())


def test_decode_shows_grey_digits_in_three_equal_channels(graph, run):
    made = graph.steered("0-9")
    start = graph.from_prior(made)
    fixed = graph.add("Decode", generator=made.generator, latents=start)
    fast = graph.add("Decode", generator=made.generator, latents=start, chunk="fast")
    ran = run(graph)
    images = ran[fixed]
    assert images.shape == (10, 28, 28, 3)
    assert images.dtype == torch.float32
    assert 0 <= images.min() < images.max() <= 1
    assert torch.equal(images[..., 0], images[..., 1])
    assert torch.equal(images[..., 0], images[..., 2])
    torch.testing.assert_close(ran[fast], images, rtol=0, atol=1e-5)
    own = ran[made.generator](ran[start].values[:8], SampleRng.of(0, 8))
    assert torch.equal(own.movedim(1, 3), images[:8])


def test_a_grid_has_a_row_per_class(graph, run):
    made = graph.steered("1, 4", each=3)
    images = graph.add("Decode", generator=made.generator, latents=graph.from_prior(made))
    rows = graph.add("ImageGrid", images=images, columns=3)
    square = graph.add("ImageGrid", images=images)
    four = graph.add("ImageGrid", images=images, columns=4)
    ran = run(graph)
    assert ran[rows].shape == (1, 2 * 29 - 1, 3 * 29 - 1, 3)
    assert ran[square].shape == ran[rows].shape
    assert ran[four].shape == (1, 2 * 29 - 1, 4 * 29 - 1, 3)
    seen = ran[rows][0, 29:, 29:57]
    torch.testing.assert_close(seen, ran[images][4], rtol=0, atol=1 / 255)


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


def test_classes_by_number_range_and_name_agree(graph, run):
    made = graph.models()
    said = ("0,1,2,3", "0-3", "0-1, 2, 3", "0\n1\n2\n3")
    wires = [graph.add("ClassCondition", auxiliary=made.classifier, classes=text) for text in said]
    twice = graph.add(
        "ClassCondition", auxiliary=made.classifier, classes="7, 1", samples_per_class=2
    )
    ran = run(graph)
    for wire in wires:
        assert ran[wire].labels == ("0", "1", "2", "3")
        assert torch.equal(ran[wire].embedding, ran[wires[0]].embedding)
    assert ran[twice].labels == ("7", "7", "1", "1")


def test_loaders_offer_what_lies_in_their_folders(graph, new_host):
    from latentsteer.nodes.standalone.host import use
    from latentsteer.nodes.standalone.registry import load_nodes, schemas_of

    with use(new_host()):
        schemas = schemas_of(load_nodes())
    offered = {
        kind: schemas[f"LatentSteer_{kind}"].inputs[0].options
        for kind in ("LoadGenerator", "LoadAuxModel", "LoadTranslator")
    }
    assert offered == {
        "LoadGenerator": [*catalogue.GENERATORS, "other.safetensors"],
        "LoadAuxModel": list(catalogue.AUXILIARIES),
        "LoadTranslator": ["tiny.safetensors"],
    }


def test_a_model_may_be_linked_from_another_disk(graph, run, new_host, tmp_path):
    """A loader opens every file that it lists."""
    base, elsewhere = tmp_path / "base", tmp_path / "disk" / "x.safetensors"
    folder = base / "models" / "latentsteer_generators"
    folder.mkdir(parents=True)
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(catalogue.embedded("digits (embedded)").read_bytes())
    (folder / "linked.safetensors").symlink_to(elsewhere)
    host = new_host(base)
    assert host.list_files("latentsteer_generators", (".safetensors",)) == ["linked.safetensors"]
    loaded = graph.add("LoadGenerator", file="linked.safetensors")
    assert run(graph, host)[loaded].name == "linked"


def test_a_changed_file_is_loaded_again(tmp_path, new_host):
    """The host runs a loader again when its fingerprint changes."""
    import shutil

    from latentsteer.nodes.load.generator import LoadGenerator
    from latentsteer.nodes.standalone.host import use

    path = tmp_path / "models" / "latentsteer_generators" / "mine.safetensors"
    path.parent.mkdir(parents=True)
    shutil.copy(catalogue.embedded("digits (embedded)"), path)
    with use(new_host(tmp_path)):
        before = LoadGenerator.fingerprint_inputs(path.name)
        assert LoadGenerator.fingerprint_inputs(path.name) == before
        path.write_bytes(path.read_bytes() + b" ")
        assert LoadGenerator.fingerprint_inputs(path.name) != before


def test_the_graphs_of_these_tests_are_whole(graph):
    """The nodes that tests add to a graph to run every node do not change its results."""
    from latentsteer.nodes.standalone.registry import load_nodes

    made = graph.steered()
    graph.add("SaveLatents", latents=graph.refined(made, graph.from_prior(made)))
    checked = validate(graph.api, load_nodes())
    assert set(checked.order) == set(graph.api)
    assert graph.complete() == graph.api


def test_variations_begin_near_and_the_best_of_many_lowers_the_energy(graph, run):
    made = graph.steered("7", each=1)
    first = graph.add("PriorInit", generator=made.generator, samples=2)
    common = {"generator": made.generator, "near": first, "samples_per_latent": 3}
    near, far = (graph.add("VariationInit", **common, variation=v) for v in (0.1, 1.0))
    best = graph.add("VariationInit", **common, variation=1.0, candidates=20, energy=made.energy)
    partner = graph.add("PriorInit", generator=made.generator, samples=1, seed=7)
    drawn = graph.add(
        "VariationInit", **{**common, "samples_per_latent": 20}, variation=1.0, towards=partner
    )
    graph.add("Decode", generator=made.generator, latents=drawn)
    refined = [graph.refined(made, start, "AdamRefine", steps=1) for start in (far, best)]
    ran = run(graph)
    centre = ran[first].values.repeat_interleave(3, dim=0)
    away = [(ran[one].values - centre).norm(dim=1) for one in (near, far)]
    assert bool((away[0] < away[1]).all())
    assert ran[near].samples == tuple(range(6))
    reached = (ran[drawn].values == ran[partner].values).all(dim=1)
    assert 0 < int(reached.sum()) < 40
    begun = [ran.trace(one).energies[0] for one in refined]
    assert bool((begun[1] <= begun[0]).all())
    assert float(begun[1].mean()) < 0.5 * float(begun[0].mean())
