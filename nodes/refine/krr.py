"""KRR Flow Refine: particles flow towards real images and a condition, and apart."""

from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor

from ...core.auxiliary import AttributeJudge, Auxiliary, Classifier
from ...core.captioner import Captioner
from ...core.chunking import Chunking, ChunkMode
from ...core.clip import Clip
from ...core.energy import Energy
from ...core.errors import ConditionMismatch
from ...core.features import FeatureMap, feature_map
from ...core.generator import Generator
from ...core.krr.settings import Divergence, Estimator, FlowSettings
from ...core.latents import Latents
from ...core.refine.first_order import FirstOrder
from ...core.refine.kernel import Direction
from ...core.refine.rules import Descent
from ...core.refine.schedule import Schedule, ScheduleName
from ..help import Help
from ..host import autograd, io
from ..images import from_host
from ..running import outputs, refined_output, run_refinement
from .krr_widgets import inputs

if TYPE_CHECKING:
    from ...core.krr.kernel import MollifierKind
    from ...core.refine.ordered import PlaceOrder

__all__ = ["KRRFlowRefine"]

AUTO = "auto"


def _features(
    generator: Generator, auxiliary: Auxiliary | Captioner | None, kind: str
) -> FeatureMap:
    """Returns the features of the kernel: of the auxiliary, or of the discriminator."""
    model = generator if auxiliary is None else auxiliary
    if not isinstance(model, Generator | Clip | Classifier | AttributeJudge):
        raise ConditionMismatch(
            f"{model.name!r} has no features to compare images by. Connect a CLIP, a classifier "
            "or a judge of Load Aux Model, or nothing for the generator's discriminator."
        )
    return feature_map(model, "" if kind == AUTO else kind)


class KRRFlowRefine(io.ComfyNode):
    """The Wasserstein gradient flow by particles."""

    HELP = Help(
        about=(
            "The samples of the batch are particles of a distribution. Their own density, "
            "estimated from all of them, drives them apart; the real images' density and "
            "-log p(c given x) attract them; each has its weight, and Energy Report shows the "
            "three curves separately. Densities are estimated in the space of `features`. "
            "Where the energy has a condition per sample, the samples of each condition, at "
            "least 2, have their own density; `pooled` estimates one of all. The result depends "
            "on the other samples of the same condition: a sample alone differs from the same "
            "sample in a batch, but a condition alone equals the same condition in a "
            "batch.\n\nThe paper does not give its eta and xi. 0 uses the number of samples n: "
            "the step is then within about 10 % of kernel density estimation (3 to 9 % on the "
            "digits). A tenth of n is kernel ridge regression proper, 23 to 48 % from it, and as "
            "stable; far below, weights are negative and particles may collapse. "
            "Ridges too small for the precision of float32 features are refused.\n\n"
            "`real_samples` draws some of the real images, at each step or once; keep a part of "
            "them for evaluation (`part` of Load Image Set and Reference Images). With a "
            "`divergence` other than KL the velocity depends on r = p(x given c) / q(x given "
            "c), which the lambdas do not affect; a missing term counts as constant, and with "
            "`lambda_generated` = 0 there is no r: all divergences are then KL."
        ),
        example=(
            "Prior Init with 64 samples, digits classifier as `features`, Load Image Set of "
            "digits into `real images`, Energy Discriminator into `energy`, `steps` = 15, "
            "`step_size` = 0.3."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_KRRFlowRefine",
            display_name="KRR Flow Refine",
            category="LatentSteer/refine",
            description="Moves all samples of a batch together: towards real images, towards a "
            "condition, and apart from each other. KRR flow's algorithm 1, with densities by "
            "kernel ridge regression.",
            inputs=inputs(),
            outputs=outputs(),
        )
        schema.search_aliases = [
            "Wasserstein gradient flow",
            "particles",
            "diversity",
            "SVGD",
            "kernel",
            "improve GAN",
        ]
        return schema

    @classmethod
    def execute(
        cls,
        generator: Generator,
        start: Latents,
        seed: int,
        steps: int,
        step_size: float,
        lambda_generated: float,
        lambda_real: float,
        lambda_condition: float,
        feature: str,
        eta: float,
        xi: float,
        bandwidth: Literal["median", "one", "number"],
        bandwidth_number: float,
        mollifier: "MollifierKind",
        sigma: float,
        mollifier_samples: int,
        sigma_schedule: ScheduleName,
        sigma_final: float,
        estimator: Estimator,
        self_term: bool,
        divergence: Divergence,
        step_schedule: ScheduleName,
        step_final: float,
        clip_norm: float,
        chunk: ChunkMode,
        auxiliary: Auxiliary | None = None,
        real: Tensor | None = None,
        energy: Energy | None = None,
        pooled: bool = False,
        real_samples: int = 0,
        real_draw: Literal["each step", "once"] = "each step",
        places: "PlaceOrder | Literal['all']" = "all",
        at_once: int = 1,
        **shared: Any,  # noqa: ANN401 - what every refiner takes; typed where it is used
    ) -> io.NodeOutput:
        from ...core.krr.density import COUNT
        from ...core.krr.flow import krr_flow
        from ...core.krr.groups import groups_of
        from ...core.krr.kernel import Mollifier

        apart = not pooled and groups_of(energy) is not None
        settings = FlowSettings(
            generated=lambda_generated,
            real=lambda_real,
            condition=lambda_condition,
            eta=eta or (COUNT if apart else float(len(start))),
            xi=xi or _count(real, real_samples),
            bandwidth=bandwidth_number if bandwidth == "number" else bandwidth,
            mollifier=Mollifier(
                kind=mollifier,
                sigma=sigma,
                samples=mollifier_samples,
                final=sigma_final,
                schedule=sigma_schedule,
            ),
            estimator=estimator,
            self_term=self_term,
            divergence=divergence,
            pooled=pooled,
            real_samples=real_samples,
            real_fresh=real_draw == "each step",
        )
        rule = Descent(
            step_size=step_size, step_schedule=Schedule(step_schedule, steps, step_final)
        )
        with autograd():
            flow = krr_flow(
                settings,
                _features(generator, auxiliary, feature),
                steps=steps,
                image_size=generator.image_size,
                chunking=Chunking.of(chunk, generator.image_size),
                condition=energy,
                real=None if real is None else from_host(real),
                seed=seed,
            )
        direction: Direction = flow.direction
        if places != "all":
            from ...core.refine.ordered import Ordered

            direction = Ordered.on(generator.source, direction, places, at_once)
        found = run_refinement(
            "KRR Flow Refine",
            FirstOrder(rule, clip_norm=clip_norm, direction=direction),
            generator=generator,
            start=start,
            energy=flow.energy,
            seed=seed,
            steps=steps,
            keep_best=False,
            chunk=chunk,
            **shared,
        )
        return refined_output(*found)


def _count(real: Tensor | None, drawn: int) -> float:
    """The number of real images that a density is estimated from."""
    there = 1 if real is None else max(1, len(real))
    return float(min(drawn, there) if drawn else there)
