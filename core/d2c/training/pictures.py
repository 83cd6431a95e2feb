"""Pictures of a training of D2C: reconstructions and samples, as files and as images."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from einops import rearrange
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from ...diffusion.ddim import ddim
from ...files import replacing
from ...generators.d2c.networks.logistics import LogisticMixture
from ...rng import SampleRng
from .loop import D2CLoop

__all__ = ["TrainingPictures", "generated_images", "progress_sheet", "reconstructions"]

SHOWN, CALLS = 8, 25
"""Images of a row, and calls of the denoiser for a sample."""


@torch.no_grad()
def reconstructions(
    loop: D2CLoop, count: int = SHOWN
) -> tuple[Float[Tensor, "count 3 _ _"], Float[Tensor, "count 3 _ _"]]:
    """Returns the first images of a training, and what its autoencoder makes of them.

    Args:
        loop: the training.
        count: how many.
    """
    autoencoder = loop.networks.final_autoencoder
    before = autoencoder.training
    autoencoder.eval()
    images = loop.steps.placed(loop.images.read(range(min(count, len(loop.images)))))
    made = LogisticMixture.of(autoencoder(images)).mean()
    autoencoder.train(before)
    return images, made


@torch.no_grad()
def generated_images(
    loop: D2CLoop, count: int = 2 * SHOWN, *, calls: int = CALLS
) -> Float[Tensor, "count 3 _ _"]:
    """Returns images that a D2C in training generates; the same noise at every call.

    Args:
        loop: the training.
        count: how many.
        calls: calls of the denoiser.
    """
    networks, configuration = loop.networks, loop.configuration
    noise = SampleRng.of(loop.seed, count, "d2c pictures").normal(
        *configuration.shape, like=networks.statistics.mean
    )
    shape = noise.shape

    def noise_of(x: Tensor, t: Tensor) -> Tensor:
        return networks.mean_denoiser(x.view(shape), t).flatten(1)

    schedule = loop.steps.schedule
    times = schedule.times(min(calls, len(schedule)))
    white = ddim(noise_of, schedule, noise.flatten(1), times).view(shape)
    autoencoder = networks.final_autoencoder
    before = autoencoder.training
    autoencoder.eval()
    z = networks.statistics.restored(white)
    made = LogisticMixture.of(autoencoder.decode(z)).mean()
    autoencoder.train(before)
    return made


def sheet(images: Float[Tensor, "count 3 high wide"], columns: int = SHOWN) -> Image.Image:
    """Returns images as one picture without gaps; the last row is filled with white."""
    missing = -len(images) % columns
    whole = torch.cat([images.cpu(), torch.ones(missing, *images.shape[1:])])
    tiles = rearrange(
        whole.clamp(0, 1), "(row column) colour h w -> (row h) (column w) colour", column=columns
    )
    return Image.fromarray((tiles * 255).round().byte().numpy())


def progress_sheet(loop: D2CLoop) -> Image.Image:
    """Returns the first images of a training above what is made of them."""
    images, made = reconstructions(loop)
    return sheet(torch.cat([images, made]), len(images))


@dataclass(frozen=True)
class TrainingPictures:
    """Writes pictures of a training to a folder.

    `reconstructions-N.png` has images above what is made of them, `samples-N.png` generated
    images, N being the batches done. Samples are there where a diffusion has been trained.

    Attributes:
        folder: where they are written; it is created if missing.
        every: batches between two; the last batch has them, too.
        on_picture: called with the path of each.
    """

    folder: Path
    every: int
    on_picture: Callable[[Path], None] = lambda path: None

    def __call__(self, loop: D2CLoop) -> None:
        """Draws a training, if its batch is one of those and this process writes files."""
        training, done = loop.training, loop.done
        due = done % self.every == 0 or done in (training.steps, training.batches)
        if loop.processes.rank or not done or not due:
            return
        self._write(f"reconstructions-{done}", progress_sheet(loop))
        if loop.networks.joint or done > training.steps:
            self._write(f"samples-{done}", sheet(generated_images(loop)))

    def _write(self, name: str, picture: Image.Image) -> None:
        path = self.folder / f"{name}.png"
        with replacing(path) as temporary:
            picture.save(temporary, format="PNG")
        self.on_picture(path)
