"""Load Latents: saved latents, or an interrupted run."""

from pathlib import Path

from ...core.errors import CheckpointError
from ...core.identity import belonging
from ..help import Help
from ..host import autograd, host, io, ui
from ..sockets import LATENTS
from .save import FOLDER

__all__ = ["LoadLatents"]

FOLDERS = (FOLDER, "interrupted")
"""Under the output folder: files of Save Latents, and of interrupted refiners."""


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


class LoadLatents(io.ComfyNode):
    """Opens saved latents or an interrupted run."""

    HELP = Help(
        about=(
            "Lists the files of Save Latents, and those of cancelled refiners in "
            "`output/interrupted`. To continue an interrupted run connect it to `latents` "
            "of the same refiner, such as Langevin Refine, with the same settings; others are "
            "refused, unless its `resume` is off. The text on the node names their generator; "
            "older files without options are matched by the generator's weights alone."
        ),
        example=(
            "Cancel at step 300 of 1000, press R, choose the newest file here, connect it, "
            "queue: the bar starts at 300."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_LoadLatents",
            display_name="Load Latents",
            category="LatentSteer/latents",
            description="Opens latents. An interrupted run continues where it stopped in the "
            "same refiner with the same settings.",
            inputs=[
                io.Combo.Input(
                    "file",
                    options=_files(),
                    tooltip="A file in the folders latents or interrupted of the output folder; "
                    "newest first.",
                )
            ],
            outputs=[LATENTS.Output("latents", display_name="latents", tooltip="The latents.")],
        )
        schema.search_aliases = ["resume", "interrupted"]
        return schema

    @classmethod
    def validate_inputs(cls, file: str) -> bool | str:
        """Reports a missing file before the run, in the same words on every host."""
        try:
            _find(file)
        except CheckpointError as error:
            return str(error)
        return True

    @classmethod
    def fingerprint_inputs(cls, file: str) -> str:
        """Changes with the file."""
        status = _find(file).stat()
        return f"{status.st_size}-{status.st_mtime_ns}"

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        from ...core.latent_files import load_latents

        with autograd():
            found = load_latents(_find(file))
        whose = belonging(found.generator, found.generator_name)
        return io.NodeOutput(found, ui=ui.PreviewText(f"{len(found)} latents of {whose}"))
