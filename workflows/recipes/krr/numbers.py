"""The KRR flow's numbers: its tables, figures and equation 6."""

from collections.abc import Mapping

from ..files import (
    AFHQ,
    BIGGAN,
    BIRDS,
    CELEBA_HQ,
    CIFAR,
    COCO,
    COMOD_FFHQ,
    COMOD_PLACES,
    DALLE,
    MMD_GAN,
    SN_GAN,
    STYLEGAN2,
    TRANSGAN,
    WGAN_GP,
)
from ..numbers import Each, Inputs, OneOf, PaperRow

__all__ = ["KRR", "SIZES"]

KERNEL: Inputs = {"bandwidth": "one", "self_term": True, "divergence": "KL"}
"""Section *Estimating*: k = exp(-|d(x) - d(x')|^2), sums over all i; theorem 3."""
SMOOTHED = OneOf(("feature", "image"))
SIZES = (0.1, 0.2, 0.3, 0.5, 1.0, 2.0)
"""Step sizes of Table 6."""


def _flow(where: str, terms: str, *, generator: str = SN_GAN, **flow: object) -> PaperRow:
    """A, B and C are the terms of the samples, the real images and the condition, eq. (6)."""
    weights = {"A": "lambda_generated", "B": "lambda_real", "C": "lambda_condition"}
    lambdas = {name: 1.0 for term, name in weights.items() if term in terms}
    if "A" not in terms:
        lambdas["lambda_generated"] = 0.0
    nodes: dict[str, Inputs] = {
        "LoadGenerator": {"file": generator},
        "KRRFlowRefine": {**KERNEL, "estimator": "krr", **lambdas, **flow},
    }
    return PaperRow(where, nodes)


def _against_condition(where: str, generator: str) -> PaperRow:
    """Setup of diverse samples, whose step sizes the paper does not state."""
    flow: Inputs = {**KERNEL, "estimator": "krr"}
    return PaperRow(where, {"LoadGenerator": {"file": generator}, "KRRFlowRefine": flow})


KRR: Mapping[str, PaperRow] = {
    "k01": _flow("table 1", "ABC", generator=WGAN_GP),
    "k02": _flow("tables 1 and 6", "ABC", mollifier=SMOOTHED, step_size=0.3, steps=15),
    "k03": _flow("table 1", "ABC", generator=MMD_GAN),
    "k04": _flow("table 1", "ABC", generator=TRANSGAN),
    "k05": _flow("table 1", "ABC", generator=CIFAR),
    "k06": _flow("table 2", "ABC", estimator="kde", mollifier="none"),
    "k07": _flow("table 2", "ABC", mollifier="none"),
    "k08": _flow("table 2", "ABC", estimator="kde", mollifier=SMOOTHED),
    "k09": _flow("table 2", "ABC", estimator="stein", mollifier=SMOOTHED),
    **{
        row: _flow("table 7", term, mollifier=SMOOTHED, step_size=0.3, steps=10)
        for row, term in (("k10", "B"), ("k11", "A"), ("k12", "C"))
    },
    **{
        row: _flow("table 6", "ABC", mollifier=SMOOTHED, step_size=Each(SIZES), steps=steps)
        for row, steps in (("k13", 5), ("k14", 10), ("k15", 15))
    },
    "k16": _flow("table 3", "ABC", generator=BIRDS),
    "k17": _flow("table 3", "ABC", generator=COCO),
    "k18": _against_condition("figure 2", BIGGAN),
    "k19": _against_condition("figure 1", DALLE),
    **{row: _against_condition("figure 5", DALLE) for row in ("k20a", "k20b", "k20c")},
    "k21": _against_condition("table 4", COMOD_FFHQ),
    "k22": _against_condition("table 4", COMOD_PLACES),
    **{
        row: _flow("table 5", "ABC", generator=file)
        for row, file in (("k23", CELEBA_HQ), ("k24", CELEBA_HQ), ("k25", AFHQ), ("k26", AFHQ))
    },
    "k27": _flow("figure 7", "ABC", generator=AFHQ),
    "k28": _against_condition("figures 3 and 8", STYLEGAN2),
}
