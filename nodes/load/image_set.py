"""Load Image Set: a folder of pictures as one batch, with their captions or labels."""

import os
from pathlib import Path

from ...core.data.image_set import Fit, labels_file, pictures, read_image_set
from ...core.data.subsets import Order, Portion
from ...core.errors import InvalidInput
from ..help import Help
from ..host import autograd, host, io, running, ui
from ..images import to_host
from ..widgets import advanced, portion_widgets

__all__ = ["LoadImageSet"]

TOP = "."
"""The input folder itself."""


MOST = 500
"""Most folders in the list."""


def _folders() -> list[str]:
    """The input folder and its subfolders, by their relative paths."""
    root = host().input_directory()
    found = [TOP]
    for place, inner, _ in os.walk(root):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        found += [(Path(place) / name).relative_to(root).as_posix() for name in inner]
        if len(found) > MOST:
            break
    return found[:MOST]


def _find(name: str) -> Path:
    """The path of a folder in the input folder.

    Raises:
        InvalidInput: it does not exist, or is outside.
    """
    root = Path(os.path.abspath(host().input_directory()))
    # Not resolved: people link folders of pictures from other disks.
    path = Path(os.path.abspath(root / name))
    if not path.is_relative_to(root):
        raise InvalidInput(
            f"The folder {name!r} leads out of {root}. Give a folder inside it, without '..'."
        )
    if not path.is_dir():
        there = ", ".join(_folders()[1:20]) or "none"
        raise InvalidInput(f"There is no folder {name!r} in {root}; there is {there}.")
    return path


class LoadImageSet(io.ComfyNode):
    """Pictures of a folder."""

    HELP = Help(
        about=(
            "The folder is in ComfyUI's `input` folder. Captions go with the pictures by "
            "a file `captions.txt`: a line per picture in the order of their names, or "
            "lines as `name: caption`; labels by `labels.csv` with rows `name,label`. "
            "Pictures are rotated by their EXIF orientation and become RGB; an unreadable "
            "one stops the run with an error that names it. `part` halves the pictures in "
            "an `order` drawn from a seed, balanced over the labels or not: one half for "
            "KRR Flow Refine, the other for `real images` of Evaluate Images."
        ),
        example=(
            "`folder` = `birds`, `width` = 128, into `real images` of KRR Flow Refine with a "
            "generator of 128 x 128 pixels."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_LoadImageSet",
            display_name="Load Image Set",
            category="LatentSteer/load",
            description="The pictures of a folder as one batch, sorted by name, with their "
            "captions or labels, for example real images for KRR Flow Refine.",
            inputs=[
                io.Combo.Input(
                    "folder",
                    options=_folders(),
                    default=TOP,
                    tooltip="A folder in the input folder; . is the input folder itself. "
                    "Subfolders are not read.",
                ),
                io.Int.Input(
                    "width",
                    default=0,
                    min=0,
                    max=4096,
                    tooltip="Width of the pictures in pixels (0 to 4096): the generator's, for "
                    "KRR Flow Refine. 0: the height; 0 for both: unchanged, if all are "
                    "of one size.",
                ),
                io.Int.Input(
                    "height",
                    default=0,
                    min=0,
                    max=4096,
                    tooltip="Height of the pictures in pixels (0 to 4096). 0: the width.",
                ),
                io.Combo.Input(
                    "fit",
                    options=["crop", "stretch"],
                    default="crop",
                    tooltip="crop: keep the aspect ratio and cut both sides equally. stretch: "
                    "change the aspect ratio.",
                ),
                io.Int.Input(
                    "limit",
                    default=0,
                    min=0,
                    max=1000000,
                    tooltip="Largest number of pictures to read (0 to 1000000); 0 for all of the "
                    "part.",
                ),
                advanced(
                    io.Int.Input(
                        "first",
                        default=0,
                        min=0,
                        max=1000000,
                        tooltip="How many pictures of the part to skip, in its order (0 to "
                        "1000000).",
                    )
                ),
                advanced(
                    io.String.Input(
                        "labels_file",
                        default="auto",
                        tooltip="auto: captions.txt or labels.csv of the folder, if one is "
                        "there; none; or the name of a .txt or .csv file there. A line per "
                        "picture, in the order of the names or after its name.",
                    )
                ),
                *portion_widgets("the pictures"),
            ],
            outputs=[
                io.Image.Output("images", display_name="images", tooltip="The pictures."),
                io.String.Output(
                    "labels",
                    display_name="labels",
                    tooltip="A line per picture: its caption or label, or its name without such a "
                    "file. Text Condition and Class Condition take it.",
                ),
                io.Int.Output("count", display_name="count", tooltip="How many pictures."),
            ],
        )
        schema.search_aliases = ["folder", "dataset", "real images", "captions", "batch"]
        return schema

    @classmethod
    def validate_inputs(cls, folder: str) -> bool | str:
        """Reports a missing folder before the run, in the same words on every host."""
        try:
            _find(folder)
        except InvalidInput as error:
            return str(error)
        return True

    @classmethod
    def fingerprint_inputs(
        cls, folder: str, labels_file: str | None = "auto", **others: object
    ) -> str:
        """Changes with the pictures and their labels. The host takes an error for a change."""
        place = _find(folder)
        files = [*pictures(place), *_label_files(place, labels_file or "auto")]
        return " ".join(
            f"{path.name}-{(s := path.stat()).st_size}-{s.st_mtime_ns}" for path in files
        )

    @classmethod
    def execute(
        cls,
        folder: str,
        width: int,
        height: int,
        fit: Fit,
        limit: int,
        first: int,
        labels_file: str,
        order: Order = "as filed",
        draw: int = 0,
        part: Portion = "all",
    ) -> io.NodeOutput:
        place = _find(folder)
        size = (height or width, width or height) if width or height else None
        there = len(pictures(place))
        total = max(1, min(limit or there, there - first))
        with autograd(), running(total, "Load Image Set") as bar:
            found = read_image_set(
                place,
                size=size,
                fit=fit,
                first=first,
                limit=limit,
                labels=labels_file,
                order=order,
                seed=draw,
                part=part,
                report=bar.update,
            )
            images = to_host(found.images)
        text = f"{len(images)} pictures of {images.shape[2]} x {images.shape[1]} pixels"
        return io.NodeOutput(images, "\n".join(found.labels), len(images), ui=ui.PreviewText(text))


def _label_files(place: Path, name: str) -> list[Path]:
    found = labels_file(place, name)
    return [] if found is None else [found]
