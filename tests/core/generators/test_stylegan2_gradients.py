"""Gradients of StyleGAN2's generators and discriminators, against finite differences."""

import pytest
import torch
from latentsteer.core.generators import load_generator

from ..differences import assert_is_gradient
from .stylegan2_files import FAMILIES, ONE_EACH, points, streams


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
    along = torch.randn(z.shape, generator=torch.Generator().manual_seed(2), dtype=z.dtype)
    assert_is_gradient(slope, value, z.detach(), along)


@pytest.mark.parametrize("name", ONE_EACH)
def test_a_discriminators_gradients_are_those_of_finite_differences(name, path_of):
    judge = load_generator(path_of(name)).discriminator
    judge.module.double()
    side = judge.module.img_resolution
    images = torch.rand(
        4, 3, side, side, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    ).requires_grad_()

    def value(at):
        return judge.logits(at).square().sum()

    (slope,) = torch.autograd.grad(value(images), images)
    along = torch.randn(images.shape, generator=torch.Generator().manual_seed(2)).double()
    assert_is_gradient(slope, value, images.detach(), along)


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
