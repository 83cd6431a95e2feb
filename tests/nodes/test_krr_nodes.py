"""KRR Flow Refine and its conditions as nodes: results, bad input, stop and resume."""

from dataclasses import replace
from itertools import combinations

import pytest
import torch
from latentsteer.core.auxiliary import Classifier
from latentsteer.core.energies.example import toy_clip
from latentsteer.core.energies.masked import known_error
from latentsteer.core.errors import (
    ConditionMismatch,
    Diverged,
    DomainMismatch,
    InvalidInput,
    ResumeMismatch,
)
from latentsteer.core.features import feature_map
from latentsteer.core.latent_files import load_latents
from latentsteer.core.rng import SampleRng
from latentsteer.nodes.host import autograd, io
from latentsteer.nodes.load.auxiliary import LoadAuxModel
from latentsteer.nodes.refine import krr
from latentsteer.nodes.refine.krr import KRRFlowRefine
from latentsteer.nodes.report.energy import plot
from latentsteer.nodes.standalone.errors import Interrupted, NodeError, WorkflowError
from latentsteer.nodes.standalone.host import use
from PIL import Image

JUDGE = "digits judge (embedded)"
REAL = "digits held out (embedded)"


@pytest.fixture
def fault(run):
    """Returns the message of a node that fails with an error of the library."""

    def go(graph, error):
        with pytest.raises(NodeError) as caught:
            run(graph)
        assert type(caught.value.__cause__) is error
        return str(caught.value)

    return go


@pytest.fixture
def swapped(monkeypatch):
    """Makes Load Aux Model return another model for the judge's file."""

    def go(model):
        loaded = LoadAuxModel.execute

        def opened(cls, file, **options):
            if file != JUDGE:
                return loaded(file, **options)
            with autograd():
                return io.NodeOutput(model)

        monkeypatch.setattr(LoadAuxModel, "execute", classmethod(opened))

    return go


def particles(graph, made, samples=6, seed=3):
    return graph.add("PriorInit", generator=made.generator, samples=samples, seed=seed)


def real(graph, count=12):
    return graph.add("ReferenceImages", reference=REAL, first=0, count=count)


def flow(graph, made, start, **inputs):
    inputs = {"steps": 3, "eta": 50.0, "xi": 50.0, "auxiliary": made.classifier, **inputs}
    return graph.add("KRRFlowRefine", generator=made.generator, start=start, **inputs)


def whole(graph, **inputs):
    """Particles, real images and the discriminator: A + B + C."""
    made = graph.models()
    made.start = particles(graph, made)
    energy = graph.add("EnergyDiscriminator", generator=made.generator, form="log-sigmoid")
    made.refined = flow(graph, made, made.start, real=real(graph), energy=energy, **inputs)
    return made


# The flow


def test_the_three_terms_are_told_apart_and_drawn(run, graph):
    made = whole(graph, steps=8, step_size=0.5)
    report = graph.add("EnergyReport", trace=[made.refined[0], 1])
    ran = run(graph)
    trace = ran.trace(made.refined)
    generated, realism, condition = trace.terms.values()
    assert list(trace.terms)[:2] == ["log q(x)", "-log p(x)"]
    torch.testing.assert_close(generated + realism + condition, trace.energies)
    assert generated.shape == (9, 6)
    assert trace.energies[-1].mean() < trace.energies[0].mean()
    assert plot(trace).size[1] > plot(replace(trace, terms={})).size[1]
    assert ran[report].shape[1] > 500
    assert not ran[made.refined].values.is_inference()


def test_weights_choose_the_terms(run, graph):
    made = graph.models()
    start = particles(graph, made)
    alone = flow(graph, made, start, real=real(graph), lambda_generated=0.0)
    apart = flow(graph, made, start, real=real(graph), lambda_real=0.0)
    twice = flow(graph, made, start, lambda_generated=2.0, step_size=0.1)
    once = flow(graph, made, start, step_size=0.2)
    ran = run(graph)
    assert list(ran.trace(alone).terms) == ["-log p(x)"]
    assert list(ran.trace(apart).terms) == ["log q(x)"]
    torch.testing.assert_close(ran[twice].values, ran[once].values)


