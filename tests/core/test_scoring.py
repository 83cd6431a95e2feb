"""AugCLIP measured at the end."""

import pytest
import torch
from latentsteer.core.chunks import Chunking
from latentsteer.core.energies.example import toy_clip
from latentsteer.core.energies.scoring import clip_scores
from latentsteer.core.energies.similarity import similarity
from latentsteer.core.errors import ConditionMismatch, InvalidInput
from latentsteer.core.prompts import text_condition
from latentsteer.core.rng import SampleRng

CHUNKS = Chunking(2, padded=True)


def scored(views, prompts="red\nblue\ndark", images=3, rng=None, **options):
    clip = toy_clip()
    pictures = torch.rand(images, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    settings = {"chunking": CHUNKS, "device": torch.device("cpu"), **options}
    condition = text_condition(clip, prompts).condition
    rng = SampleRng.of(0, images, "score") if rng is None else rng
    return clip_scores(clip, condition, pictures, rng, views=views, **settings), pictures


def test_without_views_it_is_the_plain_score():
    found, pictures = scored(0)
    clip = toy_clip()
    condition = text_condition(clip, "red\nblue\ndark").condition
    expected = -similarity(clip, condition)(pictures, SampleRng.of(0, 3))
    torch.testing.assert_close(found.values.float(), expected)
    assert found.errors.tolist() == [0.0] * 3
    assert str(found).startswith("CLIP: mean ")


def test_views_are_averaged_over_rounds_each_as_long_as_it_counts():
    found, pictures = scored(120)
    clip, rng = toy_clip(), SampleRng.of(0, 3, "score")
    condition = text_condition(clip, "red\nblue\ndark").condition
    rounds = [-similarity(clip, condition, views=n)(pictures, rng) for n in (50, 50, 20)]
    expected = (50 * rounds[0] + 50 * rounds[1] + 20 * rounds[2]) / 120
    torch.testing.assert_close(found.values.float(), expected)
    torch.testing.assert_close(found.errors.float(), torch.stack(rounds).std(dim=0) / 3**0.5)
    text = str(found)
    assert text.startswith("AugCLIP of 120 views: mean ")
    assert "±" in text
    assert "blue" in text


def test_an_image_alone_scores_as_in_its_batch_and_one_row_serves_all():
    together, _ = scored(60, "red")
    assert together.labels == ("red",) * 3
    alone, _ = scored(60, "red", images=1)
    torch.testing.assert_close(alone.values[0], together.values[0])
    done = []
    scored(120, report=done.append)
    assert done == [1, 2, 3]


def test_bad_input_is_refused():
    with pytest.raises(ConditionMismatch, match="and the batch 2 samples"):
        scored(0, images=2)
    with pytest.raises(InvalidInput, match="No image to score"):
        scored(0, "red", images=0)
    with pytest.raises(InvalidInput, match="-1 views"):
        scored(-1)
