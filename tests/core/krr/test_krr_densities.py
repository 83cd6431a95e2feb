"""Densities by kernel ridge regression: weights, mollifiers, logarithms, scores, divergences."""

import math

import pytest
import torch
from latentsteer.core.errors import InvalidInput
from latentsteer.core.krr.density import (
    KernelDensity,
    fit_density,
    kde_weights,
    kernel_matrix,
    krr_weights,
    log_density,
    stein_score,
)
from latentsteer.core.krr.kernel import (
    Mollifier,
    gram,
    median_bandwidth,
    offsets,
    squared_distances,
    widened,
)
from latentsteer.core.krr.settings import DIVERGENCES, speeds

RIDGES = (1e2, 1e3, 1e4, 1e5)


@pytest.fixture
def points(toys):
    return toys.normal(24, 5, dtype=torch.float64)


@pytest.fixture
def kernel(points):
    return gram(points, points, 3.0)


def slope(x, y):
    """Returns the slope of the least-squares line through the logarithms."""
    u, v = (torch.as_tensor(values, dtype=torch.float64).log() for values in (x, y))
    u, v = u - u.mean(), v - v.mean()
    return float((u * v).sum() / u.square().sum())


def normaliser(dim, sigma):
    """Returns the constant of the wider kernel of a mollifier in feature space."""
    return (1 + 2 * sigma**2) ** (-dim / 2)


def density(points, ridge, width=3.0):
    return fit_density(points, points[:, None], width=width, ridge=ridge)


def test_distances_far_from_the_origin_are_those_near_it(points):
    wanted = (points[:, None] - points[None]).square().sum(dim=2)
    assert torch.allclose(squared_distances(points, points), wanted, atol=1e-12)
    assert torch.allclose(squared_distances(points + 1e5, points + 1e5), wanted, atol=1e-8)


def test_the_median_bandwidth_leaves_a_sample_itself_out():
    points = torch.tensor([[0.0], [1.0], [3.0]])
    assert median_bandwidth(points) == pytest.approx(4.0)


@pytest.mark.parametrize("ridge", [1e-3, 1.0, 50.0])
def test_weights_are_those_of_a_dense_inverse(kernel, ridge):
    dense = torch.linalg.inv(kernel + ridge * torch.eye(24, dtype=torch.float64)).sum(dim=1)
    assert torch.allclose(krr_weights(kernel, ridge), dense, rtol=1e-9, atol=0)


def test_the_inverse_nears_a_multiple_of_the_unit_matrix_as_the_ridge_grows(kernel):
    """Theorem 5, with the constant of its proof."""
    eye = torch.eye(len(kernel), dtype=torch.float64)
    found = [float((torch.linalg.inv(kernel + r * eye) - eye / r).norm()) for r in RIDGES]
    bounds = [float(kernel.norm()) / ridge**2 for ridge in RIDGES]
    assert all(one <= bound for one, bound in zip(found, bounds, strict=True))
    assert slope(RIDGES, found) == pytest.approx(-2, abs=0.05)
    # Weights are row sums: they approach 1 / eta at the same rate.
    weights = [float((krr_weights(kernel, r) - kde_weights(kernel) / r).norm()) for r in RIDGES]
    assert slope(RIDGES, weights) == pytest.approx(-2, abs=0.05)


def test_gradients_near_those_of_kernel_densities_as_one_over_the_ridge(points, toys):
    def score(ridge):
        x = toys.normal(6, 5, seed=9, dtype=torch.float64).requires_grad_()
        return torch.autograd.grad(log_density(x, density(points, ridge)).sum(), x)[0]

    found = [float((score(ridge) - score(None)).norm()) for ridge in RIDGES]
    assert slope(RIDGES, found) == pytest.approx(-1, abs=0.05)


def test_the_logarithm_is_the_formula_where_its_argument_is_positive(points):
    weights = torch.linalg.inv(
        gram(points, points, 3.0) + 0.3 * torch.eye(24, dtype=torch.float64)
    ).sum(dim=1)
    wanted = (gram(points, points, 3.0) @ weights).log()
    found = log_density(points, density(points, 0.3), floor=1e-6)
    assert torch.allclose(found, wanted, atol=1e-10)
    assert torch.allclose(found.exp(), 1 - 0.3 * weights, atol=1e-10)


def test_a_sample_can_be_left_out_of_its_own_density(points):
    kernels = gram(points, points, 3.0)
    wanted = (kernels - torch.eye(24)).sum(dim=1).log()
    found = log_density(points, density(points, None), without=torch.arange(24))
    assert torch.allclose(found, wanted, atol=1e-10)


def test_small_ridges_make_negative_weights(kernel):
    assert float(krr_weights(kernel, 1e-6).min()) < 0
    assert float(krr_weights(kernel, 24.0).min()) > 0


