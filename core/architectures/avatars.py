"""The avatars' VAE of the zoo: a decoder behind a whitened prior, with its encoder."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ..checkpoints import Checkpoint
from ..detection import Architecture, Example, all_of, load_network
from ..generator import Gaussian, Generator
from ..images import resized
from ..networks.avatars import AvatarDecoder, AvatarEncoder
from ..rng import SampleRng
from ..spaces import Block, Space

__all__ = ["GENERATOR"]

SIZE = (64, 64)


def _widths(tensors: Mapping[str, Tensor], names: list[str]) -> tuple[int, ...]:
    return tuple(tensors[name].shape[0] for name in names)


def _load(checkpoint: Checkpoint) -> Generator:
    tensors = checkpoint.tensors
    latent_dim = tensors["decoder.shift"].shape[0]
    mixes = [f"decoder.mixes.{i}.norm.weight" for i in range(5)]
    downs = ["encoder.stem.weight", *(f"encoder.downs.{i}.weight" for i in range(4))]
    decoder = load_network(
        AvatarDecoder(latent_dim, _widths(tensors, mixes)), checkpoint, "decoder."
    )
    encoder = load_network(
        AvatarEncoder(latent_dim, _widths(tensors, downs)), checkpoint, "encoder."
    )

    def render(parts: Mapping[str, Tensor], rng: SampleRng) -> Tensor:
        return decoder(parts["z"])

    def encode(images: Tensor) -> Tensor:
        mean, _ = encoder(resized(images, SIZE))
        shifted = (mean - decoder.shift).mT
        return torch.linalg.solve_triangular(decoder.scale, shifted, upper=False).mT

    return Generator(
        name=checkpoint.path.stem,
        id=checkpoint.sha256,
        architecture=GENERATOR.id,
        module=decoder,
        source=Space((Block("z", (latent_dim,)),)),
        prior=Gaussian(latent_dim),
        image_size=SIZE,
        render=render,
        encoder=encoder,
        encode=encode,
        licence=str(checkpoint.config.get("licence", "unknown")),
    )


def _example(latent_dim: int, decoder: tuple[int, ...], encoder: tuple[int, ...]) -> Example:
    networks = {
        "decoder.": AvatarDecoder(latent_dim, decoder),
        "encoder.": AvatarEncoder(latent_dim, encoder),
    }
    return Example(networks, {"architecture": "avatars-generator"})


GENERATOR: Architecture[Generator] = Architecture(
    id="avatars-generator",
    needs="`decoder.shift` and `encoder.stem.weight`",
    recognises=all_of("decoder.shift", "decoder.project.weight", "encoder.stem.weight"),
    load=_load,
    examples=(
        lambda: _example(6, (8, 8, 4, 4, 4), (4, 4, 8, 8, 8)),
        lambda: _example(5, (4, 8, 8, 4, 4), (8, 4, 4, 4, 4)),
    ),
)
