"""Keeping latents: save, load, and pick some."""

from pathlib import Path

from ...core.errors import CheckpointError, InvalidInput
from ...core.identity import belonging
from ...core.latent_files import load_latents, save_latents
from ...core.latents import Latents
from ..host import autograd, host, io, ui
from ..sockets import LATENTS
from ..train.translator import checked_name, usable_name

__all__ = ["NODES"]

FOLDERS = ("latents", "interrupted")
"""Under the output folder: what Save Latents wrote, and what interrupted refiners left."""


def _files() -> list[str]:
    root = host().output_directory()
    found = [path for folder in FOLDERS for path in (root / folder).glob("*.safetensors")]
    found.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    return [path.relative_to(root).as_posix() for path in found]


def _find(name: str) -> Path:
    root = host().output_directory().resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root) or not path.is_file():
        there = ", ".join(_files()[:10]) or "none"
        raise CheckpointError(f"There are no latents {name!r} in {root}. There are: {there}.")
    return path


class SaveLatents(io.ComfyNode):
    """Keeps latents."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        return io.Schema(
            node_id="LatentSteer_SaveLatents",
            display_name="Save Latents",
            category="LatentSteer/latents",
            description="Writes latents to the output folder, under latents.",
            inputs=[
                LATENTS.Input("latents", tooltip="What to keep."),
                io.String.Input(
                    "name",
                    default="latents",
                    tooltip="File name without folder or ending; a number is added.",
                ),
            ],
            outputs=[LATENTS.Output("saved", display_name="latents", tooltip="The same ones.")],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, name: str | None) -> bool | str:
        """Refuses a name before the work, not after it."""
        return usable_name(name)

    @classmethod
    def execute(cls, latents: Latents, name: str) -> io.NodeOutput:
        """Writes under the next free number."""
        folder = host().output_directory() / FOLDERS[0]
        number = 1
        while (path := folder / f"{checked_name(name)}_{number:05}.safetensors").exists():
            number += 1
        save_latents(path, latents)
        return io.NodeOutput(latents, ui=ui.PreviewText(f"saved as {path}"))


class LoadLatents(io.ComfyNode):
    """Opens kept latents or an interrupted run."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_LoadLatents",
            display_name="Load Latents",
            category="LatentSteer/latents",
            description="Opens latents. Those of an interrupted run go on where it stopped when "
            "the same refiner with the same settings gets them.",
            inputs=[
                io.Combo.Input(
                    "file",
                    options=_files(),
                    tooltip="A file of the output folder's latents or interrupted; newest first.",
                )
            ],
            outputs=[LATENTS.Output("latents", display_name="latents", tooltip="The latents.")],
        )
        schema.search_aliases = ["resume", "interrupted"]
        return schema

    @classmethod
    def validate_inputs(cls, file: str) -> bool | str:
        """Our own message for a missing file, on every host."""
        try:
            _find(file)
        except CheckpointError as error:
            return str(error)
        return True

    @classmethod
    def fingerprint_inputs(cls, file: str) -> str:
        """Runs again when the file changes."""
        status = _find(file).stat()
        return f"{status.st_size}-{status.st_mtime_ns}"

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        """Reads the file."""
        with autograd():
            found = load_latents(_find(file))
        whose = belonging(found.generator, found.generator_name)
        return io.NodeOutput(found, ui=ui.PreviewText(f"{len(found)} latents of {whose}"))


class SelectLatents(io.ComfyNode):
    """Picks samples out of a batch."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        return io.Schema(
            node_id="LatentSteer_SelectLatents",
            display_name="Select Latents",
            category="LatentSteer/latents",
            description="Some samples of a batch, in any order. Each keeps its random stream, so "
            "that it refines as it did in the batch.",
            inputs=[
                LATENTS.Input("batch", display_name="latents", tooltip="The batch."),
                io.String.Input(
                    "rows", default="0", tooltip="Numbers from 0, separated by commas."
                ),
            ],
            outputs=[
                LATENTS.Output("latents", display_name="latents", tooltip="The samples chosen.")
            ],
        )

    @classmethod
    def execute(cls, batch: Latents, rows: str) -> io.NodeOutput:
        """The rows."""
        try:
            numbers = tuple(int(entry) for entry in rows.split(",") if entry.strip())
        except ValueError as error:
            raise InvalidInput(f"Rows {rows!r}; expected numbers such as 0, 3, 5.") from error
        with autograd():
            return io.NodeOutput(batch.picked(numbers))


class StackLatents(io.ComfyNode):
    """Two batches as one."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_StackLatents",
            display_name="Stack Latents",
            category="LatentSteer/latents",
            description="Two batches of one generator as one, so that they are decoded together: "
            "a strip of how samples evolve, say.",
            inputs=[
                LATENTS.Input("first", tooltip="The samples that come first."),
                LATENTS.Input(
                    "second",
                    tooltip="Those that follow, written in the same chart. Their numbers, and "
                    "with them their random streams, go on after the first's.",
                ),
            ],
            outputs=[LATENTS.Output("latents", display_name="latents", tooltip="All of them.")],
        )
        schema.search_aliases = ["join", "concatenate", "batch", "evolution"]
        return schema

    @classmethod
    def execute(cls, first: Latents, second: Latents) -> io.NodeOutput:
        """One after the other."""
        with autograd():
            return io.NodeOutput(first.stacked(second))


NODES = [SaveLatents, LoadLatents, SelectLatents, StackLatents]
