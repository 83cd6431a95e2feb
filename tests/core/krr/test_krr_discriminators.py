"""The condition of KRR flow by a discriminator."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.energies.discriminator import discriminator
from latentsteer.core.energies.example import toy_generator
from latentsteer.core.errors import ConditionMismatch, InvalidInput
from latentsteer.core.generators.biggan.networks.discriminators import BigGanDiscriminator
from latentsteer.core.generators.biggan.networks.spectral import Spectral
from latentsteer.core.generators.biggan.reading import discriminator_of
from latentsteer.core.generators.stylegan.discriminator import as_discriminator
from latentsteer.core.generators.stylegan.networks.discriminator import StyleGan2Discriminator
from latentsteer.core.generators.stylegan.networks.mapping import MappingNetwork
from latentsteer.core.images import resized
from torch.nn import functional

from .krr_inputs import pictures, values


def filled(network):
    stream = torch.Generator().manual_seed(2)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=1.5, generator=stream)
    return network.eval().requires_grad_(False)


def biggan():
    return discriminator_of(
        filled(BigGanDiscriminator([(3, 8, 8), (8, 8, 16)], [0], [], 3, 1, Spectral()))
    )


def stylegan(classes=3, deviations=1):
    mapping = MappingNetwork(0, classes, 5, hidden=(5,), averaged=False) if classes else None
    return as_discriminator(
        filled(
            StyleGan2Discriminator(
                {4: 6, 8: 6, 16: 4},
                3,
                5 if classes else 1,
                deviations=deviations,
                mapping=mapping,
            )
        )
    )


def against(own, side=16):
    return replace(toy_generator(), discriminator=own, image_size=(side, side))


@pytest.mark.parametrize("make", [biggan, stylegan])
def test_the_logit_is_log_p_of_c_given_x(make):
    own, images = make(), pictures(4)
    plain = values(discriminator(against(own)), images)
    alone = torch.cat([own.logits(image[None]) for image in images])
    torch.testing.assert_close(plain, -alone)
    energy = discriminator(against(own), form="log-sigmoid")
    found = values(energy, images)
    torch.testing.assert_close(found, -functional.logsigmoid(alone))
    (leaf,) = energy.leaves()
    torch.testing.assert_close(leaf.measure.of(found), alone.sigmoid())


@pytest.mark.parametrize("make", [biggan, stylegan])
def test_a_class_is_asked_for_where_the_discriminator_knows_classes(make):
    own, images = make(), pictures(3)
    energy = discriminator(against(own), classes=(2, 0, 1))
    found = values(energy, images)
    network = own.module
    for row, number in enumerate((2, 0, 1)):
        asked = torch.tensor([number])
        if make is stylegan:
            asked = functional.one_hot(asked, 3).float()
        expected = network(images[row : row + 1] * 2 - 1, asked).flatten()
        torch.testing.assert_close(found[row], -expected[0])
    for_all = values(discriminator(against(own), classes=(1,)), images)
    torch.testing.assert_close(for_all[2], found[2])
    assert not torch.allclose(for_all[:2], found[:2])


def test_the_classes_logits_have_the_plain_one_as_their_mean_in_stylegan():
    own, images = stylegan(), pictures(2)
    each = [values(discriminator(against(own), classes=(number,)), images) for number in range(3)]
    plain = values(discriminator(against(own)), images)
    torch.testing.assert_close(torch.stack(each).mean(dim=0), plain)


def test_a_discriminator_that_compares_the_batch_sees_one_image_at_a_time():
    own, images = stylegan(0), pictures(4)
    energy = discriminator(against(own))
    together = values(energy, images)
    assert not energy.coupled
    assert not torch.allclose(-own.module(images * 2 - 1), together)
    for row in range(4):
        torch.testing.assert_close(values(energy, images[row : row + 1])[0], together[row])


def test_images_of_another_size_are_resampled_to_the_discriminators():
    own, images = biggan(), pictures(2, 24)
    found = values(discriminator(against(own)), images)
    torch.testing.assert_close(found, -own.logits(resized(images, (16, 16))))


@pytest.mark.parametrize(
    ("make", "options", "said"),
    [
        (lambda: None, {}, "holds no discriminator"),
        (biggan, {"classes": (3,)}, "no class 3; its 3 are numbered from 0"),
        (biggan, {"classes": (0, -1)}, "no class -1"),
        (lambda: stylegan(0), {"classes": (0,)}, "knows no classes"),
    ],
)
def test_what_a_discriminator_cannot_do_is_refused(make, options, said):
    with pytest.raises(InvalidInput, match=said):
        discriminator(against(make()), **options)


def test_a_class_per_sample_needs_as_many_samples():
    energy = discriminator(against(biggan()), classes=(0, 1))
    with pytest.raises(ConditionMismatch, match="2 classes and the batch 3 samples"):
        energy.check_batch(3)
