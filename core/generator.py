"""Frozen generators G: latents to images, with their prior; some need inputs first."""

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
    """p(z): what latents are drawn from."""

    def sample(self, rng: SampleRng, like: Tensor) -> Float[Tensor, "batch dim"]:
        """One point per row of rng, each from that row's stream and the same in any batch."""
        ...

    @property
    def log_density(self) -> Callable[[Tensor], Tensor] | None:
        """Log p(z) per row, block by block, or None where it cannot be evaluated (StyleGAN's W).

        Classes are drawn from a few points, all alike: what says the class counts log(1 / classes)
        wherever it lies, so that nothing draws it anywhere.
        """
        ...


@runtime_checkable
class NormalPrior(Prior, Protocol):
    """A prior whose numbers are normal, but for those that say the class."""

    def potential(
        self, z: Float[Tensor, "batch dim"], scale: float = 1.0
    ) -> Float[Tensor, " batch"]:
        """-log p(z) per row, less what it is at the centre; without the cut-off, where one is.

        Args:
            z: points.
            scale: factor on the standard deviations.
        """
        ...


@dataclass(frozen=True)
class Gaussian:
    """N(0, std² I), the prior of most generators.

    Attributes:
        dim: numbers in one point.
        std: nu in TR0N's appendix A.
    """

    dim: int
    std: float = 1.0

    def __str__(self) -> str:
        return f"z ~ N(0, {self.std**2:g} I)" if self.std != 1 else "z ~ N(0, I)"

    def sample(self, rng: SampleRng, like: Tensor) -> Float[Tensor, "batch dim"]:
        """One point per row of rng."""
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
        """|z|^2 / (2 std^2), the std times `scale`."""
        return z.square().sum(dim=1) / (2 * (scale * self.std) ** 2)


@dataclass(frozen=True)
class Generator:
    """A frozen pushforward model (p(z), G): the map from its latents to images in [0, 1].

    Attributes:
        name: for people.
        id: the sha256 of its weights, with the options that its map depends on (`ModelId`) where
            its architecture takes some; latents and translators remember it.
        architecture: the id of the architecture that loaded it.
        module: the network.
        source: the latent space.
        prior: p(z) on it.
        image_size: (height, width) in pixels.
        render: from the latent's blocks to images in [0, 1], through the module; a stochastic
            generator draws from the streams that it is given.
        discriminator: the one trained against it, where the file has one.
        encoder: the network that encodes images, where the file has one.
        encode: images in [0, 1] to their latents (batch, dim), through the encoder.
        licence: of the weights, as far as known.
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

    @property
    def target(self) -> Images:
        """Images, of size `image_size`."""
        return IMAGES

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The network, and the encoder where there is one."""
        return (self.module,) if self.encoder is None else (self.module, self.encoder)

    def __str__(self) -> str:
        return self.name

    def __call__(
        self, v: Float[Tensor, "batch dim"], rng: SampleRng
    ) -> Float[Tensor, "batch 3 height width"]:
        """G(z), row by row.

        Raises:
            DomainMismatch: points that are not this generator's latents.
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
        image: (1, 3, height, width) in [0, 1].
        mask: (1, height, width): 0 where the image is known, above 0 where it is not.
        sentence: a text.
        domain: the name of one of the generator's domains.
        style: (1, 3, height, width), an image in [0, 1] whose style is taken.
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
        name: for people.
        architecture: the id of the architecture that loaded it.
        needs: its inputs.
        image_size: (height, width) of its images, and of the images and masks that it takes.
        bind: from inputs that are checked, the mask of zeros and ones, to the generator of images
            for them; its `id` is that of the weights, with the options that its map depends on.
        domains: the names of its domains.
        licence: of the weights, as far as known.
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
        """A sentence for people: what it needs."""
        return f"{self.name} needs {_listed(self.needs)}."

    def __str__(self) -> str:
        return self.name

    def given(self, inputs: Given) -> Generator:
        """The plain generator of images for these inputs.

        Its id has the weights' hash and, as options, each input: a text as it is, an image or a
        mask by its hash. Latents and translators of other inputs are so refused.

        Raises:
            InvalidInput: an input is missing or not taken, or of another size or range; a mask
                with nothing known or nothing unknown; an unknown domain; an empty sentence.
        """
        there = {need: getattr(inputs, need) for need in NEED_WORDS}
        absent: list[Need] = [need for need in self.needs if there[need] is None]
        beyond = [n for n in NEED_WORDS if n not in self.needs and there[n] is not None]
        if absent:
            raise InvalidInput(f"{self.needed} Missing: {_listed(absent)}.")
        if beyond:
            raise InvalidInput(f"{self.needed} It takes no other input: leave out {beyond[0]}.")
        checked = {need: self._checked(need, there[need]) for need in self.needs}
        made = self.bind(Given(**checked))  # pyright: ignore[reportArgumentType]
        told = {need: _told(value) for need, value in checked.items()}
        return replace(made, id=ModelId(str(made.id), {**(options_of(made.id) or {}), **told}))

    def _checked(self, need: Need, value: Tensor | str) -> Tensor | str:
        if isinstance(value, str):
            if need == "domain" and value not in self.domains:
                raise InvalidInput(
                    f"{self.name} has no domain {value!r}. There are: {', '.join(self.domains)}."
                )
            if not value.strip():
                raise InvalidInput(f"The {need} is empty; {self.name} takes a text.")
            return value
        shape = (1, *self.image_size) if need == "mask" else (1, 3, *self.image_size)
        if value.shape != shape:
            raise InvalidInput(
                f"{need} has the shape {list(value.shape)}; {self.name} takes {list(shape)}. Give "
                f"a single one of {' x '.join(map(str, self.image_size))} pixels (height x width)."
            )
        if not bool(((value >= 0) & (value <= 1)).all()):
            raise InvalidInput(f"{need} has values outside [0, 1], or that are not finite.")
        return _holes(value) if need == "mask" else value.float()


def _holes(mask: Tensor) -> Tensor:
    """The mask as zeros, known, and ones."""
    holes = (mask > 0).float()
    if not holes.any() or holes.all():
        what = "all known: it is 0 (black)" if not holes.any() else "all unknown: above 0 (white)"
        raise InvalidInput(f"The image is {what} everywhere in the mask. Paint a part of it.")
    return holes


def _told(value: Tensor | str) -> str:
    if isinstance(value, str):
        return value
    flat = value.detach().cpu().contiguous()
    return hashlib.sha256(flat.numpy().tobytes()).hexdigest()[:DIGITS]


def _listed(needs: Sequence[Need]) -> str:
    *first, last = (NEED_WORDS[need] for need in needs)
    return f"{', '.join(first)} and {last}" if first else last
