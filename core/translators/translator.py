"""The translator q(z given c): a network whose output is a distribution over latents."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from ..checkpoints.checkpoint import Checkpoint
from ..condition import Condition
from ..devices import as_float64
from ..errors import CheckpointError, ConditionMismatch, GeneratorMismatch, InvalidInput
from ..generator import Generator
from ..identity import check_options, chosen_differently, options_of, same_auxiliary, told_options
from ..rng import SampleRng
from ..rng import stream as seeded

__all__ = ["Translator", "TranslatorConfig", "TranslatorKind"]

TranslatorKind: TypeAlias = Literal["mixture", "deterministic"]
OPTIONS = "generator_options"
"""Where a file keeps what its generator's map depends on beside weights."""
LEAST_STD = 1e-6
"""Added to exp(nu): keeps the likelihood bounded, appendix B.1."""


@dataclass(frozen=True)
class TranslatorConfig:
    """Everything that rebuilds a translator's network.

    Attributes:
        kind: `mixture`, eq. (4), or the ablation `deterministic`, eq. (8).
        embed_dim: numbers in a condition.
        latent_dim: numbers in a latent.
        components: K; the paper uses 10 throughout. 1 where deterministic.
        hidden: H; the paper uses 100 for class labels and 2048 for text and images.
        initial_std: sigma before training. The paper starts at 0.01 and trains on a million pairs;
            short training never recovers from that, hence 1 here.
        generator: id of the generator whose latents it gives, with its options.
        generator_name: for messages.
        auxiliary: id of the auxiliary whose conditions it takes.
        auxiliary_name: for messages.
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
                f"A deterministic translator of {self.components} components; only 1."
            )
        if not self.initial_std > 0:
            raise InvalidInput(f"Translator initial_std is {self.initial_std}; it must exceed 0.")


class Translator(nn.Module):
    """A conditional Gaussian mixture over latents, TR0N eq. (4) and appendix B.1.

    Two hidden layers with a residual connection around the second, a head for the K means and one
    for the K weights; the standard deviation is one learned vector, shared by components and
    conditions. The deterministic kind is its single mean.

    Args:
        config: sizes and origin.
        seed: of the initial weights, drawn as PyTorch's linear layers draw theirs.
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
        """The distribution over latents of each condition: batch of points of latent_dim."""
        weights, means = self.parameters_of(condition)
        std = (self.log_std.exp() + LEAST_STD).expand_as(means)
        components = Independent(Normal(means, std, validate_args=False), 1, validate_args=False)
        mixing = Categorical(logits=weights, validate_args=False)
        return MixtureSameFamily(mixing, components, validate_args=False)

    def parameters_of(
        self, condition: Float[Tensor, "batch embed"]
    ) -> tuple[Float[Tensor, "batch components"], Float[Tensor, "batch components dim"]]:
        """Logits of the weights, and the means, of each condition's mixture."""
        first = self.first(condition).relu()
        second = first + self.second(first).relu()
        means = self.means(second).reshape(-1, self.config.components, self.config.latent_dim)
        return self.weights(second), means

    def draw(
        self, condition: Float[Tensor, "batch embed"], rng: SampleRng
    ) -> Float[Tensor, "batch dim"]:
        """Samples of q(z given c), one per condition, each from its sample's stream."""
        logits, means = self.parameters_of(condition)
        if self.config.kind == "deterministic":
            return means[:, 0]
        cumulative = as_float64(logits).softmax(dim=1).cumsum(dim=1)
        chosen = (rng.uniform(1, like=cumulative) > cumulative).sum(dim=1)
        rows = torch.arange(len(means), device=means.device)
        mean = means[rows, chosen.clamp_max(self.config.components - 1)]
        return mean + (self.log_std.exp() + LEAST_STD) * rng.normal(mean.shape[1], like=mean)

    def mean(self, condition: Float[Tensor, "batch embed"]) -> Float[Tensor, "batch dim"]:
        """The mixture's mean, the start of TR0N's section 3.4."""
        logits, means = self.parameters_of(condition)
        return (logits.softmax(dim=1)[:, :, None] * means).sum(dim=1)

    def mode(self, condition: Float[Tensor, "batch embed"]) -> Float[Tensor, "batch dim"]:
        """The mean of the heaviest component, which the paper calls the mode."""
        logits, means = self.parameters_of(condition)
        return means[torch.arange(len(means), device=means.device), logits.argmax(dim=1)]

    def check(self, generator: Generator, condition: Condition) -> None:
        """Refuses another generator or a condition of another auxiliary."""
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
            used = f", the same weights used otherwise ({other})" if other else ""
            cure = "Set that back, or train" if other else "Train"
            raise ConditionMismatch(
                f"The translator takes conditions of {config.auxiliary_name!r}; got one of "
                f"{condition.auxiliary_name!r}{used}. {cure} one for "
                f"{condition.auxiliary_name!r}."
            )

    def to_config(self) -> dict[str, object]:
        """What rides in the checkpoint's metadata."""
        options = options_of(self.config.generator)
        told = {} if options is None else {OPTIONS: dict(options)}
        return {"what": "translator", **asdict(self.config), **told}

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> "Translator":
        """The translator that a file holds, frozen.

        Raises:
            CheckpointError: the file holds something else, or its tensors do not fit.
        """
        config: Mapping[str, Any] = checkpoint.config
        if config.get("what") != "translator":
            held = config.get("what") or config.get("architecture") or "no configuration of ours"
            raise CheckpointError(
                f"{checkpoint.path.name} holds {held}, not a translator. Save one with Save "
                "Translator."
            )
        try:
            fields = {name: v for name, v in config.items() if name not in ("what", OPTIONS)}
            fields["generator"] = told_options(fields["generator"], config.get(OPTIONS))
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
