"""Model folders of the transformers library, read from local files alone."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..checkpoints.checkpoint import fingerprint, read
from ..checkpoints.weights import Unusable, Weights, joined
from ..errors import CheckpointError

__all__ = ["LOCAL", "Folder", "open_folder"]

UNFIT = (AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)
"""Exceptions that transformers raises for files that do not fit each other."""

LOCAL: Mapping[str, Any] = {"local_files_only": True, "trust_remote_code": False}
"""Arguments of every `from_pretrained`: no network, no code from the folder."""
TOKENIZERS = (
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "vocab.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
)
SCALES = ("logit_scale", "logit_bias")
"""Parameters of the training loss; embeddings do not need them, and transformers adds them."""
WRAPPERS = ("module.", "_orig_mod.", "state_dict.", "model.", "clip.", "siglip.")
"""Prefixes that training scripts add to all names."""
TOWERS = ("text_model.", "vision_model.", "text_projection.", "visual_projection.", *SCALES)
WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "open_clip_model.safetensors",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "open_clip_pytorch_model.bin",
)


@dataclass(frozen=True)
class Folder:
    """A folder with a configuration and weights.

    Attributes:
        path: path of the folder.
        config: contents of its `config.json`; empty without one.
        preprocessing: contents of its `preprocessor_config.json`; empty without one.
        files: all parts of the weights.
    """

    path: Path
    config: Mapping[str, Any]
    preprocessing: Mapping[str, Any]
    files: tuple[Path, ...]

    @property
    def name(self) -> str:
        """Display name."""
        return self.path.name

    def id(self) -> str:
        """Returns the sha256 of the weights; for several files, that of their sha256s in order."""
        parts = [fingerprint(file) for file in self.files]
        return parts[0] if len(parts) == 1 else hashlib.sha256("".join(parts).encode()).hexdigest()

    def tensors(self) -> Weights:
        """Reads all weights with LatentSteer's readers and strips training wrappers' prefixes.

        Raises:
            CheckpointError: a file is damaged.
        """
        found = joined(self.path, [read(file).tensors for file in self.files])
        while (wrapper := _wrapper(found)) is not None:
            found = found.below(wrapper)
        return found

    def model(self, kind: Any) -> Any:  # noqa: ANN401 - transformers' classes are not typed
        """Builds a frozen model of a transformers class, in float32.

        Raises:
            CheckpointError: the weights do not fit the configuration.
        """
        tensors = self.tensors()
        try:
            # The constructors' random weights are replaced.
            with torch.random.fork_rng(devices=[]):
                config = kind.config_class.from_pretrained(self.path, **LOCAL)
                model, found = kind.from_pretrained(
                    None, config=config, state_dict=dict(tensors.whole), output_loading_info=True
                )
        except UNFIT as error:
            raise CheckpointError(
                f"The weights of {self.name} do not fit its config.json: {error}"
            ) from error
        for fault in ("missing_keys", "mismatched_keys"):
            names = [str(name) for name in found.get(fault) or () if name not in SCALES]
            for name in names:
                if name in tensors.left_out:
                    raise Unusable(f"{self.path} {tensors.left_out[name]}.")
            if names:
                raise CheckpointError(
                    f"{self.name} has {fault.replace('_keys', '')} weights: "
                    f"{', '.join(sorted(names)[:4])}. It is not a whole {kind.__name__}."
                )
        return model.float().eval().requires_grad_(False)

    def tokenizer(self) -> Any:  # noqa: ANN401
        """Returns the tokenizer, or None without its files.

        Raises:
            CheckpointError: its files are damaged.
        """
        from transformers import AutoTokenizer, PreTrainedTokenizerFast

        if not any((self.path / file).is_file() for file in TOKENIZERS):
            return None
        try:
            return AutoTokenizer.from_pretrained(str(self.path), **LOCAL)
        except ImportError as error:
            # Its own class needs a package; the contents of tokenizer.json do not.
            if not (self.path / TOKENIZERS[0]).is_file():
                raise self._unreadable(error) from error
        except UNFIT as error:
            raise CheckpointError(f"The tokenizer of {self.name} is damaged: {error}") from error
        try:
            return PreTrainedTokenizerFast.from_pretrained(str(self.path), **LOCAL)
        except (ImportError, *UNFIT) as error:
            raise CheckpointError(f"The tokenizer of {self.name} is damaged: {error}") from error

    def _unreadable(self, error: ImportError) -> CheckpointError:
        """Returns the error for a tokenizer whose own package is not installed."""
        package = "sentencepiece" if "sentencepiece" in str(error).lower() else "another package"
        there = ", ".join(sorted(f.name for f in self.path.iterdir() if f.name in TOKENIZERS))
        return CheckpointError(
            f"The tokenizer of {self.name} ({there}) needs {package}, which is not installed. Put "
            f"its tokenizer.json into the folder too, or install {package}."
        )

    def colours(
        self, mean: tuple[float, float, float], std: tuple[float, float, float]
    ) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """Returns the channels' mean and standard deviation, or the given defaults."""
        found = [self.preprocessing.get(key) for key in ("image_mean", "image_std")]
        a, b = (values if values and len(values) == 3 else None for values in found)
        first = mean if a is None else (float(a[0]), float(a[1]), float(a[2]))
        second = std if b is None else (float(b[0]), float(b[1]), float(b[2]))
        return first, second


def _wrapper(tensors: Mapping[str, Tensor]) -> str | None:
    """Returns the prefix of all names of a CLIP, or None."""
    for wrapper in WRAPPERS:
        if all(name.startswith(wrapper) for name in tensors) and any(
            name.removeprefix(wrapper).startswith((*WRAPPERS, *TOWERS)) for name in tensors
        ):
            return wrapper
    return None


def open_folder(path: Path) -> Folder:
    """Opens a model folder.

    Raises:
        CheckpointError: it has no configuration or no weights.
    """
    configs = ("config.json", "open_clip_config.json")
    if not any((path / file).is_file() for file in configs):
        raise CheckpointError(f"The folder {path} has neither {' nor '.join(configs)}.")
    preprocessing = _json(path / "preprocessor_config.json")
    preprocessing = preprocessing or _json(path / "processor_config.json").get("image_processor")
    return Folder(path, _json(path / "config.json"), preprocessing or {}, _weights(path))


def _weights(path: Path) -> tuple[Path, ...]:
    file = next((path / name for name in WEIGHTS if (path / name).is_file()), None)
    if file is None:
        there = ", ".join(sorted(entry.name for entry in path.iterdir())) or "nothing"
        raise CheckpointError(
            f"The folder {path} has no weights; expected one of {', '.join(WEIGHTS)}, found "
            f"{there}."
        )
    if file.suffix != ".json":
        return (file,)
    names = sorted({str(name) for name in _json(file).get("weight_map", {}).values()})
    if outside := [name for name in names if Path(name).name != name]:
        raise CheckpointError(f"{file} names a file outside of its folder: {outside[0]}.")
    if missing := [name for name in names if not (path / name).is_file()]:
        raise CheckpointError(f"{file} names {missing[0]}, which does not exist. Fetch it too.")
    return tuple(path / name for name in names)


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{path} is not JSON: {error}. Fetch it again.") from error
    if not isinstance(found, dict):
        raise CheckpointError(f"{path} is not a JSON object.")
    return found
