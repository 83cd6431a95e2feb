"""LatentSteer's forward pass of a host's CLIP Vision has its embeddings, and gradients."""

import json
from pathlib import Path

import pytest

from .hosts import make_base

pytestmark = pytest.mark.host
HERE = Path(__file__).parent


def test_embeddings_are_the_hosts_and_have_gradients(checkout, tmp_path, record_property):
    base = make_base(tmp_path / "base")
    found = json.loads(checkout.run(HERE / "clip_vision.py", base).splitlines()[-1])
    for name in ("quick_gelu", "gelu"):
        one = found[name]
        record_property(f"{name}_apart", one["apart"])
        assert one["apart"] < 1e-5
        assert one["size"] > 0.1
        assert one["slope"] > 0
        assert one["same"]
        assert not one["inference"]
    assert "lack their pooling" in found["siglip"]["refused"]
