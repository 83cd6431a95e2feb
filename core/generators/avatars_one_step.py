"""The one-step generator of avatars that ships with LatentSteer: noise grid to image."""

from collections.abc import Mapping

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ..checkpoints.architecture import Architecture, Example, all_of, load_network
from ..checkpoints.quantised import from_int8
from ..checkpoints.record import Checkpoint
from ..generator import Gaussian, Generator
from ..rng import SampleRng
from ..spaces import Block, Space
from ..zoo.licences import licence_of
from .avatars import AvatarDecoder

__all__ = ["GENERATOR", "OneStepAvatars"]

SIDE, SIZE = 4, (64, 64)
"""Height and width of the grid; size of the image."""


class _Block(nn.Module):
    """Two layers around a skip, after a normalisation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.first = nn.Linear(width, width)
        self.second = nn.Linear(width, width)

    def forward(self, h: Tensor) -> Tensor:
        return h + self.second(functional.silu(self.first(self.norm(h))))


class OneStepAvatars(nn.Module):
    """A denoiser that takes noise to clean latents in one call, and their decoder.

    It is built as the one-step diffusion models of hosts are: G(z) = decode(denoise(z)), with z a
    grid of standard normal noise, a sixteenth of the image's side. The denoiser was distilled
    from a diffusion prior of many steps. Sizes in a state dict: `channels =
    inwards.weight.shape[1] // 16`, `width = inwards.weight.shape[0]`, `depth` the number of
    `blocks.N`, `widths = decoder.mixes.N.norm.weight.shape[0]`.

    Args:
        channels: of the grid; there are 16 times as many latents.
        width: width of the denoiser's skip path.
        depth: number of its blocks.
        widths: of the decoder, see `AvatarDecoder`.
    """

    def __init__(
        self,
        channels: int = 4,
        width: int = 512,
        depth: int = 4,
        widths: tuple[int, ...] = (224, 176, 112, 80, 32),
    ) -> None:
        super().__init__()
        dim = channels * SIDE * SIDE
        self.inwards = nn.Linear(dim, width)
        self.blocks = nn.ModuleList(_Block(width) for _ in range(depth))
        self.last = nn.LayerNorm(width, elementwise_affine=False)
        self.outwards = nn.Linear(width, dim)
        self.decoder = AvatarDecoder(dim, widths)

    def denoise(self, noise: Float[Tensor, "batch channels 4 4"]) -> Float[Tensor, "batch latent"]:
        """Clean latents in the coordinates of `decoder.forward`."""
        flat = rearrange(noise, "batch channels height width -> batch (channels height width)")
        h = self.inwards(flat)
        for block in self.blocks:
            h = block(h)
        return self.outwards(functional.silu(self.last(h)))

    def forward(
        self, noise: Float[Tensor, "batch channels 4 4"]
    ) -> Float[Tensor, "batch 3 64 64"]:
        """Images in [0, 1]."""
        return self.decoder(self.denoise(noise))


def _load(checkpoint: Checkpoint) -> Generator:
    held = from_int8(checkpoint)
    tensors = held.tensors
    width, dim = tensors["inwards.weight"].shape
    channels = dim // SIDE**2
    depth = sum(name.startswith("blocks.") and name.endswith("first.bias") for name in tensors)
    widths = tuple(tensors[f"decoder.mixes.{i}.norm.weight"].shape[0] for i in range(5))
    network = load_network(OneStepAvatars(channels, width, depth, widths), held)

    def render(parts: Mapping[str, Tensor], rng: SampleRng) -> Tensor:
        return network(parts["noise"])

    return Generator(
        name=checkpoint.path.stem,
        id=checkpoint.sha256,
        architecture=GENERATOR.id,
        module=network,
        source=Space((Block("noise", (channels, SIDE, SIDE)),)),
        prior=Gaussian(dim),
        image_size=SIZE,
        render=render,
        licence=licence_of(checkpoint),
    )


def _example(channels: int, width: int, depth: int, widths: tuple[int, ...]) -> Example:
    network = OneStepAvatars(channels, width, depth, widths)
    return Example({"": network}, {"architecture": "avatars-one-step"})


GENERATOR: Architecture[Generator] = Architecture(
    id="avatars-one-step",
    needs="`inwards.weight` and `decoder.project.weight`",
    recognises=all_of("inwards.weight", "decoder.project.weight"),
    load=_load,
    examples=(
        lambda: _example(1, 8, 1, (8, 8, 4, 4, 4)),
        lambda: _example(2, 4, 2, (4, 8, 8, 4, 4)),
    ),
)
