"""Text-guided editing: along the direction from a neutral text to a text, in a CLIP's space.

StyleCLIP's global direction (Patashnik et al. 2021, section 6) is the way from neutral to wanted
text, d_T = t / |t| - t0 / |t0|, and what of it shows in the latents (`global_direction`). KRR flow
takes it as the gradient of log p(c|x) where images are edited; on images there are two readings.
"""

from dataclasses import replace
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..clip import Clip
from ..condition import Condition
from ..conditions.mixing import mixed
from ..energy import Energy
from ..errors import InvalidInput
from ..images import of_rows
from ..rng import SampleRng
from ..spaces import IMAGES
from ..terms import Measure, Term
from ..views.augclip import augmented, draw_views
from .example import EnergyExample, toy_clip
from .similarity import (
    automatic_chunk,
    automatic_precision,
    detached_gradient,
    directions,
    similarity,
    view_parts,
)

__all__ = [
    "EXAMPLE",
    "SOURCE_EXAMPLE",
    "SOURCE_VIEWS_EXAMPLE",
    "away_from",
    "projected",
    "text_direction",
    "toy_rows",
]

Images4 = Float[Tensor, "batch 3 height width"]
SLACK = 0.1
"""Length that an image's way counts as at least, so that the first step from the source has a
slope; unit embeddings of two different images lie about 0.5 apart."""


def text_direction(target: Condition, neutral: Condition) -> Condition:
    """d_T, a row per row of the target: where the text leads from the neutral one.

    Args:
        target: what the image should show, such as "a face with a hat".
        neutral: the same without what is wanted, "a face"; one row, or as many as the target.

    Raises:
        ConditionMismatch: conditions of two auxiliaries.
        InvalidInput: neither one row nor as many; texts that say the same.
    """
    neutral.check_auxiliary(target.auxiliary, target.auxiliary_name)
    if len(neutral) not in (1, len(target)):
        raise InvalidInput(
            f"{len(neutral)} neutral rows for {len(target)} wanted ones. Give one for all, or as "
            "many."
        )
    origins = neutral.embedding.to(target.embedding).expand(len(target), -1)
    try:
        rows = [
            mixed(torch.stack(pair), (1.0, -1.0))
            for pair in zip(target.embedding, origins, strict=True)
        ]
    except InvalidInput as error:
        raise InvalidInput(
            "The wanted and the neutral text say the same, so there is no direction from one to "
            "the other. Change a text; words that the text encoder does not know say nothing."
        ) from error
    origin = neutral.labels * (1 if len(neutral) > 1 else len(target))
    labels = tuple(f"{a} - {b}" for a, b in zip(target.labels, origin, strict=True))
    return replace(target, embedding=torch.stack(rows), labels=labels)


def projected(clip: Clip, direction: Condition, **options: object) -> Energy:
    """-<f(x) / |f(x)|, d_T / |d_T|>, on images: the gradient is along the direction everywhere.

    Args:
        clip: f.
        direction: of `text_direction`.
        options: of `similarity`, such as views.
    """
    (term,) = similarity(clip, direction, **options).leaves()  # pyright: ignore[reportArgumentType]
    return Energy.of(replace(term, label=f"direction in {term.label}"))


