"""Nodes on images that need no generator: Image Gradient Step, Best Images and Stack Images."""

import torch
from torch import Tensor

from ...core.chunking import Chunking, ChunkMode
from ...core.energy import Energy
from ...core.errors import InvalidInput
from ...core.refine.pixels import fgsm
from ...core.rng import SampleRng
from ...core.starts.ranking import ranked_images
from ..host import autograd, host, io, ordinary, running
from ..images import from_host, to_host
from ..sockets import ENERGY
from ..widgets import chunk, seed

__all__ = ["NODES"]


def _chunking(mode: ChunkMode, pictures: Tensor) -> Chunking:
    return Chunking.of(mode, (pictures.shape[2], pictures.shape[3]))


class ImageGradientStep(io.ComfyNode):
    """The fast gradient sign method."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_ImageGradientStep",
            display_name="Image Gradient Step",
            category="LatentSteer/refine",
            description="Lowers an energy by small changes of pixels, without a generator: the "
            "fast gradient sign method, by which FuseDream's figure 2 fools a CLIP.",
            inputs=[
                io.Image.Input("images", tooltip="What to change."),
                ENERGY.Input("energy", tooltip="What to lower; of images alone."),
                seed("random energies", control=False),
                io.Float.Input(
                    "epsilon",
                    default=0.02,
                    min=0.0,
                    max=1.0,
                    step=0.001,
                    round=False,
                    tooltip="Greatest change of a channel's value (0 to 1); below 0.03 it is "
                    "hardly seen.",
                ),
                io.Int.Input(
                    "steps",
                    default=1,
                    min=1,
                    max=10000,
                    tooltip="Steps that share epsilon (1 to 10000); 1 is the method proper.",
                ),
                chunk(),
            ],
            outputs=[
                io.Image.Output("changed", display_name="images", tooltip="The changed images.")
            ],
        )
        schema.search_aliases = ["FGSM", "adversarial", "attack"]
        return schema

    @classmethod
    def execute(
        cls,
        images: Tensor,
        energy: Energy,
        seed: int,
        epsilon: float,
        steps: int,
        chunk: ChunkMode,
    ) -> io.NodeOutput:
        """Moves the pixels."""
        devices = host().on_device(energy.modules)
        with autograd(), devices, running(len(images), "Image Gradient Step") as bar:
            pictures = from_host(ordinary(images))
            moved = fgsm(
                pictures.to(host().device()),
                energy,
                SampleRng.of(seed, len(pictures), "pixels"),
                epsilon=epsilon,
                steps=steps,
                chunking=_chunking(chunk, pictures),
                report=bar.update,
            )
            return io.NodeOutput(to_host(moved))


class BestImages(io.ComfyNode):
    """The images of lowest energy."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_BestImages",
            display_name="Best Images",
            category="LatentSteer/report",
            description="The images of lowest energy, the best first. For images that are made "
            "of several latents, such as composed ones; else Best Latents keeps the latents too.",
            inputs=[
                io.Image.Input("images", tooltip="The candidates."),
                ENERGY.Input("energy", tooltip="What they are judged by; of images alone."),
                seed("random energies", control=False),
                io.Int.Input(
                    "keep",
                    default=1,
                    min=1,
                    max=100000,
                    tooltip="How many to keep of every group (1 to 100000), the best first.",
                ),
                io.Int.Input(
                    "groups",
                    default=1,
                    min=1,
                    max=100000,
                    tooltip="Equal parts of the batch, side by side, such as the prompts (1 to "
                    "100000); each keeps its own best.",
                ),
                chunk(),
            ],
            outputs=[io.Image.Output("best", display_name="images", tooltip="The best ones.")],
        )
        schema.search_aliases = ["best of seeds", "rank", "choose", "top-k"]
        return schema

    @classmethod
    def execute(
        cls, images: Tensor, energy: Energy, seed: int, keep: int, groups: int, chunk: ChunkMode
    ) -> io.NodeOutput:
        """Judges all and picks."""
        with autograd(), host().on_device(energy.modules):
            pictures = from_host(ordinary(images))
            found = ranked_images(
                pictures,
                energy,
                seed=seed,
                groups=groups,
                keep=keep,
                chunking=_chunking(chunk, pictures),
                device=host().device(),
            )
            best = to_host(pictures[list(found.rows)])
        shown = zip(found.rows, found.energies.tolist(), strict=True)
        lines = "\n".join(f"image {row}: energy {value:.4f}" for row, value in shown)
        return io.NodeOutput(best, ui={"text": (lines,)})


class StackImages(io.ComfyNode):
    """Two batches of images as one."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_StackImages",
            display_name="Stack Images",
            category="LatentSteer/report",
            description="Two batches of images of one size as one, to be shown, judged or saved "
            "together.",
            inputs=[
                io.Image.Input("first", tooltip="The images that come first."),
                io.Image.Input("second", tooltip="Those that follow, of the same size."),
            ],
            outputs=[io.Image.Output("images", display_name="images", tooltip="All of them.")],
        )
        schema.search_aliases = ["join", "concatenate", "batch"]
        return schema

    @classmethod
    def execute(cls, first: Tensor, second: Tensor) -> io.NodeOutput:
        """One after the other."""
        with autograd():
            before, after = (from_host(ordinary(images)) for images in (first, second))
            if before.shape[1:] != after.shape[1:]:
                raise InvalidInput(
                    f"Images of {before.shape[3]}x{before.shape[2]} and of {after.shape[3]}x"
                    f"{after.shape[2]} pixels cannot be stacked. Scale one batch to the other's "
                    "size first, with Upscale Image."
                )
            return io.NodeOutput(to_host(torch.cat([before, after.to(before)])))


NODES = [ImageGradientStep, BestImages, StackImages]
