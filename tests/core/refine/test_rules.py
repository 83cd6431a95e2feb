"""Adam, the schedules, and how rules combine."""

import math

import pytest
import torch
from latentsteer.core.errors import InvalidInput
from latentsteer.core.refine.kernel import Step, descend, gradient
from latentsteer.core.refine.rules import Adam, ByBlock, Chain, ClipNorm, Langevin
from latentsteer.core.refine.schedule import Schedule
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import Block, Space


def bumpy(v):
    return (v.cos() + 0.1 * v.square() + v.roll(1, 1) * v).sum(dim=1)


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.0, 0.9), (0.5, 0.0)])
@pytest.mark.parametrize("final", [None, 0.1])
def test_adam_is_torchs_adam(betas, final, toys):
    start = toys.normal(3, 5, dtype=torch.float64)
    factor = Schedule("cosine", 50, final) if final is not None else Schedule("constant", 50, 0)
    parameter = start.clone().requires_grad_()
    theirs = torch.optim.Adam([parameter], lr=0.02, betas=betas, eps=1e-6)
    rates = torch.optim.lr_scheduler.LambdaLR(theirs, factor)
    rule = Adam(learning_rate=0.02, betas=betas, epsilon=1e-6, step_schedule=factor)
    kernel = descend(gradient(toys.energy_of(bumpy, toys.vectors(5))), rule)
    state, rng = kernel.init(start), SampleRng.of(0, 3)
    for _ in range(50):
        theirs.zero_grad()
        bumpy(parameter).sum().backward()
        theirs.step()
        rates.step()
        state, _ = kernel.step(state, rng)
        torch.testing.assert_close(state.position, parameter.detach(), rtol=0, atol=1e-12)
    assert (state.position - start).abs().min() > 0.01


@pytest.mark.parametrize(
    "wrong", [{"learning_rate": 0.0}, {"epsilon": 0.0}, {"betas": (1.0, 0.9)}, {"betas": (0, -1)}]
)
def test_adam_refuses_numbers_out_of_range(wrong):
    with pytest.raises(InvalidInput, match="expected a number in"):
        Adam(**wrong)


@pytest.mark.parametrize(("name", "middle"), [("constant", 1.0), ("linear", 0.6), ("cosine", 0.6)])
def test_a_schedule_goes_from_one_to_its_final_factor(name, middle):
    factor = Schedule(name, 11, 0.2)
    assert factor(0) == pytest.approx(1)
    assert factor(5) == pytest.approx(middle)
    assert factor(10) == pytest.approx(1 if name == "constant" else 0.2)
    assert factor(15) == pytest.approx(factor(10))


def test_a_cosine_is_flat_at_its_ends_and_a_line_is_even():
    line, cosine = Schedule("linear", 101, 0), Schedule("cosine", 101, 0)
    assert [1 - line(25), 1 - cosine(25)] == pytest.approx(
        [0.25, 0.5 - 0.5 * math.cos(math.pi / 4)]
    )


def test_a_schedule_of_one_step_is_one():
    assert Schedule("linear", 1, 0.5)(0) == 1


@pytest.mark.parametrize("final", [-0.1, math.inf, math.nan])
def test_a_schedules_final_factor_is_a_number_of_at_least_0(final):
    with pytest.raises(InvalidInput, match="Final factor"):
        Schedule("linear", 10, final)


def at(position, index=0):
    return Step(index, position, SampleRng.of(0, len(position)))


def test_clipping_shortens_long_directions_alone():
    vector = torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]])
    clipped, memory = ClipNorm(1.0).update(vector, {}, at(vector))
    torch.testing.assert_close(clipped, torch.tensor([[0.6, 0.8], [0.3, 0.4], [0.0, 0.0]]))
    assert memory == {}
    with pytest.raises(InvalidInput, match="limit"):
        ClipNorm(0.0)


def test_a_chain_feeds_each_rule_what_the_last_one_gave(toys):
    vector = 10 * toys.normal(3, 4)
    plain = Langevin(
        step_size=0.01, inverse_temperature=5, noise_schedule=toys.schedule(lambda step: 0.0)
    )
    chained = Chain((ClipNorm(0.5), ClipNorm(1.0), plain))
    moved, memory = chained.update(vector, chained.init(vector), at(vector))
    short = vector / vector.norm(dim=1, keepdim=True) * 0.5
    expected, _ = plain.update(short, plain.init(vector), at(vector))
    torch.testing.assert_close(moved, expected)
    torch.testing.assert_close(memory["2/velocity"], short)


def test_each_block_moves_by_its_own_rule(toys):
    space = Space((Block("a", (2,)), Block("b", (3,))))
    vector = toys.normal(4, 5)
    rules = {"a": Adam(), "b": Langevin(inverse_temperature=3.0)}
    joint = ByBlock(space, rules)
    moved, memory = joint.update(vector, joint.init(vector), at(vector))
    left, _ = rules["a"].update(vector[:, :2], rules["a"].init(vector[:, :2]), at(vector))
    right, _ = rules["b"].update(vector[:, 2:], rules["b"].init(vector[:, 2:]), at(vector))
    assert torch.equal(moved, torch.cat([left, right], dim=1))
    assert set(memory) == {"a/mean", "a/square", "b/velocity"}
    with pytest.raises(InvalidInput, match="'a', 'b'"):
        ByBlock(space, {"a": Adam()})
