"""Energy Prior and Energy Bayes: the prior's own log density, block by block, or a refusal."""

import math

import pytest
import torch
from latentsteer.core.auxiliary import Classifier
from latentsteer.core.chunking import Chunking
from latentsteer.core.energies.bayes import bayes
from latentsteer.core.energies.prior import FITTED, prior_energy
from latentsteer.core.errors import InvalidInput
from latentsteer.core.generator import Gaussian, Generator
from latentsteer.core.generators import load_generator
from latentsteer.core.generators.biggan.latents import ClassCodes, TruncatedWithClass
from latentsteer.core.generators.stylegan.latents import ClassPrior
from latentsteer.core.refine.refinement import refine
from latentsteer.core.refine.rules import Langevin
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import Block, Space
from torch import nn
from torch.distributions import Normal

from .example_files import ARCHITECTURES, GENERATOR_FILES, drawn, written

DOUBLE = torch.float64
WITHOUT = ("dalle-dvae", "avatars-codes")
"""Families whose prior is of single points, without a density."""
UNIFORM = ("deconvolutional-gan",)
"""Families whose prior is uniform, which their own test compares."""
Z_FILES = [(p, {}) for p in GENERATOR_FILES if p.values[0].id not in (*WITHOUT, *UNIFORM)]
CUT_OFF = ("biggan", "biggan-deep", "biggan-deep-hf", "df-gan")
"""Families whose z is truncated."""
PSI_FILES = [(p, {"psi": 0.5}) for p in GENERATOR_FILES if p.values[0].id in CUT_OFF]
STYLE_FILES = [p for p in GENERATOR_FILES if "stylegan" in p.values[0].id]


def case(param, options, name=None):
    return pytest.param(*param.values, options, id=f"{name or param.id}-{options or 'plain'}")


def law_of_z(generator):
    """Dimension of z, its standard deviation and its truncation, for each architecture."""
    dim = generator.source.blocks[0].size
    if generator.architecture == "nvae":
        return dim, 1.01, math.inf
    if generator.architecture not in CUT_OFF:
        return dim, 1.0, math.inf
    return dim, generator.prior.psi, 2 * generator.prior.psi


def log_prior(generator, v):
    """Returns the textbook log p with equally likely classes, in float64."""
    dim, std, limit = law_of_z(generator)
    z = v[:, :dim].double()
    inside = 1.0 if limit == math.inf else math.erf(limit / std / math.sqrt(2))
    each = Normal(0.0, std).log_prob(z) - math.log(inside)
    found = torch.where(z.abs() <= limit * (1 + 1e-6), each, -torch.inf).sum(dim=1)
    known = getattr(generator.prior, "c_dim", None)
    coded = getattr(generator.prior, "classes", None)
    classes = known or (coded.count if coded else 1)
    return found - math.log(classes)


def classifier_of(side):
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * side * side, 3))
    stream = torch.Generator().manual_seed(1)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.1, generator=stream)
    network = network.eval().requires_grad_(False)
    return Classifier("f", "f-id", network, ("a", "b", "c"), network, network)


