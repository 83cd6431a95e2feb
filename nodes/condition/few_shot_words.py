"""Few-Shot Condition by Words: a classifier of latents that texts over pairs label."""

from ...core.auxiliary import Auxiliary
from ...core.captioner import Captioner
from ...core.condition import Condition
from ...core.generator import Generator
from ...core.pairs.pairs import Pairs
from ..contrast import contrasted_inputs, instead_input, sharpness_widget
from ..help import Help
from ..host import autograd, io, ui
from ..kinds import as_auxiliary
from ..widgets import advanced
from .few_shot_widgets import few_shot_output, few_shot_widgets

__all__ = ["FewShotConditionByWords"]


class FewShotConditionByWords(io.ComfyNode):
    """A classifier of latents that texts over pairs label."""

    HELP = Help(
        about=(
            "Labels every pair: positive if its image, as the auxiliary sees it, is nearer to "
            "the wanted text than to the other. A logistic regression of the pairs' latents on "
            "these labels gives the same condition as Few-Shot Condition, without any image. It "
            "needs no encoder. The more precisely `instead` says what is there otherwise, the "
            "better; each row is an alternative."
        ),
        example=(
            "`condition` = a face with a beard, `instead` = a face without a beard, pairs of the "
            "avatars."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_FewShotConditionByWords",
            display_name="Few-Shot Condition by Words",
            category="LatentSteer/condition",
            description="What images should show, by words: a classifier of latents that is "
            "trained on pairs which an auxiliary labels.",
            inputs=[
                *contrasted_inputs(),
                *few_shot_widgets("that among the pairs"),
                sharpness_widget(". Of two single rows the nearer one does not depend on it."),
                advanced(
                    io.Int.Input(
                        "most",
                        default=4096,
                        min=10,
                        max=1000000,
                        tooltip="Most pairs to train on (10 to 1000000).",
                    )
                ),
                advanced(
                    io.Float.Input(
                        "sure",
                        default=0.0,
                        min=0.0,
                        max=0.999,
                        step=0.01,
                        tooltip="Least probability of a label (0 to 0.999): pairs that are less "
                        "clear are not trained on; 0.5 takes all, 0 chooses by the number that is "
                        "left.",
                    )
                ),
                instead_input(),
            ],
            outputs=[few_shot_output()],
        )
        schema.search_aliases = ["D2C", "few-shot", "zero-shot", "classifier", "text"]
        return schema

    @classmethod
    def execute(
        cls,
        pairs: Pairs,
        generator: Generator,
        auxiliary: Auxiliary | Captioner,
        condition: Condition,
        share: float,
        threshold: float,
        ridge: float,
        seed: int,
        sharpness: float,
        most: int,
        sure: float,
        instead: Condition | None = None,
    ) -> io.NodeOutput:
        from ...core.d2c.words import from_words
        from ...core.pairs.contrast import sharpness as trained_sharpness

        model = as_auxiliary(auxiliary)
        condition.check_auxiliary(model.id, model.name)
        with autograd():
            made = from_words(
                pairs,
                condition,
                instead,
                generator,
                scale=sharpness or trained_sharpness(model),
                most=most,
                sure=sure or None,
                share=share or None,
                ridge=ridge or None,
                threshold=threshold,
                seed=seed,
            )
        return io.NodeOutput(made, ui=ui.PreviewText(made.summary()))
