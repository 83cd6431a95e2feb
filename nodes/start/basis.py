"""Basis Init: the best of many candidates as a basis of each latent."""

from ...core.charts import Start, WeightKind
from ...core.chunking import ChunkMode
from ...core.condition import Condition
from ...core.energy import Energy
from ...core.errors import InvalidInput
from ...core.generator import Generator
from ...core.latents import Latents
from ...core.pairs.pairs import Pairs
from ...core.rng import SampleRng
from ...core.spaces import Identity
from ...core.starts.basis import Classes, WeightStart, from_basis
from ...core.starts.candidates import Draw
from ..help import Help
from ..host import io, ui
from ..sockets import CONDITION, ENERGY, GENERATOR, LATENTS, PAIRS
from ..widgets import advanced, chunk, seed
from ..work import working
from .widgets import samples_of

__all__ = ["BasisInit"]


def _numbers() -> list[io.Input]:
    return [
        io.Int.Input(
            "samples",
            default=4,
            min=1,
            max=100000,
            tooltip="How many samples (1 to 100000); a condition with several rows decides "
            "instead.",
        ),
        io.Int.Input(
            "candidates",
            default=1000,
            min=1,
            max=1000000,
            tooltip="Candidates per sample, M in the paper (1 to 1000000), which takes 10000.",
        ),
        io.Int.Input(
            "keep",
            default=5,
            min=1,
            max=1000,
            tooltip="How many of them make the basis, k in the paper (1 to 1000): 5 or 10 there. "
            "At most as many as candidates.",
        ),
    ]


def _weights() -> list[io.Input]:
    return [
        io.Combo.Input(
            "weights",
            options=["scalar", "linear", "softmax"],
            default="scalar",
            tooltip="The weights of the basis. scalar: one number per vector, as in the paper "
            "(equation 4). linear: one per vector and coordinate. softmax: logits per vector and "
            "coordinate, as in the released code.",
        ),
        advanced(
            io.Combo.Input(
                "weights_start",
                options=["equal", "random"],
                default="equal",
                tooltip="Where the weights start. equal: 1/k each, as in the paper. random: "
                "logits from N(0, 1) for every coordinate, as in the released code; for softmax "
                "alone.",
            )
        ),
    ]


def _classes() -> list[io.Input]:
    return [
        advanced(
            io.Combo.Input(
                "classes",
                options=["prior", "gaussian"],
                default="prior",
                tooltip="The class of a candidate. prior: one of the generator's. gaussian: "
                "y ~ N(0, I), which makes noisy images (figure 12).",
            )
        ),
        advanced(
            io.Boolean.Input(
                "over_classes",
                default=True,
                tooltip="Whether the class is a weighted sum over a basis too. Off: one class "
                "per sample, which starts at the mean of the candidates'.",
            )
        ),
    ]


class BasisInit(io.ComfyNode):
    """FuseDream's initialisation."""

    HELP = Help(
        about=(
            "The `keep` best of many candidates of the prior become a basis: a sample is "
            "their weighted sum, and Adam Refine moves points and weights together. "
            "`weights` scalar is the paper's: a number per vector, which moves the sample "
            "through the span of the basis as a whole; linear and softmax weight every "
            "coordinate separately. A candidate costs one image and no gradient; with "
            "Energy CLIP, views multiply that. The text on the node lists which were kept. "
            "With several prompts connect the condition too: one sample for each of its "
            "rows. With `pairs` the candidates are the pairs nearest to the condition instead "
            "of draws of the prior, so that a few are enough; as many as `keep` leave "
            "nothing to choose."
        ),
        example=(
            "`candidates` = 10000, `keep` = 5, Energy CLIP with 50 views, then Adam Refine "
            "with 1000 steps: FuseDream. As its code does it: 0 views here, `weights` "
            "softmax, `weights_start` random, and in Adam Refine `latent_noise` 0.01 and "
            "`returned` last but one (the second to last)."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_BasisInit",
            display_name="Basis Init",
            category="LatentSteer/initialise",
            description="Draws many candidates, keeps those of lowest energy, and writes each "
            "sample as their weighted sum: FuseDream section 3.2. Refine it to move both.",
            inputs=[
                GENERATOR.Input("generator", tooltip="The generator whose latents to draw."),
                ENERGY.Input(
                    "energy",
                    tooltip="Chooses the candidates. Energy CLIP with views is the paper, with "
                    "0 views the released code.",
                ),
                seed("the candidates, of random energies and of random weights"),
                *_numbers(),
                *_weights(),
                *_classes(),
                CONDITION.Input(
                    "condition", optional=True, tooltip="Makes one sample for each of its rows."
                ),
                chunk(),
                PAIRS.Input(
                    "pairs",
                    optional=True,
                    tooltip="Pairs of the generator and the condition's auxiliary: the "
                    "candidates are those nearest to the condition, which is then needed.",
                ),
            ],
            outputs=[
                LATENTS.Output(
                    "latents",
                    display_name="latents",
                    tooltip="The samples, each as a weighted sum over its basis.",
                ),
                LATENTS.Output(
                    "basis",
                    display_name="basis",
                    tooltip="The candidates kept, as separate latents: those of the first "
                    "sample, the best first, then those of the second (figure 14).",
                ),
            ],
        )
        schema.search_aliases = ["FuseDream", "top-k", "over-parametrisation", "candidates"]
        return schema

    @classmethod
    def execute(
        cls,
        generator: Generator,
        energy: Energy,
        seed: int,
        samples: int,
        candidates: int,
        keep: int,
        weights: WeightKind,
        weights_start: WeightStart,
        classes: Classes,
        over_classes: bool,
        chunk: ChunkMode,
        condition: Condition | None = None,
        pairs: Pairs | None = None,
    ) -> io.NodeOutput:
        count = samples_of(condition, samples)
        total = count * candidates

        def drawing() -> Draw | None:
            if pairs is None:
                return None
            if condition is None:
                raise InvalidInput(
                    "Pairs are connected without a condition. Connect what they should be near "
                    "to, or disconnect them."
                )
            from ...core.starts.nearest import candidates_of, pairs_of_samples

            table = pairs_of_samples(pairs, generator, condition, count, candidates)
            return candidates_of(pairs, table, generator, work.device)

        with working("Basis Init", total, generator, energy, chunk=chunk) as work:
            start, found = from_basis(
                generator,
                SampleRng.of(seed, count, "basis"),
                energy=energy,
                candidates=candidates,
                keep=keep,
                weights=weights,
                weights_start=weights_start,
                classes=classes,
                over_classes=over_classes,
                draw=drawing(),
                chunking=work.chunking,
                device=work.device,
                report=work.report,
            )
        points = Start(found.points.flatten(0, 1), Identity(generator.source))
        return io.NodeOutput(
            Latents.of(start, generator),
            Latents.of(points, generator),
            ui=ui.PreviewText(found.summary()),
        )
