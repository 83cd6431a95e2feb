"""Image to Latents: the latents whose images look like given ones."""

import torch
from torch import Tensor

from ...core.auxiliary import Auxiliary
from ...core.chunking import ChunkMode
from ...core.energies.perceptual import likeness
from ...core.energy import Energy
from ...core.generator import Generator
from ...core.images import ImageFit
from ...core.latents import Latents
from ...core.refine.first_order import FirstOrder
from ...core.refine.rules import Adam
from ...core.refine.trace import Trace, trace_of
from ...core.rng import SampleRng
from ...core.starts.inversion import InversionStart, from_images
from ..backbone import BackboneInputs, backbone, compared_by, comparer
from ..help import Help
from ..host import autograd, io
from ..images import shaped
from ..running import outputs, preview_every, run_refinement
from ..sockets import GENERATOR, LATENTS
from ..widgets import advanced, chunk, fit_widget, seed
from ..widgets import weight as weighting
from ..work import working

__all__ = ["ImageToLatents"]

TITLE = "Image to Latents"


def _starting() -> list[io.Input]:
    return [
        advanced(
            io.Combo.Input(
                "begin",
                options=["automatic", "encoder", "candidates", "mean"],
                default="automatic",
                tooltip="Where to start: at the encoder's output, at the most similar of random "
                "candidates, or at the mean latent. automatic: the encoder if there is "
                "one, else candidates.",
            )
        ),
        advanced(
            io.Int.Input(
                "candidates",
                default=16,
                min=1,
                max=10000,
                tooltip="Random candidates for each image (1 to 10000), without an encoder.",
            )
        ),
    ]


class ImageToLatents(BackboneInputs, io.ComfyNode):
    """Inverts a generator."""

    HELP = Help(
        about=(
            "Starts from the generator's encoder if it has one, else from the most similar "
            "of random candidates, and lowers a perceptual distance and the difference of "
            "pixels by Adam. Each sample ends at its point of lowest energy. An image that "
            "the generator cannot make is only approximated: the trace shows how closely. "
            "Cancel and resume work as in the refiners, through `interrupted`."
        ),
        example=(
            "Load Image into this node, `steps` = 100, into Decode: the generator's nearest "
            "image. Its latents into Langevin Refine with Energy CLIP edit it."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_ImageToLatents",
            display_name=TITLE,
            category="LatentSteer/initialise",
            description="The latents whose images look like given ones: a start, then Adam on a "
            "perceptual distance and on pixels. Edit them or steer on from them.",
            inputs=[
                GENERATOR.Input("generator", tooltip="The generator whose latents to find."),
                io.Image.Input(
                    "images",
                    tooltip="One sample per image. Of any size, see fit. Grey and transparent "
                    "ones become RGB.",
                ),
                io.Int.Input(
                    "steps",
                    default=100,
                    min=0,
                    max=100000,
                    tooltip="Steps of Adam (0 to 100000); 0 for the start alone.",
                ),
                io.Float.Input(
                    "learning_rate",
                    default=0.05,
                    min=1e-9,
                    max=10.0,
                    step=1e-3,
                    round=False,
                    tooltip="Length of a step in latent units (1e-9 to 10).",
                ),
                weighting("the perceptual distance", "perceptual_weight"),
                weighting("the mean squared difference of pixels", "pixel_weight"),
                backbone(),
                *_starting(),
                seed("the candidates", control=False),
                chunk(),
                preview_every(),
                comparer(),
                LATENTS.Input(
                    "interrupted",
                    optional=True,
                    tooltip="An interrupted run of this node from Load Latents, to continue "
                    "with the same settings.",
                ),
                fit_widget(),
            ],
            outputs=outputs(),
        )
        schema.search_aliases = ["inversion", "GAN inversion", "projector", "encode image", "edit"]
        return schema

    @classmethod
    def execute(
        cls,
        generator: Generator,
        images: Tensor,
        steps: int,
        learning_rate: float,
        perceptual_weight: float,
        pixel_weight: float,
        backbone: str,
        begin: InversionStart,
        candidates: int,
        seed: int,
        chunk: ChunkMode,
        preview_every: int,
        auxiliary: Auxiliary | None = None,
        interrupted: Latents | None = None,
        fit: ImageFit = "stretch",
    ) -> io.NodeOutput:
        pictures = shaped(images, generator, fit)
        weights = {"perceptual_weight": perceptual_weight, "pixel_weight": pixel_weight}
        with autograd():
            features, text = compared_by(backbone, auxiliary)
            energy = likeness(pictures, features, **weights)
        latents = interrupted
        if latents is None:
            latents = _start(generator, pictures, energy, begin, candidates, seed, chunk)
        if steps == 0:
            trace = _trace(generator, latents, energy, chunk)
        else:
            latents, trace = run_refinement(
                TITLE,
                FirstOrder(Adam(learning_rate=learning_rate)),
                generator=generator,
                start=latents,
                energy=energy,
                seed=seed,
                steps=steps,
                clamp=True,
                keep_best=True,
                chunk=chunk,
                preview_every=preview_every,
                resume=True,
            )
        shown = {"text": (f"{text}\n{trace}",), "latentsteer": [{"refine": trace.summary()}]}
        return io.NodeOutput(latents, trace, ui=shown)


def _start(
    generator: Generator,
    pictures: Tensor,
    energy: Energy,
    begin: InversionStart,
    candidates: int,
    seed: int,
    chunk: ChunkMode,
) -> Latents:
    label = f"{TITLE}: start"
    with working(label, candidates, generator, energy, chunk=chunk) as work:
        start = from_images(
            generator,
            pictures,
            SampleRng.of(seed, len(pictures), "invert"),
            how=begin,
            energy=energy,
            candidates=candidates,
            chunking=work.chunking,
            device=work.device,
            report=work.report,
        )
    return Latents.of(start, generator)


def _trace(generator: Generator, latents: Latents, energy: Energy, chunk: ChunkMode) -> Trace:
    with working(TITLE, 0, generator, energy, chunk=chunk) as work, torch.no_grad():
        return trace_of(
            TITLE,
            generator,
            latents,
            energy,
            chunking=work.chunking,
            device=work.device,
        )
