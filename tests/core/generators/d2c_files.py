"""Files of D2C whose weights are drawn by name, for the tests of its parts.

`parity/d2c_*.npz` hold outputs of the authors' code with the same weights (every eighth row and
column of large maps), and the names and shapes of its whole state dict under `told`.
"""

import json
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import torch
from latentsteer.core.checkpoints.parity import read_arrays

PARITY = Path(__file__).parents[1] / "parity"
LAYOUTS = ("d2c_three_scales", "d2c_one_scale", "d2c_inverted", "d2c_elu")
STRIDE = 8


def drawn(name, shape):
    """The tensor that the authors' code also used to compute the outputs."""
    name = name.replace("weight_normalized", "weight")
    stream = np.random.RandomState(zlib.crc32(name.encode()))
    last = name.rpartition(".")[2]
    if last in ("running_var", "std"):
        draws = stream.uniform(0.5, 1.5, shape)
    else:
        draws = stream.standard_normal(shape)
        if last in ("running_mean", "bias", "mean", "log_weight_norm"):
            draws = 0.1 * draws
        elif last == "num_batches_tracked":
            draws = np.full(shape, 3.0)
        elif len(shape) == 1:
            draws = 1 + 0.1 * draws
        elif "weight" in last:
            draws = draws / np.sqrt(np.prod(shape[1:]))
    found = torch.from_numpy(np.asarray(draws)).float()
    return found.long() if last in ("num_batches_tracked", "queue_ptr") else found


def drawn_images(size):
    return torch.from_numpy(np.random.RandomState(size).uniform(size=(1, 3, size, size))).float()


@cache
def arrays_of(name):
    """The arrays of a layout with its inputs."""
    arrays, told = read_arrays(PARITY / f"{name}.npz"), told_of(name)["autoencoder"]
    side = told["latent_dim"]
    noise = drawn("zT", (1, told["num_latent_per_group"], side, side))
    return {**arrays, "x": drawn_images(told["resolution"]), "zT": noise}


@cache
def told_of(name):
    """The authors' configuration of a layout, with the shapes of its state dict."""
    with np.load(PARITY / f"{name}.npz") as found:
        return json.loads(bytes(found["told"]))


@cache
def tensors_of(name):
    return {key: drawn(key, shape) for key, shape in told_of(name)["shapes"].items()}


def thinned(value):
    """What is kept of an output: every eighth row and column of large maps."""
    return value[..., ::STRIDE, ::STRIDE] if value.shape[-1] > 2 * STRIDE else value
