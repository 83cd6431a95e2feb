"""Energy CLIP: its definition, its gradient in two phases, chunks, precision and errors."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.chunking import Chunking
from latentsteer.core.condition import Condition
from latentsteer.core.energies.example import toy_clip
from latentsteer.core.energies.similarity import automatic_chunk, automatic_precision, similarity
from latentsteer.core.errors import ConditionMismatch, InvalidInput
from latentsteer.core.refine.kernel import gradient
from latentsteer.core.rng import SampleRng
from latentsteer.core.views.augclip import augmented, draw_views
from latentsteer.workflows.studies.bench.released import step_by_step
from torch import nn
from torch.nn import functional

DOUBLE = torch.float64


def clip_in(dtype=DOUBLE):
    clip = toy_clip()
    clip.module.to(dtype)
    return clip


def wanted(clip, rows=1, seed=4):
    embedding = torch.randn(rows, clip.embed_dim, generator=torch.Generator().manual_seed(seed))
    return Condition(embedding, tuple(map(str, range(rows))), clip.id, clip.name)


def pictures(count, side=9, dtype=DOUBLE):
    stream = torch.Generator().manual_seed(0)
    return torch.rand(count, 3, side, side, generator=stream, dtype=dtype)


def by_hand(clip, condition, images, drawn, make=augmented):
    """Returns minus the mean cosine over all views at once, differentiable throughout."""
    values = []
    for row, image in enumerate(images):
        seen = make(image, drawn.of(row), clip.image_size, mean=clip.mean, std=clip.std)
        found = clip.encode(clip.module, seen)
        target = condition.at([row], images) if len(condition) > 1 else condition.at([0], images)
        values.append(-functional.cosine_similarity(found, target).mean())
    return torch.stack(values)


def test_without_views_it_is_minus_the_cosine():
    clip, images = clip_in(), pictures(3)
    condition = wanted(clip, 3)
    energy = similarity(clip, condition)
    expected = -functional.cosine_similarity(clip.embed(images), condition.embedding.double())
    found = energy(images, SampleRng.of(0, 3))
    torch.testing.assert_close(found, expected)
    (leaf,) = energy.leaves()
    torch.testing.assert_close(leaf.measure.of(found), -expected)
    assert leaf.measure.name == "similarity"


def test_the_norm_of_a_condition_does_not_matter():
    clip, images = clip_in(), pictures(2)
    condition = wanted(clip)
    longer = replace(condition, embedding=7 * condition.embedding)
    values = [similarity(clip, c)(images, SampleRng.of(0, 2)) for c in (condition, longer)]
    torch.testing.assert_close(*values)


@pytest.mark.parametrize("ratio", ["sample", "view"])
def test_with_views_it_is_minus_the_mean_cosine_of_the_released_views(ratio):
    clip, images = clip_in(), pictures(3, 20)
    condition = wanted(clip, 3)
    energy = similarity(clip, condition, views=6, resize_ratio=ratio)
    drawn = draw_views(SampleRng.of(5, 3), 6, images, resize_ratio=ratio)
    expected = by_hand(clip, condition, images, drawn, step_by_step)
    torch.testing.assert_close(energy(images, SampleRng.of(5, 3)), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("chunk", [0, 1, 3, 5, 7, 12])
@pytest.mark.parametrize(("dtype", "margin"), [(torch.float32, 1e-5), (DOUBLE, 1e-12)])
def test_the_gradient_in_two_phases_is_that_of_plain_autograd(toys, dtype, margin, chunk):
    clip, generator = clip_in(dtype), toys.generator(dtype)
    condition = wanted(clip, 3)
    energy = similarity(clip, condition, views=5, chunk=chunk).pullback(generator)
    z = toys.normal(3, 12, dtype=dtype)
    found, values = gradient(energy)(z, SampleRng.of(1, 3))
    leaf = z.clone().requires_grad_()
    images = generator(leaf, SampleRng.of(1, 3))
    expected = by_hand(clip, condition, images, draw_views(SampleRng.of(1, 3), 5, images))
    (slope,) = torch.autograd.grad(expected.sum(), leaf)
    torch.testing.assert_close(values, expected.detach(), rtol=margin, atol=margin)
    assert float((found - slope).norm() / slope.norm()) < margin


def test_weights_of_samples_reach_their_gradients():
    clip = clip_in()
    energy = similarity(clip, wanted(clip), views=2)
    images = pictures(2).requires_grad_()
    (plain,) = torch.autograd.grad(energy(images, SampleRng.of(0, 2)).sum(), images)
    weights = torch.tensor([2.0, -3.0], dtype=DOUBLE)
    (slope,) = torch.autograd.grad((energy(images, SampleRng.of(0, 2)) * weights).sum(), images)
    torch.testing.assert_close(slope, weights[:, None, None, None] * plain)
    (first,) = torch.autograd.grad(
        energy(images, SampleRng.of(0, 2)).sum(), images, create_graph=True
    )
    with pytest.raises(RuntimeError, match="does not require grad"):
        first.sum().backward()


@pytest.mark.parametrize(("views", "chunk", "most"), [(7, 3, 3), (2, 5, 4), (9, 4, 4), (1, 64, 4)])
def test_the_network_sees_no_more_views_than_a_chunk_and_the_generator_one_pass(
    toys, views, chunk, most
):
    clip, generator = clip_in(), toys.generator(DOUBLE)
    seen, passes = [], []
    counting = replace(clip, encode=lambda m, x: (seen.append(len(x)), m(x))[1])
    energy = similarity(counting, wanted(clip), views=views, chunk=chunk).pullback(generator)
    hooks = [
        generator.module.register_forward_hook(lambda *_: passes.append("forward")),
        generator.module.register_full_backward_hook(lambda *_: passes.append("backward")),
    ]
    leaf = toys.normal(4, 12, dtype=DOUBLE).requires_grad_()
    energy(leaf, SampleRng.of(0, 4)).sum().backward()
    for hook in hooks:
        hook.remove()
    assert max(seen) == most
    assert sum(seen) == 4 * views
    assert passes == ["forward", "backward"]


@pytest.mark.bits
@pytest.mark.parametrize("chunk", [0, 2, 5])
def test_a_batch_equals_its_members_to_the_bit_in_fixed_chunks(toys, chunk):
    clip, generator = clip_in(torch.float32), toys.generator()
    condition = wanted(clip)
    energy = similarity(clip, condition, views=3, chunk=chunk).pullback(generator)
    field = gradient(energy, Chunking(8, padded=True))
    z = toys.normal(11, 12)
    together, values = field(z, SampleRng.of(2, 11))
    for row in (0, 4, 10):
        alone, value = field(z[row : row + 1], SampleRng.of(2, [row]))
        assert torch.equal(alone[0], together[row])
        assert torch.equal(value[0], values[row])


def test_fresh_views_are_drawn_at_every_look():
    clip, images = clip_in(), pictures(2)
    energy = similarity(clip, wanted(clip), views=3)
    rng = SampleRng.of(0, 2)
    assert not torch.allclose(energy(images, rng), energy(images, rng))


def test_half_the_bits_are_close_and_their_network_is_the_one_listed():
    clip, images = clip_in(torch.float32), pictures(3, dtype=torch.float32)
    condition = wanted(clip)
    whole = similarity(clip, condition, views=4, precision="fp32")
    half = similarity(clip, condition, views=4, precision="bf16")
    assert whole.modules == clip.modules
    (network,) = half.modules
    assert {p.dtype for p in network.parameters()} == {torch.bfloat16}
    assert half.modules == similarity(clip, condition, precision="bf16").modules
    values = [energy(images, SampleRng.of(0, 3)) for energy in (whole, half)]
    assert values[1].dtype == torch.float32
    torch.testing.assert_close(*values, rtol=0, atol=0.02)
    leaf = images.requires_grad_()
    (slope,) = torch.autograd.grad(half(leaf, SampleRng.of(0, 3)).sum(), leaf)
    assert slope.dtype == torch.float32
    assert bool(slope.isfinite().all())


def of_size(numbers, side):
    """A CLIP with this number of parameters, none of which is stored."""
    return replace(toy_clip(), module=nn.Linear(numbers, 1, False, device="meta"), image_size=side)


def test_big_networks_are_halved_where_the_processor_can(monkeypatch):
    cpu = torch.device("cpu")
    for native in (True, False):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda n=native: n, False)
        wide = automatic_precision(of_size(88_000_000, 224), cpu)
        assert wide == ("bf16" if native else "fp32")
        assert automatic_precision(of_size(19_000_000, 224), cpu) == "fp32"
        assert automatic_precision(toy_clip()) == "fp32"
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported", raising=False)
    assert automatic_precision(of_size(88_000_000, 224), cpu) == "fp32"
    assert automatic_precision(of_size(88_000_000, 224), torch.device("mps")) == "fp32"
    for capability, precision in (((7, 5), "fp32"), ((8, 0), "bf16"), ((9, 0), "bf16")):
        monkeypatch.setattr(
            torch.cuda, "get_device_capability", lambda device, found=capability: found
        )
        found = automatic_precision(of_size(88_000_000, 224), torch.device("cuda"))
        assert found == precision


def test_bigger_networks_see_fewer_views_at_a_time():
    assert automatic_chunk(of_size(88_000_000, 224)) == 13
    assert automatic_chunk(of_size(88_000_000, 224), "bf16") == 20
    assert automatic_chunk(of_size(428_000_000, 336)) == 1
    assert automatic_chunk(of_size(4_000_000_000, 448)) == 1
    assert automatic_chunk(toy_clip()) == 64


def test_settings_that_differ_have_labels_that_differ():
    clip = clip_in()
    condition = wanted(clip)
    settings = [
        {},
        {"precision": "bf16"},
        {"views": 3},
        {"views": 4},
        {"views": 3, "operations": ("color", "cutout")},
        {"views": 3, "resize_ratio": "view"},
        {"views": 3, "precision": "bf16"},
        {"views": 3, "chunk": 2},
    ]
    energies = [similarity(clip, condition, **chosen) for chosen in settings]
    assert len({energy.signature() for energy in energies}) == len(settings)
    assert str(energies[0]) == "1·similarity(toy-clip, fp32)"
    same = similarity(clip, condition, views=3, operations=("cutout", "color"))
    assert str(same) == str(energies[4])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"views": -1}, "-1 views of an image; expected 0"),
        ({"views": 2, "chunk": -3}, "-3 views at a time; expected 0"),
        ({"operations": ("flip",)}, "'flip' of views given"),
        ({"operations": ()}, "choose from color, translation"),
    ],
)
def test_bad_input_is_refused(wrong, message):
    clip = clip_in()
    with pytest.raises(InvalidInput, match=message):
        similarity(clip, wanted(clip), **wrong)


def test_a_condition_of_another_clip_is_refused():
    clip = clip_in()
    stranger = replace(wanted(clip), auxiliary="other-id", auxiliary_name="other")
    with pytest.raises(ConditionMismatch, match=r"made by 'other', but 'toy-clip'"):
        similarity(clip, stranger)
