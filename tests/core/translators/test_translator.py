"""The translator's distribution, its training, and its file."""

import math

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.chunking import Chunking
from latentsteer.core.condition import Condition
from latentsteer.core.errors import (
    CheckpointError,
    ConditionMismatch,
    Diverged,
    GeneratorMismatch,
    InvalidInput,
)
from latentsteer.core.pairs.in_memory import synthetic_pairs
from latentsteer.core.rng import SampleRng
from latentsteer.core.translators.likelihood import LEAST_STD
from latentsteer.core.translators.training import (
    Training,
    batches_of,
    fit_translator,
    new_translator,
)
from latentsteer.core.translators.translator import Translator, translator_of

from .made import GAINS, config, linear_pairs, true_law


@torch.no_grad()
def apart(dtype=torch.float64):
    """A translator with distant components of different weights."""
    translator = translator_of(config(), seed=2).to(dtype)
    translator.means.bias += torch.arange(4).repeat_interleave(2) * 4
    translator.weights.bias += torch.tensor([0.0, 1.0, -0.5, 0.3])
    translator.log_std.copy_(torch.tensor([0.3, 0.6]).log())
    return translator


def law_by_hand(translator, c):
    """Weights, means and standard deviation for one condition."""
    first = (translator.first.weight @ c + translator.first.bias).clamp_min(0)
    second = first + (translator.second.weight @ first + translator.second.bias).clamp_min(0)
    logits = translator.weights.weight @ second + translator.weights.bias
    means = (translator.means.weight @ second + translator.means.bias).reshape(-1, 2)
    return logits.exp() / logits.exp().sum(), means, translator.log_std.exp() + LEAST_STD


@torch.no_grad()
def test_the_likelihood_is_the_mixtures_closed_form(toys):
    translator = apart()
    c = toys.normal(5, 3, seed=1, dtype=torch.float64)
    z = toys.normal(5, 2, seed=2, dtype=torch.float64) * 4 + 5
    found = translator(c).log_prob(z)
    for row in range(5):
        weights, means, std = law_by_hand(translator, c[row])
        terms = [
            math.log(weight)
            - sum(0.5 * ((z[row] - mean) / std) ** 2 + std.log() + 0.5 * math.log(2 * math.pi))
            for weight, mean in zip(weights.tolist(), means, strict=True)
        ]
        top = max(terms)
        expected = top + sum((term - top).exp() for term in terms).log()
        assert float(found[row]) == pytest.approx(float(expected), rel=1e-12)


@torch.no_grad()
def test_draws_have_the_mixtures_frequencies_and_moments(toys):
    translator, count = apart(), 6000
    c = toys.normal(1, 3, dtype=torch.float64)
    weights, means, std = law_by_hand(translator, c[0])
    drawn = translator.draw(c.expand(count, -1), SampleRng.of(0, count))
    nearest = torch.cdist(drawn, means).argmin(dim=1)
    for k, weight in enumerate(weights.tolist()):
        own = drawn[nearest == k]
        error = math.sqrt(weight * (1 - weight) / count)
        assert abs(len(own) / count - weight) < 4 * error
        assert bool(((own.mean(dim=0) - means[k]).abs() < 4 * std / len(own) ** 0.5).all())
        spread = own.var(dim=0) / std.square() - 1
        assert bool((spread.abs() < 4 * (2 / len(own)) ** 0.5).all())
    mean = (weights[:, None] * means).sum(dim=0)
    variance = (weights[:, None] * (means - mean).square()).sum(dim=0) + std.square()
    assert bool(((drawn.mean(dim=0) - mean).abs() < 4 * (variance / count).sqrt()).all())


@torch.no_grad()
def test_mean_and_mode_are_the_mixtures_mean_and_its_heaviest_components(toys):
    translator = apart()
    c = toys.normal(6, 3, seed=3, dtype=torch.float64)
    torch.testing.assert_close(translator.mean(c), translator(c).mean)
    for row, mode in enumerate(translator.mode(c)):
        weights, means, _ = law_by_hand(translator, c[row])
        torch.testing.assert_close(mode, means[weights.argmax()])