def test_where_a_sum_is_not_positive_absolute_weights_pull(points, toys):
    weights = toys.normal(24, seed=4, dtype=torch.float64)
    mixed = KernelDensity(points[:, None], weights, 3.0)
    x = toys.normal(100, 5, seed=3, dtype=torch.float64).requires_grad_()
    share = (gram(x, points, 3.0) @ weights) / (gram(x, points, 3.0) @ weights.abs())
    low = share < 0.01
    assert bool((share < 0).any())
    assert not bool(low.all())
    values = log_density(x, mixed, floor=0.01)
    (found,) = torch.autograd.grad(values.sum(), x)
    assert bool(found.isfinite().all())
    absolute = (gram(x, points, 3.0) @ weights.abs()).log()
    (wanted,) = torch.autograd.grad(absolute.sum(), x)
    assert torch.allclose(values[low], absolute[low] + math.log(0.01), atol=1e-8)
    assert torch.allclose(found[low], wanted[low], atol=1e-8)
    whole = (gram(x, points, 3.0)[~low] @ weights).log()
    assert torch.allclose(values[~low], whole, atol=1e-8)


def test_far_from_all_samples_nothing_underflows(points):
    far = (points[:2] + 1e3).requires_grad_()
    values = log_density(far, density(points, 24.0))
    (found,) = torch.autograd.grad(values.sum(), far)
    assert bool((values < -1e5).all())
    assert bool(found.isfinite().all())
    assert bool((found.norm(dim=1) > 1).all())


def test_features_in_half_the_bits_are_compared_in_float64(points):
    exact = log_density(points, density(points, 1e-3))
    single = log_density(points.float(), density(points.float(), 1e-3))
    assert single.dtype == torch.float32
    assert torch.allclose(single.double(), exact, atol=1e-4)


def test_a_mollified_kernel_differs_as_the_variance():
    """Theorem 4, with the constant dropped in the closed form."""
    squared = torch.linspace(0, 4, 9, dtype=torch.float64)
    sigmas = (0.01, 0.02, 0.04, 0.08)

    def error(sigma):
        mollified = normaliser(3, sigma) * (-squared / widened(1.0, sigma)).exp()
        return float((mollified - (-squared).exp()).norm())

    assert slope(sigmas, [error(sigma) for sigma in sigmas]) == pytest.approx(2, abs=0.05)


def test_samples_of_the_mollifier_near_its_closed_form(points):
    sigma, first, second = 0.4, points[:6], points[6:12]
    eps = sigma * offsets(4000, (5,), 0, like=points)
    noised = second[:, None] - eps
    found = kernel_matrix(first, noised, 1.0)
    closed = normaliser(5, sigma) * gram(first, second, widened(1.0, sigma))
    assert torch.allclose(found, (closed + closed.T) / 2, atol=0.01)
    assert torch.equal(found, found.T)
    # Pairs of opposite samples keep the error of second order too.
    pair = offsets(2, (5,), 0, like=points)
    errors = [
        float((kernel_matrix(first, first[:, None] - s * pair, 1.0) - gram(first, first)).norm())
        for s in (0.01, 0.02, 0.04)
    ]
    assert slope((0.01, 0.02, 0.04), errors) == pytest.approx(2, abs=0.1)


def test_the_constant_of_a_mollifier_counts_in_the_ridge_alone(points):
    """Without the constant the weighted kernel is the same, with eta divided by it."""
    sigma, eta = 0.5, 0.2
    wide, constant = gram(points, points, widened(3.0, sigma)), normaliser(5, sigma)
    whole = constant * wide @ krr_weights(constant * wide, eta)
    assert torch.allclose(whole, wide @ krr_weights(wide, eta / constant), rtol=1e-9)


def test_a_mollifier_vanishes_on_its_schedule():
    mollifier = Mollifier("feature", sigma=0.8, final=0.0)
    found = [mollifier.sigma_at(step, 5) for step in range(5)]
    assert found == pytest.approx([0.8, 0.6, 0.4, 0.2, 0])
    assert Mollifier("none", final=0.0).sigma_at(0, 5) == 0


def test_steins_score_is_that_of_a_gaussian(toys):
    x = 2 * toys.normal(400, 2, dtype=torch.float64)
    inner = x.norm(dim=1) < 3
    found = stein_score(x, 20.0, 10.0)[inner]
    error = (found + x[inner] / 4).norm(dim=1).mean()
    assert float(error) < 0.3 * float(x[inner].norm(dim=1).mean() / 4)


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_speeds_are_those_of_the_first_variation(divergence):
    """r^2 f''(r), by finite differences, scaled to 1 at r = 1."""
    f = {
        "KL": lambda u: -u.log(),
        "reverse KL": lambda u: u * u.log(),
        "Jensen-Shannon": lambda u: u * u.log() - (u + 1) * ((u + 1) / 2).log(),
        "Hellinger": lambda u: (1 - u.sqrt()).square(),
        "Pearson": lambda u: (u - 1).square(),
    }[divergence]
    log_ratio = torch.tensor([-1.0, -0.3, 0.3, 1.0], dtype=torch.float64)

    def second(u, h=1e-4):
        return (f(u + h) - 2 * f(u) + f(u - h)) / h**2

    r, one = log_ratio.exp(), torch.ones(1, dtype=torch.float64)
    wanted = r.square() * second(r) / second(one)
    assert torch.allclose(speeds(divergence, log_ratio + 7.0), wanted, rtol=1e-5)


