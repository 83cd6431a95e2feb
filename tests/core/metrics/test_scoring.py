"""AugCLIP measured at the end."""

import pytest
import torch
from latentsteer.core.chunking import Chunking
from latentsteer.core.conditions.prompts import text_condition
from latentsteer.core.energies.example import toy_clip
from latentsteer.core.energies.similarity import similarity
from latentsteer.core.errors import ConditionMismatch, InvalidInput
from latentsteer.core.metrics import clip_score as scoring
from latentsteer.core.metrics.clip_score import clip_scores
from latentsteer.core.rng import SampleRng, stream_of

SAMPLES = 3000
CHUNKS = Chunking(2, padded=True)


def scored(views, prompts="red\nblue\ndark", images=3, rng=None, **options):
    clip = toy_clip()
    pictures = torch.rand(images, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    chunks = Chunking(images, padded=False) if images == SAMPLES else CHUNKS
    settings = {"chunking": chunks, "device": torch.device("cpu"), **options}
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
    # sum_r w_r^2 (m_r - m)^2 / (1 - w_r), w = 5/12, 5/12, 2/12.
    parts = [
        (n / 120) ** 2 / (1 - n / 120) * (one - expected).square()
        for n, one in zip((50, 50, 20), rounds, strict=True)
    ]
    torch.testing.assert_close(found.errors.float(), sum(parts).sqrt())
    text = str(found)
    assert text.startswith("AugCLIP of 120 views: mean ")
    assert "±" in text
    assert "blue" in text


def test_equal_rounds_have_the_usual_standard_error():
    found, pictures = scored(150)
    clip, rng = toy_clip(), SampleRng.of(0, 3, "score")
    condition = text_condition(clip, "red\nblue\ndark").condition
    rounds = torch.stack([-similarity(clip, condition, views=50)(pictures, rng) for _ in range(3)])
    torch.testing.assert_close(found.errors.float(), rounds.std(dim=0) / 3**0.5)


@pytest.mark.parametrize("shared", [0.0, 0.2])
@pytest.mark.parametrize("views", [51, 60, 75, 99, 100, 101, 110, 149, 151, 220])
def test_the_error_is_the_spread_of_the_score_however_short_the_last_round(
    views, shared, monkeypatch
):
    """Views of standard deviation 1, and a draw that the views of a round share.

    All images draw from one stream: thousands of draws one by one would take a second.
    """
    stream = stream_of("score")

    def drawn(clip, condition, *, views, device):
        def energy(x, rng):
            # The mean of a round's views is one draw of this standard deviation.
            own = torch.randn(len(x), generator=stream) * views**-0.5
            return own + shared * torch.randn(len(x), generator=stream)

        return energy

    monkeypatch.setattr(scoring, "similarity", drawn)
    rng = SampleRng([stream] * SAMPLES, range(SAMPLES))
    found, _ = scored(views, "red", images=SAMPLES, rng=rng)
    true, stated = found.values.std(), found.errors.square().mean().sqrt()
    # Each of the two has a relative error of at most 1 / sqrt(SAMPLES); four of both together, and
    # three percent for what a draw shared by a short round and a long one leaves out.
    assert abs(stated / true - 1) < 4 * (2 / SAMPLES) ** 0.5 + 0.03


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
