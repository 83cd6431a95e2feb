"""TR0N's numbers: its tables 1 to 3, figures and appendix B."""

from collections.abc import Mapping
from typing import Any

from ..files import AUTOGAN, BIGGAN, NVAE_CIFAR, NVAE_FFHQ, STYLEGAN2, STYLEGAN_XL
from ..numbers import VIEWS, Each, Inputs, PaperRow

__all__ = ["TR0N"]

TRAINING: Inputs = {
    "pairs": 1_000_000,
    "epochs": 10,
    "batch_size": 16,
    "learning_rate": 1e-4,
    "initial_std": 0.01,
    "recipe": "paper",
}
"""Appendix B.1: N, epochs, B, Adam's rate, sigma before training; the loss times 1e-4."""
MIXTURE: Inputs = {**TRAINING, "kind": "mixture", "components": 10}
"""The mixture, with K of appendix B.1."""
REGRESSION: Inputs = {**TRAINING, "kind": "deterministic"}
"""Equation 8."""
FLOW: Inputs = {**TRAINING, "kind": "flow"}
"""*NF* of figure 8, whose transforms the paper does not state."""
CHAIN: Inputs = {
    "step_size": 1e-4,
    "momentum": 0.99,
    "step_schedule": "constant",
    "noise_schedule": "constant",
    "latent_noise": 0.0,
    "returned": "last",
    "keep_best": False,
}
"""B.1: lambda and momentum; section 2 and Algorithm 2: lambda is constant, z^(T) is returned."""
LANGEVIN: Inputs = {**CHAIN, "steps": 100, "weights_rate": 5e-3}
"""B.1: the default T, and Adam's rate for the weights of a basis."""
BIGGAN_BETA, OTHER_BETA = 1e5, 2000.0
"""beta of appendix B.3."""
NARROW, WIDE = 100, 2048
"""H: B.2; B.3 and B.4."""


def _classes(
    generator: Inputs,
    steps: int,
    candidates: int,
    *,
    start: str = "mixture",
    refiner: str | None = "LangevinRefine",
    bayes: tuple[int, int] | None = None,
) -> PaperRow:
    nodes: dict[str, Inputs] = {"LoadGenerator": generator}
    if start == "mixture":
        nodes["TrainTranslator"] = {**MIXTURE, "hidden": NARROW, "condition_noise": 0.0}
        best = {"candidates": candidates} if refiner is not None else {}
        nodes["TranslatorInit"] = {"mode": "sample", **best}
    elif start == "deterministic":
        nodes["TrainTranslator"] = {**REGRESSION, "hidden": NARROW, "condition_noise": 0.0}
        nodes["TranslatorInit"] = {}
    else:
        nodes["PriorInit"] = {}
    if bayes is not None:
        nodes["EnergyBayes"] = {"beta1": bayes[0], "beta2": bayes[1]}
    beta = 20.0 if bayes is None else 1.0
    if refiner == "LangevinRefine":
        nodes[refiner] = {**CHAIN, "steps": steps, "inverse_temperature": beta}
    elif refiner is not None:
        nodes[refiner] = {"steps": steps}
    return PaperRow("tables 1 and 3, B.1, B.2", nodes)


def _by_class(first: int, *generator: Any) -> dict[str, PaperRow]:  # noqa: ANN401
    return {
        f"t{first:02}": _classes(*generator),
        f"t{first + 1:02}": _classes(*generator, refiner=None),
        f"t{first + 2:02}": _classes(*generator, start="prior"),
        f"t{first + 3:02}": _classes(*generator, start="deterministic"),
        f"t{first + 4:02}": _classes(*generator, refiner="AdamRefine"),
    }


def _bayes(first: int, *generator: Any) -> dict[str, PaperRow]:  # noqa: ANN401
    weights = ((0, 20), (1, 1), (1, 20))
    return {
        f"t{first + number}": _classes(*generator, bayes=both)
        for number, both in enumerate(weights)
    }


NVAE: tuple[Inputs, int, int] = (
    {"file": NVAE_CIFAR, "truncation": 0.7, "mean_groups": 0},
    *(50, 10),
)
ADVERSARIAL: tuple[Inputs, int, int] = ({"file": AUTOGAN}, 25, 5)
"""G, and T and M, of appendix B.2: the NVAE's temperature and l*."""
CAPTIONS: Inputs = {"beams": "nucleus sampling"}
"""B.3."""


