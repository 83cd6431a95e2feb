"""Load Generator, and where the models of all loaders lie."""

import os
from pathlib import Path

from ..core.architectures import load_generator
from ..core.auxiliaries import FOLDER_MARKS
from ..core.checkpoints import SUFFIXES
from ..core.errors import CheckpointError
from ..core.zoo import catalogue
from .host import autograd, host, io
from .sockets import GENERATOR
from .widgets import advanced

__all__ = ["NODES", "changed", "chosen_options", "find", "offered", "present"]

CURES = {
    "latentsteer_generators": "Put the file there, or choose an embedded model: "
    f"{', '.join(catalogue.GENERATORS)}.",
    "latentsteer_aux": "Put the file there, or choose an embedded model: "
    f"{', '.join(catalogue.AUXILIARIES)}.",
    "latentsteer_translators": "Make one with Train Translator and Save Translator, or put the "
    "file there.",
}
"""Where to get a model."""
FOLDERED = ("latentsteer_generators", "latentsteer_aux")
"""The kinds whose models may be folders."""


def offered(kind: str, embedded: list[str]) -> list[str]:
    """The names that a loader offers: what is shipped, then what lies in the folders."""
    return [*embedded, *_there(kind)]


def _there(kind: str) -> list[str]:
    """Model folders, then files outside of them."""
    folders = _model_folders(kind) if kind in FOLDERED else []
    inside = tuple(f"{folder}/" for folder in folders)
    files = host().list_files(kind, _suffixes(kind))
    return [*folders, *(name for name in files if not name.startswith(inside))]


def _model_folders(kind: str) -> list[str]:
    found: set[str] = set()
    for root in host().model_folder(kind):
        seen: set[str] = set()
        for place, inner, files in os.walk(root, followlinks=True):
            real = os.path.realpath(place)
            marked = place != str(root) and not FOLDER_MARKS.isdisjoint(files)
            if marked:
                found.add(Path(place).relative_to(root).as_posix())
            if marked or real in seen:
                inner.clear()  # not below it
            seen.add(real)
    return sorted(found)


def _suffixes(kind: str) -> list[str]:
    # Translators are ours alone, and we write one format.
    return [".safetensors"] if kind == "latentsteer_translators" else sorted(SUFFIXES)


def find(kind: str, name: str) -> Path:
    """The file of a name that a loader offers.

    Raises:
        CheckpointError: there is none; the message says where it was searched and what there is.
    """
    if catalogue.is_embedded(name):
        return catalogue.embedded(name)
    folders = host().model_folder(kind)
    for folder in folders:
        # Not resolved: people link models from other disks into the folder.
        path = Path(os.path.abspath(folder / name))
        if _is_model(kind, path) and path.is_relative_to(os.path.abspath(folder)):
            return path
    there = ", ".join(_there(kind)) or "no file"
    raise CheckpointError(
        f"There is no model {name!r}. Searched: {', '.join(map(str, folders))}; there is {there}. "
        f"{CURES[kind]}"
    )


def _is_model(kind: str, path: Path) -> bool:
    if kind in FOLDERED and any((path / mark).is_file() for mark in FOLDER_MARKS):
        return True
    return path.is_file()


def present(kind: str, name: str) -> bool | str:
    """Whether a name can be loaded, or the sentence that says why not."""
    try:
        find(kind, name)
    except CheckpointError as error:
        return str(error)
    return True


def changed(kind: str, name: str) -> str:
    """What changes when the file does, or a file of the folder."""
    path = find(kind, name)
    files = (
        sorted(entry for entry in path.iterdir() if entry.is_file()) if path.is_dir() else [path]
    )
    return " ".join(f"{(s := file.stat()).st_size}-{s.st_mtime_ns}" for file in files)


AUTO = "auto"


