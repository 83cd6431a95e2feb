"""DCGANs of chainer-gan-lib, as DOT and DGflow use them: SN-GAN and WGAN-GP of small images.

Files are chainer's `.npz`: `DCGAN_G_*`, and beside it `DCGAN_D_*` with the discriminator; or
state dicts of DGflow's networks, such as its correctors of density ratios `*_DRC.pth`. Chainer
does not keep the vectors of the spectral normalisation, whose power iteration then has no start:
weights are divided by their largest singular value, to which it converges.
"""

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from ...auxiliary import Discriminator
from ...checkpoints.architecture import Architecture, Example, load_network
from ...checkpoints.published import Published
from ...checkpoints.reading import part_of, prefix_of, shape_of
from ...checkpoints.record import Checkpoint
from ...checkpoints.weights import if_usable
from ...errors import CheckpointError
from ...generator import Generator
from ..beside import check_side
from .chainer import CHAINER_EPS, torch_named
from .networks.critics import ConvolutionalDiscriminator
from .networks.deconvolutions import DeconvolutionalGenerator
from .reading import critic_file, critic_of, first_side, gan_of, gan_parity
from .vectors import with_vectors

__all__ = ["DISCRIMINATOR", "GENERATOR", "convolutional_critic"]

LICENCE = "MIT (the code)"
SPECTRAL = ("c0_0", "c0_1", "c1_0", "c1_1", "c2_0", "c2_1", "c3_0")
PLAIN = ("c0", "c1", "c1_0", "c2", "c2_0", "c3", "c3_0")
LAST = "l4"


def _prefix(checkpoint: Checkpoint) -> str | None:
    keys = ("l0.weight", "dc1.weight", "dc2.weight", "bn0.running_mean")
    return prefix_of(torch_named(checkpoint), *keys)


def _critic_place(own: Checkpoint) -> tuple[str, tuple[str, ...]] | None:
    """Prefix of a discriminator, and the names of its convolutions; None without one."""
    # One key may be missing: a damaged discriminator must be reported, not ignored.
    for names, kept in ((SPECTRAL, SPECTRAL[1::2]), (PLAIN, (PLAIN[0], PLAIN[3], PLAIN[5]))):
        for end in (".weight", ".weight_orig"):
            keys = [name + end for name in (*kept, LAST)]
            prefix = prefix_of(own, *keys, missing=1)
            if prefix is not None:
                return prefix, names
    return None


def _network(checkpoint: Checkpoint) -> DeconvolutionalGenerator:
    named = torch_named(checkpoint)
    place = _critic_place(named)
    own = part_of(named, _prefix(checkpoint) or "", place[0] if place else None)
    made, latent = shape_of(own, "l0.weight", 2)
    channels = [shape_of(own, "dc1.weight", 4)[0]]
    while f"dc{len(channels)}.weight" in own.tensors:
        channels.append(shape_of(own, f"dc{len(channels)}.weight", 4)[1])
    base = first_side(checkpoint, made, channels[0])
    if channels[-1] != 3:
        raise CheckpointError(
            f"{checkpoint.path.name} makes images with {channels[-1]} channels; 3 were expected."
        )
    return load_network(DeconvolutionalGenerator(latent, base, channels, CHAINER_EPS), own)


def _critic_network(checkpoint: Checkpoint) -> ConvolutionalDiscriminator | None:
    """Loads the discriminator of a file; None where it has none."""
    named = torch_named(checkpoint)
    place = _critic_place(named)
    if place is None:
        return None
    prefix, names = place
    own = part_of(named, prefix)
    spectral = names is SPECTRAL
    if spectral:
        tensors = with_vectors(dict(own.tensors), (*SPECTRAL, LAST))
        own = replace(own, tensors=tensors)
    end = ".weight_orig" if spectral else ".weight"
    channels = [shape_of(own, names[0] + end, 4)[1]]
    channels += [shape_of(own, name + end, 4)[0] for name in names]
    base = first_side(checkpoint, shape_of(own, LAST + end, 2)[1], channels[-1])
    return load_network(ConvolutionalDiscriminator(names, channels, base, spectral=spectral), own)


