"""Copies as safetensors: the same checkpoint, kept once, and optional."""

import os
import warnings

import pytest
import safetensors.torch
import torch
from latentsteer.core.checkpoints import cache as conversion
from latentsteer.core.checkpoints.cache import cache_folder, cached, convert
from latentsteer.core.checkpoints.checkpoint import fingerprint, read
from latentsteer.core.errors import CheckpointError, InvalidInput
from latentsteer.core.generators import load_generator
from latentsteer.core.rng import SampleRng

from . import reader_files

KINDS = ["persistent.pkl", "plain.pkl", "tensorflow.pkl", "namespace.pt", "old.pth", "stored.npz"]


def made(folder, name="persistent.pkl"):
    path = folder / name
    (reader_files.SEALED | reader_files.OPEN)[name](path)
    return path


def same(found, wanted):
    assert found.tensors.keys() == wanted.tensors.keys()
    for name, tensor in wanted.tensors.items():
        assert found.tensors[name].dtype == tensor.dtype
        assert torch.equal(found.tensors[name], tensor)
    assert {k: v for k, v in found.config.items() if k != "source"} == wanted.config
    assert found.script == wanted.script


@pytest.mark.parametrize("name", KINDS)
def test_a_conversion_loses_nothing(name, tmp_path):
    path = made(tmp_path, name)
    convert(path, tmp_path / "new" / "m.safetensors")
    found = read(tmp_path / "new" / "m.safetensors")
    same(found, read(path))
    assert found.config["source"] == {"sha256": fingerprint(path), "name": name}


def test_a_torchscript_archive_stays_one(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        script = torch.jit.trace(torch.nn.Linear(2, 1), torch.ones(1, 2))
        torch.jit.save(script, tmp_path / "m.pt")
    convert(tmp_path / "m.pt", tmp_path / "m.safetensors")
    assert read(tmp_path / "m.safetensors").script


def test_a_converted_copy_keeps_its_first_source(tmp_path):
    path = made(tmp_path)
    convert(path, tmp_path / "one.safetensors")
    convert(tmp_path / "one.safetensors", tmp_path / "two.safetensors")
    assert read(tmp_path / "two.safetensors").config["source"]["name"] == path.name


def test_another_suffix_and_what_cannot_be_written_are_refused(tmp_path):
    path = made(tmp_path)
    with pytest.raises(InvalidInput, match=r"does not end in \.safetensors"):
        convert(path, tmp_path / "m.pth")
    with pytest.raises(CheckpointError, match="There is no model file"):
        convert(tmp_path / "missing.pkl", tmp_path / "m.safetensors")
    assert not (tmp_path / "m.safetensors").exists()


def test_a_written_file_that_changed_is_refused(tmp_path):
    convert(made(tmp_path), tmp_path / "m.safetensors")
    content = bytearray((tmp_path / "m.safetensors").read_bytes())
    content[-20] ^= 1
    (tmp_path / "m.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"checksum is not|not finite"):
        read(tmp_path / "m.safetensors")


@pytest.fixture
def small(monkeypatch):
    """Even the smallest file is kept."""
    monkeypatch.setattr(conversion, "LEAST_BYTES", 0)


@pytest.fixture
def reads(monkeypatch):
    """The files that were read."""
    seen = []
    monkeypatch.setattr(conversion, "read", lambda path: (seen.append(path), read(path))[1])
    return seen


@pytest.mark.parametrize("name", KINDS)
def test_the_second_load_reads_the_copy(name, small, reads, tmp_path):
    path = made(tmp_path, name)
    first = cached(path, tmp_path / "cache")
    (copy,) = (tmp_path / "cache").iterdir()
    second = cached(path, tmp_path / "cache")
    assert reads == [path, copy]
    assert copy.name == f"{fingerprint(path)[:32]}.safetensors"
    for checkpoint in (first, second):
        same(checkpoint, read(path))
        assert checkpoint.config == read(path).config
        assert (checkpoint.path, checkpoint.sha256) == (path, fingerprint(path))


@pytest.mark.parametrize("damage", ["cut", "flipped", "other"])
def test_a_damaged_copy_is_made_anew(damage, small, reads, tmp_path):
    path = made(tmp_path)
    cached(path, tmp_path / "cache")
    (copy,) = (tmp_path / "cache").iterdir()
    whole = copy.read_bytes()
    if damage == "cut":
        copy.write_bytes(whole[:-9])
    elif damage == "flipped":
        copy.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    else:
        safetensors.torch.save_file({"w": torch.zeros(1)}, copy)
    same(cached(path, tmp_path / "cache"), read(path))
    assert copy.read_bytes() == whole
    assert reads[-2:] == [copy, path]


def test_a_changed_file_has_another_copy(small, tmp_path):
    path = made(tmp_path)
    cached(path, tmp_path / "cache")
    path.write_bytes(reader_files.persistent(source="other"))
    same(cached(path, tmp_path / "cache"), read(path))
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_a_cache_that_cannot_be_written_is_no_error(small, tmp_path):
    path = made(tmp_path)
    (tmp_path / "file").write_text("in the way")
    same(cached(path, tmp_path / "file"), read(path))
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.mark.parametrize("kind", ["small", "safetensors", "folder"])
def test_what_is_as_quick_to_read_is_not_kept(kind, tmp_path, monkeypatch):
    if kind == "small":
        path = made(tmp_path)
    else:
        monkeypatch.setattr(conversion, "LEAST_BYTES", 0)
        path = made(tmp_path, "ours.safetensors")
    if kind == "folder":
        path = tmp_path / "m"
        path.mkdir()
        (path / "config.json").write_text("{}")
        reader_files.SEALED["ours.safetensors"](path / "model.safetensors")
    cached(path, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("LATENTSTEER_CACHE", str(tmp_path / "there"))
    assert cache_folder() == tmp_path / "there"
    monkeypatch.delenv("LATENTSTEER_CACHE")
    if os.name == "posix":
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        assert str(cache_folder()).startswith(str(tmp_path))
        assert cache_folder().name == "latentsteer"


def test_a_generator_is_the_same_from_file_and_copy(small, monkeypatch, tmp_path):
    monkeypatch.setenv("LATENTSTEER_CACHE", str(tmp_path / "cache"))
    path = made(tmp_path, "zip.pth")
    z = torch.ones(2, 3)
    images = [load_generator(path)(z, SampleRng.of(0, 2)) for _ in range(2)]
    assert torch.equal(*images)
    assert len(list((tmp_path / "cache").iterdir())) == 1
    assert load_generator(path).id == fingerprint(path)


def test_options_that_a_generator_does_not_take_are_refused(tmp_path):
    path = made(tmp_path, "zip.pth")
    with pytest.raises(InvalidInput, match=r"dcgan-generator.* no option psi\. It takes: none"):
        load_generator(path, {"psi": 0.5})
