"""A diffusion prior: samples, corrections, its generator."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from latentsteer.core.diffusion.prior import content_id
from latentsteer.core.diffusion.prior_generator import as_generator, with_prior
from latentsteer.core.diffusion.whitening import Whitening
from latentsteer.core.errors import GeneratorMismatch, InvalidInput
from latentsteer.core.generator import Prior
from latentsteer.core.identity import ModelId, options_of
from latentsteer.core.rng import SampleRng, stream_of

from .gaussian import BASE, LINEAR, SHORT, Exact, drawn, prior_of

LIKE = torch.zeros(())
FACTOR = torch.tensor([[2.0, 0.0, 0.0], [0.5, 1.0, 0.0], [-1.0, 0.3, 0.7]])
SHIFT = torch.tensor([4.0, 0.0, -1.0])
EYE = torch.eye(3, dtype=torch.float64)


def white(schedule=LINEAR):
    """A prior that knows latents N(SHIFT, FACTOR FACTOR^T)."""
    network = Exact(schedule, torch.eye(3, dtype=torch.float64))
    return prior_of(network, 3, schedule, Whitening(SHIFT, FACTOR))


def turned(times):
    """What a deterministic run leaves of a white x_T: it turns by an angle in each step."""
    angles = [math.acos(math.sqrt(LINEAR.alphas_bar[t])) for t in times] + [0.0]
    return math.prod(math.cos(one - two) for one, two in pairwise(angles))


def test_samples_have_the_law_of_the_latents():
    z = white().sample(SampleRng.of(0, 4), LIKE.double(), steps=50)
    draws = SampleRng.of(0, 4).normal(3, like=z)
    kept = turned(LINEAR.times(50))
    torch.testing.assert_close(z, SHIFT + kept * draws @ FACTOR.mT.double())
    assert 0.96 < kept < 1


@pytest.mark.bits
def test_a_batch_equals_its_members():
    prior = prior_of(drawn(3), 3, whitening=Whitening(SHIFT, FACTOR))

    def guide(z):
        return -z.square().sum(dim=1)

    for options in ({}, {"eta": 0.7}, {"guide": guide, "scale": 0.5}):
        whole = prior.sample(SampleRng.of(3, 70), LIKE, steps=5, **options)
        for row in (0, 5, 69):
            alone = prior.sample(SampleRng.of(3, [row]), LIKE, steps=5, **options)
            assert torch.equal(alone[0], whole[row])
    z = torch.randn(70, 3, generator=torch.Generator().manual_seed(0))
    moved = prior.correct(z, SampleRng.of(4, 70), t=9, calls=3, eta=0.5)
    alone = prior.correct(z[40:41], SampleRng.of(4, [40]), t=9, calls=3, eta=0.5)
    assert torch.equal(alone[0], moved[40])


def test_a_sample_is_the_push_of_the_streams_draws():
    prior = prior_of(drawn(3), 3, whitening=Whitening(SHIFT, FACTOR))
    for eta in (0.0, 0.6):
        sampled = prior.sample(SampleRng.of(3, 4), LIKE, steps=5, eta=eta)
        rng = SampleRng.of(3, 4)
        noise = rng.normal(3, like=LIKE)
        assert torch.equal(prior.push(noise, rng, steps=5, eta=eta), sampled)
    with pytest.raises(InvalidInput, match="random streams"):
        prior.push(noise, steps=5, eta=0.5)


def test_a_push_is_differentiable():
    prior = prior_of(drawn(3).double(), 3, whitening=Whitening(SHIFT, FACTOR))
    noise = torch.randn(2, 3, generator=torch.Generator().manual_seed(0)).double()
    assert torch.autograd.gradcheck(
        lambda x: prior.push(x, steps=3), (noise.requires_grad_(),), fast_mode=True
    )


def test_guidance_is_in_the_coordinates_of_the_generator():
    # N(m, S) times exp(b z) is N(m + S b, S).
    slope = torch.tensor([0.3, -0.4, 0.6]).double()
    prior = white()
    plain, guided = (
        prior.sample(SampleRng.of(0, 5), LIKE.double(), guide=guide)
        for guide in (None, lambda z: z @ slope)
    )
    shift = (FACTOR @ FACTOR.mT).double() @ slope
    torch.testing.assert_close(guided - plain, shift.expand(5, 3), rtol=0.02, atol=0.01)


def test_a_correction_keeps_the_law_that_the_denoiser_knows():
    prior = white()
    origin = SHIFT.double().expand(4, 3)
    moves = torch.cat([torch.zeros(1, 3), torch.eye(3)]).double()
    options = {"t": 300, "calls": 60}
    # One stream for all four: what remains of the latents.
    alike = SampleRng([stream_of(1) for _ in range(4)], range(4))
    moved = prior.correct(origin + moves, alike, **options)
    own = (moved[1:] - moved[:1]).mT
    # One stream each: what the noise adds.
    moved = prior.correct(origin, SampleRng.of(1, 4), **options)
    draws = SampleRng.of(1, 4).normal(3, like=origin)
    added = torch.linalg.lstsq(draws, moved - origin).solution.mT
    torch.testing.assert_close(moved - origin, draws @ added.mT)
    covariance = (FACTOR @ FACTOR.mT).double()
    law = own @ covariance @ own.mT + added @ added.mT
    # Both terms matter: cos(angle) of a latent is kept.
    angle = math.acos(math.sqrt(LINEAR.alphas_bar[300]))
    torch.testing.assert_close(own, math.cos(angle) * EYE, atol=0.01, rtol=0)
    assert math.cos(angle) < 0.7
    torch.testing.assert_close(law, covariance, atol=0.02 * 5, rtol=0)


def test_a_correction_of_two_calls_in_closed_form():
    z = SHIFT.double().expand(2, 3)
    moved = white().correct(z, SampleRng.of(1, 2), t=50, calls=2)
    draws = SampleRng.of(1, 2).normal(3, like=z)
    kept = math.sqrt(1 - LINEAR.alphas_bar[50]) * turned((50, 0))
    torch.testing.assert_close(moved, z + kept * draws @ FACTOR.mT.double())


def test_a_velocity_of_zero_is_the_white_prior():
    velocity = drawn(3)
    with torch.no_grad():
        for weight in velocity.outwards.parameters():
            weight.zero_()
    prior = prior_of(velocity, 3, predicts="velocity")
    exact = prior_of(Exact(SHORT, torch.eye(3)), 3)
    one, two = (p.sample(SampleRng.of(0, 3), LIKE, steps=7) for p in (prior, exact))
    torch.testing.assert_close(one, two)


def test_a_prior_is_a_prior_without_a_density():
    prior = prior_of(drawn(3), 3)
    assert isinstance(prior, Prior)
    assert prior.log_density is None


def test_the_id_depends_on_everything():
    network, whitening = drawn(3), Whitening(torch.zeros(3), torch.ones(3))
    given = {
        "network": network,
        "whitening": whitening,
        "schedule": SHORT,
        "base": BASE,
        "predicts": "noise",
        "order": 1,
    }
    changed = {
        "network": drawn(3, seed=1),
        "whitening": Whitening(torch.zeros(3), torch.full((3,), 2.0)),
        "schedule": LINEAR,
        "base": ModelId(BASE, {"psi": 0.5}),
        "predicts": "velocity",
        "order": 2,
    }
    found = [content_id(**given | {name: value}) for name, value in changed.items()]
    assert len({content_id(**given), *found}) == 7
    assert content_id(**given) == content_id(**given)


@pytest.fixture
def made(toys):
    """A toy generator and a diffusion prior of its latents."""
    generator = toys.generator(bound=1e6)
    dim = generator.source.dim
    prior = prior_of(drawn(dim), dim, space=generator.source)
    return generator, replace(prior, base=generator.id)


def test_the_generator_of_a_prior_decodes_its_samples(made):
    generator, prior = made
    built = as_generator(prior, generator, steps=4)
    noise = built.prior.sample(SampleRng.of(0, 3), LIKE)
    images = built(noise, SampleRng.of(0, 3))
    z = prior.sample(SampleRng.of(0, 3), LIKE, steps=4)
    torch.testing.assert_close(images, generator(z, SampleRng.of(0, 3)))
    assert built.id == prior.id
    assert options_of(built.id) == {"steps": 4, "eta": 0.0}
    assert built.source.dim == generator.source.dim
    assert built.encode is None
    held = {id(weight) for weight in built.module.parameters()}
    assert {id(w) for w in prior.network.parameters()} <= held


def test_the_generator_of_a_prior_is_differentiable(made):
    generator, prior = made
    built = as_generator(prior, generator, steps=4, eta=0.5)
    noise = torch.ones(2, built.source.dim, requires_grad=True)
    built(noise, SampleRng.of(0, 2)).sum().backward()
    assert noise.grad.isfinite().all()
    assert noise.grad.any()


def test_a_generator_with_a_prior_keeps_its_map(made):
    generator, prior = made
    built = with_prior(prior, generator, steps=4)
    assert isinstance(built.prior, Prior)
    assert built.prior.log_density is None
    z = built.prior.sample(SampleRng.of(0, 2), LIKE)
    assert built.id == generator.id
    assert torch.equal(built(z, SampleRng.of(0, 2)), generator(z, SampleRng.of(0, 2)))
    assert torch.equal(z, prior.sample(SampleRng.of(0, 2), LIKE, steps=4))


def test_another_generator_is_refused(made):
    generator, prior = made
    prior.check(generator)
    for wrong in (
        replace(prior, base="c" * 64),
        replace(prior, base=ModelId(generator.id, {"psi": 0.5})),
    ):
        other = replace(generator, id=ModelId(generator.id, {"psi": 0.7}))
        with pytest.raises(GeneratorMismatch, match="prior"):
            wrong.check(other)
    with pytest.raises(GeneratorMismatch, match="prior"):
        as_generator(replace(prior, base="c" * 64), generator, steps=4)
    with pytest.raises(InvalidInput, match="expected 1 to 40"):
        as_generator(prior, generator, steps=41)
    with pytest.raises(InvalidInput, match="eta 2"):
        as_generator(prior, generator, steps=4, eta=2)
