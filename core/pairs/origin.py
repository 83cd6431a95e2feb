"""Origin of pairs: everything that decides their values, as JSON, and its comparison."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..auxiliary import Auxiliary
from ..captioner import CaptionedClip
from ..chunking import Chunking
from ..errors import ConditionMismatch, GeneratorMismatch, InvalidInput, ResumeMismatch
from ..generator import Gaussian, Generator, Prior
from ..identity import (
    check_options,
    id_with_options,
    identity_of,
    options_of,
    same_auxiliary,
)

__all__ = ["AuxiliaryRecord", "Origin"]


@dataclass(frozen=True)
class AuxiliaryRecord:
    """An auxiliary as stored with its conditions.

    Attributes:
        id: its id.
        name: display name.
        width: size of a condition.
        captions: captioner and decoding as JSON, if f embeds an image's caption; else empty.
    """

    id: str
    name: str
    width: int
    captions: Mapping[str, Any]

    @classmethod
    def of(cls, auxiliary: Auxiliary) -> "AuxiliaryRecord":
        """Returns the record of an auxiliary."""
        captions: dict[str, object] = {}
        if isinstance(auxiliary, CaptionedClip):
            captions["captioner"] = str(auxiliary.captioner.id)
            captions["decoding"] = identity_of(auxiliary.decoding)
        return cls(auxiliary.id, auxiliary.name, auxiliary.embed_dim, captions)

    def alike(self, other: "AuxiliaryRecord") -> bool:
        """Whether both have conditions of the same f."""
        return same_auxiliary(self.id, other.id) and dict(self.captions) == dict(other.captions)


@dataclass(frozen=True)
class Origin:
    """Everything that decides the values of pairs.

    Pair n is drawn from its own stream, so a larger set begins with a smaller one's pairs.

    Attributes:
        generator: id of the generator, with its options.
        generator_name: name of the generator.
        auxiliaries: one record per tensor of conditions, in order.
        dim: number of coordinates of a latent.
        prior: p(z) as JSON; a `Gaussian` by its fields, another prior by its kind.
        seed: seed of the streams.
        balanced: whether pair n has class n modulo the number of classes.
        noise: gamma of eq. (12), the standard deviation of the noise in the conditions.
        chunk: rows that the networks processed at a time.
        padded: whether chunks were `fixed`.
    """

    generator: str
    generator_name: str
    auxiliaries: tuple[AuxiliaryRecord, ...]
    dim: int
    prior: Mapping[str, Any]
    seed: int
    balanced: bool
    noise: float
    chunk: int
    padded: bool

    @classmethod
    def of(
        cls,
        generator: Generator,
        auxiliaries: Sequence[Auxiliary],
        *,
        seed: int,
        balanced: bool,
        noise: float,
        chunking: Chunking,
    ) -> "Origin":
        """Returns the origin of pairs of these models."""
        return cls(
            generator=generator.id,
            generator_name=generator.name,
            auxiliaries=tuple(map(AuxiliaryRecord.of, auxiliaries)),
            dim=generator.source.dim,
            prior=_prior(generator.prior),
            seed=seed,
            balanced=balanced,
            noise=float(noise),
            chunk=chunking.size,
            padded=chunking.padded,
        )

    @property
    def redrawn(self) -> Gaussian | None:
        """The prior that draws the latents again without the generator; None if there is none."""
        if self.prior.get("kind") != "Gaussian" or self.balanced:
            return None
        return Gaussian(int(self.prior["dim"]), float(self.prior["std"]))

    def check(self, other: "Origin", what: str) -> None:
        """Checks that another origin has the same pairs.

        Args:
            other: origin of the pairs to make.
            what: what has this origin, for messages, such as "The pairs in folder".

        Raises:
            GeneratorMismatch: another generator, or other options.
            ConditionMismatch: other auxiliaries, or another order.
            ResumeMismatch: another setting; the message lists both values of each.
        """
        if self.generator != other.generator:
            raise GeneratorMismatch(
                f"{what} are of generator {self.generator_name!r} ({self.generator[:12]}); got "
                f"{other.generator_name!r} ({other.generator[:12]}). Choose another name."
            )
        cure = "choose another name"
        check_options(what, self.generator, other.generator, other.generator_name, cure)
        own, given = self.auxiliaries, other.auxiliaries
        pairs = zip(own, given, strict=False)
        if len(own) != len(given) or not all(one.alike(two) for one, two in pairs):
            raise ConditionMismatch(
                f"{what} have conditions of {_named(own)}; got {_named(given)}. Choose another "
                "name, or the same auxiliaries with the same settings in the same order."
            )
        differ = [
            f"{name} {then} then, {now} now"
            for name in ("dim", "prior", "seed", "balanced", "noise", "chunk", "padded")
            if (then := getattr(self, name)) != (now := getattr(other, name))
        ]
        if differ:
            raise ResumeMismatch(
                f"{what} were made with other settings: {'; '.join(differ)}. Restore them, or "
                "choose another name."
            )

    def to_json(self) -> dict[str, Any]:
        """Returns the origin as JSON."""
        record: dict[str, Any] = asdict(self)
        record["generator"] = str(self.generator)
        record["generator_options"] = _options(self.generator)
        for entry, own in zip(record["auxiliaries"], self.auxiliaries, strict=True):
            entry |= {"id": str(own.id), "options": _options(own.id)}
        return record

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "Origin":
        """Returns the origin of a JSON object.

        Raises:
            KeyError, TypeError: the object has another form.
        """
        fields = dict(record)
        fields["generator"] = id_with_options(
            str(fields["generator"]), fields.pop("generator_options")
        )
        fields["auxiliaries"] = tuple(
            AuxiliaryRecord(
                id_with_options(str(entry["id"]), entry["options"]),
                str(entry["name"]),
                int(entry["width"]),
                dict(entry["captions"]),
            )
            for entry in fields["auxiliaries"]
        )
        origin = cls(**fields)
        if not origin.auxiliaries:
            raise InvalidInput("no auxiliary")
        return origin


def _options(model: str) -> dict[str, object] | None:
    known = options_of(model)
    return None if known is None else dict(known)


def _named(records: Sequence[AuxiliaryRecord]) -> str:
    return " and ".join(f"{one.name!r} ({one.id[:12]})" for one in records)


def _prior(prior: Prior) -> dict[str, Any]:
    if isinstance(prior, Gaussian):
        return {"kind": "Gaussian", "dim": prior.dim, "std": float(prior.std)}
    return {"kind": type(prior).__name__}