def _choices() -> list[io.Input]:
    """What files do not tell, or users want otherwise."""
    return [
        advanced(
            io.Combo.Input(
                "latent",
                options=[AUTO, "z", "w", "w+"],
                default=AUTO,
                optional=True,
                tooltip="For StyleGANs: the space that is steered. z and w as in the paper, w+ "
                "with a w for every layer. auto: z.",
            )
        ),
        advanced(
            io.Float.Input(
                "truncation",
                default=0.0,
                min=0.0,
                max=1.0,
                step=0.05,
                optional=True,
                tooltip="Psi (0 to 1): less is more typical and less diverse. StyleGANs pull w "
                "towards its mean; BigGANs scale z, drawn within [-2, 2]. 0: none, psi = 1.",
            )
        ),
        advanced(
            io.Int.Input(
                "cutoff",
                default=0,
                min=0,
                max=64,
                optional=True,
                tooltip="For StyleGANs: truncation in the first so many layers alone (0 to 64); "
                "0 for all.",
            )
        ),
        advanced(
            io.Combo.Input(
                "noise",
                options=[AUTO, "const", "random", "none"],
                default=AUTO,
                optional=True,
                tooltip="For StyleGAN2: the noise of every layer. const: that of the file; "
                "random: anew for every image, as in TR0N's code; none. auto: const, so that a "
                "latent is an image.",
            )
        ),
        advanced(
            io.Float.Input(
                "eps",
                default=0.0,
                min=0.0,
                max=0.1,
                step=1e-6,
                round=False,
                optional=True,
                tooltip="For BigGANs: epsilon of the batch normalisation (0 to 0.1), which no "
                "file holds. 0: 1e-4 for weights converted from TensorFlow, else 1e-5. FuseDream "
                "and TR0N ran the converted ones with 1e-5.",
            )
        ),
    ]


def chosen_options(
    latent: str = AUTO, truncation: float = 0, cutoff: int = 0, noise: str = AUTO, eps: float = 0
) -> dict[str, object]:
    """What differs from auto, by the names that the core has for it."""
    chosen: dict[str, object] = {}
    if latent != AUTO:
        chosen["latent"] = latent
    if truncation:
        chosen["psi"] = truncation
    if cutoff:
        chosen["cutoff"] = cutoff
    if noise != AUTO:
        chosen["noise"] = noise
    if eps:
        chosen["eps"] = eps
    return chosen


class LoadGenerator(io.ComfyNode):
    """Opens a generator."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_LoadGenerator",
            display_name="Load Generator",
            category="LatentSteer/load",
            description="Opens a frozen generator G(z). What it is, is told from the file alone.",
            inputs=[
                io.Combo.Input(
                    "file",
                    options=offered("latentsteer_generators", list(catalogue.GENERATORS)),
                    tooltip="A model shipped with LatentSteer, or a file or a folder with a "
                    "config.json in models/latentsteer_generators, as its authors published it.",
                ),
                *_choices(),
            ],
            outputs=[
                GENERATOR.Output(
                    "generator",
                    display_name="generator",
                    tooltip="The generator with its latent space and its prior; images in [0, 1].",
                )
            ],
        )
        schema.search_aliases = ["GAN", "VAE", "StyleGAN", "BigGAN"]
        return schema

    @classmethod
    def validate_inputs(cls, file: str) -> bool | str:
        """Our own message for a missing file, on every host."""
        return present("latentsteer_generators", file)

    @classmethod
    def fingerprint_inputs(cls, file: str, **others: object) -> str:
        """Runs again when the file changes. The host gives all inputs; an error counts as new."""
        return changed("latentsteer_generators", file)

    @classmethod
    def execute(
        cls,
        file: str,
        latent: str = AUTO,
        truncation: float = 0.0,
        cutoff: int = 0,
        noise: str = AUTO,
        eps: float = 0.0,
    ) -> io.NodeOutput:
        """Reads the file."""
        options = chosen_options(latent, truncation, cutoff, noise, eps)
        with autograd():
            return io.NodeOutput(load_generator(find("latentsteer_generators", file), options))


NODES = [LoadGenerator]
