"""Identity of models: their weights, and the options that change their map."""

import copy
import logging
from dataclasses import asdict, replace

import pytest
import torch
from latentsteer.core.auxiliaries import load_auxiliary
from latentsteer.core.auxiliaries.classifiers.preprocessing import IMAGENET
from latentsteer.core.auxiliaries.classifiers.resnet import RESNET
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.chunking import Chunking
from latentsteer.core.composition.compose import Composer, CompositionJob
from latentsteer.core.composition.placement import placements
from latentsteer.core.conditions.mixing import averaged
from latentsteer.core.energies.perceptual import pixels
from latentsteer.core.errors import ConditionMismatch, GeneratorMismatch, ResumeMismatch
from latentsteer.core.generators import load_generator
from latentsteer.core.generators.biggan import ajbrock as biggan
from latentsteer.core.generators.biggan import deep as biggan_deep
from latentsteer.core.generators.biggan import deep_hf as biggan_deep_hf
from latentsteer.core.generators.stylegan import rosinality as stylegan2_rosinality
from latentsteer.core.generators.stylegan import stylegan2, stylegan3, stylegan_xl
from latentsteer.core.generators.stylegan import tensorflow as stylegan2_tf
from latentsteer.core.identity import (
    ModelId,
    belonging,
    chosen_differently,
    options_of,
    same_auxiliary,
)
from latentsteer.core.latent_files import load_latents, save_latents
from latentsteer.core.latents import Latents
from latentsteer.core.pairs.synthesis import synthetic_pairs
from latentsteer.core.refine.refinement import refine
from latentsteer.core.refine.rules import Adam
from latentsteer.core.refine.trace import trace_of
from latentsteer.core.rng import SampleRng
from latentsteer.core.starts.candidates import from_prior, from_translator
from latentsteer.core.starts.ranking import ranked
from latentsteer.core.starts.variation import variations
from latentsteer.core.translators.training import (
    Training,
    fit_translator,
    new_translator,
)
from latentsteer.core.translators.translator import Translator

CHUNKS = Chunking(2, padded=True)
CPU = torch.device("cpu")
FAMILIES = {
    "stylegan2": (stylegan2.GENERATOR, 0),
    "stylegan2_tf": (stylegan2_tf.GENERATOR, 0),
    "stylegan2_rosinality": (stylegan2_rosinality.GENERATOR, 0),
    "stylegan3": (stylegan3.GENERATOR, 0),
    "stylegan_xl": (stylegan_xl.GENERATOR, 0),
    "biggan": (biggan.GENERATOR, 0),
    "biggan_deep": (biggan_deep.GENERATOR, 0),
    "biggan_deep_hf": (biggan_deep_hf.GENERATOR, 0),
}
STYLES = tuple(name for name in FAMILIES if name.startswith("style"))
BIGS = tuple(name for name in FAMILIES if name.startswith("big"))
NOISY = tuple(name for name in FAMILIES if name.startswith("stylegan2"))
DIFFERENT = [
    *((name, {}, {"psi": 0.7}, ("psi 1 ", "psi 0.7 ", "truncation")) for name in FAMILIES),
    *((name, {"psi": 0.7}, {"psi": 0.71}, ("psi 0.7 ", "psi 0.71 ")) for name in FAMILIES),
    *((name, {}, {"latent": "w"}, ("latent z", "latent w")) for name in STYLES),
    *(
        (name, {"latent": "w+"}, {"latent": "w"}, ("latent w+", "latent w, which"))
        for name in STYLES
    ),
    *(
        (name, {"psi": 0.5}, {"psi": 0.5, "cutoff": 1}, ("cutoff 0", "cutoff 1"))
        for name in STYLES
    ),
    *((name, {}, {"noise": "random"}, ("noise const", "noise random")) for name in NOISY),
    *((name, {}, {"noise": "none"}, ("noise const", "noise none")) for name in NOISY),
    *((name, {"eps": 1e-3}, {"eps": 2e-3}, ("eps 0.001", "eps 0.002")) for name in BIGS),
]
ALIKE = [
    *((name, {}, {"psi": 1.0}) for name in FAMILIES),
    *((name, {}, {"psi": 1}) for name in FAMILIES),
    *((name, {}, {"latent": "z"}) for name in STYLES),
    *((name, {}, {"cutoff": 1}) for name in STYLES),
    *((name, {"psi": 0.5}, {"psi": 0.5, "cutoff": 0}) for name in STYLES),
    *((name, {}, {"noise": "const"}) for name in NOISY),
    ("biggan", {}, {"eps": 1e-5}),
    ("biggan_deep", {}, {"eps": 1e-5}),
    ("biggan_deep_hf", {}, {"eps": 1e-4}),
    *((name, {}, {"folded": False}) for name in BIGS),
]


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """Opens the smallest file of a family with options."""
    folder = tmp_path_factory.mktemp("files")

    def go(family, options):
        architecture, number = FAMILIES[family]
        path = folder / f"{family}.safetensors"
        if not path.exists():
            example = architecture.examples[number]()
            stream = torch.Generator().manual_seed(0)
            tensors = {
                prefix + name: _filled(tensor, stream)
                for prefix, network in example.networks.items()
                for name, tensor in network.state_dict().items()
            }
            checkpoints.write(path, tensors, example.config)
        return load_generator(path, options)

    go.digest = lambda family: checkpoints.fingerprint(folder / f"{family}.safetensors")
    return go


