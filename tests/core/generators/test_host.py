"""A host's functions as a generator: its blocks, its gradients in stages, its digest."""

import contextlib

import pytest
import torch
from latentsteer.core.energies.example import toy_generator
from latentsteer.core.errors import InvalidInput
from latentsteer.core.generators.host import (
    HostPart,
    HostPipeline,
    host_generator,
    noise_of,
    noise_start,
)
from latentsteer.core.generators.host_identity import sampled_digest
from latentsteer.core.rng import SampleRng
from torch import nn


def pipeline(*, draws=0, staged=False, resident=contextlib.nullcontext):
    stream = torch.Generator().manual_seed(0)
    first, second = (torch.randn(3, 3, generator=stream) for _ in range(2))

    def sample(noise, *way):
        return torch.tanh(torch.einsum("oc,bchw->bohw", first, noise) + sum(way))

    def decode(latents):
        wide = latents.repeat_interleave(2, 2).repeat_interleave(2, 3)
        return torch.einsum("oc,bchw->bohw", second, wide).sigmoid()

    return HostPipeline(
        name="toy",
        id="0" * 64,
        shape=(3, 2, 4),
        image_size=(4, 8),
        module=nn.Identity(),
        sample=HostPart(sample, resident),
        decode=HostPart(decode, resident),
        draws=draws,
        staged=lambda: staged,
    )


def slope(generator, v):
    leaf = v.clone().requires_grad_()
    images = generator(leaf, SampleRng.of(0, len(v)))
    weights = torch.linspace(0, 1, images.numel()).view_as(images)
    return images.detach(), torch.autograd.grad((weights * images).sum(), leaf)[0]


@pytest.mark.parametrize("draws", [0, 2])
def test_gradients_in_stages_are_the_same_to_the_bit(draws):
    whole = host_generator(pipeline(draws=draws))
    assert [b.name for b in whole.source.blocks] == ["noise", "noise 2", "noise 3"][: 1 + draws]
    assert whole.prior.log_density(torch.zeros(1, whole.source.dim)).isfinite().all()
    v = torch.randn(2, whole.source.dim, generator=torch.Generator().manual_seed(1))
    for own, other in zip(
        slope(whole, v), slope(host_generator(pipeline(draws=draws, staged=True)), v), strict=True
    ):
        assert torch.equal(own, other)
        assert own.abs().sum() > 0


def test_in_stages_one_network_is_resident_at_a_time_also_after_an_error():
    open_, seen = [], []

    @contextlib.contextmanager
    def resident():
        open_.append(1)
        seen.append(len(open_))
        try:
            yield
        finally:
            open_.pop()

    generator = host_generator(pipeline(staged=True, resident=resident))
    slope(generator, torch.zeros(1, 24))
    assert seen == [1, 1, 1, 1], "forward and backward, each part alone"
    with pytest.raises(RuntimeError):
        generator.render({"noise": torch.zeros(1, 5, 2, 4)}, SampleRng.of(0, 1))
    assert open_ == []


def test_noise_goes_in_and_out():
    generator = host_generator(pipeline())
    noise = torch.randn(2, 3, 2, 4, generator=torch.Generator().manual_seed(3))
    start = noise_start(generator, noise)
    assert torch.equal(noise_of(generator, start.values), noise)
    with pytest.raises(InvalidInput, match="Use the size of the generator"):
        noise_start(generator, noise[:, :, :1])
    for other in (toy_generator(), host_generator(pipeline(draws=1))):
        with pytest.raises(InvalidInput, match="noise_on_the_way = fixed"):
            noise_start(other, noise)


def test_a_digest_changes_with_what_it_is_of_and_with_nothing_else():
    weights = {"a": torch.arange(1000.0), "b": torch.ones(3, dtype=torch.float16)}
    usual = sampled_digest(weights, [("x", 1.5)], {"uuid": object()})
    assert usual == sampled_digest(dict(reversed(weights.items())), [("x", 1.5)], {"uuid": 1})
    changes = (
        ({**weights, "a": torch.arange(1000.0) + 1}, [("x", 1.5)]),
        ({**weights, "b": torch.ones(3)}, [("x", 1.5)]),
        ({**weights, "a": torch.arange(1000.0).view(10, 100)}, [("x", 1.5)]),
        (weights, [("x", 1.25)]),
        (weights, [("y", 1.5)]),
        (weights, [("x", 1.5), None]),
    )
    digests = {sampled_digest(*change, {"uuid": 1}) for change in changes}
    assert len(digests | {usual}) == len(changes) + 1
    small = torch.ones(4).to(torch.float8_e4m3fn)
    assert sampled_digest(small) != sampled_digest(small.to(torch.bfloat16))
    assert sampled_digest(nn.Linear(2, 2)) == sampled_digest(nn.Linear(2, 2))
