"""Load Aux Model: a frozen auxiliary model f."""

from weakref import WeakKeyDictionary

from ...core.auxiliaries import open_model
from ...core.auxiliaries.clips.settings import Activation, architectures
from ...core.clip import Clip
from ...core.zoo import shipped as catalogue
from ..help import Help
from ..host import autograd, host, io
from ..model_files import changed, find, offered, present
from ..sockets import AUXILIARY
from ..widgets import advanced
from .classifier_widgets import AUTO, classifier_options, classifier_widgets

__all__ = ["LoadAuxModel"]

KIND = "latentsteer_aux"


_opened: WeakKeyDictionary[object, Clip] = WeakKeyDictionary()


def _vision(model: object) -> Clip:
    """The host's CLIP_VISION as a core Clip, built once per object."""
    from ...core.auxiliaries.clips.host_vision import vision_clip

    if model not in _opened:
        tensors, settings = host().vision_weights(model)
        _opened[model] = vision_clip("CLIP Vision", tensors, settings)
    return _opened[model]


class LoadAuxModel(io.ComfyNode):
    """Opens an auxiliary model."""

    HELP = Help(
        about=(
            "The auxiliary model, f in the papers, recognises what an image shows; samples "
            "are steered by it. Files and model folders are in `models/latentsteer_aux`: "
            "files of open_clip and OpenAI's CLIP archives; folders of transformers with a "
            "CLIP, a SigLIP, a BLIP or a BLIP-2, detected by their `config.json`; rewards for "
            "Energy Reward (HPSv2.1, PickScore, ImageReward, LAION's aesthetic heads). Nothing "
            "is downloaded, and no code of a file runs. Weights with a wrong `activation` "
            "still load, but steer badly. Load a second model as judge for Evaluate Images: "
            "the model that steered is biased."
        ),
        example="`avatars CLIP (embedded)` steers by words, `avatars judge (embedded)` judges.",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="LatentSteer_LoadAuxModel",
            display_name="Load Aux Model",
            category="LatentSteer/load",
            description="Opens a frozen auxiliary model f, such as a classifier or a CLIP, "
            "which recognises what an image shows.",
            inputs=[
                io.Combo.Input(
                    "file",
                    options=offered(KIND, list(catalogue.AUXILIARIES)),
                    tooltip="A model shipped with LatentSteer, or a file or a model folder "
                    "(CLIP, SigLIP, BLIP, image classifiers of transformers and timm) "
                    "in models/latentsteer_aux. Files of torchvision's classifiers are "
                    "detected by their tensors.",
                ),
                advanced(
                    io.Combo.Input(
                        "architecture",
                        options=["auto", *architectures()],
                        default="auto",
                        tooltip="For files of open_clip: the name of the architecture there. "
                        "auto detects it from the file, where that is possible.",
                    )
                ),
                advanced(
                    io.Combo.Input(
                        "activation",
                        options=["auto", "quickgelu", "gelu"],
                        default="auto",
                        tooltip="For files of open_clip: the activation that the weights were "
                        "trained with. auto: quickgelu for OpenAI's archives and for "
                        "architectures named after it, else gelu. A wrong one raises no "
                        "error; it only gives poor results.",
                    )
                ),
                io.ClipVision.Input(
                    "clip_vision",
                    optional=True,
                    tooltip="A CLIP of Load CLIP Vision, used in place of the file's. If the file "
                    "is the same CLIP whole, its text half is kept; any other kind of file is "
                    "ignored.",
                ),
                *classifier_widgets(),
            ],
            outputs=[
                AUXILIARY.Output(
                    "auxiliary", display_name="auxiliary", tooltip="The model, f in the papers."
                )
            ],
        )
        schema.search_aliases = [
            "classifier",
            "judge",
            "f",
            "CLIP",
            "SigLIP",
            "BLIP",
            "captioner",
            "ResNet",
        ]
        return schema

    @classmethod
    def validate_inputs(cls, file: str) -> bool | str:
        """Reports a missing file before the run, in the same words on every host."""
        return present(KIND, file)

    @classmethod
    def fingerprint_inputs(
        cls, file: str, class_names: str | None = AUTO, **others: object
    ) -> str:
        """Changes with the files. The host passes all inputs, and takes an error for a change."""
        files = [file] if class_names in (None, AUTO) else [file, class_names]
        return " ".join(changed(KIND, name) for name in files)

    @classmethod
    def execute(
        cls,
        file: str,
        architecture: str = "auto",
        activation: Activation = "auto",
        clip_vision: object | None = None,
        class_names: str = AUTO,
        mean: str = AUTO,
        std: str = AUTO,
        max_pool: str = AUTO,
        image_size: int = 0,
    ) -> io.NodeOutput:
        with autograd():
            path = find(KIND, file)
            found = open_model(
                path,
                architecture=architecture,
                activation=activation,
                options=classifier_options(class_names, mean, std, max_pool, image_size),
            )
            if clip_vision is None:
                return io.NodeOutput(found)
            seen = _vision(clip_vision)
            if isinstance(found, Clip) and found.encode_texts is not None:
                from ...core.auxiliaries.clips.host_vision import with_texts

                return io.NodeOutput(with_texts(seen, found))
            return io.NodeOutput(seen)
