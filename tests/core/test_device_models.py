"""Generators, auxiliaries and energies on other devices than the CPU: see `accelerators`."""

import pytest
import torch
from latentsteer.core.condition import Condition
from latentsteer.core.energies import ENERGIES
from latentsteer.core.energies.example import toy_clip
from latentsteer.core.energies.prior import prior_energy
from latentsteer.core.energies.similarity import automatic_precision, similarity
from latentsteer.core.rng import SampleRng

from .example_files import AUXILIARY_FILES, GENERATOR_FILES, drawn
from .stand_in import DEVICE, Accelerator, MixedDevices

STYLE_FILES = [p for p in GENERATOR_FILES if "stylegan" in p.values[0].id]
ENERGY_EXAMPLES = [pytest.param(make, id=name) for name, make in ENERGIES]


def pictures(count, side=28):
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0))


# The stand-in itself


def test_the_stand_in_refuses_what_hardware_refuses():
    with Accelerator() as pretended:
        x, y = torch.ones(4, 3).to(DEVICE), torch.ones(4, 3)
        for mixed in (
            lambda: x + y,
            lambda: x @ y.T,
            lambda: torch.cat([x, y]),
            lambda: torch.where(x > 0, x, y),
            lambda: y[torch.arange(2, device=DEVICE)],
            lambda: x.gather(0, torch.zeros(1, 3, dtype=torch.long)),
            lambda: x.index_add(0, torch.arange(4), x),
            lambda: torch.nn.Linear(3, 2)(x),
            lambda: torch.rand(2, device=DEVICE, generator=torch.Generator()),
        ):
            with pytest.raises(MixedDevices):
                mixed()
        with pytest.raises(TypeError, match="numpy"):
            x.numpy()
        assert pretended.waits.total() == 1  # the copy of x
    with pytest.raises(MixedDevices, match="outside"):
        x + x


def test_the_stand_in_counts_what_the_host_waits_for():
    with Accelerator() as pretended:
        x = torch.arange(6.0).to(DEVICE, non_blocking=True)
        assert pretended.waits.total() == 0
        for waiting in (
            lambda: float(x.sum()),
            lambda: bool((x > 0).all()),
            lambda: x.tolist(),
            lambda: x.cpu(),
            lambda: x.nonzero(),
            lambda: x[x > 2],
            lambda: x[torch.arange(2)],
            lambda: torch.tensor([1.0], device=DEVICE),
            lambda: x.new_tensor([1.0]),
            lambda: torch.ones(2).to(DEVICE),
        ):
            pretended.forget()
            waiting()
            assert pretended.waits.total() == 1
        pretended.forget()
        assert torch.zeros(2, device=DEVICE).device == (x + 1).device == DEVICE
        assert (x * 2).sum().cpu() == 30
        assert pretended.reads.total() == 1


def test_the_stand_in_differentiates():
    with Accelerator():
        x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
        leaf = x.to(DEVICE).requires_grad_()
        (slope,) = torch.autograd.grad((leaf.sin() * 2).sum(), leaf)
        torch.testing.assert_close(slope.cpu(), 2 * x.cos())


# Generators


@pytest.fixture(scope="module")
def moved_once():
    """Models on devices: see `both`."""
    return {}


@pytest.fixture
def both(examples, there, moved_once):
    """Returns an example's model on the CPU and on the device, which tests leave unchanged."""

    def go(architecture, make, **options):
        key = there.name, make, *sorted(options.items())
        with there.away():
            here = examples(architecture, make, **options)
            if (moved := moved_once.get(key)) is None:
                moved = examples.fresh(architecture, make, options)
        if key not in moved_once:
            moved_once[key] = there.model(moved)
        return here, moved

    return go


@pytest.mark.parametrize(("architecture", "make"), GENERATOR_FILES)
def test_a_generators_draws_are_the_cpus(architecture, make, both, there):
    here, moved = both(architecture, make)
    like = torch.empty(0, device=there.device)
    with there.without_waiting():
        found = moved.prior.sample(SampleRng.of(0, 3), like)
    assert found.device.type == there.device.type
    assert torch.equal(found.cpu(), drawn(here, 3))


@pytest.mark.parametrize(("architecture", "make"), GENERATOR_FILES)
def test_a_generators_images_and_slopes_agree(architecture, make, both, there):
    here, moved = both(architecture, make)
    z = drawn(here, 3)

    def seen(generator, points):
        leaf = points.detach().requires_grad_()
        images = generator(leaf, SampleRng.of(1, 3))
        return images.detach(), torch.autograd.grad(images.square().sum(), leaf)[0]

    with there.away():
        pair = [seen(here, z)]
    pair.append(seen(moved, there(z)))
    there.close(pair[1][0], pair[0][0])
    scale = float(pair[0][1].abs().max())
    there.close(pair[1][1] / scale, pair[0][1] / scale)
    points = there(z)
    with there.without_waiting():
        moved(points, SampleRng.of(1, 3))
    if here.discriminator is not None and moved.discriminator is not None:
        found = moved.discriminator.logits(pair[1][0])
        there.close(found, here.discriminator.logits(pair[1][0].cpu()))
    if here.encode is not None and moved.encode is not None:
        there.close(moved.encode(pair[1][0]), here.encode(pair[1][0].cpu()))


