"""FuseDream's start: the best of many candidates, and samples over them as a basis."""

import pytest
import torch
from latentsteer.core.charts import MixtureOfBasis
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.chunking import Chunking
from latentsteer.core.energy import Energy
from latentsteer.core.errors import ConditionMismatch, DomainMismatch, InvalidInput
from latentsteer.core.generators import load_generator
from latentsteer.core.generators.biggan.ajbrock import GENERATOR as BIGGAN
from latentsteer.core.refine.first_order import FirstOrder
from latentsteer.core.refine.refinement import refine
from latentsteer.core.refine.rules import Adam
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import IMAGES, Block, Space
from latentsteer.core.starts.basis import drawing, from_basis, over_basis
from latentsteer.core.starts.best import best_candidates
from latentsteer.core.terms import Term

CHUNKS = Chunking(4, padded=True)
LIKE = torch.empty(0)
WITHOUT_EMBEDDING = BIGGAN.examples[2]
SPACE = Space((Block("z", (3,), -2.0, 2.0), Block("y", (2,), role="class")))
BRIGHT = Energy.of(Term("dark", IMAGES, lambda x, rng: -x.mean(dim=(1, 2, 3))))


def draw(rng):
    return rng.normal(2, like=LIKE)


def height(toys, function=lambda v: v[:, 0]):
    return toys.energy_of(function, toys.vectors(2))


def noisy(toys):
    """An energy that draws."""
    term = Term("noisy", toys.vectors(2), lambda v, rng: v[:, 0] + rng.normal(1, like=v)[:, 0])
    return Energy.of(term)


def best(energy, candidates, keep, rng=None, chunks=CHUNKS, **options):
    rng = SampleRng.of(0, 3, "basis") if rng is None else rng
    return best_candidates(draw, energy, candidates, keep, rng, chunks, **options)


@pytest.mark.bits
@pytest.mark.parametrize("chunks", [Chunking(4, True), Chunking(7, False), Chunking(99, False)])
@pytest.mark.parametrize("energy", [height, noisy])
def test_the_best_are_those_of_a_full_sort(energy, chunks, toys):
    everything = best(energy(toys), 23, 23)
    order = everything.energies.sort(dim=1, stable=True)
    assert torch.equal(order.values, everything.energies)
    assert [sorted(row) for row in everything.numbers.tolist()] == [list(range(23))] * 3
    few = best(energy(toys), 23, 5, chunks=chunks)
    for name in ("points", "energies", "numbers"):
        assert torch.equal(getattr(few, name), getattr(everything, name)[:, :5]), name


@pytest.mark.bits
@pytest.mark.parametrize("energy", [height, noisy])
def test_a_candidate_depends_neither_on_their_number_nor_on_the_batch(energy, toys):
    few, many = (best(energy(toys), m, m) for m in (9, 23))
    alone = best(energy(toys), 23, 23, SampleRng.of(0, [2], "basis"))
    for name in ("points", "energies"):
        by_number = [
            getattr(found, name)[
                torch.arange(len(found.numbers))[:, None], found.numbers.argsort()
            ]
            for found in (few, many, alone)
        ]
        assert torch.equal(by_number[0], by_number[1][:, :9]), name
        assert torch.equal(by_number[2][0], by_number[1][2]), name


@pytest.mark.bits
def test_the_samples_own_streams_are_left_as_they_are(toys):
    rng = SampleRng.of(0, 3, "basis")
    before = rng.state()
    best(noisy(toys), 9, 2, rng)
    assert torch.equal(rng.state(), before)


def test_candidates_of_one_sample_fill_the_chunks_and_nothing_is_judged_twice(toys):
    sizes = []

    def count(v):
        sizes.append(len(v))
        return v[:, 0]

    done = []
    best(height(toys, count), 10, 2, SampleRng.of(0, 2), Chunking(5, False), report=done.append)
    assert sizes == [5, 5, 5, 5]
    assert done == [5, 10, 15, 20]


def test_equal_candidates_stand_in_the_order_of_their_draws(toys):
    flat = best(height(toys, lambda v: v[:, 0] * 0), 11, 6)
    assert flat.numbers.tolist() == [[0, 1, 2, 3, 4, 5]] * 3


