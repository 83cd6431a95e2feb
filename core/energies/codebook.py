"""The distance of a grid of features from a dictionary: latents of a discrete VAE."""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from ..devices import placed
from ..energy import Energy
from ..errors import InvalidInput
from ..generator import Generator
from ..rng import SampleRng
from ..spaces import Block, Space
from ..terms import Term
from .example import EnergyExample, toy_generator

__all__ = ["EXAMPLE", "codebook", "nearest_codes"]


def codebook(generator: Generator) -> Energy:
    """The energy sum_i |z_i - e_i|^2 over the places of a grid; KRR flow, appendix.

    e_i is the code that is nearest to the feature z_i, without gradient. The paper adds it with a
    factor alpha, which it does not state: that is the weight of the term.

    Args:
        generator: generator whose latents are features of codes.

    Raises:
        InvalidInput: its latents are no grid of codes.
    """
    table, block = _codes(generator)

    def evaluate(z: Tensor, rng: SampleRng) -> Tensor:
        nearest = _nearest(z.detach(), table, block)
        return (z - nearest).square().sum(dim=1)

    label = f"codebook({generator.name})"
    return Energy.of(Term(label=label, domain=generator.source, evaluate=evaluate))


def nearest_codes(
    generator: Generator, z: Float[Tensor, "batch dim"]
) -> Float[Tensor, "batch dim"]:
    """Replaces each feature by the code nearest to it: the discrete latents that flows end at.

    Args:
        generator: generator whose latents are features of codes.
        z: its latents.

    Raises:
        InvalidInput: its latents are no grid of codes.
    """
    return _nearest(z, *_codes(generator))


def _codes(generator: Generator) -> tuple[Tensor, Block]:
    blocks = generator.source.blocks
    if generator.codes is None or len(blocks) != 1 or len(blocks[0].shape) != 3:
        raise InvalidInput(
            f"The latents of {generator.name!r}, {generator.source}, are no grid of codes. Load a "
            "discrete VAE, such as DALL-E's."
        )
    return generator.codes, blocks[0]


@torch.no_grad()
def _nearest(z: Tensor, table: Tensor, block: Block) -> Tensor:
    """The nearest codes, row by row: distances of a batch would take its size times as much."""
    features, rows, columns = block.shape
    codes = placed(table, z)
    half = codes.square().sum(dim=1) / 2
    found = [
        codes[(half - flat @ codes.mT).argmin(dim=1)]
        for flat in rearrange(
            z, "batch (features places) -> batch places features", features=features
        )
    ]
    return rearrange(
        torch.stack(found),
        "batch (row column) features -> batch (features row column)",
        row=rows,
        column=columns,
    )


def _example() -> EnergyExample:
    stream = torch.Generator().manual_seed(0)
    table = torch.randn(5, 2, generator=stream)
    toy = toy_generator()
    grid = Generator(
        name="toy",
        id="toy-codes",
        architecture="toy",
        module=toy.module,
        source=Space((Block("z", (2, 1, 3)),)),
        prior=toy.prior,
        image_size=toy.image_size,
        render=toy.render,
        codes=table,
    )
    return EnergyExample(codebook(grid), torch.randn(3, 6, generator=stream))


EXAMPLE = _example
