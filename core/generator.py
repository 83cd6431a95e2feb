"""Frozen generators G from latents to images, and their priors; some need inputs first."""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

from .auxiliary import Discriminator
from .errors import DomainMismatch, InvalidInput
from .identity import ModelId, options_of
from .rng import SampleRng
from .spaces import IMAGES, Images, Space

__all__ = [
    "ConditionalGenerator",
    "Gaussian",
    "Generator",
    "Given",
    "Need",
    "NormalPrior",
    "Prior",
]


@runtime_checkable
class Prior(Protocol):
    """Prior p(z) of the latents."""

    def sample(self, rng: SampleRng, like: Tensor) -> Float[Tensor, "batch dim"]:
        """Draws one point per row of rng from that row's stream, the same in any batch."""
        ...

    @property
    def log_density(self) -> Callable[[Tensor], Tensor] | None:
        """Log p(z) per row, summed over blocks; None where it cannot be evaluated (StyleGAN's W).

        A class is one of a few equally likely points. Its block counts log(1 / classes) at every
        value, so its gradient is zero.
        """
        ...


@runtime_checkable
class NormalPrior(Prior, Protocol):
    """A prior that is normal in all numbers but those of a class."""

    def potential(
        self, z: Float[Tensor, "batch dim"], scale: float = 1.0
    ) -> Float[Tensor, " batch"]:
        """-log p(z) per row minus its value at the centre, ignoring any truncation.

        Args:
            z: points to evaluate.
            scale: factor on the standard deviations.
        """
        ...


