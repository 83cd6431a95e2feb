"""Nearest Pairs Init: the latents of the pairs nearest to a condition."""

from ...core.chunking import ChunkMode
from ...core.condition import Condition
from ...core.energy import Energy
from ...core.generator import Generator
from ...core.latents import Latents
from ...core.pairs.pairs import Pairs
from ...core.rng import SampleRng
from ...core.starts.search import evaluations
from ..help import Help
from ..host import io
from ..sockets import CONDITION, GENERATOR, PAIRS
from ..widgets import advanced, candidates, chunk, generations, seed
from ..work import working
from .widgets import chosen_by, latents, samples_of
from .widgets import samples as samples_widget

__all__ = ["NearestPairsInit"]


class NearestPairsInit(io.ComfyNode):
    """The nearest pairs to a condition."""

    HELP = Help(
        about=(
            "Compares the condition with that of every pair, by cosine for texts and images and "
            "by log probability for classes, and starts from the latents of the best. No image "
            "is made, whatever the number of pairs. Samples of the same condition get its "
            "nearest pairs in turns, so they differ. With `candidates` above 1 an energy ranks "
            "the nearest pairs of a sample; `generations` continue from these. With `mixed` above "
            "1 each candidate is a random weighted sum of that many pairs, drawn from the nearest "
            "ones: what these have in common adds up, and no two candidates are equal."
        ),
        example=(
            "20000 pairs of the avatars, a Text Condition, `samples` = 4, then Adam Refine with "
            "50 steps at 0.03."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_NearestPairsInit",
            display_name="Nearest Pairs Init",
            category="LatentSteer/initialise",
            description="Latents of the pairs whose images fit a condition best, found without "
            "making an image.",
            inputs=[
                PAIRS.Input("pairs", tooltip="Pairs of this generator and the auxiliary."),
                GENERATOR.Input("generator", tooltip="The generator of the latents."),
                CONDITION.Input("condition", tooltip="What to be near to, a row per sample."),
                seed("generations and random energies"),
                samples_widget(" where the condition has one row; else its rows decide."),
                candidates(),
                advanced(
                    io.Int.Input(
                        "among",
                        default=0,
                        min=0,
                        max=10000000,
                        tooltip="For diverse starts, the number of nearest pairs of a condition "
                        "to choose from (0 to 10000000): the nearest, and then always the one "
                        "farthest from those chosen. 0 takes the nearest themselves. With mixed "
                        "above 1, how many nearest pairs the sums are made of; 0 for 24.",
                    )
                ),
                chosen_by(),
                chunk(),
                generations(),
                advanced(
                    io.Int.Input(
                        "mixed",
                        default=1,
                        min=1,
                        max=1000,
                        optional=True,
                        tooltip="How many pairs each candidate is a random weighted sum of (1 to "
                        "1000). 1 takes the pairs themselves; 4 with 50 candidates shows more of "
                        "a long text.",
                    )
                ),
            ],
            outputs=[latents()],
        )
        schema.search_aliases = ["look-up", "retrieval", "top-k", "synthetic pairs"]
        return schema

    @classmethod
    def execute(
        cls,
        pairs: Pairs,
        generator: Generator,
        condition: Condition,
        seed: int,
        samples: int,
        candidates: int,
        among: int,
        chunk: ChunkMode,
        energy: Energy | None = None,
        generations: int = 0,
        mixed: int = 1,
    ) -> io.NodeOutput:
        from ...core.starts.nearest import from_pairs

        count = samples_of(condition, samples)
        total = evaluations(candidates, generations)
        with working("Nearest Pairs Init", total, generator, energy, chunk=chunk) as work:
            start = from_pairs(
                pairs,
                generator,
                condition,
                SampleRng.of(seed, count, "nearest pairs"),
                among=among,
                energy=energy,
                candidates=candidates,
                generations=generations,
                mixed=mixed,
                chunking=work.chunking,
                device=work.device,
                report=work.report,
            )
        return io.NodeOutput(Latents.of(start, generator))
