"""Contract tests of every registered generator, auxiliary, energy and rule."""

import re
from dataclasses import FrozenInstanceError

import pytest
import torch
from latentsteer.core.auxiliaries import AUXILIARIES, load_auxiliary
from latentsteer.core.auxiliary import Classifier
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.chunking import Chunking
from latentsteer.core.energies import ENERGIES
from latentsteer.core.energy import Energy
from latentsteer.core.errors import CheckpointError, DomainMismatch
from latentsteer.core.generators import ARCHITECTURES, load_generator
from latentsteer.core.refine.examples import RULES
from latentsteer.core.refine.kernel import descend, gradient
from latentsteer.core.refine.run import first_snapshot, iterate
from latentsteer.core.rng import SampleRng
from latentsteer.core.snapshot import State
from latentsteer.core.spaces import IMAGES, Block, Identity, Space
from torch import nn

from .example_files import (
    AUXILIARY_FILES,
    FILES,
    GENERATOR_FILES,
    drawn,
    loaded_generator,
    opened,
    randomised,
    tensors_of,
    written,
)

ENERGY_EXAMPLES = [pytest.param(make, id=name) for name, make in ENERGIES]
RULE_EXAMPLES = [pytest.param(make, id=name) for name, make in RULES]


def opened_as_written(architecture, path):
    """Returns the model with the original tensors of its file, which it would otherwise fold."""
    if "folded" in architecture.option_names:
        return load_generator(path, {"folded": False})
    return opened(architecture, path)


def seen_by_module(module, call):
    """Returns arguments and result of the module's last forward pass during a call."""
    seen = []
    hook = module.register_forward_hook(
        lambda _, args, kwargs, out: seen.append((args, kwargs, out)), with_kwargs=True
    )
    call()
    hook.remove()
    assert seen, "the loaded network was not called"
    return seen[-1]


def same_network(example, module):
    """Returns the example's network with the tensors of the loaded module."""
    own = module.state_dict()
    for network in example.networks.values():
        if network.state_dict().keys() == own.keys():
            return network
    raise AssertionError("no network of the example has the tensors of the loaded one")


def names_are_unique(entries):
    return len(set(entries)) == len(entries)


def test_registered_names_are_unique():
    assert names_are_unique([a.id for a in (*ARCHITECTURES, *AUXILIARIES)])
    assert names_are_unique([name for name, _ in ENERGIES])
    assert names_are_unique([name for name, _ in RULES])


@pytest.mark.parametrize(("architecture", "make"), FILES)
def test_exactly_one_architecture_recognises_an_example(architecture, make, tmp_path):
    checkpoint = checkpoints.read(written(make(), tmp_path / "model.safetensors"))
    saying_yes = [a for a in (*ARCHITECTURES, *AUXILIARIES) if a.recognises(checkpoint)]
    assert saying_yes == [architecture]


@pytest.mark.parametrize(("architecture", "make"), FILES)
def test_a_loaded_model_is_the_one_written_and_frozen(architecture, make, tmp_path):
    path = written(randomised(make()), tmp_path / "model.safetensors")
    model = opened_as_written(architecture, path)
    assert model.id == checkpoints.fingerprint(path)
    assert model.name == "model"
    written_tensors = checkpoints.read(path).tensors
    for module in model.modules:
        assert not module.training
        assert not any(parameter.requires_grad for parameter in module.parameters())
        for name, tensor in module.state_dict().items():
            assert any(
                key.endswith(name) and torch.equal(tensor, value)
                for key, value in written_tensors.items()
            ), name


@pytest.mark.parametrize(("architecture", "make"), FILES)
def test_a_file_in_half_precision_loads_as_float32(architecture, make, tmp_path):
    example = make()
    halves = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in tensors_of(example).items()
    }
    checkpoints.write(tmp_path / "model.safetensors", halves, example.config)
    model = opened(architecture, tmp_path / "model.safetensors")
    assert {p.dtype for m in model.modules for p in m.parameters()} == {torch.float32}


