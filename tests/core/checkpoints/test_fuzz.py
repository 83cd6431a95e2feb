"""Mutated files of every kind: the original content or an error of LatentSteer, nothing else.

With check sums this holds for `read` itself. Without them, a changed letter of a name makes
another valid file; there the loaded network is compared, because its architecture needs every
name.
"""

import pytest

from . import reader_files
from .test_hostile import in_child

MEMORY = 1 << 28
"""Memory limit of reading one of these small files, in bytes."""
LONGEST = 5.0
"""Seconds for one file."""
NAMELESS = "tensorflow.pkl"
"""No architecture of this example is registered, so that none could miss a name."""
LEVELS = [
    *[(name, "read") for name in reader_files.SEALED],
    *[(name, "load") for name in reader_files.OPEN if name != NAMELESS],
    (NAMELESS, "read"),
]
GROUPS = [LEVELS[n::4] for n in range(4)]
"""The files of one child process of the slow test."""


def fuzz(folder, group, count, seed):
    """Mutates every file of a group in a child; all must have a permitted outcome."""
    for name, _ in group:
        (reader_files.SEALED | reader_files.OPEN)[name](folder / name)
    files = [(str(folder / name), level) for name, level in group]
    job = {"fuzzed": files, "count": count, "seed": seed, "memory": MEMORY, "seconds": 300}
    answer = in_child(folder, job)
    assert answer["slowest"] < LONGEST
    assert answer["grown"] < MEMORY
    assert answer["seen"] == []
    for (name, _), said in zip(group, answer["fuzzed"], strict=True):
        assert sum(said["counts"].values()) + len(said["faults"]) == count
        assert said["counts"]["refused"] > count // 5
        allowed = ("renamed",) if name == NAMELESS else ()
        assert [fault for fault in said["faults"] if not fault.startswith(allowed)] == []


def test_a_thousand_mutations(tmp_path):
    fuzz(tmp_path, LEVELS, 1_002 // len(LEVELS), seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(12))
@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group[0][0])
def test_fifty_thousand_mutations(group, part, tmp_path):
    fuzz(tmp_path, group, 50_112 // 12 // len(LEVELS), seed=100 + part)
