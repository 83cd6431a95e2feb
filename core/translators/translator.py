"""Translator q(z given c): a network from conditions to distributions over latents."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any, Literal, TypeAlias

from jaxtyping import Float
from torch import Tensor, nn

from ..checkpoints.record import Checkpoint, check_what
from ..condition import Condition
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
from .coordinates import Bound, Coordinates, Span, check_spans
from .law import Law

__all__ = ["KINDS", "InitialStd", "Translator", "TranslatorConfig", "TranslatorKind"]

KINDS: Mapping[str, str] = {
    "mixture": "mixture:MixtureTranslator",
    "deterministic": "deterministic:DeterministicTranslator",
    "flow": "flow:FlowTranslator",
}
"""Kinds of translators: name to "module:class", the module relative to this package."""
TranslatorKind: TypeAlias = str
"""A key of KINDS."""
InitialStd: TypeAlias = float | Literal["data"]
"""Sigma before training: a number, or the standard deviation of the pairs' latents."""
OPTIONS = "generator_options"
"""Metadata key of the generator's options, which its map depends on besides the weights."""


@dataclass(frozen=True)
class TranslatorConfig:
    """Configuration from which a translator's network can be rebuilt.

    Fields with a default are absent from files of earlier versions.

    Attributes:
        kind: key of KINDS: `mixture`, eq. (4), the ablation `deterministic`, eq. (8), or `flow`, a
            normalising flow, figure 8.
        embed_dim: dimension of a condition.
        latent_dim: dimension of a latent.
        components: number of components K; the paper uses 10 throughout. 1 if not a mixture.
        hidden: hidden width H; the paper uses 100 for class labels, 2048 for text and images.
        initial_std: sigma of a mixture before training, above 0. The paper starts at 0.01 and
            trains on a million pairs. Short training does not recover from that: start at 1 or at
            "data", the standard deviation of the pairs' latents for each coordinate.
        generator: id of the generator of the latents, with its options.
        generator_name: name of the generator, for messages.
        auxiliary: id of the auxiliary of the conditions.
        auxiliary_name: name of the auxiliary, for messages.
        regressed: spans of the latent that a regression head gives, appendix B: the class block.
        bounds: spans whose heads are bounded by a tanh, appendix B.3.
        transforms: number of transforms of a flow.
        bins: number of bins of a flow's splines.
    """

    kind: TranslatorKind
    embed_dim: int
    latent_dim: int
    components: int
    hidden: int
    initial_std: InitialStd
    generator: str
    generator_name: str
    auxiliary: str
    auxiliary_name: str
    regressed: tuple[Span, ...] = ()
    bounds: tuple[Bound, ...] = ()
    transforms: int = 3
    bins: int = 8

    def __post_init__(self) -> None:
        for name in ("embed_dim", "latent_dim", "components", "hidden", "transforms", "bins"):
            if getattr(self, name) < 1:
                raise InvalidInput(
                    f"Translator {name} is {getattr(self, name)}; at least 1 needed."
                )
        check_std(self.initial_std)
        check_spans(self.latent_dim, self.regressed, self.bounds)
        if sum(last - first for first, last in self.regressed) == self.latent_dim:
            raise InvalidInput(
                "All coordinates are regressed and none is drawn. Choose the kind deterministic."
            )
        kind_of(self.kind).check_config(self)


def check_std(std: InitialStd) -> None:
    """Checks a standard deviation before training.

    Raises:
        InvalidInput: neither "data" nor a number above 0.
    """
    if std != "data" and (isinstance(std, str) or not 0 < std < float("inf")):
        raise InvalidInput(
            f"Translator initial_std is {std!r}; expected a number above 0, or 'data'."
        )


