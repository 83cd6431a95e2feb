"""Inputs that several nodes share."""

from typing import TypeVar

from ..core.data.subsets import ORDERS, PARTS
from ..core.images import FITS
from .host import io

__all__ = [
    "advanced",
    "best_of_groups",
    "candidates",
    "chunk",
    "fit_widget",
    "generations",
    "portion_widgets",
    "schedule",
    "seed",
    "steps",
    "weight",
]

Widget = TypeVar("Widget", bound=io.Input)


def advanced(widget: Widget) -> Widget:
    """Marks an input as advanced; older hosts take no such argument."""
    widget.advanced = True  # pyright: ignore[reportAttributeAccessIssue]
    if getattr(widget, "extra_dict", None) is None:
        widget.extra_dict = {}
    widget.extra_dict["advanced"] = True
    return widget


SAMPLE_STREAMS = (
    "Every sample has its own random stream: a sample alone equals the same sample in a batch."
)


def seed(what: str, *, control: bool = True, streams: str = SAMPLE_STREAMS) -> io.Int.Input:
    """Widget: a seed.

    Args:
        what: what is drawn by the seed.
        control: whether canvases offer a new value for each run.
        streams: sentence on what the draws of a sample depend on; may be empty.
    """
    return io.Int.Input(
        "seed",
        default=0,
        min=0,
        max=0xFFFFFFFFFFFFFFFF,
        control_after_generate=control,
        tooltip=f"Seed of {what} (0 to 2^64 - 1). {streams}".rstrip(),
    )


def chunk() -> io.Combo.Input:
    """Widget: how many samples the networks see at a time."""
    return advanced(
        io.Combo.Input(
            "chunk",
            options=["fixed", "fast"],
            default="fixed",
            tooltip="How many samples the networks see at a time. fixed: always the same number "
            "(8 up to 64 px, else 1), so that results repeat to the bit in any batch. fast: as "
            "many as fit; the last digits may then depend on the batch.",
        )
    )


def candidates() -> io.Int.Input:
    """Widget: M of the best of M."""
    return io.Int.Input(
        "candidates",
        default=1,
        min=1,
        max=10000,
        tooltip="Candidates per sample, M in the paper (1 to 10000). The one of lowest energy "
        "is kept, so more than 1 needs an energy. More candidates raise the probability "
        "and cost diversity.",
    )


def generations() -> io.Int.Input:
    """Widget: generations of the search that continues from the candidates."""
    return advanced(
        io.Int.Input(
            "generations",
            default=0,
            min=0,
            max=1000,
            optional=True,
            tooltip="Generations that follow the candidates (0 to 1000), each a quarter of "
            "their number, drawn around the best so far: the cross-entropy method. They "
            "find what is rare among candidates. Needs at least 16 candidates; 0 is the "
            "paper's.",
        )
    )


def steps(default: int) -> io.Int.Input:
    """Widget: T, the steps of refinement."""
    return io.Int.Input(
        "steps",
        default=default,
        min=1,
        max=100000,
        tooltip="Steps of refinement, T in the paper (1 to 100000).",
    )


def schedule(name: str, what: str) -> list[io.Input]:
    """Widgets: a schedule and its last factor."""
    return [
        advanced(
            io.Combo.Input(
                f"{name}_schedule",
                options=["constant", "linear", "cosine"],
                default="constant",
                tooltip=f"How {what} changes over the steps, from a factor of 1 to the final one.",
            )
        ),
        advanced(
            io.Float.Input(
                f"{name}_final",
                default=0.1,
                min=0.0,
                max=100.0,
                step=0.01,
                tooltip=f"Factor on {what} at the last step (0 to 100); no effect when constant.",
            )
        ),
    ]


def portion_widgets(what: str, prefix: str = "") -> list[io.Input]:
    """Widgets: the order of a set of pictures, and which part of it to take."""
    return [
        advanced(
            io.Combo.Input(
                f"{prefix}order",
                options=list(ORDERS),
                default=ORDERS[0],
                optional=True,
                tooltip=f"Order of {what}: as filed; shuffled; or balanced, which spreads every "
                "label evenly over the order, so that both halves hold the labels in the same "
                "shares.",
            )
        ),
        advanced(
            io.Int.Input(
                f"{prefix}draw",
                default=0,
                min=0,
                max=0xFFFFFFFFFFFFFFFF,
                optional=True,
                control_after_generate=False,
                tooltip="Seed of that order (0 to 2^64 - 1); no effect with as filed. Nodes "
                "with the same order and seed split the pictures alike.",
            )
        ),
        advanced(
            io.Combo.Input(
                f"{prefix}part",
                options=list(PARTS),
                default=PARTS[0],
                optional=True,
                tooltip=f"Which of {what}: all, or a half of that order. The halves share no "
                "picture: give KRR Flow Refine the first, and evaluate on the second.",
            )
        ),
    ]


def fit_widget() -> io.Combo.Input:
    """Widget: what to do with images of another shape than the generator's; for `shaped`."""
    return advanced(
        io.Combo.Input(
            "fit",
            options=list(FITS),
            default="stretch",
            optional=True,
            tooltip="Images of another shape than the generator's: stretch them, crop them, or "
            "pad them with their outermost pixels.",
        )
    )


def weight(what: str, name: str = "weight", default: float = 1.0) -> io.Float.Input:
    """Widget: weight of an energy's term."""
    return io.Float.Input(
        name,
        default=default,
        min=0.0,
        max=1e6,
        step=0.01,
        tooltip=f"Weight of {what} in the sum (0 to 1e6).",
    )


def best_of_groups() -> list[io.Input]:
    """Widgets: how many to keep of each group of a batch."""
    return [
        io.Int.Input(
            "keep",
            default=1,
            min=1,
            max=100000,
            tooltip="How many to keep of every group (1 to 100000), the best first.",
        ),
        io.Int.Input(
            "groups",
            default=1,
            min=1,
            max=100000,
            tooltip="Number of equal, consecutive parts of the batch, such as its prompts (1 to "
            "100000); each keeps its own best.",
        ),
    ]
