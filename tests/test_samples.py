"""Latents, interrupted runs and translators of earlier versions, kept in tests/samples."""

import json
import logging
import shutil
from pathlib import Path

import pytest
import torch
from latentsteer.core.checkpoints.checkpoint import read
from latentsteer.core.chunking import ONE_BY_ONE
from latentsteer.core.errors import GeneratorMismatch, ResumeMismatch
from latentsteer.core.latent_files import load_latents
from latentsteer.core.latents import decode
from latentsteer.core.translators.translator import Translator
from latentsteer.nodes.standalone.errors import NodeError
from latentsteer.nodes.standalone.executor import execute
from latentsteer.nodes.standalone.host import StandaloneHost
from latentsteer.nodes.standalone.registry import load_nodes
from safetensors.torch import load_file

HERE = Path(__file__).parent
SAMPLES = HERE / "samples"
VERSIONS = ("a2d8531", "73d3504")
FOREIGN = ("biggan_cifar_ajbrock.pth", "sg2_tf_configf32.pkl")
LATENTS = ("digits_prior", "avatars_basis", "biggan_prior", "stylegan_w")
REFINERS = ("langevin", "adam_basis", "krr", "cma_es")
SWITCHLESS = ("compose", "inversion")
"""Runs of nodes that take interrupted latents at an input of that name and have no `resume`."""
STEP = 2
"""Where they were interrupted."""
NODES = load_nodes()


