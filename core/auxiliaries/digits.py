"""The digits classifiers of the zoo: f, and the judge that never sees what f was trained on."""

from collections.abc import Callable
from typing import TypeVar

from torch import Tensor

from ..auxiliary import Classifier
from ..checkpoints import Checkpoint
from ..detection import Architecture, Example, all_of, load_network
from ..errors import CheckpointError
from ..images import grey, resized
from ..networks.digits import DigitsClassifier, DigitsJudge

__all__ = ["CLASSIFIER", "JUDGE"]

SIZE = (28, 28)
Network = TypeVar("Network", DigitsClassifier, DigitsJudge)


def _loader(
    build: Callable[[int, int, int], Network], widest: str
) -> Callable[[Checkpoint], Classifier]:
    def load(checkpoint: Checkpoint) -> Classifier:
        classes, features = checkpoint.tensors["logits.weight"].shape
        width = checkpoint.tensors[widest].shape[0]
        network = load_network(build(width, features, classes), checkpoint)
        names = tuple(str(name) for name in checkpoint.config.get("classes", range(classes)))
        if len(names) != classes:
            raise CheckpointError(
                f"{checkpoint.path.name} names {len(names)} classes and has {classes} logits."
            )

        def prepared(images: Tensor) -> Tensor:
            return resized(grey(images), SIZE)

        return Classifier(
            name=checkpoint.path.stem,
            id=checkpoint.sha256,
            module=network,
            classes=names,
            logits=lambda images: network(prepared(images)),
            features=lambda images: network.features(prepared(images)),
        )

    return load


def _config(classes: int) -> dict[str, object]:
    return {"classes": [str(n) for n in range(classes)]}


CLASSIFIER: Architecture[Classifier] = Architecture(
    id="digits-classifier",
    needs="`conv28.weight` and `logits.weight`",
    recognises=all_of("conv28.weight", "norm28.weight", "logits.weight"),
    load=_loader(DigitsClassifier, "conv28.weight"),
    examples=(
        lambda: Example({"": DigitsClassifier(8, 6, 10)}, _config(10)),
        lambda: Example({"": DigitsClassifier(4, 5, 3)}, _config(3)),
    ),
)

JUDGE: Architecture[Classifier] = Architecture(
    id="digits-judge",
    needs="`stem.weight` and `logits.weight`",
    recognises=all_of("stem.weight", "down14.weight", "logits.weight"),
    load=_loader(DigitsJudge, "stem.weight"),
    examples=(lambda: Example({"": DigitsJudge(8, 6, 4)}, _config(4)),),
)
