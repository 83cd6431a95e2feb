"""Synthesis: batches, classes, noise, captions, and the stream of Algorithm 1."""

from itertools import islice

import pytest
import torch
from latentsteer.core.captioner import CaptionedClip, Captioner, Decoding
from latentsteer.core.chunking import Chunking
from latentsteer.core.clip import Clip
from latentsteer.core.errors import InvalidInput
from latentsteer.core.generators.biggan.latents import ClassCodes, TruncatedWithClass
from latentsteer.core.generators.stylegan.latents import ClassPrior, MappedPrior
from latentsteer.core.pairs import synthesis
from latentsteer.core.pairs.in_memory import streamed
from latentsteer.core.pairs.origin import AuxiliaryRecord, Origin
from latentsteer.core.rng import SampleRng
from torch import nn

from . import toy

CLASSES = 5


@pytest.mark.bits
def test_a_pair_depends_on_its_number_alone():
    """The toy's images depend on the place in the chunk."""
    whole = toy.source().drawn(0, 23)
    for first, last in ((0, 1), (5, 6), (3, 11), (20, 23)):
        part = toy.source().drawn(first, last)
        assert torch.equal(part.latents, whole.latents[first:last])
        assert torch.equal(part.conditions[0], whole.conditions[0][first:last])


@pytest.mark.bits
def test_the_stream_yields_fresh_pairs_that_are_those_of_one_run():
    whole = toy.source().drawn(0, 18)
    batches = list(islice(streamed(toy.source(), 6), 3))
    assert torch.equal(torch.cat([b.latents for b in batches]), whole.latents)
    assert torch.equal(torch.cat([b.conditions for b in batches]), whole.conditions[0])
    (later,) = islice(streamed(toy.source(), 6, first=12), 1)
    assert torch.equal(later.latents, batches[2].latents)
    later.check_auxiliary("toy f-id", "toy f", against="f")


def test_a_stream_needs_a_size_one_auxiliary_and_finite_pairs():
    with pytest.raises(InvalidInput, match="0 synthetic pairs"):
        streamed(toy.source(), 0)
    with pytest.raises(InvalidInput, match="2 auxiliaries of pairs in memory"):
        streamed(toy.source(toy.Seen(), toy.Seen("b")), 4)
    with pytest.raises(InvalidInput, match="not finite"):
        list(islice(streamed(toy.source(spoilt=(0.0,)), 8), 20))


# Classes


class Mapping(nn.Module):
    """A mapping network of z and the class."""

    z_dim, c_dim, w_dim, averaged = 3, CLASSES, 4, False

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(self.z_dim + self.c_dim, self.w_dim)

    def forward(self, z, c):
        return self.layer(torch.cat([z, c], dim=1))

    def centre(self, c):
        return torch.zeros(self.w_dim)


def mapped():
    mapping = Mapping()
    return MappedPrior(ClassPrior(3, CLASSES), mapping, mapping, 1)


TABLE = torch.arange(CLASSES * 2.0).reshape(CLASSES, 2)
PRIORS = {
    "biggan": (TruncatedWithClass(3, ClassCodes(CLASSES, None), 0.5), 3),
    "biggan embedding": (TruncatedWithClass(3, ClassCodes(CLASSES, TABLE)), 3),
    "stylegan": (ClassPrior(3, CLASSES), 3),
}


@pytest.mark.bits
@pytest.mark.parametrize("name", PRIORS)
def test_balanced_pairs_have_each_class_equally_often_and_the_same_z(name):
    prior, size = PRIORS[name]
    dim = prior.sample(SampleRng.of(0, 1), torch.empty(0)).shape[1]
    free, balanced = (
        toy.source(prior=prior, dim=dim, balanced=on).drawn(0, 4 * CLASSES) for on in (False, True)
    )
    assert torch.equal(balanced.latents[:, :size], free.latents[:, :size])
    own = balanced.latents[:, size:]
    expected = TABLE if name == "biggan embedding" else torch.eye(CLASSES)
    assert torch.equal(own, expected.repeat(4, 1))
    assert not torch.equal(own, free.latents[:, size:])


