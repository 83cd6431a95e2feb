"""Energy Reward: a model of human preference."""

from ...core.energies.reward import REWARDS, encoded_prompt, reward_energy
from ...core.energy import Energy
from ..help import Help
from ..host import io, ui
from ..kinds import CLIP_REWARDS, Opened, as_reward
from ..sockets import AUXILIARY
from ..widgets import advanced
from ..widgets import weight as weighting
from ..work import working
from .widgets import added, chained, summed

__all__ = ["EnergyReward"]


class EnergyReward(io.ComfyNode):
    """Minus a reward, as ReNO counts it."""

    HELP = Help(
        about=(
            "Models that were trained on what people prefer among images of one prompt: HPSv2.1 "
            "(`HPS_v2.1_compressed.pt`; choose the architecture ViT-H-14 in Load Aux Model if it "
            "is not detected), PickScore (the folder PickScore_v1), ImageReward "
            "(`ImageReward.pt`, with BERT's `vocab.txt` beside it), CLIP ViT-H/14, and LAION's "
            "aesthetic heads, which need OpenAI's CLIP ViT-L/14 as `tower`. Give the prompt that "
            "the image is made by. The loss and its weight are those of ReNO: HPSv2.1 5 (1 - "
            "score), ImageReward 2 - score, PickScore 0.05 (30 - score), CLIP 0.01 (100 - score), "
            "aesthetic 10 - score, which ReNO leaves out. `weight` multiplies that weight. Chain "
            "several: one reward alone is satisfied by artefacts. The score itself is in the "
            "report. Scores compare only for one prompt. The node reports which part of a "
            "long prompt a reward does not see."
        ),
        example="HPSv2.1, ImageReward, PickScore and CLIP chained, Noise Norm, Nesterov Refine.",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_EnergyReward",
            display_name="Energy Reward",
            category="LatentSteer/energy",
            description="Minus the score of a frozen model of human preference for a prompt, with "
            "the loss and the weight of ReNO.",
            inputs=[
                AUXILIARY.Input(
                    "auxiliary",
                    tooltip="A reward of Load Aux Model: HPSv2.1, PickScore, ImageReward, a CLIP, "
                    "or an aesthetic head.",
                ),
                io.String.Input(
                    "prompt",
                    default="",
                    multiline=True,
                    tooltip="The prompt that the images are made by. No effect on aesthetic "
                    "heads.",
                ),
                weighting("the reward, on top of ReNO's own weight"),
                chained(),
                advanced(
                    io.Combo.Input(
                        "kind",
                        options=["auto", *CLIP_REWARDS],
                        default="auto",
                        tooltip="For a CLIP: which reward it is. auto: by the name of its file.",
                    )
                ),
                AUXILIARY.Input(
                    "tower",
                    optional=True,
                    tooltip="For an aesthetic head: OpenAI's CLIP ViT-L/14, or the CLIP that the "
                    "head names.",
                ),
            ],
            outputs=[summed()],
        )
        schema.search_aliases = ["ReNO", "HPSv2", "PickScore", "ImageReward", "aesthetic"]
        return schema

    @classmethod
    def execute(
        cls,
        auxiliary: Opened,
        prompt: str,
        weight: float,
        kind: str,
        energy: Energy | None = None,
        tower: Opened | None = None,
    ) -> io.NodeOutput:
        reward = as_reward(auxiliary, tower, kind)
        with working("Energy Reward", 0, image_size=(224, 224)):
            said, notes = encoded_prompt(reward, prompt)
            term = (weight * REWARDS[reward.kind].weight) * reward_energy(reward, prompt, said)
        return io.NodeOutput(added(term, energy), ui=ui.PreviewText("\n".join(notes)))
