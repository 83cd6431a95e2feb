"""The energies of one class: closed forms and gradients."""

import math

import pytest
import torch
from latentsteer.core.chunking import Chunking
from latentsteer.core.condition import Condition
from latentsteer.core.energies.bayes import bayes
from latentsteer.core.energies.classification import classification
from latentsteer.core.energies.prior import prior_energy
from latentsteer.core.errors import ConditionMismatch, DomainMismatch, InvalidInput
from latentsteer.core.generator import Gaussian
from latentsteer.core.refine.kernel import gradient
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import IMAGES

DOUBLE = torch.float64


def posterior_by_hand(generator, classifier, z, wanted, std=1.0):
    """Returns -log p(z) - log p(c given G(z)), without the library's energies."""
    images = generator.module(z).sigmoid()
    logits = classifier.module(images)
    density = torch.distributions.Normal(0.0, std).log_prob(z).sum(dim=1)
    likelihood = logits[:, wanted] - logits.exp().sum(dim=1).log()
    return -density - likelihood


def test_bayes_has_the_gradient_of_the_posterior(toys):
    generator, classifier = toys.generator(DOUBLE), toys.classifier(DOUBLE)
    energy = bayes(generator, classifier, classifier.condition(["c"])).pullback(generator)
    z = toys.normal(4, 12, dtype=DOUBLE)
    found, values = gradient(energy)(z, SampleRng.of(0, 4))
    leaf = z.clone().requires_grad_()
    by_hand = posterior_by_hand(generator, classifier, leaf, 2)
    (expected,) = torch.autograd.grad(by_hand.sum(), leaf)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)
    constant = 12 * 0.5 * math.log(2 * math.pi)
    torch.testing.assert_close(values + constant, by_hand.detach(), rtol=1e-12, atol=0)


def test_bayes_has_the_posteriors_finite_differences(toys):
    generator, classifier = toys.generator(DOUBLE), toys.classifier(DOUBLE)
    energy = bayes(generator, classifier, classifier.condition(["c"])).pullback(generator)
    z = toys.normal(2, 12, dtype=DOUBLE)
    found, _ = gradient(energy)(z, SampleRng.of(0, 2))
    step = 1e-5
    for coordinate in range(12):
        shift = torch.zeros(12, dtype=DOUBLE)
        shift[coordinate] = step
        ahead = posterior_by_hand(generator, classifier, z + shift, 2)
        behind = posterior_by_hand(generator, classifier, z - shift, 2)
        slope = (ahead - behind) / (2 * step)
        torch.testing.assert_close(found[:, coordinate], slope, rtol=1e-7, atol=1e-8)


def test_bayes_with_another_prior_has_its_posterior(toys):
    generator, classifier = toys.generator(DOUBLE), toys.classifier(DOUBLE)
    condition = classifier.condition([0])
    energy = bayes(generator, classifier, condition, std=0.7).pullback(generator)
    z = toys.normal(4, 12, dtype=DOUBLE)
    difference = posterior_by_hand(generator, classifier, z, 0, 0.7) - energy(
        z, SampleRng.of(0, 4)
    )
    torch.testing.assert_close(difference, difference[:1].expand(4))


def test_bayes_without_prior_is_the_classifier_alone(toys):
    generator, classifier = toys.generator(DOUBLE), toys.classifier(DOUBLE)
    condition = classifier.condition([1])
    energy = bayes(generator, classifier, condition, prior_weight=0, likelihood_weight=20)
    assert [leaf.label for leaf in energy.leaves()] == ["classifier(toy f)"]
    images = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
    rng = SampleRng.of(0, 3)
    expected = 20 * classification(classifier, condition)(images, rng)
    assert torch.equal(energy(images, rng), expected)


def test_bayes_with_weights_is_their_sum(toys):
    generator, classifier = toys.generator(DOUBLE), toys.classifier(DOUBLE)
    condition = classifier.condition([1])
    energy = bayes(generator, classifier, condition, prior_weight=0.3, likelihood_weight=20)
    z, rng = toys.normal(3, 12, dtype=DOUBLE), SampleRng.of(0, 3)
    parts = 0.3 * z.square().sum(dim=1) / 2 - 20 * classifier.embed(generator(z, rng))[:, 1].log()
    torch.testing.assert_close(energy.pullback(generator)(z, rng), parts)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"prior_weight": -1}, "beta1 is -1"),
        ({"likelihood_weight": math.nan}, "beta2 is nan"),
        ({"prior_weight": 0, "likelihood_weight": 0}, "both 0"),
        ({"std": 0.0}, "nu is 0.0"),
    ],
)
def test_bayes_refuses_numbers_out_of_range(wrong, message, toys):
    classifier = toys.classifier()
    with pytest.raises(InvalidInput, match=message):
        bayes(toys.generator(), classifier, classifier.condition([1]), **wrong)


