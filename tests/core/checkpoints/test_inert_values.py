"""Values of every usual kind besides the weights: none of them makes a file unreadable."""

import argparse
import io
import pickle

import numpy as np
import pytest
import torch

from . import reader_files
from .inert_values import OLD, VALUES, W, opened

pytestmark = pytest.mark.filterwarnings("ignore")  # warnings of libraries about their own values


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Lowers the limit of entries, so that the tests are quick."""
    monkeypatch.setattr("latentsteer.core.checkpoints.pickles.modules.LONGEST", 1000)


@pytest.mark.parametrize("options", [{}, OLD], ids=["zip", "legacy"])
@pytest.mark.parametrize("kind", VALUES)
def test_a_value_beside_the_weights_does_not_sink_them(kind, options, tmp_path):
    path = tmp_path / "m.pt"
    content = {"g": {"w": W}, "args": argparse.Namespace(x=VALUES[kind])}
    torch.save(content, path, **options)
    opened(path)


@pytest.mark.parametrize(
    ("write", "protocol"),
    [
        *(("pickle", protocol) for protocol in range(6)),
        *((write, protocol) for write in ("zip", "legacy") for protocol in (0, 2, 5)),
        *(
            pytest.param(write, protocol, marks=pytest.mark.slow)
            for write in ("zip", "legacy")
            for protocol in (1, 3, 4)
        ),
    ],
)
def test_every_layout_opens_in_every_protocol(write, protocol, tmp_path):
    path = tmp_path / "m.pt"
    held = {
        kind: value for kind, value in VALUES.items() if _can_be_written(value, write, protocol)
    }
    assert len(held) > 30
    parts = torch.arange(24.0).reshape(4, 6)
    views = {"turned": parts.T, "part": parts[1:, ::2], "half": parts[0].half()}
    arrays = {"n": np.arange(3, dtype=np.float32), "long": np.arange(4), "pair": np.eye(2)}
    content = {"g": {"w": W, **views, **arrays}, "values": held}
    if write == "pickle":
        path.write_bytes(pickle.dumps(content, protocol))
    else:
        options = OLD if write == "legacy" else {}
        torch.save(content, path, pickle_protocol=protocol, **options)
    found = opened(path)
    for name, view in views.items():
        assert torch.equal(found[f"g.{name}"], view)
    for name, values in arrays.items():
        assert torch.equal(found[f"g.{name}"], torch.from_numpy(values))


def _can_be_written(value, write, protocol):
    try:
        if write == "pickle":
            pickle.dumps(value, protocol)
        else:
            options = OLD if write == "legacy" else {}
            torch.save(value, io.BytesIO(), pickle_protocol=protocol, **options)
    except Exception:  # noqa: BLE001 - whatever a library raises for its own values
        return False
    return True


def test_a_generator_opens_beside_values_of_every_kind(tmp_path):
    from latentsteer.core.generators import load_generator

    torch.save({"net": reader_files.state(), "args": VALUES}, tmp_path / "m.pt")
    assert load_generator(tmp_path / "m.pt").image_size == (8, 8)
