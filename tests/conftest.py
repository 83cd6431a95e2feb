"""Loads the checkout as the package `latentsteer`, for any name of its folder."""

import gc
import importlib.util
import os
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parent.parent

gc.disable()  # until all tests are collected: what is imported stays

if "latentsteer" not in sys.modules:
    # Shapes and types of the core are checked at run time; in place before core is imported. A
    # machine borrowed for its accelerator may lack the checker; `make gpu` reports it. The
    # children of tests/core/test_kernels.py repeat checked computations, and do without.
    checked = "LATENTSTEER_UNCHECKED" not in os.environ
    if checked and importlib.util.find_spec("beartype") is not None:
        from . import type_checks

        type_checks.install("latentsteer.core")
    spec = importlib.util.spec_from_file_location(
        "latentsteer", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules["latentsteer"] = package
    spec.loader.exec_module(package)


@pytest.hookimpl(wrapper=True)
def pytest_collection(session):
    """Leaves the modules and the collected tests out of each later search for garbage."""
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Copies of model files go into a temporary folder instead of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENTSTEER_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


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
