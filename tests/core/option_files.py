"""Generators with options, from the smallest file of each family, and latents of them."""

import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.chunking import Chunking
from latentsteer.core.energies.perceptual import pixels
from latentsteer.core.generators import load_generator
from latentsteer.core.generators.biggan import ajbrock as biggan
from latentsteer.core.generators.biggan import deep as biggan_deep
from latentsteer.core.generators.biggan import deep_hf as biggan_deep_hf
from latentsteer.core.generators.stylegan import rosinality as stylegan2_rosinality
from latentsteer.core.generators.stylegan import stylegan2, stylegan3, stylegan_xl
from latentsteer.core.generators.stylegan import tensorflow as stylegan2_tf
from latentsteer.core.latents import Latents
from latentsteer.core.refine.rules import Adam
from latentsteer.core.rng import SampleRng
from latentsteer.core.starts.candidates import from_prior

CHUNKS = Chunking(2, padded=True)
CPU = torch.device("cpu")
FAMILIES = {
    "stylegan2": (stylegan2.GENERATOR, 0),
    "stylegan2_tf": (stylegan2_tf.GENERATOR, 0),
    "stylegan2_rosinality": (stylegan2_rosinality.GENERATOR, 0),
    "stylegan3": (stylegan3.GENERATOR, 0),
    "stylegan_xl": (stylegan_xl.GENERATOR, 0),
    "biggan": (biggan.GENERATOR, 0),
    "biggan_deep": (biggan_deep.GENERATOR, 0),
    "biggan_deep_hf": (biggan_deep_hf.GENERATOR, 0),
}


def opener(folder):
    """Returns a function that opens the smallest file of a family with options, each once."""
    kept = {}

    def go(family, options):
        # True is 1, but not as an option.
        key = family, repr(sorted(options.items()))
        if key not in kept:
            kept[key] = read(family, options)
        return kept[key]

    def read(family, options):
        architecture, number = FAMILIES[family]
        path = folder / f"{family}.safetensors"
        if not path.exists():
            example = architecture.examples[number]()
            stream = torch.Generator().manual_seed(0)
            tensors = {
                prefix + name: _filled(tensor, stream)
                for prefix, network in example.networks.items()
                for name, tensor in network.state_dict().items()
            }
            checkpoints.write(path, tensors, example.config)
        return load_generator(path, options)

    go.digest = lambda family: checkpoints.fingerprint(folder / f"{family}.safetensors")
    return go


def _filled(tensor, stream):
    if not tensor.is_floating_point() or tensor.ndim < 2:
        return tensor
    return torch.randn(tensor.shape, generator=stream) * 0.1


def drawn(generator, count=2):
    rng = SampleRng.of(0, count, "prior")
    start = from_prior(generator, rng, chunking=CHUNKS, device=CPU)
    names = tuple(range(count))
    return Latents(start.values, start.chart, generator.id, generator.name, names)


def likeness_to_grey(generator):
    return pixels(torch.full((1, 3, *generator.image_size), 0.5))


def job(toys, generator, **changes):
    settings = {"energy": likeness_to_grey(generator), "rule": Adam(learning_rate=0.01)}
    return toys.job(generator=generator, steps=3, **settings | changes)