@pytest.mark.usefixtures("quick_fit")
@pytest.mark.parametrize("latent", ["w", "w+"])
@pytest.mark.parametrize(("architecture", "make"), STYLE_FILES[:1] + STYLE_FILES[-1:])
def test_mapped_draws_and_their_prior_agree(architecture, make, latent, both, there):
    here, moved = both(architecture, make, latent=latent)
    w = drawn(here, 3)
    found = moved.prior.sample(SampleRng.of(0, 3), torch.empty(0, device=there.device))
    there.close(found, w)
    fitted = [prior_energy(g, no_density="fitted Gaussian") for g in (here, moved)]
    expected = fitted[0](w, SampleRng.of(0, 3))
    moved_to = there(w)
    with there.without_waiting():
        energies = fitted[1](moved_to, SampleRng.of(0, 3))
    there.close(energies, expected)
    assert fitted[0].signature() == fitted[1].signature()


# Auxiliaries


@pytest.mark.parametrize(("architecture", "make"), AUXILIARY_FILES)
def test_an_auxiliarys_embeddings_agree(architecture, make, both, there):
    here, moved = both(architecture, make)
    images = pictures(3)
    with there.away():
        expected = here.embed(images)
    scale = float(expected.abs().max())
    there.close(moved.embed(there(images)) / scale, expected / scale)
    points = there(images)
    with there.without_waiting():
        moved.embed(points)


# Energies


def on_the_cpu(make):
    """Returns value and gradient of an energy's example on the CPU."""
    here = make()
    points = here.points.requires_grad_()
    values = here.energy(points, SampleRng.of(0, len(points), "contract"))
    (slope,) = torch.autograd.grad(values.sum(), points)
    return values.detach(), slope


def on_the_device(make, there):
    """Returns a function of value and gradient of an energy's example on the device."""
    moved = make()
    for module in moved.energy.modules:
        module.to(there.device)
    leaf = there(moved.points).requires_grad_()

    def seen():
        again = SampleRng.of(0, len(leaf), "contract")
        found = moved.energy(leaf, again)
        return found.detach(), torch.autograd.grad(found.sum(), leaf)[0]

    return seen


@pytest.mark.parametrize("make", ENERGY_EXAMPLES)
def test_an_energy_and_its_slope_agree(make, there):
    with there.away():
        values, slope = on_the_cpu(make)
    found, down = on_the_device(make, there)()
    assert found.device.type == down.device.type == there.device.type
    there.close(found, values)
    there.close(down, slope)


@pytest.mark.parametrize("make", ENERGY_EXAMPLES)
def test_an_energy_does_not_wait_for_the_device(make, there):
    seen = on_the_device(make, there)
    seen()  # evaluated once, such as references
    with there.without_waiting():
        seen()


@pytest.mark.parametrize("views", [0, 4])
def test_half_precision_agrees_within_its_rounding(views, there):
    here, clip = toy_clip(), there.model(toy_clip())
    images = pictures(3, 9)
    rows = torch.randn(3, here.embed_dim, generator=torch.Generator().manual_seed(1))
    condition = Condition(rows, ("a", "b", "c"), here.id, here.name)
    rng = SampleRng.of(0, 3)
    exact = similarity(here, condition, views=views)(images, SampleRng.of(0, 3))
    energy = similarity(clip, condition, views=views, precision="bf16", device=there.device)
    leaf = there(images).requires_grad_()
    for module in energy.modules:
        module.to(there.device)
    found = energy(leaf, rng)
    assert found.dtype == torch.float32
    (slope,) = torch.autograd.grad(found.sum(), leaf)
    assert bool(slope.isfinite().all())
    there.close(found.detach(), exact, rtol=0, atol=3e-2)


def test_the_automatic_precision_asks_the_device(there):
    small = toy_clip()
    assert automatic_precision(small, there.device) == "fp32"
    big = toy_clip()
    big.module.register_parameter(
        "more", torch.nn.Parameter(torch.empty(1).expand(21_000_000), requires_grad=False)
    )
    native = there.name == "cuda" and torch.cuda.get_device_capability()[0] >= 8
    assert automatic_precision(big, there.device) == ("bf16" if native else "fp32")
