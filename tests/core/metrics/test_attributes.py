"""Judging by attributes, with a judge of known answers."""

import pytest
import torch
from latentsteer.core.auxiliary import AttributeJudge
from latentsteer.core.chunking import Chunking
from latentsteer.core.errors import ConditionMismatch, InvalidInput
from latentsteer.core.metrics.attributes import evaluate_attributes
from latentsteer.core.zoo.avatar_words import stated_in
from latentsteer.core.zoo.avatars import visible
from torch import nn

CPU = torch.device("cpu")
ATTRIBUTES = {"top": ("hat", "bald"), "hat_colour": ("red", "blue")}
CHUNKING = Chunking(3, padded=False)


def logits(images):
    """Bright in the first row: a hat; bright in the second: a blue one."""
    first, second = images[:, 0, 0].mean(dim=1) - 0.5, images[:, 0, 1].mean(dim=1) - 0.5
    return {
        "top": torch.stack([first, -first], dim=1),
        "hat_colour": torch.stack([-second, second], dim=1),
    }


@pytest.fixture
def judge():
    return AttributeJudge(
        name="toy",
        id="toy-judge",
        module=nn.Identity(),
        attributes=ATTRIBUTES,
        logits=logits,
        features=lambda images: images[:, 0].flatten(1),
        visible=visible,
        stated_in=stated_in,
    )


def picture(hat, blue):
    image = torch.zeros(3, 4, 4)
    image[:, 0], image[:, 1] = float(hat), float(blue)
    return image


IMAGES = torch.stack([picture(True, True), picture(True, False), picture(False, True)])


def test_the_likeliest_values(judge):
    assert judge.likeliest(IMAGES) == [
        {"top": "hat", "hat_colour": "blue"},
        {"top": "hat", "hat_colour": "red"},
        {"top": "bald", "hat_colour": "blue"},
    ]
    assert judge.embed_dim == 4
    torch.testing.assert_close(judge.embed(IMAGES).sum(dim=1), torch.full((3,), 2.0))


def test_the_colour_of_a_hat_that_is_not_there_satisfies_nothing(judge):
    found = evaluate_attributes(judge, IMAGES, texts=["blue hat"], chunking=CHUNKING, device=CPU)
    assert found.satisfied is not None
    assert found.satisfied.value == pytest.approx(3 / 6)
    assert found.by_attribute == {"top": pytest.approx(2 / 3), "hat_colour": pytest.approx(1 / 3)}
    assert found.satisfied.low <= 0.5 <= found.satisfied.high
    assert "satisfied constraints" in str(found)
    assert found.numbers()["satisfied_top"] == pytest.approx(2 / 3)


def test_a_text_for_each_image_and_none(judge):
    texts = ["blue hat", "red hat", "bald"]
    each = evaluate_attributes(judge, IMAGES, texts=texts, chunking=CHUNKING, device=CPU)
    assert each.satisfied is not None
    assert each.satisfied.value == 1
    none = evaluate_attributes(judge, IMAGES, chunking=CHUNKING, device=CPU)
    assert none.satisfied is None
    assert none.spread > 0
    one = evaluate_attributes(judge, IMAGES[:1], chunking=CHUNKING, device=CPU)
    assert one.spread is None
    assert set(one.numbers()) == {"images"}
    assert "diversity: none" in str(one)
    silent = evaluate_attributes(judge, IMAGES, texts=["a man"], chunking=CHUNKING, device=CPU)
    assert silent.satisfied is None


def test_the_distance_to_itself_is_none(judge):
    found = evaluate_attributes(judge, IMAGES, reference=IMAGES, chunking=CHUNKING, device=CPU)
    assert found.frechet == pytest.approx(0, abs=1e-9)


def test_what_does_not_fit_is_refused(judge):
    with pytest.raises(InvalidInput, match="No image"):
        evaluate_attributes(judge, IMAGES[:0], chunking=CHUNKING, device=CPU)
    with pytest.raises(InvalidInput, match="2 texts for 3 images"):
        evaluate_attributes(judge, IMAGES, texts=["a", "b"], chunking=CHUNKING, device=CPU)
    with pytest.raises(ConditionMismatch, match="1 sets of constraints for 3"):
        judge.satisfied(IMAGES, [{}])
