"""Train Diffusion Prior: learns the law of a generator's latents."""

import math
from typing import get_args

from torch import Tensor

from ...core.chunking import ChunkMode
from ...core.diffusion.prior import Prediction
from ...core.diffusion.recipe import DenoiserKind, DenoiserSizes, PriorTraining
from ...core.diffusion.schedule import NoiseSchedule
from ...core.diffusion.whitening import WhiteningKind
from ...core.errors import InvalidInput
from ...core.generator import Generator
from ...core.pairs.pairs import Pairs
from ..help import Help
from ..host import host, io, ui
from ..images import from_host
from ..sockets import GENERATOR, PAIRS, PRIOR
from ..widgets import advanced, chunk, seed
from ..work import working

__all__ = ["TrainDiffusionPrior"]

TITLE = "Train Diffusion Prior"
SCHEDULES = {"linear": NoiseSchedule.linear, "cosine": NoiseSchedule.cosine}
USUAL, NETWORK = PriorTraining(), DenoiserSizes()


def _training() -> list[io.Input]:
    return [
        io.Int.Input(
            "steps",
            default=USUAL.steps,
            min=1,
            max=10_000_000,
            tooltip="Updates of the weights (1 to 10000000).",
        ),
        io.Int.Input(
            "batch_size",
            default=USUAL.batch_size,
            min=1,
            max=65536,
            tooltip="Latents of an update (1 to 65536).",
        ),
        io.Float.Input(
            "learning_rate",
            default=USUAL.learning_rate,
            min=1e-9,
            max=1.0,
            step=1e-4,
            round=False,
            tooltip="Largest rate of Adam (1e-9 to 1), reached after 200 updates and lowered to "
            "0 by a cosine. The paper's code uses 2e-4.",
        ),
    ]


def _network() -> list[io.Input]:
    return [
        io.Combo.Input(
            "network",
            options=list(get_args(DenoiserKind)),
            default=NETWORK.kind,
            tooltip="residual: blocks of two layers, for flat latents. unet: a U-Net, for latents "
            "that are a grid. automatic: a U-Net where latents are a grid of at least 4 x 4.",
        ),
        io.Int.Input(
            "width",
            default=NETWORK.width,
            min=4,
            max=8192,
            tooltip="Width of the residual network, or channels of the U-Net at its finest level "
            "(4 to 8192).",
        ),
        io.Int.Input(
            "depth",
            default=NETWORK.depth,
            min=1,
            max=64,
            tooltip="Blocks of the residual network (1 to 64).",
        ),
        io.Combo.Input(
            "predicts",
            options=list(get_args(Prediction)),
            default=USUAL.predicts,
            tooltip="What the network predicts: the velocity, which is 0 for normal latents, or "
            "the noise as in the paper.",
        ),
        io.Combo.Input(
            "whitening",
            options=list(get_args(WhiteningKind)),
            default=USUAL.whitening,
            tooltip="How latents are standardised: each coordinate by itself, all coordinates of "
            "a channel alike as in the paper, by the covariance matrix, or not.",
        ),
        io.Combo.Input(
            "noise_schedule",
            options=list(SCHEDULES),
            default="linear",
            tooltip="Noise levels of the 1000 times: linear as in the paper, or cosine (Nichol "
            "and Dhariwal).",
        ),
        io.Float.Input(
            "ema",
            default=USUAL.ema,
            min=0.0,
            max=0.999999,
            step=1e-4,
            round=False,
            tooltip="Decay of the moving average of the weights, which is kept (0 to 0.999999); 0 "
            "keeps the last weights. The paper's code uses 0.9999.",
        ),
        io.Float.Input(
            "held_out",
            default=USUAL.held_out,
            min=0.0,
            max=0.5,
            step=0.01,
            tooltip="Share of the latents that only measures the error (0 to 0.5).",
        ),
        io.Boolean.Input(
            "bf16",
            default=USUAL.bf16,
            tooltip="Matrix products in bfloat16: faster only where the processor has them.",
        ),
        io.Boolean.Input(
            "resume",
            default=True,
            tooltip="Continue an interrupted training of the same latents and settings, to the "
            "same result. Off: start again.",
        ),
    ]


