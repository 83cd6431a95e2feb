"""A training in a node: its pairs, its progress bar, and the file of an interrupted one."""

import math
from dataclasses import dataclass

from ...core.auxiliary import Auxiliary
from ...core.chunking import ChunkMode
from ...core.generator import Generator
from ...core.pairs.pairs import Pairs
from ...core.translators.recipes import Training
from ...core.translators.translator import Translator
from ..host import host
from ..work import Work, working

__all__ = ["GivenOrDrawn", "numbers_of", "trained"]

TITLE = "Train Translator"


def numbers_of(recipe: Training) -> str:
    """The numbers that a recipe replaces, for its tooltip."""
    std = "of the data" if recipe.initial_std == "data" else f"{recipe.initial_std:g}"
    passes = "1 epoch" if recipe.epochs == 1 else f"{recipe.epochs} epochs"
    start = ", from the ridge regression of the pairs" if recipe.regression_start else ""
    return (
        f"{passes} of batches of {recipe.batch_size}, rate {recipe.learning_rate:g}, initial_std "
        f"{std}{start}"
    )


@dataclass(frozen=True)
class GivenOrDrawn:
    """The pairs to train on: given ones, or `count` of the models."""

    generator: Generator
    auxiliary: Auxiliary
    count: int
    seed: int
    given: Pairs | None

    @property
    def models(self) -> tuple[Generator | Auxiliary, ...]:
        """What makes them."""
        return (self.generator, self.auxiliary) if self.given is None else ()

    @property
    def drawn(self) -> int:
        """How many are made."""
        return self.count if self.given is None else 0

    def __len__(self) -> int:
        return self.count if self.given is None else len(self.given)

    def made(self, work: Work) -> Pairs:
        """Returns them."""
        if self.given is not None:
            return self.given
        from ...core.pairs.in_memory import synthetic_pairs

        return synthetic_pairs(
            self.generator,
            self.auxiliary,
            self.count,
            seed=self.seed,
            chunking=work.chunking,
            device=work.device,
            report=work.report,
        )


def trained(
    translator: Translator,
    pairs: GivenOrDrawn,
    training: Training,
    chunk: ChunkMode,
    *,
    resume: bool,
) -> str:
    """Makes the pairs, trains the translator in place, and returns the text for the node."""
    from ...core.translators.progress import TrainingFolder
    from ...core.translators.training import batches_of, fit_translator

    losses: dict[int, float] = {}
    total, size = pairs.drawn + batches_of(len(pairs), training), pairs.generator.image_size
    with working(TITLE, total, *pairs.models, chunk=chunk, image_size=size) as work:

        def report(done: int, loss: float) -> None:
            losses[done] = loss
            work.report(pairs.drawn + done)

        data = pairs.made(work)
        # Not among the files that Load Latents lists.
        folder = host().output_directory() / "interrupted" / "trainings"
        kept = TrainingFolder(
            folder, resume, on_stop=lambda path: host().record_interrupted(path, TITLE)
        )
        with host().on_device((translator,)):
            fit_translator(
                translator,
                data,
                training,
                seed=pairs.seed,
                report=report,
                progress=kept,
                processes=host().processes(),
            )
    known = [loss for loss in losses.values() if not math.isnan(loss)]
    begun = f", resumed after {min(losses)}" if len(known) < len(losses) else ""
    change = f", loss {known[0]:.4f} -> {known[-1]:.4f}" if known else ""
    return f"{max(losses)} batches{begun}{change}"
