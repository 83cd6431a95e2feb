"""The avatars' study: effects of the settings of a row on its samples."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.translators.training import Training
from latentsteer.workflows.studies.tr0n import avatars_rows as avatars_study
from latentsteer.workflows.studies.tr0n.avatars_rows import ROWS, AvatarsStudy, Row

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
    searched = likeness(study, replace(row, generations=4), TEXTS)
    assert bool((searched >= plain - 1e-5).all())
    assert searched.mean() > plain.mean()


def test_the_row_with_a_search_differs_from_tr0ns_in_that_alone():
    plain = replace(ROWS["searched"], generations=0, clause_weight=0.0)
    assert plain == ROWS["full"]
    assert ROWS["searched"].generations > 0 < ROWS["searched"].clause_weight
