"""Train D2C: a generator of one's own pictures, with an encoder and a diffusion prior."""

from dataclasses import replace
from typing import get_args

from torch import Tensor

from ...core.d2c.training.configurations import CONFIGURATIONS, SMALL
from ...core.d2c.training.settings import Scheme
from ..file_names import checked_name, usable_name
from ..help import Help
from ..host import host, io, ui
from ..images import from_host
from ..sockets import GENERATOR
from ..widgets import advanced, seed
from ..work import working

__all__ = ["TrainD2C"]

TITLE = "Train D2C"
KIND = "latentsteer_generators"
USUAL = CONFIGURATIONS[SMALL[-1]].training
PREVIEWS = 50
"""Batches between two previews."""


class TrainD2C(io.ComfyNode):
    """Trains a D2C on pictures."""

    HELP = Help(
        about=(
            "D2C is an autoencoder whose latents a diffusion model generates, and whose encoder "
            "also learns to distinguish pictures (equations 4 and 5 of its paper). It is for "
            "small pictures and small sets; `latentsteer train-d2c` trains the paper's sizes, on "
            "many devices. The generator is written to `models/latentsteer_generators`, where "
            "Load Generator finds it; it comes with clean latents, so that images can be encoded. "
            "Pictures of the training are in `output/d2c/NAME`: reconstructions below their "
            "images, and samples. Cancel keeps the training, and the same inputs continue it."
        ),
        example=(
            "Load Image Set with some thousand pictures of 32 x 32 pixels into `images`, "
            "`configuration` = `small 32`, then Few-Shot Condition."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_TrainD2C",
            display_name=TITLE,
            category="LatentSteer/train",
            description="Trains a generator on your own pictures, with an encoder and a diffusion "
            "model of its latents.",
            inputs=[
                io.Image.Input(
                    "images",
                    tooltip="Square pictures of the configuration's size, thousands for good "
                    "samples: give Load Image Set this width.",
                ),
                io.String.Input(
                    "name",
                    default="d2c",
                    tooltip="File name of the generator without folder or ending; an existing "
                    "file is replaced.",
                ),
                io.Combo.Input(
                    "configuration",
                    options=list(SMALL),
                    default=SMALL[-1],
                    tooltip="Networks for pictures of 32 x 32 or of 64 x 64 pixels.",
                ),
                io.Int.Input(
                    "steps",
                    default=USUAL.steps,
                    min=1,
                    max=10_000_000,
                    tooltip="Batches (1 to 1e7). A batch of 64 takes about a second for 32 x 32 "
                    "pixels on a CPU.",
                ),
                io.Int.Input(
                    "batch_size",
                    default=USUAL.batch_size,
                    min=4,
                    max=4096,
                    tooltip="Pictures of a batch (4 to 4096), at most as many as there are.",
                ),
                seed("the weights and all draws", control=False, streams=""),
                advanced(
                    io.Boolean.Input(
                        "contrastive",
                        default=True,
                        tooltip="Whether the encoder also learns to distinguish pictures by "
                        "random views of them (MoCo v2), for conditions of few examples.",
                    )
                ),
                advanced(
                    io.Combo.Input(
                        "scheme",
                        options=list(get_args(Scheme)),
                        default=USUAL.scheme,
                        tooltip="joint: all terms at once, as in the paper. two-stage: the "
                        "autoencoder, then the diffusion for as many steps, as in the released "
                        "code.",
                    )
                ),
                advanced(
                    io.Float.Input(
                        "learning_rate",
                        default=USUAL.learning_rate,
                        min=1e-8,
                        max=1.0,
                        step=1e-4,
                        round=False,
                        tooltip="Rate of the autoencoder (1e-8 to 1), which falls to 0 by a "
                        "cosine.",
                    )
                ),
                advanced(
                    io.Boolean.Input(
                        "mirror",
                        default=USUAL.mirror,
                        tooltip="Mirror pictures at random. Off for pictures with writing, or "
                        "whose sides differ.",
                    )
                ),
                advanced(
                    io.Boolean.Input(
                        "bf16",
                        default=USUAL.bf16,
                        tooltip="Matrix products in bfloat16: faster only where the processor has "
                        "them.",
                    )
                ),
                advanced(
                    io.Boolean.Input(
                        "resume",
                        default=True,
                        tooltip="Continue an interrupted training of the same pictures and "
                        "settings, to the same result. Off: start again.",
                    )
                ),
            ],
            outputs=[
                GENERATOR.Output(
                    "generator",
                    display_name="generator",
                    tooltip="The trained generator with clean latents and an encoder.",
                )
            ],
        )
        schema.search_aliases = ["train GAN", "own pictures", "VAE", "latent diffusion", "MoCo"]
        return schema

    @classmethod
    def validate_inputs(cls, name: str | None) -> bool | str:
        """Refuses a bad name before the training instead of after it."""
        return usable_name(name)

    @classmethod
    def execute(
        cls,
        images: Tensor,
        name: str,
        configuration: str,
        steps: int,
        batch_size: int,
        seed: int,
        contrastive: bool,
        scheme: Scheme,
        learning_rate: float,
        mirror: bool,
        bf16: bool,
        resume: bool,
    ) -> io.NodeOutput:
        from ...core.d2c.training.fitting import fit_d2c, save_d2c
        from ...core.d2c.training.images import held_images
        from ...core.d2c.training.loop import D2CLoop
        from ...core.d2c.training.pictures import TrainingPictures, progress_sheet
        from ...core.generators import open_generator
        from ...core.translators.progress import TrainingFolder

        own = CONFIGURATIONS[configuration]
        training = replace(
            own.training,
            scheme=scheme,
            steps=steps,
            diffusion_steps=0 if scheme == "joint" else steps,
            batch_size=batch_size,
            learning_rate=learning_rate,
            contrastive_weight=own.training.contrastive_weight if contrastive else 0.0,
            mirror=mirror,
            bf16=bf16,
        )
        own = replace(own, training=training)
        path = host().model_folder(KIND)[0] / f"{checked_name(name)}.safetensors"
        folder = host().output_directory()
        pictures = TrainingPictures(folder / "d2c" / name, max(1, training.batches // 8))
        texts: list[str] = []
        size = (own.resolution, own.resolution)
        with working(TITLE, training.batches, image_size=size) as work:
            held = held_images(from_host(images), own.resolution)

            def shown(loop: D2CLoop) -> None:
                due = loop.done % PREVIEWS == 0
                work.bar.update(loop.done, (lambda: progress_sheet(loop)) if due else None)
                pictures(loop)
                texts[:] = [loop.losses.text]

            networks = fit_d2c(
                held,
                own,
                seed=seed,
                device=work.device,
                progress=TrainingFolder(
                    folder / "interrupted" / "trainings",
                    resume,
                    on_stop=lambda kept: host().record_interrupted(kept, TITLE),
                ),
                processes=host().processes(),
                shown=shown,
            )
            if host().processes().rank == 0:
                save_d2c(networks, own, path)
            generator = open_generator(path, {"latent": "clean"})
        text = f"{len(held)} pictures, {training.batches} steps: {''.join(texts)}; saved as {path}"
        return io.NodeOutput(generator, ui=ui.PreviewText(text))