class TrainDiffusionPrior(io.ComfyNode):
    """Learns the law of latents."""

    HELP = Help(
        about=(
            "A diffusion model of the latents that images have, D2C's prior without holes. It is "
            "trained on the latents of `images` by the generator's encoder, or on those of "
            "`pairs`. The text on the node compares its error on held-out latents with that of a "
            "normal law: a prior whose error is not lower has learnt only mean and covariance. "
            "Training is repeated only when an input changes; Save Diffusion Prior keeps the "
            "result. Cancel keeps the training, and the same inputs continue it."
        ),
        example=(
            "Load Image Set with some thousand pictures into `images`, `avatars (embedded)` as "
            "the generator, then Prior Generator and Decode."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_TrainDiffusionPrior",
            display_name=TITLE,
            category="LatentSteer/train",
            description="Learns a diffusion model of a generator's latents, for samples without "
            "holes, corrections of edits and few-shot conditions (D2C).",
            inputs=[
                GENERATOR.Input("generator", tooltip="The generator whose latents to learn."),
                *_training(),
                seed("the weights, the draws and what is held out", control=False, streams=""),
                *map(advanced, _network()),
                chunk(),
                io.Image.Input(
                    "images",
                    optional=True,
                    tooltip="Pictures whose latents to learn, some thousand or more, for a "
                    "generator with an encoder. Of any size: resized to the generator's.",
                ),
                PAIRS.Input(
                    "pairs",
                    optional=True,
                    tooltip="Pairs whose latents to learn, instead of images.",
                ),
            ],
            outputs=[
                PRIOR.Output("prior", display_name="prior", tooltip="The trained diffusion prior.")
            ],
        )
        schema.search_aliases = ["D2C", "DDIM", "latent diffusion"]
        return schema

    @classmethod
    def execute(
        cls,
        generator: Generator,
        steps: int,
        batch_size: int,
        learning_rate: float,
        seed: int,
        network: DenoiserKind,
        width: int,
        depth: int,
        predicts: Prediction,
        whitening: WhiteningKind,
        noise_schedule: str,
        ema: float,
        held_out: float,
        bf16: bool,
        resume: bool,
        chunk: ChunkMode,
        images: Tensor | None = None,
        pairs: Pairs | None = None,
    ) -> io.NodeOutput:
        from ...core.d2c.gathering import check_encoder, latents_of_images, latents_of_pairs
        from ...core.diffusion.fitting import fit_prior, owner_of
        from ...core.translators.progress import TrainingFolder

        if (images is None) == (pairs is None):
            both = "both are" if images is not None else "neither is"
            raise InvalidInput(f"{TITLE} takes `images` or `pairs`; {both} connected.")
        training = PriorTraining(
            steps=steps,
            batch_size=batch_size,
            learning_rate=learning_rate,
            predicts=predicts,
            whitening=whitening,
            ema=ema,
            held_out=held_out,
            bf16=bf16,
        )
        pictures = None if images is None else from_host(images)
        first = 0 if pictures is None else len(pictures)
        if pictures is not None:
            check_encoder(generator)
        encoders = () if pictures is None else (generator,)
        losses: dict[int, float] = {}
        size = generator.image_size
        with working(TITLE, first + steps, *encoders, chunk=chunk, image_size=size) as work:

            def report(done: int, loss: float) -> None:
                losses[done] = loss
                work.report(first + done)

            if pairs is not None:
                latents = latents_of_pairs(generator, pairs)
            else:
                assert pictures is not None
                latents = latents_of_images(
                    generator,
                    pictures,
                    chunking=work.chunking,
                    device=work.device,
                    report=work.report,
                )
            # Not among the files that Load Latents lists.
            folder = host().output_directory() / "interrupted" / "trainings"
            prior, errors = fit_prior(
                latents,
                owner_of(generator),
                training,
                sizes=DenoiserSizes(network, width, depth),
                schedule=SCHEDULES[noise_schedule](),
                name=f"prior of {generator.name}",
                seed=seed,
                device=work.device,
                report=report,
                progress=TrainingFolder(
                    folder, resume, on_stop=lambda path: host().record_interrupted(path, TITLE)
                ),
                processes=host().processes(),
            )
        known = [loss for loss in losses.values() if not math.isnan(loss)]
        begun = f", resumed after {min(losses)}" if len(known) < len(losses) else ""
        change = f", loss {known[0]:.4f} -> {known[-1]:.4f}" if known else ""
        text = f"{steps} steps on {errors.trained} latents{begun}{change}; {errors}"
        return io.NodeOutput(prior, ui=ui.PreviewText(text))
