"""What every registered energy satisfies, new ones included."""

import pytest
import torch
from latentsteer.core.chunking import Chunking
from latentsteer.core.energies import ENERGIES
from latentsteer.core.energy import Energy
from latentsteer.core.errors import DomainMismatch
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import IMAGES, Block, Identity, Space

ENERGY_EXAMPLES = [pytest.param(make, id=name) for name, make in ENERGIES]


@pytest.fixture(params=ENERGY_EXAMPLES)
def example64(request):
    """Returns an energy and its points in float64."""
    example = request.param()
    for module in example.energy.modules:
        module.double()
    return example.energy, example.points.double()


def streams(points):
    return SampleRng.of(0, len(points), "contract")


def draws(energy, points):
    """Whether the energy is random: a second evaluation then differs from the first."""
    rng = streams(points)
    before = rng.state()
    energy(points, rng)
    return not torch.equal(rng.state(), before)


def test_an_energy_is_one_finite_number_per_sample(example64):
    energy, points = example64
    values = energy(points, streams(points))
    assert values.shape == (len(points),)
    assert bool(values.isfinite().all())
    assert values.std() > 0


@pytest.mark.bits
@pytest.mark.parametrize("make", ENERGY_EXAMPLES)
def test_in_fixed_chunks_an_energys_samples_are_the_same_in_any_batch(make):
    """Bit for bit: value and gradient, alone and at another place, with its condition."""
    example = make()
    energy, points = example.energy, example.points
    if energy.coupled:
        pytest.skip("couples its samples")

    def slopes(v, rng):
        leaf = v.detach().requires_grad_()
        values = energy(leaf, rng)
        return values.detach(), torch.autograd.grad(values.sum(), leaf)[0]

    def seen(samples):
        rng = streams(points).taken(samples)
        return Chunking(8, padded=True).apply_random(slopes, points[samples], rng)

    every = list(range(len(points)))
    whole = seen(every)
    for samples in ([2], [1, 0], every[::-1]):
        for found, among in zip(seen(samples), whole, strict=True):
            assert torch.equal(found, among[samples])


def test_an_energys_samples_do_not_see_each_other(example64):
    energy, points = example64
    if energy.coupled:
        pytest.skip("couples its samples")
    together = energy(points, streams(points))
    for row in range(len(points)):
        alone = energy(points[row : row + 1], streams(points).part(row, row + 1))
        torch.testing.assert_close(alone[0], together[row], rtol=1e-10, atol=1e-12)


def test_an_energys_gradient_is_its_finite_difference(example64, toys):
    energy, points = example64
    points.requires_grad_()
    (slope,) = torch.autograd.grad(energy(points, streams(points)).sum(), points)
    step = 1e-5
    for seed in range(5):
        along = toys.normal(*points.shape, seed=seed, dtype=torch.float64)
        ahead, behind = (
            energy(points.detach() + h * along, streams(points)).sum() for h in (step, -step)
        )
        expected = (ahead - behind) / (2 * step)
        torch.testing.assert_close((slope * along).sum(), expected, rtol=1e-6, atol=1e-7)


def test_energies_add_and_scale(example64):
    energy, points = example64
    if draws(energy, points):
        pytest.skip("its terms draw one after the other")
    alone = energy(points, streams(points))
    both = energy + 0.25 * energy
    torch.testing.assert_close(both(points, streams(points)), 1.25 * alone)
    torch.testing.assert_close((3 * (2 * energy))(points, streams(points)), 6 * alone)
    assert [leaf.label for leaf in both.leaves()] == [leaf.label for leaf in energy.leaves()] * 2
    assert both.modules == energy.modules
    readings = list(both.read(points, streams(points)))
    total = sum(reading.weight * reading.values for reading in readings)
    torch.testing.assert_close(total, 1.25 * alone)


def domain_of(energy: Energy):
    (domain,) = {term.domain for _, term in energy.terms}
    return domain


def lift_to(energy, points, toys):
    source = Space((Block("parameters", (points[0].numel(),)),))
    shape = points.shape[1:]
    return toys.lift(source, domain_of(energy), lambda v: v.sin().reshape(-1, *shape) * 0.5 + 0.5)


def test_an_energy_pulled_back_is_the_energy_of_the_maps_value(example64, toys):
    energy, points = example64
    chart = lift_to(energy, points, toys)
    pulled = energy.pullback(chart)
    v = toys.normal(len(points), chart.source.dim, dtype=torch.float64)
    expected = energy(chart(v, streams(points)), streams(points))
    torch.testing.assert_close(pulled(v, streams(points)), expected)
    assert domain_of(pulled) == chart.source
    assert [leaf.label for leaf in pulled.leaves()] == [leaf.label for leaf in energy.leaves()]
    assert pulled.modules == energy.modules
    assert pulled.coupled == energy.coupled


def test_pulling_back_along_the_identity_changes_nothing(example64, toys):
    energy, points = example64
    chart = Identity(lift_to(energy, points, toys).source)
    pulled = energy.pullback(lift_to(energy, points, toys))
    assert pulled.pullback(chart) == pulled


def test_pullback_is_linear(example64, toys):
    energy, points = example64
    if draws(energy, points):
        pytest.skip("its terms draw one after the other")
    chart = lift_to(energy, points, toys)
    v = toys.normal(len(points), chart.source.dim, dtype=torch.float64)
    left = (2 * energy + energy).pullback(chart)
    right = 2 * energy.pullback(chart) + energy.pullback(chart)
    torch.testing.assert_close(left(v, streams(points)), right(v, streams(points)))


def test_a_pullback_evaluates_its_map_once_for_all_terms(example64, toys):
    energy, points = example64
    chart = lift_to(energy, points, toys)
    calls = []
    counting = toys.lift(
        chart.source, chart.target, lambda v: calls.append(1) or chart.function(v)
    )
    v = toys.normal(len(points), chart.source.dim, dtype=torch.float64)
    (energy + energy).pullback(counting)(v, streams(points))
    assert len(calls) == 1


def test_an_energy_refuses_points_of_another_domain(example64, toys):
    energy, points = example64
    wrong = torch.zeros(len(points), 7, 5, dtype=torch.float64)
    with pytest.raises(DomainMismatch, match="Pull the energy back"):
        energy(wrong, streams(points))
    other = Space((Block("other", (3,)),))
    target = IMAGES if isinstance(domain_of(energy), Space) else other
    with pytest.raises(DomainMismatch, match="Build the term"):
        energy.pullback(toys.lift(Space((Block("u", (2,)),)), target, lambda v: v))


def test_an_energy_is_written_as_its_weighted_terms(example64):
    energy, _ = example64
    text = str(0.5 * energy)
    assert text.count("0.5·") == len(energy.terms)
    for leaf in energy.leaves():
        assert str(leaf) in text


def test_an_energys_signature_tells_it_from_others(example64):
    energy, _ = example64
    assert energy.signature() == (energy + Energy(())).signature()
    assert energy.signature() != (2 * energy).signature()
    assert energy.signature() != (energy + energy).signature()
