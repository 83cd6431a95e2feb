"""FuseDream's numbers: its table 1, figures, sections 2 and 3 and appendix A."""

from collections.abc import Mapping

from ....core.views.augclip import OPERATIONS
from ..files import BIGGAN, BIGGAN_256
from ..numbers import VIEWS, Each, Has, Inputs, OneOf, PaperRow

__all__ = ["ADAM", "AUGCLIP", "BASIS", "FUSEDREAM"]

BASIS: Inputs = {
    "candidates": 10_000,
    "weights": "scalar",
    "weights_start": "equal",
    "classes": "prior",
    "over_classes": True,
}
"""Section 3.2, equation 4: M; a number per basis vector from 1/k; classes of ImageNet; (z, y)."""
ADAM: Inputs = {"steps": 1000, "learning_rate": 5e-3, "latent_noise": 0.0, "returned": "last"}
"""Appendix A."""
AUGCLIP: Inputs = VIEWS
"""Section 3.1; the paper leaves the number of views open, the released code has 50."""
PLAIN: Inputs = {"views": 0}
BOTH: Inputs = {"views": Has((0, 50))}
"""Equations 1 and 3."""
FUSE: Inputs = {
    "steps": 1000,
    "learning_rate": 5e-3,
    "beta": 1.0,
    "secondary_weight": 1.0,
    "scales": "0.65, 0.5",
    "places": "all nine",
    "blend": "Poisson",
}
"""Section 3.3; appendix A for the steps."""


def _fused(
    where: str = "table 1, section 3.2, A", file: object = BIGGAN_256, **nodes: Inputs
) -> PaperRow:
    usual = {"BasisInit": BASIS, "EnergyCLIP": AUGCLIP, "AdamRefine": ADAM}
    return PaperRow(where, {"LoadGenerator": {"file": file}, **usual, **nodes})


def _alone(where: str, start: Inputs, **nodes: Inputs) -> PaperRow:
    whole = _fused(where, **nodes).nodes
    return PaperRow(
        where, {**{k: v for k, v in whole.items() if k != "BasisInit"}, "PriorInit": start}
    )


def _table_1(file: str, keep: int) -> PaperRow:
    return _fused(file=file, BasisInit={**BASIS, "keep": keep})


def _composed(where: str, method: str, **fuse: object) -> PaperRow:
    whole = _fused(where, file=OneOf((BIGGAN_256, BIGGAN))).nodes
    nodes = {k: v for k, v in whole.items() if k != "AdamRefine"}
    return PaperRow(where, {**nodes, "ComposeFuse": {**FUSE, "method": method, **fuse}})


def _views(operation: str) -> PaperRow:
    only = {name: operation in (name, "") for name in OPERATIONS}
    return _fused("figure 15", EnergyCLIP={**AUGCLIP, **only})


def _seeds(where: str, count: int, keep: int) -> PaperRow:
    said: Inputs = {"samples_per_prompt": Has((count,))}
    return _fused(where, TextCondition=said, BestLatents={"keep": keep})


_MANY = _composed("figure 10", "bi-level")
FUSEDREAM: Mapping[str, PaperRow] = {
    "f01": _table_1(BIGGAN_256, 5),
    "f02": _table_1(BIGGAN_256, 10),
    "f03": _table_1(BIGGAN, 5),
    "f04": _table_1(BIGGAN, 10),
    "f05": _alone(
        "figure 1, section 2",
        {"candidates": 1},
        LoadGenerator={"file": OneOf((BIGGAN_256, BIGGAN))},
        EnergyCLIP=PLAIN,
    ),
    "f06": _alone("figure 3, section 2.1", {}, EnergyCLIP=BOTH),
    "f07": PaperRow("figure 2, section 2.1", {"EnergyCLIP": BOTH, "ImageGradientStep": {}}),
    "f08": _fused("figure 4", PriorInit={"candidates": Has((1, 10_000))}),
    "f09": _fused("figure 12", BasisInit={**BASIS, "classes": "gaussian"}),
    **{f"f10{'abcde'[n]}": _views(one) for n, one in enumerate((*OPERATIONS, ""))},
    **{
        f"f11{letter}": PaperRow(
            "figure 17",
            {
                "LoadGenerator": {"file": BIGGAN_256},
                "EnergyCLIP": AUGCLIP,
                "PriorInit": {"candidates": 1},
                "CMAESRefine": {},
            },
        )
        for letter in "ab"
    },
    "f12": _composed("figures 5 and 9, section 3.3", "bi-level"),
    "f13": _composed("figure 5", "primary only"),
    "f14": _composed(
        "figure 11, appendix B",
        "linear",
        linear_weight=Each(tuple(round(0.1 * tenth, 1) for tenth in range(1, 10))),
    ),
    "f15": _composed("figure 11, appendix B", "inverse bi-level"),
    "f16": PaperRow(
        _MANY.where,
        {
            **_MANY.nodes,
            "TextCondition": {"samples_per_prompt": Has((50,))},
            "BestImages": {"keep": 36},
        },
    ),
    "f17": _fused("figure 13", InterpolateLatents={}),
    "f18": PaperRow(
        "figure 14",
        {
            "LoadGenerator": {"file": BIGGAN_256},
            "EnergyCLIP": AUGCLIP,
            "BasisInit": {**BASIS, "keep": 5},
        },
    ),
    "f19": _fused("figure 6"),
    "f20": _seeds("figure 8", 5, 3),
    "f21": _fused("figure 16"),
    "f22": _fused("figure 18"),
    "f23": _fused(
        "the released code",
        BIGGAN,
        EnergyCLIP=BOTH,
        BasisInit={**BASIS, "keep": 5, "weights": "softmax", "weights_start": "random"},
        AdamRefine={**ADAM, "latent_noise": 0.01, "returned": "last but one"},
    ),
}
