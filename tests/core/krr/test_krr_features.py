"""The features that a kernel compares images by."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.auxiliary import AttributeJudge, Discriminator
from latentsteer.core.energies.example import toy_clip
from latentsteer.core.errors import InvalidInput
from latentsteer.core.features import feature_map
from latentsteer.core.generators.stylegan.discriminator import as_discriminator
from latentsteer.core.generators.stylegan.networks.discriminator import StyleGan2Discriminator
from torch import nn


def images(toys, count=4):
    return toys.normal(count, 3, 8, 8).sigmoid()


def with_discriminator(toys):
    body = toys.filled(nn.Sequential(nn.Flatten(), nn.Linear(192, 6), nn.SiLU()), 3)
    head = toys.filled(nn.Linear(6, 1), 4)
    network = nn.Sequential(body, head)
    discriminator = Discriminator(network, lambda x: network(x)[:, 0], body)
    return replace(toys.generator(), discriminator=discriminator)


def test_a_classifier_has_features_and_logits(toys):
    classifier, x = toys.classifier(), images(toys)
    assert feature_map(classifier).id == feature_map(classifier, "penultimate").id
    assert torch.equal(feature_map(classifier).of(x), classifier.features(x))
    assert torch.equal(feature_map(classifier, "logits").of(x), classifier.logits(x))
    assert feature_map(classifier).id != feature_map(classifier, "logits").id
    assert feature_map(classifier).modules == classifier.modules


def test_a_generator_stands_for_its_discriminator(toys):
    generator, x = with_discriminator(toys), images(toys)
    discriminator = generator.discriminator
    assert torch.equal(feature_map(generator, "penultimate").of(x), discriminator.features(x))
    assert torch.equal(feature_map(generator, "logits").of(x), discriminator.logits(x)[:, None])
    assert feature_map(generator).modules == (discriminator.module,)


def test_a_clip_has_embeddings_of_norm_one_and_raw_ones(toys):
    clip, x = toy_clip(), images(toys)
    raw = feature_map(clip, "raw").of(x)
    assert torch.equal(raw, clip.embed(x))
    found = feature_map(clip).of(x)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(4))
    torch.testing.assert_close(found * raw.norm(dim=1, keepdim=True), raw)


def test_a_judge_has_the_logits_of_all_attributes(toys):
    classifier, x = toys.classifier(), images(toys)
    names = {"shape": ("a", "b", "c"), "again": ("a", "b", "c")}
    judged = AttributeJudge(
        "judge",
        "judge-id",
        classifier.module,
        names,
        lambda x: {name: classifier.logits(x) for name in names},
        classifier.features,
        lambda values: values,
        lambda text: {},
    )
    assert feature_map(judged, "logits").of(x).shape == (4, 6)
    assert torch.equal(feature_map(judged).of(x), classifier.features(x))


def test_a_discriminator_that_compares_images_sees_one_at_a_time(toys):
    widths = {8: 4, 4: 4}
    network = toys.filled(StyleGan2Discriminator(widths, 3), 5)
    generator = replace(toys.generator(), discriminator=as_discriminator(network))
    x = images(toys)
    together = network.features(x * 2 - 1)
    alone = torch.cat([network.features(one[None] * 2 - 1) for one in x])
    assert not torch.allclose(together, alone, rtol=1e-3)
    torch.testing.assert_close(feature_map(generator).of(x), alone)


def test_what_a_model_lacks_is_named(toys):
    with pytest.raises(InvalidInput, match="holds no discriminator"):
        feature_map(toys.generator())
    with pytest.raises(InvalidInput, match="it has penultimate, logits"):
        feature_map(toys.classifier(), "raw")