def test_speeds_are_bounded():
    assert float(speeds("Pearson", torch.tensor([0.0, 1e4])).max()) == 20.0


def test_each_density_has_its_own_mean_of_log_r():
    log_ratio = torch.tensor([-1.0, 5.0, 0.3, 1.0, 7.5], dtype=torch.float64)
    groups = [[0, 2, 3], [1, 4], []]
    found = speeds("reverse KL", log_ratio, groups)
    for places in groups[:2]:
        assert torch.equal(found[places], speeds("reverse KL", log_ratio[places]))
    assert not torch.allclose(found, speeds("reverse KL", log_ratio))


def clustered(dtype):
    """Rounded points of one dimension: many more than significant eigenvalues of the kernel."""
    points = torch.linspace(-1, 1, 64, dtype=torch.float64)[:, None]
    return points.to(dtype), gram(points, points, 1.0)


@pytest.mark.parametrize("ridge", [1e-12, 1e-9, 1e-7])
@pytest.mark.parametrize("name", ["eta", "xi"])
def test_a_ridge_below_the_digits_of_the_features_is_refused(ridge, name):
    """K has eigenvalues of 0 up to rounding, so that eta alone determines the condition number."""
    points, _ = clustered(torch.float32)
    options = {"width": 1.0, "name": name}
    with pytest.raises(InvalidInput, match=f"rounding of float32.*Raise {name} to 1e-05"):
        fit_density(points, points[:, None], ridge=ridge, **options)
    assert bool(
        fit_density(points, points[:, None], ridge=1e-4, **options).weights.isfinite().all()
    )
    if name == "eta":
        with pytest.raises(InvalidInput, match="rounding of float32"):
            stein_score(points, 1.0, ridge)


@pytest.mark.parametrize("ridge", [1e-4, 1e-2, 1.0])
def test_where_a_ridge_is_taken_float32_features_give_the_step_of_float64(ridge):
    steps = []
    for dtype in (torch.float32, torch.float64):
        points, _ = clustered(dtype)
        leaf = clustered(torch.float64)[0].requires_grad_()
        made = fit_density(points, points[:, None], width=1.0, ridge=ridge)
        steps.append(torch.autograd.grad(log_density(leaf, made).sum(), leaf)[0])
    assert float((steps[0] - steps[1]).norm() / steps[1].norm()) < 1e-3


def test_a_tiny_ridge_is_taken_where_samples_are_far_apart(toys):
    points = 10 * toys.normal(24, 5)
    found = fit_density(points, points[:, None], width=1.0, ridge=1e-12).weights
    dense = torch.linalg.inv(gram(points.double(), points.double(), 1.0)).sum(dim=1)
    assert torch.allclose(found, dense, rtol=1e-6)


def test_equal_samples_with_a_tiny_ridge_are_named(points):
    points[7] = points[3]
    with pytest.raises(InvalidInput, match="samples 3 and 7") as caught:
        density(points, 1e-30)
    assert "Raise eta" in str(caught.value)
    assert bool(density(points, 1e-10).weights.isfinite().all())


def test_features_that_are_not_finite_are_named(points):
    points[4, 1] = torch.nan
    with pytest.raises(InvalidInput, match="samples 4 are not finite"):
        density(points, 1.0)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: krr_weights(torch.eye(3), 0.0), "eta is 0.0"),
        (lambda: krr_weights(torch.eye(3), math.inf), "eta is inf"),
        (lambda: stein_score(torch.zeros(3, 2), 1.0, -1.0), "eta is -1.0"),
        (lambda: median_bandwidth(torch.ones(5, 2)), "Remove duplicates"),
        (lambda: median_bandwidth(torch.ones(1, 2)), "at least 2 images"),
        (lambda: Mollifier("image", samples=3), "even number"),
        (lambda: Mollifier("image", sigma=0.0), "must exceed 0"),
        (lambda: Mollifier("image", final=-1.0), "at least 0"),
        (lambda: log_density(torch.eye(2), density(torch.eye(2), 1.0), floor=0.0), "floor"),
    ],
)
def test_settings_outside_their_range_are_refused(make, told):
    with pytest.raises(InvalidInput, match=told):
        make()
