"""Load Aux Model and Caption Aux Model."""

from weakref import WeakKeyDictionary

from ...core.auxiliaries import open_model
from ...core.auxiliaries.clips.building import architectures
from ...core.auxiliaries.clips.host_vision import vision_clip, with_texts
from ...core.auxiliaries.clips.openclip import Activation
from ...core.auxiliary import Auxiliary
from ...core.captioner import CaptionedClip, Captioner, Decoding
from ...core.clip import Clip
from ...core.zoo import shipped as catalogue
from ..host import autograd, host, io
from ..kinds import as_captioner, as_clip
from ..sockets import AUXILIARY
from ..widgets import advanced
from .classifier_widgets import AUTO, classifier_options, classifier_widgets
from .files import changed, find, offered, present

__all__ = ["NODES"]

KIND = "latentsteer_aux"
_opened: WeakKeyDictionary[object, Clip] = WeakKeyDictionary()


def _vision(model: object) -> Clip:
    """The host's CLIP_VISION as one of our CLIPs; made once per object."""
    if model not in _opened:
        tensors, settings = host().vision_weights(model)
        _opened[model] = vision_clip("CLIP Vision", tensors, settings)
    return _opened[model]


class LoadAuxModel(io.ComfyNode):
    """Opens an auxiliary model."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_LoadAuxModel",
            display_name="Load Aux Model",
            category="LatentSteer/load",
            description="Opens a frozen auxiliary model f, such as a classifier or a CLIP: it "
            "says what an image shows.",
            inputs=[
                io.Combo.Input(
                    "file",
                    options=offered(KIND, list(catalogue.AUXILIARIES)),
                    tooltip="A model shipped with LatentSteer, or a file or a model folder "
                    "(CLIP, SigLIP, BLIP, image classifiers of transformers and timm) in "
                    "models/latentsteer_aux. Files of torchvision's classifiers are told by their "
                    "tensors.",
                ),
                advanced(
                    io.Combo.Input(
                        "architecture",
                        options=["auto", *architectures()],
                        default="auto",
                        tooltip="For files of open_clip: the name of the architecture there. "
                        "auto tells it from the file, where that is possible.",
                    )
                ),
                advanced(
                    io.Combo.Input(
                        "activation",
                        options=["auto", "quickgelu", "gelu"],
                        default="auto",
                        tooltip="For files of open_clip: the activation that the weights were "
                        "trained with. auto: quickgelu for OpenAI's archives and for "
                        "architectures named after it, else gelu. A wrong one only shows in poor "
                        "results.",
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
        """Our own message for a missing file, on every host."""
        return present(KIND, file)

    @classmethod
    def fingerprint_inputs(
        cls, file: str, class_names: str | None = AUTO, **others: object
    ) -> str:
        """Runs again when a file changes. The host gives all inputs; an error counts as new."""
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
        """Reads the file, and takes the image half of the host's."""
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
                return io.NodeOutput(with_texts(seen, found))
            return io.NodeOutput(seen)


class CaptionAuxModel(io.ComfyNode):
    """A captioner and a CLIP that reads its captions."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Name, inputs and outputs."""
        schema = io.Schema(
            node_id="LatentSteer_CaptionAuxModel",
            display_name="Caption Aux Model",
            category="LatentSteer/load",
            description="Joins a captioner and a CLIP for Train Translator: images become the "
            "text embeddings of their captions, TR0N section 5.2. The translator takes text "
            "conditions of that CLIP; energies take the CLIP itself.",
            inputs=[
                AUXILIARY.Input("captioner", tooltip="BLIP or BLIP-2, from Load Aux Model."),
                AUXILIARY.Input("clip", tooltip="The CLIP that reads the captions."),
                io.String.Input(
                    "prompt",
                    default="a picture of ",
                    tooltip="What every caption begins with; it is left out before the CLIP "
                    "reads it. Empty for none.",
                ),
                io.Int.Input(
                    "max_length",
                    default=20,
                    min=2,
                    max=200,
                    tooltip="The most tokens of a caption and its prompt (2 to 200).",
                ),
                advanced(
                    io.Int.Input(
                        "min_length",
                        default=5,
                        min=0,
                        max=200,
                        tooltip="The fewest tokens of a caption and its prompt (0 to 200).",
                    )
                ),
                advanced(
                    io.Int.Input(
                        "beams",
                        default=1,
                        min=1,
                        max=32,
                        tooltip="Captions followed at a time (1 to 32); 1 takes the likeliest "
                        "word after word. Nothing is drawn at random.",
                    )
                ),
                advanced(
                    io.Float.Input(
                        "repetition_penalty",
                        default=1.1,
                        min=1.0,
                        max=10.0,
                        step=0.05,
                        tooltip="Above 1, words come again less easily (1 to 10).",
                    )
                ),
            ],
            outputs=[
                AUXILIARY.Output(
                    "auxiliary", display_name="auxiliary", tooltip="For Train Translator."
                )
            ],
        )
        schema.search_aliases = ["BLIP", "captions", "TR0N"]
        return schema

    @classmethod
    def execute(
        cls,
        captioner: Captioner,
        clip: Auxiliary,
        prompt: str,
        max_length: int,
        min_length: int,
        beams: int,
        repetition_penalty: float,
    ) -> io.NodeOutput:
        """Joins them."""
        decoding = Decoding(prompt, max_length, min_length, beams, repetition_penalty)
        return io.NodeOutput(CaptionedClip(as_captioner(captioner), as_clip(clip), decoding))


NODES = [LoadAuxModel, CaptionAuxModel]
