"""Small files of every kind that the reader opens, written by the original libraries."""

import argparse
import pickle
import sys
import types
import warnings
from collections import OrderedDict

import numpy as np
import safetensors.torch
import torch
from latentsteer.core.checkpoints.foreign import open_foreign
from latentsteer.core.checkpoints.kinds import kind_of
from torch import nn

SOURCE = "raise RuntimeError('the source in a file must never run')\n"


def read_tensors(path):
    """Returns the tensors of a file of another library; all of them must be usable."""
    return dict(open_foreign(path, kind_of(path)).tensors)


def network(seed=0):
    """A DCGAN generator of 8 by 8 pixels, under `main.`, as in LatentSteer's example."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # noqa: TID251
        layers = nn.Sequential(
            nn.ConvTranspose2d(3, 4, 4, bias=False),
            nn.BatchNorm2d(4),
            nn.ReLU(True),
            nn.ConvTranspose2d(4, 3, 4, 2, 1, bias=False),
            nn.Tanh(),
        )
        whole = nn.Module()
        whole.main = layers
    return whole.eval()


def state():
    return network().state_dict()


def _module(name, **members):
    """Context with a module of the authors' while their pickle is written."""
    made = types.ModuleType(name)
    for key, member in members.items():
        member.__module__ = name
        member.__qualname__ = key
        setattr(made, key, member)
    parents = name.split(".")[:-1]
    for end in range(1, len(parents) + 1):
        sys.modules.setdefault(".".join(parents[:end]), types.ModuleType("parent"))
    sys.modules[name] = made
    return made


def _forget(*names):
    for name in names:
        sys.modules.pop(name, None)


class Generator(nn.Module):
    """A class of the authors."""

    def __init__(self):
        super().__init__()
        self.main = network().main
        self.width, self.names, self.scale = 4, ("a", "b"), float("inf")
        self.size = np.array([8, 8])
        self.filter = torch.tensor([1.0, 3.0, 3.0, 1.0])


def plain_modules(protocol=4):
    """Writes a dict with a module, as projected-gan does."""
    _module("pg_modules.networks", Generator=Generator)
    try:
        return pickle.dumps({"G_ema": Generator(), "augment_pipe": None, "note": "x"}, protocol)
    finally:
        _forget("pg_modules.networks", "pg_modules")


def _reconstruct_persistent_obj(meta):
    raise AssertionError("never called")


def persistent(protocol=4, source=SOURCE, kind="class"):
    """Writes a dict with a module of NVIDIA's persistence."""

    class Kept(Generator):
        def __reduce__(self):
            held = dict(self.__dict__) | {"_init_args": (3,), "_init_kwargs": {"width": 4}}
            return _reconstruct_persistent_obj, (
                {
                    "type": kind,
                    "version": 6,
                    "module_src": source,
                    "class_name": "Generator",
                    "state": held,
                },
            )

    _module("torch_utils.persistence", _reconstruct_persistent_obj=_reconstruct_persistent_obj)
    try:
        return pickle.dumps({"G_ema": Kept(), "training_set_kwargs": {"resolution": 8}}, protocol)
    finally:
        _forget("torch_utils.persistence", "torch_utils")


class Network:
    """A network of dnnlib.tflib."""

    def __init__(self, name, variables, components=()):
        self.held = {
            "version": 4,
            "name": name,
            "static_kwargs": {"resolution": 8},
            "components": dict(components),
            "build_module_src": SOURCE,
            "build_func_name": name,
            "variables": list(variables),
        }

    def __getstate__(self):
        return self.held


def tensorflow(protocol=4):
    """(G, D, Gs), G with a mapping and a synthesis."""
    stream = np.random.default_rng(0)

    def numbers(*shape):
        return stream.normal(size=shape).astype(np.float32)

    def generator():
        mapping = Network("G_mapping", [("Dense0/weight", numbers(4, 4))])
        synthesis = Network(
            "G_synthesis", [("4x4/Const/const", numbers(1, 4, 4, 4)), ("lod", np.float32(0.5))]
        )
        parts = {"mapping": mapping, "synthesis": synthesis}
        return Network("G_main", [("dlatent_avg", numbers(4))], parts)

    _module("dnnlib.tflib.network", Network=Network)
    try:
        critic = Network("D", [("Output/bias", numbers(1))])
        return pickle.dumps((generator(), critic, generator()), protocol)
    finally:
        _forget("dnnlib.tflib.network", "dnnlib.tflib", "dnnlib")


def _saved(content, path, **options):
    torch.save(content, path, **options)


def _whole(path, **options):
    _module("authors.networks", Generator=Generator)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that its source is not found
            torch.save(Generator(), path, **options)
    finally:
        _forget("authors.networks", "authors")


def _ours(path):
    from latentsteer.core.checkpoints import checkpoint as checkpoints

    checkpoints.write(path, state(), {"latent_dim": 3, "note": "x"})


def _arrays(path, save):
    save(path, **{name: tensor.numpy() for name, tensor in state().items()})


OLD = {"_use_new_zipfile_serialization": False}
SEALED = {
    "ours.safetensors": _ours,
    "zip.pth": lambda path: _saved({"epoch": 3, "g": state()}, path),
    "namespace.pt": lambda path: _saved({"args": argparse.Namespace(n=1), "g": state()}, path),
    "module.pkl": _whole,
    "stored.npz": lambda path: _arrays(path, np.savez),
    "packed.npz": lambda path: _arrays(path, np.savez_compressed),
}
"""Files whose every number and name has a check sum."""
OPEN = {
    "theirs.safetensors": lambda path: safetensors.torch.save_file(state(), path),
    "old.pth": lambda path: _saved({"epoch": 3, "g": OrderedDict(state())}, path, **OLD),
    "old-module.pkl": lambda path: _whole(path, **OLD),
    "persistent.pkl": lambda path: path.write_bytes(persistent()),
    "plain.pkl": lambda path: path.write_bytes(plain_modules()),
    "tensorflow.pkl": lambda path: path.write_bytes(tensorflow()),
}
"""Files without check sums."""
