"""The avatars' study: effects of the settings of a row on its samples."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.translators.training import Training
from latentsteer.workflows.studies.tr0n import avatars_rows as avatars_study
from latentsteer.workflows.studies.tr0n.avatars_rows import (
    PAIRS_ROWS,
    ROWS,
    AvatarsStudy,
    Row,
)

TEXTS = ["a red hat, a smile"] * 2 + ["blue background"] * 2


@pytest.fixture(scope="module")
def study():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(avatars_study, "PAIRS", 8)
        patch.setattr(avatars_study, "TRAINING", Training(epochs=1))
        yield AvatarsStudy(0, torch.device("cpu"), lambda text: None)


def likeness(study, row, texts):
    """Returns the cosine of each sample's image and its text."""
    images = study.session.images(study.latents(row, texts))
    seen, wanted = study.clip.embed(images), study.condition(texts, row.clause_weight).embedding
    return torch.cosine_similarity(seen, wanted, dim=1)


def test_spare_samples_are_made_and_the_best_of_each_text_are_kept(study):
    row = Row("prior", refined=False, clause_weight=0.5)
    asked = [text for text in dict.fromkeys(TEXTS) for _ in range(4)]
    made = likeness(study, row, asked).unflatten(0, (2, 4))
    kept = likeness(study, replace(row, spare=2), TEXTS).unflatten(0, (2, 2))
    torch.testing.assert_close(kept, made.topk(2, dim=1).values)


def test_a_search_begins_from_the_same_candidates_and_does_better(study):
    row = Row("prior", 16, refined=False)
    plain = likeness(study, row, TEXTS)
    searched = likeness(study, replace(row, generations=2), TEXTS)
    assert bool((searched >= plain - 1e-5).all())
    assert searched.mean() > plain.mean()


def test_the_row_with_a_search_differs_from_tr0ns_in_that_alone():
    plain = replace(ROWS["searched"], generations=0, clause_weight=0.0)
    assert plain == ROWS["full"]
    assert ROWS["searched"].generations > 0 < ROWS["searched"].clause_weight


def test_starts_are_the_nearest_of_the_first_pairs(study):
    texts = ["a red hat, a smile", "blue background"]
    for count in (24, 40):
        pairs = study.pool.first(count)
        assert len(pairs) == count
        wanted = study.condition(texts).embedding
        near = torch.cosine_similarity(wanted[:, None], pairs.conditions[None], dim=2)
        row = Row("pairs", refined=False, pairs=count, clause_weight=0.5)
        assert torch.equal(study.latents(row, texts).values, pairs.latents[near.argmax(dim=1)])
    few = study.pool.first(24)
    assert torch.equal(few.latents, pairs.latents[:24])
    assert study.pool.drawn == 40
    assert study.pool.seconds > 0


def test_adam_refines_the_nearest_pairs(study):
    row = Row("pairs", pairs=24, adam=0.03, steps=5)
    start = likeness(study, replace(row, refined=False), TEXTS)
    assert likeness(study, row, TEXTS).mean() > start.mean() + 0.01


def test_rows_from_pairs_are_those_of_the_claim():
    """From 20,000 pairs by Langevin and by Adam, and the curve against N."""
    whole = PAIRS_ROWS["pairs_20000"]
    assert (whole.steps, whole.adam, whole.clause_weight) == (100, 0, 0)
    adam = PAIRS_ROWS["pairs_20000_adam"]
    assert replace(adam, adam=0.0, steps=100) == whole
    assert (adam.steps, adam.adam) == (50, 0.03)
    assert replace(whole, refined=False) == PAIRS_ROWS["pairs_20000_only"]
    counts = sorted({row.pairs for row in PAIRS_ROWS.values()})
    assert (counts[0], counts[-1]) == (400, 50_000)
    assert {row.start for row in PAIRS_ROWS.values()} == {"pairs"}
