"""The dynamic barrier, FuseDream eq. (6): its guarantee, and its behaviour on quadratics."""

from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
import torch
from latentsteer.core.chunking import ALL_AT_ONCE, Chunking
from latentsteer.core.energy import Energy
from latentsteer.core.errors import InvalidInput
from latentsteer.core.refine.barrier import Barrier, DynamicBarrier, combined, falls
from latentsteer.core.refine.kernel import descend, gradient
from latentsteer.core.refine.rules import Adam
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import Block, Space
from latentsteer.core.terms import Term

DIM, PAIRS = 6, 32
SPACE = Space((Block("a", (2,)), Block("b", (DIM - 2,))))
STATIONARY = 0.23
"""Of |grad s| / |grad l|. A step eps lowers E if <grad E, v> >= eps L |v|^2 / 2; with beta = 1 and
eps = 0.1 / L that holds wherever |grad s| >= sqrt(0.05 / 0.95) |grad l| = 0.2294 |grad l|."""


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def dot(a, b):
    return (a * b).sum(dim=1)


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0, 7.0])
@pytest.mark.parametrize("size", [1.0, 1e-8, 1e8])
def test_the_primary_falls_at_least_as_fast_as_promised(beta, size):
    down, other = normal(2000, 37), size * normal(2000, 37, seed=1)
    other[:500] -= 3 * size * down[:500]  # against each other
    other[500:600] = -size * down[500:600]  # wholly
    v = combined(Barrier(beta=beta), down, other)
    promised = beta * dot(down, down)
    slack = 1e-12 * (dot(down, down) + down.norm(dim=1) * other.norm(dim=1))
    assert bool((dot(down, v) >= promised - slack).all())
    # Where the secondary alone is sufficient, it is unchanged.
    free = dot(down, other) >= promised
    assert torch.equal(v[free], other[free])
    assert torch.allclose(dot(down, v)[~free], promised[~free], rtol=1e-9, atol=slack.max())


def test_it_is_the_paper_s_formula():
    s, l = -normal(100, 9), normal(100, 9, seed=1)
    lam = ((0.7 * dot(s, s) + dot(l, s)) / dot(s, s)).clamp_min(0)
    assert torch.allclose(combined(Barrier(beta=0.7), -s, l), l - lam[:, None] * s)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_without_a_primary_gradient_the_secondary_is_followed(dtype):
    other = normal(3, 5, dtype=dtype)
    v = combined(Barrier(), torch.zeros_like(other), other)
    assert torch.equal(v, other)


@pytest.mark.parametrize("size", [1e-30, 1e-44, 1e30])
def test_gradients_whose_square_leaves_the_float_type(size):
    down, other = size * normal(8, 5, dtype=torch.float32), normal(8, 5, seed=1).float()
    v = combined(Barrier(), down, other)
    assert bool(v.isfinite().all())
    unit = down.double() / down.double().norm(dim=1, keepdim=True)
    assert bool((dot(unit, v.double()) >= -1e-6).all())


def test_rows_do_not_see_each_other():
    down, other = normal(5, 7), normal(5, 7, seed=1)
    alone = [combined(Barrier(), a[None], b[None]) for a, b in zip(down, other, strict=True)]
    assert torch.allclose(combined(Barrier(), down, other), torch.cat(alone), rtol=1e-14)


def test_the_ablations():
    down, other = normal(50, 4), normal(50, 4, seed=1)
    assert torch.equal(combined(Barrier("primary only"), down, other), down)
    linear = combined(Barrier("linear", weight=0.3), down, other)
    assert torch.allclose(linear, 0.3 * down + 0.7 * other)
    inverse = combined(Barrier("inverse bi-level", beta=2.0), down, other)
    assert torch.equal(inverse, combined(Barrier(beta=2.0), other, down))