def test_the_generators_own_density_drives_particles_apart(run, graph):
    made = graph.models()
    start = particles(graph, made, samples=8)
    apart = flow(graph, made, start, steps=10, step_size=1.0, feature="penultimate")
    ran = run(graph)
    images = {
        name: ran[made.generator](ran[link].values, ran[link].rng(0, "decode"))
        for name, link in (("before", start), ("after", apart))
    }
    classifier = ran[made.classifier]
    before, after = (torch.pdist(classifier.features(images[n])).mean() for n in images)
    assert after > 1.05 * before


@pytest.mark.parametrize(
    "settings",
    [
        {"estimator": "stein", "self_term": False},
        {"estimator": "kde", "bandwidth": "number", "bandwidth_number": 30.0},
        {"mollifier": "feature", "sigma_schedule": "linear", "sigma_final": 0.0},
        {"mollifier": "image", "sigma": 0.1, "mollifier_samples": 2},
        {"divergence": "Jensen-Shannon", "step_schedule": "cosine"},
        {"feature": "logits", "bandwidth": "one", "clip_norm": 1.0, "chunk": "fast"},
    ],
    ids=lambda settings: next(iter(settings.values())),
)
def test_every_setting_reaches_the_flow(settings, run, graph):
    made = graph.models()
    start = particles(graph, made, samples=4)
    pictures = real(graph, 6)
    plain = flow(graph, made, start, real=pictures, steps=2)
    changed = flow(graph, made, start, real=pictures, steps=2, **settings)
    ran = run(graph)
    assert bool(ran[changed].values.isfinite().all())
    assert not torch.equal(ran[changed].values, ran[plain].values)


def test_without_a_model_the_discriminator_compares(run, graph, monkeypatch):
    seen = []

    def watched(model, kind):
        seen.append((model.id, kind))
        return feature_map(model, kind)

    monkeypatch.setattr(krr, "feature_map", watched)
    made = graph.models()
    start = particles(graph, made, samples=3)
    inputs = {"generator": made.generator, "start": start, "steps": 1, "real": real(graph)}
    settings = ({}, {"feature": "logits"}, {"auxiliary": made.classifier})
    flows = [graph.add("KRRFlowRefine", **inputs, **changed) for changed in settings]
    ran = run(graph)
    own = ran[made.generator].id
    assert sorted(seen) == sorted([(own, ""), (own, "logits"), (ran[made.classifier].id, "")])
    ends = [ran[link].values for link in flows]
    assert all(not torch.equal(one, other) for one, other in combinations(ends, 2))


def test_a_chunk_at_a_time_is_the_same_flow(run, graph):
    made = graph.models()
    start = particles(graph, made, samples=11)
    fixed, fast = (
        flow(graph, made, start, real=real(graph), steps=3, chunk=chunk)
        for chunk in ("fixed", "fast")
    )
    ran = run(graph)
    torch.testing.assert_close(ran[fixed].values, ran[fast].values, rtol=0, atol=1e-4)


def test_without_a_number_the_ridges_are_as_many_as_samples(run, graph):
    made = graph.models()
    start, pictures = particles(graph, made, samples=5), real(graph, 7)
    plain = flow(graph, made, start, real=pictures, eta=0.0, xi=0.0)
    told = flow(graph, made, start, real=pictures, eta=5.0, xi=7.0)
    other = flow(graph, made, start, real=pictures, eta=5.0, xi=5.0)
    ran = run(graph)
    assert torch.equal(ran[plain].values, ran[told].values)
    assert not torch.equal(ran[plain].values, ran[other].values)


def by_class(graph, made, classes, start, **inputs):
    """A flow towards classes, a row per sample."""
    condition = graph.add("ClassCondition", auxiliary=made.classifier, classes=classes)
    energy = graph.add("EnergyClassifier", auxiliary=made.classifier, condition=condition)
    return flow(graph, made, start, energy=energy, **inputs)


