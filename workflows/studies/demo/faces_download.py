"""Third-party face models: downloaded on request, verified, converted without running their code.

They are not part of LatentSteer, and nothing is downloaded unless the user asks for it.
"""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ....core.auxiliaries.face_expressions import CLASSES, from_tfjs
from ....core.checkpoints import checkpoint as checkpoints
from ....core.errors import CheckpointError
from ....core.files import replacing

__all__ = ["MODEL_CARD", "Archive", "convert", "fetch"]

PATIENCE = 600
"""Time limit of a download in seconds."""

MODEL_CARD = """\
# Face models from third parties

Synthetic faces only. The classifier says what expression a picture resembles. It is not a
judgement on a real person and must never be used as one.

**faces-dcgan**: a DCGAN, 64 x 64 pixels, latents of 100 numbers. PyPI gan-face-generate 1.1.1, MIT
(Chien Liu). It was trained on DigiFace-1M, synthetic faces whose terms allow non-commercial
research only; treat the weights accordingly. One to two faces in ten are malformed.

**face-expressions**: seven expressions, 324 thousand parameters. npm @vladmandic/face-api 1.7.15,
MIT (Vladimir Mandic). Its training data and its biases are undocumented. It tends to label an open
mouth as surprised; fearful and disgusted are rare and weak. Converted from TensorFlow.js, 8 bit;
its outputs were not compared with TensorFlow's.

Both are frozen. A high probability after steering is in part an adversarial effect: the demo
reports how much of it survives small shifts, blur and changes of brightness.
"""


@dataclass(frozen=True)
class Archive:
    """A package in a registry.

    Attributes:
        tool: download tool, pip or npm.
        package: name and version in the tool's syntax.
        file: name of the file that the tool saves.
        sha256: sha256 of that file.
        members: members to extract, each with its sha256.
    """

    tool: str
    package: str
    file: str
    sha256: str
    members: Mapping[str, str]


DCGAN = Archive(
    tool="pip",
    package="gan-face-generate==1.1.1",
    file="gan_face_generate-1.1.1-py3-none-any.whl",
    sha256="24102f4be41d164e44251168ede0458a45e498a888c81493e2aea48529640569",
    members={
        "gan_face_generate/weights.tar": (
            "0c3b90b138cfc4e8a73310b9fd5ce2a8f1f3a542a037de277412307fcd28771f"
        ),
    },
)
EXPRESSIONS = Archive(
    tool="npm",
    package="@vladmandic/face-api@1.7.15",
    file="vladmandic-face-api-1.7.15.tgz",
    sha256="0d77fffeef362ef9c0939cf6c567f3a2e8e177f114fa257a3270cbd2e509b031",
    members={
        "package/model/face_expression_model-weights_manifest.json": (
            "5b349c17c7836da506e03422cd6461c74085d8bb2713ad4114647dc5d28174c8"
        ),
        "package/model/face_expression_model.bin": (
            "9a9840f2cf1f4c7eab95f197512569345c00d2426754d4608b92af30e0300f3d"
        ),
    },
)


def fetch(base: Path) -> tuple[Path, Path]:
    """Returns the files of the generator and the classifier, after downloading missing ones.

    Prints the terms first.

    Args:
        base: folder that contains models/.

    Raises:
        CheckpointError: a download fails, or its digest is not the known one.
    """
    print(MODEL_CARD, flush=True)
    models = base / "models"
    generator = models / "latentsteer_generators" / "faces-dcgan.safetensors"
    classifier = models / "latentsteer_aux" / "face-expressions.safetensors"
    if not (generator.is_file() and classifier.is_file()):
        cache = models / "latentsteer_downloads"
        for archive in (DCGAN, EXPRESSIONS):
            _download(archive, cache)
        convert(cache, generator, classifier)
    for file in (generator, classifier):
        with replacing(file.with_name("faces-model-card.md")) as temporary:
            temporary.write_text(MODEL_CARD, encoding="utf-8", newline="\n")
    return generator, classifier


def convert(cache: Path, generator: Path, classifier: Path) -> None:
    """Writes both models as safetensors.

    Args:
        cache: folder with the two archives.
        generator: file of the generator to write.
        classifier: file of the classifier to write.

    Raises:
        CheckpointError: a digest is not the known one.
    """
    (weights,) = _unpacked(DCGAN, cache)
    own = checkpoints.read(weights).tensors
    prefix = "netG_state_dict."
    tensors = {name.removeprefix(prefix): tensor for name, tensor in own.items()}
    config = {
        "architecture": "dcgan-generator",
        "latent_dim": tensors["main.0.weight"].shape[0],
        "licence": "MIT; trained on DigiFace-1M, non-commercial research only",
        "source": f"PyPI {DCGAN.package}",
    }
    checkpoints.write(generator, tensors, config)
    manifest, numbers = _unpacked(EXPRESSIONS, cache)
    config = {
        "architecture": "face-expressions",
        "classes": list(CLASSES),
        "licence": "MIT; training data undocumented",
        "source": f"npm {EXPRESSIONS.package}",
    }
    checkpoints.write(classifier, from_tfjs(manifest, numbers), config)


def _download(archive: Archive, cache: Path) -> None:
    file = cache / archive.file
    if not file.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        print(f"fetching {archive.package} by {archive.tool} into {cache}", flush=True)
        _run(_command(archive), archive, cache)
    _check(file, archive.sha256)


def _command(archive: Archive) -> list[str]:
    if archive.tool == "pip":
        options = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--dest", "."]
        return [sys.executable, "-m", "pip", "download", *options, archive.package]
    npm = shutil.which("npm")
    if npm is None:
        raise CheckpointError(
            f"npm, which downloads {archive.package}, is not installed. Install Node.js, or put "
            f"{archive.file} into models/latentsteer_downloads."
        )
    return [npm, "pack", "--ignore-scripts", archive.package]


def _run(command: Sequence[str], archive: Archive, folder: Path) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        failure = "" if done.returncode == 0 else done.stderr.strip()[-500:] or "no message"
    except (OSError, subprocess.TimeoutExpired) as error:
        failure = str(error)
    if failure or not (folder / archive.file).is_file():
        raise CheckpointError(
            f"{archive.tool} did not fetch {archive.file}: {failure or 'it saved another file'}. "
            f"Put the file into {folder} yourself, or try again with a network connection."
        )


def _check(file: Path, sha256: str) -> None:
    found = checkpoints.fingerprint(file)
    if found != sha256:
        raise CheckpointError(
            f"{file} has sha256 {found}, expected {sha256}: it is not the known file. "
            "Delete it to download it again."
        )


def _unpacked(archive: Archive, cache: Path) -> list[Path]:
    """Extracts the members of an archive to files, after verifying their digests."""
    _check(cache / archive.file, archive.sha256)
    files: list[Path] = []
    for member, sha256 in archive.members.items():
        content = _member(cache / archive.file, member)
        found = hashlib.sha256(content).hexdigest()
        if found != sha256:
            raise CheckpointError(
                f"{member} in {archive.file} has sha256 {found}, expected {sha256}."
            )
        file = cache / member.rpartition("/")[2]
        with replacing(file) as temporary:
            temporary.write_bytes(content)
        files.append(file)
    return files


def _member(file: Path, member: str) -> bytes:
    if file.suffix == ".whl":
        with zipfile.ZipFile(file) as wheel:
            return wheel.read(member)
    with tarfile.open(file) as package:
        found = package.extractfile(member)
        if found is None:
            raise CheckpointError(f"{member} in {file} is not a file.")
        return found.read()
