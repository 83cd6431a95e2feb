"""The list of edits by words: what it names is known to the CLIP, the judge and the generator."""

from latentsteer.core.auxiliaries import load_auxiliary
from latentsteer.core.conditions.prompts import text_condition
from latentsteer.core.zoo import shipped
from latentsteer.core.zoo.avatar_captions import drawable
from latentsteer.core.zoo.avatar_edits import avatar_edits
from latentsteer.core.zoo.avatar_words import stated_in


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
