"""Tensors that depend on unknown values: refused by name, once they are taken."""

import numpy as np
import pytest
import torch
from latentsteer.core.checkpoints.cache import cached
from latentsteer.core.errors import CheckpointError

from . import reader_files
from .inert_values import OLD, Reduced, W, opened, quantised, unknown_rebuild

pytestmark = pytest.mark.filterwarnings("ignore")  # warnings of libraries about their own values


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (torch.eye(2).to_sparse(), "_rebuild_sparse_tensor"),
        (quantised(), "_rebuild_qtensor"),
        (torch.empty(3, device="meta"), "_rebuild_meta_tensor_no_storage"),
        (Reduced(unknown_rebuild, W), "unknown_rebuild"),
        (np.array([None]), "Python objects"),
        (torch.tensor([float("nan")]), "not finite"),
    ],
    ids=["sparse", "quantised", "meta", "unknown", "objects", "nan"],
)
@pytest.mark.parametrize("options", [{}, OLD], ids=["zip", "legacy"])
def test_a_tensor_that_is_not_read_is_refused_by_name_once_it_is_taken(
    value, names, options, tmp_path, monkeypatch
):
    monkeypatch.setattr("latentsteer.core.checkpoints.cache.LEAST_BYTES", 0)
    path = tmp_path / "m.pt"
    torch.save({"g": {"w": W, "bad": value}}, path, **options)
    for found in (opened(path), cached(path, tmp_path).tensors, cached(path, tmp_path).tensors):
        with pytest.raises(CheckpointError, match=names) as caught:
            found["g.bad"]
        assert "`g.bad`" in str(caught.value)
        assert str(path.name) in str(caught.value) or "safetensors" in str(caught.value)


def test_a_network_that_lacks_such_a_tensor_names_it(tmp_path):
    from latentsteer.core.generators import load_generator

    state = reader_files.state()
    state["main.3.weight"] = Reduced(unknown_rebuild, state["main.3.weight"])
    torch.save({"net": state}, tmp_path / "m.pt")
    with pytest.raises(CheckpointError, match=r"net\.main\.3\.weight.*unknown_rebuild"):
        load_generator(tmp_path / "m.pt")
