"""The shipped pairs and translators: what they are of, how exact, and how they are read."""

import json
from pathlib import Path

import pytest
import torch
from latentsteer.core.auxiliaries import load_auxiliary
from latentsteer.core.checkpoints.checkpoint import read, write
from latentsteer.core.chunking import Chunking
from latentsteer.core.clip import Clip
from latentsteer.core.condition import Condition
from latentsteer.core.diffusion.noise_error import noise_error
from latentsteer.core.diffusion.prior_files import load_prior
from latentsteer.core.errors import InvalidInput
from latentsteer.core.generators import load_generator
from latentsteer.core.pairs import stored
from latentsteer.core.pairs.stored import StoredPairs
from latentsteer.core.rng import SampleRng
from latentsteer.core.starts.nearest import from_pairs
from latentsteer.core.translators.translator import Translator
from latentsteer.core.zoo.shipped import (
    AUXILIARIES,
    EMBEDDED_CLIPS,
    GENERATORS,
    HERE,
    PAIRS,
    PRIORS,
    TRANSLATORS,
    embedded,
    reference_portion,
)
from latentsteer.workflows.studies.training.train_translators import SETS, held_out

from ... import forks

ROOT = Path(__file__).parents[3]
OPENING = """
import importlib.util, sys
root = sys.argv[1]
spec = importlib.util.spec_from_file_location("latentsteer", root + "/__init__.py",
    submodule_search_locations=[root])
sys.modules["latentsteer"] = importlib.util.module_from_spec(spec)
from latentsteer.core.auxiliaries import load_auxiliary
from latentsteer.core.diffusion.prior_files import load_prior
from latentsteer.core.generators import load_generator
from latentsteer.core.checkpoints.checkpoint import read, write
from latentsteer.core.translators.translator import Translator
from latentsteer.core.zoo.shipped import AUXILIARIES, GENERATORS, PRIORS, TRANSLATORS, embedded
loads = {load_generator: GENERATORS, load_auxiliary: AUXILIARIES, load_prior: PRIORS,
    lambda path: Translator.from_checkpoint(read(path)): TRANSLATORS}
for load, names in loads.items():
    for name in names:
        load(embedded(name))
print(*sys.modules)
"""
SLOW = {"sympy", "scipy", "matplotlib", "transformers", "torchvision", "torch._dynamo"}
"""Modules that take from a tenth of a second to seconds to import."""
CPU = torch.device("cpu")
LEAST = {"avatars": 20_000, "digits": 5_000}


@pytest.fixture(params=SETS, ids=lambda one: one.name)
def shipped(request):
    return request.param


def pairs_of(one):
    return StoredPairs(embedded(f"{one.name} pairs (embedded)"))


def models_of(one):
    return load_generator(embedded(one.generator)), load_auxiliary(embedded(one.auxiliary))


def test_pairs_are_whole_and_as_their_script_makes_them(shipped):
    pairs = pairs_of(shipped)
    generator, auxiliary = models_of(shipped)
    assert pairs.verify() == {}
    assert len(pairs) == shipped.count >= LEAST[shipped.name]
    assert pairs.dropped == ()
    pairs.check_generator(generator.id, generator.name, against="")
    assert pairs.of_auxiliary(auxiliary).auxiliary == auxiliary.id
    assert (pairs.manifest.latents, pairs.manifest.precision) == ("seed", shipped.precision)


def test_pairs_and_translators_are_small():
    def size(path):
        return (
            sum(p.stat().st_size for p in path.rglob("*"))
            if path.is_dir()
            else path.stat().st_size
        )

    assert sum(size(embedded(name)) for name in PAIRS) <= 5_000_000
    assert all(size(embedded(name)) <= 1_000_000 for name in TRANSLATORS)
    folders = [embedded(name) for name in PAIRS]
    assert [p.name for f in folders for p in f.iterdir() if p.name.startswith(".")] == []


def test_pairs_drawn_again_by_their_seed_have_the_stored_conditions(shipped):
    """f(G(z)), but for the rounding of the storage and last bits of other kernels."""
    pairs, (generator, auxiliary) = pairs_of(shipped), models_of(shipped)
    numbers = torch.tensor([0, 1, 4099, shipped.count - 1])
    latents = pairs.latents_of(numbers)
    with torch.no_grad():
        rng = SampleRng.of(0, len(numbers))
        seen = Chunking.of("fixed", generator.image_size).apply_random(
            lambda z, part: (auxiliary.embed(generator(z, part)),), latents, rng
        )[0]
    kept = pairs.conditions[numbers]
    level = seen.abs().amax(dim=1, keepdim=True)
    rounding = level / 254 if shipped.precision == "int8" else level * 2**-11
    assert bool(((kept - seen).abs() <= rounding + 1e-4 * level).all())
    # Other latents have other conditions.
    assert not bool(((kept.roll(1, 0) - seen).abs() <= rounding + 1e-4 * level).all(dim=1).any())


