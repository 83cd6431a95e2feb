"""Manipulation of images by a few-shot condition, D2C section 5: encode, move, correct, decode."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import torch
from einops import repeat
from jaxtyping import Bool, Float
from torch import Tensor

from ..chunking import Chunking
from ..conditions.few_shot import FewShotCondition
from ..errors import DomainMismatch, InvalidInput
from ..generator import Generator
from ..images import resized
from ..latents import Latents, decode
from ..pairs.moving import MoveSearch, smallest_strengths
from ..rng import SampleRng
from ..spaces import Identity
from .encoding import encoded
from .langevin import RELEASED, Correction
from .moves import LatentMove
from .prior import DiffusionPrior

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
            move away from the wanted, with `same` alone.
        mode: `same` strength for all samples, or each sample's `smallest` that shows the wanted.
        certainty: r from which the wanted counts as shown, in (0, 1).
        seen: r of what: of the `images`, encoded again, or of the moved `latents`. A classifier
            of latents is certain before the decoder draws what it looks for.
        grid: number of strengths to try for `smallest`, and of steps of a gradient.
        bisections: of the last interval.
        correction: by the prior after the move.
        results: number of results per image, with a noise of the correction each.

    Raises:
        InvalidInput: an unknown mode, or a number outside its range.
    """

    strength: float = 6.0
    mode: StrengthMode = "smallest"
    certainty: float = 0.9
    seen: Seen = "images"
    grid: int = 12
    bisections: int = 2
    correction: Correction = RELEASED
    results: int = 1

    def __post_init__(self) -> None:
        if self.mode not in get_args(StrengthMode) or self.seen not in get_args(Seen):
            raise InvalidInput(
                f"Mode {self.mode!r}, seen in {self.seen!r}; there are "
                f"{', '.join(get_args(StrengthMode))}, and {', '.join(get_args(Seen))}."
            )
        if not math.isfinite(self.strength):
            raise InvalidInput(f"A strength of {self.strength}; expected a finite number.")
        if self.mode == "smallest":
            self.search  # noqa: B018 (checks the numbers)
        if self.results < 1:
            raise InvalidInput(f"{self.results} results per image; at least 1 needed.")

    @property
    def search(self) -> MoveSearch:
        """The search of the smallest strength."""
        return MoveSearch(self.strength, self.grid, self.bisections, self.certainty)

    @property
    def rounds(self) -> int:
        """Largest number of times that the samples are moved."""
        return 2 + (1 + self.grid + self.bisections if self.mode == "smallest" else 0)


@dataclass(frozen=True)
class Edited:
    """Edited images; the results of an image follow each other.

    Attributes:
        images: in [0, 1]: of the generator's size, or of the size of the given ones with a mask.
        latents: moved and corrected latents; their images are not composed by a mask.
        strengths: strength of each.
        before: r of the start.
        after: r of the result, without the mask.
        certainty: r from which the wanted counts as shown.
        unit: unit of the strengths.
    """

    images: Images4
    latents: Latents
    strengths: Float[Tensor, " batch"]
    before: Float[Tensor, " batch"]
    after: Float[Tensor, " batch"]
    certainty: float
    unit: str

    @property
    def reached(self) -> Bool[Tensor, " batch"]:
        """Whether the result shows the wanted."""
        return self.after >= self.certainty

    def summary(self) -> str:
        """Returns a line per result, for a report."""
        columns = (self.strengths, self.before, self.after, self.reached)
        rows = zip(self.latents.samples, *(column.tolist() for column in columns), strict=True)
        lines = [
            f"result {name}: r {before:.2f} to {after:.2f} at strength {strength:.3g}"
            + ("" if reached else ", not reached")
            for name, strength, before, after, reached in rows
        ]
        return "\n".join([f"strength in {self.unit}", *lines])


