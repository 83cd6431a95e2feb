"""The kinds of model folders, for both hosts and the loaders. Imports neither torch nor a host."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from ..core.checkpoints.names import FOLDER_MARKS, PAIRS_MARK, SUFFIXES
from ..core.zoo import names as shipped

__all__ = ["MODEL_FOLDERS", "ModelFolder", "model_folder"]


@dataclass(frozen=True)
class ModelFolder:
    """A kind of model folder.

    Attributes:
        key: name of the folder under `models/`, and key in `extra_model_paths.yaml`.
        holds: what is in it, for the table of docs/install.md.
        cure: what to do if a model is missing, the end of the error message.
        suffixes: suffixes of its files, in lower case.
        marks: names of files that mark a folder in it as one model.
        files: whether a single file is a model; if not, only marked folders are.
    """

    key: str
    holds: str
    cure: str
    suffixes: AbstractSet[str] = SUFFIXES
    marks: AbstractSet[str] = frozenset()
    files: bool = True


MODEL_FOLDERS = (
    ModelFolder(
        "latentsteer_generators",
        "generators",
        f"Put the file there, or choose an embedded model: {', '.join(shipped.GENERATORS)}.",
        marks=frozenset(FOLDER_MARKS),
    ),
    ModelFolder(
        "latentsteer_translators",
        "what Save Translator writes",
        "Make one with Train Translator and Save Translator, put the file there, or choose an "
        f"embedded translator: {', '.join(shipped.TRANSLATORS)}.",
        suffixes=frozenset({".safetensors"}),
    ),
    ModelFolder(
        "latentsteer_aux",
        "auxiliary models: classifiers, CLIPs, captioners, backbones of LPIPS",
        f"Put the file there, or choose an embedded model: {', '.join(shipped.AUXILIARIES)}.",
        marks=frozenset(FOLDER_MARKS),
    ),
    ModelFolder(
        "latentsteer_pairs",
        "folders of pairs, which Synthesise Pairs and Save Pairs write",
        "Make some with Synthesise Pairs, put the folder there, or choose embedded pairs: "
        f"{', '.join(shipped.PAIRS)}.",
        marks=frozenset({PAIRS_MARK}),
        files=False,
    ),
    ModelFolder(
        "latentsteer_priors",
        "what Save Diffusion Prior writes",
        "Make one with Train Diffusion Prior and Save Diffusion Prior, put the file there, or "
        f"choose an embedded prior: {', '.join(shipped.PRIORS)}.",
        suffixes=frozenset({".safetensors"}),
    ),
    ModelFolder(
        "latentsteer_conditions",
        "what Save Few-Shot Condition writes",
        "Make one with Few-Shot Condition and Save Few-Shot Condition, or put the file there.",
        suffixes=frozenset({".safetensors"}),
    ),
)
"""All kinds. Hosts register them in this order."""


def model_folder(key: str) -> ModelFolder:
    """Returns the kind with a key.

    Raises:
        ValueError: there is none.
    """
    for folder in MODEL_FOLDERS:
        if folder.key == key:
            return folder
    known = ", ".join(folder.key for folder in MODEL_FOLDERS)
    raise ValueError(f"no model folder {key!r}; known: {known}")
