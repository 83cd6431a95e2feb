"""Parts of a generator in files of their own, beside the generator's file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from ..checkpoints.names import SUFFIXES
from ..errors import CheckpointError

__all__ = ["GeneratorPart", "check_side", "only_beside", "twin_of"]


@dataclass(frozen=True)
class GeneratorPart:
    """A part of a generator in a file of its own, such as a text encoder.

    Attributes:
        name: display name.
        id: sha256 of the file.
        kind: what it is, for `inspect`.
        architecture: id of the generators that it belongs to.
        module: the network.
        facts: its sizes, for `inspect`.
    """

    name: str
    id: str
    kind: str
    architecture: str
    module: nn.Module
    facts: Mapping[str, str]


def twin_of(path: Path, *changes: tuple[str, str]) -> Path | None:
    """Returns the file whose name differs in one part, as `netD_9.pth` from `netG_9.pth`.

    Args:
        path: the generator's file.
        changes: parts of its name and what the other has instead, tried in order.
    """
    for old, new in changes:
        other = path.with_name(path.name.replace(old, new))
        if old in path.name and other != path and other.is_file():
            return other
    return None


def check_side(name: str, judged: int, made: int, cure: str = "") -> None:
    """Checks that a discriminator takes images of its generator's size.

    Args:
        name: of the generator's file.
        judged: side in pixels of the images that the discriminator takes.
        made: side of those that the generator makes.
        cure: a sentence on what else mends it.

    Raises:
        CheckpointError: they differ.
    """
    if judged != made:
        raise CheckpointError(
            f"The discriminator of {name} takes images of {judged} pixels a side, but the "
            f"generator makes {made}. {cure}Take both from the same training, or move the "
            "discriminator away."
        )


def only_beside(
    path: Path, part: str, what: str, suffixes: frozenset[str] = SUFFIXES
) -> Path | None:
    """Returns the file beside another whose name contains a text; None without any.

    Of several, the one whose name begins as the generator's does, up to an underscore or hyphen.

    Args:
        path: the generator's file.
        part: text in the other's name.
        what: what it holds, for messages.
        suffixes: accepted suffixes.

    Raises:
        CheckpointError: several files qualify.
    """
    found = sorted(
        other
        for other in path.parent.glob(f"*{part}*")
        if other != path and other.suffix.lower() in suffixes and other.is_file()
    )
    if len(found) > 1:
        first = path.name.replace("-", "_").split("_")[0].lower()
        found = [other for other in found if other.name.lower().startswith(first)] or found
    if len(found) > 1:
        names = ", ".join(other.name for other in found)
        raise CheckpointError(
            f"Beside {path.name} there are several files that may be {what}: {names}. Keep each "
            "generator with its parts in a folder of its own."
        )
    return found[0] if found else None
