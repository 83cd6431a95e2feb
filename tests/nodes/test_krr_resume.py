"""KRR Flow Refine as a node: stop, resume and previews."""

import pytest
import torch
from latentsteer.core.errors import ResumeMismatch
from latentsteer.core.latent_files import load_latents
from latentsteer.nodes.standalone.errors import NodeError, RunInterrupted

from .krr_graphs import flow, real, whole


def stopped(graph, run, at_step, out, **changes):
    at_step("KRR Flow Refine", 2, lambda host: host.request_interrupt())
    with pytest.raises(RunInterrupted):
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


@pytest.fixture(scope="module")
def kept():
    """The file of a stopped flow, which tests share."""
    return []


@pytest.fixture
def left(kept, run, new_graph, at_step, out):
    """The file of a stopped flow; it runs once and leaves copies."""
    if not kept:
        path = stopped(new_graph(), run, at_step, out)
        kept.append((path.relative_to(out), path.read_bytes()))
    ((file, contents),) = kept
    (out / file).parent.mkdir(parents=True, exist_ok=True)
    (out / file).write_bytes(contents)
    return file.as_posix()


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
def test_other_settings_are_refused_by_name(changes, named, left, run, graph):
    resuming(graph, left, **changes)
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
