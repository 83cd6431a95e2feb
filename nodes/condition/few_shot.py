"""Few-Shot Condition: a classifier of latents from a few labelled images."""

from typing import Literal

import torch
from torch import Tensor

from ...core.chunking import ChunkMode
from ...core.diffusion.prior import DiffusionPrior
from ...core.errors import InvalidInput
from ...core.generator import Generator
from ...core.images import ImageFit
from ...core.latents import Latents
from ..help import Help
from ..host import io, ui
from ..images import shaped
from ..sockets import GENERATOR, LATENTS, PRIOR
from ..widgets import advanced, chunk, fit_widget
from ..work import Work, working
from .few_shot_widgets import few_shot_output, few_shot_widgets

__all__ = ["FewShotCondition"]

TITLE = "Few-Shot Condition"


class FewShotCondition(io.ComfyNode):
    """A classifier of latents from a few labelled images."""

    HELP = Help(
        about=(
            "Encodes the images by the generator's encoder and trains a logistic regression on "
            "their latents, with a ridge chosen by cross-validation and calibrated probabilities. "
            "There are three ways to label. First, `images` show what is wanted and `others` do "
            "not. Second, `images` are of all classes and `labels` has a line for each, as Load "
            "Image Set gives; `wanted` is one of the labels, or a text that the captions of the "
            "wanted images contain. Third, `images` show what is wanted and nothing else is "
            "known: then they are compared with `unlabelled` or `bank`. In the first two ways "
            "these two serve to estimate the share of what is wanted; without them it is the "
            "share among the labelled images. Fifty images of each kind are enough."
        ),
        example=(
            "Load Image Set with a folder of 50 faces with sunglasses into `images`, one of 50 "
            "others into `others`, then Save Few-Shot Condition."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_FewShotCondition",
            display_name=TITLE,
            category="LatentSteer/condition",
            description="What images should show, from a few labelled ones: D2C section 5. A "
            "classifier of the latents of any generator with an encoder.",
            inputs=[
                GENERATOR.Input("generator", tooltip="A generator with an encoder."),
                io.Image.Input(
                    "images",
                    tooltip="Images that show what is wanted; with labels, images of all classes. "
                    "Of any size, see fit. Grey and transparent ones become RGB.",
                ),
                io.String.Input(
                    "wanted",
                    default="wanted",
                    tooltip="Name of what is wanted. With labels: one of them, or a text that the "
                    "captions of the wanted images contain.",
                ),
                *few_shot_widgets(
                    "estimated from unlabelled and bank, or without them that among the labels"
                ),
                advanced(
                    io.Combo.Input(
                        "risk",
                        options=["elkan-noto", "non-negative"],
                        default="elkan-noto",
                        tooltip="How to learn from images that show what is wanted and from "
                        "unlabelled ones: by weights of Elkan and Noto, which D2C cites, or by "
                        "the non-negative risk of Kiryo et al. No effect with others or labels.",
                    )
                ),
                chunk(),
                io.Image.Input(
                    "others", optional=True, tooltip="Images that do not show what is wanted."
                ),
                io.String.Input(
                    "labels",
                    default="",
                    multiline=True,
                    optional=True,
                    tooltip="A line per image: its label or its caption, from Load Image Set.",
                ),
                io.Image.Input(
                    "unlabelled",
                    optional=True,
                    tooltip="Images of any kind, some of which may show what is wanted.",
                ),
                LATENTS.Input(
                    "bank",
                    optional=True,
                    tooltip="Latents of the generator instead of unlabelled images, or in "
                    "addition.",
                ),
                PRIOR.Input(
                    "prior",
                    optional=True,
                    tooltip="Diffusion prior of the generator's latents: few labels are then "
                    "compared in coordinates between the encoder's and whitened ones, where they "
                    "separate better.",
                ),
                fit_widget(),
            ],
            outputs=[few_shot_output()],
        )
        schema.search_aliases = [
            "D2C",
            "few labels",
            "own labels",
            "classifier",
            "positive unlabelled",
        ]
        return schema

    @classmethod
    def execute(
        cls,
        generator: Generator,
        images: Tensor,
        wanted: str,
        share: float,
        threshold: float,
        ridge: float,
        seed: int,
        risk: Literal["elkan-noto", "non-negative"],
        chunk: ChunkMode,
        others: Tensor | None = None,
        labels: str = "",
        unlabelled: Tensor | None = None,
        bank: Latents | None = None,
        prior: DiffusionPrior | None = None,
        fit: ImageFit = "stretch",
    ) -> io.NodeOutput:
        from ...core.d2c.coordinates import LatentCoordinates
        from ...core.d2c.encoding import check_encodes
        from ...core.d2c.few_shot import fit_few_shot, fit_positive_unlabelled

        name = wanted.strip()
        lines = [line.strip() for line in labels.splitlines() if line.strip()]
        _check_ways(name, lines, others, unlabelled, bank)
        check_encodes(generator)
        if bank is not None:
            bank.check_generator(generator)
        if prior is not None:
            prior.check(generator)
        known = _known(name, lines, images, others)
        total = sum(len(batch) for batch in (images, others, unlabelled) if batch is not None)
        given, chosen = share or None, ridge or None
        with working(TITLE, total, generator, chunk=chunk) as work:
            latents = _encoded(work, generator, images, 0, fit)
            if others is not None:
                rest = _encoded(work, generator, others, len(images), fit)
                latents = torch.cat([rest, latents])
            far = total - (0 if unlabelled is None else len(unlabelled))
            parts: list[Tensor] = []
            if unlabelled is not None:
                parts = [_encoded(work, generator, unlabelled, far, fit)]
            parts += [] if bank is None else [bank.plain().values.float()]
            free = torch.cat(parts) if parts else None
            within = None
            if prior is not None:
                met = latents if free is None else free
                within = LatentCoordinates.of(prior.whitening, met)
            if known is not None:
                made = fit_few_shot(
                    latents,
                    *known,
                    generator,
                    unlabelled=free,
                    share=given,
                    ridge=chosen,
                    threshold=threshold,
                    coordinates=within,
                    seed=seed,
                )
            else:
                made = fit_positive_unlabelled(
                    latents,
                    torch.cat(parts),
                    generator,
                    wanted=name,
                    risk=risk,
                    share=given,
                    ridge=chosen,
                    threshold=threshold,
                    coordinates=within,
                    seed=seed,
                )
        return io.NodeOutput(made, ui=ui.PreviewText(made.summary()))


def _known(
    name: str, lines: list[str], images: Tensor, others: Tensor | None
) -> tuple[Tensor, tuple[str, ...], int] | None:
    """The class of each labelled image, others first, the classes, and the wanted one.

    None where all images show what is wanted. The numbers of images are checked before any is
    encoded.

    Raises:
        InvalidInput: labels that do not fit, or too few images.
    """
    from ...core.d2c.inputs import check_labels, check_number
    from ...core.d2c.labels import labelled, other_class

    if lines:
        known = labelled(lines, name, len(images))
    elif others is not None:
        counts = torch.tensor([len(others), len(images)])
        known = (torch.arange(2).repeat_interleave(counts), (other_class(name), name), 1)
    else:
        check_number(len(images), "positive")
        return None
    check_labels(len(known[0]), *known)
    return known


def _encoded(
    work: Work, generator: Generator, images: Tensor, before: int, fit: ImageFit
) -> Tensor:
    from ...core.d2c.encoding import encoded

    return encoded(
        generator,
        shaped(images, generator, fit),
        chunking=work.chunking,
        device=work.device,
        report=lambda done: work.report(before + done),
    )


def _check_ways(
    name: str,
    lines: list[str],
    others: Tensor | None,
    unlabelled: Tensor | None,
    bank: Latents | None,
) -> None:
    """Checks that the images are labelled in one way.

    Raises:
        InvalidInput: they are not, or `wanted` is empty.
    """
    if not name:
        raise InvalidInput("`wanted` is empty; name what is wanted, such as sunglasses.")
    if lines and others is not None:
        raise InvalidInput(
            "Both `labels` and `others` are given. Labels name the classes of `images`; leave one "
            "of the two out."
        )
    if not lines and others is None and unlabelled is None and bank is None:
        raise InvalidInput(
            "All images are of one class: nothing to compare them with. Give `others`, which do "
            "not show what is wanted, or `labels`, or `unlabelled` images or a `bank` of latents."
        )
