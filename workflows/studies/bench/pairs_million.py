"""A large synthetic folder of pairs, and what `latentsteer bench pairs` measures of it."""

import contextlib
import errno
import shutil
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import safetensors
import torch
from torch import Tensor
from torch.nn import functional

from ....core.condition import Condition
from ....core.pairs.manifest import Manifest
from ....core.pairs.nearest import nearest
from ....core.pairs.origin import AuxiliaryRecord, Origin
from ....core.pairs.shards import write_shard
from ....core.pairs.stored import StoredPairs
from ....core.pairs.synthesis import Drawn
from ....core.rng import stream_of
from ....core.translators.progress import TrainingFolder
from ....core.translators.training import FAST, fit_translator
from ....core.translators.translator import TranslatorConfig, translator_of
from .harness import Step

__all__ = ["Folder", "bytes_read", "searches", "training", "write_pairs"]

MODEL = "bench"
"""Id of the generator and of the auxiliary of the pairs."""
KEEP = 10
"""Number of nearest pairs."""


@dataclass(frozen=True)
class Folder:
    """Sizes of a synthetic folder: conditions in fp16, latents stored.

    Attributes:
        pairs: number of pairs.
        dim: number of coordinates of latents and of conditions.
        shard: pairs per shard, that of Synthesise Pairs.
        prompts: number of wanted rows of a search.
        hidden: hidden width H of the translator.
        batches: number of batches of a training whose memory is measured.
        blocks: rows at a time of the bare matrix product, each measured.
    """

    pairs: int = 1_000_000
    dim: int = 512
    shard: int = 4096
    prompts: int = 8
    hidden: int = 2048
    batches: int = 4
    blocks: tuple[int, ...] = (512, 1024, 4096)

    @property
    def manifest(self) -> Manifest:
        """The manifest without shards."""
        auxiliary = AuxiliaryRecord(MODEL, MODEL, self.dim, {})
        prior = {"kind": "Gaussian", "dim": self.dim, "std": 1.0}
        origin = Origin(MODEL, MODEL, (auxiliary,), self.dim, prior, 0, False, 0.0, 8, True)
        return Manifest(origin, "fp16", "stored")

    @property
    def size(self) -> int:
        """Number of bytes of all shards, but for their headers."""
        return self.pairs * self.manifest.pair_bytes

    def wanted(self) -> Condition:
        """Returns random conditions to search for."""
        rows = torch.randn(self.prompts, self.dim, generator=stream_of(0, "wanted"))
        return Condition(rows, tuple(map(str, range(self.prompts))), MODEL, MODEL)


def write_pairs(folder: Path, sizes: Folder) -> None:
    """Writes standard normal latents and conditions as a folder of pairs.

    Raises:
        OSError: the system refuses, such as for lack of space, which is checked first.
    """
    free = shutil.disk_usage(folder).free
    if sizes.size > free:
        raise OSError(
            errno.ENOSPC,
            f"No space left on device: the pairs take {sizes.size / 1e9:.1f} GB, and "
            f"{free / 1e9:.1f} GB are free. Set TMPDIR to a folder on another disk",
            str(folder),
        )
    manifest, stream = sizes.manifest, stream_of(0, "pairs")
    for first in range(0, sizes.pairs, sizes.shard):
        last = min(first + sizes.shard, sizes.pairs)
        drawn = torch.randn(2, last - first, sizes.dim, generator=stream)
        record = write_shard(folder, manifest, Drawn(first, last, (), drawn[0], (drawn[1],)))
        manifest = manifest.with_shards([*manifest.shards, record])
    manifest.write(folder)


def bytes_read() -> int | None:
    """Bytes that this process has read from files so far; None where the system does not say.

    Pages of mapped files are not counted, but plain reads hash a shard before it is mapped.
    """
    path = Path("/proc/self/io")
    if not path.exists():
        return None
    text = path.read_text(encoding="ascii")
    return int(dict(line.split(": ") for line in text.splitlines())["rchar"])


def searches(pairs: StoredPairs, sizes: Folder) -> dict[str, Step]:
    """Steps of a search and of bare matrix products over the same mapped files, by name.

    `bare_N` converts and multiplies N rows at a time, in the faster of both orders of the factors,
    and keeps all scores.
    """
    wanted = sizes.wanted()
    mapped: list[Tensor] = []
    for record in pairs.manifest.shards:
        with safetensors.safe_open(pairs.folder / record.file, framework="pt") as file:
            mapped.append(file.get_tensor("values.0"))
    unit = functional.normalize(wanted.embedding, dim=1)

    def bare(rows: int) -> None:
        parts = (part for values in mapped for part in values.split(rows))
        torch.cat([unit @ part.float().T for part in parts], dim=1)

    steps: dict[str, Step] = {f"bare_{rows}": partial(bare, rows) for rows in sizes.blocks}

    def search() -> None:
        nearest(pairs, wanted, KEEP)

    return {"nearest": search, **steps}


class _Enough(Exception):
    """Raised in a training that has made its batches."""


def training(folder: Path, sizes: Folder) -> tuple[Step, Step]:
    """Writes the folder as warm-up, then trains a few batches from it as Train Translator does.

    Run in a process of its own: one that has written shards knows their hashes, and does not read
    them to check them.
    """

    def report(done: int, loss: float) -> None:
        if done >= sizes.batches:
            raise _Enough

    def step() -> None:
        config = TranslatorConfig(
            kind="mixture",
            embed_dim=sizes.dim,
            latent_dim=sizes.dim,
            components=10,
            hidden=sizes.hidden,
            initial_std=1.0,
            generator=MODEL,
            generator_name=MODEL,
            auxiliary=MODEL,
            auxiliary_name=MODEL,
        )
        with tempfile.TemporaryDirectory() as kept, contextlib.suppress(_Enough):
            fit_translator(
                translator_of(config),
                StoredPairs(folder),
                FAST,
                seed=0,
                report=report,
                progress=TrainingFolder(Path(kept)),
            )

    return partial(write_pairs, folder, sizes), step
