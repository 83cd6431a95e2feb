"""Two processes of torchrun against one: losses, weights, files of pairs, and what goes wrong."""

import json
import os
import subprocess
import sys

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.errors import InvalidInput
from latentsteer.core.pairs.keeping import keep_pairs
from latentsteer.core.pairs.lock import LOCK
from latentsteer.core.pairs.processes import ALONE, Processes
from latentsteer.core.pairs.stored import StoredPairs
from latentsteer.core.translators.distributed import own_rows
from latentsteer.core.translators.progress import TrainingFile
from torch import distributed

from ... import forks
from ..pairs import toy
from . import sharing
from .sharing import COUNT, MORE, PER_EPOCH, RUNS, SHARD, STOP, TRAINING, trained

pytestmark = pytest.mark.skipif(
    not distributed.is_available() or sys.platform == "win32", reason="needs torch.distributed"
)
LIMITS = {"float64": 1e-5, "float32": 1e-4}
"""Largest relative differences of a loss."""


def by_torchrun(folder):
    """Runs two processes as users do."""
    run = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    command = [sys.executable, *run, sharing.__file__, str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return [subprocess.run(command, capture_output=True, text=True, env=environment, check=False)]


def by_forks(folder):
    """Runs two processes, with an agent's store and the variables that torchrun sets."""
    return started_by_forks(sharing.__file__, folder)


def started_by_forks(script, folder):
    """Runs a script in two processes; returns what they did."""
    store = distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    environment = {
        **os.environ,
        **{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(store.port)},
        **{"TORCHELASTIC_RUN_ID": "none", "TORCHELASTIC_USE_AGENT_STORE": "True"},
        **{"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"},
    }
    both = [
        forks.Script(
            *(forks.TRAINING, script, folder),
            env=environment | {"RANK": rank, "LOCAL_RANK": rank},
        )
        for rank in "01"
    ]
    return [one.result() for one in both]


@pytest.fixture(
    scope="module", params=[by_forks, pytest.param(by_torchrun, marks=pytest.mark.slow)]
)
def folder(request, tmp_path_factory):
    """What two processes have done together, in one start."""
    path = tmp_path_factory.mktemp("shared")
    file = TrainingFile(path / "by-one.safetensors")
    trained("mixture", "float64", stop=STOP, progress=file)
    for did in request.param(path):
        assert did.returncode == 0, did.stderr
    return path


@pytest.fixture
def found(folder):
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


@pytest.fixture(scope="module")
def alone():
    """Trainings of one process."""
    return {run: trained(*run) for run in RUNS}


def farthest(losses, expected):
    assert len(losses) == len(expected)
    return max(abs(a - b) / abs(b) for a, b in zip(losses, expected, strict=True))


@pytest.mark.parametrize(("kind", "dtype"), RUNS)
def test_losses_and_weights_are_those_of_one_process(kind, dtype, folder, found, alone):
    translator, expected = alone[kind, dtype]
    assert len(expected) == RUNS[kind, dtype] * PER_EPOCH
    assert sum(expected[-PER_EPOCH:]) < sum(expected[:PER_EPOCH])
    weights = translator.state_dict()
    held = []
    for rank, own in enumerate(found):
        assert (own["rank"], own["size"]) == (rank, 2)
        assert farthest(own[f"{kind} {dtype}"], expected) < LIMITS[dtype]
        held.append(checkpoints.read(folder / f"{kind}-{dtype}-{rank}.safetensors").tensors)
    for name, weight in weights.items():
        assert torch.equal(held[0][name], held[1][name])
        torch.testing.assert_close(held[0][name], weight, rtol=1e-3, atol=1e-4)


def test_a_training_continues_with_another_number_of_processes(folder, found, alone, caplog):
    """To the same losses up to rounding, and a warning says so."""
    _, expected = alone["mixture", "float64"]
    for own in found:
        assert farthest(own["continued"], expected[STOP:]) < LIMITS["float64"]
    caplog.clear()
    file = TrainingFile(folder / "by-two.safetensors")
    assert checkpoints.read(file.path).config["machine"]["processes"] == 2
    _, losses = trained("mixture", "float64", progress=file)
    assert farthest(losses[1:], expected[STOP:]) < LIMITS["float64"]
    assert "processes: 2 then, 1 now" in caplog.text


@pytest.mark.bits
def test_shared_synthesis_makes_the_files_of_one_process(folder, found, tmp_path):
    """Also when it extends pairs of which it has made a part."""
    keep_pairs(tmp_path, toy.source(), COUNT, shard=SHARD)
    keep_pairs(tmp_path, toy.source(), MORE, shard=SHARD)
    one, two = (
        {path.name: path.read_bytes() for path in place.iterdir() if path.name != LOCK}
        for place in (tmp_path, folder / "pairs")
    )
    assert one == two
    assert [own["kept"] for own in found] == [10, 10]


def test_processes_that_do_not_agree_are_refused(found):
    for own in found:
        said = own["messages"]
        assert (
            "InvalidInput: The training differs between the 2 processes: seed 0 and 1."
            in (said["other seeds"])
        )
        assert "batches done 9 and 0" in said["other files"]
        assert "storage that all machines share" in said["other files"]
        assert "The folder 'apart-" in said["other folders"]
        assert "storage that they share" in said["other folders"]


def test_the_failure_of_one_process_stops_all_and_keeps_finished_shards(folder, found):
    first, second = (own["messages"]["one fails"] for own in found)
    assert second == "SteerError: out of memory"
    assert first == "PeerFailed: Process 1 failed: out of memory"
    assert len(StoredPairs(folder / "failed")) == 3 * SHARD
    for own in found:
        assert "pairs are not finite and were dropped" in own["messages"]["dropped"]


def test_what_is_kept_before_too_many_pairs_are_dropped_is_what_one_process_keeps(
    folder, tmp_path
):
    source = toy.source(spoilt=(2.2,))
    with pytest.raises(InvalidInput, match="not finite"):
        keep_pairs(tmp_path, source, 300, shard=SHARD)
    kept = [
        (place / "pairs.json").read_text() if (place / "pairs.json").exists() else ""
        for place in (tmp_path, folder / "dropped")
    ]
    assert kept[0] == kept[1]


@pytest.mark.parametrize("count", [1, 2, 7, 16])
@pytest.mark.parametrize("size", [1, 2, 3, 16])
def test_processes_share_the_rows_of_a_batch(count, size):
    parts = [own_rows(Processes(rank, size), count) for rank in range(size)]
    rows = [row for part, share in parts if share for row in range(count)[part]]
    assert rows == list(range(count))
    assert sum(share for _, share in parts) == pytest.approx(1)
    sizes = [len(range(count)[part]) for part, share in parts if share]
    assert max(sizes) - min(sizes) <= 1


def test_batches_smaller_than_the_number_of_processes_are_refused():
    with pytest.raises(InvalidInput, match="Batches of 16 pairs for 17 processes"):
        trained("mixture", "float32", Processes(0, 17))
    assert TRAINING.batch_size == 16


def test_one_process_exchanges_nothing():
    assert ALONE.gathered({"a": 1}) == [{"a": 1}]
    ALONE.check_same({"a": 1}, "It", "Mend it.")
    numbers = torch.ones(2)
    assert ALONE.summed(numbers) is numbers
    with pytest.raises(ZeroDivisionError):
        ALONE.shared(lambda: 1 / 0)
