"""FuseDream's start: the best of many candidates, as the basis that a latent is written over."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..charts import BASIS, WEIGHTS, MixtureOfBasis, Start, WeightKind
from ..chunking import ONE_BY_ONE, Chunking
from ..devices import threads_of
from ..energy import Energy
from ..errors import InvalidInput
from ..generator import Generator
from ..rng import SampleRng, stream_of
from ..snapshot import lowest
from ..spaces import CLASS_BLOCKS, Block, Space
from .candidates import Draw, Report

__all__ = [
    "Classes",
    "Found",
    "WeightStart",
    "best_candidates",
    "drawing",
    "from_basis",
    "over_basis",
]

WeightStart: TypeAlias = Literal["equal", "random"]
Classes: TypeAlias = Literal["prior", "gaussian"]
WITHOUT_GRAPH = 8
"""Times as many images as an accelerator bears when nothing is differentiated."""


@dataclass(frozen=True)
class Found:
    """The best candidates of every sample, the lowest energy first.

    Attributes:
        points: the candidates.
        energies: that they were chosen by; those that are not finite come last.
        numbers: which of the candidates drawn they are, from 0.
    """

    points: Float[Tensor, "samples k dim"]
    energies: Float[Tensor, "samples k"]
    numbers: Int[Tensor, "samples k"]

    def summary(self) -> str:
        """A line per sample: the energies of its basis and which candidates they are."""
        rows = zip(self.energies.tolist(), self.numbers.tolist(), strict=True)
        return "\n".join(
            f"sample {sample}: "
            + ", ".join(f"{e:.4g} (candidate {n})" for e, n in zip(*row, strict=True))
            for sample, row in enumerate(rows)
        )


@torch.no_grad()
def best_candidates(
    draw: Draw,
    energy: Energy,
    candidates: int,
    keep: int,
    rng: SampleRng,
    chunking: Chunking,
    report: Report = lambda done: None,
) -> Found:
    """The k candidates of lowest energy for every sample: FuseDream Algorithm 1, line 2.

    Candidates of one sample are judged together, a chunk at a time, and only the best so far are
    kept: memory does not grow with their number and nothing is computed twice. Of equal
    candidates the earlier one goes first.

    Every candidate draws itself, and whatever a random energy needs to judge it, from a stream of
    its own that follows from its sample's and its number: a sample's m-th candidate and its energy
    depend neither on how many there are, nor on how many are kept, nor on the other samples. The
    samples' own streams are left as they are.

    Args:
        draw: one candidate per stream.
        energy: on the latents drawn.
        candidates: M, at least 1; the paper takes 10000.
        keep: k, from 1 to M; the paper takes 5 and 10.
        rng: the samples.
        chunking: how many candidates the networks see at a time.
        report: called after every chunk with the candidates judged, of all samples; may raise.

    Raises:
        InvalidInput: no sample, M below 1, k outside 1 to M, or an energy whose samples depend on
            each other.
        ConditionMismatch: the energy's condition does not fit the number of samples.
        DomainMismatch: an energy that does not live on the latents drawn.
    """
    _check(len(rng), candidates, keep)
    if energy.coupled:
        raise InvalidInput(
            f"The energy {energy} judges samples by each other, and candidates are judged one by "
            "one. Choose them by an energy such as Energy CLIP or Energy Classifier."
        )
    energy.check_batch(len(rng))

    def best_of(sample: int) -> tuple[Tensor, ...]:
        def judged(first: int, last: int) -> tuple[Tensor, ...]:
            streams = _streams(rng, sample, range(first, last))
            drawn = draw(streams)
            (values,) = chunking.apply_random(lambda v, part: (energy(v, part),), drawn, streams)
            report(sample * candidates + last)
            return drawn, values, torch.arange(first, last, device=values.device)

        best: tuple[Tensor, ...] = ()
        for first, last in chunking.spans(candidates):
            found = judged(first, last)
            if best:
                found = tuple(torch.cat(pair) for pair in zip(best, found, strict=True))
            kept = lowest(found[1], keep)
            best = tuple(part[kept] for part in found)
        return best

    points, energies, numbers = zip(*map(best_of, range(len(rng))), strict=True)
    return Found(torch.stack(points), torch.stack(energies), torch.stack(numbers))


def over_basis(
    space: Space,
    points: Float[Tensor, "samples k dim"],
    rng: SampleRng,
    *,
    over: tuple[str, ...],
    weights: WeightKind = "scalar",
    start: WeightStart = "equal",
) -> Start:
    """Samples written over a basis each: FuseDream eq. (4).

    Args:
        space: that the points live in.
        points: the basis of every sample.
        rng: the samples; random weights draw from their streams.
        over: the blocks that are over-parametrised; of the others a sample gets the points' mean.
        weights: `scalar`, one number per point of the basis (the paper); `linear`, a number per
            point and coordinate; or `softmax`, logits per point and coordinate (the released
            code).
        start: `equal` for 1/k each (the paper), or `random` for logits from N(0, 1), one per
            point and coordinate (the released code).

    Raises:
        InvalidInput: random weights that are no logits, or a block that is not there.

    Departures: both the paper and the code leave no block without a basis. The bounds of a block
    hold for the points of its basis, as in the released code, and not for what they add up to:
    with softmax weights a sum cannot leave them, with scalar and linear ones it can.
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
    chunking: Chunking,
    device: torch.device,
    report: Report = lambda done: None,
) -> tuple[Start, Found]:
    """Samples over the best candidates of the prior: FuseDream section 3.2, Algorithm 1.

    Args:
        generator: candidates are drawn from its prior.
        rng: the samples.
        energy: on its images or latents; with random views it is the paper's AugCLIP, without
            the plain score that the released code chooses by.
        candidates: M.
        keep: k.
        weights: `scalar` (the paper), `linear` or `softmax` (the released code); see `over_basis`.
        weights_start: `equal` (the paper) or `random` (the released code; softmax alone).
        classes: `prior`, one of the generator's classes, or `gaussian`, y ~ N(0, I): figure 12.
        over_classes: whether the class has a basis too, as in the paper and the code; else a
            sample starts from the mean of its candidates' classes.
        chunking: how many samples the networks see at a time when they are differentiated. Here
            they are not: an accelerator sees eight times as many candidates.
        device: where the networks are.
        report: called with how many candidates are judged; may raise to stop.

    Raises:
        InvalidInput: numbers or options without sense, or no class block where one is needed.
        ConditionMismatch: the energy's condition does not fit the number of samples.
        DomainMismatch: an energy of another generator's latents.

    Returns:
        The start, and the candidates that it is made of.

    Departures: the code clamps a normal z to [-2, 2]; here candidates come from the generator's
    own prior, within the bounds that it states.
    """
    space = generator.source
    over = tuple(
        block.name for block in space.blocks if over_classes or block.name not in CLASS_BLOCKS
    )
    if not over:
        raise InvalidInput(
            f"Generator {generator.name!r} has a class alone, {space}: nothing to "
            "write over a basis. Let classes have one."
        )
    draw = drawing(generator, classes, device)
    pulled = energy.pullback(generator)
    many = 1 if device.type == "cpu" else WITHOUT_GRAPH
    batches = Chunking(many * chunking.size, chunking.padded)
    with threads_of(generator, pulled, chunking, device):
        found = best_candidates(draw, pulled, candidates, keep, rng, batches, report)
    start = over_basis(space, found.points, rng, over=over, weights=weights, start=weights_start)
    return start, found


