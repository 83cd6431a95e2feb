"""Adapter to the host that runs the nodes: ComfyUI, or the command line's stand-in.

Nothing but this and the other `host_*.py` imports ComfyUI. `Host` defines the services; `host()`
returns the current host.
"""

import contextlib
import logging
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import torch
from torch import Tensor, nn

from ..core.auxiliaries.clips.settings import VisionSettings
from ..core.pairs.processes import ALONE, Processes
from .example_pictures import place_examples
from .host_networks import HostNetworks, on_device
from .model_folders import MODEL_FOLDERS, ModelFolder
from .model_readmes import make_model_folder

IN_COMFYUI: Final = "folder_paths" in sys.modules
"""ComfyUI imports this module before any custom node."""

if TYPE_CHECKING:
    from PIL import Image

    from .standalone.api.schema import io, ui
elif IN_COMFYUI:
    try:
        import comfy.clip_model
        import comfy.model_management as management
        import comfy.utils
        import folder_paths
        from comfy.model_patcher import ModelPatcher
        from comfy_api.latest import io, ui
        from comfy_execution.utils import get_executing_context
    except ImportError as error:
        raise RuntimeError("LatentSteer needs ComfyUI 0.3.64 or newer.") from error
else:
    from .standalone.api.schema import io, ui

__all__ = ["Host", "Progress", "autograd", "host", "io", "ordinary", "running", "ui"]

PREVIEW_PIXELS = 512
logger = logging.getLogger("latentsteer")


class Progress(Protocol):
    """A progress bar with previews; it also checks for a stop request."""

    def update(self, step: int, preview: "Callable[[], Image.Image] | None" = None) -> None:
        """Reports `step` finished steps; raises the host's interrupt on a stop request."""
        ...

    def close(self) -> None:
        """Removes the bar."""
        ...


class Host(Protocol):
    """Services that nodes use from a host."""

    def device(self) -> torch.device:
        """Returns the device to compute on."""
        ...

    def processes(self) -> Processes:
        """Returns the processes that run the same graph and share its long work."""
        ...

    def on_device(self, modules: Sequence[nn.Module]) -> contextlib.AbstractContextManager[None]:
        """Context in which the modules are entirely on `device()`."""
        ...

    def model_folder(self, kind: str) -> list[Path]:
        """Returns the folders searched for a kind of model; the first is written to."""
        ...

    def list_files(self, kind: str, suffixes: Sequence[str]) -> list[str]:
        """Lists the files of a kind of model, relative to its folders, with "/"."""
        ...

    def input_directory(self) -> Path:
        """Returns the folder of the user's input files."""
        ...

    def output_directory(self) -> Path:
        """Returns the folder of the results."""
        ...

    def run_id(self) -> tuple[str, str]:
        """Returns the ids of the running prompt and node."""
        ...

    def progress(self, total: int, label: str = "") -> Progress:
        """Returns a progress bar for a loop of `total` steps."""
        ...

    def record_interrupted(self, path: Path, node: str = "Load Latents") -> None:
        """Reports the file that holds an interrupted run's state, and the node that opens it."""
        ...

    def vision_weights(self, model: Any) -> tuple[Mapping[str, Tensor], VisionSettings]:  # noqa: ANN401
        """Returns the weights of the host's CLIP_VISION, and settings that they leave open."""
        ...


@contextlib.contextmanager
def autograd() -> Generator[None, None, None]:
    """Leaves the inference mode in which hosts run nodes, so that gradients exist.

    Tensors created in inference mode can never take part in back-propagation, even frozen ones.
    """
    with torch.inference_mode(False), torch.enable_grad():
        yield


def ordinary(tensor: Tensor) -> Tensor:
    """Returns the tensor, cloned if created in inference mode; call it inside `autograd`."""
    return tensor.clone() if tensor.is_inference() else tensor


def host() -> Host:
    """Returns the host that runs the nodes."""
    if not TYPE_CHECKING and IN_COMFYUI:
        return COMFYUI
    from .standalone.host import current

    return current()


@contextlib.contextmanager
def running(total: int, label: str) -> Generator[Progress, None, None]:
    """Shows a bar for a loop of `total` steps and removes it at the end."""
    bar = host().progress(total, label)
    try:
        yield bar
    finally:
        bar.close()