def test_each_condition_of_a_batch_flows_as_it_does_alone(run, graph):
    made = graph.models()
    batch = particles(graph, made, samples=6)
    first = graph.add("SelectLatents", batch=batch, rows="0, 1, 2")
    settings = {"real": real(graph), "eta": 0.0, "divergence": "Jensen-Shannon"}
    both = by_class(graph, made, "3, 3, 3, 5, 5, 5", batch, **settings)
    pooled = by_class(graph, made, "3, 3, 3, 5, 5, 5", batch, **settings, pooled=True)
    alone = by_class(graph, made, "3", first, **settings)
    ran = run(graph)
    assert torch.equal(ran[both].values[:3], ran[alone].values)
    assert not torch.allclose(ran[pooled].values[:3], ran[alone].values, atol=1e-3)


def test_one_sample_of_a_class_is_refused_by_its_name(graph, fault):
    made = graph.models()
    by_class(graph, made, "3, 3, 5", particles(graph, made, samples=3))
    assert "condition '5'" in fault(graph, InvalidInput)


def test_real_images_may_be_drawn(run, graph):
    made = graph.models()
    start, pictures = particles(graph, made), real(graph, 20)
    plain = flow(graph, made, start, real=pictures)
    every = flow(graph, made, start, real=pictures, real_samples=20)
    drawn, once, other = (
        flow(graph, made, start, real=pictures, real_samples=5, **changed)
        for changed in ({}, {"real_draw": "once"}, {"seed": 9})
    )
    ran = run(graph)
    assert torch.equal(ran[every].values, ran[plain].values)
    found = [ran[link].values for link in (plain, drawn, once, other)]
    assert all(not torch.equal(a, b) for i, a in enumerate(found) for b in found[:i])


def test_more_real_images_than_are_connected_cannot_be_drawn(graph, fault):
    made = graph.models()
    flow(graph, made, particles(graph, made), real=real(graph, 5), real_samples=6)
    assert "6 real images of a step requested; 5 are there" in fault(graph, InvalidInput)


def test_a_ridge_below_the_digits_of_float32_is_refused(graph, fault):
    made = graph.models()
    batch = particles(graph, made, samples=3)
    twice = graph.add("StackLatents", first=batch, second=batch)
    flow(graph, made, twice, eta=1e-9)
    assert "rounding of float32" in fault(graph, InvalidInput)


# Bad input to the flow


def test_one_particle_is_refused(graph, fault):
    made = graph.models()
    flow(graph, made, particles(graph, made, samples=1))
    assert "at least 2 samples" in fault(graph, InvalidInput)


def test_duplicate_particles_are_named(graph, fault):
    made = graph.models()
    one = particles(graph, made, samples=1)
    both = graph.add("StackLatents", first=one, second=one)
    flow(graph, made, both, bandwidth="median")
    assert "Remove duplicates" in fault(graph, InvalidInput)


def test_duplicates_among_others_flow_where_the_ridge_holds_them(run, graph):
    made = graph.models()
    batch = particles(graph, made, samples=3)
    twice = graph.add("StackLatents", first=batch, second=batch)
    fine = flow(graph, made, twice, eta=1.0)
    assert bool(run(graph)[fine].values.isfinite().all())


def test_real_images_of_another_size_are_refused(graph, fault):
    made = graph.models()
    avatars = graph.add("ReferenceImages", reference="avatars held out (embedded)", count=3)
    flow(graph, made, particles(graph, made), real=avatars)
    said = fault(graph, DomainMismatch)
    assert "28 x 28" in said
    assert "64, 64" in said


def test_one_real_image_is_refused(graph, fault):
    made = graph.models()
    flow(graph, made, particles(graph, made), real=real(graph, 1))
    assert "at least 2" in fault(graph, InvalidInput)


def test_no_term_is_refused(graph, fault):
    made = graph.models()
    flow(graph, made, particles(graph, made), lambda_generated=0.0)
    assert "Nothing moves" in fault(graph, InvalidInput)


