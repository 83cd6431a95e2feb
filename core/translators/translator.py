"""Translator q(z given c): a network from conditions to distributions over latents."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from ..checkpoints.checkpoint import Checkpoint
from ..condition import Condition
from ..devices import as_float64
from ..errors import CheckpointError, ConditionMismatch, GeneratorMismatch, InvalidInput
from ..generator import Generator
from ..identity import (
    check_options,
    chosen_differently,
    id_with_options,
    options_of,
    same_auxiliary,
)
from ..rng import SampleRng
from ..rng import stream as seeded

__all__ = ["Translator", "TranslatorConfig", "TranslatorKind"]

TranslatorKind: TypeAlias = Literal["mixture", "deterministic"]
OPTIONS = "generator_options"
"""Metadata key of the generator's options, which its map depends on besides the weights."""
LEAST_STD = 1e-6
"""Added to exp(nu) to keep the likelihood bounded, appendix B.1."""


@dataclass(frozen=True)
class TranslatorConfig:
    """Configuration from which a translator's network can be rebuilt.

    Attributes:
        kind: `mixture`, eq. (4), or the ablation `deterministic`, eq. (8).
        embed_dim: dimension of a condition.
        latent_dim: dimension of a latent.
        components: number of components K; the paper uses 10 throughout. 1 if deterministic.
        hidden: hidden width H; the paper uses 100 for class labels, 2048 for text and images.
        initial_std: sigma before training. The paper starts at 0.01 and trains on a million pairs;
            short training does not recover from that, hence 1 here.
        generator: id of the generator of the latents, with its options.
        generator_name: name of the generator, for messages.
        auxiliary: id of the auxiliary of the conditions.
        auxiliary_name: name of the auxiliary, for messages.
    """

    kind: TranslatorKind
    embed_dim: int
    latent_dim: int
    components: int
    hidden: int
    initial_std: float
    generator: str
    generator_name: str
    auxiliary: str
    auxiliary_name: str

    def __post_init__(self) -> None:
        for name in ("embed_dim", "latent_dim", "components", "hidden"):
            if getattr(self, name) < 1:
                raise InvalidInput(
                    f"Translator {name} is {getattr(self, name)}; at least 1 needed."
                )
        if self.kind == "deterministic" and self.components != 1:
            raise InvalidInput(
                f"A deterministic translator of {self.components} components; it must have 1."
            )
        if not self.initial_std > 0:
            raise InvalidInput(f"Translator initial_std is {self.initial_std}; it must exceed 0.")


