"""`latentsteer bench host` without a host, and its requirements."""

from pathlib import Path

import pytest
from latentsteer.core.errors import InvalidInput
from latentsteer.workflows.studies.bench.host import checks_of, hosts


def test_without_a_checkout_it_says_so(tmp_path):
    for environment in ({}, {"COMFYUI_PATH": "a:b", "COMFYUI_PYTHON": "c"}):
        with pytest.raises(InvalidInput, match=r"(?s)COMFYUI_PATH.*Nothing was measured"):
            hosts(environment)
    with pytest.raises(InvalidInput, match=r"nodes\.py is not there"):
        hosts({"COMFYUI_PATH": str(tmp_path), "COMFYUI_PYTHON": "/usr/bin/env"})
    (tmp_path / "nodes.py").touch()
    known = {"COMFYUI_PATH": str(tmp_path), "COMFYUI_PYTHON": str(tmp_path / "nodes.py")}
    assert hosts(known) == [(Path(tmp_path), tmp_path / "nodes.py")]


def test_half_the_memory_and_the_same_bits_are_required():
    one = {"bytes": 100, "digest": "a"}
    found = {"plain": one, "checkpointed": {"bytes": 40, "digest": "a"}, "staged": one}
    assert [check.holds for check in checks_of("host", found)] == [True, True]
    found["checkpointed"] = {"bytes": 60, "digest": "b"}
    assert [check.holds for check in checks_of("host", found)] == [False, False]
    assert len(checks_of("host", found, quick=True)) == 1
