"""Example files of the registered generators and auxiliaries, written and opened again."""

import json

import pytest
import torch
from latentsteer.core.auxiliaries import AUXILIARIES, load_auxiliary
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.checkpoints.tensor_files import DTYPES, HEAD
from latentsteer.core.generator import ConditionalGenerator, Given
from latentsteer.core.generators import ARCHITECTURES, open_generator
from latentsteer.core.rng import SampleRng
from torch.nn import functional

FILES = [
    pytest.param(architecture, make, id=f"{architecture.id}-{number}")
    for architecture in (*ARCHITECTURES, *AUXILIARIES)
    for number, make in enumerate(architecture.examples)
]
GENERATOR_FILES = [param for param in FILES if param.values[0] in ARCHITECTURES]
AUXILIARY_FILES = [param for param in FILES if param.values[0] in AUXILIARIES]


POSITIVE = ("running_var", "stored_var", "running_vars", "magnitude_ema", "latent_mod.std")
"""Ends of the names of variances and deviations."""
FILTERS = ("up_filter", "down_filter", "Resampler.Kernel")
"""Ends of the names of low-pass filters."""


TYPES = {dtype: name for name, dtype in DTYPES.items()}
"""Names of types in safetensors files."""


def randomised(example):
    """Returns the example with random weights and statistics of normalisations."""
    stream = torch.Generator().manual_seed(5)
    for network in example.networks.values():
        for name, tensor in (*network.named_parameters(), *network.named_buffers()):
            if not tensor.is_floating_point() or name.endswith(FILTERS):
                continue  # low-pass filters have the sum one
            noise = torch.randn(tensor.shape, generator=stream)
            if name.endswith(POSITIVE):
                tensor.data = 1.0 + 0.1 * noise
            elif name.endswith("accumulation_counter"):
                tensor.data = torch.full_like(tensor, 2)
            elif tensor.ndim > 1 and not name.endswith("log_weight_norm"):
                tensor.data = noise * 1.2 * (tensor.numel() / tensor.shape[0]) ** -0.5
            else:  # a scale or a variance about 1, a shift or a mean about 0
                centre = 1.0 if name.endswith(("weight", "output_layer.0.gain")) else 0.0
                tensor.data = centre + 0.1 * noise
        for module in network.modules():
            if hasattr(module, "weight_v"):  # vectors of the power method belong to their weight
                matrix = getattr(module, "matrix", lambda m=module: m.weight_orig.flatten(1))
                weight = matrix().data
                module.weight_u = functional.normalize(module.weight_u, dim=0)
                module.weight_v = functional.normalize(module.weight_u @ weight, dim=0)
        network.eval()
    return example


def tensors_of(example):
    return {
        prefix + name: tensor
        for prefix, network in example.networks.items()
        for name, tensor in network.state_dict().items()
    }


def written(example, path):
    checkpoints.write(path, tensors_of(example), example.config)
    return path


def written_plainly(path, tensors, config):
    """Writes a safetensors file without a checksum, for tests that write hundreds of files.

    The library safetensors looks at every tensor several times before it writes one.
    """
    header = {"__metadata__": {checkpoints.METADATA_KEY: json.dumps(dict(config))}}
    contents, length = [], 0
    for name, tensor in tensors.items():
        contents.append(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        begin, length = length, length + contents[-1].nbytes
        header[name] = {
            "dtype": TYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [begin, length],
        }
    head = json.dumps(header).encode()
    path.write_bytes(b"".join([len(head).to_bytes(HEAD, "little"), head, *contents]))


def opened(architecture, path, options=None):
    """Returns the model of a file; a generator that needs inputs gets some."""
    if architecture in AUXILIARIES:
        return load_auxiliary(path)
    found = open_generator(path, options or {})
    return found.given(some_inputs(found)) if isinstance(found, ConditionalGenerator) else found


def some_inputs(conditional):
    """Returns inputs for a generator: a ramp with an unknown left half, and plain words."""
    height, width = conditional.image_size
    ramp = torch.linspace(0, 1, width).expand(1, 3, height, width)
    hole = (torch.arange(width) < width // 2).float().expand(1, height, width)
    words = {"sentence": "a small bird", "domain": next(iter(conditional.domains), None)}
    every = {"image": ramp, "mask": hole, "style": ramp.flip(3), **words}
    return Given(**{need: every[need] for need in conditional.needs})


class Examples:
    """The examples with random weights: each is made, written and opened once in a session.

    Tests share what it returns and leave it unchanged; `fresh` is for those that move networks.
    """

    def __init__(self, folder):
        self._folder = folder
        self._made, self._opened = {}, {}

    def example(self, make):
        """Returns the example and the path of its file."""
        if make not in self._made:
            path = self._folder / str(len(self._made)) / "model.safetensors"
            example = randomised(make())
            self._made[make] = example, written(example, path)
        return self._made[make]

    def fresh(self, architecture, make, options=None):
        """Opens the file of an example, as `opened` does or with options."""
        _, path = self.example(make)
        return opened(architecture, path, options)

    def __call__(self, architecture, make, **options):
        """Returns the model of an example's file, opened with options."""
        key = make, *sorted(options.items())
        if key not in self._opened:
            self._opened[key] = self.fresh(architecture, make, options)
        return self._opened[key]

    def as_written(self, architecture, make):
        """Returns the model with the original tensors of its file, which others may fold."""
        folds = {"folded": False} if "folded" in architecture.option_names else {}
        return self(architecture, make, **folds)


def drawn(generator, count):
    return generator.prior.sample(SampleRng.of(0, count), torch.empty(0))
