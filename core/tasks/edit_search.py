"""Editing by search: refinement of the latents of images, with words and keeping as energies."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..chunking import Chunking
from ..clip import Clip
from ..condition import Condition
from ..conditions.prompts import text_condition
from ..energies.perceptual import perceptual, pixels
from ..energies.similarity import similarity
from ..latents import Latents
from ..refine.first_order import FirstOrder
from ..refine.refinement import Refinement, refine
from ..refine.rules import Adam
from .edit import VARIATION, inverted, varied
from .models import TaskModels
from .watch import UNWATCHED, TaskWatch
from .words import Change

__all__ = ["EditSearch", "searched", "wanted_condition"]


@dataclass(frozen=True)
class EditSearch:
    """How images are edited by search.

    Attributes:
        steps: steps of Adam.
        rate: its learning rate.
        noise: standard deviation of noise on the rendered latents, see `core.tasks.plans`.
        keep: weight of the distance to the image, relative to the cosine of the words.
        variation: how much the results of one image differ at the start.
    """

    steps: int = 40
    rate: float = 0.03
    noise: float = 0.1
    keep: float = 1.0
    variation: float = VARIATION


def searched(
    models: TaskModels,
    images: Float[Tensor, "batch 3 height width"],
    wanted: tuple[Change, ...],
    plan: EditSearch,
    *,
    results: int = 1,
    seed: int,
    chunking: Chunking,
    device: torch.device,
    watch: TaskWatch = UNWATCHED,
) -> tuple[Latents, Latents]:
    """Returns images changed as words say, by refinement, and the latents of the images.

    The energy is the negative cosine of what the CLIP sees and the words, plus `keep` times the
    distance to the image. It needs no pairs.

    Args:
        models: the models, with a CLIP.
        images: in [0, 1], of any size.
        wanted: see `core.tasks.words.changes`.
        plan: the settings.
        results: number of results of each image.
        seed: of variations and noise, and of an inversion without encoder.
        chunking: samples at a time.
        device: where the networks are.
        watch: follows the run.

    Raises:
        ConditionMismatch: models without a CLIP.
        InvalidInput: no image, no result, or words that the CLIP cannot encode.
    """
    clip, generator = models.clip, models.generator
    condition = wanted_condition(clip, wanted)
    start = inverted(models, images, seed=seed, chunking=chunking, device=device, watch=watch)
    latents = varied(
        models, start, results, plan.variation, seed=seed, chunking=chunking, device=device
    )
    each = images.repeat_interleave(results, dim=0)
    features = models.features
    near = pixels(each) if features is None else perceptual(features, each)
    job = Refinement(
        title="Edit Image",
        generator=generator,
        energy=similarity(clip, condition) + plan.keep * near,
        refiner=FirstOrder(Adam(learning_rate=plan.rate)),
        steps=plan.steps,
        seed=seed,
        chunking=chunking,
        device=device,
        latent_noise=plan.noise,
    )
    watch.begins(job, latents)
    found, _ = refine(job, latents, on_step=watch.stepped, on_stop=watch.stopped)
    return found, start


def wanted_condition(clip: Clip, wanted: tuple[Change, ...]) -> Condition:
    """Returns one row: what to show, less what not to show and what could be there instead.

    Args:
        clip: the CLIP.
        wanted: the changes.

    Raises:
        InvalidInput: words that the CLIP cannot encode.
    """
    parts = [f"{one.wanted}:{-1 if one.away else 1}" for one in wanted]
    parts += [f"{other}:{-1 / len(one.instead):g}" for one in wanted for other in one.instead]
    return text_condition(clip, " | ".join(parts)).condition