def test_features_that_the_model_lacks_are_refused(graph, fault):
    made = graph.models()
    flow(graph, made, particles(graph, made), feature="raw")
    assert "has no features 'raw'; it has penultimate, logits" in fault(graph, InvalidInput)


def test_features_that_are_not_numbers_are_named(graph, fault, run, swapped, base):
    def broken(images):
        found = images.flatten(1)[:, 300:310] * 1.0
        found[1] = torch.nan
        return found

    network = torch.nn.Linear(1, 1)
    swapped(Classifier("broken", "broken-id", network, ("a",), broken, broken))
    made = graph.models(classifier=JUDGE)
    flow(graph, made, particles(graph, made, samples=4))
    said = fault(graph, Diverged)
    assert "of samples 1 are not finite" in said


def test_a_model_without_features_is_refused(run, graph, new_host):
    from latentsteer.core.captioner import Captioner

    made = graph.models()
    start = particles(graph, made)
    ran = run(graph)
    captioner = object.__new__(Captioner)
    object.__setattr__(captioner, "name", "blip")
    given = {w.id: w.default for w in KRRFlowRefine.GET_SCHEMA().inputs if hasattr(w, "default")}
    given |= {"generator": ran[made.generator], "start": ran[start], "auxiliary": captioner}
    with use(new_host()), pytest.raises(ConditionMismatch, match="has no features"):
        KRRFlowRefine.execute(**given)


# Stop and resume


def stopped(graph, run, at_step, out, **changes):
    at_step("KRR Flow Refine", 2, lambda host: host.request_interrupt())
    with pytest.raises(Interrupted):
        run(whole_and(graph, **changes))
    (path,) = (out / "interrupted").iterdir()
    return path


def whole_and(graph, **inputs):
    whole(graph, mollifier="feature", sigma_schedule="linear", steps=4, **inputs)
    return graph


@pytest.mark.parametrize("draw", ["each step", "once"])
def test_a_flow_with_drawn_real_images_goes_on_to_the_same_bits(
    draw, run, new_graph, at_step, out
):
    settings = {"real_samples": 5, "real_draw": draw}
    graph = new_graph()
    made = whole(graph, mollifier="feature", sigma_schedule="linear", steps=4, **settings)
    ran = run(graph)
    path = stopped(new_graph(), run, at_step, out, **settings)
    graph = new_graph()
    again = resuming(graph, path.relative_to(out).as_posix(), **settings)
    assert torch.equal(run(graph)[again].values, ran[made.refined].values)


def resuming(graph, file, **inputs):
    made = graph.models()
    start = graph.add("LoadLatents", file=file)
    energy = graph.add("EnergyDiscriminator", generator=made.generator, form="log-sigmoid")
    inputs = {"mollifier": "feature", "sigma_schedule": "linear", "steps": 4, **inputs}
    return flow(graph, made, start, real=real(graph), energy=energy, **inputs)


@pytest.mark.bits
def test_an_interrupted_flow_goes_on_to_the_same_bits(run, new_graph, at_step, out):
    graph = new_graph()
    made = whole(graph, mollifier="feature", sigma_schedule="linear", steps=4)
    ran = run(graph)
    path = stopped(new_graph(), run, at_step, out)
    assert load_latents(path).interrupted.snapshot.state.step == 2
    graph = new_graph()
    again = resuming(graph, path.relative_to(out).as_posix())
    resumed = run(graph)
    assert torch.equal(resumed[again].values, ran[made.refined].values)
    one, two = resumed.trace(again), ran.trace(made.refined)
    assert torch.equal(one.energies, two.energies)
    assert list(one.terms) == list(two.terms)
    assert all(torch.equal(one.terms[name], two.terms[name]) for name in two.terms)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"eta": 51.0}, "eta: 50.0 then, 51.0 now"),
        ({"step_size": 0.4}, "step_size: 0.3 then, 0.4 now"),
        ({"lambda_real": 2.0}, "settings.real: 1.0 then, 2.0 now"),
        ({"sigma_final": 0.3}, "settings.mollifier.final: 0.1 then, 0.3 now"),
        ({"real_samples": 5}, "real_samples: 0 then, 5 now"),
    ],
)
def test_other_settings_are_refused_by_name(changes, named, run, new_graph, at_step, out):
    path = stopped(new_graph(), run, at_step, out)
    graph = new_graph()
    resuming(graph, path.relative_to(out).as_posix(), **changes)
    with pytest.raises(NodeError) as caught:
        run(graph)
    assert isinstance(caught.value.__cause__, ResumeMismatch)
    assert named in str(caught.value)


