"""Edits of images: encode, move, correct, decode; smallest strengths, masks, results."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.chunking import Chunking
from latentsteer.core.d2c.editing import Editing, edit_by_condition
from latentsteer.core.d2c.langevin import Correction
from latentsteer.core.d2c.moves import BoundaryMove, line
from latentsteer.core.errors import DomainMismatch, GeneratorMismatch, InvalidInput
from latentsteer.core.rng import SampleRng

from ..diffusion.gaussian import LINEAR, Exact, prior_of
from .few_shot_toys import DIM, condition_of, linear_generator

CPU = torch.device("cpu")
STANDARD = prior_of(Exact(LINEAR, torch.eye(DIM)), DIM, LINEAR)
ALONG = BoundaryMove(torch.tensor([1.0, 0.0, 0.0]))
STARTS = torch.tensor([[-1.0, 0.5, 0.0], [0.5, -0.5, 1.0], [3.0, 0.0, 0.0]])


def pictures(points=STARTS):
    return linear_generator()(points, SampleRng.of(0, len(points)))


def edited(
    images=None,
    prior=None,
    move=ALONG,
    condition=None,
    masks=None,
    seed=0,
    report=lambda done: None,
    **fields,
):
    return edit_by_condition(
        pictures() if images is None else images,
        linear_generator(),
        condition or condition_of(),
        prior,
        move,
        Editing(**{"beyond": 0.0, "grid": 12, **fields}),
        masks=masks,
        seed=seed,
        chunking=Chunking(8, padded=True),
        device=CPU,
        report=report,
    )


def test_one_strength_moves_every_latent_by_as_much():
    found = edited(strength=-2.0, mode="same", certainty=0.9)
    wanted = STARTS - 2 * ALONG.vector
    torch.testing.assert_close(found.latents.values, wanted)
    torch.testing.assert_close(found.images, pictures(wanted))
    torch.testing.assert_close(found.after, condition_of().probability(wanted).double())
    assert found.reached.tolist() == [False, False, False]


@pytest.mark.parametrize("seen", ["images", "latents"])
def test_the_smallest_strength_is_where_r_reaches_the_certainty(seen):
    """r = 0.9 at z_0 = 1 + log(9) / 2; a sample that is beyond it stays as it is."""
    goal = 1 + 2.1972246 / 2
    found = edited(strength=4.0, mode="smallest", seen=seen, certainty=0.9, grid=8, bisections=4)
    needed = (goal - STARTS[:2, 0]).double()
    assert ((found.strengths[:2] - needed) >= -1e-4).all()
    assert ((found.strengths[:2] - needed) < 4 / 8 / 2**4 + 1e-4).all()
    assert found.strengths[2] == 0
    torch.testing.assert_close(found.latents.values[2], STARTS[2])
    assert found.reached.all()
    assert "result 2: r 0.98 to 0.98 by vector at strength 0" in found.summary()


def test_moves_go_on_beyond_the_smallest_strength_up_to_the_largest():
    fields = {"mode": "smallest", "certainty": 0.9, "strength": 3.5, "grid": 7}
    near, far = edited(**fields), edited(beyond=0.4, **fields)
    assert far.strengths[0] == 3.5 < near.strengths[0] + 0.4
    assert far.strengths[1] == near.strengths[1] + 0.4
    moved = STARTS[:2] + far.strengths[:2, None].float() * ALONG.vector
    torch.testing.assert_close(far.latents.values[:2], moved)
    torch.testing.assert_close(far.after[:2], condition_of().probability(moved).double())
    # One that shows it from the start stays.
    assert torch.equal(far.latents.values[2], near.latents.values[2])
    counted = []
    edited(beyond=0.4, report=counted.append, **fields)
    assert counted[-1] <= 1 + Editing(beyond=0.4, **fields).rounds


def test_r_of_images_sees_what_the_generator_draws_of_a_move():
    """A generator whose first number ends at 1 never shows what its latents seem to."""
    plain = linear_generator()
    blind = replace(
        plain, render=lambda parts, rng: plain.render({"z": parts["z"].clamp(max=1)}, rng)
    )
    editing = {
        seen: Editing(4.0, "smallest", seen=seen, certainty=0.9, beyond=0.0)
        for seen in ("images", "latents")
    }
    kept = {
        seen: edit_by_condition(
            pictures(STARTS[:1]), blind, condition_of(), None, ALONG, settings,
            chunking=Chunking(8, padded=True), device=CPU,
        )
        for seen, settings in editing.items()
    }  # fmt: skip
    assert kept["latents"].reached.all()
    assert not kept["images"].reached.any()
    assert kept["images"].strengths.tolist() == [4.0]
    assert "not reached" in kept["images"].summary()


def test_the_correction_is_of_the_moved_latent_with_one_noise_for_the_search():
    """Of N(0, 1) in one call from the level a it is a z + sqrt(a (1 - a)) noise."""
    correction = Correction(100, 1)
    found = edited(prior=STANDARD, strength=1.5, mode="same", correction=correction)
    level = LINEAR.alphas_bar[100]
    noise = SampleRng.of(0, 3, "edit").normal(DIM, like=STARTS)
    wanted = level * (STARTS + 1.5 * ALONG.vector) + (level * (1 - level)) ** 0.5 * noise
    torch.testing.assert_close(found.latents.values, wanted, rtol=1e-4, atol=1e-4)
    walked = edited(
        prior=STANDARD, strength=4.0, mode="smallest", certainty=0.9, correction=correction
    )
    at = STARTS[:2] + walked.strengths[:2, None].float() * ALONG.vector
    again = level * at + (level * (1 - level)) ** 0.5 * noise[:2]
    torch.testing.assert_close(walked.latents.values[:2], again, rtol=1e-4, atol=1e-4)
    # One that shows it already is not corrected.
    torch.testing.assert_close(walked.latents.values[2], STARTS[2])


class Ways:
    """Three ways, of which the first goes too slowly."""

    unit, ways = "units", 3

    def paths(self, start, rng, most, grid):
        vectors = {"slow": [0.1, 0.0, 0.0], "late": [0.5, 1.0, 0.0], "early": [1.0, 0.0, 1.0]}
        return {name: line(start, torch.tensor([v])) for name, v in vectors.items()}


@pytest.mark.parametrize("mode", ["same", "smallest"])
def test_a_sample_takes_the_first_way_that_shows_the_wanted(mode):
    found = edited(move=Ways(), strength=6.0, certainty=0.7, mode=mode)
    assert found.ways == ("late", "late", "slow")
    assert found.reached.all()
    assert "by late at strength" in found.summary()
    torch.testing.assert_close(
        found.latents.values[1],
        STARTS[1] + found.strengths[1].float() * torch.tensor([0.5, 1.0, 0.0]),
    )
    several = edited(pictures(STARTS[:2]), move=Ways(), strength=6.0, certainty=0.7, results=3)
    assert several.ways == ("late", "early", "late") * 2
    never = edited(pictures(STARTS[:1]), move=Ways(), strength=0.5, certainty=0.9, mode=mode)
    assert never.ways == ("early",)
    assert not never.reached.any()


def test_results_of_an_image_follow_each_other_and_differ_by_the_noise():
    found = edited(prior=STANDARD, results=2, strength=2.0, mode="same")
    assert len(found.images) == 6
    values = found.latents.values
    assert not torch.equal(values[0], values[1])
    assert (values[0] - values[1]).abs().max() < 1
    assert (values[0] - values[2]).abs().max() > 1
    other = edited(prior=STANDARD, results=2, strength=2.0, mode="same", seed=1)
    assert not torch.equal(other.latents.values, values)


@pytest.mark.bits
def test_an_edit_does_not_depend_on_the_other_images():
    whole = edited(prior=STANDARD, mode="smallest")
    part = edited(pictures()[:2], prior=STANDARD, mode="smallest")
    assert torch.equal(part.images, whole.images[:2])
    assert torch.equal(part.strengths, whole.strengths[:2])


def test_a_mask_leaves_the_pixels_outside_of_it_bit_for_bit():
    """Images of another size than the generator's keep their size."""
    images = torch.rand(3, 3, 4, 6, generator=torch.Generator().manual_seed(0))
    masks = torch.zeros(1, 4, 6)
    masks[:, 1:3, 2:5] = 1
    masks[:, 0, 0] = 0.5
    found = edited(images, strength=5.0, mode="same", masks=masks, results=2)
    assert found.images.shape == (6, 3, 4, 6)
    each = images.repeat_interleave(2, dim=0)
    outside = (masks[0] == 0).expand(6, 3, 4, 6)
    assert torch.equal(found.images[outside], each[outside])
    free = edited(images, strength=5.0, mode="same", masks=torch.ones(3, 4, 6), results=2)
    inside = (masks[0] == 1).expand(6, 3, 4, 6)
    assert torch.equal(found.images[inside], free.images[inside])
    torch.testing.assert_close(found.images[:, :, 0, 0], (each + free.images)[:, :, 0, 0] / 2)


