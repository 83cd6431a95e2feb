"""Text-guided editing along the direction from a neutral to a target text in the space of a CLIP.

StyleCLIP's global direction (Patashnik et al. 2021, section 6) is the difference of target and
neutral text, d_T = t / |t| - t0 / |t0|, and its effect on the latents (`global_direction`). KRR
flow uses it as the gradient of log p(c|x) to edit images; on images it has two interpretations.
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
"""Softening length: gives the first step from the source a gradient. Embeddings are ~0.5 apart."""


def text_direction(target: Condition, neutral: Condition) -> Condition:
    """Returns d_T, the direction from the neutral text to the target, a row per row of the target.

    Args:
        target: text of the edited image, such as "a face with a hat".
        neutral: the same without the edit, "a face"; one row, or one per row of the target.

    Raises:
        ConditionMismatch: conditions of two auxiliaries.
        InvalidInput: numbers of rows that do not match; texts with the same embedding.
    """
    neutral.check_auxiliary(target.auxiliary, target.auxiliary_name)
    if len(neutral) not in (1, len(target)):
        raise InvalidInput(
            f"{len(neutral)} neutral rows for {len(target)} target texts. Give one for all, or "
            "one each."
        )
    origins = neutral.embedding.to(target.embedding).expand(len(target), -1)
    try:
        rows = [
            mixed(torch.stack(pair), (1.0, -1.0))
            for pair in zip(target.embedding, origins, strict=True)
        ]
    except InvalidInput as error:
        raise InvalidInput(
            "The target and the neutral text have the same embedding, so there is no direction "
            "from one to the other. Change a text; words unknown to the text encoder have no "
            "effect."
        ) from error
    origin = neutral.labels * (1 if len(neutral) > 1 else len(target))
    labels = tuple(f"{a} - {b}" for a, b in zip(target.labels, origin, strict=True))
    return replace(target, embedding=torch.stack(rows), labels=labels)


def projected(clip: Clip, direction: Condition, **options: object) -> Energy:
    """The energy -<f(x) / |f(x)|, d_T / |d_T|> on images, whose gradient is along d_T everywhere.

    Args:
        clip: f.
        direction: from `text_direction`.
        **options: options of `similarity`, such as views.
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
    """The energy 1 - cos(f(x) - f(x0), d_T) of unit embeddings, relative to a source image x0.

    In contrast to `projected`, other content of the source does not matter. The cosine has no
    gradient at x0. The length of the displacement therefore counts as sqrt(|f(x) - f(x0)|^2 +
    0.1^2): the first step is along d_T, and the value is 1 at x0 and slightly above 0 at best.

    Args:
        clip: f.
        direction: of `text_direction`.
        sources: x0 in [0, 1], of any size: one for all samples, or one each.
        views: 0 for the images themselves; otherwise the number of random views to average over,
            the same for an image and its source, fresh at every evaluation.
        device: device of the evaluation; that of the CLIP if None.

    Raises:
        ConditionMismatch: the direction belongs to another auxiliary.
        InvalidInput: no source, numbers of sources and directions that do not match, or negative
            views.
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
    """Returns directions and sources as one tensor, on which the energy depends."""
    rows, count = len(direction), len(sources)
    if count == 0 or (rows != count and 1 not in (rows, count)):
        raise InvalidInput(
            f"{count} source images for {rows} directions. Give one for all, or one each."
        )
    most = max(rows, count)
    flat = sources.detach().flatten(1).cpu().float().expand(most, -1)
    embedding = torch.cat([direction.embedding.cpu().float().expand(most, -1), flat], dim=1)
    labels = direction.labels if rows == most else direction.labels * most
    return replace(direction, embedding=embedding, labels=labels, called="source images")


def toy_rows(clip: Clip, count: int, seed: int) -> Condition:
    """Random rows of embeddings of the toy CLIP."""
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
