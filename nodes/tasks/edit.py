"""Edit Image: from an image and words to changed images, in one node."""

import logging
from collections.abc import Callable
from functools import partial

from torch import Tensor

from ...core.chunking import ChunkMode
from ...core.clip import Clip
from ...core.conditions.few_shot import FewShot
from ...core.devices import threads_of
from ...core.errors import InvalidInput
from ...core.images import FITS, ImageFit, fitted
from ...core.latents import Latents, decode
from ...core.tasks.edit import EditPlan
from ...core.tasks.edit_search import EditSearch
from ...core.tasks.fitting import keeping, misfit, usual_misfit
from ...core.tasks.models import TaskModels
from ...core.tasks.words import Change, changes, notes_on
from ..help import Help
from ..host import autograd, io
from ..images import from_host, masks_from_host, to_host
from ..running import preview_every as previews
from ..sockets import FEW_SHOT, LATENTS
from ..widgets import advanced, seed
from ..widgets import chunk as chunk_widget
from ..work import Model, Work, working
from .edit_moves import (
    MOVES,
    EditBy,
    EditEnds,
    Moves,
    by_labels,
    by_search,
    by_words,
    labels_plan,
)
from .models import (
    TaskModelInputs,
    check_reads_words,
    model_widget,
    other_models,
    task_models,
)
from .watching import BarWatch

__all__ = ["EditImage"]

UNUSED = "`few_shot` has no effect unless `moves` is labels."
logger = logging.getLogger("latentsteer")


