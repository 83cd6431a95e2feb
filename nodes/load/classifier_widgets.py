"""Inputs of Load Aux Model for classifiers: settings that files do not contain."""

import os
import re
from pathlib import Path

from ...core.auxiliaries.classifiers.names import read_class_names
from ...core.checkpoints.names import FOLDER_MARKS
from ...core.errors import InvalidInput
from ..host import host, io
from ..model_files import find
from ..widgets import advanced

__all__ = ["AUTO", "classifier_options", "classifier_widgets"]

AUX = "latentsteer_aux"
AUTO = "auto"


def _texts() -> list[str]:
    """The text files in the folders of auxiliary models, outside model folders."""
    found: set[str] = set()
    for root in host().model_folder(AUX):
        for place, inner, files in os.walk(root):
            if not set(FOLDER_MARKS).isdisjoint(files):
                inner.clear()
                continue
            texts = [Path(place, file) for file in files if file.lower().endswith(".txt")]
            found |= {text.relative_to(root).as_posix() for text in texts}
    return sorted(found)


def _three(name: str, text: str) -> tuple[float, ...] | None:
    """Three numbers separated by commas or spaces; None for "auto".

    Raises:
        InvalidInput: anything else.
    """
    if text.strip().lower() in (AUTO, ""):
        return None
    try:
        return tuple(float(part) for part in re.split(r"[,;\s]+", text.strip(" ,;[]()\t\n")))
    except ValueError as error:
        raise InvalidInput(
            f"{name} {text!r}; expected auto, or three numbers such as 0.485, 0.456, 0.406."
        ) from error


def classifier_options(
    class_names: str, mean: str, std: str, max_pool: str, image_size: int
) -> dict[str, object]:
    """The chosen options, by core's names."""
    numbers = {name: _three(name, text) for name, text in (("mean", mean), ("std", std))}
    chosen: dict[str, object] = {name: three for name, three in numbers.items() if three}
    if class_names != AUTO:
        chosen["classes"] = read_class_names(find(AUX, class_names))
    if max_pool != AUTO:
        chosen["max_pool"] = max_pool == "on"
    if image_size:
        chosen["image_size"] = image_size
    return chosen


def classifier_widgets() -> list[io.Input]:
    """Widgets for what a classifier's file does not contain."""
    return [
        advanced(
            io.Combo.Input(
                "class_names",
                options=[AUTO, *_texts()],
                default=AUTO,
                optional=True,
                tooltip="For classifiers: a text file in models/latentsteer_aux with the name of "
                "a class per line, in the order of the logits. auto: the names in the model's own "
                "file or folder; ImageNet's for 1000 classes of torchvision and timm; else "
                "numbers from 0.",
            )
        ),
        advanced(
            io.String.Input(
                "mean",
                default=AUTO,
                optional=True,
                tooltip="For classifiers: the mean of red, green and blue that is subtracted "
                "from images in [0, 1], such as 0.485, 0.456, 0.406. auto: the folder's "
                "value; for files ImageNet's, or CIFAR's if the first convolution is 3 "
                "x 3.",
            )
        ),
        advanced(
            io.String.Input(
                "std",
                default=AUTO,
                optional=True,
                tooltip="For classifiers: the standard deviation of red, green and blue that "
                "images are divided by, such as 0.229, 0.224, 0.225. auto: as for the "
                "mean. Wrong values raise no error; they only give poor results.",
            )
        ),
        advanced(
            io.Combo.Input(
                "max_pool",
                options=[AUTO, "on", "off"],
                default=AUTO,
                optional=True,
                tooltip="For ResNets: whether a max-pool follows the first convolution, which "
                "the weights do not show. auto: on after a 7 x 7 convolution, as for "
                "ImageNet; off after a 3 x 3 one, as is usual for CIFAR. Some CIFAR "
                "networks have one: if the classifier is often wrong, try on.",
            )
        ),
        advanced(
            io.Int.Input(
                "image_size",
                default=0,
                min=0,
                max=4096,
                optional=True,
                tooltip="For classifiers of torchvision: side in pixels of its square input (0 "
                "to 4096). 0: the usual size of such files, 224 for ImageNet's ResNets "
                "and 32 for CIFAR's; larger images are scaled down.",
            )
        ),
    ]