BESIDE = ("D.", "d.", "1.")
"""Prefixes of discriminators in files of generators; non-finite values there are accepted."""


SPOILS = ("missing", "longer", "deeper", "not finite")


def some_of(names, spoil):
    """Returns the names to spoil in one way.

    Of names that differ in numbers alone, as in repeated blocks, only the last counts; of these,
    every fourth for each way to spoil one: together they cover all kinds of tensors.
    """
    kinds = list({re.sub(r"\d+", "#", name): name for name in names}.values())
    return kinds[SPOILS.index(spoil) :: len(SPOILS)]


def assert_wrong_tensors_are_refused(architecture, make, spoil, folder, chosen):
    example = make()
    tensors = tensors_of(example)
    opener = load_generator if architecture in ARCHITECTURES else load_auxiliary
    for name in chosen(tensors, spoil):
        tensor, wrong = tensors[name], dict(tensors)
        if spoil == "missing":
            del wrong[name]
        elif not tensor.is_floating_point() or tensor.ndim == 0:
            continue
        elif spoil == "longer":
            wrong[name] = tensor.new_zeros(tensor.shape[0] + 1, *tensor.shape[1:])
        elif spoil == "deeper":
            wrong[name] = tensor[None]
        else:
            wrong[name] = torch.full_like(tensor, torch.nan)
        if spoil == "missing" and name.endswith("num_batches_tracked"):
            continue  # PyTorch accepts files without this counter
        path = folder / f"{name}.safetensors"
        checkpoints.write(path, wrong, example.config)
        if spoil == "not finite" and name.startswith(BESIDE):
            assert opener(path).discriminator is None
            continue
        with pytest.raises(CheckpointError, match=r"model|architecture|safetensors"):
            opener(path)


@pytest.mark.parametrize("spoil", SPOILS)
@pytest.mark.parametrize(("architecture", "make"), FILES)
def test_wrong_tensors_are_a_checkpoint_error(architecture, make, spoil, tmp_path):
    """Each kind of tensor in one way; the slow test has every tensor in every way."""
    assert_wrong_tensors_are_refused(architecture, make, spoil, tmp_path, some_of)


@pytest.mark.slow
@pytest.mark.parametrize("spoil", SPOILS)
@pytest.mark.parametrize(("architecture", "make"), FILES)
def test_each_wrong_tensor_is_a_checkpoint_error(architecture, make, spoil, tmp_path):
    assert_wrong_tensors_are_refused(
        architecture, make, spoil, tmp_path, lambda names, spoil: list(names)
    )


@pytest.mark.parametrize(("architecture", "make"), FILES)
def test_left_over_tensors_are_a_checkpoint_error(architecture, make, tmp_path):
    example = make()
    for prefix in example.networks:
        extra = tensors_of(example) | {f"{prefix}stowaway": torch.zeros(1)}
        checkpoints.write(tmp_path / "model.safetensors", extra, example.config)
        with pytest.raises(CheckpointError, match="stowaway"):
            opened(architecture, tmp_path / "model.safetensors")


def test_a_file_of_no_known_architecture_lists_what_it_has_and_what_is_known(tmp_path):
    path = tmp_path / "other.safetensors"
    checkpoints.write(path, {"strange.weight": torch.zeros(2)})
    with pytest.raises(CheckpointError) as caught:
        load_generator(path)
    for part in ("other.safetensors", "1 tensors", "`strange.weight`", ARCHITECTURES[0].id):
        assert part in str(caught.value)


# Generators


