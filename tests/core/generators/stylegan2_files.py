"""StyleGAN2's files for tests: from its authors' code, or with weights that it also used.

`parity/sg2_tf_configf32` and `parity/rosinality_64` are files written by that code, with outputs.
For other configurations there are only outputs (`parity/stylegan2_*.npz`) of weights that `drawn`
makes from their names, with the shapes and the pickle's module attributes under `told`.
"""

import zlib
from pathlib import Path

import numpy as np
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.checkpoints.architecture import detect
from latentsteer.core.checkpoints.parity import compared, read_arrays
from latentsteer.core.generators import ARCHITECTURES
from latentsteer.core.rng import SampleRng

PARITY = Path(__file__).parents[1] / "parity"
WRITTEN = {"sg2_tf_configf32": "pkl", "rosinality_64": "pt"}
CONDITIONAL, GREY = "stylegan2_resnet_cond16", "stylegan2_orig_grey16"
TENSORFLOW, TRAINED = "stylegan2_tf_cond16", "stylegan2_rosinality_train16"
FAMILIES = {
    "sg2_tf_configf32": "stylegan2-tensorflow",
    "rosinality_64": "stylegan2-rosinality",
    CONDITIONAL: "stylegan2",
    GREY: "stylegan2",
    TENSORFLOW: "stylegan2-tensorflow",
    TRAINED: "stylegan2-rosinality",
}
ONE_EACH = (CONDITIONAL, TENSORFLOW, TRAINED)
INPUTS = {"z", "c", "wplus", "told"}
UNKNOWN = {TRAINED: {"w_avg"}, "rosinality_64": {"D"}}
"""Outputs that cannot be computed from those files."""
JUDGED = [name for name in FAMILIES if name != "rosinality_64"]


def drawn(name, shape):
    """The weights that the authors' code also used to compute the outputs."""
    draws = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape)
    draws = np.asarray(draws)
    if name.endswith(("resample_filter", ".kernel")):
        draws = np.abs(draws) + 0.1
        draws = draws / draws.sum()
    elif any(part in name for part in ("mapping.fc", "/Dense", ".style.")) and "4x4" not in name:
        draws = draws * 100
    return torch.from_numpy(draws.astype(np.float32))


def arrays_of(name):
    return read_arrays(PARITY / f"{name}.npz")


def errors(checkpoint, arrays):
    return {c.name: c for c in compared(checkpoint, detect(checkpoint, ARCHITECTURES), arrays)}


def rewritten(path, tmp_path, change, config=None):
    """A copy of a file with a function applied to its tensors."""
    checkpoint = checkpoints.read(path)
    copy = tmp_path / "copy.safetensors"
    checkpoints.write(
        copy, change(dict(checkpoint.tensors)), checkpoint.config if config is None else config
    )
    return copy


def points(generator, count=3, seed=0, dtype=torch.float32):
    return generator.prior.sample(SampleRng.of(seed, count), torch.empty(0)).to(dtype)


def streams(count, seed=0):
    return SampleRng.of(seed, count, "noise")


def in_unit(images):
    images = images * 0.5 + 0.5
    images = images if images.shape[1] == 3 else images[:, :1].expand(-1, 3, -1, -1)
    return images.clamp(0, 1)
