"""InfoNCE, the queue of keys and the momentum encoder against their definitions."""

import math

import pytest
import torch
from latentsteer.core.d2c.training.contrastive import KeyQueue, follow, head, info_nce
from latentsteer.core.errors import InvalidInput
from torch import nn
from torch.nn import functional


def units(*shape, seed=0, dim=-1):
    stream = torch.Generator().manual_seed(seed)
    return functional.normalize(torch.randn(*shape, generator=stream).double(), dim=dim)


@pytest.mark.parametrize("temperature", [0.07, 0.2, 1.0])
def test_info_nce_is_the_logarithm_of_a_share(temperature):
    q, k, queue = units(5, 3), units(5, 3, seed=1), units(3, 7, seed=2, dim=0)
    found = info_nce(q, k, queue, temperature)
    for row in range(5):
        own = math.exp(float(q[row] @ k[row]) / temperature)
        others = sum(math.exp(float(q[row] @ queue[:, n]) / temperature) for n in range(7))
        assert float(found[row]) == pytest.approx(-math.log(own / (own + others)), rel=1e-12)


def test_info_nce_of_equal_similarities_is_the_logarithm_of_their_number():
    q = units(2, 3)
    assert info_nce(q, q, q[0:1].mT.expand(3, 6), 0.5)[0] == pytest.approx(math.log(7))


def test_no_gradient_reaches_keys_and_queue():
    q, k, queue = (
        t.requires_grad_() for t in (units(2, 3), units(2, 3, seed=1), units(3, 4, dim=0))
    )
    info_nce(q, k, queue, 0.1).sum().backward()
    assert q.grad is not None
    assert q.grad.abs().sum() > 0
    assert k.grad is None
    assert queue.grad is None


def test_a_temperature_must_be_positive():
    with pytest.raises(InvalidInput, match="Temperature 0"):
        info_nce(units(1, 2), units(1, 2), units(2, 3), 0.0)


@pytest.mark.parametrize("sizes", [(3, 3), (2, 2, 2, 2), (5, 4), (1, 12, 2), (5,)])
def test_the_queue_holds_the_latest_keys_and_replaces_the_oldest(sizes):
    queue = KeyQueue(1, 5, torch.Generator().manual_seed(0))
    assert torch.allclose(queue.queue.abs(), torch.ones(1, 5))
    places, number = [None] * 5, 0
    for size in sizes:
        queue.push(torch.arange(number, number + size, dtype=torch.float32)[:, None] + 10)
        for key in range(number, number + size):
            places[key % 5] = key + 10
        number += size
    found = queue.queue[0].tolist()
    assert [own for own, key in zip(found, places, strict=True) if key is not None] == [
        key for key in places if key is not None
    ]
    assert int(queue.queue_ptr) == number % 5


def test_the_momentum_encoder_follows_by_a_geometric_series():
    slow, fast = nn.BatchNorm1d(1), nn.BatchNorm1d(1)
    with torch.no_grad():
        fast.weight.fill_(3.0)
    fast.running_mean.fill_(9.0)
    for _ in range(4):
        follow(slow, fast, 0.9)
    assert float(slow.weight.detach()) == pytest.approx(3 - 2 * 0.9**4)
    assert float(slow.running_mean) == 0
    with pytest.raises(InvalidInput, match=r"Momentum 1\.5"):
        follow(slow, fast, 1.5)


def test_a_head_has_the_names_of_official_files():
    made = head(6, 5, 4, torch.Generator().manual_seed(0))
    shapes = {name: tuple(t.shape) for name, t in made.state_dict().items()}
    assert shapes == {"0.weight": (5, 6), "0.bias": (5,), "2.weight": (4, 5), "2.bias": (4,)}
