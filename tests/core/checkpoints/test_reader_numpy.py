"""Arrays of `.npz` files, and folders of Hugging Face."""

import io
import json
import zipfile

import numpy as np
import pytest
import torch
from latentsteer.core.checkpoints.checkpoint import fingerprint, read
from latentsteer.core.errors import CheckpointError


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_come_back_under_their_names(save, tmp_path):
    arrays = {
        "l0/W": np.arange(6, dtype=np.float32).reshape(2, 3),
        "bn0/N": np.array(7),
        "half": np.ones(3, np.float16),
        "fortran": np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)),
        "none": np.zeros((0, 3), np.int32),
        "flags": np.array([True, False]),
    }
    save(tmp_path / "m.npz", **arrays)
    checkpoint = read(tmp_path / "m.npz")
    assert checkpoint.tensors.keys() == arrays.keys()
    for name, array in arrays.items():
        assert checkpoint.tensors[name].dtype == torch.from_numpy(array).dtype
        assert np.array_equal(checkpoint.tensors[name].numpy(), array)
    assert checkpoint.config == {}


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([{}], dtype=object), "Python objects"),
        (np.array(["text"]), "numbers are expected"),
        (np.zeros(2, ">f4"), "little-endian numbers are expected"),
        (np.zeros(2, [("a", "f4")]), "never objects"),
        (np.array([np.nan], np.float32), "not finite in `w`"),
    ],
)
def test_arrays_of_anything_but_numbers_are_refused(array, message, tmp_path):
    np.savez(tmp_path / "m.npz", w=array)
    with pytest.raises(CheckpointError, match=message):
        read(tmp_path / "m.npz")


def test_an_array_that_lies_about_its_size_is_refused(tmp_path):
    held = io.BytesIO()
    np.save(held, np.zeros(3, np.float32))
    for shape in (b"(4,)", b"(2,)", b"(9999999999,)"):
        content = held.getvalue().replace(b"(3,)", shape)
        with zipfile.ZipFile(tmp_path / "m.npz", "w") as archive:
            archive.writestr("w.npy", content)
        with pytest.raises(CheckpointError, match=r"but its byte count differs|far larger"):
            read(tmp_path / "m.npz")


def test_other_entries_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.npz", "w") as archive:
        archive.writestr("w.npy", b"no array")
    with pytest.raises(CheckpointError, match="not a NumPy array"):
        read(tmp_path / "m.npz")


def folder(path, config=None, name="pytorch_model.bin"):
    path.mkdir(exist_ok=True)
    if config is not None:
        (path / "config.json").write_text(config)
    if name:
        torch.save({"w": torch.ones(2)}, path / name)
    return path


def test_a_folder_is_its_weights_and_its_configuration(tmp_path):
    path = folder(tmp_path / "m", json.dumps({"z_dim": 8}))
    checkpoint = read(path)
    assert torch.equal(checkpoint.tensors["w"], torch.ones(2))
    assert checkpoint.config == {"folder": {"z_dim": 8}}
    assert checkpoint.path == path
    other = read(folder(tmp_path / "n", json.dumps({"z_dim": 9})))
    assert len({checkpoint.sha256, other.sha256, fingerprint(path / "pytorch_model.bin")}) == 3


def test_a_folder_in_parts_is_put_together(tmp_path):
    path = folder(tmp_path / "m", "{}", name=None)
    table = {}
    for n in range(2):
        torch.save({f"w{n}": torch.full((1,), float(n))}, path / f"part-{n}.bin")
        table[f"w{n}"] = f"part-{n}.bin"
    (path / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": table}))
    assert {name: float(t) for name, t in read(path).tensors.items()} == {"w0": 0.0, "w1": 1.0}
    (path / "part-1.bin").unlink()
    with pytest.raises(CheckpointError, match=r"part-1\.bin, which does not exist"):
        read(path)
    (path / "pytorch_model.bin.index.json").write_text('{"weight_map": {"w": "../m.bin"}}')
    with pytest.raises(CheckpointError, match="outside of its folder"):
        read(path)


@pytest.mark.parametrize(
    ("config", "name", "message"),
    [
        (None, "pytorch_model.bin", r"without config\.json"),
        ("{}", None, r"has no weights; expected one of model\.safetensors"),
        ("{", "pytorch_model.bin", "is not JSON"),
        ("[1]", "pytorch_model.bin", "is not a JSON object"),
        ("[" * 100_000, "pytorch_model.bin", "is not JSON"),
    ],
)
def test_a_folder_of_something_else_is_refused(config, name, message, tmp_path):
    with pytest.raises(CheckpointError, match=message):
        read(folder(tmp_path / "m", config, name))