def _clip(
    file: object = BIGGAN,
    *,
    captions: bool = False,
    start: Inputs | None = None,
    training: Inputs = MIXTURE,
    where: str = "B.1, B.3",
    images: bool = False,
    gamma: float | None = None,
    **changes: object,
) -> PaperRow:
    """Returns a setup with E_CLIP; `changes` are inputs of Langevin Refine."""
    generator: dict[str, object] = {"file": file}
    beta = BIGGAN_BETA if file == BIGGAN else OTHER_BETA
    if file in (STYLEGAN2, STYLEGAN_XL):
        generator["latent"] = "w"
    if file == NVAE_FFHQ:
        generator |= {"truncation": 0.6, "mean_groups": 7}
    trained: dict[str, object] = {**training, "hidden": WIDE}
    if gamma is not None:
        trained["condition_noise"] = gamma
    if file == BIGGAN:
        trained["heads"] = "paper"
    nodes: dict[str, Inputs] = {
        "LoadGenerator": generator,
        "EnergyCLIP": VIEWS,
        "LangevinRefine": {**LANGEVIN, "inverse_temperature": beta, **changes},
        "TrainTranslator": trained,
        "TranslatorInit": EQUATION_5 if start is None else start,
    }
    if captions:
        nodes["CaptionAuxModel"] = CAPTIONS
    if images:
        nodes["ImageCondition"] = {}
    return PaperRow(where, nodes)


EQUATION_5: Inputs = {"mode": "basis", "weights": "linear"}
"""Section 3.4 and B.3; B.1: a weight for each coordinate of each mean."""
ONE_SAMPLE: Inputs = {"mode": "sample", "candidates": 1}
"""B.4, the first task: M."""
MODE: Inputs = {"mode": "mode"}
"""B.4, interpolation."""
GAMMA = 0.2
"""B.3, where f is CLIP's image encoder."""


def _without(row: PaperRow, start: str, inputs: Inputs) -> PaperRow:
    kept = {k: v for k, v in row.nodes.items() if k not in ("TrainTranslator", "TranslatorInit")}
    return PaperRow(row.where, {**kept, start: inputs})


def _between(row: PaperRow) -> PaperRow:
    return PaperRow(row.where, {**row.nodes, "InterpolateConditions": {"mode": "slerp"}})


BIGGAN_TEXT = _clip(captions=True, gamma=0.0)
TR0N: Mapping[str, PaperRow] = {
    "t01": PaperRow("table 1, B.2", {"LoadGenerator": NVAE[0], "PriorInit": {}}),
    **_by_class(2, *NVAE),
    "t07": PaperRow("table 1, B.2", {"LoadGenerator": ADVERSARIAL[0], "PriorInit": {}}),
    **_by_class(8, *ADVERSARIAL),
    **_bayes(13, *NVAE),
    **_bayes(16, *ADVERSARIAL),
    "t19": BIGGAN_TEXT,
    "t20": _clip(gamma=GAMMA),
    "t21": _clip(STYLEGAN_XL, captions=True, gamma=0.0),
    "t22": _without(_clip(), "PriorInit", {"candidates": 1}),
    "t23": PaperRow(
        "table 2, B (FuseDream's initialization), B.1, B.3 (the same E and K)",
        {
            "LoadGenerator": {"file": BIGGAN},
            "EnergyCLIP": VIEWS,
            "BasisInit": {"candidates": 1000, "keep": 10, "weights_start": "random"},
            "LangevinRefine": {**CHAIN, "weights_rate": 5e-3},
        },
    ),
    "t24": _clip(
        captions=True, gamma=0.0, steps=Each((10, 25, 50, 100, 150, 250, 500)), where="B.3"
    ),
    "t25": BIGGAN_TEXT,
    "t26": _clip(captions=True, gamma=0.0, training=FLOW, start={"mode": "sample"}),
    "t27": _clip(captions=True, gamma=0.0, training=REGRESSION, start={}),
    "t28": _without(_clip(), "PriorInit", {"candidates": 1}),
    "t29": _clip(STYLEGAN2, gamma=GAMMA),
    "t30": _clip(NVAE_FFHQ, gamma=GAMMA, where="figure 13, B.1, B.3"),
    "t31": _clip(start=ONE_SAMPLE, images=True, where="B.1, B.4"),
    "t32": _clip(STYLEGAN2, start=ONE_SAMPLE, images=True, where="B.1, B.4"),
    "t33": _between(_clip(STYLEGAN2, start=MODE, images=True, where="B.1, B.4")),
    "t34": _between(_clip(start=MODE, images=True, where="B.1, B.4")),
    "t35": _clip(
        captions=True,
        gamma=0.0,
        steps=Each((15, 30, 45, 60, 75, 90, 140, 210, 280, 350, 500)),
        where="figure 9",
    ),
    "t36": BIGGAN_TEXT,
    "t37": _clip(STYLEGAN_XL, captions=True, gamma=0.0, where="figure 11, B.1, B.3"),
    "t38": _clip(gamma=0.5, where="the released code, its scripts"),
}
