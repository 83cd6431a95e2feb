"""Energy Classifier: cross-entropy with the wanted class."""

from ...core.auxiliary import Auxiliary
from ...core.condition import Condition
from ...core.energies.classification import classification
from ...core.energy import Energy
from ..help import Help
from ..host import io
from ..kinds import as_classifier
from ..sockets import AUXILIARY, CONDITION
from ..widgets import advanced
from ..widgets import weight as weighting
from .widgets import added, chained, summed

__all__ = ["EnergyClassifier"]


class EnergyClassifier(io.ComfyNode):
    """Cross-entropy with the wanted class."""

    HELP = Help(
        about=(
            "E(z, c) = weight x cross-entropy(f(G(z)), c): low where the classifier sees "
            "the wanted class. Connect another energy node to `energy` to add the two."
        ),
        example=(
            "Load Aux Model and Class Condition into this node, this node into Langevin "
            "Refine with `inverse_temperature` = 20."
        ),
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_EnergyClassifier",
            display_name="Energy Classifier",
            category="LatentSteer/energy",
            description="Cross-entropy between a classifier's prediction and the wanted class: "
            "TR0N equation 2 with section 5.1.",
            inputs=[
                AUXILIARY.Input("auxiliary", tooltip="The classifier f."),
                CONDITION.Input("condition", tooltip="The wanted classes of this classifier."),
                weighting("the cross-entropy"),
                advanced(
                    io.Int.Input(
                        "views",
                        default=0,
                        min=0,
                        max=64,
                        tooltip="Random views of the image that the classifier sees (0 to 64), "
                        "slightly shifted, blurred and blended with grey, fresh at "
                        "every step, as in FuseDream's AugCLIP; 0 for the image itself. "
                        "Views make it harder for images to fool the classifier; each "
                        "costs one more pass of it.",
                    )
                ),
                chained(),
            ],
            outputs=[summed()],
        )
        schema.search_aliases = ["classifier guidance", "class", "cross entropy", "AugCLIP"]
        return schema

    @classmethod
    def execute(
        cls,
        auxiliary: Auxiliary,
        condition: Condition,
        weight: float,
        views: int = 0,
        energy: Energy | None = None,
    ) -> io.NodeOutput:
        term = weight * classification(as_classifier(auxiliary), condition, views=views)
        return io.NodeOutput(added(term, energy))