def test_previews_are_made_on_the_way(run, graph, base, out):
    from latentsteer.nodes.standalone.host import StandaloneHost

    made = whole(graph, steps=4, preview_every=2)
    host = StandaloneHost(base, out, "cpu")
    host.configure(base, out, "cpu", write_previews=True)
    run(graph, host)
    names = sorted(path.name for path in (out / "previews").iterdir())
    assert names == [f"{made.refined[0]}_{step:06}.png" for step in (2, 4)]


# The conditions


def test_a_discriminators_energy_is_lowered(run, graph):
    made = graph.models()
    start = particles(graph, made)
    made.energy = graph.add("EnergyDiscriminator", generator=made.generator, weight=0.5)
    refined = graph.refined(made, start, "AdamRefine", steps=10, learning_rate=0.02)
    ran = run(graph)
    trace = ran.trace(refined)
    assert trace.energies[-1].mean() < trace.energies[0].mean() - 0.05
    logits = trace.after[f"logit({next(ran[made.energy].leaves()).label})"]
    torch.testing.assert_close(-0.5 * logits, trace.energies[-1])


@pytest.mark.parametrize(
    ("classes", "said"),
    [("3", "knows no classes"), ("a", "Class 'a'; expected numbers"), ("5-2", "Class '5-2'")],
)
def test_classes_that_do_not_go_are_refused(classes, said, graph, fault):
    made = graph.models()
    graph.add("EnergyDiscriminator", generator=made.generator, classes=classes)
    assert said in fault(graph, InvalidInput)


@pytest.fixture
def edit(graph, swapped):
    """A toy CLIP, a target and a neutral text."""
    swapped(replace(toy_clip(), logit_scale=20.0))
    made = graph.models(classifier=JUDGE)
    made.clip = made.classifier
    made.wanted, made.neutral = (
        graph.add("TextCondition", auxiliary=made.clip, prompts=text)
        for text in ("bright red", "red")
    )
    made.texts = {
        "auxiliary": made.clip,
        "condition": made.wanted,
        "neutral": made.neutral,
        "views": 0,
    }
    return made


@pytest.mark.parametrize("kind", ["image", "source", "global"])
def test_images_move_along_a_direction(kind, run, graph, edit):
    start = particles(graph, edit, samples=8)
    decoded = graph.add("Decode", generator=edit.generator, latents=start)
    edit.energy = graph.add(
        "EnergyDirection",
        **edit.texts,
        kind=kind,
        samples=64,
        images=decoded,
        generator=edit.generator,
    )
    measured = graph.add("EnergyDirection", **edit.texts, kind="image")
    refined = graph.refined(edit, start, "AdamRefine", steps=15, learning_rate=0.05)
    ran = run(graph)
    along = ran[measured].pullback(ran[edit.generator])
    before, after = (
        along(ran[link].values, ran[link].rng(0, "decode")) for link in (start, refined)
    )
    assert after.mean() < before.mean()
    assert ran.trace(refined).energies[-1].mean() < ran.trace(refined).energies[0].mean()


@pytest.mark.parametrize("kind", ["source", "global"])
def test_a_direction_without_what_it_needs_is_refused(kind, graph, fault, edit):
    graph.add("EnergyDirection", **edit.texts, kind=kind)
    assert "Connect" in fault(graph, InvalidInput)


def test_a_neutral_text_that_says_the_same_is_refused(graph, fault, edit):
    graph.add("EnergyDirection", **(edit.texts | {"neutral": edit.wanted}))
    assert "have the same embedding" in fault(graph, InvalidInput)


