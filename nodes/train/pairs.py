"""Synthesise Pairs: latents and the conditions of their images."""

from ...core.auxiliary import Auxiliary
from ...core.chunking import ChunkMode
from ...core.errors import InvalidInput
from ...core.generator import Generator
from ...core.pairs.manifest import LatentStorage
from ...core.pairs.precision import PRECISIONS, ConditionStorage
from ..file_names import checked_name, usable_name
from ..help import Help
from ..host import host, io, ui
from ..kinds import as_auxiliary
from ..sockets import AUXILIARY, GENERATOR, PAIRS
from ..widgets import advanced, chunk, seed
from ..work import working

__all__ = ["SynthesisePairs"]

KIND = "latentsteer_pairs"


class SynthesisePairs(io.ComfyNode):
    """Makes pairs (z, f(G(z)))."""

    HELP = Help(
        about=(
            "Draws latents z from the prior, makes G(z), and computes the auxiliary model's "
            "output: the data of TR0N's Algorithm 1, which need no pictures. With a `name` the "
            "pairs are kept in `models/latentsteer_pairs`: a cancelled or killed synthesis "
            "continues there, a larger `count` adds to them, and equal settings open them at "
            "once. Other models or settings under the same name are refused."
        ),
        example=(
            "`name` = `faces`, `count` = 1000000: queue, cancel whenever the GPU is needed, and "
            "queue again. Then connect the pairs to Train Translator."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_SynthesisePairs",
            display_name="Synthesise Pairs",
            category="LatentSteer/train",
            description="Makes pairs of latents and the conditions of their images, (z, f(G(z))), "
            "for Train Translator. With a name they are kept and can be continued.",
            inputs=[
                GENERATOR.Input("generator", tooltip="The generator whose latents are drawn."),
                AUXILIARY.Input("auxiliary", tooltip="The model that computes the conditions."),
                io.Int.Input(
                    "count",
                    default=20000,
                    min=1,
                    max=100_000_000,
                    tooltip="Number of pairs (1 to 1e8). The paper uses a million.",
                ),
                seed("the pairs", control=False),
                io.String.Input(
                    "name",
                    default="",
                    tooltip="Folder in models/latentsteer_pairs that keeps the pairs; empty: they "
                    "stay in memory.",
                ),
                advanced(
                    io.Boolean.Input(
                        "balanced",
                        default=False,
                        tooltip="Whether every class of a class-conditional generator has as many "
                        "pairs. Off: classes are drawn by the prior.",
                    )
                ),
                advanced(
                    io.Combo.Input(
                        "precision",
                        options=list(PRECISIONS),
                        default="fp32",
                        tooltip="How conditions are stored under a name. fp16 halves their size; "
                        "int8 quarters it, with errors of at most 1/254 of a condition's largest "
                        "number.",
                    )
                ),
                advanced(
                    io.Combo.Input(
                        "latents",
                        options=["stored", "seed", "half"],
                        default="stored",
                        tooltip="How latents are kept under a name. stored: as fp32. half: as "
                        "fp16. seed: not at all; they are drawn again when needed, which takes a "
                        "Gaussian prior.",
                    )
                ),
                advanced(
                    io.Boolean.Input(
                        "repair",
                        default=False,
                        tooltip="Whether to check all stored pairs of that name and to make "
                        "missing and damaged ones again.",
                    )
                ),
                chunk(),
                AUXILIARY.Input(
                    "second_auxiliary",
                    optional=True,
                    tooltip="Another model whose conditions are kept too: each image is made only "
                    "once. Needs a name; Load Pairs chooses between the two.",
                ),
            ],
            outputs=[
                PAIRS.Output(
                    "made",
                    display_name="pairs",
                    tooltip="The pairs, with the conditions of the first auxiliary.",
                )
            ],
            is_output_node=True,
        )
        schema.search_aliases = ["TR0N", "training data", "synthetic pairs"]
        return schema

    @classmethod
    def validate_inputs(cls, name: str | None) -> bool | str:
        """Refuses a bad name before the run."""
        return usable_name(name or None)

    @classmethod
    def execute(
        cls,
        generator: Generator,
        auxiliary: Auxiliary,
        count: int,
        seed: int,
        name: str,
        balanced: bool,
        precision: ConditionStorage,
        latents: LatentStorage,
        repair: bool,
        chunk: ChunkMode,
        second_auxiliary: Auxiliary | None = None,
    ) -> io.NodeOutput:
        from ...core.pairs.in_memory import in_memory
        from ...core.pairs.keeping import keep_pairs
        from ...core.pairs.synthesis import Synthesis

        seen = [as_auxiliary(f) for f in (auxiliary, second_auxiliary) if f is not None]
        if not name and len(seen) > 1:
            raise InvalidInput(
                "Pairs of two auxiliaries are kept under a name. Give one, or disconnect "
                "second_auxiliary."
            )
        folder = host().model_folder(KIND)[0] / checked_name(name) if name else None
        with working("Synthesise Pairs", count, generator, *seen, chunk=chunk) as work:
            source = Synthesis(
                generator, tuple(seen), seed, work.chunking, work.device, balanced=balanced
            )
            if folder is None:
                pairs = in_memory(source, count, work.report)
            else:
                pairs = keep_pairs(
                    folder,
                    source,
                    count,
                    precision=precision,
                    latents=latents,
                    repair=repair,
                    processes=host().processes(),
                    report=work.report,
                )
        text = f"{len(pairs)} pairs" + (f" in {folder}" if folder else "")
        if pairs.dropped:
            text += f"; {len(pairs.dropped)} were not finite and are left out"
        return io.NodeOutput(pairs, ui=ui.PreviewText(text))