def test_a_look_up_draws_the_latents_that_it_returns(shipped, monkeypatch):
    pairs, (generator, _) = pairs_of(shipped), models_of(shipped)
    drawn = []

    class Counting(SampleRng):
        @classmethod
        def of(cls, seed, samples, purpose=""):
            drawn.append(len(samples))
            return SampleRng.of(seed, samples, purpose)

    monkeypatch.setattr(stored, "SampleRng", Counting)
    wanted = Condition(pairs.conditions[:1], ("own",), pairs.record.id, pairs.record.name)
    start = from_pairs(
        pairs,
        generator,
        wanted,
        SampleRng.of(0, 10),
        chunking=Chunking.of("fixed", generator.image_size),
        device=CPU,
    )
    assert start.values.shape[0] == 10
    # One more for the width of the latents.
    assert sum(drawn) == 11


def test_translators_have_the_likelihood_that_the_manifest_lists(shipped):
    """Of pairs that took no part in the training; and more than without the condition."""
    translator = Translator.from_checkpoint(
        read(embedded(f"{shipped.name} translator (embedded)"))
    )
    generator, auxiliary = models_of(shipped)
    latents, conditions = held_out(shipped, pairs_of(shipped))
    with torch.no_grad():
        own = float(translator(conditions).log_prob(latents).mean())
        other = float(translator(conditions.roll(1, 0)).log_prob(latents).mean())
    manifest = json.loads((HERE / "manifest.json").read_text(encoding="utf-8"))
    (entry,) = (e for e in manifest if e["file"] == f"{shipped.name}-translator.safetensors")
    found = entry["figures"]["held_out_nats_per_pair"]
    assert own == pytest.approx(found, abs=0.01)  # of weights in single precision
    assert own > other + 1
    condition = Condition(conditions[:1], ("one",), auxiliary.id, auxiliary.name)
    translator.check(generator, condition)


def test_the_held_out_pairs_are_the_last(shipped):
    pairs = pairs_of(shipped)
    latents, conditions = held_out(shipped, pairs)
    assert len(latents) == len(conditions) == shipped.held > 0
    assert shipped.trained + shipped.held <= shipped.count
    last = torch.tensor([shipped.count - 1])
    assert torch.equal(latents[-1:], pairs.latents_of(last))


def test_the_embedded_clips_are_those_that_read_texts():
    opened = {name: load_auxiliary(embedded(name)) for name in AUXILIARIES}
    assert tuple(name for name, f in opened.items() if isinstance(f, Clip)) == EMBEDDED_CLIPS


def test_shipped_generators_and_priors_have_the_licence_of_the_manifest(tmp_path):
    manifest = json.loads((HERE / "manifest.json").read_text(encoding="utf-8"))
    listed = {entry["file"]: entry["licence"] for entry in manifest}
    for name, file in {**GENERATORS, **PRIORS}.items():
        opened = (load_generator if name in GENERATORS else load_prior)(embedded(name))
        assert opened.licence == listed[file]
    other = tmp_path / "other.safetensors"
    own = read(embedded("digits (embedded)"))
    write(other, own.tensors, {**own.config, "licence": "of nobody"})
    assert load_generator(other).licence == "of nobody"
    for stated in ({}, {"licence": None}, {"licence": " "}):
        write(other, own.tensors, {**own.config, **stated})
        assert load_generator(other).licence == "unknown"


def test_an_unknown_name_is_refused_with_those_that_there_are():
    with pytest.raises(InvalidInput, match=r"'cars'.*avatars pairs \(embedded\)"):
        embedded("cars")


def test_the_prior_of_avatars_is_small_and_of_their_generator():
    prior = load_prior(embedded("avatars prior (embedded)"))
    prior.check(load_generator(embedded("avatars (embedded)")))
    assert embedded("avatars prior (embedded)").stat().st_size <= 3_500_000


@torch.no_grad()
def test_the_prior_denoises_avatars_that_it_has_not_seen_as_the_manifest_lists():
    generator = load_generator(embedded("avatars (embedded)"))
    prior = load_prior(embedded("avatars prior (embedded)"))
    manifest = json.loads((HERE / "manifest.json").read_text(encoding="utf-8"))
    (entry,) = (e for e in manifest if e["file"] == "avatars-prior.safetensors")
    listed = entry["figures"]
    assert generator.encode is not None
    real = reference_portion("avatars held out (embedded)")[:200]
    unseen = prior.whitening.to_white(generator.encode(real))
    # A tenth of it: on 200 of the 2,000 avatars the figure differs by about 2 %.
    own = noise_error(prior.noise_of, prior.schedule, unseen)
    assert own == pytest.approx(listed["noise_error"], rel=0.1)
    assert own < 0.5 * listed["noise_error_normal"]


def test_opening_every_shipped_model_imports_no_slow_library(tmp_path):
    script = tmp_path / "child.py"
    script.write_text(OPENING, "utf-8")
    found = forks.ran(forks.PLAIN, script, ROOT)
    assert found.returncode == 0, found.stderr
    seen = set(found.stdout.split())
    assert "latentsteer.core.translators.mixture" in seen
    assert seen & SLOW == set()