def test_a_clips_energy_may_be_its_logit(run, graph, edit):
    raw, scaled = (
        graph.add("EnergyCLIP", auxiliary=edit.clip, condition=edit.wanted, views=0, scale=scale)
        for scale in ("cosine", "logit scale")
    )
    ran = run(graph)
    images = torch.rand(2, 3, 7, 7, generator=torch.Generator().manual_seed(0))
    one, two = (ran[link](images, SampleRng.of(0, 2)) for link in (raw, scaled))
    torch.testing.assert_close(two, 20 * one)


# Inpainting


def holed(graph, made, hole=(10, 4, 8, 12), side=28):
    """A source image and a mask with a rectangular hole: width, height, x, y."""
    width, height, x, y = hole
    source = graph.add("ReferenceImages", reference=REAL, count=1)
    black = graph.add("SolidMask", value=0.0, width=side, height=side)
    white = graph.add("SolidMask", value=1.0, width=width, height=height)
    mask = graph.add("MaskComposite", destination=black, source=white, x=x, y=y, operation="add")
    return source, mask


def test_a_masked_energy_completes_images_and_the_host_pastes_the_known(run, graph):
    made = graph.models()
    source, mask = holed(graph, made)
    made.energy = graph.add("EnergyMasked", images=source, mask=mask, pixels=300.0)
    start = particles(graph, made, samples=4)
    refined = graph.refined(made, start, "AdamRefine", steps=120, learning_rate=0.1)
    decoded = graph.add("Decode", generator=made.generator, latents=refined)
    known = graph.add("InvertMask", mask=mask)
    pasted = graph.add("ImageCompositeMasked", destination=decoded, source=source, mask=known)
    shown = graph.add("MaskToImage", mask=mask)
    ran = run(graph)
    images, truth = (ran[link].movedim(3, 1) for link in (decoded, source))
    errors = known_error(images, truth, ran[mask])
    torch.testing.assert_close(errors, ran.trace(refined).after["error(known pixels)"])
    assert (errors < 0.6 * ran.trace(refined).before["error(known pixels)"]).all()
    inside = ran[mask][0] < 0.5
    put = ran[pasted]
    assert put.shape == ran[decoded].shape
    assert torch.equal(put[:, inside], ran[source][:, inside].expand(4, -1, -1))
    assert torch.equal(put[:, ~inside], ran[decoded][:, ~inside])
    assert ran[shown].shape == (1, 28, 28, 3)


@pytest.mark.parametrize(
    ("hole", "side", "error", "said"),
    [
        ((4, 4, 0, 0), 64, DomainMismatch, "The mask is 64 x 64 pixels and the source image 28"),
        ((4, 4, 28, 0), 28, InvalidInput, "Mask 0 is empty"),
        ((28, 28, 0, 0), 28, InvalidInput, "Mask 0 is full"),
    ],
)
def test_a_mask_that_does_not_go_is_refused(hole, side, error, said, graph, fault):
    made = graph.models()
    source, mask = holed(graph, made, hole, side)
    graph.add("EnergyMasked", images=source, mask=mask)
    assert said in fault(graph, error)


def test_as_many_masks_as_samples_are_needed(graph, fault):
    made = graph.models()
    _, mask = holed(graph, made)
    three = graph.add("ReferenceImages", reference=REAL, count=3)
    made.energy = graph.add("EnergyMasked", images=three, mask=mask)
    graph.refined(made, particles(graph, made, samples=2), "AdamRefine")
    assert "3 source images and the batch 2 samples" in fault(graph, ConditionMismatch)


# Load Image Set


@pytest.fixture
def pictures(tmp_path, base):
    """A base folder with pictures in its input folder."""
    import shutil

    folder = tmp_path / "pictured"
    shutil.copytree(base, folder)
    place = folder / "input" / "birds"
    place.mkdir(parents=True)
    for number, (name, size) in enumerate(
        [("b.png", (9, 6)), ("a.jpg", (8, 8)), ("c.png", (6, 9))]
    ):
        Image.new("RGB", size, (80 * number, 0, 255)).save(place / name)
    return folder, place


