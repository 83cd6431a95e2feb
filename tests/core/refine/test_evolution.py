"""Evolution strategies: CMA-ES and BasinCMA."""

import sys
from dataclasses import replace

import pytest
import torch
from latentsteer.core.chunking import Chunking
from latentsteer.core.energy import Energy
from latentsteer.core.errors import InvalidInput
from latentsteer.core.refine import cma_es as evolution
from latentsteer.core.refine.cma_es import CmaEs
from latentsteer.core.refine.first_order import FirstOrder
from latentsteer.core.refine.refinement import refine
from latentsteer.core.refine.rules import Adam
from latentsteer.core.refine.run import first_snapshot, iterate
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import Block, Identity, Space
from latentsteer.core.terms import Term

pytest.importorskip("cmaes", reason="cmaes is not installed")

CHUNKS = Chunking(16, padded=False)
DIM = 4


def bowl(v):
    return (v - 1).square() @ torch.tensor([1.0, 10.0, 0.1, 3.0], dtype=v.dtype)


def waves(v):
    """An energy with many basins; the lowest is at 0."""
    return (v.square() + 2 * (1 - (6 * v).cos())).sum(dim=1)


def kernel_of(toys, function=bowl, energy=None, project=None, rate=0.05, **settings):
    energy = energy or toys.energy_of(function, toys.vectors(DIM))
    refiner = CmaEs(**settings, inner=FirstOrder(Adam(learning_rate=rate)))
    return refiner.bind(energy, Identity(energy.terms[0][1].domain), CHUNKS, project)


def ended(kernel, start, generations, rng=None):
    rng = SampleRng.of(0, len(start), "refine") if rng is None else rng
    *_, last = iterate(kernel, first_snapshot(kernel, start, rng), generations, rng)
    return last


def start(toys, count=2, dtype=torch.float64):
    return toys.normal(count, DIM, dtype=dtype)


@pytest.mark.parametrize("full", [True, False])
def test_it_finds_the_minimum(full, toys, monkeypatch):
    monkeypatch.setattr(evolution, "LARGEST_FULL", DIM if full else 0)
    last = ended(kernel_of(toys), start(toys), 80)
    torch.testing.assert_close(last.state.position, torch.ones(2, DIM).double(), atol=0.02, rtol=0)


def test_the_energies_are_those_of_the_points_that_generations_start_from(toys):
    kernel, points = kernel_of(toys), []
    rng = SampleRng.of(0, 2, "refine")
    first = first_snapshot(kernel, start(toys), rng)
    points.append(first.state.position)
    for snapshot in iterate(kernel, first, 6, rng):
        points.append(snapshot.state.position)
    for energies, position in zip(snapshot.energies, points[:-1], strict=True):
        torch.testing.assert_close(energies, bowl(position).float())


def test_inner_steps_find_a_lower_basin(toys):
    first = 3 + start(toys, 4)
    plain, basin = (
        waves(ended(kernel_of(toys, waves, inner_steps=n), first, 25).best.position)
        for n in (0, 15)
    )
    assert bool((basin < plain).all())


def test_a_law_is_told_where_members_started_and_what_they_found(toys, monkeypatch):
    told = []
    library = evolution._library()

    class Watched(library.CMA):
        def tell(self, solutions):
            told.extend(solutions)
            super().tell(solutions)

    monkeypatch.setattr(library, "CMA", Watched)
    last = ended(kernel_of(toys, inner_steps=5, population=6), start(toys, 1), 1)
    points = torch.stack([torch.from_numpy(point) for point, _ in told])
    values = torch.tensor([value for _, value in told]).double()
    assert len(told) == 6
    assert bool((values < bowl(points)).all())
    torch.testing.assert_close(bowl(last.state.position)[0], values.min())


@pytest.mark.parametrize("inner_steps", [0, 2])
def test_a_batch_equals_its_members(inner_steps, toys):
    noisy = Term(
        "noisy", toys.vectors(DIM), lambda v, rng: bowl(v) + rng.normal(1, like=v)[:, 0] * v[:, 0]
    )
    kernel = kernel_of(toys, energy=Energy.of(noisy), inner_steps=inner_steps)
    first = start(toys, 3)
    together = ended(kernel, first, 4)
    alone = ended(kernel, first[1:2], 4, SampleRng.of(0, [1], "refine"))
    torch.testing.assert_close(together.state.position[1], alone.state.position[0])