@pytest.mark.parametrize(("architecture", "make"), GENERATOR_FILES)
def test_a_loaded_generator_computes_what_its_example_does(architecture, make, tmp_path):
    example, generator = loaded_generator(architecture, make, tmp_path)
    z = drawn(generator, 3)
    args, kwargs, out = seen_by_module(
        generator.module, lambda: generator(z, SampleRng.of(1, len(z)))
    )
    written_module = opened_as_written(architecture, tmp_path / "model.safetensors").module
    torch.testing.assert_close(same_network(example, written_module)(*args, **kwargs), out)
    assert generator.architecture == architecture.id


@pytest.mark.parametrize(("architecture", "make"), GENERATOR_FILES)
def test_a_generator_makes_colour_images_in_range(architecture, make, tmp_path):
    _, generator = loaded_generator(architecture, make, tmp_path)
    images = generator(drawn(generator, 5), SampleRng.of(1, 5))
    assert images.shape == (5, 3, *generator.image_size)
    assert images.min() >= 0
    assert images.max() <= 1
    assert images.std() > 0


@pytest.mark.parametrize(("architecture", "make"), GENERATOR_FILES)
def test_a_generators_gradient_reaches_every_block_of_its_latents(architecture, make, tmp_path):
    _, generator = loaded_generator(architecture, make, tmp_path)
    z = drawn(generator, 3).requires_grad_()
    (slope,) = torch.autograd.grad(generator(z, SampleRng.of(1, 3)).square().sum(), z)
    for part in generator.source.split(slope).values():
        assert bool((part.flatten(1).norm(dim=1) > 0).all())


@pytest.mark.bits
@pytest.mark.parametrize(("architecture", "make"), GENERATOR_FILES)
def test_in_fixed_chunks_a_generators_samples_are_the_same_in_any_batch(
    architecture, make, tmp_path
):
    """Bit for bit: draws, images and their gradient, alone and at another place."""
    _, generator = loaded_generator(architecture, make, tmp_path)

    def slopes(z, rng):
        leaf = z.detach().requires_grad_()
        images = generator(leaf, rng)
        return images.detach(), torch.autograd.grad(images.square().sum(), leaf)[0]

    def seen(samples):
        rng = SampleRng.of(1, samples)
        z = generator.prior.sample(rng, torch.empty(0))
        return z, *Chunking(4, padded=True).apply_random(slopes, z, rng)

    whole = seen(range(6))
    for samples in ([5], [4, 1, 0]):
        for found, every in zip(seen(samples), whole, strict=True):
            assert torch.equal(found, every[samples])


@pytest.mark.parametrize(("architecture", "make"), GENERATOR_FILES)
def test_a_generators_samples_do_not_see_each_other(architecture, make, tmp_path):
    _, generator = loaded_generator(architecture, make, tmp_path)
    z = drawn(generator, 4)
    together = generator(z, SampleRng.of(1, 4))
    for row in range(4):
        alone = generator(z[row : row + 1], SampleRng.of(1, [row]))
        torch.testing.assert_close(alone[0], together[row], atol=1e-5, rtol=0)
    assert not torch.allclose(together[0], together[1])


@pytest.mark.parametrize(("architecture", "make"), GENERATOR_FILES)
def test_a_generator_refuses_points_of_another_space(architecture, make, tmp_path):
    _, generator = loaded_generator(architecture, make, tmp_path)
    with pytest.raises(DomainMismatch, match=str(generator.source.dim)):
        generator(torch.zeros(2, generator.source.dim + 1), SampleRng.of(0, 2))


@pytest.mark.parametrize(("architecture", "make"), GENERATOR_FILES)
def test_a_discriminator_gives_a_logit_per_image(architecture, make, tmp_path):
    _, generator = loaded_generator(architecture, make, tmp_path)
    if generator.discriminator is None:
        pytest.skip("without discriminator")
    images = generator(drawn(generator, 3), SampleRng.of(1, 3)).requires_grad_()
    logits = generator.discriminator.logits(images)
    assert logits.shape == (3,)
    assert generator.discriminator.features(images).shape[0] == 3
    (slope,) = torch.autograd.grad(logits.sum(), images)
    assert bool((slope.flatten(1).norm(dim=1) > 0).all())