def test_the_prior_energy_is_minus_the_log_density_up_to_a_constant(toys):
    z = toys.normal(5, 12, dtype=DOUBLE)
    for std in (1.0, 0.7):
        values = prior_energy(toys.generator(), std=std)(z, SampleRng.of(0, 5))
        density = torch.distributions.Normal(0.0, std).log_prob(z).sum(dim=1)
        torch.testing.assert_close(Gaussian(12, std).log_density(z), density)
        torch.testing.assert_close(values[1:] - values[0], density[0] - density[1:])
        assert float(prior_energy(toys.generator())(torch.zeros(1, 12), SampleRng.of(0, 1))) == 0


def test_prior_samples_have_the_priors_moments():
    count = 200 * 100
    drawn = Gaussian(100, 0.7).sample(SampleRng.of(0, 200), torch.empty(0))
    assert abs(drawn.mean()) < 4 * 0.7 / count**0.5
    assert abs(drawn.var() / 0.49 - 1) < 4 * (2 / count) ** 0.5


def test_the_classifiers_energy_is_the_cross_entropy(toys):
    classifier = toys.classifier(DOUBLE)
    images = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
    rng = SampleRng.of(0, 3)
    law = classifier.embed(images)
    one_hot = classification(classifier, classifier.condition(["a", "c", "b"]))
    expected = -torch.stack([law[0, 0], law[1, 2], law[2, 1]]).log()
    torch.testing.assert_close(one_hot(images, rng), expected)
    (leaf,) = one_hot.leaves()
    torch.testing.assert_close(leaf.measure.of(expected), (-expected).exp())
    soft = torch.tensor([[0.2, 0.5, 0.3]])
    mixed = classification(classifier, Condition(soft, ("mix",), classifier.id, "toy f"))
    torch.testing.assert_close(mixed(images, rng), -(soft * law.log()).sum(dim=1))


def test_a_condition_of_another_classifier_is_refused(toys):
    classifier = toys.classifier()
    stranger = Condition(torch.eye(3)[:1], ("a",), "other-id", "other f")
    with pytest.raises(ConditionMismatch, match=r"made by 'other f', but 'toy f'"):
        classification(classifier, stranger)
    with pytest.raises(ConditionMismatch, match=r"made by 'other f', but 'toy f'"):
        bayes(toys.generator(), classifier, stranger)


def test_chunks_keep_each_sample_with_its_row_of_the_condition(toys):
    classifier, generator = toys.classifier(DOUBLE), toys.generator(DOUBLE)
    condition = classifier.condition([0, 1, 2, 2, 1])
    energy = classification(classifier, condition).pullback(generator)
    z, rng = toys.normal(5, 12, dtype=DOUBLE), SampleRng.of(0, 5)
    whole = gradient(energy)(z, rng)
    for chunking in (Chunking(2, padded=True), Chunking(4, padded=False)):
        parts = gradient(energy, chunking)(z, rng)
        torch.testing.assert_close(parts, whole, rtol=1e-12, atol=1e-14)


def test_a_repeated_energy_is_that_of_samples_side_by_side(toys):
    classifier, generator = toys.classifier(DOUBLE), toys.generator(DOUBLE)
    energy = bayes(generator, classifier, classifier.condition([0, 2])).pullback(generator)
    z, rng = toys.normal(2, 12, dtype=DOUBLE), SampleRng.of(0, 2)
    runs = z.repeat_interleave(3, dim=0)
    found = energy.repeated(3)(runs, SampleRng.of(0, 6))
    torch.testing.assert_close(found, energy(z, rng).repeat_interleave(3))
    assert float(found[0]) != pytest.approx(float(found[3]))


def test_an_energy_of_images_alone_is_asked_for(toys):
    classifier = toys.classifier()
    images = classification(classifier, classifier.condition(["a"]))
    images.check_on(IMAGES)
    with pytest.raises(DomainMismatch, match=r"prior lives on z\[12\], and there is no generator"):
        (images + prior_energy(toys.generator())).check_on(IMAGES)
