"""Files of StyleGAN2 for the tests of its parts."""

import json
from functools import cache

import numpy as np
import pytest
from latentsteer.core.checkpoints import checkpoint as checkpoints

from .stylegan2_files import PARITY, WRITTEN, drawn


@pytest.fixture(scope="module")
def path_of(tmp_path_factory):
    """A file by name: written by the authors' code, or made of drawn weights."""

    @cache
    def find(name):
        if name in WRITTEN:
            return PARITY / f"{name}.{WRITTEN[name]}"
        told = json.loads(bytes(np.load(PARITY / f"{name}.npz")["told"]))
        tensors = {key: drawn(key, shape) for key, shape in told["shapes"].items()}
        path = tmp_path_factory.mktemp("drawn") / f"{name}.safetensors"
        checkpoints.write(path, tensors, {"modules": told["modules"]})
        return path

    return find


@pytest.fixture(autouse=True)
def one_reading(files_read_once):
    """Files of networks are read once."""
