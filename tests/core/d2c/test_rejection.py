"""Rejection: its law on a grid in closed form, its streams, banks, and what fails."""

import pytest
import torch
from latentsteer.core.chunking import ONE_BY_ONE
from latentsteer.core.d2c.bank import LatentBank, bank_of_draws, bank_of_pairs, draws_of
from latentsteer.core.d2c.encoding import encoded
from latentsteer.core.d2c.rejection import Acceptance, rejection_sample
from latentsteer.core.errors import GeneratorMismatch, InvalidInput, NothingAccepted
from latentsteer.core.pairs.pairs import Pairs
from latentsteer.core.rng import SampleRng

from ..diffusion.gaussian import BASE, BASE_NAME, LINEAR, Exact, prior_of
from .few_shot_toys import DIM, linear_generator

CPU = torch.device("cpu")
PRIOR = torch.tensor([0.5, 0.3, 0.2])
R = torch.tensor([0.2, 0.5, 0.9])
EXACT = Acceptance("exact", bound=1.0)


def grid(rng, like):
    """Points 0, 1, 2 with the probabilities of PRIOR."""
    return (rng.uniform(like=like)[:, None] > PRIOR.cumsum(0)[:-1]).float().sum(1, keepdim=True)


def ratio(z):
    return R[z[:, 0].long()]


def sampled(samples, acceptance=EXACT, seed=0, draw=grid, probability=ratio, **options):
    rng = samples if isinstance(samples, SampleRng) else SampleRng.of(seed, samples, "test")
    return rejection_sample(draw, probability, rng, acceptance=acceptance, device=CPU, **options)


def bank_of(count, seed=0):
    stream = torch.Generator().manual_seed(seed)
    values = PRIOR.multinomial(count, replacement=True, generator=stream).float()[:, None]
    return LatentBank(values, BASE, BASE_NAME, "numbers")


def shares(accepted):
    counts = accepted.values[:, 0].long().bincount(minlength=3)
    return counts / counts.sum()


def assert_law(accepted, law, rate):
    """Within four standard errors."""
    count = len(accepted.values)
    assert ((shares(accepted) - law).abs() < 4 * (law * (1 - law) / count).sqrt() + 1e-6).all()
    assert abs(accepted.rate - rate) < 4 * (rate * (1 - rate) / accepted.tried) ** 0.5


def test_the_exact_law_is_r_times_the_prior_at_any_bound():
    law = PRIOR * R / (PRIOR * R).sum()
    rate = float((PRIOR * R).sum())
    assert_law(sampled(300, at_once=8), law, rate)
    assert_law(sampled(300, Acceptance("exact", bound=0.9), at_once=8), law, rate / 0.9)


def test_the_threshold_law_is_the_prior_where_r_is_high():
    accepted = sampled(300, Acceptance("threshold", threshold=0.5), at_once=8)
    assert_law(accepted, torch.tensor([0.0, 0.6, 0.4]), 0.5)


def test_a_bank_gives_the_same_laws():
    law = PRIOR * R / (PRIOR * R).sum()
    assert_law(sampled(2000, draw=None, bank=bank_of(10000)), law, float((PRIOR * R).sum()))
    rule = Acceptance("threshold", threshold=0.6)
    accepted = sampled(500, rule, draw=None, bank=bank_of(4000))
    assert_law(accepted, torch.tensor([0.0, 0.0, 1.0]), 0.2)


def test_an_r_above_the_bound_is_reported_with_the_bound_that_is_needed():
    accepted = sampled(100, Acceptance("exact", bound=0.5))
    assert accepted.beyond > 0
    assert "set the bound to 0.9 or more" in accepted.summary()
    assert "bound" not in sampled(100, Acceptance("exact", bound=0.9)).summary()


@pytest.mark.bits
def test_a_sample_is_the_same_alone_and_in_any_batch():
    """With a network whose rows depend on their place, however many are drawn ahead."""
    prior = prior_of(Exact(LINEAR, torch.diag(torch.tensor([1.0, 0.5, 2.0]))), DIM, LINEAR)
    draw = draws_of(linear_generator(), prior, steps=3, eta=0.5)

    def found(names, at_once):
        streams = SampleRng.of(5, names, "test")
        options = {"draw": draw, "probability": lambda z: z[:, 0].sigmoid() / 4}
        return sampled(streams, at_once=at_once, **options)

    whole = found(range(5), 64)
    assert whole.tried > 10
    for names, at_once in ([(3,), 64], [(4, 1), 1], [(2, 0, 3), 16]):
        part = found(names, at_once)
        assert part.samples == names
        assert torch.equal(part.values, whole.values[list(names)])


