"""Class shares stay on the simplex under every refiner; non-finite energies come last."""

import math
from dataclasses import replace

import pytest
import torch
from latentsteer.core.charts import MixtureOfBasis, WithNoise, chart_from_config, chart_to_config
from latentsteer.core.chunking import ALL_AT_ONCE, Chunking
from latentsteer.core.clip import Clip
from latentsteer.core.composition.scene import joint_space
from latentsteer.core.energies.regions import somewhere
from latentsteer.core.energy import Energy
from latentsteer.core.errors import InvalidInput
from latentsteer.core.generator import Generator
from latentsteer.core.latent_files import load_latents, save_latents
from latentsteer.core.refine.cma_es import CmaEs
from latentsteer.core.refine.examples import RULES
from latentsteer.core.refine.first_order import FirstOrder
from latentsteer.core.refine.refinement import refine
from latentsteer.core.refine.rules import Adam, Descent, Langevin
from latentsteer.core.rng import SampleRng
from latentsteer.core.snapshot import Best, comparable, lowest
from latentsteer.core.spaces import Block, Identity, Space, nearest_shares
from latentsteer.core.starts.basis import over_basis
from latentsteer.core.starts.best import best_candidates
from latentsteer.core.starts.candidates import best_of
from latentsteer.core.starts.ranking import ranked
from latentsteer.core.starts.search import CrossEntropySearch
from latentsteer.core.terms import Term

from .example_files import GENERATOR_FILES, drawn

DOUBLE = torch.float64
SPACE = Space((Block("z", (8,), -4.0, 4.0), Block("c", (4,), 0.0, 1.0, shares=True, role="class")))
CHARTS = {
    "plain": Identity(SPACE),
    "linear": MixtureOfBasis(SPACE, 3, ("z", "c"), "linear"),
    "softmax": MixtureOfBasis(SPACE, 3, ("z", "c"), "softmax"),
    "of z": MixtureOfBasis(SPACE, 3, ("z",), "linear"),
}


def on_simplex(shares):
    return bool((shares >= 0).all()) and torch.allclose(
        shares.sum(dim=-1), torch.ones(()).to(shares), atol=1e-5
    )


def test_the_nearest_shares_are_the_projection():
    """Checks the conditions: p = max(v - t, 0) with sum 1, for a single t."""
    stream = torch.Generator().manual_seed(0)
    v = 3 * torch.randn(50, 7, generator=stream, dtype=DOUBLE)
    found = nearest_shares(v)
    torch.testing.assert_close(found.sum(dim=1), torch.ones(50, dtype=DOUBLE))
    for row, shares in zip(v, found, strict=True):
        level = (row - shares)[shares > 0]
        torch.testing.assert_close(level, level[:1].expand_as(level))
        assert bool((row[shares == 0] <= level[0] + 1e-12).all())
    torch.testing.assert_close(nearest_shares(torch.tensor([[9.0, -9.0]])), torch.eye(2)[:1])
    torch.testing.assert_close(nearest_shares(torch.zeros(1, 4)), torch.full((1, 4), 0.25))
    assert nearest_shares(torch.tensor([[5.0]])).item() == 1


def test_shares_stay_as_they_are_and_the_projection_repeats_to_the_bit():
    stream = torch.Generator().manual_seed(1)
    shares = torch.rand(20, 1000, generator=stream).softmax(dim=1)
    assert torch.equal(nearest_shares(shares), shares)
    assert torch.equal(nearest_shares(torch.eye(5)), torch.eye(5))
    once = nearest_shares(torch.randn(20, 1000, generator=stream))
    assert torch.equal(nearest_shares(once), once)


def test_the_projections_gradient_is_its_finite_difference():
    v = torch.randn(3, 5, generator=torch.Generator().manual_seed(2), dtype=DOUBLE)
    assert torch.autograd.gradcheck(nearest_shares, (v.requires_grad_(),))


def conditional(toys):
    """A generator of z and of shares of four classes."""
    base = toys.generator()
    mixing = toys.normal(4, 4, seed=5)

    def render(parts, rng):
        return base.render({"z": torch.cat([parts["z"], parts["c"] @ mixing], dim=1)}, rng)

    fields = {name: getattr(base, name) for name in base.__dataclass_fields__}
    return Generator(**fields | {"source": SPACE, "render": render})


def start_in(generator, chart, toys):
    basis = toys.normal(4, 3, 12, seed=7)
    points = generator.source.clamp(basis.flatten(0, 1)).unflatten(0, (4, 3))
    if isinstance(chart, Identity):
        return toys.latents(generator, points[:, 0])
    over = over_basis(
        generator.source, points, SampleRng.of(0, 4), over=chart.over, weights=chart.weights
    )
    return toys.latents(generator, over.values, chart=over.chart)


def seen_by(generator, latents):
    return generator.source.split(latents.plain().values)["c"]


