"""Walks towards goals, and the choice among several ways."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.auxiliary import Classifier
from latentsteer.core.charts import Start
from latentsteer.core.chunking import Chunking
from latentsteer.core.condition import Condition
from latentsteer.core.errors import InvalidInput
from latentsteer.core.generator import Gaussian, Generator
from latentsteer.core.latents import Latents
from latentsteer.core.pairs.directions import contrast_direction
from latentsteer.core.pairs.moving import moved_along, moved_until
from latentsteer.core.pairs.pairs import Pairs
from latentsteer.core.pairs.search import MoveSearch
from latentsteer.core.pairs.walking import LooksOnce, Walk, least_changed, walked
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import Block, Identity, Space
from torch import nn

CPU = torch.device("cpu")
CHUNKS = Chunking(4, padded=True)
SPACE = Space((Block("z", (3,)),))
SEARCH = MoveSearch(most=6.0, grid=12, bisections=6, certainty=0.9)


def render(parts, rng):
    """The wanted is z0; the second coordinate should stay, and bends with z0."""
    z = parts["z"]
    bent = z[:, 1] + 0.4 * z[:, 0].square()
    return torch.stack([z[:, 0], bent, z[:, 2]], dim=1)[:, :, None, None]


GENERATOR = Generator("toy", "g", "toy", nn.Identity(), SPACE, Gaussian(3), (1, 1), render)


def images(values):
    return GENERATOR(values, SampleRng.of(0, len(values)))


def logits(pictures):
    x, rest = pictures[:, 0, 0, 0], pictures[:, 1, 0, 0]
    return torch.stack([2 * x, -2 * x, rest], dim=1)


F = Classifier("toy f", "f", nn.Identity(), ("yes", "no", "rest"), logits, logits)


@pytest.fixture(scope="module")
def found():
    z = torch.randn(20_000, 3, generator=torch.Generator().manual_seed(0))
    seen = F.embed(images(z))
    yes, no = (Condition(torch.eye(3)[[n]], (F.classes[n],), "f", "toy f") for n in (0, 1))
    return contrast_direction(Pairs(z, seen, "g", "f"), GENERATOR, yes, no, scale=1.0, keep=3.0)


def points(count, seed=1):
    values = torch.randn(count, 3, generator=torch.Generator().manual_seed(seed))
    return Latents.of(Start(values, Identity(SPACE)), GENERATOR)


def moved(latents, direction, search=SEARCH, **changes):
    models = {"generator": GENERATOR, "auxiliary": F, "chunking": CHUNKS, "device": CPU}
    return moved_until(latents, direction, search=search, **models | changes)


def bent(values):
    return images(values)[:, 1, 0, 0]


def test_a_walk_reaches_the_wanted_and_no_further(found):
    latents = points(24)
    ends = moved(latents, found)
    assert ends.reached.all()
    there = 4 * latents.values[:, 0] > torch.tensor(0.9).logit()
    assert there.any()
    assert torch.equal(ends.latents.values[there], latents.values[there])
    assert (ends.strengths[there] == 0).all()
    # Steps of 0.5 are halved six times; a step along z0 changes the log odds by at most 2.
    excess = ends.probability[~there].logit() - torch.tensor(0.9).double().logit()
    assert excess.min() >= 0
    assert excess.max() < 0.05


def test_a_walk_makes_up_for_what_its_steps_bend():
    """f sees z0 and the bent coordinate linearly: unit rows with a large constant."""
    z = torch.randn(20_000, 3, generator=torch.Generator().manual_seed(0))
    far = torch.tensor([0.0, 0.0, 20.0])

    def seen(values):
        return images(values)[:, :, 0, 0] * torch.tensor([1.0, 1.0, 0.0]) + far

    yes, no = (
        Condition(torch.tensor([[side, 0.0, 0.0]]), (str(side),), "f", "toy f")
        for side in (2.0, -2.0)
    )
    pairs = Pairs(z, seen(z), "g", "f")
    own = contrast_direction(pairs, GENERATOR, yes, no, scale=10.0, keep=30.0)
    start = torch.tensor([[-2.0, 0.3, 0.1], [-1.5, -0.5, 0.0]])
    loose, tight = (
        walked(
            start,
            goal,
            SPACE,
            lambda rows, points: seen(points),
            own.contrast.probability,
            most=8.0,
            steps=32,
            bisections=4,
            certainty=0.6,
        )
        for goal in own.goals
    )
    for walk in (loose, tight):
        assert (walk.found >= 0.6).all()
        assert (walk.points[:, 0] > 0).all()
    # The square of z0 is lost on the way; a walk that keeps the rest makes up for it by z1.
    lost, left = ((bent(walk.points) - bent(start)).abs() for walk in (loose, tight))
    assert (lost > 0.8).all()
    assert (left < 0.7 * lost).all()
    assert (tight.points[:, 1] > loose.points[:, 1] + 0.3).all()


def test_a_sample_alone_ends_where_it_does_in_a_batch(found):
    latents = points(9)
    together = moved(latents, found)
    for row in (0, 4, 8):
        alone = moved(latents.picked((row,)), found)
        assert torch.equal(alone.latents.values[0], together.latents.values[row])
        assert alone.strengths[0] == together.strengths[row]


def test_samples_that_do_not_reach_it_say_so_and_the_rounds_are_bounded(found):
    search, rounds = MoveSearch(most=0.5, grid=2, bisections=1, certainty=0.99), []
    ends = moved(points(6), found, search, report=rounds.append)
    assert not ends.reached.all()
    assert (ends.strengths[~ends.reached] == 0.5).all()
    assert rounds == list(range(1, len(rounds) + 1))
    # The start; two steps and a bisection of each of two goals and the direction.
    assert len(rounds) <= search.evaluations(found) == 1 + 3 * 3


def test_the_way_that_changes_the_rest_least_is_taken(found):
    goal = found.goals[-1]
    values = torch.tensor([[-1.0, 0.0, 0.0]] * 3)

    def way(shift, *chances):
        there = values + torch.tensor([[2.0, shift, 0.0]])
        strength = torch.full((3,), shift, dtype=torch.float64)
        return Walk(there, strength, torch.tensor(chances, dtype=torch.float64))

    def conditions(rows, v):
        return F.embed(images(v))

    # All reach it; only the one that changes more does; none does.
    ways = [way(2.0, 0.95, 0.95, 0.7), way(0.1, 0.95, 0.5, 0.2)]
    best = least_changed(values, ways, goal, conditions, 0.9)
    assert best.strengths.tolist() == pytest.approx([0.1, 2.0, 2.0])
    assert best.found.tolist() == pytest.approx([0.95, 0.95, 0.7])
    expected = torch.stack([ways[1].points[0], ways[0].points[1], ways[0].points[2]])
    assert torch.equal(best.points, expected)


def test_a_point_of_a_sample_is_looked_at_once():
    asked = []

    def look(rows, points):
        asked.append(rows.tolist())
        return 10.0 * points + rows[:, None]

    shown, rows = LooksOnce(look), torch.tensor([0, 2, 3])
    first = torch.tensor([[1.0], [1.0], [2.0]])
    expected = torch.tensor([[10.0], [12.0], [23.0]])
    assert torch.equal(shown(rows, first), expected)
    # What a caller does with the answer changes no other one.
    shown(rows, first).zero_()
    moved = torch.tensor([[1.0], [5.0], [2.0]])
    assert torch.equal(shown(rows, moved), torch.tensor([[10.0], [52.0], [23.0]]))
    # The same point of another sample is another image.
    assert torch.equal(shown(torch.tensor([1, 0]), first[:2]), torch.tensor([[11.0], [10.0]]))
    assert asked == [[0, 2, 3], [2], [1]]


def test_a_move_along_no_direction_is_refused(found):
    alone = replace(found, vector=torch.zeros(3), unit=0.0)
    with pytest.raises(InvalidInput, match="by chance only, so there is no direction"):
        moved_along(points(2), alone, 1.0)
    assert moved(points(2), alone).reached.all()
