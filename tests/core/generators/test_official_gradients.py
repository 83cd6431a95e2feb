"""Gradients of later families: finite differences in float64, and inside inference mode."""

import pytest
import torch
from latentsteer.core.generators import ARCHITECTURES
from latentsteer.core.rng import SampleRng

from ..differences import assert_is_gradient
from ..example_files import drawn

FAMILIES = (
    "avatars-codes",
    "dalle-dvae",
    "df-gan",
    "df-gan-2021",
    "fastgan-generator",
    "r3gan-generator",
    "stargan-v2",
)
FILES = [
    pytest.param(architecture, make, id=f"{architecture.id}-{number}")
    for architecture in ARCHITECTURES
    if architecture.id in FAMILIES
    for number, make in enumerate(architecture.examples)
]


def directions(like):
    return torch.randn(like.shape, generator=torch.Generator().manual_seed(2), dtype=like.dtype)


@pytest.mark.parametrize(("architecture", "make"), FILES)
def test_gradients_are_those_of_finite_differences(architecture, make, examples):
    generator = examples.fresh(architecture, make)
    generator.module.double()
    z = drawn(generator, 2).double().requires_grad_()
    weights = directions(torch.empty(2, 3, *generator.image_size, dtype=z.dtype))

    def value(at):
        return (weights * generator(at, SampleRng.of(1, 2))).sum()

    (slope,) = torch.autograd.grad(value(z), z)
    assert_is_gradient(slope, value, z.detach(), directions(z))


@pytest.mark.parametrize(("architecture", "make"), FILES)
def test_a_discriminators_gradients_are_those_of_finite_differences(architecture, make, examples):
    judge = examples.fresh(architecture, make).discriminator
    if judge is None:
        pytest.skip("without discriminator")
    judge.module.double()
    stream = torch.Generator().manual_seed(0)
    size = examples(architecture, make).image_size
    images = torch.rand(2, 3, *size, generator=stream, dtype=torch.float64).requires_grad_()

    def value(at):
        return judge.logits(at).square().sum()

    (slope,) = torch.autograd.grad(value(images), images)
    assert_is_gradient(slope, value, images.detach(), directions(images))


@pytest.mark.parametrize(("architecture", "make"), FILES)
def test_it_loads_and_backpropagates_within_inference_mode(architecture, make, examples):
    with torch.inference_mode(), torch.inference_mode(False):
        generator = examples.fresh(architecture, make)
        z = drawn(generator, 1).requires_grad_()
        images = generator(z, SampleRng.of(1, 1))
        (slope,) = torch.autograd.grad(images.square().sum(), z)
        assert float(slope.norm()) > 0
        if generator.discriminator is not None:
            seen = images.detach().requires_grad_()
            (judged,) = torch.autograd.grad(generator.discriminator.logits(seen).sum(), seen)
            assert float(judged.norm()) > 0
