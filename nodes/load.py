"""Load Generator and Load Aux Model."""

import os
from pathlib import Path

from ..core.architectures import load_generator
from ..core.auxiliaries import load_auxiliary
from ..core.checkpoints import SUFFIXES
from ..core.errors import CheckpointError
from ..core.zoo import catalogue
from .host import autograd, host, io
from .sockets import AUXILIARY, GENERATOR

__all__ = ["NODES", "changed", "find", "offered"]

CURES = {
    "latentsteer_generators": "Put the file there, or choose an embedded model: "
    f"{', '.join(catalogue.GENERATORS)}.",
    "latentsteer_aux": "Put the file there, or choose an embedded model: "
    f"{', '.join(catalogue.AUXILIARIES)}.",
    "latentsteer_translators": "Make one with Train Translator and Save Translator, or put the "
    "file there.",
}
"""Where to get a model."""


def offered(kind: str, embedded: list[str]) -> list[str]:
    """The names that a loader offers: what is shipped, then what lies in the folders."""
    return [*embedded, *host().list_files(kind, _suffixes(kind))]


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
        if path.is_file() and path.is_relative_to(os.path.abspath(folder)):
            return path
    there = ", ".join(host().list_files(kind, _suffixes(kind))) or "no file"
    raise CheckpointError(
        f"There is no model {name!r}. Searched: {', '.join(map(str, folders))}; there is {there}. "
        f"{CURES[kind]}"
    )


def present(kind: str, name: str) -> bool | str:
    """Whether a name can be loaded, or the sentence that says why not."""
    try:
        find(kind, name)
    except CheckpointError as error:
        return str(error)
    return True


def changed(kind: str, name: str) -> str:
    """What changes when the file does."""
    status = find(kind, name).stat()
    return f"{status.st_size}-{status.st_mtime_ns}"


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
                    tooltip="A model shipped with LatentSteer, or a file in the folder "
                    "models/latentsteer_generators.",
                ),
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
    def fingerprint_inputs(cls, file: str) -> str:
        """Runs again when the file changes."""
        return changed("latentsteer_generators", file)

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        """Reads the file."""
        with autograd():
            return io.NodeOutput(load_generator(find("latentsteer_generators", file)))


class LoadAuxModel(io.ComfyNode):
    """Opens an auxiliary model."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_LoadAuxModel",
            display_name="Load Aux Model",
            category="LatentSteer/load",
            description="Opens a frozen auxiliary model f, such as a classifier: it says what an "
            "image shows.",
            inputs=[
                io.Combo.Input(
                    "file",
                    options=offered("latentsteer_aux", list(catalogue.AUXILIARIES)),
                    tooltip="A model shipped with LatentSteer, or a file in the folder "
                    "models/latentsteer_aux.",
                ),
            ],
            outputs=[
                AUXILIARY.Output(
                    "auxiliary", display_name="auxiliary", tooltip="The model, f in the papers."
                )
            ],
        )
        schema.search_aliases = ["classifier", "judge", "f"]
        return schema

    @classmethod
    def validate_inputs(cls, file: str) -> bool | str:
        """Our own message for a missing file, on every host."""
        return present("latentsteer_aux", file)

    @classmethod
    def fingerprint_inputs(cls, file: str) -> str:
        """Runs again when the file changes."""
        return changed("latentsteer_aux", file)

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        """Reads the file."""
        with autograd():
            return io.NodeOutput(load_auxiliary(find("latentsteer_aux", file)))


NODES = [LoadGenerator, LoadAuxModel]
