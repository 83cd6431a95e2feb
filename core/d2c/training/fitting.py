"""Training of D2C, eq. (4) and (5) at once or in the two released stages, and its file."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import torch

from ...checkpoints.checkpoint import write
from ...devices import threads_for
from ...errors import Diverged
from ...generators.d2c.settings import d2c_configuration
from ...pairs.processes import ALONE, Processes
from ...translators.progress import TrainingFile, TrainingFolder, carry_out
from .images import TrainingImages
from .loop import D2CLoop
from .networks import D2CNetworks
from .settings import D2CConfiguration
from .steps import Losses

__all__ = ["D2CReport", "fit_d2c", "save_d2c"]

D2CReport: TypeAlias = Callable[[int, Losses], None]
"""Callback with the number of batches done and the losses of the latest; none on resuming."""
LICENCE = "that of whoever trained it, and of the images"


def fit_d2c(
    images: TrainingImages,
    configuration: D2CConfiguration,
    *,
    seed: int,
    device: torch.device,
    report: D2CReport = lambda done, losses: None,
    progress: TrainingFile | TrainingFolder | None = None,
    processes: Processes = ALONE,
    shown: Callable[[D2CLoop], None] = lambda loop: None,
) -> D2CNetworks:
    """Trains a D2C and returns its networks; `D2CNetworks.official` are the tensors of its file.

    Several processes share the parts of each batch and sum their gradients: losses and weights are
    those of one process up to rounding.

    Args:
        images: images of the training.
        configuration: the networks and the hyperparameters.
        seed: seed of the initial weights and of all draws.
        device: where to compute.
        report: callback after every batch; first with the position and no losses where the
            training resumes. An exception from it ends the training.
        progress: file in which the training is kept, and from which it resumes if it exists, to
            the bits of an uninterrupted one with the same numbers of threads and processes.
        processes: processes that share the batches, each of which makes this call.
        shown: called with the training after every batch, to draw pictures of it.

    Raises:
        InvalidInput: images of another size or too few, more processes than parts, or processes
            with different trainings.
        PeerFailed: another process has ended.
        ResumeMismatch: the file is of another training, of something else, or damaged.
        Diverged: a loss or a gradient is not finite. A `TrainingFile` keeps the last good state.
    """
    loop = D2CLoop(images, configuration, seed, device=device, processes=processes)
    kept = None if progress is None else progress.opened(loop)
    if processes.size > 1:
        processes.check_same(
            {**loop.settings(), "batches done": loop.done},
            "The training",
            "Start all with the same settings and images, and put the folder on storage that all "
            "machines share.",
        )

    def after(done: int, loss: float) -> None:
        report(done, Losses() if math.isnan(loss) else loop.losses)
        shown(loop)

    rows = configuration.training.batch_size // configuration.training.parts
    size = (configuration.resolution, configuration.resolution)
    try:
        with threads_for((loop.networks,), rows=rows, device=device, image_size=size):
            carry_out(loop, after, kept)
            if loop.networks.joint or not configuration.training.diffusion_steps:
                loop.measure()
    except Diverged as error:
        path = getattr(kept, "path", Path())
        if kept is None or not path.is_file():
            raise
        raise Diverged(
            f"{error} The last good state is kept in {path}.", step=error.step
        ) from error
    return loop.networks.eval().requires_grad_(False)


def save_d2c(
    networks: D2CNetworks, configuration: D2CConfiguration, path: Path, *, licence: str = LICENCE
) -> None:
    """Writes a trained D2C as safetensors with the tensors of official files.

    Load Generator opens it as it opens the official ones. The configuration that these lack is in
    its metadata.

    Args:
        networks: networks from `fit_d2c`.
        configuration: their configuration.
        path: path of the file.
        licence: licence of the weights, for the metadata.
    """
    first, last = configuration.betas
    betas = (first, last, configuration.times)
    stored = d2c_configuration(configuration.shape[1], configuration.bits, betas)
    write(path, networks.official(), {**stored, "licence": licence})
