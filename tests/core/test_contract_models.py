"""What every registered generator and auxiliary satisfies, new ones included."""

import pytest
import torch
from latentsteer.core.auxiliary import Classifier
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.chunking import Chunking
from latentsteer.core.errors import CheckpointError, DomainMismatch
from latentsteer.core.rng import SampleRng

from .example_files import (
    AUXILIARY_FILES,
    GENERATOR_FILES,
    drawn,
    opened,
    tensors_of,
)


def seen_by_module(module, call):
    """Returns arguments and result of the module's last forward pass during a call."""
    seen = []
    hook = module.register_forward_hook(
        lambda _, args, kwargs, out: seen.append((args, kwargs, out)), with_kwargs=True
    )
    call()
    hook.remove()
    assert seen, "the loaded network was not called"
    return seen[-1]


def same_network(example, module):
    """Returns the example's network with the tensors of the loaded module."""
    own = module.state_dict()
    for network in example.networks.values():
        if network.state_dict().keys() == own.keys():
            return network
    raise AssertionError("no network of the example has the tensors of the loaded one")


# Generators


@pytest.mark.parametrize(("architecture", "make"), GENERATOR_FILES)
def test_a_loaded_generator_computes_what_its_example_does(architecture, make, examples):
    (example, _), generator = examples.example(make), examples(architecture, make)
    z = drawn(generator, 3)
    args, kwargs, out = seen_by_module(
        generator.module, lambda: generator(z, SampleRng.of(1, len(z)))
    )
    written_module = examples.as_written(architecture, make).module
    torch.testing.assert_close(same_network(example, written_module)(*args, **kwargs), out)
    assert generator.architecture == architecture.id


@pytest.mark.parametrize(("architecture", "make"), GENERATOR_FILES)
def test_a_generator_makes_colour_images_in_range(architecture, make, examples):
    generator = examples(architecture, make)
    images = generator(drawn(generator, 5), SampleRng.of(1, 5))
    assert images.shape == (5, 3, *generator.image_size)
    assert images.min() >= 0
    assert images.max() <= 1
    assert images.std() > 0


@pytest.mark.parametrize(("architecture", "make"), GENERATOR_FILES)
def test_a_generators_gradient_reaches_every_block_of_its_latents(architecture, make, examples):
    generator = examples(architecture, make)
    z = drawn(generator, 3).requires_grad_()
    (slope,) = torch.autograd.grad(generator(z, SampleRng.of(1, 3)).square().sum(), z)
    for part in generator.source.split(slope).values():
        assert bool((part.flatten(1).norm(dim=1) > 0).all())


@pytest.mark.bits
@pytest.mark.parametrize(("architecture", "make"), GENERATOR_FILES)
def test_in_fixed_chunks_a_generators_samples_are_the_same_in_any_batch(
    architecture, make, examples
):
    """Bit for bit: draws, images and their gradient, alone and at another place."""
    generator = examples(architecture, make)

    def slopes(z, rng):
        leaf = z.detach().requires_grad_()
        images = generator(leaf, rng)
        return images.detach(), torch.autograd.grad(images.square().sum(), leaf)[0]

    def seen(samples):
        rng = SampleRng.of(1, samples)
        z = generator.prior.sample(rng, torch.empty(0))
        return z, *Chunking(4, padded=True).apply_random(slopes, z, rng)

    whole = seen(range(6))
    for samples in ([5], [4, 1, 0]):
        for found, every in zip(seen(samples), whole, strict=True):
            assert torch.equal(found, every[samples])


@pytest.mark.parametrize(("architecture", "make"), GENERATOR_FILES)
def test_a_generators_samples_do_not_see_each_other(architecture, make, examples):
    generator = examples(architecture, make)
    z = drawn(generator, 4)
    together = generator(z, SampleRng.of(1, 4))
    for row in range(4):
        alone = generator(z[row : row + 1], SampleRng.of(1, [row]))
        torch.testing.assert_close(alone[0], together[row], atol=1e-5, rtol=0)
    assert not torch.allclose(together[0], together[1])


@pytest.mark.parametrize(("architecture", "make"), GENERATOR_FILES)
def test_a_generator_refuses_points_of_another_space(architecture, make, examples):
    generator = examples(architecture, make)
    with pytest.raises(DomainMismatch, match=str(generator.source.dim)):
        generator(torch.zeros(2, generator.source.dim + 1), SampleRng.of(0, 2))


@pytest.mark.parametrize(("architecture", "make"), GENERATOR_FILES)
def test_a_discriminator_gives_a_logit_per_image(architecture, make, examples):
    generator = examples(architecture, make)
    if generator.discriminator is None:
        pytest.skip("without discriminator")
    images = generator(drawn(generator, 3), SampleRng.of(1, 3)).requires_grad_()
    logits = generator.discriminator.logits(images)
    assert logits.shape == (3,)
    assert generator.discriminator.features(images).shape[0] == 3
    (slope,) = torch.autograd.grad(logits.sum(), images)
    assert bool((slope.flatten(1).norm(dim=1) > 0).all())


# Auxiliaries


@pytest.mark.parametrize(("architecture", "make"), AUXILIARY_FILES)
def test_a_loaded_auxiliary_computes_what_its_example_does(architecture, make, examples):
    (example, _), model = examples.example(make), examples(architecture, make)
    images = torch.rand(3, 3, 28, 28, generator=torch.Generator().manual_seed(0))
    (module,) = model.modules
    args, kwargs, out = seen_by_module(module, lambda: model.embed(images))
    torch.testing.assert_close(same_network(example, module)(*args, **kwargs), out)


@pytest.mark.parametrize("size", [(28, 28), (20, 33)])
@pytest.mark.parametrize(("architecture", "make"), AUXILIARY_FILES)
def test_an_auxiliary_embeds_images_of_any_size(architecture, make, size, examples):
    model = examples(architecture, make)
    images = torch.rand(4, 3, *size, generator=torch.Generator().manual_seed(0))
    together = model.embed(images)
    assert together.shape == (4, model.embed_dim)
    for row in range(4):
        alone = model.embed(images[row : row + 1])
        torch.testing.assert_close(alone[0], together[row], atol=1e-5, rtol=1e-5)
    images.requires_grad_()
    (slope,) = torch.autograd.grad(model.embed(images)[:, 0].abs().log().sum(), images)
    assert bool((slope.flatten(1).norm(dim=1) > 0).all())


@pytest.mark.parametrize(("architecture", "make"), AUXILIARY_FILES)
def test_a_classifiers_embedding_is_a_law_over_its_classes(architecture, make, examples):
    model = examples(architecture, make)
    images = torch.rand(4, 3, 28, 28, generator=torch.Generator().manual_seed(0))
    if not isinstance(model, Classifier):
        pytest.skip("no classifier")
    law = model.embed(images)
    torch.testing.assert_close(law.sum(dim=1), torch.ones(4))
    torch.testing.assert_close(law.log(), model.logits(images).log_softmax(dim=1))
    assert len(model.classes) == model.embed_dim == len(set(model.classes))


@pytest.mark.parametrize(("architecture", "make"), AUXILIARY_FILES)
def test_a_file_that_names_too_few_classes_is_refused(architecture, make, examples, tmp_path):
    if not isinstance(examples(architecture, make), Classifier):
        pytest.skip("no classifier")
    example, _ = examples.example(make)
    checkpoints.write(tmp_path / "m.safetensors", tensors_of(example), {"classes": ["one"]})
    with pytest.raises(CheckpointError, match="names 1 classes"):
        opened(architecture, tmp_path / "m.safetensors")
