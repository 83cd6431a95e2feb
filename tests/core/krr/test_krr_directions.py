"""The conditions of KRR flow by CLIP: its logit, and directions between texts."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.chunking import Chunking
from latentsteer.core.condition import Condition
from latentsteer.core.energies.direction import SLACK, away_from, projected, text_direction
from latentsteer.core.energies.example import toy_clip, toy_generator
from latentsteer.core.energies.global_direction import along, global_direction
from latentsteer.core.energies.similarity import similarity
from latentsteer.core.errors import ConditionMismatch, InvalidInput
from latentsteer.core.rng import SampleRng
from torch.nn import functional

from .krr_inputs import pictures, values

CPU = torch.device("cpu")


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