# Auxiliaries


@pytest.mark.parametrize(("architecture", "make"), AUXILIARY_FILES)
def test_a_loaded_auxiliary_computes_what_its_example_does(architecture, make, tmp_path):
    example = randomised(make())
    model = opened(architecture, written(example, tmp_path / "model.safetensors"))
    images = torch.rand(3, 3, 28, 28, generator=torch.Generator().manual_seed(0))
    (module,) = model.modules
    args, kwargs, out = seen_by_module(module, lambda: model.embed(images))
    torch.testing.assert_close(same_network(example, module)(*args, **kwargs), out)


@pytest.mark.parametrize("size", [(28, 28), (20, 33)])
@pytest.mark.parametrize(("architecture", "make"), AUXILIARY_FILES)
def test_an_auxiliary_embeds_images_of_any_size(architecture, make, size, tmp_path):
    model = opened(architecture, written(randomised(make()), tmp_path / "model.safetensors"))
    images = torch.rand(4, 3, *size, generator=torch.Generator().manual_seed(0))
    together = model.embed(images)
    assert together.shape == (4, model.embed_dim)
    for row in range(4):
        alone = model.embed(images[row : row + 1])
        torch.testing.assert_close(alone[0], together[row], atol=1e-5, rtol=1e-5)
    images.requires_grad_()
    (slope,) = torch.autograd.grad(model.embed(images)[:, 0].abs().log().sum(), images)
    assert bool((slope.flatten(1).norm(dim=1) > 0).all())


@pytest.mark.parametrize(("architecture", "make"), AUXILIARY_FILES)
def test_a_classifiers_embedding_is_a_law_over_its_classes(architecture, make, tmp_path):
    model = opened(architecture, written(randomised(make()), tmp_path / "model.safetensors"))
    images = torch.rand(4, 3, 28, 28, generator=torch.Generator().manual_seed(0))
    if not isinstance(model, Classifier):
        pytest.skip("no classifier")
    law = model.embed(images)
    torch.testing.assert_close(law.sum(dim=1), torch.ones(4))
    torch.testing.assert_close(law.log(), model.logits(images).log_softmax(dim=1))
    assert len(model.classes) == model.embed_dim == len(set(model.classes))


@pytest.mark.parametrize(("architecture", "make"), AUXILIARY_FILES)
def test_a_file_that_names_too_few_classes_is_refused(architecture, make, tmp_path):
    example = make()
    if not isinstance(
        opened(architecture, written(example, tmp_path / "m.safetensors")), Classifier
    ):
        pytest.skip("no classifier")
    checkpoints.write(tmp_path / "m.safetensors", tensors_of(example), {"classes": ["one"]})
    with pytest.raises(CheckpointError, match="names 1 classes"):
        opened(architecture, tmp_path / "m.safetensors")


# Energies


@pytest.fixture(params=ENERGY_EXAMPLES)
def example64(request):
    """Returns an energy and its points in float64."""
    example = request.param()
    for module in example.energy.modules:
        module.double()
    return example.energy, example.points.double()


def streams(points):
    return SampleRng.of(0, len(points), "contract")


def draws(energy, points):
    """Whether the energy is random: a second evaluation then differs from the first."""
    rng = streams(points)
    before = rng.state()
    energy(points, rng)
    return not torch.equal(rng.state(), before)


def test_an_energy_is_one_finite_number_per_sample(example64):
    energy, points = example64
    values = energy(points, streams(points))
    assert values.shape == (len(points),)
    assert bool(values.isfinite().all())
    assert values.std() > 0


