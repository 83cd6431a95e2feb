"""The vector-quantised autoencoder of avatars that ships with LatentSteer, and its prior."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Final

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from ..checkpoints.architecture import Architecture, Example, all_of, load_network
from ..checkpoints.record import Checkpoint
from ..generator import Generator
from ..images import resized
from ..rng import SampleRng
from ..spaces import Block, Space
from ..zoo.licences import licence_of
from ..zoo.residual import Residual
from .dalle.codes import CodePrior, grid_of

__all__ = ["GENERATOR", "CodesDecoder", "CodesEncoder", "code_numbers"]

SIDE: Final = 8
"""Places a side of the grid of codes."""
SIZE: Final = (64, 64)


def code_numbers(
    features: Float[Tensor, "batch features row column"], table: Float[Tensor, "codes features"]
) -> Int[Tensor, "batch places"]:
    """The number of the nearest code at each place, row by row of the grid."""
    flat = rearrange(features, "batch features row column -> (batch row column) features")
    found = (table.square().sum(dim=1) / 2 - flat @ table.mT).argmin(dim=1)
    return rearrange(found, "(batch places) -> batch places", batch=len(features))


class CodesDecoder(nn.Module):
    """Decoder from the features of codes at 8 x 8 places to images.

    The avatars are aligned, so the maps at 8 pixels have a learned `position` added: a code can
    mean another thing at each place. `table` has the features of each code, scaled to mean 0 and
    variance 1 over all codes; `log_shares` are the logarithms of the share of each code at each
    place among avatars, up to a constant.
    Sizes in a state dict: `codes, features = table.shape`, `widths` from `position` and `ups`.

    Args:
        codes: number of codes.
        features: features of a code.
        widths: channels at 8, 16 and 32 pixels; multiples of 4.
    """

    table: Tensor
    log_shares: Tensor

    def __init__(
        self,
        codes: int = 256,
        features: int = 32,
        widths: tuple[int, ...] = (96, 64, 32),
    ) -> None:
        super().__init__()
        self.register_buffer("table", torch.zeros(codes, features))
        self.register_buffer("log_shares", torch.zeros(SIDE**2, codes))
        self.enter = nn.Conv2d(features, widths[0], 1)
        self.position = nn.Parameter(torch.zeros(widths[0], SIDE, SIDE))
        self.blocks = nn.ModuleList(Residual(widths[0]) for _ in range(2))
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(wide, narrow, 4, stride=2, padding=1)
            for wide, narrow in pairwise(widths)
        )
        self.norms = nn.ModuleList(nn.GroupNorm(4, width) for width in widths[1:])
        self.mixes = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for width in widths[1:])
        self.image = nn.Conv2d(widths[-1], 3 * 4, 3, padding=1)

    def forward(
        self, features: Float[Tensor, "batch features 8 8"]
    ) -> Float[Tensor, "batch 3 64 64"]:
        """Images in [0, 1]."""
        x = self.enter(features) + self.position
        for block in self.blocks:
            x = block(x)
        for up, norm, mix in zip(self.ups, self.norms, self.mixes, strict=True):
            x = mix(functional.silu(norm(up(functional.silu(x)))))
        return functional.pixel_shuffle(self.image(functional.silu(x)), 2).sigmoid()


class CodesEncoder(nn.Module):
    """Encoder from images in [0, 1] to features at 8 x 8 places, before they become codes.

    Sizes in a state dict: `features = leave.weight.shape[0]`, `widths` from `downs`.

    Args:
        features: features of a code.
        widths: channels at 32, 16 and 8 pixels; the last a multiple of 4.
    """

    def __init__(self, features: int = 32, widths: tuple[int, ...] = (32, 64, 96)) -> None:
        super().__init__()
        self.downs = nn.ModuleList(
            nn.Conv2d(narrow, wide, 4, stride=2, padding=1)
            for narrow, wide in pairwise((3, *widths))
        )
        self.position = nn.Parameter(torch.zeros(widths[-1], SIDE, SIDE))
        self.block = Residual(widths[-1])
        self.leave = nn.Conv2d(widths[-1], features, 1)

    def forward(self, x: Float[Tensor, "batch 3 64 64"]) -> Float[Tensor, "batch features 8 8"]:
        """Features; the code of a place is the nearest to them."""
        h = self.downs[0](x * 2 - 1)
        for down in list(self.downs)[1:]:
            h = down(functional.silu(h))
        return self.leave(functional.silu(self.block(h + self.position)))


def _load(checkpoint: Checkpoint) -> Generator:
    tensors = checkpoint.tensors
    codes, features = tensors["decoder.table"].shape
    ups = [tensors[f"decoder.ups.{number}.weight"].shape[:2] for number in range(2)]
    downs = [tensors[f"encoder.downs.{number}.weight"].shape[0] for number in range(3)]
    widths = (*(wide for wide, _ in ups), ups[-1][1])
    decoder = load_network(CodesDecoder(codes, features, widths), checkpoint, "decoder.")
    encoder = load_network(CodesEncoder(features, tuple(downs)), checkpoint, "encoder.")

    def render(parts: Mapping[str, Tensor], rng: SampleRng) -> Tensor:
        return decoder(parts["z"])

    def encode(images: Tensor) -> Tensor:
        seen = encoder(resized(images, SIZE))
        return grid_of(code_numbers(seen, decoder.table), decoder.table, SIDE)

    table, shares = decoder.table.clone(), decoder.log_shares.softmax(dim=1)
    return Generator(
        name=checkpoint.path.stem,
        id=checkpoint.sha256,
        architecture=GENERATOR.id,
        module=decoder,
        source=Space((Block("z", (features, SIDE, SIDE)),)),
        prior=CodePrior(table, SIDE, shares),
        image_size=SIZE,
        render=render,
        encoder=encoder,
        encode=encode,
        licence=licence_of(checkpoint),
        codes=table,
    )


def _example(
    codes: int, features: int, decoder: tuple[int, ...], encoder: tuple[int, ...]
) -> Example:
    networks = {
        "decoder.": CodesDecoder(codes, features, decoder),
        "encoder.": CodesEncoder(features, encoder),
    }
    return Example(networks, {"architecture": "avatars-codes"})


GENERATOR: Architecture[Generator] = Architecture(
    id="avatars-codes",
    needs="`decoder.table`, `decoder.log_shares` and `encoder.leave.weight`",
    recognises=all_of("decoder.table", "decoder.log_shares", "encoder.leave.weight"),
    load=_load,
    examples=(
        lambda: _example(6, 3, (8, 4, 4), (4, 4, 8)),
        lambda: _example(5, 4, (4, 8, 4), (4, 8, 4)),
    ),
)