def test_the_seed_of_a_new_translator_decides_its_weights():
    first, again, other = (translator_of(config(), seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.means.weight, again.means.weight)
    assert not torch.equal(first.means.weight, other.means.weight)
    assert first.log_std.exp().tolist() == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("wrong", [{"components": 0}, {"hidden": 0}, {"initial_std": 0.0}])
def test_sizes_out_of_range_are_refused(wrong):
    with pytest.raises(InvalidInput, match=next(iter(wrong))):
        config(**wrong)


def test_a_deterministic_translator_has_one_component():
    with pytest.raises(InvalidInput, match="deterministic translator of 4 components"):
        config(kind="deterministic")


# Training


def fitted(kind, toys):
    components = 1 if kind == "deterministic" else 3
    translator = translator_of(config(kind=kind, embed_dim=2, components=components, hidden=32))
    training = Training(epochs=15, batch_size=256, learning_rate=6e-3)
    losses = []
    done = fit_translator(
        translator,
        linear_pairs(4000, toys, 10),
        training,
        seed=0,
        report=lambda done, loss: losses.append((done, loss)),
    )
    assert [done for done, _ in losses] == list(range(1, batches_of(4000, training) + 1))
    assert done is translator
    assert not done.training
    assert not any(p.requires_grad for p in done.parameters())
    return done


def test_training_recovers_a_linear_gaussian_law(toys):
    translator = fitted("mixture", toys)
    held = linear_pairs(4000, toys, 20)
    true = true_law(held)
    found = translator(held.conditions).log_prob(held.latents)
    # The mean of the gap is a Kullback-Leibler divergence: near 0, and below it only by chance.
    gap = true - found
    error = float(gap.std()) / len(gap) ** 0.5
    assert -4 * error < float(gap.mean()) < 0.03 + 4 * error
    assert true.mean() - translator(held.conditions.roll(1, 0)).log_prob(held.latents).mean() > 0.5


@pytest.mark.bits
def test_the_deterministic_kind_is_the_regression(toys):
    translator = fitted("deterministic", toys)
    c = linear_pairs(2000, toys, 20).conditions
    expected = GAINS / (1 + GAINS.square()) * c
    assert (translator.mean(c) - expected).square().mean().sqrt() < 0.1
    assert expected.square().mean().sqrt() > 0.5
    rng = SampleRng.of(0, 5)
    assert torch.equal(translator.draw(c[:5], rng), translator.mean(c[:5]))
    assert torch.equal(translator.mode(c[:5]), translator.mean(c[:5]))
    assert torch.equal(rng.state(), SampleRng.of(0, 5).state())


def test_noise_on_the_conditions_is_learned_as_part_of_them(toys):
    """Equation 12: the regression on c + gamma eps is flatter than that on c."""
    gamma = 1.5
    translator = translator_of(config(kind="deterministic", components=1, embed_dim=2, hidden=32))
    pairs = linear_pairs(6000, toys, 0)
    recipe = Training(20, 512, learning_rate=1e-2, condition_noise=gamma)
    fit_translator(translator, pairs, recipe, seed=0)
    c = linear_pairs(2000, toys, 20).conditions
    expected = GAINS / (1 + gamma**2 + GAINS.square()) * c
    assert (translator.mean(c) - expected).square().mean().sqrt() < 0.1
    without = GAINS / (1 + GAINS.square()) * c
    assert (expected - without).square().mean().sqrt() > 0.25


@pytest.mark.bits
def test_noise_on_the_conditions_repeats_and_0_is_none(toys):
    def trained(gamma, seed=1):
        translator = translator_of(config(embed_dim=2))
        recipe = Training(1, 64, condition_noise=gamma)
        return fit_translator(translator, linear_pairs(300, toys, 0), recipe, seed=seed).log_std

    plain = fit_translator(
        translator_of(config(embed_dim=2)), linear_pairs(300, toys, 0), Training(1, 64), seed=1
    )
    assert torch.equal(trained(0.0), plain.log_std)
    assert torch.equal(trained(0.2), trained(0.2))
    assert not torch.equal(trained(0.2), trained(0.0))


@pytest.mark.bits
def test_training_repeats_and_follows_its_seed(toys):
    def trained(seed):
        translator = translator_of(config(embed_dim=2))
        pairs = linear_pairs(300, toys, 0)
        return fit_translator(translator, pairs, Training(1, 64), seed=seed).means.weight

    assert torch.equal(trained(1), trained(1))
    assert not torch.equal(trained(1), trained(2))


def test_training_stops_when_its_loss_is_not_finite(toys):
    pairs = linear_pairs(300, toys, 0)
    training = Training(1, 64, learning_rate=1e30)
    with pytest.raises(Diverged, match="stopped being finite at batch") as caught:
        fit_translator(translator_of(config(embed_dim=2)), pairs, training, seed=0)
    assert 0 <= caught.value.step < 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"learning_rate": 0.0},
        {"clip": 0.0},
        {"loss_scale": 0.0},
        {"loss_scale": math.inf},
        {"initial_std": 0.0},
        {"initial_std": math.inf},
        {"condition_noise": -0.1},
        {"condition_noise": math.inf},
    ],
)
def test_recipes_out_of_range_are_refused(wrong):
    with pytest.raises(InvalidInput):
        Training(**wrong)


