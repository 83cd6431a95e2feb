"""What every registered rule satisfies, new ones included."""

from dataclasses import FrozenInstanceError

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.chunking import Chunking
from latentsteer.core.refine.examples import RULES
from latentsteer.core.refine.kernel import descend, gradient
from latentsteer.core.refine.run import first_snapshot, iterate
from latentsteer.core.rng import SampleRng
from latentsteer.core.snapshot import State
from latentsteer.core.spaces import Block, Space

RULE_EXAMPLES = [pytest.param(make, id=name) for name, make in RULES]
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
