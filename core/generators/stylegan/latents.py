"""The latents of StyleGANs: z with its class, w, or a w for every layer; and truncation."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ...checkpoints.checkpoint import Checkpoint
from ...chunking import Chunking
from ...devices import placed
from ...errors import InvalidInput
from ...generator import Gaussian, Prior
from ...identity import Option
from ...rng import SampleRng
from ...spaces import Block, Space
from .networks.mapping import truncated

__all__ = [
    "LATENT_OPTIONS",
    "ClassPrior",
    "MappedPrior",
    "StyleLatents",
    "StyleMapping",
    "chosen_text",
    "style_latents",
]

LATENT_OPTIONS: Final = ("latent", "psi", "cutoff")
"""What the architectures that use these latents take."""
LATENTS: Final = ("z", "w", "w+")


@runtime_checkable
class StyleMapping(Protocol):
    """A mapping network, StyleGAN2's or another.

    Attributes:
        z_dim: length of z.
        c_dim: length of the class row; 0 without classes.
        w_dim: length of w.
    """

    z_dim: int
    c_dim: int
    w_dim: int

    @property
    def averaged(self) -> bool:
        """Whether the mean of w, that truncation needs, is known."""
        ...

    def __call__(self, z: Tensor, c: Tensor | None) -> Tensor:
        """(batch, w_dim), not truncated."""
        ...

    def centre(self, c: Tensor | None) -> Tensor:
        """What truncation pulls to: (w_dim,), or (batch, w_dim) where it depends on the class."""
        ...


@dataclass(frozen=True)
class ClassPrior:
    """z from N(0, I) and a class, each as likely, as a one-hot row.

    Attributes:
        z_dim: length of z.
        c_dim: how many classes there are.
    """

    z_dim: int
    c_dim: int

    def sample(self, rng: SampleRng, like: Tensor) -> Float[Tensor, "batch dim"]:
        """One point per row of rng."""
        z = rng.normal(self.z_dim, like=like)
        drawn = rng.uniform(1, like=torch.empty(0))[:, 0]
        number = (drawn * self.c_dim).long().clamp(max=self.c_dim - 1)
        return torch.cat([z, placed(nn.functional.one_hot(number, self.c_dim), z)], dim=1)

    @property
    def log_density(self) -> Callable[[Tensor], Tensor]:
        """Log p(z) per row; the class counts log(1 / classes) anywhere."""
        normal = Gaussian(self.z_dim).log_density
        return lambda v: normal(v[:, : self.z_dim]) - math.log(self.c_dim)

    def potential(
        self, z: Float[Tensor, "batch dim"], scale: float = 1.0
    ) -> Float[Tensor, " batch"]:
        """|z|^2 / 2 of z alone, in units of `scale`."""
        return Gaussian(self.z_dim).potential(z[:, : self.z_dim], scale)

    def __str__(self) -> str:
        return f"z ~ N(0, I); one of {self.c_dim} classes, all alike"


MAPPED = Chunking(8, padded=True)
"""Draws that the mapping network sees at a time."""


@dataclass(frozen=True)
class MappedPrior:
    """The law of w: the mapping network's values at draws of z and of the class.

    Attributes:
        origin: the law of z and the class, joined.
        network: the mapping network.
        mapping: the same, as what it computes.
        copies: how many layers get the same w.
    """

    origin: Prior
    network: nn.Module
    mapping: StyleMapping
    copies: int

    @torch.no_grad()
    def sample(self, rng: SampleRng, like: Tensor) -> Float[Tensor, "batch dim"]:
        """One point per row of rng, computed where the network is."""
        at = next(self.network.parameters(), torch.empty(0))
        drawn = self.origin.sample(rng, at)

        def mapped(rows: Tensor) -> Tensor:
            z, c = rows.split([self.mapping.z_dim, self.mapping.c_dim], dim=1)
            return self.mapping(z, c if self.mapping.c_dim else None)

        # A product with several rows depends on how many there are, and on a row's place.
        w = MAPPED.apply(mapped, drawn, rng.names)
        return w.repeat(1, self.copies).to(like)

    @property
    def log_density(self) -> Callable[[Tensor], Tensor] | None:
        """None: the density of W is not known."""
        return None

    def __str__(self) -> str:
        return f"the mapping network at {self.origin}"


@runtime_checkable
class StyleNetwork(Protocol):
    """A generator of this family: called with z and the class, or from w on."""

    @property
    def synthesis(self) -> Callable[..., Tensor]:
        """(batch, num_ws, w_dim), and what else it takes, to images."""
        ...

    def __call__(
        self, z: Tensor, c: Tensor | None, psi: float, cutoff: int, **synthesis: object
    ) -> Tensor:
        """z, class and truncation to images."""
        ...


@dataclass(frozen=True)
class StyleLatents:
    """Which latents a generator is steered in, and how they are truncated.

    Attributes:
        latent: "z", "w" or "w+".
        psi: w is drawn to centre + psi (w - centre) on its way into the layers, in every latent.
        cutoff: how many layers are truncated, from the first; 0: all.
        num_ws: how many layers take a w.
        mapping: the mapping network.
        network: the same, as a module.
    """

    latent: str
    psi: float
    cutoff: int
    num_ws: int
    mapping: StyleMapping
    network: nn.Module

    @property
    def options(self) -> dict[str, Option]:
        """What the map depends on: a cutoff counts where it leaves layers that psi would pull."""
        truncates = self.psi != 1 and self.cutoff < self.num_ws
        cutoff = self.cutoff if truncates else 0
        return {"latent": self.latent, "psi": self.psi, "cutoff": cutoff}

    @property
    def source(self) -> Space:
        """z, with a row `c` of class shares where there are classes; or w."""
        mapping = self.mapping
        if self.latent == "w":
            return Space((Block("w", (mapping.w_dim,)),))
        if self.latent == "w+":
            return Space((Block("w", (self.num_ws, mapping.w_dim)),))
        z = Block("z", (mapping.z_dim,))
        if not mapping.c_dim:
            return Space((z,))
        return Space((z, Block("c", (mapping.c_dim,), 0.0, 1.0, shares=True, role="class")))

    @property
    def prior(self) -> Prior:
        """The law of z and the class, or what the mapping network makes of it."""
        mapping = self.mapping
        origin: Prior = Gaussian(mapping.z_dim)
        if mapping.c_dim:
            origin = ClassPrior(mapping.z_dim, mapping.c_dim)
        if self.latent == "z":
            return origin
        return MappedPrior(origin, self.network, mapping, 1 if self.latent == "w" else self.num_ws)

    def images(
        self, network: StyleNetwork, parts: Mapping[str, Tensor], **synthesis: object
    ) -> Tensor:
        """A network's images of latents, in its own range.

        Args:
            network: of this mapping network.
            parts: the blocks of the latents.
            **synthesis: what the layers take beside w.
        """
        if self.latent == "z":
            return network(parts["z"], parts.get("c"), self.psi, self.cutoff, **synthesis)
        ws = parts["w"] if self.latent == "w+" else parts["w"][:, None]
        centre = self.mapping.centre(None) if self.psi != 1 else None
        ws = ws.expand(-1, self.num_ws, -1)
        return network.synthesis(truncated(ws, centre, self.psi, self.cutoff), **synthesis)


def style_latents(
    checkpoint: Checkpoint, network: nn.Module, mapping: StyleMapping, num_ws: int
) -> StyleLatents:
    """The latents that a checkpoint's options name: z without truncation by default.

    Args:
        checkpoint: whose options `latent`, `psi` and `cutoff` are read.
        network: the mapping network, as a module.
        mapping: the same, as what it computes.
        num_ws: how many layers take a w.

    Raises:
        InvalidInput: an option outside its range, or truncation without a mean of w.
    """
    latent = chosen_text(checkpoint, "latent", LATENTS)
    psi, cutoff = checkpoint.options.get("psi", 1.0), checkpoint.options.get("cutoff", 0)
    if isinstance(psi, bool) or not isinstance(psi, (int, float)) or not math.isfinite(psi):
        raise InvalidInput(f"psi is {psi!r}; a finite number was expected, 1 for no truncation.")
    if isinstance(cutoff, bool) or not isinstance(cutoff, int) or not 0 <= cutoff <= num_ws:
        raise InvalidInput(
            f"cutoff is {cutoff!r}; a whole number from 0 (all layers) to {num_ws} was expected: "
            f"{checkpoint.path.name} has so many layers that take a w."
        )
    if psi != 1 and not mapping.averaged:
        raise InvalidInput(
            f"psi is {psi:g}, but {checkpoint.path.name} has no mean of w to truncate to. Leave "
            "psi at 1."
        )
    return StyleLatents(latent, float(psi), cutoff, num_ws, mapping, network)


def chosen_text(checkpoint: Checkpoint, name: str, known: tuple[str, ...]) -> str:
    """An option that is one of some names, the first by default.

    Raises:
        InvalidInput: it is none of them.
    """
    value = checkpoint.options.get(name, known[0])
    if value not in known:
        raise InvalidInput(f"{name} is {value!r}; expected one of {', '.join(known)}.")
    return str(value)
