"""Nesterov Refine: ReNO's optimiser."""

from typing import Any

from ...core.refine.first_order import FirstOrder
from ...core.refine.rules import Nesterov
from ...core.refine.schedule import Schedule, ScheduleName
from ..help import Help
from ..host import io
from ..running import outputs, refined_output, run_refinement
from ..widgets import advanced, schedule, steps
from .descent_widgets import first_inputs, learning_rate, momentum, shared_inputs

__all__ = ["NesterovRefine"]


class NesterovRefine(io.ComfyNode):
    """Descent with Nesterov's momentum and a clipped gradient."""

    HELP = Help(
        about=(
            "The optimiser of ReNO for the noise of models of one to four steps: long steps "
            "along gradients that are clipped to a small norm, so that every step moves the "
            "noise by about the same length. With Energy Reward and Noise Norm it is ReNO. ReNO "
            "keeps the image of the best rewards, whatever the regulariser is: switch "
            "`keep_best` on and name the rewards in `keep_best_by`, as `HPSv2.1, ImageReward, "
            "PickScore, CLIP`. On small generators with latents of a few hundred numbers take a "
            "`learning_rate` of about 1. Cancel and resume work "
            "as in Langevin Refine."
        ),
        example=(
            "50 steps, `learning_rate` = 5, `momentum` = 0.9, `clip_norm` = 0.1, `keep_best` on, "
            "as in the paper; Hyper-SD with 10."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_NesterovRefine",
            display_name="Nesterov Refine",
            category="LatentSteer/refine",
            description="Descent on an energy with Nesterov's momentum and clipped gradients: the "
            "optimiser of ReNO for the noise of one-step diffusion models.",
            inputs=[
                *first_inputs(),
                steps(50),
                learning_rate(
                    5.0, 1e4, 0.1, "Factor on the clipped gradient (1e-9 to 1e4); ReNO uses 5."
                ),
                momentum(0.9),
                *schedule("rate", "the learning rate"),
                *shared_inputs(0.1, "0.1 in ReNO"),
                advanced(
                    io.String.Input(
                        "keep_best_by",
                        default="",
                        tooltip="With keep_best: beginnings of the names of the terms that decide "
                        "which point is best, separated by commas, such as HPSv2.1, ImageReward. "
                        "Empty: the whole energy. Energy Report shows the names.",
                    )
                ),
            ],
            outputs=outputs(),
        )
        schema.search_aliases = ["ReNO", "SGD", "momentum", "optimiser"]
        return schema

    @classmethod
    def execute(
        cls,
        steps: int,
        learning_rate: float,
        momentum: float,
        rate_schedule: ScheduleName,
        rate_final: float,
        clip_norm: float,
        keep_best_by: str = "",
        **shared: Any,  # noqa: ANN401 - what every refiner takes; typed where it is used
    ) -> io.NodeOutput:
        rule = Nesterov(
            step_size=learning_rate,
            momentum=momentum,
            step_schedule=Schedule(rate_schedule, steps, rate_final),
        )
        refiner = FirstOrder(rule, clip_norm=clip_norm)
        named = tuple(one.strip() for one in keep_best_by.split(",") if one.strip()) or None
        found = run_refinement("Nesterov Refine", refiner, steps=steps, kept_by=named, **shared)
        return refined_output(*found)