def test_candidates_without_an_energy_come_last(toys):
    energy = height(toys, lambda v: torch.where(v[:, 0] < 0, torch.nan, v[:, 1] / 0))
    found = best(energy, 20, 20)
    without = found.energies.isnan()
    assert without.any()
    assert not without.all()
    assert bool((without.long().diff(dim=1) >= 0).all())
    assert "nan (candidate" in found.summary()


def test_a_condition_with_a_row_per_sample_is_read_by_the_sample(toys):
    places = torch.tensor([0.0, 10.0, 20.0])
    term = Term("row", toys.vectors(2), lambda v, rng: v[:, 0] * 0 + places[list(rng.rows)])
    assert best(Energy.of(term), 5, 1).energies[:, 0].tolist() == places.tolist()


@pytest.mark.parametrize(
    ("candidates", "keep", "said"),
    [
        (0, 1, "0 candidates to choose from"),
        (4, 5, "best 5 of 4 candidates requested. Keep from 1 to 4"),
        (4, 0, "best 0 of 4 candidates"),
    ],
)
def test_numbers_without_sense_are_refused(candidates, keep, said, toys):
    with pytest.raises(InvalidInput, match=said):
        best(height(toys), candidates, keep)


def test_nobody_and_coupled_energies_are_refused(toys):
    with pytest.raises(InvalidInput, match="No sample to start"):
        best(height(toys), 4, 1, SampleRng.of(0, 0))
    coupled = Energy.of(Term("flow", toys.vectors(2), lambda v, rng: v[:, 0], coupled=True))
    with pytest.raises(InvalidInput, match="flow compares the samples"):
        best(coupled, 4, 1)


# Over a basis


def points(toys):
    return SPACE.clamp(toys.normal(2 * 4, 5)).unflatten(0, (2, 4))


@pytest.mark.parametrize("over", [("z", "y"), ("z",)])
@pytest.mark.parametrize("weights", ["scalar", "linear", "softmax"])
def test_equal_weights_start_at_the_mean_of_the_basis(weights, over, toys):
    basis = points(toys)
    start = over_basis(SPACE, basis, SampleRng.of(0, 2), over=over, weights=weights)
    assert start.chart == MixtureOfBasis(SPACE, 4, over, weights)
    combined = start.chart(start.values, SampleRng.of(0, 2))
    torch.testing.assert_close(combined, basis.mean(dim=1))
    parts = start.chart.source.split(start.values)
    if weights == "scalar":
        assert parts["+".join(over) + ".weights"].tolist() == [[0.25] * 4] * 2
    if weights == "linear":
        assert parts["z.weights"].unique().tolist() == [0.25]
        assert torch.equal(parts["z.basis"], basis[:, :, :3])


@pytest.mark.bits
def test_random_weights_are_normal_logits_for_every_coordinate_from_the_samples_streams(toys):
    basis = toys.normal(2 * 4, 5).clamp(-2, 2).unflatten(0, (2, 4))
    options = {"over": ("z", "y"), "weights": "softmax", "start": "random"}
    start = over_basis(SPACE, basis, SampleRng.of(7, 2), **options)
    parts = start.chart.source.split(start.values)
    rng = SampleRng.of(7, 2)
    assert torch.equal(parts["z.weights"], rng.normal(4, 3, like=LIKE))
    assert torch.equal(parts["y.weights"], rng.normal(4, 2, like=LIKE))
    z = start.chart.target.split(start.chart(start.values, rng))["z"]
    law = parts["z.weights"].softmax(dim=1)
    torch.testing.assert_close(z, (law * basis[:, :, :3]).sum(dim=1))
    alone = over_basis(SPACE, basis[1:], SampleRng.of(7, [1]), **options)
    assert torch.equal(alone.values[0], start.values[1])


@pytest.mark.parametrize("weights", ["scalar", "linear"])
def test_random_weights_that_are_no_logits_are_refused(weights, toys):
    options = {"over": ("z",), "weights": weights, "start": "random"}
    with pytest.raises(InvalidInput, match=rf"need weights 'softmax'; got '{weights}'"):
        over_basis(SPACE, points(toys), SampleRng.of(0, 2), **options)


# From a generator


def made(generator, energy=BRIGHT, count=2, **options):
    settings = {"candidates": 12, "keep": 3, "chunking": CHUNKS, "device": torch.device("cpu")}
    rng = SampleRng.of(0, count, "basis")
    return from_basis(generator, rng, energy=energy, **settings | options)