def _critic(checkpoint: Checkpoint) -> ConvolutionalDiscriminator | None:
    """The discriminator of the same file, else of the file beside it."""
    found = if_usable(lambda: _critic_network(checkpoint))
    beside = critic_file(checkpoint)
    if found is not None or beside is None:
        return found
    return if_usable(lambda: _critic_network(beside))


def _load(checkpoint: Checkpoint) -> Generator:
    network = _network(checkpoint)
    critic = _critic(checkpoint)
    if critic is not None:
        check_side(checkpoint.path.name, critic.side, network.side)
    return gan_of(
        checkpoint,
        GENERATOR.id,
        network,
        network.latent,
        network.side,
        licence=LICENCE,
        uniform=True,
        discriminator=None if critic is None else critic_of(critic),
    )


def _parity(checkpoint: Checkpoint, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    return gan_parity(_network(checkpoint), _critic(checkpoint), arrays)


def convolutional_critic(checkpoint: Checkpoint) -> ConvolutionalDiscriminator:
    """Loads the discriminator, or the density ratio of DGflow, of a file, frozen.

    Raises:
        CheckpointError: the file has none.
    """
    network = _critic_network(checkpoint)
    if network is None:
        raise CheckpointError(
            f"{checkpoint.path.name} is no discriminator of DGflow: {DISCRIMINATOR.needs} were "
            "expected. Move it away, or fetch it again."
        )
    return network


def _load_critic(checkpoint: Checkpoint) -> Discriminator:
    return critic_of(convolutional_critic(checkpoint))


def _parity_critic(checkpoint: Checkpoint, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    return gan_parity(None, _critic_network(checkpoint), arrays)


def _facts(checkpoint: Checkpoint) -> Mapping[str, str]:
    return {"prior": "uniform, as DOT draws z; DGflow draws it from a normal law"}


def _facts_critic(checkpoint: Checkpoint) -> Mapping[str, str]:
    named = torch_named(checkpoint)
    place = _critic_place(named)
    if place is None or place[1] is not SPECTRAL:
        return {}
    layer = place[0] + SPECTRAL[0]
    if f"{layer}.weight" not in named.tensors or f"{layer}.u" in named.tensors:
        return {}
    return {"spectral normalisation": "by the largest singular values; the file has no vectors"}


def _example(*, spectral: bool) -> Example:
    names = SPECTRAL if spectral else PLAIN
    # Images have 8 pixels: the discriminator halves the side three times.
    network = DeconvolutionalGenerator(5, 2, (4, 6, 4, 3), CHAINER_EPS)
    critic = ConvolutionalDiscriminator(names, (3, *[4] * 7), 1, spectral=spectral)
    return Example({"G.": network, "D.": critic}, {})


GENERATOR: Architecture[Generator] = Architecture(
    id="deconvolutional-gan",
    needs="`l0/W`, `dc1/W`, `dc2/W`, `bn0/avg_mean`",
    recognises=lambda checkpoint: _prefix(checkpoint) is not None,
    load=_load,
    examples=(lambda: _example(spectral=True), lambda: _example(spectral=False)),
    parity=_parity,
    facts=_facts,
    published=(
        Published(
            name="SN-GAN, WGAN-GP of DOT and DGflow",
            files="`DCGAN_G_*.npz`; `DCGAN_D_*.npz` beside it; `*_DRC.pth`",
            licence="MIT (the code)",
            latents="z in [-1, 1], uniform",
            verified="DGflow's code, random weights, with discriminators",
        ),
    ),
)

DISCRIMINATOR: Architecture[Discriminator] = Architecture(
    id="convolutional-discriminator",
    needs="`c0_1/W`, `c1_1/W`, `c2_1/W`, `l4/W`, or `c0/W`, `c2/W`, `c3/W`, `l4/W`",
    recognises=lambda checkpoint: _critic_place(torch_named(checkpoint)) is not None,
    load=_load_critic,
    examples=(),
    parity=_parity_critic,
    facts=_facts_critic,
)
