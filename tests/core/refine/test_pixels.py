"""Descent of energies on pixels, the best of images, and interpolation between latents."""

import pytest
import torch
from latentsteer.core.charts import MixtureOfBasis
from latentsteer.core.chunking import Chunking
from latentsteer.core.condition import Condition
from latentsteer.core.energies.example import toy_clip, toy_generator
from latentsteer.core.energies.prior import prior_energy
from latentsteer.core.energies.similarity import similarity
from latentsteer.core.energy import Energy
from latentsteer.core.errors import (
    ConditionMismatch,
    DomainMismatch,
    GeneratorMismatch,
    InvalidInput,
)
from latentsteer.core.latents import Latents
from latentsteer.core.refine.pixels import fgsm
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import IMAGES, Identity
from latentsteer.core.starts.ranking import ranked_images
from latentsteer.core.terms import Term

CPU = torch.device("cpu")
CHUNKING = Chunking(2, padded=True)


def pictures(count, size=6, seed=0):
    stream = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, size, size, generator=stream)


def moved(images, energy, seed=0, samples=None, **settings):
    rng = SampleRng.of(seed, samples or len(images), "pixels")
    return fgsm(images, energy, rng, **{"epsilon": 0.1, "chunking": CHUNKING, **settings})


@pytest.fixture
def brightness():
    """One half of each image should be bright, the other dark; flat beyond."""

    def of(images, rng):
        return images[:, :, 3:5].sum(dim=(1, 2, 3)) - images[:, :, :3].sum(dim=(1, 2, 3))

    return Energy.of(Term("brightness", IMAGES, of))


@pytest.fixture
def clip_energy():
    clip = toy_clip()
    rows = torch.randn(1, clip.embed_dim, generator=torch.Generator().manual_seed(1))

    def make(views, count=1):
        labels = tuple("abcde"[:count])
        condition = Condition(rows.expand(count, -1), labels, clip.id, clip.name)
        return similarity(clip, condition, views=views)

    return make


def test_every_pixel_goes_epsilon_down_the_gradient_within_its_range(brightness):
    images = pictures(3)
    after = moved(images, brightness)
    torch.testing.assert_close(after[:, :, :3], (images[:, :, :3] + 0.1).clamp(max=1))
    torch.testing.assert_close(after[:, :, 3:5], (images[:, :, 3:5] - 0.1).clamp(min=0))
    assert torch.equal(after[:, :, 5], images[:, :, 5]), "no gradient there"
    assert torch.equal(images, pictures(3)), "what was given was written to"


def test_several_steps_stay_in_the_ball_and_go_lower(clip_energy):
    images, energy = pictures(4), clip_energy(0)
    before, *after = (
        energy(x, SampleRng.of(0, 4))
        for x in (images, moved(images, energy), moved(images, energy, steps=8))
    )
    assert (after[0] < before).all()
    assert (after[1] <= after[0] + 1e-4).all()
    assert after[1].sum() < after[0].sum()
    assert (moved(images, energy, steps=8) - images).abs().max() <= 0.1 + 1e-6


@pytest.mark.bits
def test_views_are_drawn_from_each_images_own_stream(clip_energy):
    images, energy = pictures(5), clip_energy(4)
    batch = moved(images, energy, steps=3)
    alone = moved(images[3:4], energy, samples=[3], steps=3)
    torch.testing.assert_close(batch[3:4], alone, rtol=0, atol=1e-6)
    assert not torch.equal(batch, moved(images, energy, seed=1, steps=3))


def test_what_cannot_move_pixels_is_refused(brightness, clip_energy):
    images = pictures(2)
    with pytest.raises(InvalidInput, match="0 to 1"):
        moved(images, brightness, epsilon=1.5)
    with pytest.raises(InvalidInput, match="0 steps"):
        moved(images, brightness, steps=0)
    with pytest.raises(DomainMismatch, match=r"there is no generator here.*Energy CLIP"):
        moved(images, brightness + prior_energy(toy_generator()))
    with pytest.raises(ConditionMismatch):
        moved(images, clip_energy(0, count=3))


def best(images, energy, **settings):
    return ranked_images(images, energy, seed=0, chunking=CHUNKING, device=CPU, **settings)


def test_the_best_images_come_first_and_each_group_keeps_its_own():
    images = torch.tensor([0.3, 0.1, 0.2, 0.9, 0.5, 0.7])[:, None, None, None].expand(-1, 3, 4, 4)
    energy = Energy.of(Term("mean", IMAGES, lambda x, rng: x.mean(dim=(1, 2, 3))))
    assert best(images, energy, keep=3).rows == (1, 2, 0)
    assert best(images, energy, keep=1, groups=2).rows == (1, 4)
    with pytest.raises(InvalidInput, match="Best 7 of groups of 6"):
        best(images, energy, keep=7)
    with pytest.raises(DomainMismatch, match="there is no generator here"):
        best(images, prior_energy(toy_generator()), keep=1)


def latents(count, seed, chart=None, **changes):
    chart = chart or Identity(toy_generator().source)
    stream = torch.Generator().manual_seed(seed)
    values = torch.randn(count, chart.source.dim, generator=stream)
    made = {"generator": "toy-g", "generator_name": "toy", **changes}
    return Latents(values, chart, samples=tuple(range(count)), **made)


def test_a_basis_written_plainly_is_the_same_latents():
    space = toy_generator().source
    basis = latents(3, 1, MixtureOfBasis(space, 4, ("z",), "softmax"))
    plain = basis.plain()
    torch.testing.assert_close(plain.values, basis.chart(basis.values, basis.rng(0, "")))
    assert plain.chart == Identity(space)
    assert plain.samples == basis.samples
    assert torch.equal(plain.plain().values, plain.values)
    stacked = plain.stacked(latents(2, 2))
    assert len(stacked) == 5


def test_the_way_between_latents_is_straight_whatever_their_charts():
    basis = latents(2, 1, MixtureOfBasis(toy_generator().source, 3, ("z",)))
    other = latents(2, 2)
    frames = basis.interpolated(other, [0.0, 0.25, 1.0])
    first, second = basis.plain().values, other.values
    torch.testing.assert_close(frames.values[[0, 3]], first)
    torch.testing.assert_close(frames.values[[2, 5]], second)
    torch.testing.assert_close(frames.values[[1, 4]], 0.75 * first + 0.25 * second)
    assert frames.samples == (0, 1, 2, 3, 4, 5)


def test_one_latent_pairs_with_many_and_other_numbers_do_not():
    many = latents(1, 1).interpolated(latents(3, 2), [0.5])
    expected = (latents(1, 1).values + latents(3, 2).values) / 2
    torch.testing.assert_close(many.values, expected)
    with pytest.raises(InvalidInput, match="2 and 3 latents cannot be paired"):
        latents(2, 1).interpolated(latents(3, 2), [0.5])
    with pytest.raises(InvalidInput, match="at least 1 needed"):
        latents(1, 1).interpolated(latents(1, 2), [])
    with pytest.raises(GeneratorMismatch, match="latents of one generator can be interp"):
        latents(1, 1).interpolated(latents(1, 2, generator="another"), [0.5])