def kept(version, name):
    """A JSON file of a version."""
    return json.loads((SAMPLES / version / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A base folder with the generators' files and the kept translators."""
    folder = tmp_path_factory.mktemp("base")
    generators = folder / "models" / "latentsteer_generators"
    translators = folder / "models" / "latentsteer_translators"
    generators.mkdir(parents=True)
    translators.mkdir()
    for name in FOREIGN:
        shutil.copy(HERE / "core" / "parity" / name, generators / name)
    for version in VERSIONS:
        shutil.copy(
            SAMPLES / version / "translator.safetensors", translators / f"{version}.safetensors"
        )
    return folder


@pytest.fixture
def host(base, tmp_path):
    return StandaloneHost(base, tmp_path / "out", "cpu")


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


@pytest.fixture
def opened(version, host):
    """Opens latents; also gives the generator of their graph, and new latents of its prior."""

    def go(name):
        loader = kept(version, "runs")[name]["1"]
        start = {"class_type": "LatentSteer_PriorInit", "inputs": {"generator": ["1", 0]}}
        save = {"class_type": "LatentSteer_SaveLatents", "inputs": {"latents": ["2", 0]}}
        result = execute({"1": loader, "2": start, "3": save}, host, nodes=NODES)
        path = SAMPLES / version / f"{name}.safetensors"
        return load_latents(path), result.outputs["1"][0], result.outputs["2"][0]

    return go


# Latents


@pytest.mark.parametrize("name", [*LATENTS, *REFINERS, *SWITCHLESS])
def test_latents_open_as_they_were(name, version, opened):
    latents, generator, new = opened(name)
    tensors = load_file(SAMPLES / version / f"{name}.safetensors")
    expected = load_file(SAMPLES / version / "expected.safetensors")
    assert torch.equal(latents.values, tensors["values"])
    assert (latents.interrupted is not None) == (name not in LATENTS)
    assert latents.history == (int(name not in LATENTS),) * len(latents)
    if "basis" in name:
        torch.testing.assert_close(latents.plain().values, expected[f"{name}.plain"])
    if name == "compose":  # pairs of latents, which no generator decodes by themselves
        return
    assert len(new.stacked(latents.plain())) == len(new) + len(latents)
    images = decode(latents, generator, ONE_BY_ONE, torch.device("cpu"))
    shown = torch.nn.functional.adaptive_avg_pool2d(images, 4)
    torch.testing.assert_close(shown, expected[f"{name}.image"], atol=1e-4, rtol=1e-4)


def test_roles_of_blocks_are_derived_from_their_names(version):
    def roles(name, side):
        latents = load_latents(SAMPLES / version / f"{name}.safetensors")
        return {block.name: block.role for block in getattr(latents.chart, side).blocks}

    assert roles("digits_prior", "target") == {"z": "latent"}
    assert roles("biggan_prior", "target") == {"z": "latent", "c": "class"}
    assert roles("avatars_basis", "source") == {"z.basis": "latent", "z.weights": "weights"}
    assert roles("adam_basis", "source") == roles("avatars_basis", "source")


def test_options_are_checked_where_the_file_has_them(version, opened, host, caplog):
    """Those of a2d8531 have none: the generator's weights alone are compared, with a note."""
    latents, generator, _ = opened("stylegan_w")
    with caplog.at_level(logging.WARNING, "latentsteer"):
        latents.check_generator(generator)
    assert ("made before the options" in caplog.text) == (version == "a2d8531")
    graph = kept(version, "runs")["stylegan_w"]
    graph["1"]["inputs"]["truncation"] = 0.5
    other = execute(graph, host, nodes=NODES).outputs["1"][0]
    if version == "a2d8531":
        assert latents.of_generator(other).generator.options["psi"] == 0.5
        return
    with pytest.raises(GeneratorMismatch, match=r"are of .* with psi 0\.7 \(truncation\)"):
        latents.check_generator(other)


# Interrupted runs


@pytest.fixture
def resuming(version, host):
    """Runs the graph of an interrupted run again, from its file."""

    def go(name, **inputs):
        graph = kept(version, "runs")[name]
        folder = host.out / "interrupted"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(SAMPLES / version / f"{name}.safetensors", folder / "run.safetensors")
        file = {"file": "interrupted/run.safetensors"}
        graph["run"] = {"class_type": "LatentSteer_LoadLatents", "inputs": file}
        (save,) = (n for n in graph.values() if n["class_type"].endswith("SaveLatents"))
        node = save["inputs"]["latents"][0]
        entry = "interrupted" if name in SWITCHLESS else "start"
        graph[node]["inputs"] |= {entry: ["run", 0], **inputs}
        return execute(graph, host, nodes=NODES).outputs[node]

    return go


@pytest.mark.parametrize("name", [*REFINERS, *SWITCHLESS])
def test_interrupted_runs_refuse_to_go_on_and_say_so(name, resuming):
    if name == "cma_es":
        pytest.importorskip("cmaes", reason="cmaes is not installed")
    message = rf"interrupted at step {STEP} of a run of an earlier version.*cannot go on"
    with pytest.raises(NodeError, match=message) as caught:
        resuming(name)
    assert type(caught.value.__cause__) is ResumeMismatch


@pytest.mark.parametrize("name", REFINERS)
def test_their_latents_start_a_new_run(name, version, resuming):
    if name == "cma_es":
        pytest.importorskip("cmaes", reason="cmaes is not installed")
    moves = {} if name == "krr" else {"keep_best": False}
    refined, trace = resuming(name, resume=False, steps=1, **moves)
    first = load_latents(SAMPLES / version / f"{name}.safetensors")
    assert refined.values.shape == first.values.shape
    assert not torch.equal(refined.values, first.values)
    assert len(trace.energies) == 2


# Translators


def test_translators_give_the_same_distribution(version):
    expected = load_file(SAMPLES / version / "expected.safetensors")
    translator = Translator.from_checkpoint(read(SAMPLES / version / "translator.safetensors"))
    conditions = torch.eye(translator.config.embed_dim)
    logits, means = translator.parameters_of(conditions)
    torch.testing.assert_close(logits, expected["translator.logits"])
    torch.testing.assert_close(means, expected["translator.means"])
    known = translator(conditions).log_prob(expected["translator.points"])
    torch.testing.assert_close(known, expected["translator.log_prob"])


def test_translators_start_their_generator(version, host):
    api = {n: raw for n, raw in kept(version, "runs")["langevin"].items() if int(n) <= 3}
    file = {"file": f"{version}.safetensors"}
    api["10"] = {"class_type": "LatentSteer_LoadTranslator", "inputs": file}
    inputs = {"translator": ["10", 0], "generator": ["1", 0], "condition": ["3", 0], "samples": 2}
    api["11"] = {"class_type": "LatentSteer_TranslatorInit", "inputs": inputs}
    api["12"] = {"class_type": "LatentSteer_SaveLatents", "inputs": {"latents": ["11", 0]}}
    assert execute(api, host, nodes=NODES).outputs["11"][0].values.shape == (2, 32)