def _filled(tensor, stream):
    if not tensor.is_floating_point() or tensor.ndim < 2:
        return tensor
    return torch.randn(tensor.shape, generator=stream) * 0.1


def drawn(generator, count=2):
    rng = SampleRng.of(0, count, "prior")
    start = from_prior(generator, rng, chunking=CHUNKS, device=CPU)
    names = tuple(range(count))
    return Latents(start.values, start.chart, generator.id, generator.name, names)


def likeness_to_grey(generator):
    return pixels(torch.full((1, 3, *generator.image_size), 0.5))


def job(toys, generator, **changes):
    settings = {"energy": likeness_to_grey(generator), "rule": Adam(learning_rate=0.01)}
    return toys.job(generator=generator, steps=3, **settings | changes)


@pytest.mark.parametrize(("family", "one", "other", "said"), DIFFERENT)
def test_latents_refuse_their_weights_with_other_options(family, one, other, said, opened):
    first, second = opened(family, one), opened(family, other)
    assert first.id == second.id == opened.digest(family)
    latents = drawn(first)
    latents.check_generator(first)
    with pytest.raises(GeneratorMismatch) as caught:
        latents.check_generator(second)
    told = str(caught.value)
    for part in (*said, f"Load '{family}' with", "initialise new latents"):
        assert part in told


@pytest.mark.parametrize(("family", "one", "other"), ALIKE)
def test_auto_and_the_same_value_are_one(family, one, other, opened):
    first, second = opened(family, one), opened(family, other)
    assert options_of(first.id) == options_of(second.id)
    drawn(first).check_generator(second)
    drawn(second).check_generator(first)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_generator_knows_all_options_that_its_family_takes(family, opened):
    """Except for the fast form of the networks, which computes the same."""
    architecture, _ = FAMILIES[family]
    assert set(options_of(opened(family, {}).id)) == set(architecture.option_names) - {"folded"}


def test_noise_is_no_option_of_networks_without(opened, tmp_path):
    example = stylegan2.GENERATOR.examples
    found = set()
    for number, make in enumerate(example):
        made = make()
        names = [name for n in made.networks.values() for name in n.state_dict()]
        noisy = any(".noise_" in name for name in names)
        path = tmp_path / f"{number}.safetensors"
        tensors = {
            prefix + name: tensor
            for prefix, network in made.networks.items()
            for name, tensor in network.state_dict().items()
        }
        checkpoints.write(path, tensors, made.config)
        ids = [load_generator(path, {"noise": mode}).id for mode in ("const", "random", "none")]
        assert len({options_of(one)["noise"] for one in ids}) == (3 if noisy else 1)
        found.add(noisy)
    assert True in found


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


