"""Loads the checkout as the package `latentsteer`, for any name of its folder."""

import dataclasses
import functools
import gc
import importlib.util
import logging
import os
import sys
from pathlib import Path

import pytest

from . import forks

ROOT = Path(__file__).parent.parent


def only_starts_workers(arguments):
    """Whether this process is that of `pytest -n auto`, whose workers run all tests.

    With the path of a test it also opens the conftest.py there, which needs the package.
    """
    if "PYTEST_XDIST_WORKER" in os.environ or "-n" not in arguments:
        return False
    number = arguments[arguments.index("-n") + 1 :][:1]
    return number != ["0"] and not any(Path(one.partition("::")[0]).exists() for one in arguments)


def load_package():
    """Loads the checkout; shapes and types of its core are checked at run time.

    A machine borrowed for its accelerator may lack the checker; `make gpu` reports it. The
    children of tests/core/test_kernels.py repeat checked computations, and do without.
    """
    checked = "LATENTSTEER_UNCHECKED" not in os.environ
    if checked and importlib.util.find_spec("beartype") is not None:
        from . import type_checks

        type_checks.install("latentsteer.core")  # in place before the core is imported
    spec = importlib.util.spec_from_file_location(
        "latentsteer", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules["latentsteer"] = package
    spec.loader.exec_module(package)


def pytest_configure(config):
    """The process of `pytest -n auto` starts the server of forks, which all workers share."""
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        forks.start()


def pytest_unconfigure():
    forks.stop()


# Matrices are too small for OpenBLAS's threads: these only wait, at full speed.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
gc.disable()  # until all tests are collected: what is imported stays
if not only_starts_workers(sys.argv[1:]):
    import torch

    # No test compares distributed tensors; to look for them, `assert_close` imports for seconds.
    torch.testing._comparison._HAS_DTENSOR = False
    if "latentsteer" not in sys.modules:
        load_package()


@pytest.hookimpl(wrapper=True)
def pytest_collection(session):
    """Leaves the modules and the collected tests out of each later search for garbage."""
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
        # PyTorch has some fifty loggers that do not propagate; pytest attaches its handlers to
        # each, six times in a test.
        for logger in logging.Logger.manager.loggerDict.values():
            if isinstance(logger, logging.Logger):
                logger.propagate = True


def pytest_runtest_setup(item):
    """Every test checks the types of a function's first calls again."""
    if (checks := sys.modules.get(f"{__package__}.type_checks")) is not None:
        checks.calls.clear()


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Copies of model files go into a temporary folder instead of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENTSTEER_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def references_opened_once():
    """The shipped real images are decoded once: a hundred megabytes of avatars."""
    from latentsteer.core.zoo import shipped

    whole = shipped.reference_images

    @functools.cache
    def opened(name):
        with torch.inference_mode(False):
            return whole(name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shipped, "reference_images", opened)
        yield


@pytest.fixture(scope="session")
def unchanged():
    """Folders whose models no test changes: see `models_opened_once`."""
    return [ROOT]


@pytest.fixture(scope="session", autouse=True)
def models_opened_once(unchanged):
    """The nodes open each of these models once for some options: models are frozen."""
    from latentsteer.nodes.load import auxiliary, generator

    opened = {}

    def once(load):
        def open_file(path, *options, **named):
            kept = any(folder in Path(path).parents for folder in unchanged)
            if not kept or torch.is_inference_mode_enabled():
                return load(path, *options, **named)
            key = load, path, repr((options, sorted(named.items())))
            if key not in opened:
                opened[key] = load(path, *options, **named)
            return opened[key]

        return open_file

    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((generator, "open_generator"), (auxiliary, "open_model")):
            patch.setattr(module, name, once(getattr(module, name)))
        yield


@pytest.fixture(scope="session")
def judged():
    """Outputs of classifiers for single images: see `judged_once`."""
    return {}


@pytest.fixture
def judged_once(judged, monkeypatch):
    """A classifier sees an image once in a session: tests judge the same real images."""
    from latentsteer.core.metrics import classes as metrics

    computed = metrics.classifier_outputs

    def outputs(classifier, images, chunking, device):
        names = [(classifier.id, image.numpy().tobytes()) for image in images.contiguous()]
        new = [row for row, name in enumerate(names) if name not in judged]
        if new:
            found = computed(classifier, images[new], chunking, device)
            rows = zip(found.probabilities, found.features, strict=True)
            judged.update(zip((names[row] for row in new), rows, strict=True))
        columns = zip(*(judged[name] for name in names), strict=True)
        return metrics.ClassifierOutputs(*map(torch.stack, columns))

    monkeypatch.setattr(metrics, "classifier_outputs", outputs)


@pytest.fixture
def quick_fit(monkeypatch):
    """Fits Gaussians of priors to few draws; returns how many."""
    from latentsteer.core.energies import prior

    monkeypatch.setattr(prior, "FITTED", 256)
    return prior.FITTED


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Toys are too small for several threads, which cost more by waiting for each other.

    Tests that request a number of threads get it.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def drawn():
    """Pictures of traces: see `curves_drawn_once`."""
    return {}


@pytest.fixture
def curves_drawn_once(drawn, monkeypatch):
    """Energy Report draws one picture of all traces of as many terms, for runs of whole graphs.

    matplotlib takes half a second for it, and its file a tenth: the picture is made an eighth as
    wide. What it shows is asserted elsewhere.
    """
    from latentsteer.nodes.report import energy

    plot = energy.plot

    def once(trace):
        terms = len(trace.terms)
        if terms not in drawn:
            drawn[terms] = plot(trace).reduce(8)
        return drawn[terms]

    monkeypatch.setattr(energy, "plot", once)


@pytest.fixture
def short_plans(monkeypatch):
    """Tasks take few steps and candidates, whose numbers no widget sets."""
    from latentsteer.core.tasks import edit, plans

    for name in ("FROM_PAIRS", "CLASSES_FROM_PAIRS", "FROM_PRIOR", "BY_TRANSLATOR"):
        few = {
            quality: dataclasses.replace(plan, steps=2, candidates=min(plan.candidates, 4))
            for quality, plan in getattr(plans, name).items()
        }
        monkeypatch.setattr(plans, name, few)
    monkeypatch.setattr(edit, "GRID", 2)
    monkeypatch.setattr(edit, "BISECTIONS", 1)


@pytest.fixture(scope="session")
def read_before():
    """Contents of model files: see `files_read_once`."""
    return {}


@pytest.fixture
def files_read_once(read_before, monkeypatch):
    """Loaders read a pickle once in a session: for tests that load the same files many times."""
    from latentsteer.core.checkpoints import cache

    read = cache.read

    def once(path):
        if path.is_dir() or path.suffix == ".safetensors":
            return read(path)
        key = cache.fingerprint(path), path.suffix
        if key not in read_before:
            read_before[key] = read(path)
        return dataclasses.replace(read_before[key], path=path)

    monkeypatch.setattr(cache, "read", once)
