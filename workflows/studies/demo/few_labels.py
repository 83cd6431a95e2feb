"""The part of the short demo on D2C: avatars that show an attribute, from a hundred labels."""

import torch
from jaxtyping import Bool
from torch import Tensor

from ....core.auxiliary import AttributeJudge
from ....core.charts import Start
from ....core.d2c.bank import bank_of_draws, draws_of
from ....core.d2c.coordinates import LatentCoordinates
from ....core.d2c.few_shot import fit_few_shot
from ....core.d2c.rejection import Acceptance, rejection_sample
from ....core.diffusion.prior_files import load_prior
from ....core.latents import Latents
from ....core.metrics.intervals import wilson
from ....core.rng import SampleRng
from ....core.spaces import Identity
from ....core.tasks.edit import inverted
from ....core.zoo import shipped as catalogue
from ....core.zoo.showing import pictures_showing
from ....nodes.work import working
from .shipped import SEED, Budget, ShippedModels, decoded, tick
from .shown import Figure, Part, Picture, PictureGroup, numbers_of

__all__ = ["few_labels"]

LABELLED = "beard"
SHOWN = 6
"""Pictures in a group."""


def few_labels(shipped: ShippedModels, budget: Budget) -> Part:
    """Samples r(c given z) p(z) with r from labelled pictures and p the shipped diffusion."""
    models, judge = shipped.avatars, shipped.avatars_judge
    generator = models.generator
    prior = load_prior(catalogue.embedded("avatars prior (embedded)"))
    pictures, values = shipped.held_out
    has = pictures_showing(values, LABELLED)
    rows = torch.cat([one.nonzero()[: budget.labels, 0] for one in (has, ~has)])
    with working("few labels", budget.bank, generator, models, prior, judge) as work:
        draw = draws_of(generator, prior, steps=budget.steps, report=work.report)
        bank = bank_of_draws(draw, generator, budget.bank, seed=SEED, device=work.device)
        labelled = inverted(
            models, pictures[rows], seed=SEED, chunking=work.chunking, device=work.device
        )
        condition = fit_few_shot(
            labelled.plain().values,
            has[rows].long(),
            ("others", LABELLED),
            1,
            generator,
            unlabelled=bank.values,
            coordinates=LatentCoordinates.of(prior.whitening, bank.values),
            seed=SEED,
        )
        accepted = rejection_sample(
            None,
            condition.probability,
            SampleRng.of(SEED, budget.chosen, "rejection"),
            acceptance=Acceptance("exact"),
            bank=bank,
            device=work.device,
        )
        drawn = Latents.of(Start(bank.values, Identity(generator.source)), generator)
        all_images = decoded(drawn, models, work)
        chosen_images = decoded(accepted.latents(generator), models, work)
        all_show = _shows(judge, all_images.to(work.device))
        chosen_show = _shows(judge, chosen_images.to(work.device))
    return Part(
        f"{len(rows)} labelled pictures, {budget.labels} of them with a {LABELLED}, train D2C's "
        f"classifier of latents. It chooses among {len(bank)} draws of a diffusion prior, by "
        "rejection. No text and no classifier of pictures is used.",
        (
            _group("draws of the prior", all_images, all_show),
            _group(f"draws chosen for a {LABELLED}", chosen_images, chosen_show),
        ),
        (
            Figure("few_chosen", f"of the chosen draws show a {LABELLED}"),
            Figure("few_drawn", "of all draws do"),
        ),
        {
            **numbers_of("few_chosen", wilson(int(chosen_show.sum()), len(chosen_show))),
            **numbers_of("few_drawn", wilson(int(all_show.sum()), len(all_show))),
            "few_images": len(chosen_images),
            "few_draws": len(all_images),
            "few_labels": len(rows),
        },
    )


def _shows(judge: AttributeJudge, images: Tensor) -> Bool[Tensor, " images"]:
    stated = judge.stated_in(LABELLED)
    return torch.tensor(
        [all(one.values()) for one in judge.satisfied(images, [stated] * len(images))]
    )


def _group(what: str, images: Tensor, shows: Tensor) -> PictureGroup:
    shown = images[:SHOWN]
    pictures = [
        Picture(image, f"Avatar {n + 1} of the {what}", tick(bool(shows[n])))
        for n, image in enumerate(shown)
    ]
    return PictureGroup(f"First {len(shown)} of {len(images)} {what}", tuple(pictures))
