"""Loads the checkout as the package `latentsteer`, whatever its folder is called."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parent.parent

if "latentsteer" not in sys.modules:
    # Shapes and types of the core are checked at run time; in place before core is imported.
    # A machine that is borrowed for its accelerator may lack the checker; `make gpu` says so.
    # The children of tests/core/test_kernels.py compute what was checked already, and do without.
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


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Copies of model files go where the tests end, not into the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENTSTEER_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def quick_fit(monkeypatch):
    """Gaussians in the place of a prior are fitted to few draws; gives how many."""
    from latentsteer.core.energies import prior

    monkeypatch.setattr(prior, "FITTED", 256)
    return prior.FITTED


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Toys are too small to share out, and threads that wait for each other cost more.

    Whoever names a number of threads gets it.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)
