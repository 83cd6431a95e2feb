"""Decode: latents to images; and Image Grid, many images as one."""

import numpy as np
import torch
from torch import Tensor

from ...core.chunking import Chunking, ChunkMode
from ...core.devices import threads_of
from ...core.generator import Generator
from ...core.latents import Latents, decode
from ..host import autograd, host, io, ordinary, running
from ..images import from_host, grid, to_host
from ..sockets import GENERATOR, LATENTS
from ..widgets import chunk

__all__ = ["NODES"]


class Decode(io.ComfyNode):
    """Shows latents."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_Decode",
            display_name="Decode",
            category="LatentSteer/latents",
            description="The images of latents, G(z).",
            inputs=[
                GENERATOR.Input("generator", tooltip="The generator that the latents belong to."),
                LATENTS.Input("latents", tooltip="What to show."),
                chunk(),
            ],
            outputs=[
                io.Image.Output(
                    "images", display_name="images", tooltip="One image per sample, in [0, 1]."
                )
            ],
        )
        schema.search_aliases = ["generate"]
        return schema

    @classmethod
    def execute(cls, generator: Generator, latents: Latents, chunk: ChunkMode) -> io.NodeOutput:
        """G of every latent, in chunks."""
        latents.check_generator(generator)
        chunking = Chunking.of(chunk, generator.image_size)
        devices = host().on_device(generator.modules)
        threads = threads_of(generator, None, chunking, host().device())
        with autograd(), devices, threads, running(len(latents), "Decode") as bar:
            images = decode(latents, generator, chunking, host().device(), report=bar.update)
            return io.NodeOutput(to_host(images))


class ImageGrid(io.ComfyNode):
    """Many images as one."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_ImageGrid",
            display_name="Image Grid",
            category="LatentSteer/report",
            description="A batch of images side by side in one picture.",
            inputs=[
                io.Image.Input("images", tooltip="The batch."),
                io.Int.Input(
                    "columns",
                    default=0,
                    min=0,
                    max=1000,
                    tooltip="Images in a row (0 to 1000); 0 for as square as can be. With the "
                    "samples per class, a row shows a class.",
                ),
            ],
            outputs=[io.Image.Output("grid", display_name="grid", tooltip="One picture.")],
        )
        schema.search_aliases = ["contact sheet", "montage"]
        return schema

    @classmethod
    def execute(cls, images: Tensor, columns: int) -> io.NodeOutput:
        """Draws the picture."""
        with autograd():
            picture = grid(from_host(ordinary(images)), columns)
            return io.NodeOutput(torch.from_numpy(np.array(picture)).float().div(255)[None])


NODES = [Decode, ImageGrid]
