"""StyleGAN2's discriminators: logits, features, classes, groups and colours."""

import pytest
import torch
from latentsteer.core.generators import load_generator

from .stylegan2_files import CONDITIONAL, GREY, JUDGED, TENSORFLOW, points, streams


@pytest.mark.parametrize("name", JUDGED)
def test_logits_are_linear_in_the_features(name, path_of):
    judge = load_generator(path_of(name)).discriminator
    side = judge.module.img_resolution
    images = torch.rand(6, 3, side, side, generator=torch.Generator().manual_seed(0))
    features, logits = judge.features(images), judge.logits(images)
    layer = judge.module.b4.out
    slope = judge.module.directions(None) @ layer.weight * layer.weight_gain
    offset = (judge.module.directions(None) * layer.bias).sum()
    torch.testing.assert_close(logits, features @ slope[0] + offset, rtol=1e-4, atol=1e-4)


def test_without_a_class_the_logit_is_the_mean_over_classes(path_of):
    for name, classes in ((CONDITIONAL, 4), (TENSORFLOW, 3)):
        judge = load_generator(path_of(name)).discriminator
        images = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
        rows = torch.eye(classes)
        each = [
            torch.cat([judge.module(image[None] * 2 - 1, row[None]) for image in images])
            for row in rows
        ]
        torch.testing.assert_close(judge.logits(images), torch.stack(each).mean(dim=0))
        assert not torch.allclose(each[0], each[1], atol=1e-2)


def test_the_network_s_logits_depend_on_the_group_and_any_batch_has_some(path_of):
    network = load_generator(path_of("sg2_tf_configf32")).discriminator.module
    assert network.b4.mbstd.group_size == 4
    images = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    four = network(images[::2])
    torch.testing.assert_close(network(images)[::2], four)
    assert not torch.allclose(network(images[:1]), four[:1])
    for count in (1, 3, 5, 6, 7):
        assert network(images[:count]).shape == (count,)


def test_the_discriminator_s_logits_and_features_depend_on_no_other_image(path_of):
    discriminator = load_generator(path_of("sg2_tf_configf32")).discriminator
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for function in (discriminator.logits, discriminator.features):
        alone = torch.cat([function(image[None]) for image in images])
        assert torch.equal(function(images), alone)


def test_grey_and_further_channels_are_made_of_colours(path_of):
    judge = load_generator(path_of(GREY)).discriminator
    images = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    grey = images.mean(dim=1, keepdim=True)
    alone = torch.cat([judge.module(image[None] * 2 - 1) for image in grey])
    torch.testing.assert_close(judge.logits(images), alone)
    generator = load_generator(path_of(GREY))
    made = generator(points(generator), streams(3))
    assert torch.equal(made[:, 0], made[:, 1])
    assert torch.equal(made[:, 0], made[:, 2])
