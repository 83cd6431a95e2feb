"""Regularisers of noise against their formulas, and ReNO's loop against PyTorch's optimiser."""

import math

import pytest
import torch
from latentsteer.core.auxiliary import Reward
from latentsteer.core.chunking import Chunking
from latentsteer.core.energies.example import filled, toy_generator
from latentsteer.core.energies.noise import noise_norm, noise_patterns
from latentsteer.core.energies.prior import prior_energy
from latentsteer.core.energies.reward import REWARDS, reward_energy
from latentsteer.core.errors import InvalidInput
from latentsteer.core.refine.first_order import FirstOrder
from latentsteer.core.refine.rules import Nesterov
from latentsteer.core.rng import SampleRng
from latentsteer.core.snapshot import State
from latentsteer.core.spaces import Block, Identity, Space
from torch import nn

SPACE = Space((Block("noise", (4, 8, 8)),))


def rng(rows=1):
    return SampleRng.of(0, rows, "test")


def draw(rows=1, seed=0):
    return torch.randn(rows, 256, generator=torch.Generator().manual_seed(seed))


def test_the_norm_is_minus_the_log_density_of_the_length_up_to_a_constant():
    energy = noise_norm(SPACE)
    z = draw(1).double()
    z = z / z.norm()
    lengths = torch.tensor([3.0, 15.0, 15.9687, 16.0, 30.0], dtype=torch.float64)
    values = energy(lengths[:, None] * z, rng(5))
    chi = torch.distributions.Chi2(torch.tensor(256.0, dtype=torch.float64))
    # The density of a length r is that of r^2 times 2 r.
    log_density = chi.log_prob(lengths.square()) + (2 * lengths).log()
    torch.testing.assert_close(values - values[2], log_density[2] - log_density)
    assert values.argmin() == 2
    assert values[2].abs() < 1e-4
    at = (math.sqrt(255) * z).requires_grad_()
    (slope,) = torch.autograd.grad(energy(at, rng()).sum(), at)
    assert slope.abs().max() < 1e-12


def test_patterns_are_probable_in_noise_and_not_in_tiles():
    energy = noise_patterns(SPACE, permutations=4)
    usual = energy(draw(20), rng(20))
    assert (usual < 4 * math.log(2) + 3).all()
    tile = draw(1)[:, :4].repeat(1, 64)
    norm = noise_norm(SPACE)
    scaled = tile * (math.sqrt(255) / tile.norm())
    assert norm(scaled, rng())[0] < 1e-3, "the norm does not see it"
    assert energy(scaled, rng())[0] > 10 * usual.max()


def test_patterns_are_the_formula_without_orders():
    z = 1.5 * draw(1).double() + 0.3
    found = noise_patterns(SPACE, piece=16, permutations=0)(z, rng())[0]
    pieces = z.view(16, 16)
    mean = pieces.mean(0).norm() ** 2
    apart = torch.linalg.matrix_norm(pieces.T @ pieces / 16 - torch.eye(16).double(), 2)
    first = min(-math.log(2), float(-16 * mean / 32))
    beyond = max(math.sqrt(1 + float(apart)) - 1 - 1, 0)
    second = min(-math.log(2), -16 * beyond**2 / 2)
    assert float(found) == pytest.approx(-(first + second), rel=1e-9)


def test_bad_input_is_refused():
    with pytest.raises(InvalidInput, match="not drawn from N"):
        noise_norm(Space((Block("c", (4,), role="class"),)))
    with pytest.raises(InvalidInput, match="fewer than two pieces"):
        noise_patterns(Space((Block("z", (4,)),)))
    with pytest.raises(InvalidInput, match="at least 1 and 0"):
        noise_patterns(SPACE, piece=0)
    assert prior_energy(toy_generator())


def test_renos_loop_is_that_of_pytorch():
    """torch.optim.SGD with Nesterov's momentum, clip_grad_norm_ and the sum of ReNO's losses."""
    body = nn.Sequential(nn.Linear(256, 24), nn.Tanh(), nn.Linear(24, 3 * 25), nn.Sigmoid())
    network = filled(body, 4).double()
    head = filled(nn.Linear(75, 4), 5).double()
    said = torch.linspace(-1, 1, 4, dtype=torch.float64)[None]

    def cosine(x):
        return torch.cosine_similarity(head(x.flatten(1)), said)

    start = draw().double()
    z = start.clone().requires_grad_()
    optimiser = torch.optim.SGD([z], lr=5.0, momentum=0.9, nesterov=True)
    path = []
    for _ in range(20):
        optimiser.zero_grad()
        x = network(z).view(-1, 3, 5, 5)
        norm = torch.linalg.vector_norm(z)
        loss = (5 * (1 - cosine(x)) + 0.05 * (30 - 90 * cosine(x))).sum()
        # The constants of the log density do not move z.
        (1000 * loss + 10 * (0.5 * norm**2 - 255 * norm.log())).backward()
        torch.nn.utils.clip_grad_norm_([z], 0.1)
        optimiser.step()
        path.append(z.detach().clone())

    def reward(kind, scale):
        def score(images, text):
            return scale * cosine(images)

        return Reward("toy", "0", kind, (head,), score, lambda prompt: (said, ()))

    from latentsteer.core.generator import Gaussian, Generator

    generator = Generator(
        name="toy",
        id="0",
        architecture="toy",
        module=network,
        source=SPACE,
        prior=Gaussian(256),
        image_size=(5, 5),
        render=lambda parts, streams: network(parts["noise"].flatten(1)).view(-1, 3, 5, 5),
    )
    terms = [
        REWARDS[kind].weight * reward_energy(reward(kind, scale), "a cat")
        for kind, scale in (("HPSv2.1", 1.0), ("PickScore", 90.0))
    ]
    energy = 1000.0 * (terms[0] + terms[1]) + 10.0 * noise_norm(SPACE)
    refiner = FirstOrder(Nesterov(step_size=5.0, momentum=0.9), clip_norm=0.1)
    kernel = refiner.bind(energy.pullback(generator), Identity(SPACE), Chunking(1, padded=True))
    state: State = kernel.init(start)
    for expected in path:
        state, _ = kernel.step(state, rng())
        torch.testing.assert_close(state.position, expected, atol=1e-6, rtol=0)
    assert (path[-1] - start).norm() > 5
