"""Files whose weights are drawn by name, so that the repository keeps their outputs alone.

`parity/NAME.npz` has inputs and outputs of the authors' code with the same weights, and under
`told` the names and shapes of its state dict.
"""

import json
import re
import zlib
from pathlib import Path

import numpy as np
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.checkpoints.architecture import detect
from latentsteer.core.checkpoints.parity import compared, read_arrays
from latentsteer.core.generators import ARCHITECTURES, DISCRIMINATORS
from latentsteer.core.rng import SampleRng
from torch.nn import functional

PARITY = Path(__file__).parents[1] / "parity"
KNOWN = (*ARCHITECTURES, *DISCRIMINATORS)
VARIANCES = ("running_var", "avg_var")
SHIFTS = ("running_mean", "avg_mean", "bias", "b", "beta", "log_weight_norm")
COUNTERS = ("num_batches_tracked", "N")
WEIGHTS = ("weight", "weight_orig", "W")
POWER_STEPS = 10


def drawn(name, shape):
    """The tensor that the authors' code also used to compute the outputs."""
    name = name.replace("weight_normalized", "weight")  # NVAE's second name of one tensor
    stream = np.random.RandomState(zlib.crc32(name.encode()))
    last = re.split("[./]", name)[-1]
    if last in COUNTERS:
        return torch.full(shape, 3)
    if last in VARIANCES:
        draws = stream.uniform(0.5, 1.5, shape)
    else:
        draws = stream.standard_normal(shape)
        if last in SHIFTS:
            draws = 0.1 * draws
        elif len(shape) == 1:
            draws = 1 + 0.1 * draws
        elif last in WEIGHTS:
            draws = draws / np.sqrt(np.prod(shape[1:]))
    return torch.from_numpy(np.asarray(draws)).float()


def drawn_tensors(shapes):
    """Tensors by name; vectors of the power method belong to their weights."""
    tensors = {name: drawn(name, tuple(shape)) for name, shape in shapes.items()}
    for name in [name for name in tensors if name.endswith("_orig")]:
        stem = name.removesuffix("_orig")
        u = functional.normalize(tensors[stem + "_u"] - 1, dim=0)
        matrix = tensors[name].flatten(1)
        for _ in range(POWER_STEPS):
            v = functional.normalize(u @ matrix, dim=0)
            u = functional.normalize(matrix @ v, dim=0)
        tensors |= {stem + "_u": u, stem + "_v": v}
    return tensors


def drawn_images(side, rows, scale):
    """Images in [-scale rows, scale rows]; D's reaction to them is large."""
    draws = np.random.RandomState(side).uniform(-1, 1, (rows, 3, side, side))
    return torch.from_numpy(draws * scale * np.arange(1, rows + 1)[:, None, None, None]).float()


def told_of(name):
    """What a reference tells beside its arrays: shapes by name, and values of the file."""
    with np.load(PARITY / f"{name}.npz") as found:
        return json.loads(bytes(found["told"]))


def written_of(name, path, change=dict):
    """Writes the file of a reference, with a function applied to its tensors."""
    told = told_of(name)
    config = {"values": told["values"]} if "values" in told else {}
    checkpoints.write(path, change(drawn_tensors(told["shapes"])), config)
    return path


def arrays_of(name):
    """The arrays of a reference, with the images that its discriminator saw."""
    told = told_of(name)
    drawn_ones = {"x": drawn_images(*told["x"])} if "x" in told else {}
    return {**read_arrays(PARITY / f"{name}.npz"), **drawn_ones}


def compared_with(path, name, **changes):
    """Comparisons with a reference, by name of the output."""
    arrays = {**arrays_of(name), **changes}
    checkpoint = checkpoints.read(path)
    return {row.name: row for row in compared(checkpoint, detect(checkpoint, KNOWN), arrays)}


def points(generator, count=2, seed=0):
    return generator.prior.sample(SampleRng.of(seed, count), torch.empty(0))