if IN_COMFYUI and not TYPE_CHECKING:

    def _outside_inference_mode(name: str) -> Callable[..., Any]:
        base = getattr(ModelPatcher, name)

        def method(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            with torch.inference_mode(False):
                return base(self, *args, **kwargs)

        return method

    class GradPatcher(ModelPatcher):
        """A patcher whose weights never become inference tensors, regardless of who moves them."""

        load = _outside_inference_mode("load")
        unpatch_model = _outside_inference_mode("unpatch_model")
        partially_unload = _outside_inference_mode("partially_unload")

    class ComfyProgress:
        """ComfyUI's progress bar."""

        def __init__(self, total: int) -> None:
            self.total = total
            self.bar = comfy.utils.ProgressBar(total)

        def update(self, step: int, preview: "Callable[[], Image.Image] | None" = None) -> None:
            """Moves the bar, shows the preview as JPEG, and stops on request."""
            shown = ("JPEG", preview(), PREVIEW_PIXELS) if preview is not None else None
            self.bar.update_absolute(step, self.total, shown)
            # The newer host throttles its own check inside the bar.
            management.throw_exception_if_processing_interrupted()

        def close(self) -> None:
            """Does nothing: ComfyUI removes its bar itself."""

    class ComfyHost:
        """ComfyUI's services."""

        def device(self) -> torch.device:
            """Returns ComfyUI's choice."""
            return management.get_torch_device()

        def processes(self) -> Processes:
            """Returns ComfyUI's only process."""
            return ALONE

        @contextlib.contextmanager
        def on_device(self, modules: Sequence[nn.Module]) -> Generator[None, None, None]:
            """Has ComfyUI free memory and loads the modules completely, buffers included."""
            held = [module for module in modules if isinstance(module, HostNetworks)]
            own = [_patcher(m) for m in modules if not isinstance(m, HostNetworks)]
            with on_device(held, own):
                yield

        def model_folder(self, kind: str) -> list[Path]:
            """Returns ComfyUI's folders of this kind, extra_model_paths included."""
            return [Path(folder) for folder in folder_paths.get_folder_paths(kind)]

        def list_files(self, kind: str, suffixes: Sequence[str]) -> list[str]:
            """Returns ComfyUI's list."""
            wanted = tuple(suffixes)
            names = folder_paths.get_filename_list(kind)
            return [n.replace("\\", "/") for n in names if n.lower().endswith(wanted)]

        def input_directory(self) -> Path:
            """Returns ComfyUI's input folder."""
            return Path(folder_paths.get_input_directory())

        def output_directory(self) -> Path:
            """Returns ComfyUI's output folder."""
            return Path(folder_paths.get_output_directory())

        def run_id(self) -> tuple[str, str]:
            """Returns the ids of the executing context."""
            context = get_executing_context()
            return (context.prompt_id, context.node_id) if context else ("run", "node")

        def progress(self, total: int, label: str = "") -> Progress:
            """Returns the bar on the node."""
            return ComfyProgress(total)

        def record_interrupted(self, path: Path, node: str = "Load Latents") -> None:
            """Writes the path to ComfyUI's log."""
            logger.warning("interrupted; resume from %s with %s", path, node)

        def vision_weights(self, model: Any) -> tuple[Mapping[str, Tensor], VisionSettings]:  # noqa: ANN401
            """Returns the tensors, since `encode_image` rounds pixels and blocks the gradient."""
            tower = getattr(model.model, "vision_model", None)
            layers = getattr(getattr(tower, "encoder", None), "layers", None)
            names = {function: name for name, function in comfy.clip_model.ACTIVATIONS.items()}
            settings = VisionSettings(
                heads=layers[0].self_attn.heads if layers else 1,
                activation=names.get(layers[0].mlp.activation, "unknown") if layers else "unknown",
                image_size=int(model.image_size),
                mean=tuple(float(n) for n in model.image_mean),
                std=tuple(float(n) for n in model.image_std),
            )
            return model.get_sd(), settings

    def _patcher(module: nn.Module) -> GradPatcher:
        patcher = getattr(module, "latentsteer_patcher", None)
        if patcher is None:
            patcher = GradPatcher(
                module,
                load_device=management.get_torch_device(),
                offload_device=management.unet_offload_device(),
            )
            module.latentsteer_patcher = patcher
        return patcher

    def _register_folder(folder: ModelFolder) -> None:
        # First, so that own files are written there; extra_model_paths.yaml was read before.
        own = Path(folder_paths.models_dir) / folder.key
        make_model_folder(folder, own)
        folder_paths.add_model_folder_path(folder.key, str(own), is_default=True)
        paths, suffixes = folder_paths.folder_names_and_paths[folder.key]
        # A folder named in extra_model_paths.yaml has no suffixes, which would list every file.
        found = (paths, set(suffixes) | folder.suffixes)
        folder_paths.folder_names_and_paths[folder.key] = found

    for _folder in MODEL_FOLDERS:
        _register_folder(_folder)
    place_examples(Path(folder_paths.get_input_directory()))
    COMFYUI = ComfyHost()