@pytest.mark.bits
def test_balanced_w_is_mapped_from_balanced_classes():
    prior = mapped()
    w = toy.source(prior=prior, dim=4, balanced=True).drawn(0, CLASSES).latents
    z = toy.source(prior=ClassPrior(3, CLASSES), dim=3 + CLASSES, balanced=True)
    points = z.drawn(0, CLASSES).latents
    torch.testing.assert_close(w, prior.network.layer(points).detach())


def test_classes_that_do_not_exist_cannot_be_balanced():
    with pytest.raises(InvalidInput, match="draws no class"):
        toy.source(balanced=True)


# Noise and origins


@pytest.mark.bits
def test_noise_is_isotropic_of_its_standard_deviation_and_the_pairs_own():
    gamma, count = 0.3, 1200
    clean, noisy = (toy.source(noise=g).drawn(0, count) for g in (0.0, gamma))
    assert torch.equal(noisy.latents, clean.latents)
    noise = (noisy.conditions[0] - clean.conditions[0]) / gamma
    assert abs(float(noise.mean())) < 4 / (5 * count) ** 0.5
    assert abs(float(noise.var()) - 1) < 4 * (2 / (5 * count)) ** 0.5
    assert bool((torch.corrcoef(noise.T) - torch.eye(5)).abs().max() < 4 / count**0.5)
    alone = toy.source(noise=gamma).drawn(8, 12)
    assert torch.equal(alone.conditions[0], noisy.conditions[0][8:12])
    with pytest.raises(InvalidInput, match="Noise -1"):
        toy.source(noise=-1.0)


def test_an_origin_goes_through_json():
    origin = toy.source(toy.Seen(), toy.Seen("b", 2), noise=0.5).origin
    assert Origin.from_json(origin.to_json()) == origin
    assert origin.redrawn == toy.generator().prior


def test_captions_are_part_of_an_auxiliarys_record(toys):
    """They have the id of their CLIP, whose images are another f."""
    network = nn.Identity()
    captioner = Captioner(
        "blip", "blip-id", network, 8, (0.5,) * 3, (0.5,) * 3, lambda m, x, d: ["text"] * len(x)
    )
    clip = Clip.__new__(Clip)
    for name, value in {"name": "clip", "id": "clip-id", "embed_dim": 4}.items():
        object.__setattr__(clip, name, value)
    object.__setattr__(clip, "encode_texts", lambda texts: None)
    records = [
        AuxiliaryRecord.of(CaptionedClip(captioner, clip, Decoding(max_length=n)))
        for n in (20, 30, 20)
    ]
    assert not records[0].alike(records[1])
    assert records[0].alike(records[2])
    plain = AuxiliaryRecord("clip-id", "clip", 4, {})
    assert not records[0].alike(plain)


@pytest.mark.parametrize(
    ("size", "pixels", "padded", "expected"),
    [
        (40, 32, False, [8] * 5),
        (40, 1 << 20, False, [40]),
        (40, 48, False, [12, 12, 12, 4]),
        (5, 48, False, [5] * 8),
        (20, 32, True, [20, 20]),
    ],
)
def test_chunks_that_are_not_fixed_are_processed_in_parts_on_a_cpu(
    size, pixels, padded, expected, monkeypatch
):
    monkeypatch.setattr(synthesis, "CACHED_PIXELS", pixels)
    calls, done = [], []
    chunking = Chunking(size, padded=padded)
    toy.source(calls=calls, chunking=chunking).drawn(0, 40, done.append)
    assert calls == expected
    assert done[-1] == 40


def test_chunks_of_the_networks_do_not_follow_the_shards():
    calls = []
    toy.source(calls=calls, chunking=Chunking(8, padded=True)).drawn(0, 20)
    assert calls == [8, 8, 8]
