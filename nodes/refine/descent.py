"""Langevin Refine and Adam Refine: first-order refiners."""

from typing import Any

from ...core.refine.first_order import FirstOrder, Preset, clip_of
from ...core.refine.rules import Adam, Langevin
from ...core.refine.schedule import Schedule, ScheduleName
from ..help import Help
from ..host import io
from ..running import outputs, refined_output, run_refinement
from ..widgets import advanced, schedule, steps
from .descent_widgets import first_inputs, learning_rate, momentum, shared_inputs

__all__ = ["AdamRefine", "LangevinRefine"]


class LangevinRefine(io.ComfyNode):
    """TR0N's error correction."""

    HELP = Help(
        about=(
            "Every step follows the energy's gradient down and adds noise, so that results "
            "are samples and stay diverse. Previews show the first 16 samples. Cancel stops "
            "within a step and keeps the unfinished run in `output/interrupted`: Load "
            "Latents with the same settings continues it to the same images. Chained "
            "refiners draw fresh noise, even with equal seeds."
        ),
        example=(
            "25 steps, `step_size` = 0.0001, `inverse_temperature` = 20, as in the paper. "
            "Too weak: raise `inverse_temperature` or `steps`. Images break: lower "
            "`step_size`."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_LangevinRefine",
            display_name="Langevin Refine",
            category="LatentSteer/refine",
            description="Langevin dynamics on an energy: TR0N equation 1, and equation 5 on a "
            "basis, with the momentum of its appendix B.1.",
            inputs=[
                *first_inputs(),
                steps(25),
                io.Float.Input(
                    "step_size",
                    default=1e-4,
                    min=1e-12,
                    max=10.0,
                    step=1e-6,
                    round=False,
                    tooltip="lambda, in latent units squared (1e-12 to 10). The noise's standard "
                    "deviation is sqrt(lambda), the gradient's factor beta lambda / 2.",
                ),
                io.Float.Input(
                    "inverse_temperature",
                    default=20.0,
                    min=1e-6,
                    max=1e9,
                    step=0.1,
                    tooltip="beta: weight of the energy relative to the noise (1e-6 to 1e9). "
                    "The paper: 20 for classes, 2000 for StyleGAN2 and NVAE with CLIP, 1e5 for "
                    "BigGAN with CLIP; 1 with Energy Bayes.",
                ),
                momentum(0.99, "The paper uses 0.99; 0 is equation 1 itself."),
                advanced(
                    io.Combo.Input(
                        "preset",
                        options=["custom", "paper", "official code"],
                        default="custom",
                        tooltip="The limit of the gradient norm. custom: clip_norm; paper: none; "
                        "official code: 1, separately for the means of a basis and its "
                        "weights. Everything else is the same in all three; the form of the "
                        "weights is chosen in Translator Init.",
                    )
                ),
                *schedule("step", "lambda"),
                *schedule("noise", "the noise's standard deviation"),
                advanced(
                    io.Float.Input(
                        "weights_rate",
                        default=5e-3,
                        min=1e-9,
                        max=10.0,
                        step=1e-4,
                        round=False,
                        tooltip="Adam's learning rate for the weights of a basis (1e-9 to 10); no "
                        "effect on other latents.",
                    )
                ),
                *shared_inputs(),
            ],
            outputs=outputs(),
        )
        schema.search_aliases = ["TR0N", "MCMC", "SGLD", "sampler", "sampling"]
        return schema

    @classmethod
    def execute(
        cls,
        steps: int,
        step_size: float,
        inverse_temperature: float,
        momentum: float,
        preset: Preset,
        step_schedule: ScheduleName,
        step_final: float,
        noise_schedule: ScheduleName,
        noise_final: float,
        weights_rate: float,
        clip_norm: float,
        **shared: Any,  # noqa: ANN401 - what every refiner takes; typed where it is used
    ) -> io.NodeOutput:
        rule = Langevin(
            step_size=step_size,
            inverse_temperature=inverse_temperature,
            momentum=momentum,
            step_schedule=Schedule(step_schedule, steps, step_final),
            noise_schedule=Schedule(noise_schedule, steps, noise_final),
        )
        weights = Adam(learning_rate=weights_rate)
        refiner = FirstOrder(rule, weights, clip_of(preset, clip_norm))
        found = run_refinement("Langevin Refine", refiner, steps=steps, **shared)
        return refined_output(*found)


class AdamRefine(io.ComfyNode):
    """Descent by Adam."""

    HELP = Help(
        about=(
            "Plain optimisation: it reaches low energies in few steps, but samples become "
            "similar and may satisfy the auxiliary model without looking right. Cancel and "
            "resume work as in Langevin Refine."
        ),
        example="25 steps with `learning_rate` = 0.01 on the digits.",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_AdamRefine",
            display_name="Adam Refine",
            category="LatentSteer/refine",
            description="Adam on an energy, without noise: FuseDream's optimiser and TR0N's "
            "ablation. Fast, and less diverse than Langevin.",
            inputs=[
                *first_inputs(),
                steps(25),
                learning_rate(
                    5e-3,
                    10.0,
                    1e-4,
                    "Length of a step in latent units (1e-9 to 10); the papers use 0.005.",
                ),
                *schedule("rate", "the learning rate"),
                *shared_inputs(),
            ],
            outputs=outputs(),
        )
        schema.search_aliases = ["FuseDream", "optimiser", "sampler"]
        return schema

    @classmethod
    def execute(
        cls,
        steps: int,
        learning_rate: float,
        rate_schedule: ScheduleName,
        rate_final: float,
        clip_norm: float,
        **shared: Any,  # noqa: ANN401 - what every refiner takes; typed where it is used
    ) -> io.NodeOutput:
        rule = Adam(
            learning_rate=learning_rate,
            step_schedule=Schedule(rate_schedule, steps, rate_final),
        )
        refiner = FirstOrder(rule, clip_norm=clip_norm)
        found = run_refinement("Adam Refine", refiner, steps=steps, **shared)
        return refined_output(*found)