@pytest.mark.bits
@pytest.mark.parametrize("make", ENERGY_EXAMPLES)
def test_in_fixed_chunks_an_energys_samples_are_the_same_in_any_batch(make):
    """Bit for bit: value and gradient, alone and at another place, with its condition."""
    example = make()
    energy, points = example.energy, example.points
    if energy.coupled:
        pytest.skip("couples its samples")

    def slopes(v, rng):
        leaf = v.detach().requires_grad_()
        values = energy(leaf, rng)
        return values.detach(), torch.autograd.grad(values.sum(), leaf)[0]

    def seen(samples):
        rng = streams(points).taken(samples)
        return Chunking(8, padded=True).apply_random(slopes, points[samples], rng)

    every = list(range(len(points)))
    whole = seen(every)
    for samples in ([2], [1, 0], every[::-1]):
        for found, among in zip(seen(samples), whole, strict=True):
            assert torch.equal(found, among[samples])


def test_an_energys_samples_do_not_see_each_other(example64):
    energy, points = example64
    if energy.coupled:
        pytest.skip("couples its samples")
    together = energy(points, streams(points))
    for row in range(len(points)):
        alone = energy(points[row : row + 1], streams(points).part(row, row + 1))
        torch.testing.assert_close(alone[0], together[row], rtol=1e-10, atol=1e-12)


def test_an_energys_gradient_is_its_finite_difference(example64, toys):
    energy, points = example64
    points.requires_grad_()
    (slope,) = torch.autograd.grad(energy(points, streams(points)).sum(), points)
    step = 1e-5
    for seed in range(5):
        along = toys.normal(*points.shape, seed=seed, dtype=torch.float64)
        ahead, behind = (
            energy(points.detach() + h * along, streams(points)).sum() for h in (step, -step)
        )
        expected = (ahead - behind) / (2 * step)
        torch.testing.assert_close((slope * along).sum(), expected, rtol=1e-6, atol=1e-7)


def test_energies_add_and_scale(example64):
    energy, points = example64
    if draws(energy, points):
        pytest.skip("its terms draw one after the other")
    alone = energy(points, streams(points))
    both = energy + 0.25 * energy
    torch.testing.assert_close(both(points, streams(points)), 1.25 * alone)
    torch.testing.assert_close((3 * (2 * energy))(points, streams(points)), 6 * alone)
    assert [leaf.label for leaf in both.leaves()] == [leaf.label for leaf in energy.leaves()] * 2
    assert both.modules == energy.modules
    readings = list(both.read(points, streams(points)))
    total = sum(reading.weight * reading.values for reading in readings)
    torch.testing.assert_close(total, 1.25 * alone)


def domain_of(energy: Energy):
    (domain,) = {term.domain for _, term in energy.terms}
    return domain


def lift_to(energy, points, toys):
    source = Space((Block("parameters", (points[0].numel(),)),))
    shape = points.shape[1:]
    return toys.lift(source, domain_of(energy), lambda v: v.sin().reshape(-1, *shape) * 0.5 + 0.5)


def test_an_energy_pulled_back_is_the_energy_of_the_maps_value(example64, toys):
    energy, points = example64
    chart = lift_to(energy, points, toys)
    pulled = energy.pullback(chart)
    v = toys.normal(len(points), chart.source.dim, dtype=torch.float64)
    expected = energy(chart(v, streams(points)), streams(points))
    torch.testing.assert_close(pulled(v, streams(points)), expected)
    assert domain_of(pulled) == chart.source
    assert [leaf.label for leaf in pulled.leaves()] == [leaf.label for leaf in energy.leaves()]
    assert pulled.modules == energy.modules
    assert pulled.coupled == energy.coupled


def test_pulling_back_along_the_identity_changes_nothing(example64, toys):
    energy, points = example64
    chart = Identity(lift_to(energy, points, toys).source)
    pulled = energy.pullback(lift_to(energy, points, toys))
    assert pulled.pullback(chart) == pulled


