"""The contract of every refiner once it is bound to an energy."""

import pytest
import torch
from latentsteer.core.charts import MixtureOfBasis
from latentsteer.core.chunking import ALL_AT_ONCE, Chunking
from latentsteer.core.errors import InvalidInput
from latentsteer.core.refine.cma_es import CmaEs
from latentsteer.core.refine.examples import REFINERS
from latentsteer.core.refine.first_order import FirstOrder
from latentsteer.core.refine.kernel import Refiner
from latentsteer.core.refine.rules import Adam, ByBlock, Descent
from latentsteer.core.refine.run import first_snapshot, iterate
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import Block, Identity, Space

SPACE = Space((Block("z", (2,), -2.5, 2.5), Block("y", (3,), -2.5, 2.5, role="class")))
CHARTS = {"points": Identity(SPACE), "basis": MixtureOfBasis(SPACE, 2, ("z", "y"), "linear")}


@pytest.fixture(params=[pytest.param(one, id=name) for name, one in REFINERS])
def refiner(request):
    if isinstance(request.param, CmaEs):
        pytest.importorskip("cmaes", reason="cmaes is not installed")
    return request.param


@pytest.fixture(params=CHARTS)
def chart(request):
    return CHARTS[request.param]


def bowl(toys, chart, pull=0.0):
    def function(v):
        return (v.square() / 2 - pull * v).sum(dim=1)

    return toys.energy_of(function, SPACE).pullback(chart)


def start(toys, chart, count=4):
    if isinstance(chart, Identity):
        return toys.normal(count, SPACE.dim).clamp(-2, 2)
    basis = {"z": toys.normal(count, 2, 2, seed=1), "y": toys.normal(count, 2, 3, seed=2)}
    return chart.start(basis, torch.full((count, 2), 0.5), {})


def ended(kernel, position, rng, steps):
    *_, last = iterate(kernel, first_snapshot(kernel, position, rng), steps, rng)
    return last


def test_a_refiner_lowers_an_energy(refiner, chart, toys):
    assert isinstance(refiner, Refiner)
    energy, first, rng = bowl(toys, chart), start(toys, chart), SampleRng.of(0, 4)
    last = ended(refiner.bind(energy, chart, ALL_AT_ONCE), first, rng, 40)
    before, after = energy(first, rng), energy(last.state.position, rng)
    assert float(after.mean()) < float(before.mean()) / 2


def test_positions_stay_within_the_projection(refiner, chart, toys):
    def project(v):
        return v.clamp(-1.5, 1.5)

    energy, first, rng = (
        bowl(toys, chart, pull=50.0),
        project(start(toys, chart)),
        SampleRng.of(0, 4),
    )
    kernel = refiner.bind(energy, chart, ALL_AT_ONCE, project)
    for snapshot in iterate(kernel, first_snapshot(kernel, first, rng), 20, rng):
        assert float(snapshot.state.position.abs().max()) <= 1.5
    free = ended(refiner.bind(energy, chart, ALL_AT_ONCE), first, rng, 20).state.position
    assert float(free.abs().max()) > 1.5


def test_a_step_writes_to_nothing_and_its_memory_has_a_row_per_sample(refiner, chart, toys):
    kernel, rng = refiner.bind(bowl(toys, chart), chart, ALL_AT_ONCE), SampleRng.of(0, 4)
    state, _ = kernel.step(kernel.init(start(toys, chart)), rng)
    kept = {name: value.clone() for name, value in state.memory.items()}
    position = state.position.clone()
    following, info = kernel.step(state, rng)
    assert torch.equal(state.position, position)
    assert all(torch.equal(state.memory[name], kept[name]) for name in kept)
    assert following.memory.keys() == kept.keys()
    assert all(len(value) == 4 for value in following.memory.values())
    assert (state.step, following.step) == (1, 2)
    torch.testing.assert_close(info.energy, bowl(toys, chart)(position, rng))


@pytest.mark.bits
def test_a_batch_equals_its_members(refiner, chart, toys):
    first = start(toys, chart)
    kernel = refiner.bind(bowl(toys, chart), chart, Chunking(4, padded=True))
    together = ended(kernel, first, SampleRng.of(4, 4), 6).state
    for row in range(4):
        alone = ended(kernel, first[row : row + 1], SampleRng.of(4, [row]), 6).state
        assert torch.equal(alone.position[0], together.position[row])
        assert all(torch.equal(alone.memory[n][0], together.memory[n][row]) for n in alone.memory)


def test_weights_and_classes_move_by_the_second_rule():
    """By role, independent of the name; a basis moves like a latent."""
    refiner = FirstOrder(Descent(), weights=Adam())
    blocks = (("a", "latent"), ("b", "class"), ("c", "weights"))
    named = refiner.on(Space(tuple(Block(name, (1,), role=role) for name, role in blocks)))
    assert isinstance(named, ByBlock)
    assert named.rules == {"a": Descent(), "b": Adam(), "c": Adam()}
    over = refiner.on(CHARTS["basis"].source)
    assert over.rules == {
        "z.basis": Descent(),
        "z.weights": Adam(),
        "y.basis": Descent(),
        "y.weights": Adam(),
    }
    assert FirstOrder(Descent()).on(SPACE).rules == {"z": Descent(), "y": Descent()}


@pytest.mark.parametrize("limit", [-1.0, float("nan"), float("inf")])
def test_a_limit_without_sense_is_refused(limit):
    with pytest.raises(InvalidInput, match=r"limit is .*; expected a number in"):
        FirstOrder(Adam(), clip_norm=limit)
