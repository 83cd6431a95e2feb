"""Pickled modules and networks: names, attributes and arguments as the authors' state dicts."""

import argparse
import json
import math
import pickle
from types import SimpleNamespace

import pytest
import torch
from latentsteer.core.checkpoints.checkpoint import read
from latentsteer.core.errors import CheckpointError

from . import reader_files

OLD = {"_use_new_zipfile_serialization": False}
PICKLES = {
    "plain": reader_files.plain_modules,
    "persistent": reader_files.persistent,
}


def expected():
    """Returns the content of the example that a reader should find, below its prefix."""
    extra = {"size": torch.tensor([8, 8]), "filter": torch.tensor([1.0, 3.0, 3.0, 1.0])}
    return reader_files.Generator().state_dict() | extra


def same(found, wanted, prefix=""):
    assert found.keys() == {prefix + name for name in wanted}
    for name, tensor in wanted.items():
        assert found[prefix + name].dtype == tensor.dtype
        assert torch.equal(found[prefix + name], tensor), name


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("kind", PICKLES)
def test_a_pickled_module_gives_its_state_dict_behind_its_path(kind, protocol, tmp_path):
    path = tmp_path / "network.pkl"
    path.write_bytes(PICKLES[kind](protocol))
    checkpoint = read(path)
    same(checkpoint.tensors, expected(), "G_ema.")
    found = checkpoint.config["modules"]["G_ema"]
    assert found["class"] == "Generator"
    assert found["attributes"]["width"] == 4
    assert found["attributes"]["names"] == ["a", "b"]
    assert found["attributes"]["scale"] == "inf"
    conv = checkpoint.config["modules"]["G_ema.main.3"]
    assert conv["class"] == "ConvTranspose2d"
    assert conv["module"] == "torch.nn.modules.conv"
    assert conv["attributes"]["stride"] == [2, 2]
    json.dumps(checkpoint.config, allow_nan=False)
    if kind == "persistent":
        assert found["arguments"] == {"args": [3], "kwargs": {"width": 4}}
        assert checkpoint.config["values"] == {"training_set_kwargs": {"resolution": 8}}
    else:
        assert found["module"] == "pg_modules.networks"
        assert checkpoint.config["values"] == {"augment_pipe": None, "note": "x"}


@pytest.mark.parametrize("suffix", [".pkl", ".pth", ".pickle", ".safetensors", ".PT"])
@pytest.mark.parametrize("options", [{}, OLD])
def test_a_whole_module_has_no_prefix_and_its_suffix_does_not_matter(suffix, options, tmp_path):
    path = tmp_path / f"decoder{suffix}"
    reader_files._whole(path, **options)
    checkpoint = read(path)
    same(checkpoint.tensors, expected())
    assert checkpoint.config["modules"][""]["module"] == "authors.networks"


def test_a_network_of_tensorflow_has_the_names_of_its_variables(tmp_path):
    (tmp_path / "m.pkl").write_bytes(reader_files.tensorflow())
    checkpoint = read(tmp_path / "m.pkl")
    generator = {
        "dlatent_avg": (4,),
        "G_mapping/Dense0/weight": (4, 4),
        "G_synthesis/4x4/Const/const": (1, 4, 4, 4),
        "G_synthesis/lod": (),
    }
    names = {f"{n}.{name}": shape for n in (0, 2) for name, shape in generator.items()}
    shapes = {name: tuple(tensor.shape) for name, tensor in checkpoint.tensors.items()}
    assert shapes == names | {"1.Output/bias": (1,)}
    assert checkpoint.tensors["2.G_synthesis/lod"] == torch.tensor(0.5)
    modules = checkpoint.config["modules"]
    assert modules["2"]["arguments"] == {"kwargs": {"resolution": 8}}
    assert modules["2"]["attributes"]["version"] == 4
    assert modules["2.components.mapping"]["attributes"]["name"] == "G_mapping"
    assert "values" not in checkpoint.config