def test_pullback_is_linear(example64, toys):
    energy, points = example64
    if draws(energy, points):
        pytest.skip("its terms draw one after the other")
    chart = lift_to(energy, points, toys)
    v = toys.normal(len(points), chart.source.dim, dtype=torch.float64)
    left = (2 * energy + energy).pullback(chart)
    right = 2 * energy.pullback(chart) + energy.pullback(chart)
    torch.testing.assert_close(left(v, streams(points)), right(v, streams(points)))


def test_a_pullback_evaluates_its_map_once_for_all_terms(example64, toys):
    energy, points = example64
    chart = lift_to(energy, points, toys)
    calls = []
    counting = toys.lift(
        chart.source, chart.target, lambda v: calls.append(1) or chart.function(v)
    )
    v = toys.normal(len(points), chart.source.dim, dtype=torch.float64)
    (energy + energy).pullback(counting)(v, streams(points))
    assert len(calls) == 1


def test_an_energy_refuses_points_of_another_domain(example64, toys):
    energy, points = example64
    wrong = torch.zeros(len(points), 7, 5, dtype=torch.float64)
    with pytest.raises(DomainMismatch, match="Pull the energy back"):
        energy(wrong, streams(points))
    other = Space((Block("other", (3,)),))
    target = IMAGES if isinstance(domain_of(energy), Space) else other
    with pytest.raises(DomainMismatch, match="Build the term"):
        energy.pullback(toys.lift(Space((Block("u", (2,)),)), target, lambda v: v))


def test_an_energy_is_written_as_its_weighted_terms(example64):
    energy, _ = example64
    text = str(0.5 * energy)
    assert text.count("0.5·") == len(energy.terms)
    for leaf in energy.leaves():
        assert str(leaf) in text


def test_an_energys_signature_tells_it_from_others(example64):
    energy, _ = example64
    assert energy.signature() == (energy + Energy(())).signature()
    assert energy.signature() != (2 * energy).signature()
    assert energy.signature() != (energy + energy).signature()


# Rules

SPACE = Space((Block("first", (2,), -2.5, 2.5), Block("second", (2, 2), -2.5, 2.5)))


def bowl(toys):
    return toys.energy_of(lambda v: v.square().sum(dim=1) / 2, SPACE)


def kernel_of(make, toys, project=None):
    return descend(gradient(bowl(toys)), make(SPACE), project=project)


def run_of(kernel, position, rng, steps):
    *_, last = iterate(kernel, first_snapshot(kernel, position, rng), steps, rng)
    return last


@pytest.mark.parametrize("make", RULE_EXAMPLES)
def test_what_a_rule_remembers_has_a_row_per_sample(make):
    position = torch.ones(5, SPACE.dim)
    memory = make(SPACE).init(position)
    assert all(len(value) == 5 for value in memory.values())


@pytest.mark.parametrize("make", RULE_EXAMPLES)
def test_a_step_makes_a_new_state_and_writes_to_none(make, toys):
    kernel = kernel_of(make, toys)
    rng = SampleRng.of(0, 3)
    state = kernel.init(toys.normal(3, SPACE.dim))
    state, _ = kernel.step(state, rng)
    kept = {name: value.clone() for name, value in state.memory.items()}
    position = state.position.clone()
    following, info = kernel.step(state, rng)
    assert torch.equal(state.position, position)
    assert all(torch.equal(state.memory[name], kept[name]) for name in kept)
    assert following.memory.keys() == kept.keys()
    changed = any(not torch.equal(following.memory[name], kept[name]) for name in kept)
    assert changed or not kept
    assert (state.step, following.step) == (1, 2)
    assert info.energy.shape == info.gradient_norm.shape == (3,)
    torch.testing.assert_close(info.energy, position.square().sum(dim=1) / 2)
    torch.testing.assert_close(info.gradient_norm, position.norm(dim=1))
    with pytest.raises(FrozenInstanceError):
        state.step = 7
    assert isinstance(following, State)


