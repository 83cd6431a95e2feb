"""Stand-in for the host's services: device, folders, images, run ids, progress, stop requests."""

from __future__ import annotations

import contextlib
import signal
import sys
import tempfile
import threading
import uuid
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Literal

from ..model_folders import model_folder
from .errors import RunInterrupted, WorkflowError
from .progress import TerminalProgress
from .signals import SIGNALS, Stopped

if TYPE_CHECKING:
    import torch
    from torch import nn

    from ...core.auxiliaries.clips.settings import VisionSettings
    from ...core.pairs.processes import Processes
    from .api.node import HiddenHolder

__all__ = ["RunInterrupted", "StandaloneHost", "TerminalProgress", "current", "use"]

Device = Literal["auto", "cpu", "cuda", "mps"]


class StandaloneHost:
    """Services that nodes use from a host.

    Attributes:
        base: folder that contains `models/` and `input/`.
        out: folder of the results.
        files: every file that the nodes have written to `out`, in order.
        interrupted_files: files that nodes wrote because of a stop request.
        write_previews: whether progress previews are written to `out/previews`.
        joined: processes that run the same graph; None for this one alone.
    """

    def __init__(
        self, base: Path | None = None, out: Path | None = None, device: Device = "auto"
    ) -> None:
        self.write_previews = False
        self.joined: Processes | None = None
        self.files: list[Path] = []
        self.interrupted_files: list[Path] = []
        self._stop = threading.Event()
        self._running: list[tuple[str, str]] = []
        self._idle = str(uuid.uuid4())
        base = Path.cwd() if base is None else base
        self.configure(base, base / "out" if out is None else out, device)

    def configure(
        self, base: Path, out: Path, device: Device = "auto", *, write_previews: bool = False
    ) -> None:
        """Sets the folders and the device.

        Args:
            base: folder that contains `models/` and `input/`.
            out: folder of the results, created when something is written.
            device: "auto" selects CUDA, else MPS, else the CPU.
            write_previews: whether to write progress previews to `out/previews`.

        Raises:
            WorkflowError: the base folder does not exist.
        """
        if not base.is_dir():
            raise WorkflowError(
                f"the base folder {base} does not exist; it should hold models/ and input/ "
                "(choose it with --base)"
            )
        self.base, self.out = base.resolve(), out.resolve()
        self.write_previews = write_previews
        self._device: Device = device

    def device(self) -> torch.device:
        """Returns the device to compute on.

        Raises:
            WorkflowError: the selected device is not available.
        """
        import torch

        there = ["cpu"]
        if torch.backends.mps.is_available():
            there.insert(0, "mps")
        if torch.cuda.is_available():
            there.insert(0, "cuda")
        name = there[0] if self._device == "auto" else self._device
        if name not in there:
            raise WorkflowError(
                f"the device {name!r} is not available; this machine and its PyTorch "
                f"{torch.__version__} have: {', '.join(there)} (choose one with --device)"
            )
        return torch.device(name)

    def processes(self) -> Processes:
        """Returns the processes that run the same graph and share its long work."""
        from ...core.pairs.processes import ALONE

        return ALONE if self.joined is None else self.joined

    @contextlib.contextmanager
    def on_device(self, modules: Sequence[nn.Module]) -> Generator[None, None, None]:
        """Context in which the modules are entirely on `device()`; they stay there."""
        import torch

        with torch.inference_mode(False):
            for module in modules:
                module.to(self.device())
        yield

    def model_folder(self, kind: str) -> list[Path]:
        """Returns the folders searched for a kind of model; the first is written to.

        Raises:
            ValueError: the kind is unknown.
        """
        return [self.base / "models" / model_folder(kind).key]

    def list_files(self, kind: str, suffixes: Sequence[str]) -> list[str]:
        """Lists the files of a kind of model, relative to its folder, with "/", sorted."""
        wanted = tuple(suffix.lower() for suffix in suffixes)
        return sorted(
            {
                path.relative_to(folder).as_posix()
                for folder in self.model_folder(kind)
                if folder.is_dir()
                for path in folder.rglob("*")
                if path.is_file() and path.name.lower().endswith(wanted)
            }
        )

    def input_directory(self) -> Path:
        """Returns the folder that pictures are read from."""
        return self.base / "input"

    def output_directory(self) -> Path:
        """Returns the folder of the results."""
        return self.out

    def temp_directory(self) -> Path:
        """Returns the folder of the previews."""
        return self.out / "temp"

    def save_images(
        self,
        images: torch.Tensor,
        prefix: str,
        *,
        folder: Literal["output", "temp"] = "output",
        hidden: HiddenHolder | None = None,
    ) -> list[dict[str, str]]:
        """Writes a batch "batch height width 3" as PNG files that contain the graph.

        Returns:
            The host's history entry per file: filename, subfolder, type.
        """
        from . import images as pictures

        texts: dict[str, object] = {}
        if hidden is not None and hidden.prompt is not None:
            texts["prompt"] = hidden.prompt
        if hidden is not None:
            texts.update(hidden.extra_pnginfo or {})
        root = self.out if folder == "output" else self.temp_directory()
        written = pictures.save(images, root, prefix, texts)
        self.files += written if folder == "output" else []
        under = [path.parent.relative_to(root.resolve()).as_posix() for path in written]
        return [
            {"filename": path.name, "subfolder": "" if sub == "." else sub, "type": folder}
            for path, sub in zip(written, under, strict=True)
        ]

    def run_id(self) -> tuple[str, str]:
        """Returns the ids of the run and of the executing node ("" if none is)."""
        return self._running[-1] if self._running else (self._idle, "")

    @contextlib.contextmanager
    def executing(self, prompt_id: str, node_id: str) -> Generator[None, None, None]:
        """Context of an executing node: sets `run_id()`, and makes this the current host."""
        self._running.append((prompt_id, node_id))
        try:
            with use(self):
                yield
        finally:
            self._running.pop()

    def progress(self, total: int, label: str = "") -> TerminalProgress:
        """Returns a progress bar on stderr for a loop of `total` steps."""
        return TerminalProgress(self, total, label)

    def record_interrupted(self, path: Path, node: str = "Load Latents") -> None:
        """Records the file that holds an interrupted run's state, for the final message."""
        self.interrupted_files.append(Path(path))

    def vision_weights(self, model: object) -> tuple[Mapping[str, torch.Tensor], VisionSettings]:
        """Always raises: no node here creates a CLIP Vision.

        Raises:
            WorkflowError: always.
        """
        raise WorkflowError("CLIP Vision models need ComfyUI; without it, load a CLIP's file")

    def request_interrupt(self) -> None:
        """Asks the running node to stop at its next step."""
        self._stop.set()

    def interrupt_requested(self) -> bool:
        """Whether a stop was requested."""
        return self._stop.is_set()

    def raise_if_interrupted(self) -> None:
        """Stops here if a stop was requested.

        Raises:
            RunInterrupted: a stop was requested.
        """
        if self._stop.is_set():
            raise RunInterrupted("interrupted", self.interrupted_files)

    @contextlib.contextmanager
    def catching_sigint(self) -> Generator[None, None, None]:
        """Context in which the first Ctrl-C asks the node to stop and the second aborts.

        SIGTERM, which services and schedulers send, is handled like Ctrl-C.
        """
        asked: list[int] = []

        def stop(signum: int, frame: FrameType | None) -> None:
            if self._stop.is_set():
                restore()
                raise Stopped if signum == signal.SIGTERM else KeyboardInterrupt
            asked.append(signum)
            self.request_interrupt()
            with contextlib.suppress(OSError):  # a closed pipe must not lose the saved state
                print("\nstopping at the next step; Ctrl-C again aborts at once", file=sys.stderr)

        def restore() -> None:
            for number, handler in before.items():
                signal.signal(number, handler)

        before = {number: signal.getsignal(number) for number in SIGNALS}
        for number in SIGNALS:
            signal.signal(number, stop)
        try:
            yield
        except RunInterrupted as error:
            error.terminated = signal.SIGTERM in asked
            raise
        finally:
            restore()
            self._stop.clear()


_HOSTS: list[StandaloneHost] = []


def current() -> StandaloneHost:
    """Returns the host set by `use`, or a default one with a temporary `out`."""
    if not _HOSTS:
        out = Path(tempfile.gettempdir()) / "latentsteer"
        _HOSTS.append(StandaloneHost(out=out))
    return _HOSTS[-1]


@contextlib.contextmanager
def use(host: StandaloneHost) -> Generator[StandaloneHost, None, None]:
    """Context in which a host is the current one."""
    _HOSTS.append(host)
    try:
        yield host
    finally:
        _HOSTS.pop()
