"""Files of official families with weights drawn from their names, and outputs of such weights.

The authors' code computed the outputs in `parity/*.npz` with the same draws; the archives have the
shapes of the tensors, the inputs, and the outputs, of large images every few pixels.
"""

import json
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.checkpoints.architecture import detect
from latentsteer.core.checkpoints.parity import TOLERANCE, read_arrays
from latentsteer.core.generators import ARCHITECTURES, DISCRIMINATORS, PARTS
from torch.nn import functional

PARITY = Path(__file__).parents[1] / "parity"
LARGE, STRIDE = 64, 8
VARIANCES = ("running_var", "stored_var")
EQUALISED = ("convs.", "Conv4x4.", "Dense0.", "Output.")
"""Starts of the names of layers that divide weights by the root of their inputs themselves."""
VECTORS = ("weight_u", "weight_v")


def drawn(name, shape):
    """A tensor by its name: variances about 1, matrices with outputs as large as inputs.

    Low-pass filters of Co-Mod-GAN's port, which are no weights, are those of its code.
    """
    draws = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape)
    if name.endswith("kernel"):
        usual = torch.tensor([1.0, 3.0, 3.0, 1.0])
        return torch.outer(usual, usual) / (16 if "Conv0_up" in name or "upsample" in name else 64)
    if name.endswith(VARIANCES):
        return torch.from_numpy(np.asarray(0.5 + np.abs(draws))).float()
    found = torch.from_numpy(np.asarray(draws)).float()
    if found.ndim < 2:
        return found * 0.3
    if name.startswith(EQUALISED):
        return found
    return found * (found.numel() / found.shape[0]) ** -0.5


def drawn_tensors(shapes):
    """All tensors of a file by name; vectors of spectral normalisation belong to their weight."""
    found = {n: drawn(n, s) for n, s in shapes.items() if not n.endswith(VECTORS)}
    for name in shapes:
        if not name.endswith("weight_u"):
            continue
        base = name.removesuffix("_u")
        weight = found[f"{base}_orig"]
        rows = 0 if len(weight) == shapes[name][0] else 1
        matrix = weight.transpose(0, rows).flatten(1)
        u = functional.normalize(torch.ones(len(matrix)), dim=0)
        found[name], found[f"{base}_v"] = u, functional.normalize(u @ matrix, dim=0)
    return found


def thinned(value):
    """What is kept of an output: every eighth row and column of large images."""
    large = value.ndim == 4 and value.shape[-1] > LARGE
    return value[..., ::STRIDE, ::STRIDE] if large else value


@cache
def told_of(name):
    """What the archive says of its file: shapes, and configuration where there is one."""
    return json.loads(bytes(np.load(PARITY / f"{name}.npz")["told"]))


def arrays_of(name):
    arrays = read_arrays(PARITY / f"{name}.npz")
    return {key: value for key, value in arrays.items() if key != "told"}


def written(name, path):
    told = told_of(name)
    checkpoints.write(path, drawn_tensors(told["shapes"]), told.get("config", {}))
    return path


def errors_of(path, name):
    """The error of every output that the archive has, relative to its largest magnitude."""
    checkpoint = checkpoints.read(path)
    architecture = detect(checkpoint, (*ARCHITECTURES, *DISCRIMINATORS, *PARTS))
    arrays = arrays_of(name)
    with torch.no_grad():
        found = architecture.parity(checkpoint, arrays)
    return {
        key: float((thinned(value) - arrays[key]).abs().max() / arrays[key].abs().max())
        for key, value in found.items()
    }


def assert_outputs_agree(path, name, outputs):
    """Asserts that exactly these outputs are known, each within the tolerance."""
    errors = errors_of(path, name)
    assert errors.keys() == set(outputs)
    assert max(errors.values()) <= TOLERANCE, errors