@pytest.mark.parametrize("make", RULE_EXAMPLES)
def test_a_rule_lowers_a_quadratic(make, toys):
    start = toys.normal(8, SPACE.dim).clamp(0.5, 2)
    energy, rng, kernel = bowl(toys), SampleRng.of(0, 8), kernel_of(make, toys)
    state = kernel.init(start)
    for _ in range(300):
        state, _ = kernel.step(state, rng)
    before, after = energy(start, rng), energy(state.position, rng)
    # Langevin at beta = 200 keeps E = 6 / (2 beta) = 0.015 on average, 0.06 at worst.
    assert bool((after < before / 5).all())
    assert after.mean() < 0.05


@pytest.mark.bits
@pytest.mark.parametrize("make", RULE_EXAMPLES)
def test_a_batch_under_a_rule_equals_its_members(make, toys):
    start = toys.normal(5, SPACE.dim)
    kernel = kernel_of(make, toys)
    together = run_of(kernel, start, SampleRng.of(4, 5), 20).state
    for row in range(5):
        alone = run_of(kernel, start[row : row + 1], SampleRng.of(4, [row]), 20).state
        assert torch.equal(alone.position[0], together.position[row])
        for name, value in alone.memory.items():
            assert torch.equal(value[0], together.memory[name][row])


@pytest.mark.parametrize("make", RULE_EXAMPLES)
def test_a_rules_positions_stay_within_the_projection(make, toys):
    pushed = toys.energy_of(lambda v: -v.sum(dim=1), SPACE)
    kernel = descend(gradient(pushed), make(SPACE), project=SPACE.clamp)
    free = descend(gradient(pushed), make(SPACE))
    start, rng = torch.full((3, SPACE.dim), 2.4), SampleRng.of(0, 3)
    assert run_of(free, start, rng, 30).state.position.max() > 2.5
    for snapshot in iterate(kernel, first_snapshot(kernel, start, rng), 30, rng):
        assert snapshot.state.position.max() <= 2.5
        assert snapshot.state.position.min() >= -2.5


@pytest.mark.bits
@pytest.mark.parametrize("make", RULE_EXAMPLES)
def test_a_rules_state_goes_through_a_file(make, toys, tmp_path):
    kernel = kernel_of(make, toys)
    start, rng = toys.normal(4, SPACE.dim), SampleRng.of(2, 4)
    whole = run_of(kernel, start, rng, 12).state
    half = run_of(kernel, start, rng, 5)
    tensors = {f"memory.{name}": value for name, value in half.state.memory.items()}
    path = tmp_path / "state.safetensors"
    checkpoints.write(
        path, tensors | {"position": half.state.position, "rng": half.rng_state}, {"step": 5}
    )
    read = checkpoints.read(path)
    memory = {
        name.removeprefix("memory."): value
        for name, value in read.tensors.items()
        if name.startswith("memory.")
    }
    state = State(read.tensors["position"], memory, read.config["step"])
    streams = rng.restored(read.tensors["rng"])
    while state.step < 12:
        state, _ = kernel.step(state, streams)
    assert torch.equal(state.position, whole.position)
    assert all(torch.equal(state.memory[name], whole.memory[name]) for name in whole.memory)


@pytest.mark.parametrize("make", RULE_EXAMPLES)
def test_a_rule_takes_the_networks_in_chunks(make, toys):
    start = toys.normal(5, SPACE.dim, dtype=torch.float64)
    rng = SampleRng.of(4, 5)
    whole = run_of(kernel_of(make, toys), start, rng, 10).state.position
    for chunking in (Chunking(2, padded=True), Chunking(3, padded=False)):
        kernel = descend(gradient(bowl(toys), chunking), make(SPACE))
        parts = run_of(kernel, start, rng, 10).state.position
        torch.testing.assert_close(parts, whole, rtol=0, atol=1e-12)


def test_the_examples_networks_are_plain_modules():
    for param in FILES:
        networks = param.values[1]().networks
        assert networks
        assert all(isinstance(network, nn.Module) for network in networks.values())
