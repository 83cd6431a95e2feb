"""Official NVAE checkpoints: `checkpoint.pt` of NVlabs/NVAE.

A file holds the state dict of the whole autoencoder and the settings of its training (`args`). The
decoder is read; its sizes follow from names and shapes.

The latent is the first group z_0 (TR0N, appendix B.1): the groups 1 to l* take their means, the
others are drawn for every image. Or it is the noise of all groups, of which images are a function.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ...checkpoints.architecture import Architecture, Example, load_network
from ...checkpoints.published import Published
from ...checkpoints.record import Checkpoint
from ...errors import InvalidInput
from ...generator import Gaussian, Generator
from ...identity import ModelId, OptionValue
from ...rng import SampleRng
from ...spaces import Block, Space
from ..d2c.layouts import CellLayout, InvertedBranch
from ..options import PIXELS, chosen_text
from .layouts import NORMAL_OUTPUTS, NvaeLayout
from .network import LEAST_DEVIATION, NvaeDecoder
from .options import NVAE_LATENTS, NVAE_OPTIONS
from .reading import decoder_layout, decoder_part, decoder_prefix

__all__ = ["GENERATOR", "READJUSTED", "nvae_network"]

LICENCE = "NVIDIA Source Code License for NVAE (non-commercial)"
PAPER_MEANS = 7
"""TR0N's l* for models of several scales."""
READJUSTED = "readjusted"
"""Key of a converted file's configuration: how its batch normalisation was readjusted."""


def nvae_network(checkpoint: Checkpoint) -> NvaeDecoder:
    """Loads the decoder of a file.

    Raises:
        CheckpointError: its tensors do not fit, or it is a kind that is not supported.
    """
    own = decoder_part(checkpoint)
    return load_network(NvaeDecoder(decoder_layout(own)), own)


