"""The networks of a D2C in training: autoencoder, momentum encoder, queue, denoiser, averages."""

import copy
from collections.abc import Callable
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ...checkpoints.undrawn import undrawn
from ...diffusion.layers import draw_weights
from ...generators.d2c.layouts import AutoencoderLayout
from ...generators.d2c.networks.autoencoder import D2CAutoencoder
from ...generators.d2c.networks.cells import NormedConv
from ...generators.d2c.networks.unet import D2CUNet
from ...rng import stream_of
from .contrastive import KeyQueue, follow, head
from .joint import LatentStatistics, in_full
from .settings import D2CConfiguration

__all__ = ["ContrastedAutoencoder", "D2CNetworks", "StreamDropout", "drawn_network"]

_Net = TypeVar("_Net", bound=nn.Module)


class ContrastedAutoencoder(D2CAutoencoder):
    """Autoencoder with MoCo's head on its flattened latents.

    Args:
        layout: its sizes.

    Attributes:
        fc: the head, under its name in official files; it passes latents on until it is set.
    """

    fc: nn.Module

    def __init__(self, layout: AutoencoderLayout) -> None:
        super().__init__(layout)
        self.fc = nn.Identity()

    def features(self, x: Float[Tensor, "batch 3 _ _"]) -> Float[Tensor, "batch dim"]:
        """What is contrasted of images in [0, 1]: vectors of unit length, in full precision."""
        return self.features_of(self.encode(x))

    def features_of(self, z: Float[Tensor, "batch _ _ _"]) -> Float[Tensor, "batch dim"]:
        """What is contrasted of latents."""
        return functional.normalize(in_full(self.fc(z.flatten(1))), dim=1)


class StreamDropout(nn.Module):
    """Dropout with a stream that is set before each use, so that a training repeats its bits.

    Attributes:
        share: share of the dropped activations; the others are scaled by 1 / (1 - share).
        stream: random stream on the device of the activations.
    """

    stream: torch.Generator | None

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share, self.stream = share, None

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Drops activations while it trains."""
        if not self.training or not self.share:
            return x
        kept = torch.empty_like(x).bernoulli_(1 - self.share, generator=self.stream)
        return x * kept / (1 - self.share)


class D2CNetworks(nn.Module):
    """All networks of a training of D2C.

    Args:
        configuration: sizes and scheme.
        seed: seed of the initial weights.

    Attributes:
        autoencoder: encoder and decoder with the head.
        follower: the momentum encoder; None without the contrastive term.
        queue: its keys; None without the contrastive term.
        denoiser: the diffusion's U-Net.
        statistics: the diffusion's coordinates, `latent_mod` in official files.
        mean_autoencoder: exponential average of the autoencoder; None in the two-stage scheme,
            where the diffusion is trained on the latents of the autoencoder itself.
        mean_denoiser: exponential average of the denoiser.
    """

    def __init__(self, configuration: D2CConfiguration, seed: int) -> None:
        super().__init__()
        training, contrast = configuration.training, configuration.contrast
        contrasted = training.contrastive_weight > 0
        self.joint = training.scheme == "joint"
        self.autoencoder = drawn_network(
            lambda: ContrastedAutoencoder(configuration.autoencoder), seed, "d2c autoencoder"
        )
        if contrasted:
            numbers = torch.Size(configuration.shape).numel()
            hidden = contrast.hidden or numbers
            stream = stream_of(seed, "d2c head")
            self.autoencoder.fc = head(numbers, hidden, contrast.dim, stream)
        self.follower = _copied(self.autoencoder) if contrasted else None
        stream = stream_of(seed, "d2c queue")
        self.queue = KeyQueue(contrast.dim, contrast.keys, stream) if contrasted else None
        self.denoiser = drawn_network(
            lambda: D2CUNet(configuration.denoiser), seed, "d2c denoiser"
        )
        _use_streams(self.denoiser)
        self.statistics = LatentStatistics(configuration.shape[0])
        self.mean_autoencoder = _copied(self.autoencoder).eval() if self.joint else None
        self.mean_denoiser = _copied(self.denoiser).eval()

    @property
    def final_autoencoder(self) -> ContrastedAutoencoder:
        """The autoencoder of the result."""
        return self.mean_autoencoder or self.autoencoder

    def average(self, rate: float, done: int, *, autoencoder: bool) -> None:
        """Moves the averages towards the networks after a step.

        Args:
            rate: share that they keep, at most (1 + done) / (10 + done).
            done: steps before this one.
            autoencoder: whether the autoencoder was trained by it, not only the denoiser.
        """
        kept = min(rate, (1 + done) / (10 + done))
        pairs: list[tuple[nn.Module, nn.Module]] = [(self.mean_denoiser, self.denoiser)]
        if autoencoder and self.mean_autoencoder is not None:
            pairs.append((self.mean_autoencoder, self.autoencoder))
        for mean, network in pairs:
            follow(mean, network, kept)
            for own, other in zip(mean.buffers(), network.buffers(), strict=True):
                own.copy_(other)

    def official(self) -> dict[str, Tensor]:
        """Returns the tensors of the result under the names of official files.

        The momentum encoder, the queue and the head, which no result needs, are left out.
        """
        parts = {
            "autoencoder.encoder_q": self.final_autoencoder,
            "diffusion": self.mean_denoiser,
            "latent_mod": self.statistics,
        }
        return {
            f"{name}.{key}": tensor
            for name, part in parts.items()
            for key, tensor in part.state_dict().items()
            if not key.startswith("fc.")
        }


def _copied(network: _Net) -> _Net:
    return copy.deepcopy(network).requires_grad_(False)


def _use_streams(network: nn.Module) -> None:
    """Replaces PyTorch's dropout, which draws from the global state."""
    for module in list(network.modules()):
        for name, part in module.named_children():
            if isinstance(part, nn.Dropout):
                setattr(module, name, StreamDropout(part.p))


@torch.no_grad()
def drawn_network(make: Callable[[], _Net], seed: int, name: str) -> _Net:
    """Makes a network with PyTorch's default initialisation, drawn from a stream.

    Args:
        make: makes a network of convolutions, linear layers and normalisations.
        seed: seed of the stream.
        name: its name.
    """
    with undrawn():  # without draws from the global stream
        network = make()
    draw_weights(network, seed, name)
    for module in network.modules():
        if isinstance(module, NormedConv):
            norms = module.weight.flatten(1).norm(dim=1)
            module.log_weight_norm.copy_((norms + 1e-2).log()[:, None, None, None])
    return network
