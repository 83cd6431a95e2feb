"""Model files: reading, refusal, and atomic writing."""

import hashlib
import struct
from types import MappingProxyType

import pytest
import safetensors.torch
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.errors import CheckpointError
from latentsteer.core.latent_files import load_latents

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([1, 2], dtype=torch.int64)}


def test_a_file_gives_back_its_tensors_config_and_digest(tmp_path):
    path = tmp_path / "new" / "folder" / "m.safetensors"
    config = {"architecture": "x", "sizes": [1, 2], "deep": {"ok": True}}
    checkpoints.write(path, TENSORS, MappingProxyType(config))
    read = checkpoints.read(str(path))
    assert read.config == config
    assert read.path == path
    assert read.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert read.tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert torch.equal(read.tensors[name], tensor)
        assert read.tensors[name].dtype == tensor.dtype


def test_views_and_tensors_with_gradients_are_written(tmp_path):
    path = tmp_path / "m.safetensors"
    whole = torch.arange(12.0).reshape(3, 4)
    checkpoints.write(path, {"t": whole.T, "g": torch.nn.Parameter(whole[1:])})
    read = checkpoints.read(path)
    assert torch.equal(read.tensors["t"], whole.T)
    assert torch.equal(read.tensors["g"], whole[1:])
    assert read.config == {}


def test_equal_contents_have_equal_digests(tmp_path):
    for name in ("one", "two"):
        checkpoints.write(tmp_path / f"{name}.safetensors", TENSORS, {"b": 1, "a": 2})
    digests = {checkpoints.fingerprint(path) for path in tmp_path.iterdir()}
    assert len(digests) == 1


def test_a_rewritten_file_has_a_new_fingerprint(tmp_path):
    path = tmp_path / "m.safetensors"
    checkpoints.write(path, TENSORS)
    before = checkpoints.fingerprint(path)
    checkpoints.write(path, TENSORS | {"c": torch.zeros(1)})
    assert checkpoints.fingerprint(path) != before


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize("earlier", [True, False])
def test_a_write_that_fails_leaves_what_was_there_and_no_rest(
    earlier, error, tmp_path, monkeypatch
):
    path = tmp_path / "m.safetensors"
    if earlier:
        checkpoints.write(path, TENSORS, {"version": 1})

    def failing(tensors, name, metadata):
        with open(name, "wb") as file:
            file.write(b"half of it")
        raise error

    monkeypatch.setattr(safetensors.torch, "save_file", failing)
    with pytest.raises(type(error)):
        checkpoints.write(path, {"a": torch.zeros(1)}, {"version": 2})
    assert [file.name for file in tmp_path.iterdir()] == (["m.safetensors"] if earlier else [])
    if earlier:
        assert checkpoints.read(path).config == {"version": 1}


def test_a_config_that_json_cannot_hold_leaves_nothing(tmp_path):
    with pytest.raises(TypeError):
        checkpoints.write(tmp_path / "m.safetensors", TENSORS, {"x": object()})
    assert list(tmp_path.iterdir()) == []


def spoilt(path, kind):
    """A file, possibly damaged."""
    if kind == "missing":
        return path
    if kind == "folder":
        path.mkdir()
        return path
    if kind == "unknown suffix":
        path = path.with_suffix(".zip")
    if kind in ("truncated", "unknown suffix"):
        checkpoints.write(path, TENSORS)
    contents = {
        "truncated": path.read_bytes()[:-5] if path.exists() else b"",
        "unknown suffix": b"PK",
        "empty": b"",
        "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        "web page": b"\n <!DOCTYPE html><html></html>",
        "other web page": b"<HTML><body>404</body></HTML>",
        "noise": bytes(range(200)),
    }
    path.write_bytes(contents[kind])
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "There is no model file .* Check the name and the folder"),
        ("folder", "is a folder without config.json; a model file was expected"),
        ("empty", "is empty"),
        ("pointer", "Git LFS pointer, not the model. Run 'git lfs pull'"),
        ("web page", "is a web page, not a model"),
        ("other web page", "is a web page, not a model"),
        ("truncated", r"\(\d+ bytes\) is not a readable safetensors file.*truncated"),
        ("noise", r"\(200 bytes\) is not a readable safetensors file"),
        ("unknown suffix", r"does not end in a known suffix. Known: .*\.safetensors"),
    ],
)
def test_what_is_no_model_file_is_refused_by_name_with_a_cure(kind, message, tmp_path):
    path = spoilt(tmp_path / "m.safetensors", kind)
    with pytest.raises(CheckpointError, match=message) as caught:
        checkpoints.read(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"), [("{", "is not JSON"), ("[1]", "is not a JSON object")]
)
def test_a_damaged_configuration_is_refused(text, message, tmp_path):
    path = tmp_path / "m.safetensors"
    safetensors.torch.save_file(TENSORS, path, {checkpoints.METADATA_KEY: text})
    with pytest.raises(CheckpointError, match=message):
        checkpoints.read(path)


def test_files_without_our_metadata_have_an_empty_configuration(tmp_path):
    path = tmp_path / "m.safetensors"
    safetensors.torch.save_file(TENSORS, path)
    assert checkpoints.read(path).config == {}


def test_a_header_longer_than_the_file_is_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(struct.pack("<Q", 1 << 40) + b"{}")
    with pytest.raises(CheckpointError, match="not a readable safetensors file"):
        checkpoints.read(path)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"what": "translator"}, "holds a translator, not latents"),
        ({"architecture": "digits-judge"}, "holds the model digits-judge, not latents"),
        ({}, "holds nothing that LatentSteer wrote, not latents"),
        ({"what": "latents"}, "is damaged"),
        ({"what": "latents", "chart": {"kind": "spiral"}}, "is damaged: Unknown chart"),
    ],
)
def test_a_file_that_holds_no_latents_is_refused(config, message, tmp_path):
    path = tmp_path / "l.safetensors"
    checkpoints.write(path, {"values": torch.zeros(2, 3)}, config)
    with pytest.raises(CheckpointError, match=message):
        load_latents(path)