@pytest.mark.parametrize(
    ("make", "chart", "clamp"),
    [
        pytest.param(
            make,
            chart,
            clamp,
            id=f"{name}-{chart}-{clamp}",
            marks=[] if clamp or number in (0, len(RULES) - 1) else [pytest.mark.slow],
        )
        for number, (name, make) in enumerate(RULES)
        for chart in CHARTS
        for clamp in (True, False)
    ],
)
def test_shares_stay_shares_under_every_rule(make, chart, clamp, toys):
    generator = conditional(toys)
    latents = start_in(generator, CHARTS[chart], toys)
    rule = make(latents.chart.source)
    pulled = toys.energy_of(lambda v: -30 * v[:, 8].sin() + 4 * v[:, 9], generator.source)
    job = toys.job(generator=generator, energy=pulled, rule=rule, clamp=clamp)
    positions = []
    refined, _ = refine(job, latents, on_step=lambda s: positions.append(s.state.position))
    assert on_simplex(seen_by(generator, refined))
    assert not torch.allclose(seen_by(generator, refined), seen_by(generator, latents))
    name = "c.basis" if "c" in getattr(latents.chart, "over", ()) else "c"
    for position in positions:
        assert on_simplex(latents.chart.source.split(position)[name])


@pytest.mark.parametrize("inner", [0, 2])
@pytest.mark.parametrize("chart", CHARTS)
def test_shares_stay_shares_under_an_evolution(chart, inner, toys):
    pytest.importorskip("cmaes", reason="CMA-ES needs the library cmaes")
    generator = conditional(toys)
    latents = start_in(generator, CHARTS[chart], toys)
    moving = FirstOrder(Descent(step_size=0.5), weights=Adam(learning_rate=0.1))
    search = CmaEs(population=5, inner_steps=inner, inner=moving)
    job = toys.job(generator=generator, refiner=search, steps=3)
    refined, _ = refine(job, latents)
    assert on_simplex(seen_by(generator, refined))
    assert not torch.allclose(seen_by(generator, refined), seen_by(generator, latents))


def test_a_start_off_the_simplex_is_brought_there_first(toys):
    generator = conditional(toys)
    values = toys.normal(3, 12)
    rule = Langevin(step_size=1e-3, inverse_temperature=20, momentum=0)
    job = toys.job(generator=generator, rule=rule, keep_best=True, steps=2)
    refined, trace = refine(job, toys.latents(generator, values))
    assert on_simplex(seen_by(generator, refined))
    onto, same = (
        refine(job, toys.latents(generator, start))[1].energies[0]
        for start in (values, generator.source.share(values))
    )
    assert torch.equal(onto, same)
    assert torch.equal(trace.energies[0], onto)


def test_noise_on_latents_leaves_shares(toys):
    generator = conditional(toys)
    seen = []
    spied = replace(
        generator, render=lambda parts, rng: seen.append(parts) or generator.render(parts, rng)
    )
    WithNoise(spied, 0.5)(generator.source.clamp(toys.normal(4, 12)), SampleRng.of(0, 4))
    assert on_simplex(seen[0]["c"])
    assert float(seen[0]["z"].std()) > 0.1


@pytest.mark.parametrize(("architecture", "make"), GENERATOR_FILES)
def test_the_shares_of_every_architecture_are_named_so(architecture, make, examples):
    generator = examples(architecture, make)
    for block in generator.source.blocks:
        assert block.shares == (block.name == "c")
    values = drawn(generator, 3)
    assert torch.equal(generator.source.share(values), values)
    assert torch.equal(generator.source.clamp(values), values)


def test_a_chart_remembers_shares_and_old_files_have_them(toys, tmp_path):
    for chart in CHARTS.values():
        assert chart_from_config(chart_to_config(chart)) == chart
    old = {"kind": "identity", "space": [["z", [8], "-4.0", "4.0"], ["c", [4], "0.0", "1.0"]]}
    assert chart_from_config(old) == Identity(SPACE)
    others = [["z", [8], "-4.0", "4.0"], ["v", [4], "0.0", "1.0"], ["c", [4], "-inf", "inf"]]
    found = chart_from_config({"kind": "identity", "space": others})
    assert not any(block.shares for block in found.source.blocks)
    latents = toys.latents(conditional(toys), SPACE.clamp(toys.normal(2, 12)))
    save_latents(tmp_path / "l.safetensors", latents)
    assert load_latents(tmp_path / "l.safetensors").chart == latents.chart
    assert [block.shares for block in joint_space(SPACE, SPACE).blocks] == [False, True] * 2


def test_shares_are_from_0_to_1():
    with pytest.raises(InvalidInput, match="0 and 1; got 0 and 2"):
        Block("c", (3,), 0, 2, shares=True)


# Broken energies

BROKEN = [-math.inf, math.nan, math.inf]


def readings(values):
    """An energy with these values for candidates in the order of drawing."""
    left = list(values)

    def evaluate(v, rng):
        return torch.tensor([left.pop(0) for _ in v])

    return Energy.of(Term("told", Space((Block("z", (1,)),)), evaluate))


def counted():
    number = iter(range(100))
    return lambda rng: torch.tensor([[float(next(number))] for _ in range(len(rng))])