@pytest.mark.parametrize("method", ["bi-level", "linear", "inverse bi-level"])
def test_the_unit_multiplies_the_secondary(method):
    down, other = normal(50, 4), normal(50, 4, seed=1)
    v = combined(Barrier(method, unit=0.1), down, other)
    assert torch.allclose(v, combined(Barrier(method), down, 0.1 * other))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"beta": -1.0}, "beta is -1.0; expected a number of at least 0"),
        ({"beta": float("nan")}, "beta is nan"),
        ({"weight": 1.5}, "lambda is 1.5; expected 0 to 1"),
        ({"unit": 0.0}, "multiplied by 0.0; expected a number above 0"),
    ],
)
def test_settings_out_of_range(settings, says):
    with pytest.raises(InvalidInput, match=says):
        Barrier(**settings)


@dataclass(frozen=True)
class Scaled:
    """Descent with a separate step size for each row."""

    size: torch.Tensor

    def init(self, position):
        return {}

    def update(self, vector, memory, step):
        return -self.size * vector, memory


class Quadratics:
    """Pairs of random quadratic functions; the primary's are flat along some directions."""

    def __init__(self, rank, seed=0):
        wide, narrow = normal(PAIRS, DIM, rank, seed=seed), normal(PAIRS, DIM, DIM, seed=seed + 1)
        self.primary = self.bowl("primary", wide, normal(PAIRS, DIM, seed=seed + 2))
        self.secondary = self.bowl("secondary", narrow, normal(PAIRS, DIM, seed=seed + 3))
        self.curvature = torch.linalg.eigvalsh(wide @ wide.mT)[:, -1]
        self.energy = Energy.of(self.primary) + 0.0 * Energy.of(self.secondary)
        start = 3 * normal(PAIRS, DIM, seed=seed + 4)
        steep = self.slope(self.primary, start).norm(dim=1) >= 1
        self.start, self.rows = start[steep], steep.nonzero()[:, 0].tolist()

    @staticmethod
    def bowl(label, root, centre):
        def evaluate(v, rng):
            rows = list(rng.rows)
            return 0.5 * ((v - centre[rows])[:, None] @ root[rows]).square().sum(dim=(1, 2))

        return Term(label, SPACE, evaluate)

    def rng(self):
        streams = SampleRng.of(0, len(self.rows)).streams
        return SampleRng(streams, self.rows)

    def slope(self, term, v, rng=None):
        leaf = v.detach().requires_grad_()
        rng = rng or SampleRng.of(0, len(v))
        return torch.autograd.grad(term.evaluate(leaf, rng).sum(), leaf)[0]

    def everywhere(self, points):
        """Returns the points of all steps one below the other, and their rows."""
        streams = self.rng().streams
        return points.flatten(0, 1), SampleRng(streams * len(points), self.rows * len(points))

    def steepness(self, term, points):
        """Returns the norms of a term's slopes at the points of all steps, (points, pairs)."""
        slopes = self.slope(term, *self.everywhere(points))
        return slopes.norm(dim=1).unflatten(0, points.shape[:2])

    def run(self, direction, rule, steps):
        """Returns the points of all steps, (points, pairs, dim), and E there."""
        kernel, rng = descend(direction.field(self.energy, ALL_AT_ONCE), rule), self.rng()
        states = [kernel.init(self.start)]
        for _ in range(steps):
            states.append(kernel.step(states[-1], rng)[0])
        points = torch.stack([state.position for state in states])
        energies = self.primary.evaluate(*self.everywhere(points))
        return points, energies.unflatten(0, points.shape[:2])

    def descent(self):
        """Plain descent by a tenth of the largest step that lowers."""
        size = (0.1 / self.curvature[self.rows])[:, None]
        return Scaled(size)


