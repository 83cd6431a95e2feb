"""A stopped refiner keeps its run; the same refiner resumes it bit for bit."""

import json
import signal

import pytest
import torch
from latentsteer.core.errors import ResumeMismatch
from latentsteer.core.latent_files import load_latents
from latentsteer.nodes.cli.main import main
from latentsteer.nodes.standalone.errors import NodeError, RunInterrupted

STEPS, STOP = 5, 2
REFINERS = {
    "langevin": ("LangevinRefine", {"step_size": 0.01, "momentum": 0.5, "seed": 4}),
    "adam": ("AdamRefine", {"learning_rate": 0.05, "rate_schedule": "cosine"}),
}
STARTS = {
    "points": lambda graph, made: graph.from_prior(made, seed=1),
    "basis": lambda graph, made: graph.from_translator(made, mode="basis"),
}
LABELS = {"LangevinRefine": "Langevin Refine", "AdamRefine": "Adam Refine"}


def job(graph, refiner, start, **changes):
    """Five samples, refined."""
    kind, settings = REFINERS[refiner]
    made = graph.steered("0-4")
    begun = start(graph, made)
    return graph.refined(made, begun, kind, **{"steps": STEPS, **settings, **changes})


@pytest.fixture
def new_graph(new_graph):
    """Graphs of fixed chunks: between two of them a run stops when asked."""
    return lambda: new_graph("fixed")


@pytest.fixture
def stopped(at_step, run, new_host, new_graph, out):
    """Runs a refiner until a step; returns its file, relative to the output folder."""

    def go(refiner, start="points", step=STOP, **changes):
        at_step(LABELS[REFINERS[refiner][0]], step, lambda host: host.request_interrupt())
        graph, host = new_graph(), new_host()
        refined = job(graph, refiner, STARTS[start], **changes)
        seen = []
        with pytest.raises(RunInterrupted) as caught:
            run(graph, host, on_event=lambda event, data: seen.append((event, data["node_id"])))
        assert seen[-1] == ("start", refined[0])
        (path,) = (out / "interrupted").iterdir()
        assert list(caught.value.files) == host.interrupted_files == [path]
        assert path.name.endswith(f"_{refined[0]}.safetensors")
        return path.relative_to(out).as_posix()

    return go


@pytest.fixture(scope="module")
def kept():
    """What tests share: undisturbed runs, and the files of stopped ones."""
    return {}


@pytest.fixture
def undisturbed(kept, run, new_graph):
    """Returns the latents and the trace of a run that nothing stops; each is made once."""

    def go(refiner, start="points"):
        if (refiner, start) not in kept:
            graph = new_graph()
            refined = job(graph, refiner, STARTS[start])
            ran = run(graph)
            kept[refiner, start] = ran[refined], ran.trace(refined)
        return kept[refiner, start]

    return go


@pytest.fixture
def left(kept, stopped, out):
    """Returns what `stopped` does at its usual step; each refiner runs once and leaves copies."""

    def go(refiner):
        if refiner not in kept:
            file = stopped(refiner)
            kept[refiner] = file, (out / file).read_bytes()
        file, contents = kept[refiner]
        (out / file).parent.mkdir(parents=True, exist_ok=True)
        (out / file).write_bytes(contents)
        return file

    return go


@pytest.fixture
def resumed(run, new_graph):
    """Runs the same refiner in a new program on the latents of a file."""

    def go(file, refiner, **changes):
        graph = new_graph()
        refined = job(graph, refiner, lambda g, made: g.add("LoadLatents", file=file), **changes)
        ran = run(graph)
        return ran[refined], ran.trace(refined)

    return go


@pytest.mark.parametrize(
    ("label", "step"), [("Prior Init", 2), ("Translator Init", 3), ("Decode", 8)]
)
def test_choosing_candidates_and_decoding_stop_when_asked(
    label, step, at_step, run, new_host, new_graph
):
    at_step(label, step, lambda host: host.request_interrupt())
    graph = new_graph()
    made = graph.steered("0-4", each=2)
    begin = graph.from_translator if label == "Translator Init" else graph.from_prior
    latents = begin(made, candidates=4, energy=made.energy)
    decoded = graph.add("Decode", generator=made.generator, latents=latents)
    seen = []
    with pytest.raises(RunInterrupted):
        run(graph, new_host(), on_event=lambda event, data: seen.append((event, data["node_id"])))
    assert seen[-1] == ("start", decoded[0] if label == "Decode" else latents[0])


