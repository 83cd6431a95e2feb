"""Written files: whole or not at all, and as private as the user's umask makes files."""

import os
import stat

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.files import replacing


@pytest.fixture(params=[0o022, 0o002, 0o077])
def mask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_written_file_has_the_umasks_mode(mask, tmp_path):
    checkpoints.write(tmp_path / "new" / "m.safetensors", {"a": torch.ones(2)})
    with replacing(tmp_path / "a.txt") as temporary:
        temporary.unlink(missing_ok=True)
        os.close(os.open(temporary, os.O_CREAT | os.O_WRONLY, 0o600))
    assert mode(tmp_path / "a.txt") == mode(tmp_path / "new" / "m.safetensors") == 0o666 & ~mask


def test_a_failure_leaves_what_was_there(tmp_path):
    (tmp_path / "a.txt").write_text("before", encoding="utf-8")

    def fails():
        with replacing(tmp_path / "a.txt") as temporary:
            temporary.write_text("half", encoding="utf-8")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fails()
    assert [(p.name, p.read_text(encoding="utf-8")) for p in tmp_path.iterdir()] == [
        ("a.txt", "before")
    ]
