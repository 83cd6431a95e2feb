"""Streams of which every bit of the seed counts."""

import ast
from pathlib import Path

import numpy as np
import pytest
import torch
from latentsteer.core.metrics.intervals import bootstrap
from latentsteer.core.refine.cma_es import CmaEs, _optimiser
from latentsteer.core.rng import SampleRng, derive_seed, digest_of, stream, stream_of
from latentsteer.core.translators.translator import TranslatorConfig, translator_of

ROOT = Path(__file__).parents[2]
LIKE = torch.empty(0)
ALIKE = (817, 63123)
"""Names whose derived seeds, for seed 0 and "prior", agree in their low 32 bits."""

FIRST_WORDS = [1723212922, 2556179674]
"""SHAKE-128 of eight bytes 0, in pairs of little-endian numbers of 32 bits."""


def draws(generator):
    return torch.randn(4, generator=generator)


def test_pytorch_seeds_by_32_bits():
    """The reason for LatentSteer's own streams."""
    one, other = (torch.Generator().manual_seed(5 + high * 2**32) for high in (0, 7))
    assert torch.equal(draws(one), draws(other))


@pytest.mark.parametrize("bit", range(64))
def test_each_bit_of_a_seed_counts(bit):
    assert not torch.equal(draws(stream(5)), draws(stream(5 ^ 1 << bit)))
    user = [SampleRng.of(seed, 2, "refine").normal(4, like=LIKE) for seed in (5, 5 ^ 1 << bit)]
    assert not torch.equal(*user)


def test_samples_whose_seeds_agree_in_32_bits_do_not_share_draws():
    seeds = [derive_seed(0, name, "prior") for name in ALIKE]
    assert seeds[0] % 2**32 == seeds[1] % 2**32
    assert seeds[0] != seeds[1]
    assert not torch.equal(draws(stream(seeds[0])), draws(stream(seeds[1])))
    first, second = SampleRng.of(0, ALIKE, "prior").normal(4, like=LIKE)
    assert not torch.equal(first, second)


def test_the_words_are_those_of_a_mersenne_twister_in_their_order():
    """PyTorch's generator at the state of a stream has the same draws as NumPy's."""
    made = stream(12345)
    words = made.get_state().numpy().view(np.uint64)[3:627].astype(np.uint32)
    twister = np.random.RandomState()
    twister.set_state(("MT19937", words, 624))
    expected = twister.randint(0, 2**32, 1500, dtype=np.uint32)
    # A float32 in [0, 1) is the low 24 bits of a word.
    found = torch.rand(1500, generator=made).double() * 2**24
    assert found.tolist() == (expected % 2**24).tolist()


def test_a_stream_is_the_same_on_every_machine():
    words = stream(0).get_state().numpy().view(np.uint64)[:5]
    assert words[0] == 0
    assert [int(word) for word in words[3:]] == FIRST_WORDS
    assert stream(2**64 - 3).initial_seed() == 2**64 - 3
    assert stream_of("a", 1).initial_seed() == digest_of("a", 1)
    assert digest_of(0, 3, "prior") >> 1 == derive_seed(0, 3, "prior")


def test_a_stream_has_the_moments_of_its_laws():
    drawn = torch.randn(100_000, generator=stream(3))
    assert abs(drawn.mean()) < 4 / 100_000**0.5
    assert abs(drawn.var() - 1) < 4 * (2 / 100_000) ** 0.5


def test_all_that_takes_a_seed_takes_64_bits():
    config = TranslatorConfig("mixture", 3, 4, 2, 5, 1.0, "g", "g", "f", "f")
    low, high = (translator_of(config, seed=seed).first.weight for seed in (1, 1 + 2**32))
    assert not torch.equal(low, high)
    rows = torch.randn(40, generator=stream(1))
    low, high = (
        bootstrap(lambda r: float(r.mean()), rows, seed=seed, rounds=50) for seed in (1, 1 + 2**32)
    )
    assert low.low != high.low
    cmaes = pytest.importorskip("cmaes")
    low, high = (_optimiser(cmaes, CmaEs(), np.zeros(3), seed).ask() for seed in (1, 1 + 2**32))
    assert not np.array_equal(low, high)


def test_nothing_else_seeds_by_a_number_that_may_be_long():
    """Only examples and the training of shipped models use `manual_seed`, with literals."""
    files = [f for part in ("core", "nodes") for f in (ROOT / part).rglob("*.py")]
    texts = {file: file.read_text(encoding="utf-8") for file in files}
    found = {
        file.relative_to(ROOT).as_posix()
        for file, text in texts.items()
        if "manual_seed" in text  # most have none, and need not be parsed
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "manual_seed"
        and not isinstance(node.args[0], ast.Constant)
    }
    assert {name for name in found if "/zoo/" not in name} <= SHORT


SHORT = {
    "core/d2c/training/steps.py",
    "core/energies/direction.py",
    "core/energies/example.py",
    "core/energies/masked.py",
    "core/energies/perceptual.py",
    "core/generators/d2c/parity.py",
    "core/generators/fastgan/official.py",
    "core/rng.py",
    "workflows/studies/demo/faces.py",
}
"""Files with small seeds: of toys, of discarded padding, of one fixed stream, of the authors'
draws; and 63 bits of a hash for a stream on a device."""