def test_members_of_a_generation_see_the_same_and_the_next_generation_sees_else(toys):
    drawn = []

    def look(v, rng):
        drawn.append(rng.normal(1, like=v)[:, 0])
        return bowl(v)

    kernel = kernel_of(toys, energy=Energy.of(Term("look", toys.vectors(DIM), look)))
    ended(kernel, start(toys, 1), 2)
    begun, first, second = drawn
    assert len(first.unique()) == len(second.unique()) == 1
    assert begun[0] == first[0] != second[0]


def test_rows_of_a_condition_are_those_of_the_samples(toys):
    places = torch.tensor([-2.0, 2.0]).double()

    def far(v, rng):
        return (v - places[list(rng.rows)][:, None]).square().sum(dim=1)

    kernel = kernel_of(toys, energy=Energy.of(Term("far", toys.vectors(DIM), far)))
    position = ended(kernel, start(toys), 60).state.position
    torch.testing.assert_close(position, places[:, None].expand(2, DIM), atol=0.1, rtol=0)


def test_members_stay_within_bounds(toys):
    space = Space((Block("z", (DIM,), -0.5, 0.5),))
    kernel = kernel_of(toys, project=space.clamp, inner_steps=1, sigma=3.0)
    first = space.clamp(start(toys))
    rng = SampleRng.of(0, 2)
    for snapshot in iterate(kernel, first_snapshot(kernel, first, rng), 12, rng):
        assert float(snapshot.state.position.abs().max()) <= 0.5
    assert bool((bowl(snapshot.state.position) < bowl(first)).all())


def test_energies_that_are_not_numbers_never_win(toys):
    hole = kernel_of(toys, lambda v: torch.where(v[:, 0] < 0, torch.nan, bowl(v)))
    last = ended(hole, start(toys).abs(), 30)
    assert bool((last.state.position[:, 0] >= 0).all())


@pytest.mark.bits
@pytest.mark.parametrize("inner_steps", [0, 2])
def test_an_interrupted_search_goes_on_through_a_file(inner_steps, toys, tmp_path):
    from latentsteer.core.latent_files import load_latents, save_latents

    generator = toys.generator()
    job = toys.job(
        generator=generator,
        refiner=CmaEs(inner_steps=inner_steps, population=5),
        steps=6,
    )
    latents = toys.latents(generator, toys.normal(2, 12))
    whole, trace = refine(job, latents)

    class StopError(Exception):
        pass

    def stop(snapshot):
        if snapshot.state.step == 3:
            raise StopError

    def keep(unfinished):
        save_latents(tmp_path / "half.safetensors", unfinished)

    with pytest.raises(StopError):
        refine(job, latents, on_step=stop, on_stop=keep)
    half = load_latents(tmp_path / "half.safetensors")
    rest, again = refine(job, half)
    assert torch.equal(rest.values, whole.values)
    assert torch.equal(again.energies, trace.energies)
    from latentsteer.core.errors import ResumeMismatch

    other = replace(job, refiner=CmaEs(inner_steps=inner_steps, population=6))
    with pytest.raises(ResumeMismatch, match=r"refiner\.population: 5 then, 6 now"):
        refine(other, half)


def test_a_search_lowers_an_energy_through_a_generator(toys):
    job = toys.job(refiner=CmaEs(), steps=15, keep_best=True)
    latents = toys.latents(job.generator, toys.normal(2, 12))
    _, trace = refine(job, latents)
    assert bool((trace.after["energy"] < trace.before["energy"]).all())
    assert len(trace.energies) == 16


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"population": 3}, "population of 3; expected 0 .automatic. or at least 4"),
        ({"sigma": 0.0}, "sigma is 0"),
        ({"sigma": float("nan")}, "sigma is nan"),
        ({"inner_steps": -1}, "-1 inner steps"),
    ],
)
def test_settings_without_sense_are_refused(settings, said):
    with pytest.raises(InvalidInput, match=said):
        CmaEs(**settings)


def test_coupled_energies_and_single_numbers_are_refused(toys):
    coupled = Energy.of(Term("flow", toys.vectors(DIM), lambda v, rng: bowl(v), coupled=True))
    with pytest.raises(InvalidInput, match="flow compares the samples"):
        kernel_of(toys, energy=coupled)
    line = toys.energy_of(lambda v: v[:, 0], toys.vectors(1))
    with pytest.raises(InvalidInput, match="at least 2 numbers"):
        ended(kernel_of(toys, energy=line), torch.zeros(1, 1), 1)


def test_a_missing_library_is_told_with_its_cure(toys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cmaes", None)
    with pytest.raises(InvalidInput, match=r"cmaes, which is not installed. `pip install cmaes`"):
        kernel_of(toys)
