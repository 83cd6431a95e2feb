"""KRR Flow Refine as a node: its inputs, their effect, and bad input."""

from dataclasses import replace
from itertools import combinations

import pytest
import torch
from latentsteer.core.auxiliary import Classifier
from latentsteer.core.errors import ConditionMismatch, Diverged, DomainMismatch, InvalidInput
from latentsteer.core.features import feature_map
from latentsteer.nodes.refine import krr
from latentsteer.nodes.refine.krr import KRRFlowRefine
from latentsteer.nodes.report.energy import plot
from latentsteer.nodes.standalone.host import use

from .krr_graphs import JUDGE, flow, particles, real, whole


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
    assert ran[report].shape[1] > max(500, plot(replace(trace, terms={})).size[1])
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


def test_each_condition_of_a_batch_flows_as_it_does_alone(run, new_graph):
    graph = new_graph("fixed")
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