def test_the_acceptance_counts_up_to_each_accepted_candidate_however_many_are_ahead():
    one, ahead = (sampled(20, at_once=at_once) for at_once in (1, 64))
    assert one.tried == ahead.tried
    assert one.largest == ahead.largest
    assert torch.equal(one.probabilities, ratio(one.values))


def test_a_bank_gives_each_member_once_and_a_larger_batch_begins_with_a_smaller_one():
    values = torch.arange(40.0)[:, None]
    bank = LatentBank(values, BASE, BASE_NAME)

    def half(z):
        return torch.full((len(z),), 0.5)

    def taken(count, seed=0):
        return sampled(count, draw=None, probability=half, bank=bank, seed=seed)

    many = taken(10)
    assert len(many.values.unique()) == 10
    assert torch.equal(taken(4).values, many.values[:4])
    assert not torch.equal(taken(10, seed=1).values, many.values)
    all_of_them = taken(100)
    assert len(all_of_them.values.unique()) == len(all_of_them.values) < 35
    assert all_of_them.missing[-1] == 99


def test_samples_without_an_accepted_candidate_are_left_out():
    accepted = sampled(60, Acceptance("threshold", threshold=0.6), budget=3)
    assert 0 < len(accepted.values) < 60
    assert sorted((*accepted.samples, *accepted.missing)) == list(range(60))
    assert f"left out, since none was accepted for them: samples {accepted.missing[0]}" in (
        accepted.summary()
    )
    latents = accepted.latents(linear_generator())
    assert latents.samples == accepted.samples


def test_a_hopeless_condition_says_what_was_seen_and_the_cure():
    hopeless = Acceptance("threshold", threshold=0.95)
    with pytest.raises(NothingAccepted) as caught:
        sampled(4, hopeless, budget=25)
    said = str(caught.value)
    assert "none of 100 candidates for 4 samples was accepted where r is at least 0.95" in said
    assert "largest r among them was 0.9" in said
    for cure in ("lower the threshold", "raise the budget", "Guided Sample"):
        assert cure in said
    with pytest.raises(NothingAccepted, match=r"20 members of the bank of numbers.*larger bank"):
        sampled(4, hopeless, draw=None, bank=bank_of(20))
    nothing = Acceptance("exact")
    with pytest.raises(NothingAccepted, match=r"lower the bound from 1 to the largest r"):
        sampled(2, nothing, probability=lambda z: torch.full((len(z),), torch.nan), budget=5)


def test_numbers_out_of_range_are_refused():
    for fields in ({"threshold": 1.0}, {"threshold": 0.0}, {"bound": 0.0}, {"bound": 1.5}):
        with pytest.raises(InvalidInput):
            Acceptance(**fields)
    with pytest.raises(InvalidInput, match="No sample"):
        sampled(0)
    with pytest.raises(InvalidInput, match="budget of 0"):
        sampled(1, budget=0)
    with pytest.raises(InvalidInput, match="draws of a prior or a bank"):
        sampled(1, draw=None)


def test_banks_of_draws_pairs_and_images_and_what_they_refuse():
    generator = linear_generator()
    own = bank_of_draws(draws_of(generator, None), generator, 5, seed=1, device=CPU)
    more = bank_of_draws(draws_of(generator, None), generator, 9, seed=1, device=CPU)
    assert torch.equal(own.values, more.values[:5])
    pairs = Pairs(torch.randn(6, DIM), torch.zeros(6, 2), generator=BASE)
    assert torch.equal(bank_of_pairs(pairs, generator, 4).values, pairs.latents[:4])
    images = generator(own.values, SampleRng.of(0, 5))
    torch.testing.assert_close(
        encoded(generator, images, chunking=ONE_BY_ONE, device=CPU), own.values
    )
    with pytest.raises(InvalidInput, match="no encoder"):
        encoded(linear_generator(encoder=False), images, chunking=ONE_BY_ONE, device=CPU)
    with pytest.raises(InvalidInput, match="bank of pictures is empty"):
        LatentBank(torch.zeros(0, DIM), BASE, BASE_NAME, "pictures")
    with pytest.raises(InvalidInput, match=r"Latents \[1\].*not finite"):
        LatentBank(torch.tensor([[0.0], [torch.nan]]), BASE, BASE_NAME)
    other = linear_generator("other", "c" * 64)
    with pytest.raises(GeneratorMismatch, match=r"latents of 'base'.*got 'other'"):
        own.check(other)
    with pytest.raises(GeneratorMismatch, match="have 1 numbers"):
        bank_of(3).check(generator)
    prior = prior_of(Exact(LINEAR, torch.eye(DIM)), DIM, LINEAR)
    with pytest.raises(GeneratorMismatch, match="models the latents of 'base'"):
        draws_of(other, prior)
