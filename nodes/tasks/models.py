"""The models of a whole task: widgets, and the models that they name."""

from ...core.auxiliary import Auxiliary
from ...core.errors import ConditionMismatch, InvalidInput, SteerError
from ...core.generator import ConditionalGenerator, Generator
from ...core.generators import open_generator
from ...core.pairs.pairs import Pairs
from ...core.tasks.models import TaskModels
from ...core.translators.translator import Translator
from ...core.zoo import shipped as catalogue
from ..host import io
from ..kinds import as_auxiliary
from ..model_files import changed, find, offered, present
from ..widgets import advanced

__all__ = [
    "TaskModelInputs",
    "check_reads_words",
    "model_widget",
    "other_models",
    "task_models",
    "words_need",
]

AUTOMATIC = "automatic"
GENERATORS, AUXILIARIES, PAIRS, TRANSLATORS = (
    f"latentsteer_{kind}" for kind in ("generators", "aux", "pairs", "translators")
)


def model_widget() -> io.Combo.Input:
    """Widget: the generator of a task."""
    return io.Combo.Input(
        "model",
        options=offered(GENERATORS, list(catalogue.GENERATORS)),
        default=next(iter(catalogue.GENERATORS)),
        tooltip="The generator that draws: one shipped with LatentSteer, or a file or a folder "
        "in models/latentsteer_generators.",
    )


def other_models() -> list[io.Input]:
    """Widgets: what says what an image shows, and pairs of both."""
    return [
        advanced(
            io.Combo.Input(
                "auxiliary",
                options=[AUTOMATIC, *offered(AUXILIARIES, list(catalogue.AUXILIARIES))],
                default=AUTOMATIC,
                tooltip="The model that measures how well an image fits: a CLIP for texts, a "
                "classifier for classes. automatic: the one that belongs to a shipped generator.",
            )
        ),
        advanced(
            io.Combo.Input(
                "pairs",
                options=[AUTOMATIC, *offered(PAIRS, list(catalogue.PAIRS))],
                default=AUTOMATIC,
                tooltip="Stored pairs of both models, which make it faster and better. automatic: "
                "the shipped ones, or a folder in models/latentsteer_pairs that fits.",
            )
        ),
    ]


class TaskModelInputs:
    """What nodes with the widgets of a task's models share."""

    @classmethod
    def validate_inputs(cls, model: str, auxiliary: str, pairs: str) -> bool | str:
        """Reports a missing file before the run, in the same words on every host."""
        chosen = ((GENERATORS, model), (AUXILIARIES, auxiliary), (PAIRS, pairs))
        for kind, name in chosen:
            there = True if name == AUTOMATIC else present(kind, name)
            if there is not True:
                return there
        return True

    @classmethod
    def fingerprint_inputs(cls, model: str, auxiliary: str, pairs: str, **others: object) -> str:
        """Changes with the files, and with the pairs to choose from.

        The host passes all inputs, and takes an error for a change.
        """
        chosen = ((GENERATORS, model), (AUXILIARIES, auxiliary), (PAIRS, pairs))
        files = [changed(kind, name) for kind, name in chosen if name != AUTOMATIC]
        return " ".join([*files, *offered(PAIRS, [])])


def task_models(model: str, auxiliary: str, pairs: str) -> TaskModels:
    """Opens the models of a task; call it outside inference mode.

    Args:
        model: name of a generator.
        auxiliary: name of an auxiliary, or automatic.
        pairs: name of pairs, or automatic.

    Raises:
        CheckpointError: a file is missing or damaged.
        ConditionMismatch: an auxiliary of another kind than a CLIP or a classifier.
        InvalidInput: a generator that needs inputs, or one without an auxiliary of its own.
    """
    from ...core.auxiliaries import open_model

    generator = open_generator(find(GENERATORS, model))
    if isinstance(generator, ConditionalGenerator):
        raise InvalidInput(f"{generator.needed} Use Load Generator, Give Inputs and the refiners.")
    own, own_pairs, own_translator = catalogue.COMPANIONS.get(model, ("", "", ""))
    name = own if auxiliary == AUTOMATIC else auxiliary
    if not name:
        raise InvalidInput(
            f"No auxiliary model is known for {model!r}. Choose one in `auxiliary`: a CLIP for "
            "texts, a classifier for classes."
        )
    f = as_auxiliary(open_model(find(AUXILIARIES, name)))
    if pairs != AUTOMATIC:
        found = _stored(pairs, f)
    elif name == own:
        found = _stored(own_pairs, f)
    else:
        found = _fitting(generator, f)
    translator = None
    if name == own:
        from ...core.checkpoints.checkpoint import read

        translator = Translator.from_checkpoint(read(find(TRANSLATORS, own_translator)))
    return TaskModels(generator, f, found, translator)


def check_reads_words(models: TaskModels) -> None:
    """Refuses words for a classifier, before any work.

    Raises:
        ConditionMismatch: the auxiliary is no CLIP; the message lists what can be chosen instead.
    """
    if not models.by_text:
        raise ConditionMismatch(f"{models.auxiliary.name!r} is a classifier. {words_need()}")


def words_need() -> str:
    """Sentences on the CLIPs that can be chosen where words are given."""
    there = ", ".join(offered(AUXILIARIES, []))
    folder = f"models/{AUXILIARIES}"
    files = f"the CLIPs among the models in {folder} ({there})" if there else f"one in {folder}"
    clips = catalogue.EMBEDDED_CLIPS
    with_one = [name for name, (own, *_) in catalogue.COMPANIONS.items() if own in clips]
    return (
        f"Words need a CLIP. Choose a `model` that comes with one: {', '.join(with_one)}; or "
        f"choose one in `auxiliary`: {', '.join(clips)}, or {files}."
    )


def _stored(name: str, auxiliary: Auxiliary) -> Pairs:
    from ...core.pairs.stored import StoredPairs

    return StoredPairs(find(PAIRS, name)).of_auxiliary(auxiliary)


def _fitting(generator: Generator, auxiliary: Auxiliary) -> Pairs | None:
    """The most pairs in the folder that are of both models, None without any."""
    best = None
    for name in offered(PAIRS, []):
        try:
            found = _stored(name, auxiliary)
            found.check_generator(generator.id, generator.name, against="the task is of")
        except SteerError:
            continue
        best = found if best is None or len(found) > len(best) else best
    return best
