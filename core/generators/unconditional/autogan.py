"""AutoGAN generators of VITA-Group/AutoGAN, variants a, b and c, with their discriminators.

Files hold a whole checkpoint (`gen_state_dict`, `avg_gen_state_dict`, `dis_state_dict`) or the
averaged generator alone. How the cells double the side is in no file; it follows from the variant:
b, whose third cell adds its input, repeats pixels throughout; a and c interpolate in the second
cell. Variant c has batch normalisation in the first cell.
"""

from collections.abc import Mapping

from torch import Tensor

from ...checkpoints.architecture import Architecture, Example, load_network
from ...checkpoints.prefixes import averaged_prefix, choice_fact
from ...checkpoints.published import Published
from ...checkpoints.reading import part_of, prefixes_of, shape_of
from ...checkpoints.record import Checkpoint
from ...generator import Generator
from .critics import critic_in, gan_with_critic
from .networks.autogan import AutoGanGenerator, AutoGanLayout
from .networks.critics import CriticBlock, CriticLayout, ResidualDiscriminator
from .networks.residual import Upsampling
from .reading import first_side, gan_parity

__all__ = ["GENERATOR"]

LICENCE = "MIT (the code)"
CELLS = (1, 2, 3)


def _prefixes(checkpoint: Checkpoint) -> list[str]:
    keys = ("l1.weight", "cell1.c1.weight", "cell3.skip_in_ops.1.weight", "to_rgb.2.weight")
    return prefixes_of(checkpoint, *keys)


def _layout(own: Checkpoint) -> AutoGanLayout:
    tensors = own.tensors
    width = shape_of(own, "cell1.c1.weight", 4)[1]
    made, latent = shape_of(own, "l1.weight", 2)
    shortcuts = tuple(f"cell{n}.c_sc.weight" in tensors for n in CELLS)
    second: Upsampling = "nearest" if shortcuts[2] else "bilinear"
    return AutoGanLayout(
        latent,
        width,
        first_side(own, made, width),
        ("nearest", second, "nearest"),
        shortcuts,
        tuple(f"cell{n}.n1.weight" in tensors for n in CELLS),
    )


def _network(checkpoint: Checkpoint) -> AutoGanGenerator:
    own = part_of(checkpoint, averaged_prefix(_prefixes(checkpoint)) or "")
    return load_network(AutoGanGenerator(_layout(own)), own)


def _load(checkpoint: Checkpoint) -> Generator:
    network = _network(checkpoint)
    return gan_with_critic(checkpoint, GENERATOR.id, network, checkpoint, licence=LICENCE)


def _parity(checkpoint: Checkpoint, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    network = _network(checkpoint)
    return gan_parity(network, critic_in(network.layout.side, checkpoint), arrays)


def _facts(checkpoint: Checkpoint) -> Mapping[str, str]:
    found = _prefixes(checkpoint)
    layout = _layout(part_of(checkpoint, averaged_prefix(found) or ""))
    variant = "c" if any(layout.norms) else "b" if layout.shortcuts[2] else "a"
    how = ", ".join(layout.upsampling)
    return {"doubling of the side": f"{how} (variant {variant})", **choice_fact(found)}


def _example(
    shortcuts: tuple[bool, ...], norms: tuple[bool, ...], *, with_critic: bool = False
) -> Example:
    second: Upsampling = "nearest" if shortcuts[2] else "bilinear"
    layout = AutoGanLayout(5, 4, 1, ("nearest", second, "nearest"), shortcuts, norms)
    if not with_critic:
        return Example({"module.": AutoGanGenerator(layout)}, {})
    blocks = (CriticBlock(3, 4, 4, True, True), CriticBlock(4, 4, 4, False, False))
    critic = ResidualDiscriminator(CriticLayout(blocks, "l5", bias=False, rectified=False))
    networks = {"avg_gen_state_dict.": AutoGanGenerator(layout), "dis_state_dict.": critic}
    return Example(networks, {})


GENERATOR: Architecture[Generator] = Architecture(
    id="autogan",
    needs="`l1.weight`, `cell1.c1.weight`, `cell3.skip_in_ops.1.weight`, `to_rgb.2.weight`",
    recognises=lambda checkpoint: bool(_prefixes(checkpoint)),
    load=_load,
    examples=(
        lambda: _example((True, True, False), (False, False, False), with_critic=True),
        lambda: _example((True, True, True), (True, False, False)),
    ),
    parity=_parity,
    facts=_facts,
    published=(
        Published(
            name="AutoGAN a, b, c, for CIFAR-10 and STL-10",
            files="whole checkpoints, or the averaged generator alone (`*.pth`)",
            licence="MIT (the code)",
            latents="z",
            verified="official code, with discriminators",
        ),
    ),
)
