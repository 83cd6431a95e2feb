"""Latents of StyleGANs (z with a class, w, or a w per layer) and their truncation."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from einops import repeat
from jaxtyping import Float, Int
from torch import Tensor, nn

from ...checkpoints.record import Checkpoint
from ...chunking import Chunking
from ...devices import placed
from ...errors import InvalidInput
from ...generator import Gaussian, Prior
from ...identity import OptionValue
from ...rng import SampleRng
from ...spaces import Block, Space
from ..options import chosen_text
from .networks.mapping import truncated
from .options import LATENTS

__all__ = [
    "ClassPrior",
    "MappedPrior",
    "StyleLatents",
    "StyleMapping",
    "style_latents",
]


@runtime_checkable
class StyleMapping(Protocol):
    """Mapping network of a StyleGAN.

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
        """Whether the mean of w, which truncation needs, is known."""
        ...

    def __call__(self, z: Tensor, c: Tensor | None) -> Tensor:
        """Returns w without truncation, (batch, w_dim)."""
        ...

    def centre(self, c: Tensor | None) -> Tensor:
        """Centre of truncation: (w_dim,), or (batch, w_dim) where it depends on the class."""
        ...


@dataclass(frozen=True)
class ClassPrior:
    """Prior of z ~ N(0, I) and a uniformly drawn class as a one-hot row.

    Attributes:
        z_dim: length of z.
        c_dim: number of classes.
    """

    z_dim: int
    c_dim: int

    def sample(self, rng: SampleRng, like: Tensor) -> Float[Tensor, "batch dim"]:
        """Draws one point per row of rng."""
        z = rng.normal(self.z_dim, like=like)
        drawn = rng.uniform(1, like=torch.empty(0))[:, 0]
        return self._joined(z, (drawn * self.c_dim).long().clamp(max=self.c_dim - 1))

    @property
    def class_count(self) -> int:
        """Number of classes."""
        return self.c_dim

    def sample_of(
        self, classes: Int[Tensor, " batch"], rng: SampleRng, like: Tensor
    ) -> Float[Tensor, "batch dim"]:
        """Draws the same points as `sample`, with given class numbers."""
        return self._joined(rng.normal(self.z_dim, like=like), classes)

    def _joined(self, z: Tensor, classes: Tensor) -> Tensor:
        return torch.cat([z, placed(nn.functional.one_hot(classes, self.c_dim), z)], dim=1)

    @property
    def log_density(self) -> Callable[[Tensor], Tensor]:
        """Log p(z) per row; the class counts log(1 / classes) at every value."""
        normal = Gaussian(self.z_dim).log_density
        return lambda v: normal(v[:, : self.z_dim]) - math.log(self.c_dim)

    def potential(
        self, z: Float[Tensor, "batch dim"], scale: float = 1.0
    ) -> Float[Tensor, " batch"]:
        """|z|^2 / (2 scale^2) per row; the class does not count."""
        return Gaussian(self.z_dim).potential(z[:, : self.z_dim], scale)

    def __str__(self) -> str:
        return f"z ~ N(0, I); one of {self.c_dim} classes, all alike"


MAPPED = Chunking(8, padded=True)
"""Number of draws mapped at a time, padded so that products have one shape."""


@dataclass(frozen=True)
class MappedPrior:
    """Prior of w: the mapping network applied to draws of z and the class.

    Attributes:
        origin: joint prior of z and the class.
        network: the mapping network as a module.
        mapping: the mapping network as a function.
        copies: number of layers that get the same w.
    """

    origin: Prior
    network: nn.Module
    mapping: StyleMapping
    copies: int

    @torch.no_grad()
    def sample(self, rng: SampleRng, like: Tensor) -> Float[Tensor, "batch dim"]:
        """Draws one point per row of rng, on the network's device."""
        return self._mapped(self.origin.sample(rng, self._like()), rng, like)

    @property
    def class_count(self) -> int:
        """Number of classes; 0 if the mapping network takes none."""
        return self.mapping.c_dim

    @torch.no_grad()
    def sample_of(
        self, classes: Int[Tensor, " batch"], rng: SampleRng, like: Tensor
    ) -> Float[Tensor, "batch dim"]:
        """Draws the same points as `sample`, with given class numbers."""
        origin = ClassPrior(self.mapping.z_dim, self.mapping.c_dim)
        return self._mapped(origin.sample_of(classes, rng, self._like()), rng, like)

    def _like(self) -> Tensor:
        return next(self.network.parameters(), torch.empty(0))

    def _mapped(self, drawn: Tensor, rng: SampleRng, like: Tensor) -> Tensor:
        def mapped(rows: Tensor) -> Tensor:
            z, c = rows.split([self.mapping.z_dim, self.mapping.c_dim], dim=1)
            return self.mapping(z, c if self.mapping.c_dim else None)

        # The rounding of a matrix product depends on the number of rows and on a row's place.
        w = MAPPED.apply(mapped, drawn, rng.names)
        return repeat(w, "batch w -> batch (copies w)", copies=self.copies).to(like)

    @property
    def log_density(self) -> Callable[[Tensor], Tensor] | None:
        """None, since the density of w is unknown."""
        return None

    def __str__(self) -> str:
        return f"the mapping network at {self.origin}"