@pytest.mark.parametrize("options", [{}, OLD])
def test_namespaces_and_plain_values_are_json(options, tmp_path):
    content = {
        "args": argparse.Namespace(scales=2, deep={"a": (1, 2)}, path=None),
        "more": SimpleNamespace(loss=math.inf, worst=math.nan),
        "state": {"w": torch.ones(2)},
        "history": [1, 2.5, "x"],
        "mixed": [torch.zeros(1), "kept"],
        "huge": 2**90,
        "numbers": {3: "three"},
        "groups": {1, 2},
    }
    torch.save(content, tmp_path / "m.pt", **options)
    checkpoint = read(tmp_path / "m.pt")
    assert checkpoint.tensors.keys() == {"state.w", "mixed.0"}
    assert checkpoint.config["values"] == {
        "args": {"scales": 2, "deep": {"a": [1, 2]}, "path": None},
        "more": {"loss": "inf", "worst": "nan"},
        "history": [1, 2.5, "x"],
        "mixed": [None, "kept"],
        "numbers": {"3": "three"},
        "groups": [1, 2],
    }


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("write", ["zip", "old", "pickle", "safetensors"])
def test_weights_that_are_not_finite_are_refused_once_they_are_taken(value, write, tmp_path):
    from latentsteer.core.checkpoints import checkpoint as checkpoints

    path = tmp_path / "m.safetensors"
    tensors = {"good": torch.ones(3), "bad.weight": torch.tensor([1.0, value])}
    if write == "safetensors":
        checkpoints.write(path, tensors)
    elif write == "pickle":
        path.write_bytes(pickle.dumps(tensors, 4))
    else:
        torch.save(tensors, path, **(OLD if write == "old" else {}))
    found = read(path).tensors
    assert torch.equal(found["good"], tensors["good"])
    with pytest.raises(CheckpointError, match=r"not finite in `bad\.weight`"):
        found["bad.weight"]


def test_infinite_masks_are_weights(tmp_path):
    mask = torch.full((2, 2), -math.inf).triu(1)
    torch.save({"attn_mask": mask}, tmp_path / "m.pt")
    assert torch.equal(read(tmp_path / "m.pt").tensors["attn_mask"], mask)


def test_an_optimisers_broken_numbers_are_left_out(tmp_path):
    network = torch.nn.Linear(2, 1)
    optimiser = torch.optim.Adam(network.parameters())
    network(torch.ones(1, 2)).sum().backward()
    optimiser.step()
    optimiser.state[network.weight]["exp_avg"].fill_(math.nan)
    content = {"net": network.state_dict(), "optim": optimiser.state_dict()}
    torch.save(content, tmp_path / "m.pt")
    found = read(tmp_path / "m.pt").tensors
    assert "optim.state.0.exp_avg" not in found
    assert "optim.state.0.exp_avg_sq" in found
    assert "net.weight" in found


def test_a_module_without_its_parts_is_refused(tmp_path):
    path = tmp_path / "m.pkl"
    path.write_bytes(reader_files.plain_modules().replace(b"_buffers", b"_bufferz"))
    with pytest.raises(CheckpointError, match=r"a module `G_ema` with only .*; it is damaged"):
        read(path)


def test_a_part_of_a_storage_opens_without_check_sums(tmp_path):
    whole = torch.arange(24.0).reshape(4, 6)
    views = {
        "rows": whole[:2],
        "columns": whole[:, 3:5],
        "every_other": whole[::2, 1::2],
        "none": whole[:0],
        "turned": whole[1:].T,
        "expanded": whole[2, :1].expand(5),
    }
    torch.save(views, tmp_path / "m.pkl", **OLD)
    (tmp_path / "p.pkl").write_bytes(pickle.dumps(views, 4))
    for name in ("m.pkl", "p.pkl"):
        found = read(tmp_path / name).tensors
        assert found.keys() == views.keys()
        for key, view in views.items():
            assert torch.equal(found[key], view)


def test_strides_that_overlap_are_refused_without_check_sums(tmp_path):
    whole = torch.arange(24.0)
    content = {"t": whole.as_strided((4, 6), (5, 1)), "whole": whole}
    torch.save(content, tmp_path / "m.pkl", **OLD)
    found = read(tmp_path / "m.pkl").tensors
    assert torch.equal(found["whole"], whole)
    with pytest.raises(CheckpointError, match="its numbers overlap"):
        found["t"]


def test_bytes_after_the_end_of_a_pickle_are_refused(tmp_path):
    path = tmp_path / "m.pkl"
    path.write_bytes(reader_files.plain_modules() + b"x")
    with pytest.raises(CheckpointError, match="goes on for 1 bytes after its end"):
        read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x80\x04K\x05.", "holds neither|holds a"),
        (b"\x80\x04].", "neither tensors nor values"),
        (b"\x1f\x8b\x08rest", "gzip archive; unpack it"),
        (b"\x89PNG\r\n", "a picture, not a model"),
        (b'{"error": 404}', "begins with"),
        (b"\x80\x06}.", "begins with"),
    ],
)
def test_what_is_no_pickle_of_weights_is_refused(content, message, tmp_path):
    path = tmp_path / "m.pkl"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)