@pytest.fixture
def loaded(pictures, run, new_host, new_graph):
    def go(**inputs):
        graph = new_graph()
        link = graph.add("LoadImageSet", **{"folder": "birds", "width": 6, **inputs})
        ran = run(graph, new_host(pictures[0]))
        return ran.result.outputs[link[0]]

    return go


def test_pictures_are_sorted_cropped_and_counted(loaded):
    images, labels, count = loaded()
    assert images.shape == (3, 6, 6, 3)
    assert count == 3
    assert labels == "a.jpg\nb.png\nc.png"
    torch.testing.assert_close(images[1, 0, 0], torch.tensor([0.0, 0.0, 1.0]))
    assert not images.is_inference()
    assert loaded(first=1, limit=1)[1] == "b.png"
    assert loaded(width=5, height=7, fit="stretch")[0].shape == (3, 7, 5, 3)


@pytest.mark.parametrize(
    ("name", "text", "labels"),
    [
        ("captions.txt", "one\ntwo: dots\nthree\n", "one\ntwo: dots\nthree"),
        ("captions.txt", "c.png: sea\na.jpg: a  bird\nb.png: b", "a bird\nb\nsea"),
        ("labels.csv", 'file,label\nb.png,"x, y"\na.jpg,7\nc.png,z\n', "7\nx, y\nz"),
        ("labels.csv", "b.png,1\na.jpg,0\nc.png,1\n", "0\n1\n1"),
    ],
)
def test_labels_go_with_their_pictures(name, text, labels, loaded, pictures):
    (pictures[1] / name).write_text(text, encoding="utf-8")
    assert loaded()[1] == labels
    assert loaded(labels_file="none")[1] == "a.jpg\nb.png\nc.png"
    assert loaded(labels_file=name, limit=2)[1] == "\n".join(labels.split("\n")[:2])


@pytest.mark.parametrize(
    ("name", "text", "inputs", "said"),
    [
        ("captions.txt", "one\ntwo\n", {}, "has 2 captions for 3 pictures"),
        ("labels.csv", "a.jpg,0\n", {}, "has no label for b.png, c.png"),
        ("labels.csv", "a.jpg,0\na.jpg,1\n", {}, "labels 'a.jpg' twice"),
        ("labels.csv", "a.jpg\n", {}, "has no label"),
        ("x.txt", "", {"labels_file": "gone.txt"}, "no file 'gone.txt'"),
        ("x.txt", "", {"labels_file": "../x.txt"}, "no file '../x.txt'"),
        ("x.txt", "", {"width": 0}, "b.png is 9 x 6 pixels and a.jpg 8 x 8"),
        ("x.txt", "", {"first": 3}, "3 skipped leave none"),
        ("d.png", "no picture", {}, "d.png cannot be read"),
    ],
)
def test_sets_that_do_not_go_are_refused(name, text, inputs, said, loaded, pictures):
    (pictures[1] / name).write_text(text, encoding="utf-8")
    with pytest.raises(NodeError) as caught:
        loaded(**inputs)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("folder", "said"),
    [("gone", "there is birds"), ("../..", "leads out of"), ("/tmp", "leads out of")],
)
def test_folders_that_are_not_there_are_refused(folder, said, loaded):
    with pytest.raises(WorkflowError, match=said):
        loaded(folder=folder)


def test_a_folder_without_pictures_is_refused(loaded, pictures):
    (pictures[1].parent / "empty").mkdir()
    with pytest.raises(NodeError, match="There is no picture in"):
        loaded(folder="empty")


def test_a_set_is_the_real_images_of_a_flow(pictures, run, new_host, new_graph):
    graph = new_graph()
    made = graph.models()
    images = graph.add("LoadImageSet", folder="birds", width=28)
    refined = flow(graph, made, particles(graph, made, samples=3), real=images, steps=1)
    ran = run(graph, new_host(pictures[0]))
    assert list(ran.trace(refined).terms) == ["log q(x)", "-log p(x)"]
