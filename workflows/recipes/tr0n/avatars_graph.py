"""Settings and models of TR0N's rows on the avatars."""

from ..files import (
    AVATARS,
    AVATARS_CLIP,
    AVATARS_HELD_OUT,
    AVATARS_JUDGE,
    AVATARS_TRANSLATOR,
)
from ..graph import GraphBuilder, Link

__all__ = [
    "EPOCHS",
    "HIDDEN",
    "INVERSE_TEMPERATURE",
    "NOISE",
    "PAIRS",
    "STEPS",
    "VIEWS",
    "AvatarsGraph",
]

STEPS, INVERSE_TEMPERATURE = 100, 1000.0
VIEWS = 0
"""Views of the energy: on avatars the image itself works as well as random views."""
NOISE = 0.5
PAIRS, EPOCHS, HIDDEN = 12_000, 20, 256
"""Training of the translator."""
ADAM_STEPS, ADAM_RATE = 30, 0.03


class AvatarsGraph(GraphBuilder):
    """Graph with the models of the avatars.

    Args:
        trained: whether the graph trains its translator, as in the paper, or opens the shipped
            one.
    """

    def __init__(self, *, trained: bool = False) -> None:
        super().__init__(
            {
                "EnergyCLIP": {"views": VIEWS},
                "TrainTranslator": {
                    **{"pairs": PAIRS, "epochs": EPOCHS, "hidden": HIDDEN},
                    **{"condition_noise": NOISE, "heads": "paper"},
                },
                "LangevinRefine": {"steps": STEPS, "inverse_temperature": INVERSE_TEMPERATURE},
                "AdamRefine": {"steps": ADAM_STEPS, "learning_rate": ADAM_RATE},
            }
        )
        self.load(AVATARS, AVATARS_CLIP)
        self.trained = trained

    def started(self, condition: Link, **inputs: object) -> Link:
        """Draws by the translator."""
        if self.trained:
            translator = self.add("TrainTranslator")
        else:
            translator = self.add("LoadTranslator", file=AVATARS_TRANSLATOR)
        return self.add("TranslatorInit", translator=translator, condition=condition, **inputs)

    def judge(self, images: Link, condition: Link | None = None) -> None:
        """Evaluates by the prompts, or else against avatars that no model was trained on."""
        asked = {"reference": AVATARS_HELD_OUT} if condition is None else {"condition": condition}
        self.judged(images, AVATARS_JUDGE, **asked)
