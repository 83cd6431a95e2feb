"""Manipulation of images by a few-shot condition, D2C section 5: encode, move, correct, decode."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..chunking import Chunking
from ..conditions.few_shot import FewShot
from ..diffusion.prior import DiffusionPrior
from ..errors import InvalidInput
from ..generator import Generator
from ..latents import Latents, decode
from ..pairs.moving import smallest_strengths
from ..pairs.search import MoveSearch
from ..rng import SampleRng
from ..spaces import Identity
from .encoding import encoded
from .langevin import RELEASED, Correction
from .masking import check_masks, composed
from .moves import LatentMove, MovePath

__all__ = ["Edited", "Editing", "Seen", "StrengthMode", "edit_by_condition"]

StrengthMode: TypeAlias = Literal["same", "smallest"]
Seen: TypeAlias = Literal["images", "latents"]
Images4 = Float[Tensor, "batch 3 height width"]
Masks = Float[Tensor, "masks rows columns"]


@dataclass(frozen=True)
class Editing:
    """How images are edited.

    Attributes:
        strength: how far to move, in the move's unit; the largest for `smallest`. Negative values
            move away from what is wanted, with `same` alone.
        mode: `same` strength for all samples, or each sample's `smallest` that shows what is
            wanted.
        certainty: r from which what is wanted counts as shown, in (0, 1).
        seen: r of what: of the `images`, encoded again, or of the moved `latents`. A classifier
            of latents is certain before the decoder draws what it looks for.
        grid: number of strengths to try for `smallest`, and of steps of a gradient.
        bisections: of the last interval.
        correction: by the prior after the move.
        results: number of results per image, each with its own noise of the correction. Where
            several ways of a move reach what is wanted, they take different ones.
        beyond: added to each `smallest` strength, at least 0, up to the largest one. Where the
            classifier just sees what is wanted, others often do not yet. A sample that shows it
            from the start stays as it is.

    Raises:
        InvalidInput: an unknown mode, or a number outside its range.
    """

    strength: float = 8.0
    mode: StrengthMode = "smallest"
    certainty: float = 0.5
    seen: Seen = "images"
    grid: int = 8
    bisections: int = 2
    correction: Correction = RELEASED
    results: int = 1
    beyond: float = 0.75

    def __post_init__(self) -> None:
        if self.mode not in get_args(StrengthMode) or self.seen not in get_args(Seen):
            raise InvalidInput(
                f"Mode {self.mode!r}, seen in {self.seen!r}; expected one of "
                f"{', '.join(get_args(StrengthMode))}, and one of {', '.join(get_args(Seen))}."
            )
        if not math.isfinite(self.strength):
            raise InvalidInput(f"A strength of {self.strength}; expected a finite number.")
        most = self.strength if self.mode == "smallest" else 1.0
        if most <= 0:
            raise InvalidInput(
                f"A largest strength of {most:g}; above 0 needed. Set the mode to same for others."
            )
        MoveSearch(most, self.grid, self.bisections, self.certainty)
        if not 0 <= self.beyond < math.inf:
            raise InvalidInput(f"{self.beyond:g} beyond the smallest strength; at least 0 needed.")
        if self.results < 1:
            raise InvalidInput(f"{self.results} results per image; at least 1 needed.")

    @property
    def search(self) -> MoveSearch:
        """The search of the smallest strength."""
        return MoveSearch(self.strength, self.grid, self.bisections, self.certainty)

    @property
    def rounds(self) -> int:
        """Largest number of times that the samples are moved along a way."""
        searched = self.grid + self.bisections + (self.beyond > 0)
        return 1 + searched if self.mode == "smallest" else 1


@dataclass(frozen=True)
class Edited:
    """Edited images; the results of an image follow each other.

    Attributes:
        images: in [0, 1]: of the generator's size, or of the size of the given ones with a mask.
        latents: moved and corrected latents; their images are not composed by a mask.
        ways: way of the move that each takes.
        strengths: strength of each.
        before: r of the start.
        after: r of the result, without the mask.
        certainty: r from which what is wanted counts as shown.
        unit: unit of the strengths.
    """

    images: Images4
    latents: Latents
    ways: tuple[str, ...]
    strengths: Float[Tensor, " batch"]
    before: Float[Tensor, " batch"]
    after: Float[Tensor, " batch"]
    certainty: float
    unit: str

    @property
    def reached(self) -> Bool[Tensor, " batch"]:
        """Whether the result shows what is wanted."""
        return self.after >= self.certainty

    def summary(self) -> str:
        """Returns a line per result, for a report."""
        numbers = (self.strengths, self.before, self.after, self.reached)
        columns = (column.tolist() for column in numbers)
        rows = zip(self.latents.samples, self.ways, *columns, strict=True)
        lines = [
            f"result {name}: r {before:.2f} to {after:.2f} by {way} at strength {strength:.3g}"
            + ("" if reached else ", not reached")
            for name, way, strength, before, after, reached in rows
        ]
        return "\n".join([f"strength in {self.unit}", *lines])


@torch.no_grad()
def edit_by_condition(
    images: Images4,
    generator: Generator,
    condition: FewShot,
    prior: DiffusionPrior | None,
    move: LatentMove,
    editing: Editing,
    *,
    masks: Masks | None = None,
    seed: int = 0,
    chunking: Chunking,
    device: torch.device,
    report: Callable[[int], None] = lambda done: None,
) -> Edited:
    """Edits images so that they show the condition: encode, move, correct by the prior, decode.

    Each result is computed by itself, the same alone and in any batch of its number. At strength 0
    a sample is its encoded latent, uncorrected.

    Args:
        images: in [0, 1], of any size.
        generator: with an encoder.
        condition: few-shot condition of its latents.
        prior: diffusion prior of its latents; None for no correction.
        move: see `core.d2c.moves`.
        editing: see `Editing`.
        masks: of the images' size, one for all or one each; 1 where pixels may change, 0 where
            they are those of the images.
        seed: seed of the correction's noise.
        chunking: images at a time.
        device: where the networks are.
        report: called with the rounds done; may raise to stop.

    Raises:
        GeneratorMismatch: a condition or a prior of another generator.
        DomainMismatch: masks of another size than the images.
        InvalidInput: no image, no encoder, numbers of masks and images that do not match, or a
            correction that the prior does not have.
    """
    condition.check(generator)
    if prior is not None:
        prior.check(generator)
    if masks is not None:
        check_masks(masks, images)
    results = editing.results
    first = encoded(generator, images, chunking=chunking, device=device)
    start = first.repeat_interleave(results, dim=0)
    rng = SampleRng.of(seed, len(start), "edit")
    job = _Job(generator, condition, prior, editing, start, rng, chunking, device, report)
    before = job.seen(torch.arange(len(start)), start)
    paths = move.paths(start.to(device), rng.restored(rng.state()), editing.strength, editing.grid)
    ends = _ends(job, paths)
    strengths, after = (
        torch.tensor([getattr(end, name) for end in ends], dtype=torch.float64)
        for name in ("strength", "r")
    )
    values = torch.stack([end.point for end in ends])
    ways = tuple(end.way for end in ends)
    chart = Identity(generator.source)
    latents = Latents(values, chart, generator.id, generator.name, rng.names)
    made = decode(latents, generator, chunking, device)
    if masks is not None:
        made = composed(images, made, masks, results)
    found = (ways, strengths, before, after, editing.certainty)
    return Edited(made, latents, *found, move.unit)


class _End(NamedTuple):
    """Where a sample ends on a way."""

    way: str
    strength: float
    r: float
    point: Tensor


@dataclass
class _Job:
    """What the search evaluates: points of a way, and r of them."""

    generator: Generator
    condition: FewShot
    prior: DiffusionPrior | None
    editing: Editing
    start: Tensor
    rng: SampleRng
    chunking: Chunking
    device: torch.device
    report: Callable[[int], None]
    done: int = 0

    def ends(self, way: str, path: MovePath, rows: Tensor) -> list[_End]:
        """Returns the ends of some rows on a way: at one strength, or at each one's smallest."""
        editing = self.editing

        def probability(own: Tensor, strengths: Tensor) -> Tensor:
            return self.seen(rows[own], self.at(path, rows[own], strengths))

        if editing.mode == "smallest":
            strengths, r = smallest_strengths(len(rows), probability, editing.search)
            points = self.at(path, rows, strengths)
            if editing.beyond > 0:
                farther = (strengths + editing.beyond).clamp_max(editing.strength)
                strengths = torch.where(strengths > 0, farther, 0)
                points = self.at(path, rows, strengths)
                r = self.seen(rows, points)
        else:
            strengths = torch.full((len(rows),), editing.strength, dtype=torch.float64)
            points = self.at(path, rows, strengths)
            r = self.seen(rows, points)
        columns = zip(strengths.tolist(), r.tolist(), points, strict=True)
        return [_End(way, *column) for column in columns]

    def at(self, path: MovePath, rows: Tensor, strengths: Tensor) -> Tensor:
        """Returns the corrected points of some rows at a strength each, on the CPU."""
        moved = self.generator.source.clamp(path(rows, strengths))
        if self.prior is not None:
            # The same noise at every strength: nothing but the strength changes in a search.
            own = self.rng.taken(rows.tolist())
            moved = self.editing.correction(self.prior, moved, own.restored(own.state()))
        return torch.where(strengths[:, None] == 0, self.start[rows], moved.cpu())

    def seen(self, rows: Tensor, values: Tensor) -> Tensor:
        """Returns r of latents, or of their images."""
        encode = self.generator.encode if self.editing.seen == "images" else None

        def of(z: Tensor, part: SampleRng) -> tuple[Tensor]:
            latents = z if encode is None else encode(self.generator(z, part))
            return (self.condition.probability(latents),)

        rng = SampleRng.of(0, self.rng.names, "decode").taken(rows.tolist())
        (r,) = self.chunking.apply_random(of, values.to(self.device), rng)
        self.done += 1
        self.report(self.done)
        return r.cpu().double()


def _ends(job: _Job, paths: Mapping[str, MovePath]) -> list[_End]:
    """Returns the end of each sample.

    It is on the first way on which the sample shows what is wanted; further results of an image
    take the next such ways, in turns. A sample that shows it on none ends where r is largest.
    """
    results, certainty = job.editing.results, job.editing.certainty
    found: list[list[_End]] = [[] for _ in job.start]
    for way, path in paths.items():
        shown = [sum(end.r >= certainty for end in own) for own in found]
        rows = torch.tensor([row for row, n in enumerate(shown) if n <= row % results])
        if len(rows):
            for row, end in zip(rows.tolist(), job.ends(way, path, rows), strict=True):
                found[row].append(end)
    chosen: list[_End] = []
    for row, own in enumerate(found):
        there = [end for end in own if end.r >= certainty]
        best = max(own, key=lambda end: end.r)
        chosen.append(there[row % results % len(there)] if there else best)
    return chosen
