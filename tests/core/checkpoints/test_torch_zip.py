"""Files of torch.save: tensors are read as written, and nothing in the file runs."""

import pickle
import struct
import zipfile
from collections import OrderedDict

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.errors import CheckpointError

from .reader_files import read_tensors

WHOLE = torch.arange(24.0).reshape(4, 6)
KINDS = (
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.bool,
    torch.complex64,
)


def saved(content, path, **options):
    torch.save(content, path, **options)
    return path


def same(found, expected):
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)
        assert found[name].is_contiguous()


@pytest.mark.parametrize("dtype", KINDS, ids=str)
def test_tensors_of_every_kind_come_back(dtype, tmp_path):
    tensors = {"a": WHOLE.to(dtype), "scalar": torch.tensor(1).to(dtype), "none": WHOLE[:0]}
    same(read_tensors(saved(tensors, tmp_path / "m.pth")), tensors)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_nested_dicts_give_dotted_names_and_the_rest_is_left_out(protocol, tmp_path):
    network = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    optimiser = torch.optim.Adam(network.parameters())
    network(torch.ones(4, 3)).sum().backward()
    optimiser.step()
    content = {
        "netG_state_dict": network.state_dict(),
        "optimiser": optimiser.state_dict(),
        "epoch": 3,
        "losses": [0.5, -1, 2**70],
        "note": "trained",
        "none": None,
        "flags": (True, False),
        "more": OrderedDict(parameter=torch.nn.Parameter(WHOLE), shape=WHOLE.shape),
    }
    found = read_tensors(saved(content, tmp_path / "m.pt", pickle_protocol=protocol))
    own = {n: t for n, t in found.items() if not n.startswith("optimiser.")}
    expected = {f"netG_state_dict.{n}": t for n, t in network.state_dict().items()}
    same(own, expected | {"more.parameter": WHOLE})
    assert torch.equal(
        found["optimiser.state.0.exp_avg"], optimiser.state_dict()["state"][0]["exp_avg"]
    )


def test_views_come_back_as_what_they_show(tmp_path):
    tensors = {
        "transposed": WHOLE.T,
        "row": WHOLE[2],
        "column": WHOLE[:, 3],
        "every other": WHOLE[::2, 1::2],
        "expanded": torch.tensor([7.0]).expand(5),
        "whole": WHOLE,
        "empty": WHOLE[1:1, ::3],
        "nothing": torch.empty(0),
    }
    same(read_tensors(saved(tensors, tmp_path / "m.pth")), tensors)


def test_the_place_where_tensors_were_saved_is_ignored(tmp_path):
    path = saved({"a": WHOLE}, tmp_path / "m.pth")
    pickled = entry(path, "data.pkl")
    assert b"cpu" in pickled
    swapped = pickled.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:3")
    same(read_tensors(with_pickle(swapped, path)), {"a": WHOLE})


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin", ".tar", ".ckpt"])
def test_checkpoints_opens_them_by_their_suffix(suffix, tmp_path):
    path = saved({"a": WHOLE}, tmp_path / f"m{suffix}")
    read = checkpoints.read(path)
    same(read.tensors, {"a": WHOLE})
    assert read.config == {}
    assert read.sha256 == checkpoints.fingerprint(path)


# Files made by hand


def entry(path, name):
    with zipfile.ZipFile(path) as archive:
        (full,) = [n for n in archive.namelist() if n.endswith(f"/{name}")]
        return archive.read(full)


