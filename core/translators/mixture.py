"""Gaussian mixtures over latents, TR0N eq. (4), with their likelihood in closed form."""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from ..devices import as_float64
from ..rng import SampleRng
from ..rng import stream as seeded
from .coordinates import PartlyRegressed
from .law import Law, scaled
from .likelihood import LEAST_STD, fused_log_prob, log_prob
from .network import linear, residual
from .ridge import ridge_regression
from .translator import InitialStd, Translator, TranslatorConfig

__all__ = ["Mixture", "MixtureTranslator"]

APART = 0.1
"""Share of the initial weights that is left in the means of a regressed start."""


class Mixture(Law):
    """A Gaussian mixture whose components share one diagonal covariance.

    Args:
        logits: (batch, components), of the weights.
        means: (batch, components, dim).
        log_std: (dim,), nu; sigma is exp(nu) + LEAST_STD, appendix B.1.
    """

    def __init__(self, logits: Tensor, means: Tensor, log_std: Tensor) -> None:
        self.logits, self.means, self.log_std = logits, means, log_std

    def log_prob(self, z: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
        """See `Law`."""
        return log_prob(z, self.logits, self.means, self.log_std)

    def draw(self, rng: SampleRng) -> Float[Tensor, "batch dim"]:
        """See `Law`."""
        cumulative = as_float64(self.logits).softmax(dim=1).cumsum(dim=1)
        chosen = (rng.uniform(1, like=cumulative) > cumulative).sum(dim=1)
        mean = self._component(chosen.clamp_max(self.logits.shape[1] - 1))
        return mean + (self.log_std.exp() + LEAST_STD) * rng.normal(mean.shape[1], like=mean)

    @property
    def mean(self) -> Float[Tensor, "batch dim"]:
        """Mean of the mixture, the initialisation in TR0N's section 3.4."""
        return (self.logits.softmax(dim=1)[:, :, None] * self.means).sum(dim=1)

    @property
    def mode(self) -> Float[Tensor, "batch dim"]:
        """Mean of the component with the largest weight, which the paper calls the mode."""
        return self._component(self.logits.argmax(dim=1))

    def loss(
        self, z: Float[Tensor, "batch dim"], scale: float | None, *, fused: bool
    ) -> Float[Tensor, ""]:
        """See `Law`; eq. (3)."""
        likelihood = fused_log_prob if fused else log_prob
        nll = -likelihood(z, self.logits, self.means, self.log_std).mean()
        return scaled(nll, scale, z.shape[1])

    def _component(self, chosen: Tensor) -> Tensor:
        return self.means[torch.arange(len(self.means), device=self.means.device), chosen]


class MixtureTranslator(Translator):
    """A network that gives a Gaussian mixture, TR0N eq. (4) and appendix B.1.

    Two hidden layers with a residual connection around the second, a head for the K means, one for
    the K weights and, where coordinates are regressed, one for those. The standard deviation is
    one learned vector, shared by components and conditions.

    Args:
        config: configuration of the network.
        seed: seed of the initial weights, which follow PyTorch's default for linear layers; None
            for weights that are loaded afterwards.
    """

    def __init__(self, config: TranslatorConfig, *, seed: int | None = 0) -> None:
        super().__init__(config)
        hidden, drawn = config.hidden, len(self.coordinates.drawn)
        stream = None if seed is None else seeded(seed)
        self.first = linear(config.embed_dim, hidden, stream)
        self.second = linear(hidden, hidden, stream)
        self.means = linear(hidden, config.components * drawn, stream)
        self.weights = linear(hidden, config.components, stream)
        rest = len(self.coordinates.regressed)
        self.regression = linear(hidden, rest, stream) if rest else None
        std = 1.0 if config.initial_std == "data" else config.initial_std
        self.log_std = nn.Parameter(torch.full((drawn,), std).log())

    @property
    def like(self) -> Tensor:
        """See `Translator`."""
        return self.log_std

    @torch.no_grad()
    def start(self, latents: Float[Tensor, "pairs dim"], std: InitialStd | None) -> None:
        """See `Translator`; sets sigma."""
        if std == "data":
            deviations = self.coordinates.drawn_of(latents).std(dim=0, correction=0)
            self.log_std.copy_(deviations.clamp_min(LEAST_STD).log())
        elif std is not None:
            self.log_std.fill_(std).log_()

    @torch.no_grad()
    def regress(
        self,
        latents: Float[Tensor, "pairs dim"],
        conditions: Float[Tensor, "pairs embed"],
    ) -> None:
        """See `Translator`; all means start at the regression, apart from small random weights.

        It is computed on the CPU, in float64. Half of the first layer's units are the negatives of
        the others, so that the differences of the rectified pairs are linear in the condition.
        The second layer and the means' own initial weights are scaled to a tenth. Sigma is that
        of the regression's residuals, unless coordinates are bounded, where residuals are those
        before the tanh. A network of fewer than twice as many hidden units as a condition has
        numbers stays as it is.
        """
        half = self.config.hidden // 2
        if half < self.config.embed_dim:
            return
        first, coordinates = self.first, self.coordinates
        found = ridge_regression(conditions.cpu(), coordinates.unbounded(latents).cpu())
        first.weight[half : 2 * half] = -first.weight[:half]
        first.bias[: 2 * half] = 0
        inverse = torch.linalg.pinv(first.weight[:half].cpu().double())
        for parameter in (*self.second.parameters(), *self.means.parameters()):
            parameter.mul_(APART)
        heads = [(self.means, coordinates.drawn, self.config.components)]
        if self.regression is not None:
            self.regression.weight.zero_()
            self.regression.bias.zero_()
            heads.append((self.regression, coordinates.regressed, 1))
        for head, which, copies in heads:
            rows = which.cpu()
            onto = (found.weight[rows] @ inverse).to(head.weight).repeat(copies, 1)
            head.weight[:, :half] += onto
            head.weight[:, half : 2 * half] -= onto
            head.bias.add_(found.bias[rows].to(head.bias).repeat(copies))
        if not coordinates.any_bounds:
            deviation = found.deviation[coordinates.drawn.cpu()]
            self.log_std.copy_(deviation.clamp_min(LEAST_STD).log())

    def law(self, condition: Float[Tensor, "batch embed"]) -> Law:
        """See `Translator`."""
        logits, means = self.parameters_of(condition)
        if self.coordinates.all_drawn:
            return Mixture(logits, means, self.log_std)
        mixture = Mixture(logits, self.coordinates.drawn_of(means), self.log_std)
        rest = self.coordinates.regressed_of(means[:, 0])
        return PartlyRegressed(self.coordinates, mixture, rest)

    def parameters_of(
        self, condition: Float[Tensor, "batch embed"]
    ) -> tuple[Float[Tensor, "batch components"], Float[Tensor, "batch components dim"]]:
        """See `Translator`; regressed coordinates are the same in all means."""
        features = residual(self.first, self.second, condition)
        means = rearrange(
            self.means(features),
            "batch (components dim) -> batch components dim",
            components=self.config.components,
        ).to(self.log_std.dtype)
        means = self.coordinates.bounded(means, self.coordinates.drawn)
        logits = self.weights(features).to(self.log_std.dtype)
        if self.regression is None:
            return logits, means
        rest = self.regression(features).to(self.log_std.dtype)
        rest = self.coordinates.bounded(rest, self.coordinates.regressed)
        return logits, self.coordinates.joined(means, rest[:, None])
