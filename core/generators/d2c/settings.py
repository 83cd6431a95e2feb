"""What an official D2C file does not say: image size, bits, noise schedule.

They come from the user's options, from the authors' configuration where the checkpoint has it or
it lies beside the file, or from the file's shapes and the authors' models.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ...checkpoints.folders import read_json
from ...checkpoints.record import Checkpoint
from ...checkpoints.weights import if_usable
from ...diffusion.schedule import NoiseSchedule
from ...errors import CheckpointError, InvalidInput
from .layouts import AutoencoderLayout, UNetLayout

__all__ = ["D2CSettings", "d2c_configuration", "settings_of"]

CONFIG: Final = "d2c"
"""Key of the configuration in LatentSteer's own files; a folder has it as its config.json."""
HEAD: Final = "autoencoder.encoder_q.fc.0.weight"
"""First layer of MoCo's projection head; its inputs are the coordinates of a latent."""
ATTENDED: Final = 16
"""Side of the maps with attention in every official U-Net."""
LARGE, SMALL = 256, 32
"""Image sizes of the authors' models: FFHQ and CelebA-HQ; CIFAR, which halves the side once."""
BETAS: Final = (1e-4, 2e-2, 1000)
"""First and last beta and number of levels of every official diffusion."""


@dataclass(frozen=True)
class D2CSettings:
    """Settings beside the weights.

    Attributes:
        side: side of the latents.
        bits: bits per colour of the images that are encoded.
        schedule: noise levels of the diffusion.
        facts: where each comes from, for `inspect`.
    """

    side: int
    bits: int
    schedule: NoiseSchedule
    facts: Mapping[str, str]


def d2c_configuration(
    side: int, bits: int, betas: tuple[float, float, int] = BETAS
) -> dict[str, object]:
    """Settings in the form of the authors' configurations, to be stored with a state dict.

    Args:
        side: side of the latents.
        bits: bits per colour.
        betas: first and last beta and number of levels of a linear schedule.
    """
    first, last, levels = betas
    diffusion = {
        "beta_schedule": "linear",
        "beta_start": first,
        "beta_end": last,
        "num_diffusion_timesteps": levels,
    }
    autoencoder = {"num_x_bits": bits, "latent_dim": side}
    return {CONFIG: {"autoencoder": autoencoder, "diffusion": {"diffusion": diffusion}}}


def settings_of(
    checkpoint: Checkpoint, autoencoder: AutoencoderLayout, unet: UNetLayout
) -> D2CSettings:
    """Settings of a checkpoint.

    Args:
        checkpoint: the checkpoint, with the user's options.
        autoencoder: sizes of its autoencoder.
        unet: sizes of its denoiser.

    Raises:
        InvalidInput: an option is out of range, or of a size that the networks cannot have.
        CheckpointError: the configuration has another form or unknown settings.
    """
    config = _Config(checkpoint)
    side, why_side = _side(checkpoint, config, autoencoder, unet)
    bits, why_bits = _bits(checkpoint, config, autoencoder)
    schedule, why_schedule = _schedule(config)
    size = side * autoencoder.factor
    facts = {
        "image size": f"{size} x {size} ({why_side}); option image_size",
        "bits": f"{bits} per colour ({why_bits}); option bits",
        "noise schedule": why_schedule,
        "operations": "convolutions without dilation, as in all of the authors' models",
        "training": "the key encoder, the queue and the projection heads are left out",
    }
    return D2CSettings(side, bits, schedule, facts)


