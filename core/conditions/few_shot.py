"""Few-shot conditions: a linear classifier of latents, r(c given z) of D2C; the same on disk."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..devices import placed
from ..errors import CheckpointError, DomainMismatch, GeneratorMismatch, InvalidInput
from ..generator import Generator
from ..identity import check_options, id_with_options, options_of

__all__ = ["FewShot", "FewShotKind", "load_condition", "save_condition"]

FewShotKind: TypeAlias = Literal["labels", "positive-unlabelled", "words"]
WHAT = "few-shot condition"
OPTIONS = "generator_options"
TENSORS = ("weight", "bias", "mean", "std")
ROUNDING = 1e-6
"""Tolerance of the sum of shares around 1."""


@dataclass(frozen=True, eq=False)
class FewShot:
    """r(c given z), D2C section 5: a linear classifier of the latents of a generator.

    With x = (z - mean) / std the logits are W x + b, of two classes (0, w x + b). The calibration
    (p, q) makes them p logit + q for two classes (Platt 1999), and p logits for several
    (temperature scaling, Guo et al. 2017). A class of share s among the training labels and share
    s' among the latents gets log(s' / s) added to its logit, by Bayes' rule.

    Attributes:
        classes: names of the classes; of two, the first is the rest and the second the wanted one.
        wanted: index of the wanted class.
        weight: W: one row for two classes, otherwise one per class.
        bias: b, one per row of W.
        mean: mean of the training latents, per coordinate.
        std: standard deviation of the training latents, above 0.
        calibration: p > 0, and q (0 for several classes).
        shares: share of each class among the latents that r is for.
        fitted_shares: share of each class among the training labels.
        generator: id of the generator, with its options, whose encoder gives the latents.
        generator_name: name of the generator, for messages.
        threshold: probability from which a latent counts as showing what is wanted, in (0, 1).
        ratio_bound: c of rejection, an upper bound of r in (0, 1]: the largest r that a bank of
            latents showed, or 1.
        kind: what the classifier was trained from.
        figures: what the training measured, by name, for reports.

    Raises:
        InvalidInput: shapes that do not fit together, or a number outside its range.
    """

    classes: tuple[str, ...]
    wanted: int
    weight: Float[Tensor, "rows dim"]
    bias: Float[Tensor, " rows"]
    mean: Float[Tensor, " dim"]
    std: Float[Tensor, " dim"]
    calibration: tuple[float, float]
    shares: tuple[float, ...]
    fitted_shares: tuple[float, ...]
    generator: str
    generator_name: str
    threshold: float = 0.5
    ratio_bound: float = 1.0
    kind: FewShotKind = "labels"
    figures: Mapping[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        count = len(self.classes)
        rows = 1 if count == 2 else count
        fits = (
            count >= 2
            and self.weight.shape == (rows, len(self.mean))
            and self.bias.shape == (rows,)
            and self.std.shape == self.mean.shape
        )
        if not fits:
            shapes = {name: list(getattr(self, name).shape) for name in TENSORS}
            raise InvalidInput(
                f"A few-shot condition of {count} classes with {shapes}; expected at least 2 "
                "classes, one row for 2 and one per class for more."
            )
        if len(set(self.classes)) != count or not 0 <= self.wanted < count:
            raise InvalidInput(
                f"Class {self.wanted} of {', '.join(self.classes)}; expected different names and "
                f"a number from 0 to {count - 1}."
            )
        finite = all(bool(getattr(self, name).isfinite().all()) for name in TENSORS)
        if not finite or not bool((self.std > 0).all()):
            raise InvalidInput(
                "A few-shot condition has numbers that are not finite, or a standard deviation "
                "that is not above 0."
            )
        self._check_numbers()

    def _check_numbers(self) -> None:
        factor, offset = self.calibration
        if not 0 < factor < math.inf or not math.isfinite(offset):
            raise InvalidInput(
                f"Calibration {self.calibration}; expected a factor above 0 and a finite offset."
            )
        if not 0 < self.threshold < 1 or not 0 < self.ratio_bound <= 1:
            raise InvalidInput(
                f"Threshold {self.threshold:g} and bound {self.ratio_bound:g} of r; expected "
                "numbers in (0, 1) and (0, 1]."
            )
        if self.kind not in get_args(FewShotKind):
            raise InvalidInput(
                f"Few-shot condition of kind {self.kind!r}; expected one of "
                f"{', '.join(get_args(FewShotKind))}."
            )
        for name in ("shares", "fitted_shares"):
            shares = getattr(self, name)
            if (
                len(shares) != len(self.classes)
                or not all(0 < share < 1 for share in shares)
                or abs(sum(shares) - 1) > ROUNDING
            ):
                raise InvalidInput(
                    f"{name} {shares} of {len(self.classes)} classes; expected one number in "
                    "(0, 1) for each, of sum 1."
                )

    @property
    def name(self) -> str:
        """Name of the wanted class."""
        return self.classes[self.wanted]

    @property
    def share(self) -> float:
        """Share of the wanted class among the latents that r is for."""
        return self.shares[self.wanted]

    @property
    def dim(self) -> int:
        """Number of coordinates of a latent."""
        return len(self.mean)

    def __str__(self) -> str:
        return f"{self.name} ({self.kind}), latents of {self.generator_name}"

    def summary(self) -> str:
        """Returns a line on the condition and what its training measured, for a report."""
        measured = "".join(f", {name} {value:.3g}" for name, value in self.figures.items())
        return (
            f"{self.name} among {', '.join(self.classes)} from {self.kind}: share {self.share:.3g}"
            f"{measured}"
        )

    def check(self, generator: Generator) -> None:
        """Checks that the condition is of the latents of a generator.

        Raises:
            GeneratorMismatch: the generator has other weights or options.
        """
        if generator.id != self.generator:
            raise GeneratorMismatch(
                f"The few-shot condition {self.name!r} is of latents of {self.generator_name!r} "
                f"({self.generator[:12]}); got {generator.name!r} ({generator.id[:12]}). Load "
                f"{self.generator_name!r}, or make the condition with {generator.name!r}."
            )
        check_options(
            f"The latents of the few-shot condition {self.name!r}",
            self.generator,
            generator.id,
            generator.name,
            "make the condition with the generator as it is loaded now",
        )

    def logits(self, z: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch classes"]:
        """Returns log p(class given z) up to a constant per row, calibrated and corrected.

        Raises:
            DomainMismatch: points of another shape.
        """
        if z.ndim != 2 or z.shape[1] != self.dim:
            raise DomainMismatch(
                f"The few-shot condition {self.name!r} takes latents of shape (batch, {self.dim})"
                f"; got {tuple(z.shape)}."
            )
        x = (z - placed(self.mean, z)) / placed(self.std, z)
        found = x @ placed(self.weight, z).T + placed(self.bias, z)
        factor, offset = self.calibration
        found = factor * found + offset
        if len(self.classes) == 2:
            found = functional.pad(found, (1, 0))
        pairs = zip(self.shares, self.fitted_shares, strict=True)
        moved = torch.tensor([math.log(new / old) for new, old in pairs], dtype=torch.float64)
        return found + placed(moved, found)

    def logit(self, z: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
        """Returns log r - log(1 - r), the log odds of the wanted class against the others."""
        logits = self.logits(z)
        others = torch.cat([logits[:, : self.wanted], logits[:, self.wanted + 1 :]], dim=1)
        return logits[:, self.wanted] - others.logsumexp(dim=1)

    def probability(self, z: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
        """Returns r(c given z) of the wanted class, in (0, 1); differentiable."""
        return self.logit(z).sigmoid()

    def log_probability(self, z: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
        """Returns log r(c given z) of the wanted class, accurate also where r underflows."""
        return functional.logsigmoid(self.logit(z))

    def vector(self) -> Float[Tensor, " dim"]:
        """Returns the unit normal of the decision boundary in latent coordinates.

        It points to the wanted class. D2C's released code moves latents along such boundaries. For
        several classes it is the difference of the wanted logit from the mean of the others.
        """
        rows = self.weight if len(self.classes) > 2 else functional.pad(self.weight, (0, 0, 1, 0))
        others = [n for n in range(len(self.classes)) if n != self.wanted]
        normal = (rows[self.wanted] - rows[others].mean(dim=0)) / self.std
        return normal / normal.norm().clamp_min(torch.finfo(normal.dtype).tiny)


def save_condition(condition: FewShot, path: str | Path) -> None:
    """Writes a few-shot condition as safetensors, with the identity of its generator."""
    from ..checkpoints.checkpoint import write

    config: dict[str, object] = {
        "what": WHAT,
        "classes": list(condition.classes),
        "wanted": condition.wanted,
        "calibration": list(condition.calibration),
        "shares": list(condition.shares),
        "fitted_shares": list(condition.fitted_shares),
        "generator": condition.generator,
        "generator_name": condition.generator_name,
        "threshold": condition.threshold,
        "ratio_bound": condition.ratio_bound,
        "kind": condition.kind,
        "figures": dict(condition.figures),
    }
    if (options := options_of(condition.generator)) is not None:
        config[OPTIONS] = dict(options)
    write(path, {name: getattr(condition, name) for name in TENSORS}, config)


def load_condition(path: str | Path) -> FewShot:
    """Reads a few-shot condition from a file of `save_condition`.

    Raises:
        CheckpointError: no such file, or a file without a few-shot condition.
    """
    from ..checkpoints.checkpoint import read
    from ..checkpoints.record import check_what

    checkpoint = read(path)
    config: Mapping[str, Any] = checkpoint.config
    check_what(checkpoint, WHAT, "Save one with Save Few-Shot Condition.")
    try:
        factor, offset = config["calibration"]
        return FewShot(
            classes=tuple(str(name) for name in config["classes"]),
            wanted=int(config["wanted"]),
            weight=checkpoint.tensors["weight"],
            bias=checkpoint.tensors["bias"],
            mean=checkpoint.tensors["mean"],
            std=checkpoint.tensors["std"],
            calibration=(float(factor), float(offset)),
            shares=tuple(float(share) for share in config["shares"]),
            fitted_shares=tuple(float(share) for share in config["fitted_shares"]),
            generator=id_with_options(str(config["generator"]), config.get(OPTIONS)),
            generator_name=str(config["generator_name"]),
            threshold=float(config["threshold"]),
            ratio_bound=float(config["ratio_bound"]),
            kind=config["kind"],
            figures={str(name): float(value) for name, value in config["figures"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{checkpoint.path.name} is damaged: {error}") from error
