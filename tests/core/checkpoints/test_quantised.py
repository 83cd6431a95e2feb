"""Matrices as 8-bit integers."""

import torch
from latentsteer.core.checkpoints.checkpoint import read, write
from latentsteer.core.checkpoints.quantised import from_int8, to_int8


def test_a_number_is_off_by_at_most_half_a_scale_of_its_row(tmp_path):
    stream = torch.Generator().manual_seed(0)
    given = {
        "conv.weight": torch.randn(5, 3, 2, 2, generator=stream)
        * torch.arange(5.0)[:, None, None, None],
        "conv.bias": torch.randn(5, generator=stream),
    }
    write(tmp_path / "x.safetensors", to_int8(given))
    held = read(tmp_path / "x.safetensors")
    assert held.tensors["conv.weight"].dtype == torch.int8
    found = from_int8(held).tensors
    assert set(found) == set(given)
    rows = given["conv.weight"].flatten(1)
    error = (found["conv.weight"] - given["conv.weight"]).flatten(1).abs().amax(dim=1)
    assert (error <= rows.abs().amax(dim=1) / 254 + 1e-7).all()
    assert error[1:].min() > 0
    assert torch.equal(found["conv.weight"][0], torch.zeros(3, 2, 2)), "a row of zeros stays"
    torch.testing.assert_close(found["conv.bias"], given["conv.bias"].half())


def test_other_files_are_as_they_were(tmp_path):
    write(
        tmp_path / "x.safetensors",
        {"a": torch.ones(2, 2), "whole": torch.ones(2, 2).to(torch.int8)},
    )
    held = read(tmp_path / "x.safetensors")
    found = from_int8(held).tensors
    assert {name: tensor.dtype for name, tensor in found.items()} == {
        "a": torch.float32,
        "whole": torch.int8,
    }