class _Config:
    """The authors' configuration, if the checkpoint has one or it lies beside the file.

    Attributes:
        source: where it is, for `inspect`.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._name, self.source = checkpoint.path.name, "the configuration"
        config = checkpoint.config
        self._found = config.get(CONFIG, config.get("folder", {}))
        beside = next(filter(Path.is_file, _beside(checkpoint.path)), None)
        if not self._found and beside is not None:
            self._found, self._name = read_json(beside), beside.name
            self.source = f"the configuration {beside.name}"

    def value(self, *path: str) -> object:
        """The entry at a path of keys; None if it is missing."""
        found: Any = self._found
        for key in path:
            if found is None:
                return None
            if not isinstance(found, Mapping):
                raise CheckpointError(
                    f"{self._name}: the configuration of {path[0]} is no table of settings."
                )
            found = found.get(key)
        return found

    def number(self, low: float, high: float, *path: str) -> float | None:
        """The number at a path of keys; None if it is missing."""
        found = self.value(*path)
        if found is None:
            return None
        if (
            isinstance(found, bool)
            or not isinstance(found, int | float)
            or not low <= found <= high
        ):
            raise CheckpointError(
                f"{self._name}: the configuration's {'.'.join(path)} is {found!r}; a number from "
                f"{low:g} to {high:g} was expected."
            )
        return found

    def whole(self, low: int, high: int, *path: str) -> int | None:
        """The whole number at a path of keys; None if it is missing."""
        found = self.number(low, high, *path)
        if isinstance(found, float) and not found.is_integer():
            raise CheckpointError(
                f"{self._name}: the configuration's {'.'.join(path)} is {found!r}; a whole number "
                "was expected."
            )
        return None if found is None else int(found)


def _beside(path: Path) -> tuple[Path, ...]:
    """Places of the configuration of a file: of x_model.ckpt, x_model.json and x_config.json."""
    return path.with_suffix(".json"), path.with_name(
        f"{path.stem}.json".replace("model", "config")
    )


def _side(
    checkpoint: Checkpoint, config: _Config, autoencoder: AutoencoderLayout, unet: UNetLayout
) -> tuple[int, str]:
    """Side of the latents, and where it comes from."""
    # The U-Net halves the side that often.
    unit = 2 ** (len(unet.widths) - 1)
    size = checkpoint.options.get("image_size", 0)
    step = unit * autoencoder.factor
    if isinstance(size, bool) or not isinstance(size, int) or size < 0 or size % step:
        raise InvalidInput(
            f"image_size is {size!r}; {checkpoint.path.name} takes a multiple of {step}, or 0 to "
            "derive it."
        )
    if size:
        return size // autoencoder.factor, "chosen"
    if found := config.whole(1, 1024, "autoencoder", "latent_dim"):
        if found % unit:
            raise CheckpointError(
                f"{checkpoint.path.name}: in {config.source} latents have the side {found}, which "
                f"the denoiser cannot halve {len(unet.widths) - 1} times."
            )
        return found, config.source
    if (head := _head(checkpoint)) is not None and head % autoencoder.latent == 0:
        side = math.isqrt(head // autoencoder.latent)
        if side**2 * autoencoder.latent == head and side % unit == 0:
            return side, "the projection head's inputs"
    if unet.attention:
        side = ATTENDED * 2 ** min(unet.attention)
        return max(side, unit), f"attention at {ATTENDED} x {ATTENDED}, as in the authors' models"
    size = SMALL if autoencoder.factor == 2 else LARGE
    return max(size // autoencoder.factor, unit), "the authors' models with as many halvings"


def _head(checkpoint: Checkpoint) -> int | None:
    """Inputs of the projection head; None if the file has none that can be used."""
    if HEAD not in checkpoint.tensors:
        return None
    head = if_usable(lambda: checkpoint.tensors[HEAD])
    return head.shape[1] if head is not None and head.ndim == 2 else None


def _bits(
    checkpoint: Checkpoint, config: _Config, autoencoder: AutoencoderLayout
) -> tuple[int, str]:
    bits = checkpoint.options.get("bits", 0)
    if isinstance(bits, bool) or not isinstance(bits, int) or not 0 <= bits <= 8:
        raise InvalidInput(f"bits is {bits!r}; expected 1 to 8, or 0 to derive it.")
    if bits:
        return bits, "chosen"
    if found := config.whole(1, 8, "autoencoder", "num_x_bits"):
        return found, config.source
    if autoencoder.factor == 2:
        return 8, "as the authors' models that halve the side once"
    return 5, "as the authors' model of 256 pixels"


def _schedule(config: _Config) -> tuple[NoiseSchedule, str]:
    path = ("diffusion", "diffusion")
    kind = config.value(*path, "beta_schedule")
    if kind not in (None, "linear"):
        raise CheckpointError(
            f"The configuration's beta_schedule is {kind!r}; every D2C model has a linear one."
        )
    first = config.number(1e-8, 0.999, *path, "beta_start") or BETAS[0]
    last = config.number(1e-8, 0.999, *path, "beta_end") or BETAS[1]
    levels = config.whole(2, 10_000, *path, "num_diffusion_timesteps") or BETAS[2]
    why = config.source if kind else "as in the authors' models"
    return NoiseSchedule.linear(first, last, levels), (
        f"betas from {first:g} to {last:g}, linear, {levels} levels ({why})"
    )
