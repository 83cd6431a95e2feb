"""Residual generators of SN-GAN and WGAN-GP.

Files of kwotsin/mimicry (`netG.pth`: SN-GAN, SSGAN, InfoMax-GAN, WGAN-GP, DCGAN; with `netD.pth`
beside it the discriminator) and of pfnet-research/sngan_projection without classes (chainer's
`.npz`, such as DGflow's `ResNet_G_*`). Mimicry interpolates between pixels where the side doubles;
chainer's code repeats them.
"""

from collections.abc import Mapping

from torch import Tensor

from ...checkpoints.architecture import Architecture, Example, load_network
from ...checkpoints.published import Published
from ...checkpoints.reading import part_of, prefix_of, shape_of
from ...checkpoints.record import Checkpoint
from ...generator import Generator
from .chainer import CHAINER_EPS, is_chainer, torch_named
from .critics import critic_in, critic_prefix, gan_with_critic
from .networks.critics import CriticBlock, CriticLayout, ResidualDiscriminator
from .networks.residual import ResidualGenerator, ResidualLayout
from .reading import critic_file, first_side, gan_parity

__all__ = ["GENERATOR"]

LICENCE = "MIT (the code)"
FIRST = 2
"""Number of the first block."""


def _prefix(checkpoint: Checkpoint) -> str | None:
    keys = ("l1.weight", "block2.c1.weight", "block2.b1.weight", "block2.c_sc.weight")
    return prefix_of(torch_named(checkpoint), *keys)


def _layout(own: Checkpoint, *, chainer: bool) -> ResidualLayout:
    made, latent = shape_of(own, "l1.weight", 2)
    channels = [shape_of(own, f"block{FIRST}.c1.weight", 4)[1]]
    while f"block{FIRST + len(channels) - 1}.c1.weight" in own.tensors:
        channels.append(shape_of(own, f"block{FIRST + len(channels) - 1}.c1.weight", 4)[0])
    base = first_side(own, made, channels[0])
    last = f"l{len(channels) + 1}"
    return ResidualLayout(
        latent,
        base,
        tuple(channels),
        last=last if f"{last}.weight" in own.tensors else "",
        upsampling="nearest" if chainer else "bilinear",
        eps=CHAINER_EPS if chainer else 1e-5,
    )


def _network(checkpoint: Checkpoint) -> ResidualGenerator:
    own = part_of(torch_named(checkpoint), _prefix(checkpoint) or "")
    critic = critic_prefix(own)
    if critic:
        own = part_of(own, "", critic)
    return load_network(ResidualGenerator(_layout(own, chainer=is_chainer(checkpoint))), own)


def _places(checkpoint: Checkpoint) -> tuple[Checkpoint | None, ...]:
    """Where the discriminator may be: in the same file, else in the file beside it."""
    return checkpoint, critic_file(checkpoint)


def _load(checkpoint: Checkpoint) -> Generator:
    network, places = _network(checkpoint), _places(checkpoint)
    return gan_with_critic(checkpoint, GENERATOR.id, network, *places, licence=LICENCE)


def _parity(checkpoint: Checkpoint, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    network = _network(checkpoint)
    return gan_parity(network, critic_in(network.layout.side, *_places(checkpoint)), arrays)


def _facts(checkpoint: Checkpoint) -> Mapping[str, str]:
    layout = _network(checkpoint).layout
    whose = "sngan_projection" if is_chainer(checkpoint) else "mimicry"
    facts = {
        "doubling of the side": f"{layout.upsampling}, as in {whose}",
        "pixels": "tanh; mimicry's DCGAN for CIFAR-10 (dcgan_cifar) has a sigmoid instead",
    }
    critic = critic_in(layout.side, *_places(checkpoint))
    if critic is not None and critic.layout.mean:
        facts["discriminator"] = "averages its last map, as WGAN-GP's; mimicry's DCGAN sums it"
    return facts


def _example(*, with_critic: bool) -> Example:
    network = ResidualGenerator(ResidualLayout(5, 2, (4, 6, 4)))
    if not with_critic:
        return Example({"model_state_dict.": network}, {})
    blocks = (CriticBlock(3, 4, 4, True, True), CriticBlock(4, 4, 6, True, True))
    critic = ResidualDiscriminator(CriticLayout(blocks, "l3", spectral=False, mean=True))
    return Example({"G.": network, "D.": critic}, {})


GENERATOR: Architecture[Generator] = Architecture(
    id="residual-gan",
    needs="`l1.weight`, `block2.c1.weight`, `block2.b1.weight`, `block2.c_sc.weight`",
    recognises=lambda checkpoint: _prefix(checkpoint) is not None,
    load=_load,
    examples=(lambda: _example(with_critic=True), lambda: _example(with_critic=False)),
    parity=_parity,
    facts=_facts,
    published=(
        Published(
            name="SN-GAN, SSGAN, InfoMax-GAN, WGAN-GP of mimicry, 32 to 128",
            files="`netG*.pth`; `netD*.pth` beside it",
            licence="MIT (the code)",
            latents="z",
            verified="official code, with discriminators (not InfoMax-GAN's)",
        ),
        Published(
            name="residual SN-GAN of chainer",
            files="`ResNet_G_*.npz`",
            licence="MIT (the code)",
            latents="z",
            verified="DGflow's code, random weights",
        ),
    ),
)
