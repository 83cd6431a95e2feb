"""The conditions of KRR flow: discriminators, directions, masked reconstruction, CLIP's logit."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.chunking import Chunking
from latentsteer.core.condition import Condition
from latentsteer.core.energies.direction import SLACK, away_from, projected, text_direction
from latentsteer.core.energies.discriminator import discriminator
from latentsteer.core.energies.example import toy_clip, toy_generator
from latentsteer.core.energies.global_direction import along, global_direction
from latentsteer.core.energies.masked import known_error, masked
from latentsteer.core.energies.similarity import similarity
from latentsteer.core.errors import ConditionMismatch, DomainMismatch, InvalidInput
from latentsteer.core.features import clip_features
from latentsteer.core.generators.biggan.networks.discriminators import BigGanDiscriminator
from latentsteer.core.generators.biggan.networks.spectral import Spectral
from latentsteer.core.generators.biggan.reading import discriminator_of
from latentsteer.core.generators.stylegan.discriminator import as_discriminator
from latentsteer.core.generators.stylegan.networks.discriminator import StyleGan2Discriminator
from latentsteer.core.generators.stylegan.networks.mapping import MappingNetwork
from latentsteer.core.images import resized
from latentsteer.core.rng import SampleRng
from torch.nn import functional

CPU = torch.device("cpu")


def pictures(count, side=16, seed=0):
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed))


def filled(network):
    stream = torch.Generator().manual_seed(2)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=1.5, generator=stream)
    return network.eval().requires_grad_(False)


def biggan():
    return discriminator_of(
        filled(BigGanDiscriminator([(3, 8, 8), (8, 8, 16)], [0], [], 3, 1, Spectral()))
    )


def stylegan(classes=3, deviations=1):
    mapping = MappingNetwork(0, classes, 5, hidden=(5,), averaged=False) if classes else None
    return as_discriminator(
        filled(
            StyleGan2Discriminator(
                {4: 6, 8: 6, 16: 4},
                3,
                5 if classes else 1,
                deviations=deviations,
                mapping=mapping,
            )
        )
    )


def against(own, side=16):
    return replace(toy_generator(), discriminator=own, image_size=(side, side))


def values(energy, images):
    return energy(images, SampleRng.of(0, len(images)))


# Discriminators


@pytest.mark.parametrize("make", [biggan, stylegan])
def test_the_logit_is_log_p_of_c_given_x(make):
    own, images = make(), pictures(4)
    plain = values(discriminator(against(own)), images)
    alone = torch.cat([own.logits(image[None]) for image in images])
    torch.testing.assert_close(plain, -alone)
    energy = discriminator(against(own), form="log-sigmoid")
    found = values(energy, images)
    torch.testing.assert_close(found, -functional.logsigmoid(alone))
    (leaf,) = energy.leaves()
    torch.testing.assert_close(leaf.measure.of(found), alone.sigmoid())


@pytest.mark.parametrize("make", [biggan, stylegan])
def test_a_class_is_asked_for_where_the_discriminator_knows_classes(make):
    own, images = make(), pictures(3)
    energy = discriminator(against(own), classes=(2, 0, 1))
    found = values(energy, images)
    network = own.module
    for row, number in enumerate((2, 0, 1)):
        asked = torch.tensor([number])
        if make is stylegan:
            asked = functional.one_hot(asked, 3).float()
        expected = network(images[row : row + 1] * 2 - 1, asked).flatten()
        torch.testing.assert_close(found[row], -expected[0])
    for_all = values(discriminator(against(own), classes=(1,)), images)
    torch.testing.assert_close(for_all[2], found[2])
    assert not torch.allclose(for_all[:2], found[:2])


def test_the_classes_logits_have_the_plain_one_as_their_mean_in_stylegan():
    own, images = stylegan(), pictures(2)
    each = [values(discriminator(against(own), classes=(number,)), images) for number in range(3)]
    plain = values(discriminator(against(own)), images)
    torch.testing.assert_close(torch.stack(each).mean(dim=0), plain)


def test_a_discriminator_that_compares_the_batch_sees_one_image_at_a_time():
    own, images = stylegan(0), pictures(4)
    energy = discriminator(against(own))
    together = values(energy, images)
    assert not energy.coupled
    assert not torch.allclose(-own.module(images * 2 - 1), together)
    for row in range(4):
        torch.testing.assert_close(values(energy, images[row : row + 1])[0], together[row])


def test_images_of_another_size_are_resampled_to_the_discriminators():
    own, images = biggan(), pictures(2, 24)
    found = values(discriminator(against(own)), images)
    torch.testing.assert_close(found, -own.logits(resized(images, (16, 16))))


@pytest.mark.parametrize(
    ("make", "options", "said"),
    [
        (lambda: None, {}, "holds no discriminator"),
        (biggan, {"classes": (3,)}, "no class 3; its 3 are numbered from 0"),
        (biggan, {"classes": (0, -1)}, "no class -1"),
        (lambda: stylegan(0), {"classes": (0,)}, "knows no classes"),
    ],
)
def test_what_a_discriminator_cannot_do_is_refused(make, options, said):
    with pytest.raises(InvalidInput, match=said):
        discriminator(against(make()), **options)


def test_a_class_per_sample_needs_as_many_samples():
    energy = discriminator(against(biggan()), classes=(0, 1))
    with pytest.raises(ConditionMismatch, match="2 classes and the batch 3 samples"):
        energy.check_batch(3)


# CLIP's logit


def rows(clip, count=1, seed=1):
    embedding = torch.randn(count, clip.embed_dim, generator=torch.Generator().manual_seed(seed))
    labels = tuple(f"text {seed}.{number}" for number in range(count))
    return Condition(embedding, labels, clip.id, clip.name)


@pytest.mark.parametrize("views", [0, 3])
def test_a_logit_is_the_cosine_times_the_scale(views):
    clip = replace(toy_clip(), logit_scale=50.0)
    condition, images = rows(clip), pictures(3, 9)
    raw, scaled = (
        similarity(clip, condition, views=views, scaled=scaled) for scaled in (False, True)
    )
    torch.testing.assert_close(values(scaled, images), 50 * values(raw, images))
    assert raw.signature() != scaled.signature()
    (leaf,) = scaled.leaves()
    torch.testing.assert_close(leaf.measure.of(values(scaled, images)), -values(raw, images))


def test_a_scale_that_the_file_does_not_tell_is_refused():
    clip = toy_clip()
    with pytest.raises(InvalidInput, match="no usable logit scale"):
        similarity(clip, rows(clip), scaled=True)


def test_the_embedded_clip_tells_its_scale():
    from latentsteer.core.auxiliaries import open_model
    from latentsteer.core.zoo import shipped as catalogue

    clip = open_model(catalogue.embedded("avatars CLIP (embedded)"))
    assert 1 < clip.logit_scale <= 100.01


# Directions


def unit(v):
    return functional.normalize(v, dim=-1)


def test_the_direction_leads_from_the_neutral_text_to_the_wanted_one():
    clip = toy_clip()
    wanted, neutral = rows(clip, 2), rows(clip, 1, 2)
    found = text_direction(wanted, neutral)
    expected = unit(unit(wanted.embedding) - unit(neutral.embedding))
    torch.testing.assert_close(unit(found.embedding), expected)
    assert found.labels == ("text 1.0 - text 2.0", "text 1.1 - text 2.0")


def test_projected_is_minus_the_part_of_the_image_along_it():
    clip, images = toy_clip(), pictures(3, 9)
    direction = text_direction(rows(clip), rows(clip, 1, 2))
    found = values(projected(clip, direction), images)
    expected = -(unit(clip.embed(images)) @ unit(direction.embedding)[0])
    torch.testing.assert_close(found, expected)


def test_the_way_from_the_source_counts_whatever_the_source_shows():
    clip, images, sources = toy_clip(), pictures(3, 9), pictures(3, 9, 1)
    direction = text_direction(rows(clip), rows(clip, 1, 2))
    found = values(away_from(clip, direction, sources), images)
    way = unit(clip.embed(images)) - unit(clip.embed(sources))
    length = (way.square().sum(dim=1) + SLACK**2).sqrt()
    torch.testing.assert_close(found, 1 - way @ unit(direction.embedding)[0] / length)


@pytest.mark.parametrize("views", [0, 4])
def test_at_the_source_the_first_step_is_along_the_direction(views):
    clip, sources = toy_clip(), pictures(2, 9)
    direction = text_direction(rows(clip), rows(clip, 1, 2))
    energy = away_from(clip, direction, sources, views=views)
    images = sources.clone().requires_grad_()
    found = values(energy, images)
    torch.testing.assert_close(found, torch.ones(2))
    (slope,) = torch.autograd.grad(found.sum(), images)
    other = projected(clip, direction, views=views)
    (straight,) = torch.autograd.grad(values(other, images).sum(), images)
    torch.testing.assert_close(slope, straight / SLACK, rtol=1e-4, atol=1e-6)


def test_sources_and_directions_go_together():
    clip = toy_clip()
    two = text_direction(rows(clip, 2), rows(clip, 1, 2))
    energy = away_from(clip, two, pictures(1, 9))
    energy.check_batch(2)
    with pytest.raises(ConditionMismatch):
        energy.check_batch(3)
    with pytest.raises(InvalidInput, match="3 source images for 2 directions"):
        away_from(clip, two, pictures(3, 9))
    one = text_direction(rows(clip), rows(clip, 1, 2))
    assert away_from(clip, one, pictures(2, 9)).signature() != energy.signature()


def test_texts_without_a_direction_are_refused():
    clip = toy_clip()
    with pytest.raises(InvalidInput, match="have the same embedding"):
        text_direction(rows(clip), rows(clip))
    with pytest.raises(InvalidInput, match="2 neutral rows for 3 target texts"):
        text_direction(rows(clip, 3), rows(clip, 2))
    with pytest.raises(ConditionMismatch):
        text_direction(rows(clip), replace(rows(clip, 1, 2), auxiliary="another"))
    direction = replace(text_direction(rows(clip), rows(clip, 1, 2)), auxiliary="another")
    with pytest.raises(ConditionMismatch):
        away_from(clip, direction, pictures(1))


def global_slopes(clip, generator, direction, **options):
    return global_direction(
        generator,
        clip,
        direction,
        **{"samples": 5, "chunking": Chunking(2, padded=True), "device": CPU, **options},
    )


def test_the_global_direction_is_what_moves_embeddings_along_the_text_on_average():
    clip, generator = toy_clip(), toy_generator()
    direction = text_direction(rows(clip, 2), rows(clip, 1, 2))
    found = global_slopes(clip, generator, direction)
    rng = SampleRng.of(0, 5, "direction")
    z = generator.prior.sample(rng, torch.empty(0)).double()
    for network in (clip.module, generator.module):
        network.double()
    expected = torch.zeros(2, 6, dtype=torch.float64)
    for channel in range(6):
        step = torch.zeros(6, dtype=torch.float64)
        step[channel] = 1e-4
        ahead, behind = (unit(clip.embed(generator(z + h * step, rng))) for h in (1, -1))
        expected[:, channel] = (ahead - behind).mean(dim=0) @ unit(direction.embedding).double().T
    torch.testing.assert_close(found.double(), unit(expected), rtol=1e-3, atol=1e-4)


def test_a_threshold_drops_what_does_little():
    clip, generator = toy_clip(), toy_generator()
    direction = text_direction(rows(clip), rows(clip, 1, 2))
    plain, sparse = (
        global_slopes(clip, generator, direction, threshold=share)[0] for share in (0.0, 0.5)
    )
    kept = plain.abs() >= 0.5 * plain.abs().max()
    assert 0 < int(kept.sum()) < 6
    torch.testing.assert_close(sparse, unit(plain * kept))


def test_its_gradient_is_the_same_for_all_samples():
    clip, generator = toy_clip(), toy_generator()
    direction = text_direction(rows(clip), rows(clip, 1, 2))
    slopes = global_slopes(clip, generator, direction)
    z = torch.randn(3, 6, generator=torch.Generator().manual_seed(0)).requires_grad_()
    (slope,) = torch.autograd.grad(values(along(generator, direction, slopes), z).sum(), z)
    torch.testing.assert_close(slope, -slopes.expand(3, -1))


@pytest.mark.parametrize("options", [{"samples": 0}, {"threshold": 1.0}])
def test_numbers_out_of_range_are_refused(options):
    clip, generator = toy_clip(), toy_generator()
    with pytest.raises(InvalidInput, match="expected at least 1"):
        global_slopes(clip, generator, text_direction(rows(clip), rows(clip, 1, 2)), **options)


# Masked reconstruction


def hole(side=8, first=2, last=5):
    mask = torch.zeros(1, side, side)
    mask[:, first:last, first:last] = 1
    return mask


def test_pixels_count_where_they_are_known():
    source, images, mask = pictures(1, 8), pictures(3, 8, 1), hole()
    known = (1 - mask[0]).bool()
    expected = (images - source)[:, :, known].square().mean(dim=(1, 2))
    energy = masked(source, mask)
    torch.testing.assert_close(values(energy, images), expected)
    torch.testing.assert_close(known_error(images, source, mask), expected.sqrt())
    (leaf,) = energy.leaves()
    torch.testing.assert_close(leaf.measure.of(expected), expected.sqrt())


@pytest.mark.parametrize("seen", [None, "features"])
def test_the_hole_is_free(seen):
    features = seen and clip_features(toy_clip())
    source, mask = pictures(1, 8), hole()
    energy = masked(source, mask, features=features)
    images = torch.where(mask.bool(), pictures(2, 8, 3), source).requires_grad_()
    found = values(energy, images)
    torch.testing.assert_close(found, torch.zeros(2))
    moved = (images.detach() + 0.1 * pictures(2, 8, 4)).requires_grad_()
    (slope,) = torch.autograd.grad(values(energy, moved).sum(), moved)
    free = slope.abs().sum(dim=(0, 1)) == 0
    assert torch.equal(free, mask[0].bool())
    assert len(list(energy.leaves())) == (2 if seen else 1)


def test_grey_counts_as_unknown():
    source, images = pictures(1, 8), pictures(2, 8, 1)
    soft = hole()
    soft[:, 2:5, 5] = 0.4
    hard = soft.ceil()
    torch.testing.assert_close(
        values(masked(source, soft), images), values(masked(source, hard), images)
    )


def test_at_another_size_only_pixels_of_known_ones_count():
    """The content of the hole of the source must not affect the comparison."""
    mask, images = hole(16, 4, 10), pictures(2, 8, 1)
    source = pictures(1, 16)
    other = torch.where(mask.bool(), 1 - source, source)
    one, two = (values(masked(picture, mask), images) for picture in (source, other))
    torch.testing.assert_close(one, two)
    near = torch.where(mask.bool(), source, (source + 0.2).clamp(0, 1))
    assert not torch.allclose(values(masked(near, mask), images), one)


def test_each_sample_has_its_own_source_and_mask():
    sources, images = pictures(3, 8), pictures(3, 8, 1)
    masks = torch.cat([hole(), hole(8, 0, 4), hole(8, 3, 8)])
    together = values(masked(sources, masks), images)
    for row in range(3):
        alone = masked(sources[row : row + 1], masks[row : row + 1])
        torch.testing.assert_close(values(alone, images[row : row + 1])[0], together[row])
    one_source = masked(sources[:1], masks)
    one_source.check_batch(3)
    assert one_source.signature() != masked(sources[:1], masks.flip(0)).signature()


@pytest.mark.parametrize(
    ("sources", "masks", "options", "error", "said"),
    [
        ((1, 8), hole(9), {}, DomainMismatch, "The mask is 9 x 9 pixels and the source image 8"),
        ((1, 8), torch.zeros(1, 8, 8), {}, InvalidInput, "Mask 0 is empty"),
        ((1, 8), torch.ones(1, 8, 8), {}, InvalidInput, "Mask 0 is full"),
        (
            (2, 8),
            torch.cat([hole(), torch.full((1, 8, 8), 0.5)]),
            {},
            InvalidInput,
            "Mask 1 is full",
        ),
        ((3, 8), torch.cat([hole(), hole()]), {}, InvalidInput, "2 masks for 3 source images"),
        ((0, 8), hole(), {}, InvalidInput, "0 source images and 1 masks"),
        ((1, 8), hole() * torch.nan, {}, InvalidInput, "not finite"),
        ((1, 8), hole(), {"pixel_weight": 0.0}, InvalidInput, "Nothing to compare"),
        ((1, 8), hole(), {"pixel_weight": -1.0}, InvalidInput, "at least 0"),
    ],
)
def test_masks_that_do_not_go_are_refused(sources, masks, options, error, said):
    with pytest.raises(error, match=said):
        masked(pictures(*sources), masks, **options)


def test_a_known_part_that_vanishes_at_the_generators_size_is_told():
    mask = torch.ones(1, 32, 32)
    mask[:, 5, 5] = 0
    energy = masked(pictures(1, 32), mask)
    with pytest.raises(InvalidInput, match="At 4 x 4 pixels"):
        values(energy, pictures(2, 4))
