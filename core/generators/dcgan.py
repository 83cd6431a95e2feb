"""DCGAN generators of PyTorch's tutorial and its derivatives, such as Hugging Face's huggan.

The layers are under `main.` (tutorial), `model.` (huggan) or any other prefix, often below
`module.` or `netG_state_dict.`; other contents, such as a discriminator, are ignored. What shapes
do not determine is as in the tutorial: ReLU, tanh, strides and a normal prior.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from ..checkpoints.architecture import Architecture, Example, load_network
from ..checkpoints.published import Published
from ..checkpoints.record import Checkpoint
from ..errors import CheckpointError
from ..generator import Gaussian, Generator
from ..images import three_channels
from ..rng import SampleRng
from ..spaces import Block, Space

__all__ = ["GENERATOR", "DcganGenerator"]


class DcganGenerator(nn.Sequential):
    """4 x 4 transposed convolutions, all but the last followed by batch normalisation and ReLU.

    The first maps a latent to 4 x 4 pixels and each further one doubles the side. Use it in eval()
    mode: the normalisation is then a fixed affine map. In a state dict, layer 3 n is the n-th
    convolution, (in, out, 4, 4).

    Args:
        widths: length of z, then the channels after each convolution, ending with the image's.
        bias: whether the convolutions have a bias.
    """

    def __init__(self, widths: Sequence[int], *, bias: bool = False) -> None:
        layers: list[nn.Module] = []
        for number, (before, after) in enumerate(pairwise(widths)):
            stride, padding = (1, 0) if number == 0 else (2, 1)
            layers.append(nn.ConvTranspose2d(before, after, 4, stride, padding, bias=bias))
            if number < len(widths) - 2:
                layers += [nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        super().__init__(*layers, nn.Tanh())

    def forward(self, input: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch c size size"]:
        """Images in [-1, 1]."""
        return super().forward(input[:, :, None, None])


def _prefix(checkpoint: Checkpoint) -> str | None:
    """Prefix of the layer numbers, or None where the file holds no DCGAN generator."""
    tensors = checkpoint.tensors
    for key in tensors:
        prefix = key.removesuffix("0.weight")
        if prefix + "0.weight" != key or (prefix and not prefix.endswith(".")):
            continue
        # Unlike in a generator, no normalisation follows a discriminator's first convolution.
        needed = (prefix + "1.running_mean", prefix + "3.weight")
        if all(name in tensors for name in needed) and tensors[key].shape[2:] == (4, 4):
            return prefix
    return None


def _widths(checkpoint: Checkpoint, prefix: str) -> list[int]:
    widths: list[int] = []
    while (weight := checkpoint.tensors.get(f"{prefix}{3 * len(widths)}.weight")) is not None:
        _, after, _, _ = weight.shape
        widths.append(after)
    return [checkpoint.tensors[prefix + "0.weight"].shape[0], *widths]


def _load(checkpoint: Checkpoint) -> Generator:
    prefix = _prefix(checkpoint) or ""
    widths = _widths(checkpoint, prefix)
    latent_dim, channels = widths[0], widths[-1]
    declared = checkpoint.config.get("latent_dim", latent_dim)
    if declared != latent_dim:
        raise CheckpointError(
            f"{checkpoint.path.name} declares latents of {declared} numbers, but its first layer "
            f"takes {latent_dim}. Convert it again."
        )
    if channels not in (1, 3):
        raise CheckpointError(
            f"{checkpoint.path.name} is a DCGAN of images with {channels} channels; 1 or 3 are "
            "supported."
        )
    bias = any(f"{prefix}{3 * n}.bias" in checkpoint.tensors for n in range(len(widths) - 1))
    network = load_network(DcganGenerator(widths, bias=bias), checkpoint, prefix)
    size = 4 * 2 ** (len(widths) - 2)

    def render(parts: Mapping[str, Tensor], rng: SampleRng) -> Tensor:
        images = network(parts["z"]) * 0.5 + 0.5
        return images if channels == 3 else three_channels(images)

    return Generator(
        name=checkpoint.path.stem,
        id=checkpoint.sha256,
        architecture=GENERATOR.id,
        module=network,
        source=Space((Block("z", (latent_dim,)),)),
        prior=Gaussian(latent_dim),
        image_size=(size, size),
        render=render,
        licence=str(checkpoint.config.get("licence", "unknown")),
    )


def _example(prefix: str, *widths: int, bias: bool = False) -> Example:
    network = DcganGenerator(widths, bias=bias)
    return Example({prefix: network}, {"latent_dim": widths[0]})


GENERATOR: Architecture[Generator] = Architecture(
    id="dcgan-generator",
    needs="`main.0.weight` (latent, width, 4, 4), `main.1.running_mean`, `main.3.weight`",
    recognises=lambda checkpoint: _prefix(checkpoint) is not None,
    load=_load,
    examples=(
        lambda: _example("main.", 5, 8, 6, 4, 3),
        lambda: _example("model.", 6, 8, 4, 1),
        lambda: _example("netG_state_dict.module.main.", 4, 8, 3, bias=True),
    ),
    published=(
        Published(
            name="DCGAN",
            files="PyTorch's tutorial, huggan",
            licence="its trainer's",
            latents="z",
            verified="torch's own layers",
        ),
    ),
)
