"""The likelihood of a mixture: equal to that of torch.distributions, fused and not."""

import pytest
import torch
from latentsteer.core.translators.likelihood import LEAST_STD, fused_log_prob, log_prob
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal


def numbers(toys, dtype, dim=5, components=3, batch=4):
    shapes = (batch, dim), (batch, components), (batch, components, dim), (dim,)
    drawn = [toys.normal(*shape, seed=n, dtype=dtype) for n, shape in enumerate(shapes)]
    return drawn[0], *(d.requires_grad_() for d in drawn[1:])


def reference(z, logits, means, log_std):
    std = (log_std.exp() + LEAST_STD).expand_as(means)
    components = Independent(Normal(means, std, validate_args=False), 1, validate_args=False)
    mixing = Categorical(logits=logits, validate_args=False)
    return MixtureSameFamily(mixing, components, validate_args=False).log_prob(z)


def gradients(function, drawn):
    found = function(*drawn)
    weight = torch.linspace(0.5, 2, len(found), dtype=found.dtype)
    return found.detach(), *torch.autograd.grad((weight * found).sum(), drawn[1:])


@pytest.mark.bits
def test_the_likelihood_has_the_bits_of_torch_distributions(toys):
    drawn = numbers(toys, torch.float32, dim=37, components=7, batch=9)
    expected = gradients(reference, drawn)
    for found, wanted in zip(gradients(log_prob, drawn), expected, strict=True):
        assert torch.equal(found, wanted)


@pytest.mark.parametrize("function", [log_prob, fused_log_prob])
def test_likelihood_and_gradient_are_those_of_torch_distributions(function, toys):
    drawn = numbers(toys, torch.float64)
    expected = gradients(reference, drawn)
    for found, wanted in zip(gradients(function, drawn), expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)


def test_the_fused_gradient_is_that_of_finite_differences(toys):
    drawn = numbers(toys, torch.float64, dim=2, components=2, batch=2)
    assert torch.autograd.gradcheck(fused_log_prob, drawn)


def test_the_fused_likelihood_survives_far_points(toys):
    """All components are so far away that their densities are 0 in float32."""
    z, logits, means, log_std = numbers(toys, torch.float32)
    found = gradients(fused_log_prob, (z + 1e4, logits, means, log_std))
    expected = gradients(log_prob, (z + 1e4, logits, means, log_std))
    for one, other in zip(found, expected, strict=True):
        assert bool(one.isfinite().all())
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-2)