@torch.no_grad()
def edit_by_condition(
    images: Images4,
    generator: Generator,
    condition: FewShotCondition,
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
        _check_masks(masks, images)
    results = editing.results
    latents = encoded(generator, images, chunking=chunking, device=device)
    start = latents.repeat_interleave(results, dim=0)
    rng = SampleRng.of(seed, len(start), "edit")
    job = _Job(generator, condition, prior, editing, start, rng, chunking, device, report)
    grid = editing.grid
    walking = rng.restored(rng.state())
    job.path = move.path(start.to(device), walking, editing.strength, grid)
    before = job.seen(torch.arange(len(start)), start)
    if editing.mode == "same":
        strengths = torch.full((len(start),), editing.strength, dtype=torch.float64)
    else:
        strengths, _ = smallest_strengths(len(start), job.probability, editing.search)
    everything = torch.arange(len(start))
    values = job.at(everything, strengths)
    after = job.seen(everything, values)
    chart = Identity(generator.source)
    latents = Latents(values, chart, generator.id, generator.name, rng.names)
    made = decode(latents, generator, chunking, device)
    if masks is not None:
        made = _composed(images, made, masks, results)
    return Edited(made, latents, strengths, before, after, editing.certainty, move.unit)


@dataclass
class _Job:
    """What the search evaluates: points of a path, and r of them."""

    generator: Generator
    condition: FewShotCondition
    prior: DiffusionPrior | None
    editing: Editing
    start: Tensor
    rng: SampleRng
    chunking: Chunking
    device: torch.device
    report: Callable[[int], None]
    path: Callable[[Tensor, Tensor], Tensor] | None = None
    done: int = 0

    def at(self, rows: Tensor, strengths: Tensor) -> Tensor:
        """Returns the corrected points of some rows at a strength each, on the CPU."""
        assert self.path is not None
        moved = self.generator.source.clamp(self.path(rows, strengths))
        if self.prior is not None:
            # The same noise at every strength: nothing but the strength changes in a search.
            own = self.rng.taken(rows.tolist())
            moved = self.editing.correction(self.prior, moved, own.restored(own.state()))
        return torch.where(strengths[:, None] == 0, self.start[rows], moved.cpu())

    def probability(self, rows: Tensor, strengths: Tensor) -> Tensor:
        """Returns r of some rows at a strength each."""
        return self.seen(rows, self.at(rows, strengths))

    def seen(self, rows: Tensor, values: Tensor) -> Tensor:
        """Returns r of latents, or of their images."""
        encode = self.generator.encode if self.editing.seen == "images" else None

        def of(z: Tensor, part: SampleRng) -> tuple[Tensor]:
            return (
                self.condition.probability(z if encode is None else encode(self._image(z, part))),
            )

        rng = SampleRng.of(0, self.rng.names, "decode").taken(rows.tolist())
        (r,) = self.chunking.apply_random(of, values.to(self.device), rng)
        self.done += 1
        self.report(min(self.done, self.editing.rounds))
        return r.cpu().double()

    def _image(self, z: Tensor, part: SampleRng) -> Tensor:
        return self.generator(z, part)


def _check_masks(masks: Masks, images: Images4) -> None:
    if masks.shape[1:] != images.shape[2:]:
        high, wide = masks.shape[1:]
        raise DomainMismatch(
            f"The mask is {wide} x {high} pixels and the images are {images.shape[3]} x "
            f"{images.shape[2]}. Give a mask of the images' size. (Load Image gives an empty one "
            "of 64 x 64 for a picture without transparency.)"
        )
    if len(masks) not in (1, len(images)):
        raise InvalidInput(
            f"{len(masks)} masks for {len(images)} images. Give one for all, or one each."
        )
    if not bool((masks > 0).flatten(1).any(dim=1).all()):
        raise InvalidInput(
            "The mask is 0 (black) everywhere, so nothing may change. Paint the part to edit, or "
            "leave the mask out."
        )


def _composed(
    images: Images4, made: Float[Tensor, "results 3 _ _"], masks: Masks, results: int
) -> Float[Tensor, "results 3 height width"]:
    """Returns the images with the made ones in the masks; bit for bit as they were elsewhere."""
    size = (images.shape[2], images.shape[3])
    own = images.float().cpu().repeat_interleave(results, dim=0)
    new = torch.cat([resized(one[None], size) for one in made])
    each = repeat(masks.float().cpu(), "masks height width -> masks 1 height width")
    share = each.expand(len(images), -1, -1, -1).repeat_interleave(results, dim=0)
    return torch.lerp(own, new, share.clamp(0, 1))