@pytest.mark.bits
@pytest.mark.parametrize(
    ("refiner", "start", "step"),
    [
        pytest.param(*kind, step, marks=[pytest.mark.slow] if later and step != STOP else [])
        for later, kind in enumerate(
            (("langevin", "points"), ("adam", "points"), ("langevin", "basis"))
        )
        for step in (1, STOP, STEPS)
    ],
)
def test_an_interrupted_run_goes_on_to_the_same_bits(
    refiner, start, step, undisturbed, stopped, resumed, out
):
    whole, expected = undisturbed(refiner, start)
    file = stopped(refiner, start, step)
    assert load_latents(out / file).interrupted.snapshot.state.step == step
    latents, trace = resumed(file, refiner)
    assert torch.equal(latents.values, whole.values)
    assert latents.samples == whole.samples
    assert latents.interrupted is None
    assert torch.equal(trace.energies, expected.energies)
    for told, wanted in ((trace.before, expected.before), (trace.after, expected.after)):
        assert {k: v.tolist() for k, v in told.items()} == {
            k: v.tolist() for k, v in wanted.items()
        }


def test_the_file_is_named_after_the_run_and_the_node(at_step, new_graph, new_host, run, out):
    ids = []
    at_step(
        "Adam Refine",
        1,
        lambda host: (ids.append(host.run_id()), host.request_interrupt()),
    )
    graph = new_graph()
    job(graph, "adam", STARTS["points"])
    with pytest.raises(RunInterrupted, match="interrupted in node 6"):
        run(graph)
    ((prompt, node),) = ids
    assert [path.name for path in (out / "interrupted").iterdir()] == [
        f"{prompt}_{node}.safetensors"
    ]


@pytest.mark.parametrize(
    ("refiner", "changes", "named"),
    [
        ("langevin", {"step_size": 0.02}, "refiner.rule.step_size: 0.01 then, 0.02 now"),
        ("langevin", {"seed": 5}, "seed: 4 then, 5 now"),
        ("langevin", {"steps": 6}, "steps: 5 then, 6 now"),
        (
            "langevin",
            {"noise_schedule": "cosine"},
            "refiner.rule.noise_schedule.name: 'constant' then, 'cosine' now",
        ),
        (
            "langevin",
            {"chunk": "fast"},
            "chunking.padded: True then, False now; chunking.size: 8 then, 1337 now",
        ),
        ("adam", {"clip_norm": 1.0}, "refiner.clip_norm: 0.0 then, 1.0 now"),
        ("adam", {"keep_best": True}, "keep_best: False then, True now"),
    ],
)
def test_other_settings_are_refused_by_name(refiner, changes, named, left, resumed):
    file = left(refiner)
    with pytest.raises(NodeError) as caught:
        resumed(file, refiner, **changes)
    assert isinstance(caught.value.__cause__, ResumeMismatch)
    said = str(caught.value)
    assert f"other settings ({named})" in said
    assert "interrupted at step 2" in said
    assert "switch `resume` off" in said


def test_another_refiner_is_refused(left, resumed):
    file = left("langevin")
    with pytest.raises(NodeError, match="title: 'Langevin Refine' then, 'Adam Refine' now"):
        resumed(file, "adam")


def test_an_energy_of_other_classes_is_refused(left, run, new_graph):
    file = left("adam")
    graph = new_graph()
    kind, settings = REFINERS["adam"]
    made = graph.steered("5-9")
    start = graph.add("LoadLatents", file=file)
    graph.refined(made, start, kind, **{"steps": STEPS, **settings})
    with pytest.raises(NodeError, match=r"\(energy: "):
        run(graph)


@pytest.mark.parametrize("change", [{"weight": 1.0000001}, {"std": 0.7}])
def test_an_energy_of_other_settings_is_refused(change, at_step, run, new_graph, out):
    """Also where the term keeps its name and the rounded weight is the same."""

    def drawn(start, **settings):
        graph = new_graph()
        made = graph.steered("0-4")
        energy = graph.add("EnergyPrior", generator=made.generator, **settings)
        made.energy = graph.add(
            "EnergyClassifier",
            auxiliary=made.classifier,
            condition=made.condition,
            energy=energy,
        )
        graph.refined(made, start(graph, made), "AdamRefine")
        return graph

    def load(graph, made):
        (path,) = (out / "interrupted").iterdir()
        return graph.add("LoadLatents", file=path.relative_to(out).as_posix())

    at_step("Adam Refine", STOP, lambda host: host.request_interrupt())
    with pytest.raises(RunInterrupted):
        run(drawn(STARTS["points"]))
    with pytest.raises(NodeError, match=r"\(energy: "):
        run(drawn(load, **change))
    run(drawn(load))


