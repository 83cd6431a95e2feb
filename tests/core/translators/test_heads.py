"""The heads of TR0N's appendix B: bounded by a tanh, and a regression of the class block."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.errors import InvalidInput
from latentsteer.core.pairs.pairs import Pairs
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import Block, Space
from latentsteer.core.translators.coordinates import paper_heads
from latentsteer.core.translators.training import Training, fit_translator, new_translator
from latentsteer.core.translators.translator import Translator, translator_of

from .made import config, needs_zuko

BIGGAN = Space((Block("z", (4,), -2.0, 2.0), Block("y", (3,), role="class")))
SHARES = Space((Block("c", (3,), 0.0, 1.0, shares=True, role="class"), Block("z", (2,))))


def headed(space=BIGGAN, kind="mixture", components=4, **changes):
    regressed, bounds = paper_heads(space)
    fields = {"kind": kind, "components": components, "latent_dim": space.dim}
    fields |= {"regressed": regressed, "bounds": bounds}
    return translator_of(config(**fields | changes), seed=1)


def test_class_blocks_are_regressed_and_finite_bounds_kept():
    assert paper_heads(BIGGAN) == (((4, 7),), ((0, 4, -2.0, 2.0),))
    assert paper_heads(SHARES) == (((0, 3),), ((0, 3, 0.0, 1.0),))
    assert paper_heads(Space((Block("w", (5,)),))) == ((), ())


@torch.no_grad()
def test_means_stay_within_the_bounds_and_the_embedding_has_none(toys):
    translator = headed()
    c = 1e3 * toys.normal(50, 3)
    _, means = translator.parameters_of(c)
    assert means[..., :4].abs().max() <= 2
    assert means[..., :4].abs().max() > 1.99
    assert means[..., 4:].abs().max() > 10
    raw = translator.means(torch.relu(translator.first(c[:1])) + torch.relu(
        translator.second(torch.relu(translator.first(c[:1])))
    ))  # fmt: skip
    torch.testing.assert_close(means[0, :, :4], 2 * raw.reshape(4, 4).tanh())


@torch.no_grad()
def test_the_class_shares_come_from_a_head_in_0_to_1(toys):
    translator = headed(SHARES)
    shares = translator.mean(1e3 * toys.normal(50, 3))[:, :3]
    assert 0 <= shares.min() < 0.01 < 0.99 < shares.max() <= 1


@pytest.mark.parametrize("kind", ["mixture", "flow"])
@torch.no_grad()
def test_draws_and_density_leave_the_class_to_the_regression(kind, toys):
    if kind == "flow":
        needs_zuko()
    translator = headed(kind=kind, components=4 if kind == "mixture" else 1)
    c = toys.normal(6, 3)
    one, other = (translator.draw(c, SampleRng.of(seed, 6)) for seed in (0, 1))
    assert torch.equal(one[:, 4:], other[:, 4:])
    assert bool((one[:, :4] != other[:, :4]).all())
    moved = torch.cat([one[:, :4], one[:, 4:] + 1], dim=1)
    assert torch.equal(translator(c).log_prob(one), translator(c).log_prob(moved))
    assert not torch.equal(translator(c).log_prob(one), translator(c).log_prob(moved - 1))
    if kind == "mixture":
        for point in (translator.mean(c), translator.mode(c)):
            assert torch.equal(point[:, 4:], one[:, 4:])


def test_the_loss_is_the_scaled_likelihood_plus_the_plain_squared_error(toys):
    translator = headed()
    c, z = toys.normal(6, 3), toys.normal(6, 7, seed=1)
    law = translator(c)
    nll = -law.log_prob(z).mean()
    error = (law.draw(SampleRng.of(0, 6))[:, 4:] - z[:, 4:]).square().mean()
    torch.testing.assert_close(law.loss(z, 1e-4, fused=True), 1e-4 * nll + error)
    torch.testing.assert_close(law.loss(z, None, fused=False), nll / 4 + error)


def test_class_and_latent_are_learnt_and_go_through_a_file(toys, tmp_path):
    """The class is a function of the condition; z is 1.5 or -1.5 by chance."""
    c = toys.normal(3000, 3)
    z = toys.normal(3000, 4, seed=1).sign() * 1.5 + 0.1 * toys.normal(3000, 4, seed=2)
    y = c.flip(1)
    translator = headed(hidden=32, components=16)
    training = Training(20, 256, 1e-2, initial_std="data", fused=True)
    fit_translator(translator, Pairs(torch.cat([z, y], dim=1), c), training, seed=0)
    held = toys.normal(500, 3, seed=9)
    found = translator.draw(held, SampleRng.of(0, 500))
    assert (found[:, 4:] - held.flip(1)).square().mean() < 0.02
    assert 0.3 < (found[:, :4] > 0).float().mean() < 0.7
    path = tmp_path / "t.safetensors"
    checkpoints.write(path, translator.state_dict(), translator.to_config())
    read = Translator.from_checkpoint(checkpoints.read(path))
    assert read.config == translator.config
    assert read.config.initial_std == "data"
    assert torch.equal(read.draw(held, SampleRng.of(0, 500)), found)


def test_a_new_translator_takes_its_heads_from_the_space(toys):
    generator = replace(toys.generator(), source=BIGGAN)
    made = new_translator(generator, toys.classifier(), heads="paper", seed=0)
    assert made.config.regressed == ((4, 7),)
    plain = new_translator(generator, toys.classifier(), seed=0)
    assert plain.config.regressed == plain.config.bounds == ()
    regression = new_translator(
        generator, toys.classifier(), kind="deterministic", heads="paper", seed=0
    )
    assert regression.config.regressed == ()
    assert regression.config.bounds == ((0, 4, -2.0, 2.0),)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"regressed": ((1, 4),)}, "overlap others or lie outside"),
        ({"regressed": ((0, 1), (0, 1))}, "overlap others"),
        ({"regressed": ((0, 2),)}, "none is drawn"),
        ({"bounds": ((0, 1, 2.0, -2.0),)}, "Bounds 2.0 and -2.0"),
        ({"kind": "spline"}, "No kind of translator 'spline'. There are: mixture"),
        ({"initial_std": -1.0}, "number above 0, or 'data'"),
    ],
)
def test_configurations_that_mean_nothing_are_refused(wrong, message):
    with pytest.raises(InvalidInput, match=message):
        config(**wrong)


def test_latents_without_the_class_block_are_refused(toys):
    pairs = Pairs(toys.normal(20, 4), toys.normal(20, 3))
    with pytest.raises(
        InvalidInput, match=r"latents have 4 numbers; .* have 7, of which 4 to 7 are the regressed"
    ):
        fit_translator(headed(), pairs, Training(), seed=0)