def _temperature(checkpoint: Checkpoint) -> float:
    value = checkpoint.options.get("psi", 1.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise InvalidInput(f"psi is {value!r}; NVAE's temperature lies above 0 and is at most 1.")
    return float(value)


def _mean_groups(checkpoint: Checkpoint, layout: NvaeLayout) -> int:
    value = checkpoint.options.get("mean_groups", -1)
    if isinstance(value, bool) or not isinstance(value, int) or value < -1:
        raise InvalidInput(f"mean_groups is {value!r}; a whole number from -1 on was expected.")
    most = len(layout.groups) - 1
    chosen = (PAPER_MEANS if layout.scales > 1 else 0) if value == -1 else value
    return min(chosen, most)


def _load(checkpoint: Checkpoint) -> Generator:
    latent = chosen_text(checkpoint, "latent", NVAE_LATENTS)
    pixels = chosen_text(checkpoint, "pixels", PIXELS)
    temperature = _temperature(checkpoint)
    network = nvae_network(checkpoint)
    layout = network.layout
    means = _mean_groups(checkpoint, layout)
    first, *others = layout.groups
    # NVAE adds to every deviation, also to the 1 of z_0.
    deviation = temperature * (1 + LEAST_DEVIATION)

    def shown(z: Tensor, noise: list[Tensor | None], rng: SampleRng) -> Tensor:
        numbers = network(z, noise, temperature)
        return network.images(numbers, None if pixels == "mean" else rng)

    def render_first(parts: Mapping[str, Tensor], rng: SampleRng) -> Tensor:
        z = parts["z"]
        drawn = [rng.normal(*shape, like=z) for shape in others[means:]]
        return shown(z, [*[None] * means, *drawn], rng)

    def render_all(parts: Mapping[str, Tensor], rng: SampleRng) -> Tensor:
        z, *noise = (parts[f"e{number}"] for number in range(len(layout.groups)))
        return shown(z * deviation, list(noise), rng)

    options: dict[str, OptionValue] = {"latent": latent, "psi": temperature, "pixels": pixels}
    if latent == "z":
        options["mean_groups"] = means
        source = Space((Block("z", first),))
    else:
        blocks = (Block(f"e{number}", shape) for number, shape in enumerate(layout.groups))
        source = Space(tuple(blocks))
    return Generator(
        name=checkpoint.path.stem,
        id=ModelId(checkpoint.sha256, options),
        architecture=GENERATOR.id,
        module=network,
        source=source,
        prior=Gaussian(source.dim, deviation if latent == "z" else 1.0),
        image_size=(layout.side, layout.side),
        render=render_first if latent == "z" else render_all,
        licence=str(checkpoint.config.get("licence", LICENCE)),
    )


def _parity(checkpoint: Checkpoint, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Values of the arrays.

    `eps0`, `eps1` ... are the noise of the groups and `t` the temperature. `z0` is the first
    group, `logits` the numbers of the pixels' law, `logits_ell1` the same where group 1 takes its
    mean, and `mean_img` the mean images of `logits`.
    """
    network = nvae_network(checkpoint)
    noise = [arrays.get(f"eps{number}") for number in range(len(network.layout.groups))]
    first = noise[0]
    if first is None or "t" not in arrays:
        return {}
    temperature = float(arrays["t"])
    z = first * (temperature * (1 + LEAST_DEVIATION))
    found: dict[str, Tensor] = {}
    if "z0" in arrays:
        found["z0"] = z
    numbers = network(z, noise[1:], temperature)
    if "logits" in arrays:
        found["logits"] = numbers
    if "logits_ell1" in arrays:
        found["logits_ell1"] = network(z, [None, *noise[2:]], temperature)
    if "mean_img" in arrays:
        found["mean_img"] = network.images(numbers)
    return found


def _facts(checkpoint: Checkpoint) -> Mapping[str, str]:
    layout = decoder_layout(decoder_part(checkpoint))
    means, count = _mean_groups(checkpoint, layout), len(layout.groups) - 1
    law = f"{layout.mixtures} logistics" if layout.mixtures else "a normal law"
    facts = {
        "groups of latents": f"{count} after the first, of which the first {means} take means",
        "pixels": f"the mean of {law} per pixel",
        "batch normalisation": _statistics(checkpoint),
    }
    settings: Any = checkpoint.config.get("values", {})
    settings = settings.get("args") if isinstance(settings, Mapping) else None
    bits = settings.get("num_x_bits") if isinstance(settings, Mapping) else None
    if isinstance(bits, int):
        facts["bits"] = f"trained on {bits} bits per colour; images are not rounded to them"
    return facts


def _statistics(checkpoint: Checkpoint) -> str:
    made: Any = checkpoint.config.get(READJUSTED)
    if not isinstance(made, Mapping):
        return (
            "statistics of training; for a temperature below 1 readjust them: `latentsteer "
            "convert --readjust 0.7 IN OUT`"
        )
    return (
        f"statistics of {made.get('passes')} passes of {made.get('batch')} samples at temperature "
        f"{made.get('temperature')}"
    )


def _example(*, normal: bool) -> Example:
    def cell(inputs: int, outputs: int, *, doubles: bool = False) -> CellLayout:
        branches = (InvertedBranch(2 * inputs, kernel=3),)
        return CellLayout(inputs, outputs, "up" if doubles else "none", branches, squeezed=2)

    tower = (None, cell(8, 8), None, cell(8, 4, doubles=True), None)
    post = (cell(4, 2, doubles=True),) if normal else ()
    outputs = NORMAL_OUTPUTS if normal else 20
    return Example({"state_dict.": NvaeDecoder(NvaeLayout(2, 8, 2, tower, post, outputs))}, {})


GENERATOR: Architecture[Generator] = Architecture(
    id="nvae",
    needs="`prior_ftr0`, `dec_tower.0.conv.weight`, `image_conditional.1.weight`",
    recognises=lambda checkpoint: decoder_prefix(checkpoint) is not None,
    load=_load,
    examples=(lambda: _example(normal=False), lambda: _example(normal=True)),
    options=NVAE_OPTIONS,
    parity=_parity,
    facts=_facts,
    published=(
        Published(
            name="NVAE for CIFAR-10, CelebA, CelebA-HQ, FFHQ",
            files="`checkpoint.pt`",
            licence="NVIDIA, non-commercial",
            latents="z, the first group, or z+, the noise of all groups",
            verified="official code",
        ),
    ),
)
