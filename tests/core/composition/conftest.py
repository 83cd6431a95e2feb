"""Compositions on the toy generator."""

from functools import partial

import pytest
from latentsteer.core.composition.compose import Composer

from .compositions import job_of


@pytest.fixture
def given(toys):
    """Makes a job on the toy generator and its latents: see `compositions`."""
    return partial(job_of, toys)


@pytest.fixture
def composed(given):
    """Runs such a job."""
    return lambda *args, **changes: Composer(*given(*args, **changes)).run()
