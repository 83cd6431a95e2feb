"""Energy Discriminator: minus the logit of a generator's discriminator."""

from ...core.energies.discriminator import Form, discriminator
from ...core.energy import Energy
from ...core.errors import InvalidInput
from ...core.generator import Generator
from ..help import Help
from ..host import io
from ..numbers import span
from ..sockets import GENERATOR
from ..widgets import advanced
from ..widgets import weight as weighting
from .widgets import added, chained, summed

__all__ = ["EnergyDiscriminator"]

MOST_CLASSES = 1_000_000


def _numbers(text: str) -> list[int]:
    """Class indices of a text: numbers and ranges such as 0-9, separated by commas.

    Raises:
        InvalidInput: anything else.
    """
    found: list[int] = []
    for entry in filter(None, (part.strip() for part in text.replace("\n", ",").split(","))):
        number = (int(entry), int(entry)) if entry.isdecimal() else None
        first, last = span(entry) or number or (1, 0)
        if not first <= last < MOST_CLASSES:
            raise InvalidInput(
                f"Class {entry!r}; expected numbers from 0 with commas, such as 3, 7, or ranges "
                "such as 0-9. Leave it empty for no class."
            )
        found += range(first, last + 1)
    return found


class EnergyDiscriminator(io.ComfyNode):
    """Minus the discriminator's logit."""

    HELP = Help(
        about=(
            "Most published GAN files hold the generator alone; digits (embedded) and "
            "StyleGAN's own pickles hold both. The logit is unbounded and soon dominates "
            "other terms: lower `weight`, or use log-sigmoid. A discriminator with "
            "minibatch standard deviation sees one image at a time."
        ),
        example=(
            "Into `energy` of KRR Flow Refine: with real images the flow is the paper's A + B + "
            "C. Without real images and with `lambda_generated` = 0 it is DDLS without noise."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_EnergyDiscriminator",
            display_name="Energy Discriminator",
            category="LatentSteer/energy",
            description="Minus the logit of the generator's own discriminator: KRR flow's log "
            "p(c given x) of images that look like the training data, and the energy of "
            "discriminator-driven latent sampling (DDLS).",
            inputs=[
                GENERATOR.Input(
                    "generator",
                    tooltip="The generator of the discriminator; its file must hold both.",
                ),
                weighting("the logit"),
                io.Combo.Input(
                    "form",
                    options=["logit", "log-sigmoid"],
                    default="logit",
                    tooltip="logit: -d(x), as in the paper, unbounded. log-sigmoid: -log "
                    "sigmoid(d(x)), which levels off where an image looks real.",
                ),
                advanced(
                    io.String.Input(
                        "classes",
                        default="",
                        tooltip="Indices from 0 of the classes that images should belong to, "
                        "for class-conditional discriminators: one for all samples or "
                        "one each, such as 3, 7 or 0-9. Empty: no class.",
                    )
                ),
                chained(),
            ],
            outputs=[summed()],
        )
        schema.search_aliases = ["realism", "DDLS", "GAN", "critic", "logit"]
        return schema

    @classmethod
    def execute(
        cls,
        generator: Generator,
        weight: float,
        form: Form,
        classes: str,
        energy: Energy | None = None,
    ) -> io.NodeOutput:
        term = weight * discriminator(generator, form=form, classes=_numbers(classes))
        return io.NodeOutput(added(term, energy))