@pytest.mark.parametrize("rank", [3, DIM])
@pytest.mark.parametrize("seed", [0, 10])
def test_plain_descent_never_raises_the_energy_until_it_is_stationary(rank, seed):
    pairs = Quadratics(rank, seed)
    assert len(pairs.rows) > PAIRS * 0.9
    points, energies = pairs.run(DynamicBarrier(pairs.secondary), pairs.descent(), steps=150)
    first, second = (
        pairs.steepness(term, points[:-1]) for term in (pairs.primary, pairs.secondary)
    )
    steep = first >= STATIONARY * second
    before_stationary = steep.long().cumprod(dim=0).bool()
    assert float(before_stationary.sum(dim=0).double().mean()) > 5
    rises = energies[1:] > energies[:-1]
    assert not bool((rises & steep).any())
    assert bool((rises & ~steep).any())  # the bound is not trivial


def test_the_secondary_ends_lower_at_an_equal_primary():
    pairs = Quadratics(rank=3)
    without = DynamicBarrier(pairs.secondary, Barrier("primary only"))
    ends = {}
    for name, direction in (("with", DynamicBarrier(pairs.secondary)), ("without", without)):
        points, energies = pairs.run(direction, pairs.descent(), steps=300)
        second = pairs.secondary.evaluate(points[-1], pairs.rng())
        ends[name] = (energies[-1] / energies[0], second)
    assert float(ends["with"][0].median()) < 1e-3
    assert float(ends["without"][0].median()) < 1e-3
    lower = ends["with"][1] < ends["without"][1]
    assert bool(lower.all())
    assert float((ends["with"][1] / ends["without"][1]).median()) < 0.3


def test_adam_makes_the_primary_fall_at_times_and_the_count_says_how_often():
    pairs = Quadratics(rank=3)
    _, energies = pairs.run(DynamicBarrier(pairs.secondary), Adam(learning_rate=0.05), steps=200)
    count = falls(energies)
    by_hand = [
        sum(later > earlier for earlier, later in pairwise(column))
        for column in energies.T.tolist()
    ]
    assert count.tolist() == by_hand
    assert 0 < int(count.sum()) < count.numel() * 200 // 2


def test_primary_only_is_the_gradient_and_the_watch_sees_the_secondary():
    pairs = Quadratics(rank=3)
    seen = []
    settings = Barrier("primary only")
    field = DynamicBarrier(pairs.secondary, settings, watch=seen.append).field(
        pairs.energy, ALL_AT_ONCE
    )
    vector, values = field(pairs.start, pairs.rng())
    wanted, energies = gradient(pairs.energy)(pairs.start, pairs.rng())
    assert torch.allclose(vector, wanted)
    assert torch.allclose(values, energies)
    (second,) = seen
    assert torch.equal(second, pairs.secondary.evaluate(pairs.start, pairs.rng()))


def test_the_products_run_over_all_blocks_and_chunks_change_nothing():
    pairs = Quadratics(rank=DIM)
    whole, values = DynamicBarrier(pairs.secondary).field(pairs.energy, ALL_AT_ONCE)(
        pairs.start, pairs.rng()
    )
    down = pairs.slope(pairs.primary, pairs.start, pairs.rng())
    other = pairs.slope(pairs.secondary, pairs.start, pairs.rng())
    assert torch.allclose(whole, combined(Barrier(), down, other))
    for chunking in (Chunking(7, padded=True), Chunking(5, padded=False)):
        field = DynamicBarrier(pairs.secondary).field(pairs.energy, chunking)
        parts, seen = field(pairs.start, pairs.rng())
        assert torch.allclose(parts, whole)
        assert torch.allclose(seen, values)


@pytest.mark.parametrize("held", ["none", "twice", "alone", "another"])
def test_an_energy_without_its_secondary_once_is_refused(held):
    pairs = Quadratics(rank=3)
    first, second = Energy.of(pairs.primary), 0.0 * Energy.of(pairs.secondary)
    energy = {
        "none": first,
        "twice": first + second + second,
        "alone": second,
        "another": first + 0.0 * Energy.of(replace(pairs.secondary)),
    }[held]
    with pytest.raises(InvalidInput, match=r"contains its secondary term \(secondary\) once"):
        DynamicBarrier(pairs.secondary).field(energy, ALL_AT_ONCE)
