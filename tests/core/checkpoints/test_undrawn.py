"""Loads draw no weights, and hold those of the file once."""

import threading

import pytest
import safetensors.torch
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.checkpoints.architecture import Architecture, load_detected, load_network
from latentsteer.core.checkpoints.tensor_files import DTYPES, tensors_in
from latentsteer.core.checkpoints.undrawn import FILLS, PLACES, undrawn
from latentsteer.core.errors import CheckpointError
from latentsteer.core.generators import open_generator
from torch import nn

from ..example_files import FILES, randomised, written

LAYERS = (
    lambda: nn.Linear(4, 3),
    lambda: nn.Conv2d(3, 4, 3),
    lambda: nn.ConvTranspose2d(3, 4, 3),
    lambda: nn.Embedding(4, 3),
    lambda: nn.LSTM(3, 4),
    lambda: nn.MultiheadAttention(4, 2),
)


def drawn_by(make):
    """Whether making a layer takes numbers from the global stream."""
    before = torch.get_rng_state()
    make()
    return not torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("make", LAYERS)
def test_layers_take_nothing_from_the_global_stream_within_it_alone(make):
    with torch.random.fork_rng(devices=[]):
        assert drawn_by(make)
        with undrawn():
            assert not drawn_by(make)
            with undrawn():
                assert not drawn_by(make)
            assert not drawn_by(make)
        assert drawn_by(make)


def test_other_threads_and_streams_of_their_own_draw_as_ever():
    found = []
    stream = torch.Generator().manual_seed(0)
    expected = nn.init.normal_(torch.zeros(3), generator=torch.Generator().manual_seed(0))
    with undrawn():
        other = threading.Thread(target=lambda: found.append(nn.init.normal_(torch.zeros(99))))
        with torch.random.fork_rng(devices=[]):
            other.start()
            other.join()
        assert torch.equal(nn.init.normal_(torch.zeros(3), generator=stream), expected)
        assert torch.equal(nn.init.normal_(torch.zeros(3)), torch.zeros(3))
    assert float(found[0].std()) > 0.5


def test_the_functions_are_put_back_also_after_an_error():
    def functions():
        return [place.__dict__.get(name) for place in PLACES for name in FILLS]

    before = functions()

    def failing():
        with undrawn(), undrawn():
            raise KeyError

    with pytest.raises(KeyError):
        failing()
    assert functions() == before
    assert len([found for found in before if found]) > len(FILLS)


GENERATORS = [param for param in FILES if param.id.startswith(("mmd", "df-gan-0", "stylegan2-r"))]


@pytest.mark.parametrize(("architecture", "make"), GENERATORS)
def test_opening_a_model_takes_nothing_from_the_global_stream(architecture, make, tmp_path):
    path = written(randomised(make()), tmp_path / "model.safetensors")
    assert not drawn_by(lambda: open_generator(path))


# Memory


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.out = nn.Conv2d(8, 16, 3), nn.BatchNorm2d(16), nn.Linear(16, 4)


@pytest.fixture(params=["safetensors", "pth"])
def path(request, tmp_path):
    state = randomised_state()
    if request.param == "pth":
        torch.save(state, tmp_path / "m.pth")
    else:
        safetensors.torch.save_file(state, tmp_path / "m.safetensors")
    return tmp_path / f"m.{request.param}"


def randomised_state():
    stream = torch.Generator().manual_seed(0)
    state = Network().state_dict()
    return {
        name: torch.randn(t.shape, generator=stream) if t.is_floating_point() else t
        for name, t in state.items()
    }


def test_a_network_takes_over_the_files_tensors(path):
    checkpoint = checkpoints.read(path)
    network = load_network(Network(), checkpoint)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, randomised_state()[name])
        assert torch.equal(checkpoint.tensors[name], tensor)
        shared = tensor.data_ptr() == checkpoint.tensors[name].data_ptr()
        assert shared == (not name.startswith("norm.running")) or tensor.numel() == 1
        assert tensor.data_ptr() % 64 == 0
    assert network.conv.weight.is_contiguous(memory_format=torch.channels_last)
    network.norm.train()(torch.ones(2, 16, 4, 4))
    assert torch.equal(
        checkpoint.tensors["norm.running_mean"], randomised_state()["norm.running_mean"]
    )


def test_two_networks_of_one_checkpoint_are_equal(path):
    checkpoint = checkpoints.read(path)
    one, other = (load_network(Network(), checkpoint) for _ in range(2))
    one.double()
    for name, tensor in other.state_dict().items():
        assert torch.equal(tensor, randomised_state()[name])


def test_tensors_of_all_types_are_those_of_the_library(tmp_path):
    path = tmp_path / "m.safetensors"
    stream = torch.Generator().manual_seed(0)
    bits = torch.randint(0, 2, (3, 16), generator=stream, dtype=torch.uint8)
    made = {name: bits.clone().view(dtype) for name, dtype in DTYPES.items()}
    made |= {"empty": torch.empty(0, 3), "scalar": torch.tensor(2.5)}
    safetensors.torch.save_file(made, path)
    found = tensors_in(path, list(made))
    for name, tensor in safetensors.torch.load_file(path).items():
        assert (found[name].dtype, found[name].shape) == (tensor.dtype, tensor.shape)
        one, other = (t.reshape(-1).view(torch.uint8) for t in (found[name], tensor))
        assert torch.equal(one, other)


def test_a_file_that_is_written_over_changes_no_tensor(tmp_path):
    path = tmp_path / "m.safetensors"
    safetensors.torch.save_file({"w": torch.ones(9)}, path)
    held = checkpoints.read(path).tensors["w"]
    content = path.read_bytes()
    path.write_bytes(content[:-36] + bytes(36))
    assert torch.equal(held, torch.ones(9))
    path.write_bytes(content[:-8])
    with pytest.raises(CheckpointError, match="truncated"):
        checkpoints.read(path)


def test_want_of_memory_is_said(tmp_path):
    vast = Architecture("vast", "w", lambda _: True, lambda _: torch.empty(1 << 55), ())
    safetensors.torch.save_file({"w": torch.ones(1)}, tmp_path / "m.safetensors")
    with pytest.raises(CheckpointError, match=r"m.*vast.*not enough memory.*Close other"):
        load_detected(checkpoints.read(tmp_path / "m.safetensors"), (vast,))
