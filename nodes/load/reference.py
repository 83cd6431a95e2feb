"""Reference Images: shipped real pictures."""

from ...core.data.subsets import Order, Portion
from ...core.errors import InvalidInput
from ...core.zoo import shipped as catalogue
from ..help import Help
from ..host import autograd, io
from ..images import to_host
from ..widgets import portion_widgets

__all__ = ["ReferenceImages"]


class ReferenceImages(io.ComfyNode):
    """Pictures that no embedded model was trained on."""

    HELP = Help(
        about=(
            "They are shipped, so that a workflow with pictures runs at once, and also serve "
            "as the judge's reference. Digits are sorted by class: `order` = balanced gives "
            "some of every class, and `part` keeps a half for the judge (Evaluate Images has "
            "the same inputs). `showing` takes those with or without a value, as the few labels "
            "of Few-Shot Condition."
        ),
        example=(
            "`avatars held out (embedded)` into Image Condition: new avatars like the first eight."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_ReferenceImages",
            display_name="Reference Images",
            category="LatentSteer/load",
            description="Real pictures that no embedded model was trained on, to steer by or to "
            "compare with.",
            inputs=[
                io.Combo.Input(
                    "reference",
                    options=list(catalogue.REFERENCES),
                    default=next(iter(catalogue.REFERENCES)),
                    tooltip="Which collection.",
                ),
                io.Int.Input(
                    "first",
                    default=0,
                    min=0,
                    max=100000,
                    tooltip="Index of the first (0 to 100000), in the order and part below.",
                ),
                io.Int.Input(
                    "count", default=8, min=1, max=100000, tooltip="How many (1 to 100000)."
                ),
                *portion_widgets("the pictures"),
                io.String.Input(
                    "showing",
                    default="",
                    tooltip="Only pictures that show this: values of avatars in words, such as "
                    "sunglasses, or a digit; not sunglasses: those without. Empty: all.",
                ),
            ],
            outputs=[io.Image.Output("images", display_name="images", tooltip="The pictures.")],
        )
        schema.search_aliases = ["held out", "examples", "real images"]
        return schema

    @classmethod
    def execute(
        cls,
        reference: str,
        first: int,
        count: int,
        order: Order = "as filed",
        draw: int = 0,
        part: Portion = "all",
        showing: str = "",
    ) -> io.NodeOutput:
        with autograd():
            images = catalogue.reference_portion(
                reference, order=order, seed=draw, part=part, showing=showing
            )
            if first + count > len(images):
                of = "" if part == "all" else f" in its {part}"
                of += f" that show {showing.strip()!r}" if showing.strip() else ""
                raise InvalidInput(
                    f"Pictures {first} to {first + count - 1} asked for; {reference!r} has "
                    f"{len(images)}{of}, counted from 0."
                )
            return io.NodeOutput(to_host(images[first : first + count]))
