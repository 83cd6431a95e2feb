"""Which of the orderings of TR0N's Table 1 hold over the seeds of a study."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ....core.errors import InvalidInput

__all__ = ["ORDERINGS", "Ordering", "Verdict", "flat_verdicts", "verdict"]


@dataclass(frozen=True)
class Ordering:
    """A statement of the paper: TR0N is ahead of another row in a figure.

    Attributes:
        other: row that TR0N is ahead of.
        figure: key of the figure.
        source: where the paper says so.
    """

    other: str
    figure: str
    source: str = "Table 1"

    @property
    def sign(self) -> int:
        """1 if a higher figure is ahead, else -1."""
        return -1 if self.figure == "fd" else 1


JUDGED = "Table 1, by the judge"
ORDERINGS = (
    Ordering("prior", "fd"),
    Ordering("translator_only", "f"),
    Ordering("translator_only", "judge", JUDGED),
    Ordering("translator_only", "fd"),
    Ordering("no_translator", "f"),
    Ordering("no_translator", "judge", JUDGED),
    Ordering("no_translator", "fd"),
    Ordering("deterministic", "fd"),
    Ordering("deterministic", "diversity", "section 5.1"),
    Ordering("adam", "f"),
    Ordering("adam", "judge", JUDGED),
    Ordering("adam", "fd"),
    Ordering("flow", "f", "figure 8"),
)
"""The orderings in which the paper's two models agree, and that of the flow.

Table 1 has the mean probability by f and the Frechet distance; its inception score is not measured
here. Its two models disagree on the probability of the deterministic translator (NVAE 0.48 against
0.75, AutoGAN 0.97 against 0.95). Section 5.1 explains that row's distances by a lack of diversity.
Where Table 1 has the probability by f, the share that the independent judge calls right is
compared too. Figure 8 compares translators on text: none exceeds the mixture's similarity.
"""


@dataclass(frozen=True)
class Verdict:
    """How far TR0N is ahead of another row, over seeds.

    Attributes:
        leads: lead of each seed; positive where the seed agrees with the paper.
    """

    leads: tuple[float, ...]

    @property
    def lead(self) -> float:
        """Mean lead."""
        return statistics.fmean(self.leads)

    @property
    def signs(self) -> str:
        """Sign of each seed's lead: +, - or 0."""
        return "".join("+" if one > 0 else "-" if one < 0 else "0" for one in self.leads)

    @property
    def word(self) -> str:
        """`holds` or `reversed` if all of several seeds agree, else `undecided`.

        Without any difference, three seeds agree by chance in one of four cases.
        """
        if len(self.leads) > 1 and len(set(self.signs)) == 1 and self.signs[0] != "0":
            return "holds" if self.signs[0] == "+" else "reversed"
        return "undecided"


def verdict(ordering: Ordering, full: Sequence[float], other: Sequence[float]) -> Verdict:
    """Returns whether an ordering holds.

    Args:
        ordering: ordering to check.
        full: figure of TR0N, one number per seed.
        other: figure of the other row, for the same seeds.

    Raises:
        InvalidInput: no seed, or different numbers of seeds.
    """
    if not full or len(full) != len(other):
        raise InvalidInput(
            f"Figures of {len(full)} and {len(other)} seeds; expected equal numbers of at least 1."
        )
    pairs = zip(full, other, strict=True)
    return Verdict(tuple(ordering.sign * (one - two) for one, two in pairs))


def flat_verdicts(
    prefix: str, seeds: Sequence[Mapping[str, float]]
) -> dict[str, tuple[Ordering, Verdict]]:
    """Returns the verdict of every ordering, by the prefix of its keys.

    Args:
        prefix: prefix of the figures, as in `digits_equal_m_`.
        seeds: flat figures of each seed, with the keys `<prefix><row>_<figure>`.
    """
    found: dict[str, tuple[Ordering, Verdict]] = {}
    for one in ORDERINGS:
        full = [seed[f"{prefix}full_{one.figure}"] for seed in seeds]
        other = [seed[f"{prefix}{one.other}_{one.figure}"] for seed in seeds]
        found[f"{prefix}lead_{one.other}_{one.figure}"] = one, verdict(one, full, other)
    return found
