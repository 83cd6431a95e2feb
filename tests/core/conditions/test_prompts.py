"""Prompts: the syntax, and the resulting rows."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.auxiliaries import load_auxiliary
from latentsteer.core.conditions.prompts import clauses, parse_line, parse_lines, text_condition
from latentsteer.core.energies.example import toy_clip
from latentsteer.core.errors import ConditionMismatch, InvalidInput
from latentsteer.core.zoo import shipped as catalogue


def unit(v):
    return v / v.norm()


def rows_of(clip, *prompts):
    return clip.texts(prompts).embeddings


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a red hat", [("a red hat", 1)]),
        ("a red hat | smile:0.5", [("a red hat", 1), ("smile", 0.5)]),
        ("glasses:-2", [("glasses", -2)]),
        ("cat:.5|dog : 1e1|cow:+3.", [("cat", 0.5), ("dog", 10), ("cow", 3)]),
        ("a:b:c:2", [("a:b:c", 2)]),
        ("mood: happy", [("mood: happy", 1)]),
        ("mood:happy:2", [("mood:happy", 2)]),
        ("a note:", [("a note:", 1)]),
        ("a clock at 10:30", [("a clock at 10:30", 1)]),
        ("16:9 :2", [("16:9", 2)]),
        ("1, 2, 3: go", [("1, 2, 3: go", 1)]),
        ("cat:0", [("cat", 0)]),
    ],
)
def test_parts_and_weights_of_a_line(line, expected):
    assert [(part.text, part.weight) for part in parse_line(line)] == expected


@pytest.mark.parametrize("line", ["cat:1,5", "cat:1.2.3", "cat:50%", "cat:nan", "cat:-inf"])
def test_a_weight_that_is_no_number_is_refused(line):
    with pytest.raises(InvalidInput, match=r"is not a finite number.*'a red hat:1\.5'"):
        parse_line(line)


def test_a_weight_too_large_for_a_number_is_refused():
    with pytest.raises(InvalidInput, match="not a finite number"):
        parse_line("cat:1e999")


@pytest.mark.parametrize("line", ["a||b", "|a", "a|", ":2", "a | :2", "|"])
def test_an_empty_part_is_refused(line):
    with pytest.raises(InvalidInput, match="A prompt is empty in the line"):
        parse_line(line)


def test_blank_lines_are_no_rows():
    assert len(parse_lines("\n a\n\n  \nb|c\n")) == 2


@pytest.mark.parametrize("text", ["", "  \n \n"])
def test_no_prompt_is_refused(text):
    with pytest.raises(InvalidInput, match="No prompt"):
        text_condition(toy_clip(), text)


def test_a_plain_prompt_is_its_embedding_with_its_length():
    clip = toy_clip()
    found = text_condition(clip, "red\nblue bright")
    torch.testing.assert_close(found.condition.embedding, rows_of(clip, "red", "blue bright"))
    assert found.condition.labels == ("red", "blue bright")
    assert (found.condition.auxiliary, found.condition.auxiliary_name) == ("toy-v", "toy-clip")
    assert found.notes == ()


def test_parts_add_as_directions_at_their_mean_length():
    clip = toy_clip()
    row = text_condition(clip, "red red | blue:0.5", negative="dark\ngreen:2").condition
    one, two, dark, green = rows_of(clip, "red red", "blue", "dark", "green")
    direction = unit(one) + 0.5 * unit(two) - unit(dark) - 2 * unit(green)
    lengths = one.norm() + 0.5 * two.norm() + dark.norm() + 2 * green.norm()
    torch.testing.assert_close(row.embedding[0], unit(direction) * lengths / 4.5)
    assert row.labels == ("red red | blue:0.5",)


def test_the_energy_of_a_row_is_the_weighted_sum_of_its_parts(toys):
    """Up to the factor, the length of the sum of unit vectors."""
    clip = toy_clip()
    row = text_condition(clip, "red | blue:0.5", negative="dark").condition.embedding[0]
    parts = rows_of(clip, "red", "blue", "dark")
    weights = torch.tensor([1.0, 0.5, -1.0])
    units = parts / parts.norm(dim=1, keepdim=True)
    images = toys.normal(7, 6)
    found = torch.cosine_similarity(images, row[None], dim=1)
    each = torch.cosine_similarity(images[:, None], parts[None], dim=2) @ weights
    torch.testing.assert_close(found * (weights @ units).norm(), each)


def test_rows_are_repeated_side_by_side():
    found = text_condition(toy_clip(), "red\nblue", samples_per_prompt=2).condition
    assert found.labels == ("red", "red", "blue", "blue")
    assert torch.equal(found.embedding[0], found.embedding[1])
    with pytest.raises(InvalidInput, match="0 samples of each row"):
        text_condition(toy_clip(), "red", samples_per_prompt=0)


@pytest.mark.parametrize(
    ("prompts", "negative"),
    [("red", "red"), ("red:0", ""), ("red | red:-1", ""), ("red", "red:1")],
)
def test_weights_that_cancel_are_refused(prompts, negative):
    with pytest.raises(InvalidInput, match="cancel: nothing is left to steer to"):
        text_condition(toy_clip(), prompts, negative=negative)


def test_what_the_encoder_notes_is_passed_on():
    found = text_condition(toy_clip(), "red unicorn", negative="blue")
    assert found.notes == ("Not known: unicorn.",)


def test_a_clip_without_text_encoder_is_refused():
    with pytest.raises(ConditionMismatch, match="'toy-clip' has no text encoder"):
        text_condition(replace(toy_clip(), encode_texts=None), "red")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a red hat, a smile", ("a red hat", "a smile")),
        ("red;blue , dark,", ("red", "blue", "dark")),
        ("a red hat", ()),
        ("a red hat,", ()),
        ("1,000 birds", ()),
        ("1,000 birds, a tree", ("1,000 birds", "a tree")),
    ],
)
def test_clauses_stand_between_commas(text, expected):
    assert clauses(text) == expected


def test_clauses_count_beside_the_whole_at_the_parts_weight():
    clip = toy_clip()
    found = text_condition(clip, "red, blue:2 | dark", negative="green, red", clause_weight=0.5)
    written = text_condition(clip, "red, blue:2 | red:1 | blue:1 | dark", negative="green, red")
    torch.testing.assert_close(found.condition.embedding, written.condition.embedding)
    assert found.condition.labels == ("red, blue:2 | dark",)


def test_clauses_do_not_count_unless_asked_for():
    clip = toy_clip()
    whole = text_condition(clip, "red, blue").condition.embedding
    assert torch.equal(
        text_condition(clip, "red, blue", clause_weight=0).condition.embedding, whole
    )
    with_clauses = text_condition(clip, "red, blue", clause_weight=1).condition.embedding
    assert not torch.allclose(with_clauses, whole)


def test_a_clause_that_says_nothing_does_not_count():
    clip = load_auxiliary(catalogue.embedded("avatars CLIP (embedded)"))
    for empty in ("a person", "unicorn"):
        found = text_condition(clip, f"{empty}, red hat, smiling", clause_weight=0.5)
        written = text_condition(clip, f"{empty}, red hat, smiling | red hat:0.5 | smiling:0.5")
        torch.testing.assert_close(found.condition.embedding, written.condition.embedding)
    with pytest.raises(InvalidInput, match="No word of 'a person, unicorn' is known"):
        text_condition(clip, "a person, unicorn", clause_weight=0.5)


@pytest.mark.parametrize("weight", [-0.5, float("nan"), float("inf")])
def test_a_clause_weight_out_of_range_is_refused(weight):
    with pytest.raises(InvalidInput, match="clause weight"):
        text_condition(toy_clip(), "red, blue", clause_weight=weight)


@pytest.mark.parametrize(
    "form",
    ["(red hat:1.5)", "((red))", "[red:blue:0.5]", "<lora:x:1>", "embedding:x", "{red|blue}"],
)
def test_what_other_text_nodes_take_for_instructions_is_noted(form):
    made = text_condition(toy_clip(), f"a cat {form}, a hat")
    assert any("is read as text" in note and form[:4] in note for note in made.notes)
    again = text_condition(toy_clip(), "a cat", negative=f"dog {form}:0.5")
    assert any("is read as text" in note for note in again.notes)


@pytest.mark.parametrize("text", ["a cat (sitting)", "a clock at 10:30 | a hat:0.5", "[a hat]"])
def test_plain_texts_have_no_such_note(text):
    assert not any("read as text" in note for note in text_condition(toy_clip(), text).notes)