class EditImage(TaskModelInputs, io.ComfyNode):
    """From an image and words to changed images."""

    HELP = Help(
        about=(
            "Finds the latents of the image, and moves them until the CLIP sees what `words` say, "
            "as little as possible. `words` may say several things, separated by commas, and what "
            "to take away: no glasses. Values of the same thing in `instead` make it more "
            "certain: blue hat, green hat. With `moves` = words the move follows from stored "
            "pairs, without gradients; with search it is a refinement, which needs no pairs. "
            "Where `keep` is white the image stays as it is. The node says which changes the CLIP "
            "sees and which words it does not know, and warns of an image that the model cannot "
            "draw."
        ),
        example=(
            "Load Image of an avatar, `words` = `a red hat`, `results` = 4, then Save Image: four "
            "versions with a red hat."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_EditImage",
            display_name="Edit Image",
            category="LatentSteer/tasks",
            description="Changes one thing in an image by words, and keeps the rest.",
            inputs=[
                io.Image.Input("image", tooltip="The images to change, of any size: see fit."),
                io.String.Input(
                    "words",
                    default="a red hat",
                    multiline=True,
                    tooltip="What the image should show, such as a red hat, or should not show, "
                    "such as no glasses. Several changes are separated by commas.",
                ),
                io.String.Input(
                    "instead",
                    default="",
                    multiline=True,
                    tooltip="What it shows now, or could show, in place of that, separated by "
                    "commas: blue hat, green hat. May be empty.",
                ),
                model_widget(),
                io.Int.Input(
                    "results",
                    default=4,
                    min=1,
                    max=1000,
                    tooltip="How many results of each image (1 to 1000).",
                ),
                seed("the differences among results"),
                advanced(
                    io.Float.Input(
                        "strength",
                        default=1.0,
                        min=0.01,
                        max=10.0,
                        step=0.05,
                        tooltip="Length of the change (0.01 to 10): 1 until the CLIP sees it, "
                        "more for a stronger one. With search, the weight of the words.",
                    )
                ),
                advanced(
                    io.Combo.Input(
                        "moves",
                        options=list(MOVES),
                        default="words",
                        tooltip="What the change follows. words: what stored pairs show of the "
                        "words. labels: what `few_shot` has learned from labelled images; `words` "
                        "then have no effect. search: gradients of the CLIP's similarity; slower, "
                        "and needs no pairs.",
                    )
                ),
                advanced(
                    io.Combo.Input(
                        "fit",
                        options=list(FITS),
                        default=FITS[0],
                        tooltip="An image of another shape than the model's: crop it, pad it with "
                        "its outermost pixels, or stretch it.",
                    )
                ),
                *other_models(),
                chunk_widget(),
                previews(),
                io.Mask.Input(
                    "keep",
                    optional=True,
                    tooltip="A mask of the image's size, white where the image stays as it is; "
                    "one for all images, or one each.",
                ),
                FEW_SHOT.Input(
                    "few_shot",
                    optional=True,
                    tooltip="What to show, for `moves` = labels: from Few-Shot Condition, which "
                    "learns it from a few labelled images.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    "images",
                    display_name="images",
                    tooltip="The results, those of the first image first.",
                ),
                LATENTS.Output(
                    "latents", display_name="latents", tooltip="Their latents, without `keep`."
                ),
            ],
        )
        schema.search_aliases = [
            "change an image",
            "attribute",
            "StyleCLIP",
            "smile",
            "sunglasses",
            "face edit",
            "inpainting",
        ]
        return schema

    @classmethod
    def execute(
        cls,
        image: Tensor,
        words: str,
        instead: str,
        model: str,
        results: int,
        seed: int,
        strength: float,
        moves: Moves,
        fit: ImageFit,
        auxiliary: str,
        pairs: str,
        chunk: ChunkMode,
        preview_every: int,
        keep: Tensor | None = None,
        few_shot: FewShot | None = None,
    ) -> io.NodeOutput:
        wanted = () if moves == "labels" else changes(words, instead)
        with autograd():
            models = task_models(model, auxiliary, pairs)
            if moves != "labels":
                check_reads_words(models)
            generator = models.generator
            pictures = fitted(from_host(image), generator.image_size, fit)
            held = None if keep is None else _held(keep, image, models, fit)
        asked = EditBy(models, pictures, results, seed)
        edit, looks, networks = _edit(asked, moves, wanted, strength, few_shot, chunk)
        with working("Edit Image", looks, generator, models, *networks, chunk=chunk) as work:
            clip = models.auxiliary
            notes = notes_on(clip, wanted) if wanted and isinstance(clip, Clip) else ()
            latents, start, said = edit(work, BarWatch(work.bar, preview_every))
            warning = _warning(models, start, pictures, work)
            with threads_of(generator, None, work.chunking, work.device):
                images = decode(latents, generator, work.chunking, work.device)
            if held is not None:
                images = keeping(images, pictures, held)
        notes = [*notes, *([warning] if warning else [])]
        if few_shot is not None and moves != "labels":
            notes.append(UNUSED)
        for note in notes:
            logger.warning("Edit Image: %s", note)
        return io.NodeOutput(to_host(images), latents, ui={"text": ("\n".join([said, *notes]),)})


def _edit(
    asked: EditBy,
    moves: Moves,
    wanted: tuple[Change, ...],
    strength: float,
    few_shot: FewShot | None,
    chunk: ChunkMode,
) -> tuple[Callable[[Work, BarWatch], EditEnds], int, tuple[Model, ...]]:
    """Returns an edit to run, its looks at images, and networks that it calls besides."""
    if moves == "words":
        plan = EditPlan.of(strength)
        return partial(by_words, asked, wanted, plan), len(wanted) * plan.looks, ()
    if moves == "search":
        search = EditSearch(keep=1 / strength)
        return partial(by_search, asked, wanted, search), search.steps, ()
    labels = labels_plan(asked.models, few_shot, strength, chunk)
    networks = () if labels.prior is None else (labels.prior,)
    return partial(by_labels, asked, labels), labels.looks, networks


def _held(keep: Tensor, image: Tensor, models: TaskModels, fit: ImageFit) -> Tensor:
    """The mask of what stays, fitted as the image is.

    Raises:
        InvalidInput: a mask of another size than the image, or neither one mask nor one each.
    """
    mask = masks_from_host(keep)
    if len(mask) not in (1, len(image)):
        raise InvalidInput(
            f"{len(mask)} masks of what to keep for {len(image)} images. Give one for all, or one "
            "for each."
        )
    if mask.shape[1:] != image.shape[1:3]:
        size, wanted = (" x ".join(map(str, one)) for one in (mask.shape[1:], image.shape[1:3]))
        raise InvalidInput(
            f"The mask of what to keep is {size} pixels, the image {wanted} (height x width). "
            "Paint the mask on the image itself, or leave it out. (Load Image gives an empty one "
            "of 64 x 64 for a picture without transparency.)"
        )
    return fitted(mask[:, None], models.generator.image_size, fit)[:, 0]


def _warning(models: TaskModels, start: Latents, pictures: Tensor, work: Work) -> str:
    """A sentence on images that the generator cannot draw; empty without any."""
    most = usual_misfit(models, chunking=work.chunking, device=work.device)
    far = misfit(models, start, pictures, chunking=work.chunking, device=work.device)
    worst = float(far.max())
    if worst <= most:
        return ""
    return (
        f"{int((far > most).sum())} of {len(far)} images are far from what "
        f"{models.generator.name} draws: they differ from their nearest ones by {worst:.2f} of a "
        f"colour's range, where {most:.2f} is usual. Changes may look wrong."
    )