def drawing(generator: Generator, classes: Classes, device: torch.device) -> Draw:
    """How candidates of a generator are drawn.

    Args:
        generator: candidates follow its prior.
        classes: `prior`, or `gaussian` for y ~ N(0, I) instead of the embedding of a class.
        device: where to put them.

    Raises:
        InvalidInput: Gaussian classes, and a generator that takes no embedding of a class.
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
        if block.name in CLASS_BLOCKS and block.low == -torch.inf:
            return block
    raise InvalidInput(
        f"Classes 'gaussian' replaces the embedding of a class, and generator {generator.name!r} "
        f"takes none: its latents are {space}. Take classes 'prior'."
    )


def _check(samples: int, candidates: int, keep: int) -> None:
    if samples == 0:
        raise InvalidInput("No sample to start: ask for at least one.")
    if candidates < 1:
        raise InvalidInput(f"{candidates} candidates to choose from; at least 1 needed.")
    if not 1 <= keep <= candidates:
        raise InvalidInput(
            f"The best {keep} of {candidates} candidates requested. Keep from 1 to {candidates}, "
            "or draw more candidates."
        )


def _streams(rng: SampleRng, sample: int, numbers: range) -> SampleRng:
    """A stream for each candidate of a sample."""
    own = rng.streams[sample].initial_seed()
    streams = [stream_of(own, "candidate", number) for number in numbers]
    return SampleRng(streams, [rng.rows[sample]] * len(streams), numbers)
