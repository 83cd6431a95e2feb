"""Files of torch.save from before PyTorch 1.6: read like the newer ones, and as safely."""

import pickle
from collections import OrderedDict

import pytest
import torch
from latentsteer.core.checkpoints.kinds import LEGACY_MAGIC, Kind, kind_of
from latentsteer.core.errors import CheckpointError

from .reader_files import read_tensors

WHOLE = torch.arange(24.0).reshape(4, 6)


def saved(content, path):
    torch.save(content, path, _use_new_zipfile_serialization=False)
    return path


def test_tensors_come_back_as_they_were(tmp_path):
    network = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    content = {
        "net": network.state_dict(),
        "views": [WHOLE[1:, ::2], WHOLE.mT],
        "kinds": {"half": WHOLE.half(), "long": WHOLE.long(), "none": WHOLE[:0]},
        "epoch": 3,
    }
    path = saved(content, tmp_path / "m.pth")
    assert kind_of(path) is Kind.LEGACY
    found = read_tensors(path)
    expected = {f"net.{name}": tensor for name, tensor in network.state_dict().items()}
    expected |= {f"views.{i}": view for i, view in enumerate(content["views"])}
    expected |= {f"kinds.{name}": tensor for name, tensor in content["kinds"].items()}
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


def test_a_file_cut_short_is_refused(tmp_path):
    path = saved({"a": WHOLE, "b": WHOLE.clone()}, tmp_path / "m.pth")
    whole = path.read_bytes()
    for length in (
        len(LEGACY_MAGIC),
        len(LEGACY_MAGIC) + 9,
        200,
        len(whole) - 100,
        len(whole) - 1,
    ):
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match=r"m\.pth"):
            read_tensors(path)


class Evil:
    def __reduce__(self):
        return print, ("run",)


def test_what_would_run_is_refused(tmp_path, capsys):
    path = saved({"a": WHOLE, "x": Evil()}, tmp_path / "m.pth")
    with pytest.raises(CheckpointError, match=r"print.*nothing of it was run"):
        read_tensors(path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda p: p.__setitem__(1, 999), "does not begin as a file of torch.save"),
        (lambda p: p[2].update(little_endian=False), "big-endian"),
        (lambda p: p.__setitem__(4, ["1", "2"]), "lists other storages"),
    ],
)
def test_another_version_machine_or_list_is_refused(spoil, says, tmp_path):
    parts = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, {"epoch": 1}, []]
    spoil(parts)
    path = tmp_path / "m.pth"
    path.write_bytes(b"".join(pickle.dumps(part, protocol=2) for part in parts))
    with pytest.raises(CheckpointError, match=says):
        read_tensors(path)


def test_an_ordered_dict_of_pairs_is_read(tmp_path):
    """As Python 2 wrote them, torchvision's and LPIPS's among them."""

    class Pairs(OrderedDict):
        def __reduce__(self):
            return OrderedDict, ([[key, value] for key, value in self.items()],)

    path = saved(Pairs(a=WHOLE), tmp_path / "m.pth")
    assert torch.equal(read_tensors(path)["a"], WHOLE)
