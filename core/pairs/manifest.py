"""Manifest of stored pairs: their origin, their storage, and their shards."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from ..checkpoints.names import PAIRS_MARK
from ..errors import CheckpointError, InvalidInput
from ..files import replacing
from .origin import Origin
from .precision import PRECISIONS, ConditionStorage, row_bytes

__all__ = ["MANIFEST", "LatentStorage", "Manifest", "ShardRecord", "read_manifest"]

MANIFEST = PAIRS_MARK
"""Name of the manifest in the folder of the pairs."""
WHAT, VERSION = "pairs", 1
LatentStorage: TypeAlias = Literal["stored", "seed", "half"]
LATENT_BYTES: Mapping[LatentStorage, int] = {"stored": 4, "seed": 0, "half": 2}
"""Bytes of a stored coordinate."""


@dataclass(frozen=True)
class ShardRecord:
    """A finished shard.

    Attributes:
        file: name of the file in the folder.
        first: number of its first drawn pair.
        last: number after its last drawn pair.
        dropped: numbers in between that it lacks, since a value was not finite.
        sha256: hash of the file.
    """

    file: str
    first: int
    last: int
    dropped: tuple[int, ...]
    sha256: str

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> "ShardRecord":
        """Returns the record of a JSON object with its fields.

        Raises:
            InvalidInput: the file lies outside of the folder.
            ValueError, KeyError, TypeError: the object has another form.
        """
        file = str(entry["file"])
        if Path(file).name != file:
            raise InvalidInput(f"the shard {file!r} lies outside of the folder")
        dropped = tuple(int(number) for number in entry["dropped"])
        return cls(file, int(entry["first"]), int(entry["last"]), dropped, entry["sha256"])

    def numbers(self, count: int | None = None) -> Sequence[int]:
        """Returns the numbers of its pairs, in order; those below `count`, if it is given."""
        last = self.last if count is None else min(self.last, count)
        if not self.dropped:
            return range(self.first, last)
        gone = set(self.dropped)
        return [number for number in range(self.first, last) if number not in gone]


@dataclass(frozen=True)
class Manifest:
    """State of a folder of pairs: what is not in it is not finished.

    Attributes:
        origin: what decides the values of the pairs.
        precision: storage of the conditions.
        latents: "stored", "half" for fp16, or "seed" if the prior draws them again.
        shards: finished shards; each begins where the one before it ends, the first at 0.
    """

    origin: Origin
    precision: ConditionStorage
    latents: LatentStorage
    shards: tuple[ShardRecord, ...] = ()

    def __post_init__(self) -> None:
        _check_storage(self.precision, self.latents)
        if self.latents == "seed" and self.origin.redrawn is None:
            raise InvalidInput(
                f"Latents of {self.origin.generator_name!r} cannot be stored by their seed: that "
                "needs a Gaussian prior without balanced classes. Store the latents."
            )
        spans = [(0, 0), *((shard.first, shard.last) for shard in self.shards)]
        if any(one[1] != two[0] or two[0] >= two[1] for one, two in pairwise(spans)):
            raise InvalidInput("Shards that do not follow one another")

    @property
    def drawn(self) -> int:
        """Number of drawn pairs, dropped ones included."""
        return self.shards[-1].last if self.shards else 0

    @property
    def dropped(self) -> int:
        """Number of dropped pairs."""
        return sum(len(shard.dropped) for shard in self.shards)

    @property
    def pair_bytes(self) -> int:
        """Number of bytes of a stored pair."""
        own = LATENT_BYTES[self.latents] * self.origin.dim
        return own + sum(row_bytes(self.precision, f.width) for f in self.origin.auxiliaries)

    def with_shards(self, shards: Sequence[ShardRecord]) -> "Manifest":
        """Returns the manifest with other shards."""
        return replace(self, shards=tuple(shards))

    def write(self, folder: Path) -> None:
        """Writes the manifest to a temporary name and renames it."""
        record: dict[str, Any] = {
            "what": WHAT,
            "version": VERSION,
            "origin": self.origin.to_json(),
            "precision": self.precision,
            "latents": self.latents,
            "shards": [asdict(shard) for shard in self.shards],
        }
        text = json.dumps(record, indent=1, sort_keys=True) + "\n"
        with replacing(folder / MANIFEST) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _check_storage(precision: str, latents: str) -> None:
    if precision not in PRECISIONS or latents not in get_args(LatentStorage):
        raise InvalidInput(
            f"Conditions as {precision!r}, latents {latents!r}; expected one of "
            f"{', '.join(PRECISIONS)}, and {', '.join(get_args(LatentStorage))}."
        )


def read_manifest(folder: Path) -> Manifest:
    """Reads the manifest of a folder; opens no shard.

    Raises:
        CheckpointError: there is none, or it is damaged or of a later version.
    """
    path = folder / MANIFEST
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["what"] != WHAT or record["version"] > VERSION:
            raise CheckpointError(
                f"{path} holds {record['what']!r} of version {record['version']}; expected "
                f"{WHAT!r} up to version {VERSION}. Update LatentSteer, or make the pairs again."
            )
        shards = tuple(ShardRecord.from_json(entry) for entry in record["shards"])
        origin = Origin.from_json(record["origin"])
        _check_storage(record["precision"], record["latents"])
        return Manifest(origin, record["precision"], record["latents"], shards)
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{folder} holds no pairs: it has no {MANIFEST}. Make some with Synthesise Pairs."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, InvalidInput) as error:
        raise CheckpointError(f"{path} is damaged: {error}. Make the pairs again.") from error
