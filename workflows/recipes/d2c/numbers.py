"""D2C's numbers: its tables 3 to 5, figures 4 and 5, section 7 and the released code."""

from collections.abc import Mapping

from ..files import (
    D2C_BEARD,
    D2C_BLOND,
    D2C_CELEBA_64,
    D2C_CELEBA_HQ,
    D2C_CIFAR_10,
    D2C_CIFAR_100,
    D2C_FFHQ,
    D2C_LIPSTICK,
)
from ..numbers import Each, Inputs, PaperRow

__all__ = ["D2C", "STEPS"]

STEPS = (10, 50, 100)
"""Steps of the diffusion in table 4."""
USUAL_STEPS = 100
"""Section 7: steps of DDIM unless stated otherwise."""
CORRECTION: Inputs = {"correction": 50, "calls": 2}
"""The released code: noise up to time 50, and two calls of the denoiser."""


def _unconditional(where: str, file: str, *steps: int) -> PaperRow:
    given = steps[0] if len(steps) == 1 else Each(steps)
    return PaperRow(
        where, {"LoadGenerator": {"file": file, "denoising_steps": given, "denoising_eta": 0.0}}
    )


def _few_shot(kind: str, where: str = "table 5, section 7.2") -> PaperRow:
    nodes: dict[str, Inputs] = {
        "LoadGenerator": {
            "file": D2C_CELEBA_64,
            "denoising_steps": USUAL_STEPS,
            "latent": "clean",
        },
        "FewShotCondition": {"risk": "elkan-noto"} if kind == "positives" else {},
        "RejectionSample": {},
    }
    return PaperRow(where, nodes)


def _released(boundary: str, side: str, steps: float) -> PaperRow:
    """A boundary of the released code, with its sign and its number of steps."""
    nodes: dict[str, Inputs] = {
        "LoadGenerator": {"file": D2C_FFHQ, "latent": "clean"},
        "LoadBoundary": {"file": boundary, "side": side},
        "EditByCondition": {**CORRECTION, "move": "vector", "mode": "same", "strength": steps},
    }
    return PaperRow("figures 4 and 5, the released code", nodes)


def _gradient() -> PaperRow:
    nodes: dict[str, Inputs] = {
        "LoadGenerator": {"file": D2C_FFHQ, "latent": "clean"},
        "FewShotCondition": {},
        "EditByCondition": {**CORRECTION, "move": "gradient"},
    }
    return PaperRow("appendix D, sections 5 and 7.3", nodes)


SETS = ((8, D2C_CIFAR_10), (11, D2C_CIFAR_100), (14, D2C_CELEBA_64))
"""Table 4: number of the first setup of each set of images."""
D2C: Mapping[str, PaperRow] = {
    "d05": _unconditional("table 3", D2C_CELEBA_64, USUAL_STEPS),
    "d06": _unconditional("table 3", D2C_CELEBA_HQ, USUAL_STEPS),
    "d07": _unconditional("table 3", D2C_FFHQ, USUAL_STEPS),
    **{
        f"d{first + place:02}": _unconditional("table 4", file, steps)
        for first, file in SETS
        for place, steps in enumerate(STEPS)
    },
    **{f"d{number}": _few_shot("labels") for number in range(17, 21)},
    **{f"d{number}": _few_shot("positives") for number in range(21, 25)},
    "d25": _released(D2C_BLOND, "plus", 15.0),
    "d26": _released(D2C_LIPSTICK, "minus", 10.0),
    "d27": _released(D2C_BEARD, "minus", 20.0),
    "d28": _gradient(),
}