def stopped(toys, generator, latents):
    class Stop(Exception):
        pass

    def on_step(snapshot):
        if snapshot.state.step == 2:
            raise Stop

    kept = []
    with pytest.raises(Stop):
        refine(job(toys, generator), latents, on_step=on_step, on_stop=kept.append)
    return kept[0]


def test_an_interrupted_run_goes_on_with_the_same_options_alone(opened, toys, tmp_path):
    plain, truncated = opened("stylegan2", {}), opened("stylegan2", {"psi": 0.7})
    path = tmp_path / "i.safetensors"
    save_latents(path, stopped(toys, plain, drawn(plain)))
    left = load_latents(path)
    with pytest.raises(GeneratorMismatch, match=r"psi 1 .*psi 0.7 "):
        refine(job(toys, truncated), left)
    with pytest.raises(ResumeMismatch, match=r"generator psi: 1.0 then, 0.7 now"):
        left.interrupted.check(job(toys, truncated).identity())
    found, _ = refine(job(toys, opened("stylegan2", {"psi": 1.0})), left)
    whole, _ = refine(job(toys, plain), drawn(plain))
    assert torch.equal(found.values, whole.values)


def test_latents_go_through_a_file_with_their_options(opened, tmp_path):
    generator = opened("stylegan2", {"psi": 0.3, "latent": "w"})
    save_latents(tmp_path / "l.safetensors", drawn(generator))
    back = load_latents(tmp_path / "l.safetensors")
    assert back.generator == generator.id
    assert options_of(back.generator) == options_of(generator.id)
    with pytest.raises(GeneratorMismatch, match=r"psi 0\.3 "):
        back.check_generator(opened("stylegan2", {"latent": "w"}))


def forgetful(path):
    """The file as written before there were options."""
    checkpoint = checkpoints.read(path)
    config = {k: v for k, v in checkpoint.config.items() if k != "generator_options"}
    if "settings" in config:
        known = config["settings"].items()
        config["settings"] = {k: v for k, v in known if not k.startswith("generator ")}
    checkpoints.write(path, checkpoint.tensors, config)


def test_latents_of_before_open_with_a_note(opened, toys, tmp_path, caplog):
    generator = opened("stylegan2", {"psi": 0.7})
    path = tmp_path / "l.safetensors"
    save_latents(path, drawn(generator))
    forgetful(path)
    old = load_latents(path)
    assert options_of(old.generator) is None
    assert "identified by its weights alone" in belonging(old.generator, old.generator_name)
    with caplog.at_level(logging.WARNING, "latentsteer"):
        refined, _ = refine(job(toys, generator), old)
    (note,) = [record.getMessage() for record in caplog.records]
    for part in ("before the options", "weights of 'stylegan2' alone", "psi 0.7", "latent z"):
        assert part in note
    # From then on they have the options.
    caplog.clear()
    refined.check_generator(generator)
    assert not caplog.records
    with pytest.raises(GeneratorMismatch):
        refined.check_generator(opened("stylegan2", {}))
    # Other weights are refused as before, and so is another space.
    with pytest.raises(GeneratorMismatch, match="Load 'stylegan2'"):
        old.check_generator(opened("biggan", {}))
    with pytest.raises(GeneratorMismatch, match=r"points of z\[.*takes those of w\["):
        old.check_generator(opened("stylegan2", {"latent": "w"}))


