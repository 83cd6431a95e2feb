"""The list of edits by words: what it names is known to the CLIP, the judge and the generator."""

from latentsteer.core.auxiliaries import load_auxiliary
from latentsteer.core.conditions.prompts import text_condition
from latentsteer.core.tasks.words import changes
from latentsteer.core.zoo import shipped
from latentsteer.core.zoo.avatar_captions import drawable
from latentsteer.core.zoo.avatar_edits import UserEdit, avatar_edits, user_edits
from latentsteer.core.zoo.avatar_words import stated_in
from latentsteer.core.zoo.avatars import ATTRIBUTES


def test_the_judge_looks_for_what_the_wanted_text_states():
    edits = avatar_edits()
    assert len({edit.wanted for edit in edits}) == 12
    for edit in edits:
        assert dict(edit.sets) == dict(stated_in(edit.wanted)), edit.wanted
        for name, value in edit.sets.items():
            assert value in drawable()[name], edit.wanted


def test_other_texts_state_something_else():
    for edit in avatar_edits():
        assert edit.wanted not in edit.instead
        for text in edit.instead:
            assert stated_in(text)
            assert dict(stated_in(text)) != dict(edit.sets), text


def test_the_clip_knows_every_word():
    clip = load_auxiliary(shipped.embedded("avatars CLIP (embedded)"))
    for edit in avatar_edits():
        texts = [edit.wanted, *edit.instead, *([edit.context] if edit.context else [])]
        assert text_condition(clip, "\n".join(texts)).notes == (), edit.wanted


def test_edits_of_users_are_stated_in_words_that_the_clip_knows():
    clip = load_auxiliary(shipped.embedded("avatars CLIP (embedded)"))
    edits = user_edits()
    assert len({edit.words for edit in edits}) == 8
    for edit in edits:
        for change in changes(edit.words, edit.instead):
            texts = "\n".join([change.wanted, *change.instead])
            assert text_condition(clip, texts).notes == (), edit.words
            assert change.away or dict(stated_in(change.wanted)) == dict(edit.sets)
        for name, value in {**edit.sets, **edit.only}.items():
            assert value in ATTRIBUTES[name]


def test_an_edit_applies_where_it_is_not_shown_yet():
    glasses = UserEdit("no glasses", "", {"accessory": "glasses"}, {"accessory": "none"})
    shown = ({"accessory": value} for value in ("glasses", "none", "eyepatch"))
    assert list(map(glasses.applies, shown)) == [True, False, False]
    hat = UserEdit("red hat", "", {}, {"top": "hat", "hat_colour": "red"})
    assert hat.applies({"top": "hat", "hat_colour": "blue"})
    assert not hat.applies({"top": "hat", "hat_colour": "red"})