def loaded(tmp_path, example=BIGGAN.examples[0]):
    """A tiny BigGAN with weights large enough to affect results."""
    example = example()
    stream = torch.Generator().manual_seed(1)
    tensors = {
        prefix + name: tensor + 0.3 * torch.randn(tensor.shape, generator=stream)
        if tensor.is_floating_point() and "var" not in name
        else tensor
        for prefix, network in example.networks.items()
        for name, tensor in network.state_dict().items()
    }
    checkpoints.write(tmp_path / "model.safetensors", tensors, example.config)
    return load_generator(tmp_path / "model.safetensors", {"folded": False})


@pytest.fixture
def biggan(tmp_path):
    return loaded(tmp_path)


def test_a_biggans_basis_is_of_its_latents_and_its_classes(biggan):
    start, found = made(biggan)
    assert start.chart == MixtureOfBasis(biggan.source, 3, ("z", "y"), "scalar")
    assert float(start.chart.source.split(start.values)["z.basis"].abs().max()) <= 2
    table = biggan.module.get_parameter("shared.weight")
    y = biggan.source.split(found.points.flatten(0, 1))["y"]
    assert all(bool((row == table).all(dim=1).any()) for row in y)
    images = biggan(found.points.flatten(0, 1), SampleRng.of(0, 6))
    torch.testing.assert_close(-images.mean(dim=(1, 2, 3)), found.energies.flatten())
    assert bool((found.energies.diff(dim=1) >= 0).all())


def test_a_class_without_a_basis_is_the_mean_of_its_candidates(biggan):
    start, found = made(biggan, over_classes=False)
    assert start.chart == MixtureOfBasis(biggan.source, 3, ("z",), "scalar")
    y = biggan.source.split(found.points.flatten(0, 1))["y"].unflatten(0, (2, 3)).mean(dim=1)
    torch.testing.assert_close(start.chart.source.split(start.values)["y"], y)


def test_gaussian_classes_change_the_class_alone(biggan):
    cpu = torch.device("cpu")
    plain, gaussian = (
        biggan.source.split(drawing(biggan, classes, cpu)(SampleRng.of(0, 400)))
        for classes in ("prior", "gaussian")
    )
    assert torch.equal(plain["z"], gaussian["z"])
    assert abs(float(gaussian["y"].std()) - 1) < 0.05
    assert len(gaussian["y"].unique(dim=0)) == 400
    assert made(biggan, classes="gaussian")[0].values.isfinite().all()


def test_gaussian_classes_need_an_embedding(toys, tmp_path):
    for generator in (toys.generator(), loaded(tmp_path, WITHOUT_EMBEDDING)):
        with pytest.raises(InvalidInput, match=r"takes none: its latents are .* 'prior'"):
            made(generator, classes="gaussian")


def test_an_energy_of_another_generator_is_refused(biggan, toys):
    stranger = toys.energy_of(lambda v: v[:, 0], toys.generator().source)
    with pytest.raises(DomainMismatch, match="Build the term for this generator"):
        made(biggan, stranger)


def test_rows_that_are_neither_one_nor_a_sample_each_are_refused(toys):
    from latentsteer.core.energies.classification import classification

    classifier = toys.classifier()
    energy = classification(classifier, classifier.condition(["a", "b", "c"]))
    assert len(made(toys.generator(), energy, count=3)[0].values) == 3
    with pytest.raises(ConditionMismatch, match="3 rows and the batch 2"):
        made(toys.generator(), energy)


@pytest.mark.parametrize("weights", ["linear", "softmax"])
def test_adam_on_basis_and_weights_lowers_the_energy(weights, biggan, toys):
    start, _ = made(biggan, weights=weights)
    rule = Adam(learning_rate=0.02)
    job = toys.job(generator=biggan, energy=BRIGHT, refiner=FirstOrder(rule), steps=15)
    latents = toys.latents(biggan, start.values, chart=start.chart)
    refined, trace = refine(job, latents)
    assert bool((trace.after["energy"] < trace.before["energy"]).all())
    before, after = (start.chart.source.split(v) for v in (latents.values, refined.values))
    assert all(not torch.equal(before[name], after[name]) for name in before)
    assert float(after["z.basis"].abs().max()) <= 2