def away_from(
    clip: Clip,
    direction: Condition,
    sources: Images4,
    *,
    views: int = 0,
    device: torch.device | None = None,
) -> Energy:
    """1 - cos(f(x) - f(x0), d_T) of unit embeddings, on images: the way from the source image.

    What the source shows besides the text does not matter, which it does to `projected`. The
    cosine has no slope at x0: the way's length counts as sqrt(|f(x) - f(x0)|^2 + 0.1^2), so that
    the first step is along d_T, and the value is 1 there and a little above 0 at best.

    Args:
        clip: f.
        direction: of `text_direction`.
        sources: x0 in [0, 1], of any size: one for all samples, or one each.
        views: 0 for the images themselves; else the mean over so many random views, the same of
            an image and its source, fresh at every evaluation.
        device: that the energy will be evaluated on; the CLIP's if None.

    Raises:
        ConditionMismatch: the direction is of another auxiliary.
        InvalidInput: no source, or numbers of sources and directions that do not go together;
            negative views.
    """
    direction.check_auxiliary(clip.id, clip.name)
    if views < 0:
        raise InvalidInput(f"{views} views of an image; expected 0 (the image itself) or more.")
    precision = automatic_precision(clip, device)
    at_once = max(1, automatic_chunk(clip, precision) // 2)
    seeing = clip.in_precision(precision)

    def evaluate(images: Tensor, rng: SampleRng) -> Tensor:
        wanted = functional.normalize(direction.at(rng.rows, images), dim=1)
        before = of_rows(sources, rng.rows, (images.shape[2], images.shape[3]), images)
        if views == 0:
            with torch.no_grad():
                origin = directions(seeing, seeing.pixels(before))
            return 1 - _cosine(directions(seeing, seeing.pixels(images)) - origin, wanted)
        drawn = draw_views(rng, views, images)
        parts = list(view_parts(len(images), views, at_once))

        def embedded(of: Tensor, rows: range, first: int, last: int) -> Tensor:
            seen = [
                augmented(
                    of[row],
                    drawn.of(row, first, last),
                    clip.image_size,
                    mean=clip.mean,
                    std=clip.std,
                )
                for row in rows
            ]
            return directions(seeing, torch.cat(seen))

        def scores(images: Tensor, number: int) -> Tensor:
            rows, first, last = parts[number]
            with torch.no_grad():
                origin = embedded(before, rows, first, last)
            moved = embedded(images, rows, first, last) - origin
            each = torch.arange(rows.start, rows.stop, device=images.device)
            each = each.repeat_interleave(last - first)
            share = (1 - _cosine(moved, wanted[each])) / views
            return share.new_zeros(len(images)).index_add(0, each, share)

        return detached_gradient(scores, images, len(parts))

    seen = "" if views == 0 else f", {views} views, {at_once} at a time"
    return Energy.of(
        Term(
            label=f"direction from source({clip.name}{seen}, {precision})",
            domain=IMAGES,
            evaluate=evaluate,
            modules=seeing.modules,
            condition=_with_sources(direction, sources),
            measure=Measure("cosine", lambda values: 1 - values),
        )
    )


def _cosine(moved: Tensor, wanted: Tensor) -> Float[Tensor, " batch"]:
    length = (moved.square().sum(dim=1) + SLACK**2).sqrt()
    return (moved * wanted).sum(dim=1) / length


def _with_sources(direction: Condition, sources: Tensor) -> Condition:
    """Directions and sources side by side: what the energy depends on."""
    rows, count = len(direction), len(sources)
    if count == 0 or (rows != count and 1 not in (rows, count)):
        raise InvalidInput(
            f"{count} source images for {rows} directions. Give one for all, or as many."
        )
    most = max(rows, count)
    flat = sources.detach().flatten(1).cpu().float().expand(most, -1)
    embedding = torch.cat([direction.embedding.cpu().float().expand(most, -1), flat], dim=1)
    labels = direction.labels if rows == most else direction.labels * most
    return replace(direction, embedding=embedding, labels=labels, called="source images")


def toy_rows(clip: Clip, count: int, seed: int) -> Condition:
    """Random rows of a toy's."""
    embedding = torch.randn(count, clip.embed_dim, generator=torch.Generator().manual_seed(seed))
    return Condition(embedding, tuple(map(str, range(count))), clip.id, clip.name)


def _pictures(count: int, side: int) -> Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(side))


def _example() -> EnergyExample:
    clip = toy_clip()
    direction = text_direction(toy_rows(clip, 4, 1), toy_rows(clip, 1, 2))
    return EnergyExample(projected(clip, direction), _pictures(4, 5))


def _source_example(views: int) -> EnergyExample:
    clip = toy_clip()
    direction = text_direction(toy_rows(clip, 1, 1), toy_rows(clip, 1, 2))
    energy = away_from(clip, direction, _pictures(4, 7), views=views)
    return EnergyExample(energy, _pictures(4, 5))


EXAMPLE = _example
SOURCE_EXAMPLE = partial(_source_example, 0)
SOURCE_VIEWS_EXAMPLE = partial(_source_example, 3)
