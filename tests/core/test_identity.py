"""Identity of models: their weights, and the options that change their map."""

import copy

import pytest
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.errors import GeneratorMismatch
from latentsteer.core.generators import load_generator
from latentsteer.core.generators.stylegan import stylegan2
from latentsteer.core.identity import (
    ModelId,
    belonging,
    chosen_differently,
    options_of,
    same_auxiliary,
)
from latentsteer.core.refine.refinement import refine

from .option_files import FAMILIES, drawn

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


def test_generators_without_options_need_no_note(toys, caplog):
    generator = toys.generator()
    latents = toys.latents(generator, toys.normal(2, 12))
    refine(toys.job(generator=generator, steps=1), latents)
    assert not caplog.records
    assert belonging("a" * 64, "digits") == "digits, identified by its weights alone"
    assert belonging(ModelId("a" * 64, {}), "digits") == "digits"


def test_an_id_is_the_hash_and_is_copied_with_its_options():
    model = ModelId("ab", {"psi": 0.5, "latent": "z"})
    assert model == "ab"
    assert hash(model) == hash("ab")
    assert model[:1] == "a"
    for same in (copy.copy(model), copy.deepcopy(model)):
        assert (same, options_of(same)) == ("ab", {"latent": "z", "psi": 0.5})
    assert options_of("ab") is None


def test_activations_are_told_apart_by_name():
    sha = "0" * 64
    assert chosen_differently(sha, f"{sha}-gelu") == "activation auto then, gelu now"
    assert chosen_differently(f"{sha}-quickgelu", sha) == "activation quickgelu then, auto now"
    assert not same_auxiliary(sha, f"{sha}-gelu")
    assert chosen_differently(sha, "1" * 64) == ""