def test_what_is_not_finite_counts_as_infinite():
    found = comparable(torch.tensor([1.0, -math.inf, math.nan, math.inf, -3e38]))
    assert found.tolist() == [1.0, math.inf, math.inf, math.inf, pytest.approx(-3e38)]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_candidate_is_never_the_best_of_several(broken):
    for values, expected in (([broken, 3.0, 1.0], 2.0), ([3e38, broken, broken], 0.0)):
        rng = SampleRng.of(0, 1)
        found = best_of(counted(), readings(values), 3, rng, ALL_AT_ONCE)
        assert found.item() == expected


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_candidate_is_the_last_of_a_basis(broken):
    draw, rng = counted(), SampleRng.of(0, 1)
    energy = readings([broken, 3.0, broken, 1.0])
    found = best_candidates(draw, energy, 4, 3, rng, ALL_AT_ONCE)
    assert found.numbers.tolist() == [[3, 1, 0]]
    assert found.energies[0, :2].tolist() == [1.0, 3.0]
    torch.testing.assert_close(found.energies[0, 2], torch.tensor(broken), equal_nan=True)
    chunked = readings([broken, 3.0, broken, 1.0])
    found = best_candidates(counted(), chunked, 4, 2, rng, Chunking(1, padded=True))
    assert found.numbers.tolist() == [[3, 1]]


@pytest.mark.parametrize("broken", BROKEN)
def test_broken_members_leave_the_elite_first(broken):
    points = torch.arange(3.0)[:, None]
    elite = CrossEntropySearch.of(points[:1], torch.tensor([broken]))
    for number, energy in ((1, 3e38), (2, 5.0)):
        elite = elite.joined(CrossEntropySearch.of(points[[number]], torch.tensor([energy])), 2)
    assert elite.points[0, :, 0].tolist() == [2.0, 1.0]


@pytest.mark.parametrize("broken", BROKEN)
def test_broken_samples_rank_last(broken, toys):
    generator = toys.generator()
    latents = toys.latents(generator, toys.normal(4, 12))
    told = torch.tensor([broken, 2.0, broken, -1.0])
    energy = toys.energy_of(lambda v: told[: len(v)], generator.source)
    job = {"seed": 0, "chunking": ALL_AT_ONCE, "device": toys.cpu}
    found = ranked(latents, generator, energy, keep=3, **job)
    assert found.rows == (3, 1, 0)
    grouped = ranked(latents, generator, energy, keep=1, groups=2, **job)
    assert grouped.rows == (1, 3)


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_placement_is_not_chosen(broken):
    energies = torch.tensor([[broken, 1.0, 0.5], [3e38, broken, broken], [2.0, -1.0, broken]])
    assert lowest(energies, 1)[:, 0].tolist() == [2, 0, 1]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_point_is_not_kept_as_the_best(broken):
    best = Best(torch.zeros(2, 1), torch.tensor([1.0, math.inf]))
    best = best.met(torch.ones(2, 1), torch.tensor([broken, broken]))
    assert best.position.flatten().tolist() == [0.0, 0.0]
    best = best.met(torch.ones(2, 1), torch.tensor([0.5, 9.0]))
    assert best.energy.tolist() == [0.5, 9.0]


@pytest.mark.parametrize("broken", BROKEN)
def test_broken_members_of_a_generation_are_its_worst(broken, toys):
    pytest.importorskip("cmaes", reason="CMA-ES needs the library cmaes")
    generator = toys.generator()

    def told(v):
        return torch.where(v[:, 0] > 0, broken, v.square().sum(dim=1))

    energy = toys.energy_of(told, generator.source)
    latents = toys.latents(generator, torch.full((2, 12), -1.0))
    job = toys.job(generator=generator, energy=energy, refiner=CmaEs(), steps=8)
    refined, trace = refine(job, latents)
    assert bool((refined.values[:, 0] <= 0).all())
    assert bool(trace.energies.isfinite().all())
    assert bool((trace.energies[-1] < trace.energies[0]).all())


def test_a_region_without_similarity_is_not_the_one_that_fits_best(toys):
    """A CLIP that returns NaN for dark images."""
    network = toys.filled(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(147, 4)), 1)

    def encode(module, pixels):
        dark = pixels.mean(dim=(1, 2, 3)) < 0.5
        return torch.where(dark[:, None], torch.nan, module(pixels))

    clip = Clip(
        name="clip", id="clip-id", module=network, embed_dim=4, image_size=7,
        mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), encode=encode,
        encode_texts=lambda prompts: None,
    )  # fmt: skip
    images = torch.zeros(2, 3, 10, 10)
    images[:, :, :5, :5] = 1.0
    from latentsteer.core.composition.placement import Placement
    from latentsteer.core.condition import Condition

    condition = Condition(torch.ones(1, 4), ("x",), clip.id, clip.name)
    box = Placement(0.5, "top", "left").box((10, 10))
    found = somewhere(clip, condition, [box])(images, SampleRng.of(0, 2))
    assert bool(found.isfinite().all())
