"""Words to tokens."""

import pytest
from latentsteer.core.errors import InvalidInput
from latentsteer.core.zoo.tokens import WordTokenizer

TOKENIZER = WordTokenizer(("a", "blue", "hat", "red", "t-shirt"), frozenset({"a"}), 4)


def test_words_become_tokens_with_the_end_after_them():
    found = TOKENIZER.encode("A red, HAT!")
    assert found.tokens.tolist() == [1, 4, 3, 6]
    assert found.unknown == found.cut == ()
    assert TOKENIZER.encode("t-shirt").tokens.tolist() == [5, 6, 0, 0]


def test_what_is_left_out_is_told():
    found = TOKENIZER.encode("a large red hat red blue large")
    assert found.tokens.tolist() == [1, 4, 3, 6]
    assert found.unknown == ("large",)
    assert found.cut == ("red", "blue")


def test_a_text_that_says_nothing_is_refused_with_the_closest_words():
    with pytest.raises(InvalidInput, match=r"No word of 'bleu hot'.*bleu: blue.*hot: hat"):
        TOKENIZER.encode("bleu hot")
    with pytest.raises(InvalidInput, match="This model knows: blue, hat, red, t-shirt"):
        TOKENIZER.encode("a")


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("a red hat \u9752\u3044", ("\u9752\u3044",)),
        ("2 red hats 3", ("2", "hats", "3")),
        ("red hat \U0001f642!", ("\U0001f642",)),
        ("caf\xe9, red", ("caf\xe9",)),
        ("red (hat:1.5)", ("1.5",)),
        ("\u043a\u0440\u0430\u0441 red", ("\u043a\u0440\u0430\u0441",)),
        ("hat\u2122 + \u20ac5 red", ("\u2122", "\u20ac5")),
        ("a red, hat. 'blue' - t-shirt; & \u2026", ()),
    ],
)
def test_all_that_says_something_and_is_left_out_is_told(text, unknown):
    assert TOKENIZER.encode(text).unknown == unknown
