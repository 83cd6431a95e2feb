"""Steer: from words or classes to images, in one node."""

import logging

from ...core.auxiliary import Classifier
from ...core.chunking import ChunkMode
from ...core.clip import Clip
from ...core.condition import Condition
from ...core.devices import threads_of
from ...core.errors import ConditionMismatch, InvalidInput
from ...core.latents import decode
from ...core.tasks.models import TaskModels
from ...core.tasks.plans import QUALITIES, Quality, SteerPlan, plan_of, starts_from
from ...core.tasks.steer import CLAUSE_WEIGHT, steered
from ..classes import parse_classes
from ..help import Help
from ..host import autograd, io
from ..images import to_host
from ..running import preview_every as previews
from ..sockets import LATENTS
from ..widgets import advanced, seed
from ..widgets import chunk as chunk_widget
from ..work import working
from .models import TaskModelInputs, model_widget, other_models, task_models, words_need
from .watching import BarWatch

__all__ = ["Steer"]

logger = logging.getLogger("latentsteer")
STARTS = {"translator": "a translator", "pairs": "the nearest pairs", "prior": "the prior"}


class Steer(TaskModelInputs, io.ComfyNode):
    """From words or classes to images."""

    HELP = Help(
        about=(
            "Does what a graph of small nodes does, with the settings that were best in the "
            "studies: it finds several starts for each sample, keeps the best of them, refines "
            "these, and decodes. A line of `prompt` is a row of the result. With "
            "a CLIP a line is a text, with a classifier classes such as `3, 7` or `all`. Clauses "
            "between commas count in addition to the whole line. Words that the model does not "
            "know are listed on the node. `strength` is a factor on Adam's learning rate for "
            "texts, and on the inverse temperature of Langevin dynamics for classes. Cancel "
            "keeps an unfinished refinement in `output/interrupted`."
        ),
        example=(
            "`prompt` = `smiling, red hat, green shirt` with the shipped avatars: four avatars in "
            "about ten seconds. `model` = digits (embedded), `prompt` = `3, 7`: four of each."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_Steer",
            display_name="Steer",
            category="LatentSteer/tasks",
            description="Images of what you write, in one node: start, refinement, choice of the "
            "best, decoding.",
            inputs=[
                io.String.Input(
                    "prompt",
                    default="smiling, red hat, green shirt",
                    multiline=True,
                    tooltip="What to draw, a line each. With a classifier: classes, by name or "
                    "number, separated by commas; ranges such as 0-9; or all.",
                ),
                model_widget(),
                io.Int.Input(
                    "samples",
                    default=4,
                    min=1,
                    max=1000,
                    tooltip="How many images of each line or class (1 to 1000).",
                ),
                io.Combo.Input(
                    "quality",
                    options=list(QUALITIES),
                    default="good",
                    tooltip="How much work goes into each image. draft: a few steps. good: the "
                    "best of several starts. best: more starts and steps, at least twice as "
                    "long as good; on the shipped avatars no better by the judge.",
                ),
                seed("everything random"),
                advanced(
                    io.Float.Input(
                        "strength",
                        default=1.0,
                        min=0.01,
                        max=100.0,
                        step=0.05,
                        tooltip="How strongly the words pull (0.01 to 100). 1 was best in the "
                        "studies. Below, images stay closer to where they start; above, they "
                        "change faster and look less natural.",
                    )
                ),
                *other_models(),
                chunk_widget(),
                previews(),
            ],
            outputs=[
                io.Image.Output(
                    "images", display_name="images", tooltip="One image per sample, in [0, 1]."
                ),
                LATENTS.Output(
                    "latents",
                    display_name="latents",
                    tooltip="Their latents, to refine, edit or save.",
                ),
            ],
        )
        schema.search_aliases = [
            *("text to image", "prompt", "generate", "CLIP guidance", "class", "sampler", "seeds"),
        ]
        return schema

    @classmethod
    def execute(
        cls,
        prompt: str,
        model: str,
        samples: int,
        quality: Quality,
        seed: int,
        strength: float,
        auxiliary: str,
        pairs: str,
        chunk: ChunkMode,
        preview_every: int,
    ) -> io.NodeOutput:
        with autograd():
            models = task_models(model, auxiliary, pairs)
        plan, generator = plan_of(models, quality, strength), models.generator
        with working("Steer", plan.work, generator, models, chunk=chunk) as work:
            wanted, notes = _wanted(prompt, models)
            latents = steered(
                models,
                wanted,
                plan,
                samples=samples,
                seed=seed,
                chunking=work.chunking,
                device=work.device,
                watch=BarWatch(work.bar, preview_every),
            )
            with threads_of(generator, None, work.chunking, work.device):
                images = decode(latents, generator, work.chunking, work.device)
        for note in notes:
            logger.warning("Steer: %s", note)
        text = "\n".join([_said(models, plan, len(images)), *notes])
        return io.NodeOutput(to_host(images), latents, ui={"text": (text,)})


def _wanted(prompt: str, models: TaskModels) -> tuple[Condition, tuple[str, ...]]:
    """The condition of a prompt, and notes on it."""
    from ...core.conditions.prompts import text_condition

    f = models.auxiliary
    if not prompt.strip():
        what = "classes, such as 3, 7" if isinstance(f, Classifier) else "what to draw"
        raise InvalidInput(f"The prompt is empty. Write {what}.")
    if isinstance(f, Clip):
        made = text_condition(f, prompt, clause_weight=CLAUSE_WEIGHT)
        return made.condition, made.notes
    assert isinstance(f, Classifier)
    try:
        return f.condition(parse_classes(prompt, f)), ()
    except ConditionMismatch as error:
        if not any(map(str.isalpha, prompt)):
            raise
        raise ConditionMismatch(f"{error} {words_need()}") from None


def _said(models: TaskModels, plan: SteerPlan, images: int) -> str:
    spares = f", the best of {plan.spares} each" if plan.spares > 1 else ""
    steps = plan.first + plan.steps
    return f"{images} images from {STARTS[starts_from(models)]}{spares}, {steps} steps"