@runtime_checkable
class StyleNetwork(Protocol):
    """Generator network of this family, callable from z and the class, or from w."""

    @property
    def synthesis(self) -> Callable[..., Tensor]:
        """Function from ws (batch, num_ws, w_dim) and further arguments to images."""
        ...

    def __call__(
        self, z: Tensor, c: Tensor | None, psi: float, cutoff: int, **synthesis: object
    ) -> Tensor:
        """Returns images of z and the class, truncated."""
        ...


@dataclass(frozen=True)
class StyleLatents:
    """Latent space that a generator is steered in, with its truncation.

    Attributes:
        latent: "z", "w" or "w+".
        psi: truncation to centre + psi (w - centre) before the layers, for every latent space.
        cutoff: number of truncated layers, from the first; 0 for all.
        num_ws: number of layers that take a w.
        mapping: the mapping network as a function.
        network: the mapping network as a module.
    """

    latent: str
    psi: float
    cutoff: int
    num_ws: int
    mapping: StyleMapping
    network: nn.Module

    @property
    def options(self) -> dict[str, OptionValue]:
        """Options that change the map; a cutoff without effect is 0."""
        truncates = self.psi != 1 and self.cutoff < self.num_ws
        cutoff = self.cutoff if truncates else 0
        return {"latent": self.latent, "psi": self.psi, "cutoff": cutoff}

    @property
    def source(self) -> Space:
        """Space of z, with a block `c` of class shares where there are classes; or of w."""
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
        """Prior of z and the class, or of the w that the mapping network makes of them."""
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
        """Renders latents, in the network's own range.

        Args:
            network: generator network with this mapping network.
            parts: blocks of the latents.
            **synthesis: arguments of the synthesis network besides w.
        """
        if self.latent == "z":
            return network(parts["z"], parts.get("c"), self.psi, self.cutoff, **synthesis)
        ws = parts["w"]
        if self.latent == "w":
            ws = repeat(ws, "batch w -> batch ws w", ws=self.num_ws)
        centre = self.mapping.centre(None) if self.psi != 1 else None
        return network.synthesis(truncated(ws, centre, self.psi, self.cutoff), **synthesis)


def style_latents(
    checkpoint: Checkpoint, network: nn.Module, mapping: StyleMapping, num_ws: int
) -> StyleLatents:
    """Latents that a checkpoint's options choose; by default z without truncation.

    Args:
        checkpoint: checkpoint with the options `latent`, `psi` and `cutoff`.
        network: the mapping network as a module.
        mapping: the mapping network as a function.
        num_ws: number of layers that take a w.

    Raises:
        InvalidInput: an option is outside its range, or psi needs a mean of w that is missing.
    """
    latent = chosen_text(checkpoint, "latent", LATENTS)
    psi, cutoff = checkpoint.options.get("psi", 1.0), checkpoint.options.get("cutoff", 0)
    if isinstance(psi, bool) or not isinstance(psi, (int, float)) or not math.isfinite(psi):
        raise InvalidInput(f"psi is {psi!r}; a finite number was expected, 1 for no truncation.")
    if isinstance(cutoff, bool) or not isinstance(cutoff, int) or not 0 <= cutoff <= num_ws:
        raise InvalidInput(
            f"cutoff is {cutoff!r}; a whole number from 0 (all layers) to {num_ws} was expected: "
            f"{checkpoint.path.name} has {num_ws} layers that take a w."
        )
    if psi != 1 and not mapping.averaged:
        raise InvalidInput(
            f"psi is {psi:g}, but {checkpoint.path.name} has no mean of w to truncate to. Leave "
            "psi at 1."
        )
    return StyleLatents(latent, float(psi), cutoff, num_ws, mapping, network)
