"""Diffusion priors as safetensors files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import torch

from ..charts import chart_from_config, chart_to_config
from ..checkpoints.checkpoint import read, write
from ..checkpoints.record import Checkpoint, check_what
from ..errors import CheckpointError, InvalidInput
from ..identity import id_with_options, options_of
from ..spaces import Identity
from ..zoo.licences import licence_of
from .ddim import StepOrder
from .denoisers import denoiser_of, kind_of_denoiser
from .prior import DiffusionPrior, Prediction
from .schedule import NoiseSchedule
from .whitening import Whitening

__all__ = ["WHAT_PRIOR", "load_prior", "prior_of_checkpoint", "save_prior"]

WHAT_PRIOR = "diffusion prior"
NETWORK, MEAN, SCALE, LEVELS = "network.", "mean", "scale", "levels"
OPTIONS = "generator_options"
"""Metadata key of the options of the generator, which its map depends on besides the weights."""


def save_prior(prior: DiffusionPrior, path: str | Path, *, half: bool = False) -> None:
    """Writes a diffusion prior: denoiser, whitening, noise levels, and whose latents it models.

    Args:
        prior: the prior.
        path: path of the file; its folder is created if missing.
        half: whether the denoiser's weights are stored in float16; the prior in the file has
            another id then.

    Raises:
        InvalidInput: the denoiser is of an official file, or its weights exceed float16.
    """
    kind = kind_of_denoiser(prior.network)
    tensors = {f"{NETWORK}{name}": t for name, t in prior.network.state_dict().items()}
    if half:
        tensors = {n: t.half() if t.is_floating_point() else t for n, t in tensors.items()}
        if not all(bool(t.isfinite().all()) for t in tensors.values()):
            raise InvalidInput("The denoiser has weights beyond float16. Save it in float32.")
    levels = torch.tensor(prior.schedule.alphas_bar, dtype=torch.float64)
    tensors |= {MEAN: prior.whitening.mean, SCALE: prior.whitening.scale, LEVELS: levels}
    config: dict[str, object] = {
        "what": WHAT_PRIOR,
        "name": prior.name,
        "generator": str(prior.base),
        "generator_name": prior.base_name,
        "denoiser": kind,
        "predicts": prior.predicts,
        "order": prior.order,
        "space": chart_to_config(Identity(prior.space)),
        "licence": prior.licence,
    }
    if (options := options_of(prior.base)) is not None:
        config[OPTIONS] = dict(options)
    write(path, tensors, config)


def load_prior(path: str | Path) -> DiffusionPrior:
    """Reads a diffusion prior from a file of `save_prior`.

    Raises:
        CheckpointError: no such file, or a file without a diffusion prior, or a damaged one.
    """
    return prior_of_checkpoint(read(path))


def prior_of_checkpoint(checkpoint: Checkpoint) -> DiffusionPrior:
    """Returns the diffusion prior in a file, frozen, in float32.

    Raises:
        CheckpointError: the file holds something else, or is damaged.
    """
    config: Mapping[str, Any] = checkpoint.config
    check_what(checkpoint, WHAT_PRIOR, "Save one with Save Diffusion Prior.")
    try:
        return _prior(checkpoint, config).identified()
    except (KeyError, TypeError, ValueError, InvalidInput, CheckpointError) as error:
        raise CheckpointError(f"{checkpoint.path.name} is damaged: {error}") from error


def _prior(checkpoint: Checkpoint, config: Mapping[str, Any]) -> DiffusionPrior:
    tensors = checkpoint.tensors
    weights = {
        name.removeprefix(NETWORK): tensors[name] for name in tensors if name.startswith(NETWORK)
    }
    space = chart_from_config(config["space"]).target
    predicts: Prediction = config["predicts"]
    if predicts not in get_args(Prediction):
        raise InvalidInput(f"it predicts {predicts!r}; known are noise and velocity.")
    order: StepOrder = config.get("order", 2)
    if order not in get_args(StepOrder):
        raise InvalidInput(f"steps of order {order!r}; known are 1 and 2.")
    network = denoiser_of(str(config["denoiser"]), weights)
    return DiffusionPrior(
        name=str(config["name"]),
        id="",
        base=id_with_options(str(config["generator"]), config.get(OPTIONS)),
        base_name=str(config["generator_name"]),
        network=network,
        whitening=Whitening(tensors[MEAN].float(), tensors[SCALE].float()),
        schedule=NoiseSchedule(tuple(tensors[LEVELS].double().tolist())),
        space=space,
        predicts=predicts,
        order=order,
        licence=licence_of(checkpoint),
    )
