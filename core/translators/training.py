"""Training translators on synthetic pairs, TR0N Algorithm 1."""

from dataclasses import replace

from ..auxiliary import Auxiliary
from ..devices import threads_for
from ..generator import Generator
from ..pairs.pairs import Pairs
from ..pairs.processes import ALONE, Processes
from ..rng import derive_seed
from .coordinates import Heads, paper_heads
from .loading import loaded
from .loop import Loop
from .progress import TrainingFile, TrainingFolder
from .recipes import FAST, PAPER, Training
from .resumed import TrainingReport
from .translator import (
    InitialStd,
    Translator,
    TranslatorConfig,
    TranslatorKind,
    translator_of,
)

__all__ = ["FAST", "PAPER", "Training", "fit_translator", "new_translator"]


def new_translator(
    generator: Generator,
    auxiliary: Auxiliary,
    *,
    kind: TranslatorKind = "mixture",
    components: int = 10,
    hidden: int = 100,
    initial_std: InitialStd = 1.0,
    heads: Heads = "plain",
    seed: int,
) -> Translator:
    """Makes an untrained translator from the auxiliary's conditions to the generator's latents.

    Args:
        generator: generator of the latents.
        auxiliary: auxiliary f of the conditions.
        kind: key of `translator.KINDS`.
        components: number of components K of a mixture; other kinds have one.
        hidden: hidden width H.
        initial_std: sigma of a mixture before training, see `TranslatorConfig`.
        heads: `plain` treats all coordinates of the latent alike, without bounds. `paper`
            regresses class blocks and bounds blocks by a tanh, see `coordinates.paper_heads`.
        seed: seed of the initial weights.

    Raises:
        InvalidInput: a value out of range, or the kind needs a library that is not installed.
    """
    regressed, bounds = paper_heads(generator.source) if heads == "paper" else ((), ())
    config = TranslatorConfig(
        kind=kind,
        embed_dim=auxiliary.embed_dim,
        latent_dim=generator.source.dim,
        components=components if kind == "mixture" else 1,
        hidden=hidden,
        initial_std=initial_std,
        generator=generator.id,
        generator_name=generator.name,
        auxiliary=auxiliary.id,
        auxiliary_name=auxiliary.name,
        # Eq. (8) is a regression of all coordinates.
        regressed=() if kind == "deterministic" else regressed,
        bounds=bounds,
    )
    return translator_of(config, seed=derive_seed(seed, "translator"))


def fit_translator(
    translator: Translator,
    pairs: Pairs,
    training: Training,
    *,
    seed: int,
    report: TrainingReport = lambda done, loss: None,
    progress: TrainingFile | TrainingFolder | None = None,
    processes: Processes = ALONE,
) -> Translator:
    """Trains a translator in place and returns it, frozen.

    The loss is the negative log-likelihood, eq. (3), or for the deterministic kind the squared
    distance, eq. (8). Departure: by default it is divided by the latent dimension, not multiplied
    by 1e-4.

    Several processes train on the same batches, each on its rows, and sum their gradients: losses
    and weights are those of one process up to rounding, and the weights of all processes are
    equal. Each holds all pairs in memory.

    Args:
        translator: translator from `new_translator`.
        pairs: pairs on the CPU; they are moved to the translator's device. Those with numbers that
            are not finite are dropped and counted in a warning.
        training: hyperparameters.
        seed: seed of the order of the pairs and of the noise on the conditions.
        report: callback after every batch, with the number of batches done and the loss; first
            with the position and nan where the training resumes. An exception from it ends the
            training.
        progress: file in which the training is kept, and from which it resumes if it exists. The
            result has the bits of an uninterrupted training with the same numbers of threads and
            processes; with others it differs by rounding, and a warning says so. The file
            remains, so that a finished training is not repeated; the caller removes it. With a
            folder the file is named by the training, and removed when the training is finished.
        processes: processes that share the batches, each of which makes this call. All must see
            the same file.

    Raises:
        GeneratorMismatch: the pairs are of another generator, or of one with other options.
        ConditionMismatch: the pairs are of another auxiliary.
        InvalidInput: no pairs, pairs of another width, too many that are not finite, batches of
            fewer pairs than processes, or processes with different trainings.
        PeerFailed: another process has ended.
        ResumeMismatch: the file is of another training, of something else, or damaged.
        Diverged: the loss is no longer finite.
    """
    config, against = translator.config, "the translator is for"
    pairs.check_generator(config.generator, config.generator_name, against=against)
    pairs.check_auxiliary(config.auxiliary, config.auxiliary_name, against=against)
    latents, conditions = loaded(pairs, config)
    if training.initial_std is not None:
        translator.config = replace(config, initial_std=training.initial_std)
    device = translator.like.device
    with threads_for((translator,), rows=training.batch_size, device=device):
        Loop(translator, latents, conditions, training, seed, processes).run(report, progress)
    return translator.eval().requires_grad_(False)


def batches_of(pairs: int, training: Training) -> int:
    """Number of batches of a training, for progress bars."""
    return -(-pairs // training.batch_size) * training.epochs
