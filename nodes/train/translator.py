"""Training, saving and loading translators."""

import re

from ...core.auxiliary import Auxiliary
from ...core.checkpoints.checkpoint import read, write
from ...core.chunking import Chunking, ChunkMode
from ...core.errors import InvalidInput
from ...core.generator import Generator
from ...core.identity import belonging
from ...core.translators.training import (
    Training,
    batches_of,
    fit_translator,
    new_translator,
    synthetic_pairs,
)
from ...core.translators.translator import Translator, TranslatorKind
from ..host import autograd, host, io, running, ui
from ..kinds import as_auxiliary
from ..load.files import changed, find, offered, present
from ..sockets import AUXILIARY, GENERATOR, TRANSLATOR
from ..widgets import advanced, chunk, seed

__all__ = ["NODES", "checked_name", "usable_name"]

KIND = "latentsteer_translators"
LONGEST = 200
"""Bytes of a name; systems take 255 with a number and an ending."""


def checked_name(name: str) -> str:
    """A file name without folders, and without what some system forbids.

    Raises:
        InvalidInput: another name.
    """
    fits = re.fullmatch(r"[\w][\w .-]{0,99}", name) and len(name.encode()) <= LONGEST
    if not fits or name.endswith((".", " ")):
        raise InvalidInput(
            f"The file name {name!r} cannot be used. Take letters, digits, spaces, dots, dashes "
            f"and underscores, at most 100, and at most {LONGEST} bytes."
        )
    return name


def usable_name(name: str | None) -> bool | str:
    """Whether a file can be called so, for a node's check; None where a link gives the name."""
    try:
        return name is None or bool(checked_name(name))
    except InvalidInput as error:
        return str(error)


