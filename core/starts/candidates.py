"""Starts of a refinement: candidates are drawn and chosen by energy."""

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from ..charts import MixtureOfBasis, Start, WeightKind
from ..chunking import Chunking
from ..condition import Condition
from ..devices import threads_of
from ..energy import Energy
from ..errors import InvalidInput
from ..generator import Generator
from ..rng import SampleRng
from ..spaces import Identity
from ..translators.translator import Translator
from .search import CrossEntropySearch, check_search, elite_size, generation_size

__all__ = [
    "Draw",
    "Report",
    "StartMode",
    "best_of",
    "check_samples",
    "from_prior",
    "from_translator",
]

Draw: TypeAlias = Callable[[SampleRng], Float[Tensor, "batch dim"]]
"""Draws candidates, one per sample, each from the stream of its sample."""

Report: TypeAlias = Callable[[int], None]
"""Called with the number of candidates evaluated; may raise to stop."""

StartMode: TypeAlias = Literal["sample", "mean", "mode", "basis"]


@torch.no_grad()
def best_of(
    draw: Draw,
    energy: Energy | None,
    candidates: int,
    rng: SampleRng,
    chunking: Chunking,
    report: Report = lambda done: None,
    generations: int = 0,
    within: Callable[[Tensor], Tensor] = lambda points: points,
) -> Float[Tensor, "batch dim"]:
    """Returns the candidate of lowest energy for each sample: TR0N Algorithm 2, line 1.

    Generations continue from there by the cross-entropy method, see `core.starts.search`: the best
    candidates define the distribution of the next ones. The paper has none.

    Args:
        draw: draws candidates from the prior or a translator.
        energy: on the latents drawn; may be None with one candidate.
        candidates: M. A sample's m-th candidate does not depend on M.
        rng: the samples.
        chunking: how many candidates the networks see at a time.
        report: called after every candidate that is evaluated.
        generations: after the candidates, each a quarter of their number.
        within: projects points of the generations onto the allowed latents.

    Raises:
        InvalidInput: no sample, fewer than 1 candidate, several without an energy, or too few for
            generations.
    """
    check_samples(rng)
    check_search(candidates, generations)
    if candidates == 1:
        return draw(rng)
    if energy is None:
        raise InvalidInput(f"Best of {candidates} candidates needs an energy to choose by.")
    energy.check_batch(len(rng))
    allowed = energy.chunking(chunking)
    size = elite_size(candidates) if generations else 1
    done = 0

    def joined(elite: CrossEntropySearch | None, drawn: Tensor) -> CrossEntropySearch:
        nonlocal done
        (values,) = allowed.apply_random(lambda v, part: (energy(v, part),), drawn, rng)
        done += 1
        report(done)
        one = CrossEntropySearch.of(drawn, values)
        return one if elite is None else elite.joined(one, size)

    elite = joined(None, draw(rng))
    for _ in range(candidates - 1):
        elite = joined(elite, draw(rng))
    for _ in range(generations):
        parents = elite
        for _ in range(generation_size(candidates)):
            elite = joined(elite, within(parents.draw(rng)))
    return elite.best


def from_prior(
    generator: Generator,
    rng: SampleRng,
    *,
    energy: Energy | None = None,
    candidates: int = 1,
    generations: int = 0,
    chunking: Chunking,
    device: torch.device,
    report: Report = lambda done: None,
) -> Start:
    """Returns samples of p(z), each the best of M: the papers' "no translator". See `best_of`."""
    like = torch.empty(0, device=device)
    pulled = energy.pullback(generator) if energy is not None else None

    def draw(streams: SampleRng) -> Tensor:
        return generator.source.clamp(generator.prior.sample(streams, like))

    space = generator.source
    with threads_of(generator, pulled, chunking, device):
        best = best_of(draw, pulled, candidates, rng, chunking, report, generations, space.clamp)
    return Start(best, Identity(space))


@torch.no_grad()
def from_translator(
    translator: Translator,
    generator: Generator,
    condition: Condition,
    rng: SampleRng,
    *,
    mode: StartMode = "sample",
    energy: Energy | None = None,
    candidates: int = 1,
    generations: int = 0,
    weights: WeightKind = "linear",
    chunking: Chunking,
    report: Report = lambda done: None,
) -> Start:
    """Returns starts from q(z given c).

    Args:
        translator: trained for this generator and the condition's auxiliary.
        generator: of the latents.
        condition: one row for all samples, or one each.
        rng: the samples.
        mode: `sample` (Algorithm 2, best of M), `mean` (section 3.4), `mode` (the heaviest
            component's mean) or `basis` (the mixture's weights and means themselves, eq. 5).
        energy: what the best of M is chosen by.
        candidates: M, for `sample` alone.
        generations: generations after the candidates, see `best_of`; for `sample` alone.
        weights: of `basis`: `linear`, per coordinate (the paper, appendix B.1), `softmax`, logits
            per coordinate (the released code), or `scalar`, one number per mean (eq. 5 without
            that appendix).
        chunking: rows at a time.
        report: called after every candidate that is evaluated.

    Raises:
        GeneratorMismatch: trained for another generator.
        ConditionMismatch: trained for another auxiliary, or the rows do not match the samples.
        InvalidInput: no sample, or candidates without meaning in this mode.
    """
    check_samples(rng)
    translator.check(generator, condition)
    condition.check_batch(len(rng))
    if mode != "sample" and candidates != 1:
        raise InvalidInput(f"Best of {candidates} candidates: mode {mode!r} has only one.")
    if mode != "sample" and generations:
        raise InvalidInput(f"{generations} generations: mode {mode!r} has no candidates.")
    space = generator.source
    like = translator.like
    c = condition.at(rng.rows, like)
    if mode == "basis":
        chart = MixtureOfBasis(
            space, translator.config.components, (space.blocks[0].name,), weights
        )
        return Start(_basis(translator, chart, c, rng.names, chunking), chart)
    if mode == "sample":
        pulled = energy.pullback(generator) if energy is not None else None

        def draw(streams: SampleRng) -> Tensor:
            def rows(part: Tensor, own: SampleRng) -> tuple[Tensor]:
                return (translator.draw(part, own),)

            return space.clamp(chunking.apply_random(rows, c, streams)[0])

        search = (candidates, rng, chunking, report, generations, space.clamp)
        with threads_of(generator, pulled, chunking, like.device):
            best = best_of(draw, pulled, *search)
        return Start(best, Identity(space))
    points = chunking.apply(translator.mean if mode == "mean" else translator.mode, c, rng.names)
    return Start(space.clamp(points), Identity(space))


def check_samples(rng: SampleRng) -> None:
    """Checks that a batch is not empty.

    Raises:
        InvalidInput: no sample.
    """
    if len(rng) == 0:
        raise InvalidInput("No sample to start: ask for at least one.")


def _basis(
    translator: Translator,
    chart: MixtureOfBasis,
    c: Tensor,
    names: Sequence[int],
    chunking: Chunking,
) -> Tensor:
    """Returns weights and means over the first block; only the mean of others, such as a class."""
    first = chart.over[0]

    def rows(part: Tensor) -> Tensor:
        logits, means = translator.parameters_of(part)
        weights = logits.softmax(dim=1)
        points = chart.target.split(means.flatten(0, 1))
        parts = {name: part.unflatten(0, weights.shape) for name, part in points.items()}
        kept = {
            name: torch.einsum("bk,bk...->b...", weights, part)
            for name, part in parts.items()
            if name != first
        }
        return chart.start({first: parts[first]}, weights, kept)

    return chart.source.clamp(chunking.apply(rows, c, names))