@dataclass(frozen=True)
class Gaussian:
    """Normal prior N(0, std² I), the prior of most generators.

    Attributes:
        dim: dimension of a point.
        std: standard deviation, nu in TR0N's appendix A.
    """

    dim: int
    std: float = 1.0

    def __str__(self) -> str:
        return f"z ~ N(0, {self.std**2:g} I)" if self.std != 1 else "z ~ N(0, I)"

    def sample(self, rng: SampleRng, like: Tensor) -> Float[Tensor, "batch dim"]:
        """Draws one point per row of rng."""
        return self.std * rng.normal(self.dim, like=like)

    @property
    def log_density(self) -> Callable[[Tensor], Tensor]:
        """Log p(z) per row."""

        def evaluate(z: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
            constant = self.dim * (math.log(self.std) + 0.5 * math.log(2 * math.pi))
            return -self.potential(z) - constant

        return evaluate

    def potential(
        self, z: Float[Tensor, "batch dim"], scale: float = 1.0
    ) -> Float[Tensor, " batch"]:
        """|z|^2 / (2 (scale std)^2) per row."""
        return z.square().sum(dim=1) / (2 * (scale * self.std) ** 2)


@dataclass(frozen=True)
class Generator:
    """A frozen pushforward model (p(z), G) from latents to images in [0, 1].

    Attributes:
        name: display name.
        id: sha256 of the weights, combined with the options that change the map (`ModelId`) where
            the architecture has any; latents and translators record it.
        architecture: id of the architecture that loaded it.
        module: the network.
        source: the latent space.
        prior: p(z) on the latent space.
        image_size: (height, width) in pixels.
        render: function from the blocks of a latent to images in [0, 1], through the module; a
            stochastic generator draws from the streams given.
        discriminator: discriminator, where the file has one.
        encoder: network that encodes images, where the file has one.
        encode: function from images in [0, 1] to their latents (batch, dim), through the encoder.
        licence: licence of the weights, as far as known.
        codes: features of each code, where latents are a grid (features, rows, columns) of them.
    """

    name: str
    id: str
    architecture: str
    module: nn.Module
    source: Space
    prior: Prior
    image_size: tuple[int, int]
    render: Callable[[Mapping[str, Tensor], SampleRng], Tensor]
    discriminator: Discriminator | None = None
    encoder: nn.Module | None = None
    encode: Callable[[Tensor], Tensor] | None = None
    licence: str = "unknown"
    codes: Float[Tensor, "codes features"] | None = None

    @property
    def target(self) -> Images:
        """The space of images."""
        return IMAGES

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The network, and the encoder if there is one."""
        return (self.module,) if self.encoder is None else (self.module, self.encoder)

    def __str__(self) -> str:
        return self.name

    def __call__(
        self, v: Float[Tensor, "batch dim"], rng: SampleRng
    ) -> Float[Tensor, "batch 3 height width"]:
        """Returns G(z) for each row independently.

        Raises:
            DomainMismatch: the points do not have the shape of this generator's latents.
        """
        if v.ndim != 2 or v.shape[1] != self.source.dim:
            raise DomainMismatch(
                f"Generator {self.name!r} takes latents {self.source}, shape (batch, "
                f"{self.source.dim}); got {tuple(v.shape)}."
            )
        return self.render(self.source.split(v), rng)


Need: TypeAlias = Literal["image", "mask", "sentence", "domain", "style"]
NEED_WORDS: Mapping[Need, str] = {
    "image": "an image",
    "mask": "a mask",
    "sentence": "a sentence",
    "domain": "a domain",
    "style": "a style image",
}
DIGITS = 12
"""Hexadecimal digits of a hash by which a given image is known."""


@dataclass(frozen=True)
class Given:
    """The inputs of a conditional generator, each the same for all samples.

    Attributes:
        image: image in [0, 1], (1, 3, height, width).
        mask: 0 where the image is known, above 0 where it is not, (1, height, width).
        sentence: a text.
        domain: name of one of the generator's domains.
        style: image in [0, 1] whose style to use, (1, 3, height, width).
    """

    image: Tensor | None = None
    mask: Tensor | None = None
    sentence: str | None = None
    domain: str | None = None
    style: Tensor | None = None


@dataclass(frozen=True)
class ConditionalGenerator:
    """A frozen generator that needs inputs, such as an image and a mask, before it has a G(z).

    Attributes:
        name: display name.
        architecture: id of the architecture that loaded it.
        needs: names of its inputs.
        image_size: (height, width) of its images, and of the images and masks that it takes.
        bind: function from checked inputs, with a mask of zeros and ones, to the generator for
            them, whose `id` is that of the weights with the options that its map depends on.
        domains: names of its domains.
        licence: licence of the weights, as far as known.
    """

    name: str
    architecture: str
    needs: tuple[Need, ...]
    image_size: tuple[int, int]
    bind: Callable[[Given], Generator]
    domains: tuple[str, ...] = ()
    licence: str = "unknown"

    @property
    def needed(self) -> str:
        """Sentence on its inputs, for messages."""
        return f"{self.name} needs {_listed(self.needs)}."

    def __str__(self) -> str:
        return self.name

    def given(self, inputs: Given) -> Generator:
        """Returns the plain generator for these inputs.

        Its id has the weights' hash and, as options, each input: a text as it is, an image or a
        mask by its hash. Latents and translators of other inputs are therefore rejected.

        Raises:
            InvalidInput: an input is missing or not taken, or of another size or range; a mask
                with nothing known or nothing unknown; an unknown domain; an empty sentence.
        """
        there = {need: getattr(inputs, need) for need in NEED_WORDS}
        absent: list[Need] = [need for need in self.needs if there[need] is None]
        beyond = [n for n in NEED_WORDS if n not in self.needs and there[n] is not None]
        if absent:
            raise InvalidInput(f"{self.needed} Missing: {_listed(absent)}. Connect or write it.")
        if beyond:
            raise InvalidInput(f"{self.needed} It takes no other input: leave out {beyond[0]}.")
        checked = {need: self._checked(need, there[need]) for need in self.needs}
        made = self.bind(Given(**checked))  # pyright: ignore[reportArgumentType]
        taken = {need: _option_of(value) for need, value in checked.items()}
        return replace(made, id=ModelId(str(made.id), {**(options_of(made.id) or {}), **taken}))

    def _checked(self, need: Need, value: Tensor | str) -> Tensor | str:
        if isinstance(value, str):
            if need == "domain" and value not in self.domains:
                raise InvalidInput(
                    f"{self.name} has no domain {value!r}. There are: {', '.join(self.domains)}."
                )
            if not value.strip():
                raise InvalidInput(f"The {need} is empty; {self.name} takes a text. Write one.")
            return value
        shape = (1, *self.image_size) if need == "mask" else (1, 3, *self.image_size)
        if value.shape != shape:
            raise InvalidInput(
                f"{need} has the shape {list(value.shape)}; {self.name} takes {list(shape)}. Give "
                f"a single one of {' x '.join(map(str, self.image_size))} pixels (height x width)."
            )
        if not bool(((value >= 0) & (value <= 1)).all()):
            low, high = (float(found) for found in value.aminmax())
            raise InvalidInput(
                f"{need} has values outside [0, 1], or that are not finite: from {low:g} to "
                f"{high:g}. {self.name} takes values in [0, 1]: scale or clamp them."
            )
        return _holes(value) if need == "mask" else value.float()


def _holes(mask: Tensor) -> Tensor:
    """The mask as zeros, known, and ones, unknown."""
    holes = (mask > 0).float()
    if not holes.any() or holes.all():
        what = "all known: it is 0 (black)" if not holes.any() else "all unknown: above 0 (white)"
        raise InvalidInput(f"The image is {what} everywhere in the mask. Paint a part of it.")
    return holes


def _option_of(value: Tensor | str) -> str:
    if isinstance(value, str):
        return value
    flat = value.detach().cpu().contiguous()
    return hashlib.sha256(flat.numpy().tobytes()).hexdigest()[:DIGITS]


def _listed(needs: Sequence[Need]) -> str:
    *first, last = (NEED_WORDS[need] for need in needs)
    return f"{', '.join(first)} and {last}" if first else last
