"""Training of a diffusion prior on latents."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..devices import threads_for
from ..errors import InvalidInput
from ..generator import Generator
from ..pairs.processes import ALONE, Processes
from ..rng import derive_seed, stream_of
from ..spaces import Space
from ..translators.progress import TrainingFile, TrainingFolder, carry_out
from ..translators.resumed import TrainingReport
from .loop import PriorLoop
from .noise_error import NoiseErrors, gaussian_denoiser, noise_error
from .prior import DiffusionPrior
from .recipe import DenoiserSizes, PriorTraining
from .schedule import NoiseSchedule
from .whitening import Whitening

__all__ = ["LatentOwner", "fit_prior", "owner_of"]

MOST_HELD_OUT = 4096
"""Largest number of latents that are held out."""
LINEAR = NoiseSchedule.linear()


@dataclass(frozen=True)
class LatentOwner:
    """The generator whose latents a prior models.

    Attributes:
        id: its id, with its options.
        name: its name.
        space: its latent space.
        licence: licence of its weights.
    """

    id: str
    name: str
    space: Space
    licence: str = "unknown"


def owner_of(generator: Generator) -> LatentOwner:
    """Returns a generator as the owner of latents."""
    return LatentOwner(generator.id, generator.name, generator.source, generator.licence)


def fit_prior(
    latents: Float[Tensor, "rows dim"],
    owner: LatentOwner,
    training: PriorTraining | None = None,
    *,
    sizes: DenoiserSizes | None = None,
    schedule: NoiseSchedule = LINEAR,
    name: str = "diffusion prior",
    seed: int,
    device: torch.device | None = None,
    report: TrainingReport = lambda done, loss: None,
    progress: TrainingFile | TrainingFolder | None = None,
    processes: Processes = ALONE,
    network: Callable[[Space, int], torch.nn.Module] | None = None,
) -> tuple[DiffusionPrior, NoiseErrors]:
    """Trains a diffusion prior on latents, the second term of D2C's eq. (5), by itself.

    Latents are whitened; the network learns to predict the noise, or the velocity, at random
    times; a moving average of its weights is kept. The released code trains in this way too, after
    the autoencoder. Departures by default: the velocity is predicted, times are stratified, and
    the squared error is the mean over coordinates rather than the sum.

    Several processes train on the same batches, each on its rows, and sum their gradients.

    Args:
        latents: latents of the generator, finite, on the CPU.
        owner: the generator; see `owner_of`.
        training: hyperparameters.
        sizes: the network.
        schedule: noise levels.
        name: display name of the prior.
        seed: seed of the initial weights, of what is held out and of all draws.
        device: where to train; the CPU if None.
        report: callback after every update, with the number done and the loss; first with the
            position and nan where the training resumes. An exception from it ends the training.
        progress: file or folder in which the training is kept, and from which it resumes to the
            bits of an uninterrupted one; see `fit_translator`.
        processes: processes that share the batches, each of which makes this call.
        network: makes another denoiser than `sizes`, from the space and a seed.

    Returns:
        The prior, on the CPU, and its error beside that of a normal law.

    Raises:
        InvalidInput: too few latents, of another width, or not finite; settings out of range.
        ResumeMismatch: the file is of another training, of something else, or damaged.
        Diverged: the loss is no longer finite.
        PeerFailed: another process has ended.
    """
    training, sizes = training or PriorTraining(), sizes or DenoiserSizes()
    device = device or torch.device("cpu")
    _check(latents, owner)
    own, held_out = _split(latents.float(), training, seed)
    whitening = Whitening.of(own, owner.space, training.whitening)
    white, unseen = whitening.to_white(own).contiguous(), whitening.to_white(held_out)
    make = network or sizes.network
    made = make(owner.space, derive_seed(seed, "denoiser")).to(device)
    with threads_for((made,), rows=training.batch_size, device=device):
        loop = PriorLoop(made, white, schedule, training, seed, processes)
        kept = None if progress is None else progress.opened(loop)
        loop.check_same()
        carry_out(loop, report, kept)
        trained = loop.finish()
        found = DiffusionPrior(
            name=name,
            id="",
            base=owner.id,
            base_name=owner.name,
            network=trained,
            whitening=whitening,
            schedule=schedule,
            space=owner.space,
            predicts=training.predicts,
            order=2,
            licence=owner.licence,
        )
        rows = unseen if len(unseen) else white[:MOST_HELD_OUT]
        errors = NoiseErrors(
            prior=noise_error(found.noise_of, schedule, rows.to(device)),
            gaussian=noise_error(gaussian_denoiser(white, schedule), schedule, rows),
            held_out=len(unseen),
            trained=len(white),
        )
    trained.cpu()
    return found.identified(), errors


def _check(latents: Tensor, owner: LatentOwner) -> None:
    if latents.ndim != 2 or latents.shape[1] != owner.space.dim:
        raise InvalidInput(
            f"Latents of the shape {list(latents.shape)} for {owner.name!r}, whose latents are "
            f"{owner.space}: expected [rows, {owner.space.dim}]."
        )
    if len(latents) < 2:
        raise InvalidInput(
            f"{len(latents)} latents to train a diffusion prior on; expected at least 2, and some "
            "thousand for a useful one."
        )
    if wrong := int((~latents.isfinite().all(dim=1)).sum()):
        raise InvalidInput(
            f"{wrong} of {len(latents)} latents have numbers that are not finite. Leave them out."
        )


def _split(latents: Tensor, training: PriorTraining, seed: int) -> tuple[Tensor, Tensor]:
    """The latents to train on and those held out, of which there are at least 2 each or none."""
    count = min(int(len(latents) * training.held_out), MOST_HELD_OUT, len(latents) - 2)
    order = torch.randperm(len(latents), generator=stream_of(seed, "held out"))
    return latents[order[max(count, 0) :]], latents[order[: max(count, 0)]]