def with_pickle(pickled, path, compression=zipfile.ZIP_STORED, **entries):
    """The file with another pickle, and other entries added or replaced."""
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
        folder = next(n for n in held if n.endswith("/data.pkl")).removesuffix("data.pkl")
    held[folder + "data.pkl"] = pickled
    held |= {folder + name.replace("__", "/"): content for name, content in entries.items()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in held.items():
            archive.writestr(name, content)
    return path


def hand_made(tmp_path, pickled, **entries):
    return with_pickle(pickled, saved({"a": WHOLE}, tmp_path / "m.pth"), **entries)


# Tensors that lie


def tensor_pickle(offset, shape, stride, numel=24, key="0", storage="FloatStorage"):
    """{'a': a view} with any numbers."""

    def numbers(values):
        return b"(" + b"".join(number(v) for v in values) + b"t"

    def number(value):
        if not isinstance(value, int):
            return pickle.dumps(value, 2)[2:-1]
        return pickle.dumps(value, 2)[2:-1]

    reference = (
        b"(U\x07storagectorch\n"
        + storage.encode()
        + b"\nU"
        + bytes([len(key)])
        + key.encode()
        + b"U\x03cpu"
        + number(numel)
        + b"tQ"
    )
    arguments = b"(" + reference + number(offset) + numbers(shape) + numbers(stride) + b"\x89Nt"
    return b"\x80\x02}U\x01actorch._utils\n_rebuild_tensor_v2\n" + arguments + b"Rs."


def test_the_tensors_made_by_hand_are_tensors(tmp_path):
    path = hand_made(tmp_path, tensor_pickle(6, (2, 3), (6, 2)))
    same(read_tensors(path), {"a": WHOLE[1:3, ::2]})


@pytest.mark.parametrize(
    ("lie", "message"),
    [
        ({"offset": 1, "shape": (4, 6), "stride": (6, 1)}, "25 numbers"),
        ({"offset": 24, "shape": (), "stride": ()}, "25 numbers"),
        ({"offset": 0, "shape": (4, 6), "stride": (7, 1)}, "numbers or more"),
        ({"offset": -1, "shape": (2,), "stride": (1,)}, "invalid sizes"),
        ({"offset": 0, "shape": (2,), "stride": (-1,)}, "invalid sizes"),
        ({"offset": 0, "shape": (-2,), "stride": (1,)}, "invalid sizes"),
        ({"offset": 0, "shape": (1.0,), "stride": (1,)}, "invalid sizes"),
        ({"offset": True, "shape": (2,), "stride": (1,)}, "invalid sizes"),
        ({"offset": 0, "shape": (2**70,), "stride": (0,)}, "invalid sizes"),
        ({"offset": 0, "shape": (2**35,), "stride": (0,)}, "far larger than the file"),
        ({"offset": 0, "shape": (2**39, 2**39), "stride": (0, 0)}, "far larger than the file"),
        ({"offset": 0, "shape": (1,) * 40, "stride": (1,) * 40}, "far larger than the file"),
        ({"offset": 0, "shape": (2, 3), "stride": (1,)}, "a shape and strides"),
        ({"offset": 0, "shape": (30,), "stride": (1,), "numel": 30}, "it has 96 bytes"),
        ({"offset": 0, "shape": (2,), "stride": (1,), "numel": 2**60}, "it has 96 bytes"),
        ({"offset": 0, "shape": (2,), "stride": (1,), "numel": -1}, "it has 96 bytes"),
        ({"offset": 0, "shape": (2,), "stride": (1,), "key": "9"}, "data/9"),
        ({"offset": 0, "shape": (2,), "stride": (1,), "key": "../data.pkl"}, r"data\.pkl"),
        ({"offset": 0, "shape": (2,), "stride": (1,), "storage": "DoubleStorage"}, "96 bytes"),
        ({"offset": 0, "shape": (2,), "stride": (1,), "storage": "QInt8Storage"}, "QInt8"),
    ],
)
def test_a_tensor_that_lies_about_its_storage_is_refused(lie, message, tmp_path):
    path = hand_made(tmp_path, tensor_pickle(**lie))
    with pytest.raises(CheckpointError, match=message):
        read_tensors(path)


def test_two_tensors_of_one_name_are_refused(tmp_path):
    path = saved({"a.b": WHOLE, "a": {"b": WHOLE}}, tmp_path / "m.pth")
    with pytest.raises(CheckpointError, match=r"two tensors named `a\.b`"):
        read_tensors(path)


# Archives that lie


def test_every_truncation_is_refused(tmp_path):
    whole = saved({"a": WHOLE}, tmp_path / "whole.pth").read_bytes()
    path = tmp_path / "m.pth"
    for length in range(1, len(whole), 37):
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match=r"m\.pth"):
            checkpoints.read(path)


def test_a_flipped_byte_of_a_tensor_is_seen(tmp_path):
    path = saved({"a": torch.full((64,), 3.0)}, tmp_path / "m.pth")
    content = bytearray(path.read_bytes())
    place = content.index(struct.pack("<8f", *[3.0] * 8))
    content[place + 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="CRC"):
        read_tensors(path)


def test_a_compressed_archive_is_refused_before_it_is_unpacked(tmp_path):
    path = saved({"a": WHOLE}, tmp_path / "m.pth")
    bomb = bytes(1 << 24)
    with_pickle(entry(path, "data.pkl"), path, zipfile.ZIP_DEFLATED, data__0=bomb)
    with pytest.raises(CheckpointError, match="compressed"):
        read_tensors(path)


def test_entries_of_one_name_are_refused(tmp_path):
    path = saved({"a": WHOLE}, tmp_path / "m.pth")
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("m/data.pkl", b"\x80\x02}.")
    with pytest.raises(CheckpointError, match="share bytes or names"):
        read_tensors(path)


def test_a_zip_of_something_else_is_refused(tmp_path):
    path = tmp_path / "m.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(CheckpointError, match=r"has 0 entries `\*/data\.pkl`"):
        read_tensors(path)


def test_a_file_of_a_big_endian_machine_is_refused(tmp_path):
    path = saved({"a": WHOLE}, tmp_path / "m.pth")
    with_pickle(entry(path, "data.pkl"), path, byteorder=b"big")
    with pytest.raises(CheckpointError, match="big-endian"):
        read_tensors(path)


def test_a_file_that_is_neither_zip_nor_the_older_format_is_named(tmp_path):
    path = tmp_path / "m.pth"
    path.write_bytes(b"a letter to my aunt")
    with pytest.raises(CheckpointError, match=r"not an intact torch\.save zip.*Fetch it again"):
        read_tensors(path)
