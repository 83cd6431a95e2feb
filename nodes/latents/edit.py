"""Edit by Condition: images that change to show a few-shot condition."""

from typing import TYPE_CHECKING

from torch import Tensor

from ...core.chunking import ChunkMode
from ...core.conditions.few_shot import FewShot
from ...core.d2c.editing import Seen, StrengthMode
from ...core.d2c.moves import MoveKind
from ...core.diffusion.prior import DiffusionPrior
from ...core.errors import InvalidInput
from ...core.generator import Generator
from ...core.latents import Latents
from ...core.pairs.pairs import Pairs
from ..few_shot import correction_widgets, few_shot_socket
from ..few_shot import prior as prior_socket
from ..help import Help
from ..host import io, ui
from ..images import from_host, masks_from_host, to_host
from ..sockets import GENERATOR, LATENTS, PAIRS
from ..widgets import chunk, seed
from ..work import Work, working
from .edit_widgets import bank_widgets, beyond_widget, search_widgets, width_widget

if TYPE_CHECKING:
    from ...core.d2c.bank import LatentBank
    from ...core.d2c.langevin import Correction
    from ...core.d2c.moves import LatentMove

__all__ = ["EditByCondition"]

TITLE = "Edit by Condition"


class EditByCondition(io.ComfyNode):
    """Changes images so that they show a condition."""

    HELP = Help(
        about=(
            "Encodes the images, moves their latents, corrects them by the diffusion prior and "
            "decodes them: D2C's manipulation, without any optimisation of an image. bank mean "
            "moves from the latents of a bank without the condition towards those with it: "
            "towards their mean, towards single modes of them, such as the colours of beards, "
            "and from what is near the image. Each image takes the first of "
            "these ways on which it shows the condition; several `results` take different ones. "
            "vector moves along the normal of the "
            "classifier's boundary, as the released code does, and gradient climbs r with a pull "
            "to the start, as the paper says, which ends at the boundary. "
            "The bank is that of `bank` or `pairs`, otherwise 2000 draws of the prior. White in "
            "`mask` may change; elsewhere the pixels stay as they are. The text on the node lists "
            "r before and after, and images that do not get there."
        ),
        example=(
            "Load Image of a face, a Few-Shot Condition of sunglasses, a diffusion prior, then "
            "Save Image."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_EditByCondition",
            display_name=TITLE,
            category="LatentSteer/latents",
            description="Edits images so that they show a few-shot condition: encode, move, "
            "correct by the diffusion prior, decode.",
            inputs=[
                GENERATOR.Input("generator", tooltip="A generator with an encoder."),
                io.Image.Input(
                    "images",
                    tooltip="The images to edit, of any size; resized to the generator's.",
                ),
                few_shot_socket(),
                io.Combo.Input(
                    "move",
                    options=["bank mean", "vector", "gradient"],
                    default="bank mean",
                    tooltip="bank mean: from the mean of latents without the condition to that of "
                    "those with it. vector: along the classifier's boundary normal. gradient: up "
                    "the gradient of log r, with a pull to the start; needs a prior.",
                ),
                *search_widgets(),
                seed("the correction's noise"),
                io.Int.Input(
                    "results",
                    default=1,
                    min=1,
                    max=1000,
                    tooltip="Results per image, each with its own noise of the correction (1 to "
                    "1000).",
                ),
                *correction_widgets(),
                width_widget(),
                chunk(),
                prior_socket(
                    "Corrects the moved latents; without it they stay uncorrected.", optional=True
                ),
                LATENTS.Input(
                    "bank", optional=True, tooltip="Latents of this generator, for bank mean."
                ),
                PAIRS.Input(
                    "pairs",
                    optional=True,
                    tooltip="Pairs of this generator whose latents are the bank, without `bank`.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Of the images' size, one for all or one each: white may change. The "
                    "results then have the size of the images.",
                ),
                *bank_widgets(),
                beyond_widget(),
            ],
            outputs=[
                io.Image.Output("edited", display_name="images", tooltip="The edited images."),
                LATENTS.Output(
                    "latents", display_name="latents", tooltip="Their latents, without the mask."
                ),
            ],
        )
        schema.search_aliases = ["D2C", "manipulate", "attribute", "few-shot", "edit image"]
        return schema

    @classmethod
    def execute(
        cls,
        generator: Generator,
        images: Tensor,
        condition: FewShot,
        move: MoveKind,
        mode: StrengthMode,
        strength: float,
        certainty: float,
        seen: Seen,
        grid: int,
        seed: int,
        results: int,
        correction: int,
        calls: int,
        width: float,
        chunk: ChunkMode,
        prior: DiffusionPrior | None = None,
        bank: Latents | None = None,
        pairs: Pairs | None = None,
        mask: Tensor | None = None,
        modes: int = 6,
        near: float = 20.0,
        beyond: float = 0.75,
    ) -> io.NodeOutput:
        from ...core.d2c.bank_means import bank_mean
        from ...core.d2c.editing import Editing, edit_by_condition
        from ...core.d2c.encoding import check_encodes
        from ...core.d2c.langevin import Correction
        from ...core.d2c.masking import check_masks
        from ...core.devices import threads_of

        condition.check(generator)
        check_encodes(generator)
        corrected = Correction(correction, calls)
        if prior is not None:
            prior.check(generator)
            corrected.check(prior)
        pictures, masks = from_host(images), None if mask is None else masks_from_host(mask)
        if masks is not None:
            check_masks(masks, pictures)
        editing = Editing(
            strength=strength,
            mode=mode,
            certainty=certainty or condition.threshold,
            seen=seen,
            grid=grid,
            correction=corrected,
            results=results,
            beyond=beyond,
        )
        models = (generator, prior)
        with working(f"{TITLE}: bank", 0, *models, chunk=chunk) as work:
            stored = _bank(generator, prior, bank, pairs, work) if move == "bank mean" else None
            way = (
                _move(move, condition, generator, prior, width, corrected)
                if stored is None
                else bank_mean(stored, condition, generator, modes=modes, near=near)
            )
        total = 1 + way.ways * editing.rounds
        with working(TITLE, total, *models, chunk=chunk) as work:
            threads = threads_of(generator, None, work.chunking, work.device)
            with threads:
                edited = edit_by_condition(
                    pictures,
                    generator,
                    condition,
                    prior,
                    way,
                    editing,
                    masks=masks,
                    seed=seed,
                    chunking=work.chunking,
                    device=work.device,
                    report=work.report,
                )
        shown = ui.PreviewText(edited.summary())
        return io.NodeOutput(to_host(edited.images), edited.latents, ui=shown)


def _bank(
    generator: Generator,
    prior: DiffusionPrior | None,
    bank: Latents | None,
    pairs: Pairs | None,
    work: Work,
) -> "LatentBank":
    from ...core.d2c.bank import LatentBank, bank_of

    if bank is not None:
        return LatentBank.of_latents(bank)
    return bank_of(generator, pairs, prior, device=work.device)


def _move(
    move: MoveKind,
    condition: FewShot,
    generator: Generator,
    prior: DiffusionPrior | None,
    width: float,
    correction: "Correction",
) -> "LatentMove":
    from ...core.d2c.moves import GradientMove, boundary_move

    if move == "vector":
        return boundary_move(condition, generator)
    if prior is None:
        raise InvalidInput(
            "The gradient is corrected by a diffusion prior after each step. Connect a prior, or "
            "set the move to bank mean or vector."
        )
    return GradientMove(condition, prior, width, correction)