class TrainTranslator(io.ComfyNode):
    """Learns q(z given c)."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_TrainTranslator",
            display_name="Train Translator",
            category="LatentSteer/train",
            description="Trains a translator on synthetic pairs (z, f(G(z))): TR0N Algorithm 1. "
            "Needs no data.",
            inputs=[
                GENERATOR.Input("generator", tooltip="Whose latents it will give."),
                AUXILIARY.Input("auxiliary", tooltip="Whose conditions it will take."),
                io.Int.Input(
                    "pairs",
                    default=20000,
                    min=16,
                    max=100_000_000,
                    tooltip="Synthetic pairs (16 to 1e8). The paper uses a million; 20000 serve "
                    "small models.",
                ),
                seed("pairs, initial weights and their order", control=False),
                io.Combo.Input(
                    "kind",
                    options=["mixture", "deterministic"],
                    default="mixture",
                    tooltip="mixture: a distribution over latents (equation 4). deterministic: a "
                    "single latent (equation 8), the paper's ablation.",
                ),
                io.Int.Input(
                    "epochs",
                    default=15,
                    min=1,
                    max=10000,
                    tooltip="Passes over the pairs (1 to 10000).",
                ),
                advanced(
                    io.Int.Input(
                        "components",
                        default=10,
                        min=1,
                        max=1000,
                        tooltip="Gaussians in the mixture, K in the paper (1 to 1000).",
                    )
                ),
                advanced(
                    io.Int.Input(
                        "hidden",
                        default=100,
                        min=1,
                        max=65536,
                        tooltip="Units of each hidden layer, H (1 to 65536): in the paper 100 for "
                        "classes, 2048 for text and images; 256 serve a small CLIP.",
                    )
                ),
                advanced(
                    io.Int.Input(
                        "batch_size",
                        default=256,
                        min=1,
                        max=65536,
                        tooltip="Pairs per step (1 to 65536); the paper uses 16.",
                    )
                ),
                advanced(
                    io.Float.Input(
                        "learning_rate",
                        default=1e-3,
                        min=1e-8,
                        max=1.0,
                        step=1e-5,
                        round=False,
                        tooltip="Of Adam, annealed to 0 (1e-8 to 1); the paper uses 1e-4.",
                    )
                ),
                advanced(
                    io.Float.Input(
                        "initial_std",
                        default=1.0,
                        min=1e-4,
                        max=100.0,
                        step=0.01,
                        tooltip="The mixture's standard deviation before training (0.0001 to "
                        "100). The paper's 0.01 needs its million pairs.",
                    )
                ),
                advanced(
                    io.Float.Input(
                        "condition_noise",
                        default=0.0,
                        min=0.0,
                        max=100.0,
                        step=0.05,
                        tooltip="Standard deviation of what is added to conditions, fresh in "
                        "every batch (0 to 100): gamma of equation 12. The paper: 0.2 where pairs "
                        "come from CLIP's images and prompts will be texts, else 0.",
                    )
                ),
                chunk(),
            ],
            outputs=[
                TRANSLATOR.Output(
                    "translator", display_name="translator", tooltip="The trained translator."
                )
            ],
        )
        schema.search_aliases = ["TR0N"]
        return schema

    @classmethod
    def execute(
        cls,
        generator: Generator,
        auxiliary: Auxiliary,
        pairs: int,
        seed: int,
        kind: TranslatorKind,
        epochs: int,
        components: int,
        hidden: int,
        batch_size: int,
        learning_rate: float,
        initial_std: float,
        condition_noise: float,
        chunk: ChunkMode,
    ) -> io.NodeOutput:
        """Makes the pairs, then fits."""
        auxiliary = as_auxiliary(auxiliary)
        recipe = Training(
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            condition_noise=condition_noise,
        )
        losses: list[float] = []
        total = pairs + batches_of(pairs, recipe)
        with autograd(), running(total, "Train Translator") as bar:
            translator = new_translator(
                generator,
                auxiliary,
                kind=kind,
                components=components,
                hidden=hidden,
                initial_std=initial_std,
                seed=seed,
            )
            with host().on_device((*generator.modules, *auxiliary.modules)):
                made = synthetic_pairs(
                    generator,
                    auxiliary,
                    pairs,
                    seed=seed,
                    chunking=Chunking.of(chunk, generator.image_size),
                    device=host().device(),
                    report=lambda done, loss: bar.update(done),
                )

            def trained(done: int, loss: float) -> None:
                losses.append(loss)
                bar.update(pairs + done)

            with host().on_device((translator,)):
                fit_translator(translator, made, recipe, seed=seed, report=trained)
        text = f"{len(losses)} batches, loss {losses[0]:.4f} -> {losses[-1]:.4f}"
        return io.NodeOutput(translator, ui=ui.PreviewText(text))


class SaveTranslator(io.ComfyNode):
    """Keeps a translator."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        return io.Schema(
            node_id="LatentSteer_SaveTranslator",
            display_name="Save Translator",
            category="LatentSteer/train",
            description="Writes a translator to models/latentsteer_translators.",
            inputs=[
                TRANSLATOR.Input("translator", tooltip="What to keep."),
                io.String.Input(
                    "name",
                    default="translator",
                    tooltip="File name without folder or ending; an existing file is replaced.",
                ),
            ],
            outputs=[
                TRANSLATOR.Output(
                    "saved",
                    display_name="translator",
                    tooltip="The same one.",
                )
            ],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, name: str | None) -> bool | str:
        """Refuses a name before the training, not after it."""
        return usable_name(name)

    @classmethod
    def execute(cls, translator: Translator, name: str) -> io.NodeOutput:
        """Writes tensors and configuration."""
        path = host().model_folder(KIND)[0] / f"{checked_name(name)}.safetensors"
        write(path, translator.state_dict(), translator.to_config())
        return io.NodeOutput(translator, ui=ui.PreviewText(f"saved as {path}"))


class LoadTranslator(io.ComfyNode):
    """Opens a kept translator."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        return io.Schema(
            node_id="LatentSteer_LoadTranslator",
            display_name="Load Translator",
            category="LatentSteer/load",
            description="Opens a translator that Save Translator wrote.",
            inputs=[
                io.Combo.Input(
                    "file",
                    options=offered(KIND, []),
                    tooltip="A file in the folder models/latentsteer_translators.",
                )
            ],
            outputs=[
                TRANSLATOR.Output(
                    "translator", display_name="translator", tooltip="The translator."
                )
            ],
        )

    @classmethod
    def validate_inputs(cls, file: str) -> bool | str:
        """Our own message for a missing file, on every host."""
        return present(KIND, file)

    @classmethod
    def fingerprint_inputs(cls, file: str) -> str:
        """Runs again when the file changes."""
        return changed(KIND, file)

    @classmethod
    def execute(cls, file: str) -> io.NodeOutput:
        """Reads the file."""
        with autograd():
            found = Translator.from_checkpoint(read(find(KIND, file)))
        config = found.config
        text = (
            f"to latents of {belonging(config.generator, config.generator_name)}, from conditions "
            f"of {config.auxiliary_name}"
        )
        return io.NodeOutput(found, ui=ui.PreviewText(text))


NODES = [TrainTranslator, SaveTranslator, LoadTranslator]
