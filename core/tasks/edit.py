"""Editing from images and words to images: their latents, and moves of these by pairs."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..chunking import Chunking
from ..clip import Clip
from ..energies.perceptual import likeness
from ..errors import InvalidInput
from ..images import check_images
from ..latents import Latents
from ..pairs.contrast import sharpness
from ..pairs.directions import LatentDirection, contrast_direction, overlap_with_all
from ..pairs.moving import Moved, moved_until
from ..pairs.search import CHECKS, MoveSearch
from ..refine.first_order import FirstOrder
from ..refine.refinement import Refinement, refine
from ..refine.rules import Adam
from ..rng import SampleRng
from ..starts.inversion import from_images
from ..starts.variation import variations
from .models import TaskModels
from .watch import UNWATCHED, TaskWatch
from .words import Change, texts_of

__all__ = [
    "EditPlan",
    "EditResult",
    "change_direction",
    "edited",
    "inverted",
    "varied",
]

Images4 = Float[Tensor, "batch 3 height width"]
MOST, GRID, BISECTIONS, CERTAINTY, KEEP, BEYOND = 8.0, 8, 3, 0.95, 3.0, 1.25
"""Search of the study of edits."""
MOST_OVERLAP = 0.4
"""Largest overlap of a context, see `overlap_with_all`: 0.09 for hats, 0.53 for backgrounds."""
VARIATION = 0.06
"""Variation of several results. With 0.15 mouths and eyes change too."""
INVERSION_STEPS, INVERSION_RATE, INVERSION_CANDIDATES = 100, 0.05, 16
"""Inversion by a generator without encoder."""


@dataclass(frozen=True)
class EditPlan:
    """How images are edited.

    Attributes:
        search: how far a sample is moved, and when what is wanted counts as shown.
        keep: weight of keeping the rest of each image.
        variation: how much the results of one image differ before they are moved; nothing varies
            where there is one result.
    """

    search: MoveSearch
    keep: float = KEEP
    variation: float = VARIATION

    @classmethod
    def of(cls, strength: float = 1.0) -> "EditPlan":
        """Returns the plan that was best in the study.

        Args:
            strength: factor on the length of each move, above 0.

        Raises:
            InvalidInput: a strength of 0 or below.
        """
        search = MoveSearch(MOST, GRID, BISECTIONS, CERTAINTY, BEYOND * strength, checked=True)
        return cls(search)

    @property
    def looks(self) -> int:
        """The largest number of looks of a change, over three ways, and one at the images."""
        return 3 * (self.search.grid + self.search.bisections + CHECKS) + 2


@dataclass(frozen=True)
class EditResult:
    """Edited samples.

    Attributes:
        latents: the results, those of the first image first.
        start: the latents of the images.
        moves: each change, with what it did.
    """

    latents: Latents
    start: Latents
    moves: tuple[tuple[Change, Moved], ...]

    def summary(self) -> str:
        """Returns a line per change: how many of the samples show it."""
        return "\n".join(
            f"{'no ' if change.away else ''}{change.wanted}: shown by "
            f"{int(moved.reached.sum())} of {len(moved.reached)}"
            for change, moved in self.moves
        )


def edited(
    models: TaskModels,
    images: Images4,
    wanted: tuple[Change, ...],
    plan: EditPlan,
    *,
    results: int = 1,
    seed: int,
    chunking: Chunking,
    device: torch.device,
    watch: TaskWatch = UNWATCHED,
) -> EditResult:
    """Returns images changed as words say, as little else as possible.

    The latents of the images are found (`inverted`), varied a little for several results, and
    moved by one change after the other until the CLIP sees it: `core.pairs.moving.moved_until`
    along a direction from pairs, with goals for every sample.

    Args:
        models: the models, with a CLIP and pairs.
        images: in [0, 1], of any size; resized to the generator's.
        wanted: see `core.tasks.words.changes`.
        plan: the settings.
        results: number of results of each image.
        seed: of variations, and of an inversion without encoder.
        chunking: samples at a time.
        device: where the networks are.
        watch: follows the run.

    Raises:
        ConditionMismatch: models without a CLIP, or pairs of another one.
        GeneratorMismatch: pairs of another generator.
        InvalidInput: no image, no result, no pairs, or texts that the CLIP cannot distinguish.
    """
    directions = [change_direction(models, change, plan.keep) for change in wanted]
    start = inverted(models, images, seed=seed, chunking=chunking, device=device, watch=watch)
    latents = varied(
        models, start, results, plan.variation, seed=seed, chunking=chunking, device=device
    )
    moves: list[tuple[Change, Moved]] = []
    for change, direction in zip(wanted, directions, strict=True):
        moved = moved_until(
            latents,
            direction,
            models.generator,
            models.auxiliary,
            search=plan.search,
            chunking=chunking,
            device=device,
            report=lambda done: watch.looked(),
        )
        latents = moved.latents
        moves.append((change, moved))
    return EditResult(latents, start, tuple(moves))


def varied(
    models: TaskModels,
    start: Latents,
    results: int,
    variation: float,
    *,
    seed: int,
    chunking: Chunking,
    device: torch.device,
) -> Latents:
    """Returns results near each of some latents; the latents themselves for one result.

    Args:
        models: the models.
        start: the latents.
        results: number of results of each.
        variation: how much they differ, see `core.starts.variation.variations`.
        seed: of the draws.
        chunking: samples at a time.
        device: where the networks are.

    Raises:
        InvalidInput: no result.
    """
    if results < 1:
        raise InvalidInput(f"{results} results of each image; expected at least 1.")
    if results == 1:
        return start
    begun = variations(
        start,
        models.generator,
        SampleRng.of(seed, results * len(start), "variation"),
        variation=variation,
        chunking=chunking,
        device=device,
    )
    return Latents.of(begun, models.generator)


def change_direction(models: TaskModels, change: Change, keep: float) -> LatentDirection:
    """Returns the direction of a change, with goals for every sample.

    A context that nearly all or no images show is left out: a red hat needs a hat, but every
    image has a background.

    Args:
        models: the models, with a CLIP and pairs.
        change: the change.
        keep: weight of keeping the rest of each image.

    Raises:
        ConditionMismatch: no CLIP, or pairs of another one.
        GeneratorMismatch: pairs of another generator.
        InvalidInput: no pairs, or texts that the CLIP cannot distinguish.
    """
    clip, pairs = models.clip, models.pairs
    if pairs is None:
        raise InvalidInput(
            f"There are no pairs of {models.generator.name!r} and {clip.name!r}, from which moves "
            "by words are made. Make some with Synthesise Pairs, which keeps them in a folder."
        )
    scale = sharpness(clip)
    context = texts_of(clip, change.context) if _says(clip, change.context) else None
    if context is not None and overlap_with_all(pairs, context, scale=scale) > MOST_OVERLAP:
        context = None
    return contrast_direction(
        pairs,
        models.generator,
        texts_of(clip, change.wanted),
        texts_of(clip, *change.instead) if change.instead else None,
        context=context,
        away=change.away,
        scale=scale,
        keep=keep,
    )


def inverted(
    models: TaskModels,
    images: Images4,
    *,
    seed: int,
    chunking: Chunking,
    device: torch.device,
    watch: TaskWatch = UNWATCHED,
) -> Latents:
    """Returns the latents of images: by the encoder, or else by a search, as Image to Latents.

    Args:
        models: the models; the CLIP's features compare images where there is no encoder.
        images: in [0, 1], of any size.
        seed: of the search.
        chunking: images at a time.
        device: where the networks are.
        watch: follows the run.

    Raises:
        InvalidInput: no image, or one that is not finite.
    """
    check_images(images)
    generator = models.generator
    energy = likeness(images, models.features)
    start = from_images(
        generator,
        images,
        SampleRng.of(seed, len(images), "invert"),
        energy=energy,
        candidates=1 if generator.encode is not None else INVERSION_CANDIDATES,
        chunking=chunking,
        device=device,
        report=lambda done: watch.looked(),
    )
    latents = Latents.of(start, generator)
    if generator.encode is not None:
        return latents
    job = Refinement(
        title="Image to Latents",
        generator=generator,
        energy=energy,
        refiner=FirstOrder(Adam(learning_rate=INVERSION_RATE)),
        steps=INVERSION_STEPS,
        seed=seed,
        chunking=chunking,
        device=device,
        keep_best=True,
    )
    watch.begins(job, latents)
    return refine(job, latents, on_step=watch.stepped, on_stop=watch.stopped)[0]


def _says(clip: Clip, text: str) -> bool:
    """Whether there is a text that the CLIP can encode."""
    try:
        return bool(text) and len(texts_of(clip, text)) > 0
    except InvalidInput:
        return False
