"""Gradients of StyleGAN2's generators and discriminators, against finite differences."""

import pytest
import torch
from latentsteer.core.generators import load_generator

from .stylegan2_files import FAMILIES, ONE_EACH, points, streams

STEP = 1e-7
"""Ten times as long, steps cross kinks of the leaky ReLUs."""


@pytest.mark.parametrize("noise", ["const", "random"])
@pytest.mark.parametrize("name", FAMILIES)
def test_gradients_are_those_of_finite_differences(name, noise, path_of):
    generator = load_generator(path_of(name), {"noise": noise})
    generator.module.double()
    z = points(generator, 2, dtype=torch.float64).requires_grad_()
    weights = torch.randn(
        2, 3, *generator.image_size, generator=torch.Generator().manual_seed(1), dtype=z.dtype
    )

    def value(at):
        images = generator.module(
            *generator.source.split(at).values(), noise=noise, rng=streams(2)
        )
        return (weights[:, : images.shape[1]] * images).sum()

    (slope,) = torch.autograd.grad(value(z), z)
    step = torch.randn(z.shape, generator=torch.Generator().manual_seed(2), dtype=z.dtype) * STEP
    with torch.no_grad():
        rise = value(z + step) - value(z - step)
    torch.testing.assert_close(rise, 2 * (slope * step).sum(), rtol=1e-5, atol=1e-10)
    assert float(slope.norm()) > 0


@pytest.mark.parametrize("name", ONE_EACH)
def test_a_discriminators_gradients_are_those_of_finite_differences(name, path_of):
    judge = load_generator(path_of(name)).discriminator
    judge.module.double()
    side = judge.module.img_resolution
    images = torch.rand(
        4, 3, side, side, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    ).requires_grad_()
    (slope,) = torch.autograd.grad(judge.logits(images).square().sum(), images)
    step = torch.randn(images.shape, generator=torch.Generator().manual_seed(2)).double() * STEP
    with torch.no_grad():
        ends = [judge.logits(images + sign * step).square().sum() for sign in (1, -1)]
    torch.testing.assert_close(ends[0] - ends[1], 2 * (slope * step).sum(), rtol=1e-5, atol=1e-10)


@pytest.mark.parametrize("name", FAMILIES)
def test_it_loads_and_back_propagates_in_inference_mode(name, path_of):
    with torch.inference_mode(), torch.inference_mode(False):
        generator = load_generator(path_of(name))
        z = points(generator, 2).requires_grad_()
        images = generator(z, streams(2))
        (slope,) = torch.autograd.grad(images.sum(), z)
        assert float(slope.norm()) > 0
        if generator.discriminator is None:
            return
        seen = images.detach().requires_grad_()
        (judged,) = torch.autograd.grad(generator.discriminator.logits(seen).sum(), seen)
        assert float(judged.norm()) > 0
