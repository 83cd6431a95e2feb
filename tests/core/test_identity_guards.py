"""What combines models or their parts refuses those of other options, by the options' names."""

import pytest
from latentsteer.core.auxiliaries import load_auxiliary
from latentsteer.core.auxiliaries.classifiers.preprocessing import IMAGENET
from latentsteer.core.auxiliaries.classifiers.resnet import RESNET
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.composition.compose import Composer, CompositionJob
from latentsteer.core.composition.placement import placements
from latentsteer.core.conditions.mixing import averaged
from latentsteer.core.errors import ConditionMismatch, GeneratorMismatch
from latentsteer.core.identity import chosen_differently, same_auxiliary
from latentsteer.core.pairs.in_memory import synthetic_pairs
from latentsteer.core.refine.refinement import refine
from latentsteer.core.refine.rules import Adam
from latentsteer.core.refine.trace import trace_of
from latentsteer.core.rng import SampleRng
from latentsteer.core.starts.candidates import from_translator
from latentsteer.core.starts.ranking import ranked
from latentsteer.core.starts.variation import variations
from latentsteer.core.translators.training import (
    Training,
    fit_translator,
    new_translator,
)

from .option_files import CHUNKS, CPU, drawn, job, likeness_to_grey


def guards(toys, clip, first, second):
    """Everything that combines parts of one generator with another."""
    latents, other = drawn(first), drawn(second)
    condition = clip.condition([0])
    energy = likeness_to_grey(second)
    common = {"chunking": CHUNKS, "device": CPU}
    translator = new_translator(first, clip, hidden=4, components=2, seed=0)
    compose = {
        "generator": second,
        "energy": energy,
        "features": None,
        "steps": 1,
        "seed": 0,
        "rule": Adam(learning_rate=0.1),
        "placements": placements([0.5])[:1],
        **common,
    }
    rng = SampleRng.of(0, 2, "x")
    return {
        "refine": lambda: refine(job(toys, second), latents),
        "ranked": lambda: ranked(latents, second, energy, seed=0, keep=1, **common),
        "trace_of": lambda: trace_of("t", second, latents, energy, **common),
        "variations": lambda: variations(latents, second, rng, variation=0.5, **common),
        "towards": lambda: variations(
            other, second, rng, variation=0.5, towards=latents, **common
        ),
        "stacked": lambda: latents.stacked(other),
        "interpolated": lambda: latents.interpolated(other, [0.5]),
        "foreground": lambda: Composer(CompositionJob(**compose), latents, other),
        "background": lambda: Composer(CompositionJob(**compose), other, latents),
        "translator": lambda: from_translator(
            translator, second, condition, rng, mode="mean", chunking=CHUNKS
        ),
        "pairs": lambda: fit_translator(
            translator,
            synthetic_pairs(second, clip, 4, seed=0, **common),
            Training(epochs=1),
            seed=0,
        ),
    }


GUARDS = (
    "refine",
    "ranked",
    "trace_of",
    "variations",
    "towards",
    "stacked",
    "interpolated",
    "foreground",
    "background",
    "translator",
    "pairs",
)


@pytest.mark.parametrize("guard", GUARDS)
@pytest.mark.parametrize(
    ("family", "change", "named"),
    [("stylegan2", {"noise": "none"}, "noise"), ("biggan", {"psi": 0.5}, "psi")],
)
def test_every_guard_names_what_differs(guard, family, change, named, opened, toys, resnet):
    first, second = opened(family, {}), opened(family, change)
    made = guards(toys, resnet(), first, second)
    assert tuple(made) == GUARDS
    with pytest.raises(GeneratorMismatch, match=rf"{named} .*same weights with {named} "):
        made[guard]()
    guards(toys, resnet(), first, opened(family, {}))[guard]()


@pytest.fixture(scope="module")
def resnet(tmp_path_factory):
    """Opens a small classifier of ImageNet's stem with options."""
    path = tmp_path_factory.mktemp("f") / "f.safetensors"
    example = RESNET.examples[0]()
    (network,) = example.networks.values()
    checkpoints.write(path, network.state_dict(), example.config)
    return lambda **options: load_auxiliary(path, options=options)


@pytest.mark.parametrize(
    "options",
    [
        {"mean": list(IMAGENET[0])},
        {"std": IMAGENET[1], "mean": IMAGENET[0]},
        {"max_pool": True},
        {"classes": ("x", "y", "z")},
    ],
)
def test_an_auxiliarys_own_value_is_no_choice(options, resnet):
    auto, chosen = resnet(), resnet(**options)
    assert auto.id == chosen.id
    # An older translator has it as a choice.
    written = auto.id + "".join(f"-{n}={v}" for n, v in options.items() if n != "classes")
    assert same_auxiliary(written, auto.id)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"mean": [0.5, 0.5, 0.5]}, "mean auto then, 0.5,0.5,0.5 now"),
        ({"std": [1, 1, 1]}, "std auto then, 1,1,1 now"),
        ({"max_pool": False}, "max_pool auto then, False now"),
        ({"image_size": 64}, "image_size auto then, 64 now"),
    ],
)
def test_an_auxiliary_used_otherwise_is_refused_by_the_options_name(options, said, resnet, toys):
    auto, chosen = resnet(), resnet(**options)
    assert auto.id != chosen.id
    assert not same_auxiliary(auto.id, chosen.id)
    assert chosen_differently(auto.id, chosen.id) == said
    condition, other = (model.condition([1]) for model in (auto, chosen))
    with pytest.raises(ConditionMismatch, match=said):
        condition.check_auxiliary(chosen.id, chosen.name)
    with pytest.raises(ConditionMismatch, match=said):
        averaged(condition, other)
    generator = toys.generator()
    translator = new_translator(generator, auto, hidden=4, components=2, seed=0)
    translator.check(generator, condition)
    with pytest.raises(ConditionMismatch, match=rf"{said}.*Restore that setting, or train one"):
        translator.check(generator, other)
    pairs = synthetic_pairs(generator, chosen, 2, seed=0, chunking=CHUNKS, device=CPU)
    with pytest.raises(ConditionMismatch, match="conditions are of another auxiliary"):
        fit_translator(translator, pairs, Training(epochs=1), seed=0)
