"""Widgets of Edit by Condition."""

from ..host import io
from ..widgets import advanced

__all__ = ["BEYOND", "bank_widgets", "beyond_widget", "search_widgets", "width_widget"]

BEYOND = 0.75
"""How far new nodes go beyond the smallest strengths; that of `core.d2c.editing.Editing`."""


def search_widgets() -> list[io.Input]:
    """Widgets: how far to move."""
    return [
        io.Combo.Input(
            "mode",
            options=["same", "smallest"],
            default="smallest",
            tooltip="same: all move by the strength. smallest: each image moves until r reaches "
            "the certainty, and on by `beyond`, at most by the strength.",
        ),
        io.Float.Input(
            "strength",
            default=8.0,
            min=-1000.0,
            max=1000.0,
            step=0.1,
            tooltip="How far to move (-1000 to 1000): standard deviations of the bank for bank "
            "mean, latent units for vector, summed step sizes for gradient. Below 0, with same, "
            "the condition is removed.",
        ),
        advanced(
            io.Float.Input(
                "certainty",
                default=0.0,
                min=0.0,
                max=0.999,
                step=0.01,
                tooltip="r from which the condition counts as shown (0 to 0.999); 0 for the "
                "condition's threshold.",
            )
        ),
        advanced(
            io.Combo.Input(
                "seen",
                options=["images", "latents"],
                default="images",
                tooltip="What r is of: the edited images, encoded again, or the moved latents. "
                "A latent is beyond the classifier's boundary before its image shows anything.",
            )
        ),
        advanced(
            io.Int.Input(
                "grid",
                default=8,
                min=1,
                max=1000,
                tooltip="Strengths to try, evenly spaced (1 to 1000), and steps of gradient.",
            )
        ),
    ]


def width_widget() -> io.Float.Input:
    """Widget: width of the kernel of a gradient."""
    return advanced(
        io.Float.Input(
            "width",
            default=3.0,
            min=0.01,
            max=1000.0,
            step=0.1,
            tooltip="Width of the kernel that pulls a gradient to its start, in "
            "standard deviations of the latents (0.01 to 1000).",
        )
    )


def bank_widgets() -> list[io.Input]:
    """Widgets: which ways a bank makes."""
    return [
        advanced(
            io.Int.Input(
                "modes",
                default=6,
                min=0,
                max=100,
                tooltip="How many modes of a bank may make ways of their own (0 to 100); "
                "below 2 for none. They need 4 latents with the condition for each number "
                "of a latent.",
            )
        ),
        advanced(
            io.Float.Input(
                "near",
                default=20.0,
                min=0.0,
                max=100000.0,
                step=1.0,
                tooltip="Effective number of latents around an image whose means make a "
                "way of its own (0 to 100000); 0 for none.",
            )
        ),
    ]


def beyond_widget() -> io.Float.Input:
    """Widget: how far beyond the smallest strength to move."""
    return advanced(
        io.Float.Input(
            "beyond",
            default=BEYOND,
            min=0.0,
            max=1000.0,
            step=0.05,
            optional=True,
            tooltip="Added to each smallest strength (0 to 1000), in its unit, for smallest: "
            "where the classifier just sees the condition, a viewer may not see it yet.",
        )
    )