@pytest.mark.bits
def test_synthetic_pairs_are_latents_of_the_prior_and_the_conditions_of_their_images(toys):
    generator, classifier = toys.generator(), toys.classifier()
    calls = []
    pairs = synthetic_pairs(
        generator,
        classifier,
        13,
        seed=4,
        chunking=Chunking(5, padded=True),
        device=toys.cpu,
        report=calls.append,
    )
    assert pairs.latents.shape == (13, 12)
    images = generator(pairs.latents, SampleRng.of(0, 13))
    torch.testing.assert_close(pairs.conditions, classifier.embed(images))
    assert calls[-1] == 13
    few = synthetic_pairs(
        generator, classifier, 4, seed=4, chunking=Chunking(5, padded=True), device=toys.cpu
    )
    assert torch.equal(few.latents, pairs.latents[:4])


@pytest.mark.parametrize(("kind", "components"), [("mixture", 7), ("deterministic", 1)])
def test_a_new_translator_fits_its_generator_and_auxiliary(kind, components, toys):
    generator, classifier = toys.generator(), toys.classifier()
    translator = new_translator(generator, classifier, kind=kind, components=7, seed=0)
    translator.check(generator, classifier.condition([1]))
    assert translator.config.components == components
    assert translator.mean(torch.eye(3)).shape == (3, 12)


# Files and origins


@pytest.mark.bits
def test_a_translator_goes_through_a_file(tmp_path, toys):
    translator = apart(torch.float32)
    path = tmp_path / "t.safetensors"
    checkpoints.write(path, translator.state_dict(), translator.to_config())
    read = Translator.from_checkpoint(checkpoints.read(path))
    assert read.config == translator.config
    c = toys.normal(4, 3)
    rows = SampleRng.of(0, 4), SampleRng.of(0, 4)
    assert torch.equal(read.draw(c, rows[0]), translator.draw(c, rows[1]))
    assert not any(parameter.requires_grad for parameter in read.parameters())


@pytest.mark.parametrize(
    ("tensors", "file_config", "message"),
    [
        ({}, {"what": "latents"}, "holds latents, not a translator"),
        ({}, {"architecture": "digits-judge"}, "holds the model digits-judge, not"),
        ({}, {}, "holds nothing that LatentSteer wrote"),
        ({}, None, "damaged"),
        ({"first.weight": torch.zeros(2, 2)}, None, "damaged"),
        (None, {"what": "translator", "kind": "mixture"}, "damaged"),
        (None, config().__dict__ | {"what": "translator", "stranger": 1}, "damaged"),
        (None, config().__dict__ | {"what": "translator", "components": 0}, "damaged"),
    ],
)
def test_a_file_that_holds_no_translator_is_refused(tensors, file_config, message, tmp_path):
    translator = apart(torch.float32)
    path = tmp_path / "t.safetensors"
    checkpoints.write(
        path,
        translator.state_dict() if tensors is None else tensors or {"x": torch.zeros(1)},
        translator.to_config() if file_config is None else file_config,
    )
    with pytest.raises(CheckpointError, match=message):
        Translator.from_checkpoint(checkpoints.read(path))


def test_a_translator_refuses_other_generators_and_auxiliaries(toys):
    generator, classifier = toys.generator(), toys.classifier()
    fitting = classifier.condition([0])
    translator_of(config()).check(generator, fitting)
    with pytest.raises(GeneratorMismatch, match=r"trained for generator 'other'.*got 'toy'"):
        translator_of(config(generator="else", generator_name="other")).check(generator, fitting)
    stranger = Condition(fitting.embedding, fitting.labels, "else", "stranger")
    with pytest.raises(ConditionMismatch, match=r"takes conditions of 'toy f'.*'stranger'"):
        translator_of(config()).check(generator, stranger)
