"""Two processes of torchrun against one."""

import json
import sys

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from torch import distributed

from ...translators.test_distributed import started_by_forks
from . import sharing

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not distributed.is_available() or sys.platform == "win32", reason="needs torch.distributed"
    ),
]


def test_losses_and_weights_are_those_of_one_process(tmp_path):
    """Also where the training was stopped and resumed by two."""
    for did in started_by_forks(sharing.__file__, tmp_path):
        assert did.returncode == 0, did.stderr
    made, expected = sharing.trained()
    weights = made.state_dict()
    found = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)]
    held = [checkpoints.read(tmp_path / f"{rank}.safetensors").tensors for rank in range(2)]
    for own in found:
        for mine, one in zip(own["losses"], expected, strict=True):
            assert {n: v for n, v in mine.items() if v is not None} == pytest.approx(
                {n: v for n, v in one.items() if v is not None}, rel=1e-3
            )
        assert "differs between the 2 processes: seed 0 and 1" in own["said"]
    for name, weight in weights.items():
        assert torch.equal(held[0][name], held[1][name])
        torch.testing.assert_close(held[0][name], weight, rtol=1e-2, atol=1e-3)
