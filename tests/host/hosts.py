"""Finds ComfyUI checkouts, boots them with this pack, and stops them."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACK = "latent-steer"
"""Folder under custom_nodes; deliberately not a Python identifier."""
BOOT_SECONDS, STOP_SECONDS = 240, 30


class Checkout:
    """A ComfyUI checkout and the Python that runs it."""

    def __init__(self, path: Path, python: Path) -> None:
        self.path, self.python, self.name = path, python, path.name

    def missing(self) -> str | None:
        """Reason why the checkout cannot be used; None if it can."""
        for needed in (self.path / "main.py", self.python):
            if not needed.exists():
                return f"no ComfyUI: {needed} is not there; set COMFYUI_PATH and COMFYUI_PYTHON"
        return None

    def version(self) -> str:
        text = (self.path / "comfyui_version.py").read_text("utf-8")
        return text.split('"')[1]

    def freeze(self) -> list[str]:
        """Packages in its environment."""
        command = [self.python, "-m", "pip", "freeze", "--all"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return sorted(done.stdout.splitlines())

    def run(self, script: Path, *arguments: object, timeout: float = 300) -> str:
        """Runs a script of the tests with this host's Python; returns its standard output."""
        done = subprocess.run(
            [self.python, script, self.path, *map(str, arguments)],
            cwd=self.path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, f"{script.name} on {self.name}:\n{done.stderr[-4000:]}"
        return done.stdout


def checkouts() -> list[Checkout]:
    """Checkouts of COMFYUI_PATH, with Pythons of COMFYUI_PYTHON or of their own venvs."""
    default = [Path.home() / "hosts" / name for name in ("comfyui-old", "comfyui-new")]
    paths = _listed("COMFYUI_PATH") or default
    pythons = _listed("COMFYUI_PYTHON") or [_beside(path) for path in paths]
    assert len(paths) == len(pythons), "COMFYUI_PYTHON needs as many entries as COMFYUI_PATH"
    return [Checkout(p.expanduser(), q.expanduser()) for p, q in zip(paths, pythons, strict=True)]


def _listed(variable: str) -> list[Path]:
    return [Path(entry) for entry in os.environ.get(variable, "").split(os.pathsep) if entry]


def _beside(path: Path) -> Path:
    venv = path.parent / f"venv-{path.name.rpartition('-')[2]}"
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def environment() -> dict[str, str]:
    """No package is installed and nothing is downloaded."""
    offline = {"PIP_NO_INDEX": "1", "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
    return {**os.environ, **offline, "PYTHONDONTWRITEBYTECODE": "1"}


def make_base(base: Path) -> Path:
    """Makes a base directory with this pack, and a folder listed in extra_model_paths."""
    for folder in ("models", "custom_nodes", "input", "output", "temp", "user", "elsewhere"):
        (base / folder).mkdir(parents=True)
    pack = base / "custom_nodes" / PACK
    try:
        pack.symlink_to(ROOT, target_is_directory=True)
    except OSError:  # Windows allows it for administrators only
        skipped = shutil.ignore_patterns(".*", "out", "models", "__pycache__", "tests")
        shutil.copytree(ROOT, pack, ignore=skipped)
    shutil.copy(
        ROOT / "core/zoo/digits-generator.safetensors", base / "elsewhere/more.safetensors"
    )
    (base / "elsewhere" / "notes.txt").write_text("no model", "utf-8")
    kinds = "".join(f"  latentsteer_{kind}: elsewhere\n" for kind in ("generators", "translators"))
    yaml = f"test:\n  base_path: {base.as_posix()}\n{kinds}"
    (base / "extra.yaml").write_text(yaml, "utf-8")
    return base


class Server:
    """A host over HTTP."""

    def __init__(self, checkout: Checkout, base: Path, *arguments: str) -> None:
        self.checkout, self.base, self.log = checkout, base, base / "host.log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.command = [
            *(str(checkout.python), "main.py", "--cpu", "--disable-api-nodes"),
            *("--port", str(self.port), "--base-directory", str(base)),
            *("--database-url", "sqlite:///:memory:"),
            *("--extra-model-paths-config", str(base / "extra.yaml"), *arguments),
        ]

    def __enter__(self) -> "Server":
        with self.log.open("w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.checkout.path,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.terminate()
        self.process.wait(STOP_SECONDS)

    def _wait(self) -> None:
        end = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < end:
            assert self.process.poll() is None, f"the host died:\n{self.tail()}"
            try:
                with urllib.request.urlopen(f"{self.url}/system_stats", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.25)
        raise AssertionError(f"the host does not answer:\n{self.tail()}")

    def tail(self, lines: int = 60) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])

    def resident(self) -> float:
        """Resident memory of the server in MB."""
        if sys.platform == "linux":
            status = Path(f"/proc/{self.process.pid}/status").read_text("utf-8")
            kilobytes = next(row for row in status.splitlines() if row.startswith("VmRSS"))
            return int(kilobytes.split()[1]) / 1024
        command = ["ps", "-o", "rss=", "-p", str(self.process.pid)]
        return int(subprocess.run(command, check=True, capture_output=True).stdout) / 1024