def test_previews_are_no_setting(left, resumed):
    latents, trace = resumed(left("adam"), "adam", preview_every=0)
    assert latents.interrupted is None
    assert len(trace.energies) == STEPS + 1


def test_without_resume_a_new_run_starts_where_the_latents_are(left, resumed, run, new_graph):
    file = left("langevin")
    latents, trace = resumed(file, "langevin", resume=False)
    assert len(trace.energies) == STEPS + 1
    graph = new_graph()

    def plain(graph, made):
        loaded = graph.add("LoadLatents", file=file)
        return graph.add("SelectLatents", batch=loaded, rows="0,1,2,3,4")

    refined = job(graph, "langevin", plain)
    ran = run(graph)
    assert torch.equal(latents.values, ran[refined].values)
    assert torch.equal(trace.energies, ran.trace(refined).energies)
    going_on, _ = resumed(file, "langevin")
    assert not torch.equal(going_on.values, latents.values)


@pytest.mark.bits
def test_a_second_interrupt_on_the_way_resumes_too(undisturbed, left, resumed, at_step, out):
    whole, _ = undisturbed("langevin")
    file = left("langevin")
    first = out / file
    at_step("Langevin Refine", STOP + 1, lambda host: host.request_interrupt())
    with pytest.raises(RunInterrupted):
        resumed(file, "langevin")
    (second,) = set((out / "interrupted").iterdir()) - {first}
    assert load_latents(second).interrupted.snapshot.state.step == STOP + 1
    again, _ = resumed(second.relative_to(out).as_posix(), "langevin")
    assert torch.equal(again.values, whole.values)


def test_training_stops_at_once(at_step, run, new_graph, tiny, out):
    graph = new_graph()
    made = graph.models()
    models = {"generator": made.generator, "auxiliary": made.classifier}
    graph.add("TrainTranslator", **models, **tiny)
    at_step("Train Translator", 64, lambda host: host.request_interrupt())
    with pytest.raises(RunInterrupted, match="TrainTranslator"):
        run(graph)
    assert not (out / "interrupted").exists()


@pytest.fixture
def script(base, out, tmp_path):
    """Runs the console script on a graph; returns the exit code."""

    def go(graph, *arguments):
        path = tmp_path / "graph.json"
        path.write_text(json.dumps(graph.api), encoding="utf-8")
        folders = ["--base", str(base), "--out", str(out)]
        return main(["run", str(path), *folders, "--device", "cpu", *arguments])

    return go


def test_ctrl_c_on_the_command_line(script, at_step, new_graph, resumed, out, capsys):
    def saved(graph, start):
        refined = job(graph, "langevin", start)
        graph.add("SaveLatents", latents=refined, name="end")
        return graph

    assert script(saved(new_graph(), STARTS["points"])) == 0
    whole = load_latents(out / "latents" / "end_00001.safetensors")
    capsys.readouterr()

    at_step("Langevin Refine", STOP, lambda host: signal.raise_signal(signal.SIGINT))
    before = signal.getsignal(signal.SIGINT)
    assert script(saved(new_graph(), STARTS["points"])) == 130
    assert signal.getsignal(signal.SIGINT) is before
    (path,) = (out / "interrupted").iterdir()
    err = capsys.readouterr().err
    assert "stopping at the next step" in err
    assert "interrupted in node 6 (LatentSteer_LangevinRefine)" in err
    assert f"kept so far: {path}" in err
    assert "Traceback" not in err

    def load(graph, made):
        return graph.add("LoadLatents", file="")

    file = path.relative_to(out).as_posix()
    assert script(saved(new_graph(), load), "--set", f"LatentSteer_LoadLatents.file={file}") == 0
    again = load_latents(out / "latents" / "end_00002.safetensors")
    assert torch.equal(again.values, whole.values)
