"""FuseDream's start: the best of many candidates as the basis of an over-parametrised latent."""

from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from ..charts import BASIS, WEIGHTS, MixtureOfBasis, Start, WeightKind
from ..chunking import ONE_BY_ONE, Chunking
from ..devices import threads_of
from ..energy import Energy
from ..errors import InvalidInput
from ..generator import Generator
from ..rng import SampleRng
from ..spaces import Block, Space
from .best import Found, best_candidates
from .candidates import Draw, Report

__all__ = ["Classes", "WeightStart", "drawing", "from_basis", "over_basis"]

WeightStart: TypeAlias = Literal["equal", "random"]
Classes: TypeAlias = Literal["prior", "gaussian"]
WITHOUT_GRAPH = 8
"""Factor on the chunk size of an accelerator when nothing is differentiated."""


def over_basis(
    space: Space,
    points: Float[Tensor, "samples k dim"],
    rng: SampleRng,
    *,
    over: tuple[str, ...],
    weights: WeightKind = "scalar",
    start: WeightStart = "equal",
) -> Start:
    """Returns samples over-parametrised by a basis each: FuseDream eq. (4).

    Args:
        space: that the points live in.
        points: the basis of every sample.
        rng: the samples; random weights draw from their streams.
        over: the over-parametrised blocks; the others start at the mean of the points.
        weights: `scalar`, one number per point of the basis (the paper); `linear`, a number per
            point and coordinate; or `softmax`, logits per point and coordinate (the released
            code).
        start: `equal` for 1/k each (the paper), or `random` for logits from N(0, 1), one per
            point and coordinate (the released code).

    Raises:
        InvalidInput: random weights that are not logits, or an unknown block.

    Departures: in the paper and the code every block has a basis. The bounds of a block apply to
    the points of its basis, as in the released code, and not to their sum: with softmax weights
    the sum stays within them, with scalar and linear weights it may leave them.
    """
    if start == "random" and weights != "softmax":
        raise InvalidInput(
            "Random weights are logits, N(0, 1) per coordinate, so they need weights 'softmax'; "
            f"got {weights!r}. Take softmax, or start from equal weights."
        )
    k = points.shape[1]
    chart = MixtureOfBasis(space, k, over, weights)

    def begun(own: Tensor, stream: SampleRng) -> tuple[Tensor]:
        blocks = space.split(own.flatten(0, 1))
        basis = {name: part.unflatten(0, (-1, k)) for name, part in blocks.items()}
        kept = {name: part.mean(dim=1) for name, part in basis.items() if name not in over}
        if start == "equal":
            return (chart.start(basis, own.new_full((len(own), k), 1 / k), kept),)
        parts = dict(kept)
        for name in over:
            parts[name + BASIS] = basis[name]
            parts[name + WEIGHTS] = stream.normal(*basis[name].shape[1:], like=own)
        return (chart.source.join(parts),)

    return Start(ONE_BY_ONE.apply_random(begun, points, rng)[0], chart)


def from_basis(
    generator: Generator,
    rng: SampleRng,
    *,
    energy: Energy,
    candidates: int = 10000,
    keep: int = 5,
    weights: WeightKind = "scalar",
    weights_start: WeightStart = "equal",
    classes: Classes = "prior",
    over_classes: bool = True,
    draw: Draw | None = None,
    chunking: Chunking,
    device: torch.device,
    report: Report = lambda done: None,
) -> tuple[Start, Found]:
    """Returns samples over the best candidates of the prior: FuseDream section 3.2, Algorithm 1.

    Args:
        generator: candidates are drawn from its prior.
        rng: the samples.
        energy: on its images or latents; with random views it is the paper's AugCLIP, whereas the
            released code ranks by the plain score.
        candidates: M.
        keep: k.
        weights: `scalar` (the paper), `linear` or `softmax` (the released code); see `over_basis`.
        weights_start: `equal` (the paper) or `random` (the released code; softmax alone).
        classes: `prior`, one of the generator's classes, or `gaussian`, y ~ N(0, I): figure 12.
        over_classes: whether the class has a basis too, as in the paper and the code; otherwise a
            sample starts at the mean class of its candidates.
        draw: draws a candidate per stream, instead of from the prior; such as
            `core.starts.nearest.candidates_of`, whose candidates are pairs.
        chunking: how many samples the networks see at a time when they are differentiated. Nothing
            is differentiated here, so that an accelerator evaluates eight times as many
            candidates.
        device: where the networks are.
        report: called with the number of evaluated candidates; may raise to stop.

    Raises:
        InvalidInput: invalid numbers or options, Gaussian classes for candidates that are given,
            or no class block where one is needed.
        ConditionMismatch: the energy's condition does not fit the number of samples.
        DomainMismatch: an energy of another generator's latents.

    Returns:
        The start, and its candidates.

    Departures: the code clamps a normal z to [-2, 2]; here candidates are drawn from the
    generator's own prior, within its bounds.
    """
    space = generator.source
    over = tuple(block.name for block in space.blocks if over_classes or block.role != "class")
    if not over:
        raise InvalidInput(
            f"Generator {generator.name!r} has a class alone, {space}: no block is left for a "
            "basis. Give classes a basis too."
        )
    if draw is not None and classes != "prior":
        raise InvalidInput(
            f"Classes {classes!r} of candidates that are given: they have classes of their own. "
            "Take classes 'prior'."
        )
    draw = drawing(generator, classes, device) if draw is None else draw
    pulled = energy.pullback(generator)
    many = 1 if device.type == "cpu" else WITHOUT_GRAPH
    batches = Chunking(many * chunking.size, chunking.padded)
    with threads_of(generator, pulled, chunking, device):
        found = best_candidates(draw, pulled, candidates, keep, rng, batches, report)
    start = over_basis(space, found.points, rng, over=over, weights=weights, start=weights_start)
    return start, found


def drawing(generator: Generator, classes: Classes, device: torch.device) -> Draw:
    """Returns the sampler of candidates of a generator.

    Args:
        generator: candidates follow its prior.
        classes: `prior`, or `gaussian` for y ~ N(0, I) instead of the embedding of a class.
        device: where to put them.

    Raises:
        InvalidInput: Gaussian classes for a generator without class embeddings.
    """
    like = torch.empty(0, device=device)
    space = generator.source

    def plain(streams: SampleRng) -> Tensor:
        return space.clamp(generator.prior.sample(streams, like))

    if classes == "prior":
        return plain
    block = _class_block(generator)

    def gaussian(streams: SampleRng) -> Tensor:
        parts = space.split(plain(streams))
        return space.join(parts | {block.name: streams.normal(*block.shape, like=like)})

    return gaussian


def _class_block(generator: Generator) -> Block:
    space = generator.source
    for block in space.blocks:
        if block.role == "class" and block.low == -torch.inf:
            return block
    raise InvalidInput(
        f"Classes 'gaussian' replaces the embedding of a class, and generator {generator.name!r} "
        f"takes none: its latents are {space}. Take classes 'prior'."
    )
