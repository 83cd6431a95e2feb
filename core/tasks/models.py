"""The models of a task: a generator, an auxiliary that says what images show, and starts."""

from dataclasses import dataclass

from torch import nn

from ..auxiliary import Auxiliary, Classifier
from ..clip import Clip
from ..condition import Condition
from ..energies.classification import classification
from ..energies.similarity import similarity
from ..energy import Energy
from ..errors import ConditionMismatch
from ..features import Features, clip_features
from ..generator import Generator
from ..pairs.pairs import Pairs
from ..translators.translator import Translator

__all__ = ["TaskModels"]


@dataclass(frozen=True)
class TaskModels:
    """The models of a task.

    Attributes:
        generator: G.
        auxiliary: f, a CLIP or a classifier.
        pairs: pairs of both, for starts and for edits; None for starts from the prior.
        translator: translator of both, for starts by classes; None for none.

    Raises:
        ConditionMismatch: another kind of auxiliary.
    """

    generator: Generator
    auxiliary: Auxiliary
    pairs: Pairs | None = None
    translator: Translator | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.auxiliary, (Clip, Classifier)):
            raise ConditionMismatch(
                f"{self.auxiliary.name!r} is a {type(self.auxiliary).__name__}; expected a CLIP, "
                "for texts, or a classifier, for classes. Choose another auxiliary model."
            )

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The networks, each once."""
        translator = () if self.translator is None else (self.translator,)
        every = (*self.generator.modules, *self.auxiliary.modules, *translator)
        return tuple(dict.fromkeys(every))

    @property
    def by_text(self) -> bool:
        """Whether conditions are texts."""
        return isinstance(self.auxiliary, Clip)

    @property
    def clip(self) -> Clip:
        """The auxiliary as a CLIP.

        Raises:
            ConditionMismatch: it is a classifier.
        """
        if isinstance(self.auxiliary, Clip):
            return self.auxiliary
        raise ConditionMismatch(
            f"{self.auxiliary.name!r} is a classifier; words need a CLIP. Choose a CLIP as "
            "auxiliary."
        )

    @property
    def features(self) -> Features | None:
        """The features of the CLIP that images are compared by; None where it has none."""
        f = self.auxiliary
        return clip_features(f) if isinstance(f, Clip) and f.stages is not None else None

    def energy(self, condition: Condition) -> Energy:
        """Returns the energy of a condition: of the image itself, without random views.

        Raises:
            ConditionMismatch: a condition of another auxiliary.
        """
        if isinstance(self.auxiliary, Clip):
            return similarity(self.auxiliary, condition)
        assert isinstance(self.auxiliary, Classifier)
        return classification(self.auxiliary, condition)