def test_what_does_not_fit_is_refused():
    with pytest.raises(DomainMismatch, match="mask is 3 x 2 pixels and the images are 2 x 2"):
        edited(masks=torch.ones(1, 2, 3))
    with pytest.raises(InvalidInput, match="2 masks for 3 images"):
        edited(masks=torch.ones(2, 2, 2))
    with pytest.raises(InvalidInput, match=r"0 \(black\) everywhere"):
        edited(masks=torch.zeros(1, 2, 2))
    with pytest.raises(GeneratorMismatch, match="of latents of 'other'"):
        edited(condition=condition_of(generator="c" * 64, generator_name="other"))
    other = prior_of(Exact(LINEAR, torch.eye(DIM)), DIM, LINEAR)
    other = replace(other, base="d" * 64, base_name="another")
    with pytest.raises(GeneratorMismatch, match="models the latents of 'another'"):
        edited(prior=other)
    with pytest.raises(InvalidInput, match="No image"):
        edited(torch.zeros(0, 3, 2, 2))
    with pytest.raises(InvalidInput, match="Time 4000"):
        edited(prior=STANDARD, correction=Correction(4000))
    for fields in (
        {"strength": float("nan"), "mode": "same"},
        {"strength": -1.0, "mode": "smallest"},
        {"certainty": 1.0},
        {"grid": 0},
        {"results": 0},
        {"beyond": -0.1},
    ):
        with pytest.raises(InvalidInput):
            Editing(**fields)
