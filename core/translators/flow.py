"""Normalising flows as translators, the NF of TR0N's figure 8, by the library zuko."""

import math
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Distribution

from ..errors import InvalidInput
from ..rng import SampleRng
from ..rng import stream as seeded
from .coordinates import PartlyRegressed
from .law import Law, scaled
from .network import initialise, linear, residual
from .translator import InitialStd, Translator, TranslatorConfig

__all__ = ["FlowLaw", "FlowTranslator"]

SLOPE = 1e-3
"""Smallest slope of a spline."""
LEAST_SCALE = 1e-6
"""Smallest standard deviation by which a coordinate is divided."""
NO_FORM = (
    "A flow's {} has no closed form. Start from samples (mode `sample`), or train a translator of "
    "kind mixture."
)


class FlowLaw(Law):
    """The law of z = loc + scale * T(x) for x standard normal, with an invertible T.

    Args:
        transforms: from standardised latents towards x, in order.
        loc: (dim,), mean of the latents.
        scale: (dim,), their standard deviation.
    """

    def __init__(self, transforms: Sequence[Any], loc: Tensor, scale: Tensor) -> None:
        self.transforms, self.loc, self.scale = transforms, loc, scale

    def log_prob(self, z: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
        """See `Law`; by the change of variables."""
        x = (z - self.loc) / self.scale
        total = -self.scale.log().sum() - 0.5 * math.log(2 * math.pi) * z.shape[1]
        for transform in self.transforms:
            x, volume = transform.call_and_ladj(x)
            total = total + volume.reshape(len(z), -1).sum(dim=1)
        return total - 0.5 * x.square().sum(dim=1)

    def draw(self, rng: SampleRng) -> Float[Tensor, "batch dim"]:
        """See `Law`."""
        x = rng.normal(len(self.loc), like=self.loc)
        for transform in reversed(self.transforms):
            x = transform.inv(x)
        return self.loc + self.scale * x

    @property
    def mean(self) -> Float[Tensor, "batch dim"]:
        """See `Law`; there is no closed form."""
        raise InvalidInput(NO_FORM.format("mean"))

    @property
    def mode(self) -> Float[Tensor, "batch dim"]:
        """See `Law`; there is no closed form."""
        raise InvalidInput(NO_FORM.format("mode"))

    def loss(
        self, z: Float[Tensor, "batch dim"], scale: float | None, *, fused: bool
    ) -> Float[Tensor, ""]:
        """See `Law`; eq. (3)."""
        return scaled(-self.log_prob(z).mean(), scale, z.shape[1])


class FlowTranslator(Translator):
    """A conditional neural spline flow (Durkan et al. 2019) in coupling form.

    Each transform changes every coordinate by a monotonic rational-quadratic spline on [-5, 5],
    one half of them given the condition, the other given the condition and the first half; the
    halves alternate. Its network has two hidden layers of H units. Latents are standardised by the
    mean and the standard deviation of the pairs, so that sigma has no meaning here. Draws are not
    bounded by a tanh; starts are clamped to the latent space as those of every kind.

    Departure: the paper does not describe its flow. Coupling has the cost of two networks for a
    draw, where an autoregressive flow has that of one for each coordinate.

    Args:
        config: configuration of the network, with one component.
        seed: seed of the initial weights, which follow PyTorch's default for linear layers; None
            for weights that are loaded afterwards.

    Raises:
        InvalidInput: zuko is not installed.
    """

    def __init__(self, config: TranslatorConfig, *, seed: int | None = 0) -> None:
        super().__init__(config)
        drawn, rest = len(self.coordinates.drawn), len(self.coordinates.regressed)
        self.register_buffer("loc", torch.zeros(drawn))
        self.register_buffer("scale", torch.ones(drawn))
        self.loc: Tensor
        self.scale: Tensor
        self.flow = _transforms(config, drawn)
        stream = None if seed is None else seeded(seed)
        for module in self.flow.modules():
            if "weight" in dict(module.named_parameters(recurse=False)):
                initialise(module, stream)
        hidden = config.hidden
        self.first = linear(config.embed_dim, hidden, stream) if rest else None
        self.second = linear(hidden, hidden, stream) if rest else None
        self.regression = linear(hidden, rest, stream) if rest else None

    @classmethod
    def check_config(cls, config: TranslatorConfig) -> None:
        """See `Translator`."""
        if config.components != 1:
            raise InvalidInput(
                f"A flow translator of {config.components} components; it must have 1."
            )

    @property
    def like(self) -> Tensor:
        """See `Translator`."""
        return self.loc

    @torch.no_grad()
    def start(self, latents: Float[Tensor, "pairs dim"], std: InitialStd | None) -> None:
        """See `Translator`; sets the standardisation, whatever sigma."""
        own = self.coordinates.drawn_of(latents)
        self.loc.copy_(own.mean(dim=0))
        self.scale.copy_(own.std(dim=0, correction=0).clamp_min(LEAST_SCALE))

    def law(self, condition: Float[Tensor, "batch embed"]) -> Law:
        """See `Translator`."""
        transforms = [transform(condition) for transform in self.flow]
        law = FlowLaw(transforms, self.loc, self.scale)
        if self.first is None or self.second is None or self.regression is None:
            return law
        rest = self.regression(residual(self.first, self.second, condition)).to(self.loc.dtype)
        rest = self.coordinates.bounded(rest, self.coordinates.regressed)
        return PartlyRegressed(self.coordinates, law, rest)


def _transforms(config: TranslatorConfig, features: int) -> nn.ModuleList:
    """Makes the transforms; their initial weights are not to be used."""
    library = _library()
    splines = library.transforms.MonotonicRQSTransform
    order = torch.arange(features)
    # The library initialises from the global random state, which is restored.
    with torch.random.fork_rng(devices=[]):
        made = [
            library.flows.MaskedAutoregressiveTransform(
                features=features,
                context=config.embed_dim,
                passes=2,
                order=order.flip(0) if number % 2 else order,
                univariate=partial(splines, slope=SLOPE),
                shapes=[(config.bins,), (config.bins,), (config.bins - 1,)],
                hidden_features=(config.hidden, config.hidden),
            )
            for number in range(config.transforms)
        ]
    return nn.ModuleList(made)


def _library() -> Any:  # noqa: ANN401
    """Imports zuko, which sets attributes of `Distribution` for all of PyTorch; restores them.

    It switches the validation of arguments off for every distribution, and replaces
    `Distribution.arg_constraints`.
    """
    before = dict(vars(Distribution))
    try:
        found = import_module("zuko")
        import_module("zuko.flows")
        import_module("zuko.transforms")
    except ImportError as error:
        raise InvalidInput(
            "A translator of kind flow needs the library zuko, which is not installed. "
            "`pip install zuko`, or choose the kind mixture."
        ) from error
    finally:
        for name, value in dict(vars(Distribution)).items():
            if before.get(name) is not value:
                if name in before:
                    setattr(Distribution, name, before[name])
                else:
                    delattr(Distribution, name)
    return found