def test_an_unfinished_run_of_before_goes_on_with_a_note(opened, toys, tmp_path, caplog):
    generator = opened("stylegan2", {"psi": 0.7})
    path = tmp_path / "i.safetensors"
    save_latents(path, stopped(toys, generator, drawn(generator)))
    forgetful(path)
    found, _ = refine(job(toys, generator), load_latents(path))
    whole, _ = refine(job(toys, generator), drawn(generator))
    assert torch.equal(found.values, whole.values)
    assert any("before the options" in r.getMessage() for r in caplog.records)


def test_a_translator_goes_through_a_file_with_its_options(opened, toys, tmp_path, caplog):
    clip = toys.classifier()
    generator, other = opened("stylegan3", {"latent": "w"}), opened("stylegan3", {"latent": "z"})
    translator = new_translator(generator, clip, hidden=4, components=2, seed=0)
    path = tmp_path / "t.safetensors"
    checkpoints.write(path, translator.state_dict(), translator.to_config())
    back = Translator.from_checkpoint(checkpoints.read(path))
    assert asdict(back.config) == asdict(translator.config)
    back.check(generator, clip.condition(["a"]))
    with pytest.raises(GeneratorMismatch, match=r"latent w; .*latent z.*train one"):
        back.check(other, clip.condition(["a"]))
    forgetful(path)
    old = Translator.from_checkpoint(checkpoints.read(path))
    assert not caplog.records
    old.check(other, clip.condition(["a"]))
    assert "before the options" in caplog.text


def test_generators_without_options_need_no_note(toys, caplog):
    generator = toys.generator()
    latents = toys.latents(generator, toys.normal(2, 12))
    refine(toys.job(generator=generator, steps=1), latents)
    assert not caplog.records
    assert belonging("a" * 64, "digits") == "digits, identified by its weights alone"
    assert belonging(ModelId("a" * 64, {}), "digits") == "digits"


def test_latents_that_know_and_that_do_not_stack_with_a_note(opened, caplog):
    generator = opened("stylegan2", {"psi": 0.7})
    new = drawn(generator)
    old = replace(new, generator=str(new.generator))
    for first, second in ((new, old), (old, new)):
        caplog.clear()
        both = first.stacked(second)
        assert options_of(both.generator) == options_of(generator.id)
        assert options_of(first.interpolated(second, [0.5]).generator)["psi"] == 0.7
        assert "before the options" in caplog.text
    assert options_of(old.stacked(old).generator) is None


def test_an_id_is_the_hash_and_is_copied_with_its_options():
    model = ModelId("ab", {"psi": 0.5, "latent": "z"})
    assert model == "ab"
    assert hash(model) == hash("ab")
    assert model[:1] == "a"
    for same in (copy.copy(model), copy.deepcopy(model)):
        assert (same, options_of(same)) == ("ab", {"latent": "z", "psi": 0.5})
    assert options_of("ab") is None


def test_a_composition_of_before_goes_on(opened, toys):
    """Its identity is a hash of that of the generator's weights, which has not changed."""
    generator = opened("stylegan2", {})
    made = CompositionJob(
        generator=generator,
        energy=likeness_to_grey(generator),
        features=None,
        steps=1,
        seed=0,
        rule=Adam(learning_rate=0.1),
        placements=placements([0.5])[:1],
        chunking=CHUNKS,
        device=CPU,
    )
    plain = replace(made, generator=replace(generator, id=str(generator.id)))
    one, other = (Composer(j, drawn(generator), drawn(generator)) for j in (made, plain))
    assert one.generator.id == other.generator.id
    assert options_of(one.generator.id) == options_of(generator.id)


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


def test_activations_are_told_apart_by_name():
    sha = "0" * 64
    assert chosen_differently(sha, f"{sha}-gelu") == "activation auto then, gelu now"
    assert chosen_differently(f"{sha}-quickgelu", sha) == "activation quickgelu then, auto now"
    assert not same_auxiliary(sha, f"{sha}-gelu")
    assert chosen_differently(sha, "1" * 64) == ""
