"""Supported auxiliary models, in the order in which their architectures are tried."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..auxiliary import Auxiliary, Reward
from ..captioner import Captioner
from ..checkpoints.architecture import detect, load_detected
from ..checkpoints.names import FOLDER_MARKS
from ..checkpoints.record import Checkpoint
from ..checkpoints.registry import Registry
from ..errors import CheckpointError, InvalidInput
from .clips.settings import Activation
from .rewards import REWARD_FILES
from .rewards.aesthetic import AestheticHead

__all__ = ["AUXILIARIES", "load_auxiliary", "open_model"]

AUXILIARIES: Registry[Any] = Registry(
    __name__,
    {
        "digits-classifier": "digits:CLASSIFIER",
        "digits-judge": "digits:JUDGE",
        "avatars-judge": "avatars:JUDGE",
        "face-expressions": "face_expressions:CLASSIFIER",
        "open-clip": "clips.small_vocabulary:WORD_CLIP",
        "open_clip": "clips.openclip:OPEN_CLIP",
        "resnet": "classifiers.resnet:RESNET",
        "torchvision": "classifiers.torchvision:TORCHVISION",
    },
)


def load_auxiliary(
    path: str | Path,
    *,
    architecture: str = "auto",
    activation: Activation = "auto",
    options: Mapping[str, object] | None = None,
) -> Auxiliary:
    """Opens an auxiliary model; as `open_model`, but refuses models without a condition space.

    Raises:
        CheckpointError: as for `open_model`, or the model is a captioner or a reward.
        InvalidInput: as for `open_model`.
    """
    found = open_model(path, architecture=architecture, activation=activation, options=options)
    if isinstance(found, Captioner):
        raise CheckpointError(f"{found.name} is a captioner; join it with a CLIP: CaptionedClip.")
    if isinstance(found, Reward | AestheticHead):
        raise CheckpointError(f"{found.name} is a reward: steer by it with reward_energy.")
    return found


def open_model(
    path: str | Path,
    *,
    architecture: str = "auto",
    activation: Activation = "auto",
    options: Mapping[str, object] | None = None,
) -> Auxiliary | Captioner | Reward | AestheticHead:
    """Opens an auxiliary model or a reward of any kind; call it outside inference mode.

    Args:
        path: a file, or a model folder of transformers, timm or open_clip.
        architecture: for open_clip files, the architecture's open_clip name; "auto" detects it
            from the tensors.
        activation: for open_clip files, the transformers' activation; "auto" uses QuickGELU for
            OpenAI's archives and for architectures that are named after it.
        options: for classifiers, by name; omitted ones are taken from the model or from common
            practice: `classes` (one name per logit), `mean` and `std` (of red, green and blue,
            for images in [0, 1]), and for files only `max_pool` (bool, of ResNets) and
            `image_size` (int, side of the square input).

    Raises:
        CheckpointError: the file is missing, damaged, or of an unknown architecture.
        InvalidInput: the model does not support the architecture, activation or options.
    """
    # What follows imports networks and readers: not before a model is opened.
    from ..checkpoints.cache import cached
    from .clips.openclip import OPEN_CLIP, load_open_clip
    from .folders import load_folder

    path, options = Path(path), dict(options or {})
    chosen = (architecture, activation) != ("auto", "auto")
    if path.is_dir():
        if chosen:
            raise _untaken(path)
        return load_folder(path, options)
    checkpoint = replace(cached(path), options=options)
    _refuse_halves(checkpoint)
    if any(architecture.recognises(checkpoint) for architecture in REWARD_FILES):
        return load_detected(checkpoint, REWARD_FILES)
    if not chosen:
        return load_detected(checkpoint, AUXILIARIES)
    if detect(checkpoint, AUXILIARIES) is not OPEN_CLIP:
        raise _untaken(path)
    if options:
        raise InvalidInput(
            f"{path.name} is a CLIP, which takes no option {' nor '.join(options)}."
        )
    return load_open_clip(checkpoint, architecture=architecture, activation=activation)


def _untaken(path: Path) -> InvalidInput:
    return InvalidInput(
        f"{path.name} determines its own architecture and activation; choose auto for both. They "
        "are for files of open_clip."
    )


def _refuse_halves(checkpoint: Checkpoint) -> None:
    """Refuses files that hold only half of a model, each with its reason."""
    named = checkpoint.tensors.keys()
    from .classifiers.resnet_layout import is_headless

    images = any("vision_model." in name or name.startswith("visual.") for name in named)
    texts = [name for name in named if "text_model.encoder.layers." in name]
    name = checkpoint.path.name
    if texts and not images:
        projected = any(key.endswith("text_projection.weight") for key in named)
        why = (
            "a text encoder alone; f must look at images"
            if projected
            else "a text encoder without a projection, as in Stable Diffusion 1: its embeddings "
            "share no space with images"
        )
        raise CheckpointError(f"{name} is {why}. Use a whole CLIP.")
    if is_headless(checkpoint):
        raise CheckpointError(
            f"{name} is a ResNet without its last layer, `fc` or `linear`: an encoder alone, "
            "without classes. Use a whole classifier."
        )
    if any(key.startswith(("vision_model.", "text_model.")) for key in named):
        raise CheckpointError(
            f"{name} has weights of the transformers library without their configuration. Put "
            f"the whole model folder, with {FOLDER_MARKS[0]} and the tokenizer, into the models' "
            "folder and choose the folder; an image tower alone also works as clip_vision."
        )