@pytest.mark.parametrize(
    ("architecture", "make", "options"), [case(p, o) for p, o in (*Z_FILES, *PSI_FILES)]
)
def test_weights_of_one_and_one_are_the_posterior(architecture, make, options, examples):
    generator = examples(architecture, make, **options)
    classifier = classifier_of(generator.image_size[0])
    energy = bayes(generator, classifier, classifier.condition([1])).pullback(generator)
    v = drawn(generator, 5)
    images = generator(v, SampleRng.of(3, 5))
    expected = -log_prior(generator, v) - classifier.embed(images)[:, 1].double().log()
    found = energy(v, SampleRng.of(3, 5)).double()
    torch.testing.assert_close(found - found[0], expected - expected[0], rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(
        generator.prior.log_density(v).double(), log_prior(generator, v), rtol=1e-5, atol=1e-4
    )


@pytest.mark.parametrize(
    ("architecture", "make", "options"), [case(p, o) for p, o in (*Z_FILES, *PSI_FILES)]
)
def test_what_says_the_class_is_not_drawn_anywhere(architecture, make, options, examples):
    generator = examples(architecture, make, **options)
    v = drawn(generator, 3).requires_grad_()
    energy = prior_energy(generator)
    (slope,) = torch.autograd.grad(energy(v, SampleRng.of(0, 3)).sum(), v)
    parts, points = generator.source.split(slope), generator.source.split(v.detach())
    _, std, _ = law_of_z(generator)
    first = generator.source.blocks[0].name
    torch.testing.assert_close(parts[first], points[first] / std**2)
    for name in parts.keys() - {first}:
        assert torch.equal(parts[name], torch.zeros_like(parts[name])), name


def test_there_is_a_case_with_each_way_to_say_a_class(examples):
    found = set()
    for param in GENERATOR_FILES:
        found |= {block.name for block in examples(*param.values).source.blocks}
    assert found == {"z", "y", "c", "noise"}


@pytest.mark.usefixtures("quick_fit")
@pytest.mark.parametrize("latent", ["w", "w+"])
@pytest.mark.parametrize(("architecture", "make"), STYLE_FILES)
def test_a_prior_without_density_is_refused_with_what_to_choose(
    architecture, make, latent, examples
):
    generator = examples(architecture, make, latent=latent)
    classifier = classifier_of(generator.image_size[0])
    condition = classifier.condition([1])
    cures = "no density.*latent z.*fitted Gaussian"
    with pytest.raises(InvalidInput, match=cures):
        prior_energy(generator)
    with pytest.raises(InvalidInput, match=cures):
        prior_energy(generator, std=0.7)
    with pytest.raises(InvalidInput, match=cures):
        bayes(generator, classifier, condition)
    # Without the term of the prior it is not needed.
    alone = bayes(generator, classifier, condition, prior_weight=0, likelihood_weight=20)
    assert len(alone.terms) == 1
    both = bayes(generator, classifier, condition, no_density="fitted Gaussian")
    assert next(both.leaves()).domain == generator.source


ENDS = STYLE_FILES[:1] + STYLE_FILES[-1:]


@pytest.mark.parametrize(
    ("architecture", "make", "latent"),
    [
        pytest.param(
            *param.values,
            latent,
            id=f"{param.id}-{latent}",
            marks=[pytest.mark.slow] if (number == 0) == (latent == "w") else [],
        )
        for number, param in enumerate(ENDS)
        for latent in ("w", "w+")
    ],
)
def test_a_fitted_gaussian_has_the_moments_of_mapped_draws(architecture, make, latent, examples):
    generator = examples(architecture, make, latent=latent)
    energy = prior_energy(generator, no_density="fitted Gaussian")
    fresh = generator.prior.sample(SampleRng.of(9, 2048, "others"), torch.empty(0))
    spread, mean = torch.std_mean(fresh.double(), dim=0)
    spread = spread.clamp_min(1e-3 * spread.square().mean().sqrt())
    # The least is at the mean, and one standard deviation along any number away it is 1/2 more.
    at = torch.stack([mean, mean + spread, *(mean + torch.diag(spread)[:3])])
    values = energy(at.float(), SampleRng.of(0, 5))
    dim = generator.source.dim
    error = 6 * math.sqrt(dim / 2048 + dim / FITTED)
    assert float(values[0]) < error
    assert float(values[1]) == pytest.approx(dim / 2, rel=0.2)
    torch.testing.assert_close(values[2:] - values[0], torch.full((3,), 0.5), rtol=0, atol=0.25)
    assert str(FITTED) in str(energy)


@pytest.mark.parametrize("latent", ["w", "w+"])
@pytest.mark.parametrize(("architecture", "make"), ENDS)
def test_a_fit_repeats_to_the_bit_and_std_scales_it(
    architecture, make, latent, examples, quick_fit
):
    generator = examples(architecture, make, latent=latent)
    energy = prior_energy(generator, no_density="fitted Gaussian")
    at = drawn(generator, 5)
    values = energy(at, SampleRng.of(0, 5))
    again = prior_energy(generator, no_density="fitted Gaussian")
    assert torch.equal(again(at, SampleRng.of(1, 5)), values)
    half = prior_energy(generator, std=0.5, no_density="fitted Gaussian")
    torch.testing.assert_close(half(at, SampleRng.of(0, 5)), 4 * values)
    assert f"fitted to {quick_fit} draws" in str(energy)
    assert energy.signature() != half.signature()


@pytest.mark.usefixtures("quick_fit")
def test_draws_without_any_spread_are_refused(tmp_path):
    example = STYLE_FILES[0].values[1]()
    for network in example.networks.values():
        for parameter in network.parameters():
            parameter.data.zero_()
    written(example, tmp_path / "model.safetensors")
    generator = load_generator(tmp_path / "model.safetensors", {"latent": "w"})
    with pytest.raises(InvalidInput, match="standard deviation is 0"):
        prior_energy(generator, no_density="fitted Gaussian")


def test_every_architecture_that_steers_w_is_covered():
    """Co-Mod-GAN's w is that of StyleGAN's own code; NVAE's spaces are z and z+."""
    names = {param.values[0].id for param in STYLE_FILES}
    steers = {a.id for a in ARCHITECTURES if {"latent", "psi"} <= {*a.option_names}}
    assert steers == names | {"co-mod-gan", "nvae"}


def test_a_prior_of_single_points_has_no_density(examples):
    left_out = [p for p in GENERATOR_FILES if p.values[0].id in WITHOUT]
    for param in left_out:
        with pytest.raises(InvalidInput, match="no density"):
            prior_energy(examples(*param.values))
    assert left_out


@pytest.mark.parametrize("psi", [1.0, 0.5])
def test_the_cut_off_density_integrates_to_the_share_of_a_class(psi):
    prior = TruncatedWithClass(1, ClassCodes(4, None), psi)
    grid = torch.linspace(-2.5, 2.5, 20001, dtype=DOUBLE)[:, None]
    shares = torch.full((len(grid), 4), 0.25, dtype=DOUBLE)
    density = prior.log_density(torch.cat([grid, shares], dim=1)).exp()
    mass = torch.trapezoid(density, grid[:, 0])
    assert float(mass) == pytest.approx(0.25, rel=1e-3)
    assert bool((density[grid[:, 0].abs() > 2.001 * psi] == 0).all())


def test_std_multiplies_the_deviations_of_what_is_normal():
    z = torch.linspace(-1, 1, 8, dtype=DOUBLE).reshape(2, 4)
    for prior, own, many in (
        (Gaussian(4, 0.7), 0.7, 4),
        (ClassPrior(3, 1), 1.0, 3),
        (TruncatedWithClass(2, ClassCodes(2, None), 0.5), 0.5, 2),
    ):
        expected = z[:, :many].square().sum(dim=1) / (2 * (0.3 * own) ** 2)
        torch.testing.assert_close(prior.potential(z, 0.3), expected)


def test_a_generators_own_deviation_is_the_default(toys):
    base = toys.generator()
    generator = Generator(
        **{name: getattr(base, name) for name in base.__dataclass_fields__}
        | {"prior": Gaussian(12, 0.7)}
    )
    z = toys.normal(3, 12)
    found = prior_energy(generator)(z, SampleRng.of(0, 3))
    torch.testing.assert_close(found, z.square().sum(dim=1) / (2 * 0.49))
    assert prior_energy(generator).signature() == prior_energy(base, std=0.7).signature()


class Told:
    """A prior with a log density only."""

    log_density = staticmethod(lambda z: -z.abs().sum(dim=1))

    def sample(self, rng, like):
        return rng.normal(12, like=like)

    def __str__(self):
        return "Laplace"


def test_a_prior_of_another_kind_says_its_own_density(toys):
    base = toys.generator()
    fields = {name: getattr(base, name) for name in base.__dataclass_fields__}
    generator = Generator(**fields | {"prior": Told()})
    z = toys.normal(3, 12)
    found = prior_energy(generator)(z, SampleRng.of(0, 3))
    torch.testing.assert_close(found, z.abs().sum(dim=1))
    with pytest.raises(InvalidInput, match=r"Laplace.*Leave nu at 1"):
        prior_energy(generator, std=0.7)


@pytest.mark.parametrize("psi", [pytest.param(1.0, marks=pytest.mark.slow), 0.5])
def test_langevin_on_a_cut_off_prior_ends_at_its_law(toys, psi):
    """Without a classifier (1, 1) is the prior: its variance and its truncation."""
    prior = TruncatedWithClass(1, ClassCodes(2, torch.tensor([[5.0], [-3.0]])), psi)
    space = Space((Block("z", (1,), -2.0, 2.0), Block("y", (1,), role="class")))
    base = toys.generator()
    fields = {name: getattr(base, name) for name in base.__dataclass_fields__}
    generator = Generator(**fields | {"prior": prior, "source": space})
    steps, size = 100, 0.04 * psi**2
    rule = Langevin(step_size=size, inverse_temperature=1, momentum=0)
    job = toys.job(
        generator=generator,
        energy=prior_energy(generator),
        rule=rule,
        steps=steps,
        chunking=Chunking.of("fast", generator.image_size),
    )
    count = 400
    refined, _ = refine(job, toys.latents(generator, torch.full((count, 2), 0.5)))
    z = refined.values[:, 0].double()
    assert float(z.abs().max()) <= 2 * psi
    unit = Normal(0.0, 1.0)
    cut = 1 - 2 * 2 * math.exp(float(unit.log_prob(torch.tensor(2.0)))) / math.erf(2**0.5)
    # Four standard errors of a variance, and the bias of steps of finite size.
    assert float(z.var()) == pytest.approx(psi**2 * cut, rel=4 * (2 / count) ** 0.5 + 0.03)
    # The class, at 0.5, only diffuses: N(0.5, steps x step_size).
    y = refined.values[:, 1].double()
    assert float(y.mean()) == pytest.approx(0.5, abs=4 * (steps * size / count) ** 0.5)
    assert float(y.var()) == pytest.approx(steps * size, rel=4 * (2 / count) ** 0.5)
