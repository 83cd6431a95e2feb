"""What a host gives to nodes, without a host: device, folders, images, run ids, progress, stop."""

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

from ..cli.console import SIGNALS, Stopped
from .errors import Interrupted, WorkflowError
from .progress import Progress

if TYPE_CHECKING:
    import torch
    from torch import nn

    from ...core.auxiliaries.clips.host_vision import VisionSettings
    from .api.node import HiddenHolder

__all__ = ["KINDS", "Interrupted", "Progress", "StandaloneHost", "current", "use"]

KINDS = ("latentsteer_generators", "latentsteer_translators", "latentsteer_aux")
Device = Literal["auto", "cpu", "cuda", "mps"]


class StandaloneHost:
    """The services that nodes ask of a host.

    Attributes:
        base: the folder that holds `models/` and `input/`.
        out: where results go.
        files: every file that the nodes have written to `out`, in order.
        interrupted_files: what nodes wrote because they were told to stop.
        write_previews: whether previews of the progress are written to `out/previews`.
    """

    def __init__(
        self, base: Path | None = None, out: Path | None = None, device: Device = "auto"
    ) -> None:
        self.write_previews = False
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
        """Choose the folders and the device.

        Args:
            base: the folder that holds `models/` and `input/`.
            out: where results go; made when something is written.
            device: "auto" takes CUDA, else MPS, else the CPU.
            write_previews: write the previews of the progress to `out/previews`.

        Raises:
            WorkflowError: the base folder is not there.
        """
        if not base.is_dir():
            raise WorkflowError(
                f"the base folder {base} is not there; it should hold models/ and input/ "
                "(choose it with --base)"
            )
        self.base, self.out = base.resolve(), out.resolve()
        self.write_previews = write_previews
        self._device: Device = device

    def device(self) -> torch.device:
        """The device to compute on.

        Raises:
            WorkflowError: the device asked for is not there.
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

    @contextlib.contextmanager
    def on_device(self, modules: Sequence[nn.Module]) -> Generator[None, None, None]:
        """Within it the modules are wholly on `device()`, and they stay there."""
        import torch

        with torch.inference_mode(False):
            for module in modules:
                module.to(self.device())
        yield

    def model_folder(self, kind: str) -> list[Path]:
        """The folders searched for a kind of model, first the one to write to.

        Raises:
            ValueError: no such kind.
        """
        if kind not in KINDS:
            raise ValueError(f"no model folder {kind!r}; there are {', '.join(KINDS)}")
        return [self.base / "models" / kind]

    def list_files(self, kind: str, suffixes: Sequence[str]) -> list[str]:
        """The files of a kind of model, relative to its folder, with "/", sorted."""
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
        """Where pictures are read from."""
        return self.base / "input"

    def output_directory(self) -> Path:
        """Where results go."""
        return self.out

    def temp_directory(self) -> Path:
        """Where previews go."""
        return self.out / "temp"

    def save_images(
        self,
        images: torch.Tensor,
        prefix: str,
        *,
        folder: Literal["output", "temp"] = "output",
        hidden: HiddenHolder | None = None,
    ) -> list[dict[str, str]]:
        """Write a batch "batch height width 3" as PNG files that carry the graph.

        Returns:
            For each file what the host's history says: filename, subfolder, type.
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
        """The ids of the run and of the node that is executing; the node's is "" when none is."""
        return self._running[-1] if self._running else (self._idle, "")

    @contextlib.contextmanager
    def executing(self, prompt_id: str, node_id: str) -> Generator[None, None, None]:
        """While a node executes: `run_id()` gives these ids, and this is the current host."""
        self._running.append((prompt_id, node_id))
        try:
            with use(self):
                yield
        finally:
            self._running.pop()

    def progress(self, total: int, label: str = "") -> Progress:
        """A bar on stderr for a loop of `total` steps."""
        return Progress(self, total, label)

    def record_interrupted(self, path: Path) -> None:
        """Say where the state of an interrupted run was kept, for the last message."""
        self.interrupted_files.append(Path(path))

    def vision_weights(self, model: object) -> tuple[Mapping[str, torch.Tensor], VisionSettings]:
        """Nothing here makes a CLIP Vision.

        Raises:
            WorkflowError: always.
        """
        raise WorkflowError("CLIP Vision models are ComfyUI's; without it, load a CLIP's file")

    def request_interrupt(self) -> None:
        """Ask the running node to stop at its next step."""
        self._stop.set()

    def interrupt_requested(self) -> bool:
        """Whether a stop was asked for."""
        return self._stop.is_set()

    def raise_if_interrupted(self) -> None:
        """Stop here when a stop was asked for.

        Raises:
            Interrupted: it was.
        """
        if self._stop.is_set():
            raise Interrupted("interrupted", self.interrupted_files)

    @contextlib.contextmanager
    def catching_sigint(self) -> Generator[None, None, None]:
        """While inside: the first Ctrl-C asks the node to stop, the second aborts at once.

        SIGTERM, which services and schedulers send, asks as Ctrl-C does.
        """
        asked: list[int] = []

        def stop(signum: int, frame: FrameType | None) -> None:
            if self._stop.is_set():
                restore()
                raise Stopped if signum == signal.SIGTERM else KeyboardInterrupt
            asked.append(signum)
            self.request_interrupt()
            with contextlib.suppress(OSError):  # a closed pipe must not cost what is kept
                print("\nstopping at the next step; Ctrl-C again aborts at once", file=sys.stderr)

        def restore() -> None:
            for number, handler in before.items():
                signal.signal(number, handler)

        before = {number: signal.getsignal(number) for number in SIGNALS}
        for number in SIGNALS:
            signal.signal(number, stop)
        try:
            yield
        except Interrupted as error:
            error.terminated = signal.SIGTERM in asked
            raise
        finally:
            restore()
            self._stop.clear()


_HOSTS: list[StandaloneHost] = []


def current() -> StandaloneHost:
    """The host that nodes talk to: the one in `use`, else one with a temporary `out`."""
    if not _HOSTS:
        out = Path(tempfile.gettempdir()) / "latentsteer"
        _HOSTS.append(StandaloneHost(out=out))
    return _HOSTS[-1]


@contextlib.contextmanager
def use(host: StandaloneHost) -> Generator[StandaloneHost, None, None]:
    """Make a host the current one while inside."""
    _HOSTS.append(host)
    try:
        yield host
    finally:
        _HOSTS.pop()