class Translator(nn.Module):
    """A conditional Gaussian mixture over latents, TR0N eq. (4) and appendix B.1.

    Two hidden layers with a residual connection around the second, a head for the K means and one
    for the K weights. The standard deviation is one learned vector, shared by components and
    conditions. The deterministic kind outputs its single mean.

    Args:
        config: configuration of the network.
        seed: seed of the initial weights, which follow PyTorch's default for linear layers.
    """

    def __init__(self, config: TranslatorConfig, *, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        k, dim, hidden = config.components, config.latent_dim, config.hidden
        stream = seeded(seed)
        self.first = _linear(config.embed_dim, hidden, stream)
        self.second = _linear(hidden, hidden, stream)
        self.means = _linear(hidden, k * dim, stream)
        self.weights = _linear(hidden, k, stream)
        self.log_std = nn.Parameter(torch.full((dim,), config.initial_std).log())

    def forward(self, condition: Float[Tensor, "batch embed"]) -> MixtureSameFamily:
        """Distribution over latents given each condition; event shape (latent_dim,)."""
        weights, means = self.parameters_of(condition)
        std = (self.log_std.exp() + LEAST_STD).expand_as(means)
        components = Independent(Normal(means, std, validate_args=False), 1, validate_args=False)
        mixing = Categorical(logits=weights, validate_args=False)
        return MixtureSameFamily(mixing, components, validate_args=False)

    def parameters_of(
        self, condition: Float[Tensor, "batch embed"]
    ) -> tuple[Float[Tensor, "batch components"], Float[Tensor, "batch components dim"]]:
        """Logits of the weights and the means of the mixture given each condition."""
        first = self.first(condition).relu()
        second = first + self.second(first).relu()
        means = rearrange(
            self.means(second),
            "batch (components dim) -> batch components dim",
            components=self.config.components,
        )
        return self.weights(second), means

    def draw(
        self, condition: Float[Tensor, "batch embed"], rng: SampleRng
    ) -> Float[Tensor, "batch dim"]:
        """Draws one sample of q(z given c) per condition, each from its sample's stream."""
        logits, means = self.parameters_of(condition)
        if self.config.kind == "deterministic":
            return means[:, 0]
        cumulative = as_float64(logits).softmax(dim=1).cumsum(dim=1)
        chosen = (rng.uniform(1, like=cumulative) > cumulative).sum(dim=1)
        rows = torch.arange(len(means), device=means.device)
        mean = means[rows, chosen.clamp_max(self.config.components - 1)]
        return mean + (self.log_std.exp() + LEAST_STD) * rng.normal(mean.shape[1], like=mean)

    def mean(self, condition: Float[Tensor, "batch embed"]) -> Float[Tensor, "batch dim"]:
        """Mean of the mixture, the initialisation in TR0N's section 3.4."""
        logits, means = self.parameters_of(condition)
        return (logits.softmax(dim=1)[:, :, None] * means).sum(dim=1)

    def mode(self, condition: Float[Tensor, "batch embed"]) -> Float[Tensor, "batch dim"]:
        """Mean of the component with the largest weight, which the paper calls the mode."""
        logits, means = self.parameters_of(condition)
        return means[torch.arange(len(means), device=means.device), logits.argmax(dim=1)]

    def check(self, generator: Generator, condition: Condition) -> None:
        """Checks that a generator and a condition fit this translator.

        Raises:
            GeneratorMismatch: the generator has other weights or options.
            ConditionMismatch: the condition is of another auxiliary.
        """
        config = self.config
        if generator.id != config.generator:
            raise GeneratorMismatch(
                f"The translator was trained for generator {config.generator_name!r} "
                f"({config.generator[:12]}); got {generator.name!r} ({generator.id[:12]}). Train "
                "one for this generator."
            )
        check_options(
            "The translator's latents",
            config.generator,
            generator.id,
            generator.name,
            "train one for the generator as it is loaded now",
        )
        if not same_auxiliary(config.auxiliary, condition.auxiliary):
            other = chosen_differently(config.auxiliary, condition.auxiliary)
            used = f", the same weights with other settings ({other})" if other else ""
            cure = "Restore that setting, or train" if other else "Train"
            raise ConditionMismatch(
                f"The translator takes conditions of {config.auxiliary_name!r}; got one of "
                f"{condition.auxiliary_name!r}{used}. {cure} one for "
                f"{condition.auxiliary_name!r}."
            )

    def to_config(self) -> dict[str, object]:
        """Metadata of the checkpoint."""
        options = options_of(self.config.generator)
        kept = {} if options is None else {OPTIONS: dict(options)}
        return {"what": "translator", **asdict(self.config), **kept}

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> "Translator":
        """Builds the translator of a checkpoint, frozen.

        Raises:
            CheckpointError: the file holds no translator, or its tensors do not fit.
        """
        config: Mapping[str, Any] = checkpoint.config
        if config.get("what") != "translator":
            held = (
                config.get("what") or config.get("architecture") or "no LatentSteer configuration"
            )
            raise CheckpointError(
                f"{checkpoint.path.name} holds {held}, not a translator. Save one with Save "
                "Translator."
            )
        try:
            fields = {name: v for name, v in config.items() if name not in ("what", OPTIONS)}
            fields["generator"] = id_with_options(fields["generator"], config.get(OPTIONS))
            translator = cls(TranslatorConfig(**fields))
            translator.load_state_dict(dict(checkpoint.tensors))
        except (KeyError, TypeError, RuntimeError, InvalidInput) as error:
            raise CheckpointError(f"{checkpoint.path.name} is damaged: {error}") from error
        return translator.eval().requires_grad_(False)


def _linear(inputs: int, outputs: int, stream: torch.Generator) -> nn.Linear:
    layer = nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")
    bound = inputs**-0.5
    nn.init.uniform_(layer.weight, -bound, bound, generator=stream)
    nn.init.uniform_(layer.bias, -bound, bound, generator=stream)
    return layer
