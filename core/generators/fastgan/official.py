"""FastGAN of autonomousvision/projected-gan: a pickle with G, D and G_ema.

Sizes follow from the tensors; the images' size from the pickle's attributes, or from the width of
the last layer. The projected discriminator, which needs networks of other packages, is left out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor

from ...checkpoints.architecture import Architecture, Example, load_network
from ...checkpoints.prefixes import averaged_prefix, choice_fact
from ...checkpoints.published import Published
from ...checkpoints.reading import part_of, prefixes_of, shape_of
from ...checkpoints.record import Checkpoint
from ...devices import placed
from ...errors import CheckpointError
from ...generator import Gaussian, Generator, Prior
from ...identity import ModelId
from ...images import three_channels
from ...rng import SampleRng, stream_of
from ...spaces import Block, Space
from ..options import NOISES, chosen_text
from ..stylegan.building import attributes_of
from ..stylegan.latents import ClassPrior
from .networks import FastGan, FastGanLayout
from .options import FASTGAN_OPTIONS

__all__ = ["GENERATOR"]

KEYS: Final = ("synthesis.init.init.0.weight_orig", "synthesis.to_big.weight_orig")
SMALLEST, FIRST = 128, 4
LICENCE: Final = "its trainer's; parts of the code are NVIDIA's, non-commercial"


def _prefixes(checkpoint: Checkpoint) -> list[str]:
    return prefixes_of(checkpoint, *KEYS)


def _prefix(checkpoint: Checkpoint) -> str | None:
    return averaged_prefix(_prefixes(checkpoint))


def _own(checkpoint: Checkpoint, prefix: str) -> Checkpoint:
    """The generator's tensors without the normalised weights that pickles have beside others."""
    part = part_of(checkpoint, prefix)
    tensors = {
        name: tensor
        for name, tensor in part.tensors.items()
        if not (name.endswith(".weight") and f"{name}_orig" in part.tensors)
    }
    return replace(part, tensors=tensors)


