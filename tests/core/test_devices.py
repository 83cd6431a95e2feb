"""One thread for loops of small operations, and the former number afterwards."""

import pytest
import torch
from latentsteer.core.devices import SMALL_IMAGE, SMALL_WORK, passive, threads_for
from latentsteer.core.pairs.in_memory import synthetic_pairs
from latentsteer.core.refine.refinement import refine
from latentsteer.core.starts.candidates import from_prior
from latentsteer.core.translators.training import (
    Training,
    fit_translator,
    new_translator,
)
from torch import nn

CPU = torch.device("cpu")
VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


@pytest.fixture
def two(monkeypatch):
    """Two threads that spin."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def inside(modules=(), *, rows=8, device=CPU, image_size=(28, 28)):
    with threads_for(modules, rows=rows, device=device, image_size=image_size):
        return torch.get_num_threads()


def of_numbers(count):
    return nn.Linear(count, 1, bias=False, device="meta")


@pytest.mark.usefixtures("two")
def test_small_work_has_one_thread_and_the_count_comes_back():
    assert inside() == 1
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two")
def test_the_count_comes_back_after_an_error_too():
    with pytest.raises(KeyboardInterrupt), threads_for((), rows=1, device=CPU):
        raise KeyboardInterrupt
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"image_size": (64, 64)}, 1),
        ({"image_size": (64, 65)}, 2),
        ({"modules": (of_numbers(SMALL_WORK // 8),)}, 1),
        ({"modules": (of_numbers(SMALL_WORK // 8 + 1),)}, 2),
        ({"modules": [of_numbers(SMALL_WORK // 9) for _ in range(2)]}, 2),
        ({"modules": (of_numbers(1000),), "rows": 1337}, 1),
        ({"modules": (of_numbers(100_000),), "rows": 1337}, 2),
        ({"device": torch.device("cuda")}, 2),
        ({"device": torch.device("mps")}, 2),
    ],
)
def test_the_size_of_the_work_decides(changes, expected):
    assert inside(**changes) == expected
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two")
def test_one_network_named_twice_counts_once():
    network = of_numbers(SMALL_WORK // 8)
    assert inside((network, nn.Sequential(network))) == 1


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"OMP_WAIT_POLICY": "PASSIVE"}, True),
        ({"OMP_WAIT_POLICY": "passive"}, True),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, False),
        ({"GOMP_SPINCOUNT": "0"}, True),
        ({"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "1000"}, False),
        ({"OMP_WAIT_POLICY": "ACTIVE", "GOMP_SPINCOUNT": "0"}, True),
        ({"KMP_BLOCKTIME": "0"}, True),
    ],
)
def test_threads_that_sleep_while_they_wait_stay(environment, expected, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert passive() is expected
    assert inside() == (2 if expected else 1)


@pytest.mark.usefixtures("two")
def test_the_loops_run_on_one_thread_and_give_the_count_back(toys):
    generator, classifier = toys.generator(), toys.classifier()
    seen = []
    job = toys.job(steps=2)
    start = toys.latents(generator, toys.normal(2, 12))

    def stopped(snapshot):
        seen.append(torch.get_num_threads())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        refine(job, start, on_step=stopped)
    assert torch.get_num_threads() == 2
    told = lambda *done: seen.append(torch.get_num_threads())  # noqa: E731
    made = synthetic_pairs(
        generator, classifier, 3, seed=0, chunking=job.chunking, device=CPU, report=told
    )
    translator = new_translator(generator, classifier, components=2, hidden=4, seed=0)
    fit_translator(translator, made, Training(epochs=1), seed=0, report=told)
    from_prior(
        generator,
        start.rng(0, "x"),
        energy=job.energy,
        candidates=2,
        chunking=job.chunking,
        device=CPU,
        report=told,
    )
    assert len(seen) > 4
    assert set(seen) == {1}
    assert torch.get_num_threads() == 2


def test_the_embedded_models_are_small_and_large_ones_are_not():
    assert 8 * 4_800_000 <= SMALL_WORK < 8 * 20_000_000
    assert SMALL_IMAGE == 64