class Translator(nn.Module):
    """A network that gives a distribution over latents for each condition.

    Args:
        config: configuration of the network.
    """

    def __init__(self, config: TranslatorConfig) -> None:
        super().__init__()
        self.config = config
        self.coordinates = Coordinates(config.latent_dim, config.regressed, config.bounds)

    @classmethod
    def check_config(cls, config: TranslatorConfig) -> None:
        """Checks the fields that this kind restricts.

        Raises:
            InvalidInput: one is out of range.
        """

    @property
    @abstractmethod
    def like(self) -> Tensor:
        """A parameter, for the device and the float type."""

    @abstractmethod
    def start(self, latents: Float[Tensor, "pairs dim"], std: InitialStd | None) -> None:
        """Prepares for training.

        Args:
            latents: latents of the pairs, on the CPU.
            std: sigma to start from; None leaves it.
        """

    def regress(
        self,
        latents: Float[Tensor, "pairs dim"],
        conditions: Float[Tensor, "pairs embed"],
    ) -> None:
        """Starts at the ridge regression of the latents on the conditions.

        A kind whose heads are no means, such as a flow, ignores it.

        Args:
            latents: latents of the pairs.
            conditions: conditions of the pairs, as the network sees them.
        """

    @abstractmethod
    def law(self, condition: Float[Tensor, "batch embed"]) -> Law:
        """Returns the distribution over latents given each condition."""

    def forward(self, condition: Float[Tensor, "batch embed"]) -> Law:
        """Returns the distribution over latents given each condition."""
        return self.law(condition)

    def parameters_of(
        self, condition: Float[Tensor, "batch embed"]
    ) -> tuple[Float[Tensor, "batch components"], Float[Tensor, "batch components dim"]]:
        """Returns the logits of the weights and the means of the mixture given each condition.

        Raises:
            InvalidInput: this kind is no mixture.
        """
        raise InvalidInput(
            f"A translator of kind {self.config.kind} has no mixture's weights and means. Start "
            "from samples, or train one of kind mixture."
        )

    def draw(
        self, condition: Float[Tensor, "batch embed"], rng: SampleRng
    ) -> Float[Tensor, "batch dim"]:
        """Draws one sample of q(z given c) per condition, each from its sample's stream."""
        return self.law(condition).draw(rng)

    def mean(self, condition: Float[Tensor, "batch embed"]) -> Float[Tensor, "batch dim"]:
        """Returns the mean of the law; see there."""
        return self.law(condition).mean

    def mode(self, condition: Float[Tensor, "batch embed"]) -> Float[Tensor, "batch dim"]:
        """Returns the mode of the law; see there."""
        return self.law(condition).mode

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

    @staticmethod
    def from_checkpoint(checkpoint: Checkpoint) -> "Translator":
        """Builds the translator of a checkpoint, frozen.

        Raises:
            CheckpointError: the file holds no translator, or its tensors do not fit.
            InvalidInput: its kind needs a library that is not installed.
        """
        config: Mapping[str, Any] = checkpoint.config
        check_what(checkpoint, "translator", "Save one with Save Translator.")
        try:
            fields = {name: v for name, v in config.items() if name not in ("what", OPTIONS)}
            fields["generator"] = id_with_options(fields["generator"], config.get(OPTIONS))
            for name in ("regressed", "bounds"):
                fields[name] = tuple(tuple(span) for span in fields.get(name, ()))
            parsed = TranslatorConfig(**fields)
        except (KeyError, TypeError, InvalidInput) as error:
            raise CheckpointError(f"{checkpoint.path.name} is damaged: {error}") from error
        translator = translator_of(parsed, seed=None)
        try:
            translator.load_state_dict(dict(checkpoint.tensors))
        except RuntimeError as error:
            raise CheckpointError(f"{checkpoint.path.name} is damaged: {error}") from error
        return translator.eval().requires_grad_(False)


def kind_of(name: str) -> type[Translator]:
    """Returns the class of a kind of translator.

    Raises:
        InvalidInput: there is no such kind.
    """
    if name not in KINDS:
        raise InvalidInput(f"No kind of translator {name!r}. There are: {', '.join(KINDS)}.")
    module, _, made = KINDS[name].partition(":")
    return getattr(import_module(f".{module}", __package__), made)


def translator_of(config: TranslatorConfig, *, seed: int | None = 0) -> Translator:
    """Makes an untrained translator.

    Args:
        config: configuration of the network.
        seed: seed of the initial weights; None for weights that are loaded afterwards.

    Raises:
        InvalidInput: its kind needs a library that is not installed.
    """
    return kind_of(config.kind)(config, seed=seed)  # pyright: ignore[reportCallIssue]