def _layout(checkpoint: Checkpoint, prefix: str) -> FastGanLayout:
    own = part_of(checkpoint, prefix)
    z_dim, first, _, _ = shape_of(own, KEYS[0], 4)
    classes = 0
    if "synthesis.embed.weight" in own.tensors:
        classes = shape_of(own, "synthesis.embed.weight", 2)[0]
    widths = {FIRST: first // 2}
    lite = True
    side = 2 * FIRST
    while any(name.startswith(f"synthesis.feat_{side}.") for name in own.tensors):
        names = ("1", "5", "conv", "conv1", "conv2")
        there = [n for n in names if f"synthesis.feat_{side}.{n}.weight_orig" in own.tensors]
        if not there:
            raise CheckpointError(
                f"{checkpoint.path.name}: `synthesis.feat_{side}` has no convolution."
            )
        widths[side] = shape_of(own, f"synthesis.feat_{side}.{there[0]}.weight_orig", 4)[0] // 2
        lite = lite and len(there) == 1
        side *= 2
    colours, last, _, _ = shape_of(own, KEYS[1], 4)
    attributes = attributes_of(checkpoint, prefix).get("", {})
    declared = attributes.get("c_dim", classes)
    if classes and declared != classes:
        raise CheckpointError(
            f"{checkpoint.path.name} declares {declared} classes, but embeds {classes}. Fetch it "
            "again."
        )
    stated = attributes.get("img_resolution")
    sizes = [s for s, width in widths.items() if s >= SMALLEST and width == last]
    size = stated if stated in sizes else max(sizes, default=0)
    if not size or (stated is not None and stated != size):
        raise CheckpointError(
            f"{checkpoint.path.name}: no maps of {stated or 'at least 128'} pixels have the "
            f"{last} channels of `{KEYS[1]}`. There are {widths} (side: channels)."
        )
    return FastGanLayout(z_dim, widths, size, colours, classes, lite)


def _network(checkpoint: Checkpoint) -> FastGan:
    prefix = _prefix(checkpoint) or ""
    network = FastGan(_layout(checkpoint, prefix))
    return load_network(network, _own(checkpoint, prefix))


def _noises(kind: str, sides: Sequence[int]) -> Callable[[Tensor, SampleRng], list[Tensor]]:
    """The noise of a call: the same at every image, or drawn from the samples' streams."""
    if kind == "random":
        return lambda z, rng: [rng.normal(1, side, side, like=z) for side in sides]
    if kind == "none":
        return lambda z, rng: []
    stream = stream_of(0, "FastGAN's constant noise")
    kept = [torch.randn(1, 1, side, side, generator=stream) for side in sides]
    return lambda z, rng: [placed(noise, z) for noise in kept]


def _load(checkpoint: Checkpoint) -> Generator:
    kind = chosen_text(checkpoint, "noise", NOISES)
    network = _network(checkpoint)
    layout = network.layout
    if layout.colours not in (1, 3):
        raise CheckpointError(
            f"{checkpoint.path.name} makes images with {layout.colours} channels; 1 or 3 are "
            "supported."
        )
    noises = _noises(kind, layout.noises)
    blocks = [Block("z", (layout.z_dim,))]
    prior: Prior = Gaussian(layout.z_dim)
    if layout.classes:
        blocks.append(Block("c", (layout.classes,), 0.0, 1.0, shares=True, role="class"))
        prior = ClassPrior(layout.z_dim, layout.classes)

    def render(parts: Mapping[str, Tensor], rng: SampleRng) -> Tensor:
        z = parts["z"]
        images = network(z, parts.get("c"), noises(z, rng))
        images = (images * 0.5 + 0.5).clamp(0, 1)
        return images if layout.colours == 3 else three_channels(images)

    return Generator(
        name=checkpoint.path.stem,
        id=ModelId(checkpoint.sha256, {"noise": kind if layout.noises else "none"}),
        architecture=GENERATOR.id,
        module=network,
        source=Space(tuple(blocks)),
        prior=prior,
        image_size=(layout.size, layout.size),
        render=render,
        licence=str(checkpoint.config.get("licence", LICENCE)),
    )


def _parity(checkpoint: Checkpoint, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Images `img` without noise, and `img_seedN` with the noise of PyTorch's seed N."""
    network = _network(checkpoint)
    layout = network.layout
    if "z" not in arrays or (layout.classes and "c" not in arrays):
        return {}
    z, c = arrays["z"], arrays["c"] if layout.classes else None
    found: dict[str, Tensor] = {}
    for name in arrays:
        seed = name.removeprefix("img_seed")
        if name == "img":
            found[name] = network(z, c)
        elif seed != name and seed.isdecimal():
            stream = torch.Generator().manual_seed(int(seed))
            drawn = [torch.randn(len(z), 1, s, s, generator=stream) for s in layout.noises]
            found[name] = network(z, c, drawn)
    return found


def _facts(checkpoint: Checkpoint) -> Mapping[str, str]:
    return {
        **choice_fact(_prefixes(checkpoint)),
        "noise": "drawn once and kept unless chosen otherwise (the authors draw new noise)",
        "discriminator": "not read: it is of networks of other packages",
    }


def _example(
    widths: Sequence[int], *, colours: int = 3, classes: int = 0, lite: bool = False
) -> Example:
    sides = {FIRST * 2**number: width for number, width in enumerate(widths)}
    layout = FastGanLayout(5, sides, SMALLEST, colours, classes, lite)
    attributes = {"c_dim": classes, "img_resolution": SMALLEST}
    return Example({"G_ema.": FastGan(layout)}, {"modules": {"G_ema": {"attributes": attributes}}})


GENERATOR: Architecture[Generator] = Architecture(
    id="fastgan-generator",
    needs="`G_ema.synthesis.init.init.0.weight_orig` and `G_ema.synthesis.to_big.weight_orig`",
    recognises=lambda checkpoint: _prefix(checkpoint) is not None,
    load=_load,
    examples=(
        lambda: _example((4, 4, 3, 2, 2, 1)),
        lambda: _example((4, 3, 2, 2, 2, 2, 1), classes=3),
        lambda: _example((3, 3, 2, 2, 2, 1), lite=True, colours=1),
    ),
    options=FASTGAN_OPTIONS,
    parity=_parity,
    facts=_facts,
    published=(
        Published(
            name="FastGAN of projected GANs",
            files="`*.pkl`",
            licence="its trainer's; parts of the code are NVIDIA's, non-commercial",
            latents="z (and c)",
            verified="official code, without discriminator",
        ),
    ),
)
