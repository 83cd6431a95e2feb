"""Latents as weighted sums of a basis."""

import json

import pytest
import torch
from latentsteer.core.charts import MixtureOfBasis, chart_from_config, chart_to_config
from latentsteer.core.errors import InvalidInput
from latentsteer.core.refine.first_order import FirstOrder
from latentsteer.core.refine.kernel import descend, gradient
from latentsteer.core.refine.rules import Adam, ByBlock, Langevin
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import Block, Identity, Space

SPACE = Space((Block("z", (2, 2), -2.0, 2.0), Block("y", (3,), role="class")))
K = 3


def chart(weights="linear", over=("z",)):
    return MixtureOfBasis(SPACE, K, over, weights)


@pytest.mark.parametrize("weights", ["linear", "softmax"])
def test_a_point_stands_for_its_weighted_basis(weights, toys):
    own = chart(weights)
    parts = {
        "z.basis": toys.normal(2, K, 2, 2, seed=1),
        "z.weights": toys.normal(2, K, 2, 2, seed=2),
        "y": toys.normal(2, 3, seed=3),
    }
    latent = SPACE.split(own(own.source.join(parts), SampleRng.of(0, 2)))
    assert torch.equal(latent["y"], parts["y"])
    for row in range(2):
        for i in range(2):
            for j in range(2):
                w = parts["z.weights"][row, :, i, j]
                if weights == "softmax":
                    w = w.exp() / w.exp().sum()
                basis = parts["z.basis"][row, :, i, j]
                by_hand = sum(float(w[k] * basis[k]) for k in range(K))
                assert float(latent["z"][row, i, j]) == pytest.approx(by_hand, abs=1e-6)


@pytest.mark.parametrize("over", [("z",), ("y",), ("z", "y"), ("y", "z")])
def test_scalar_weights_are_one_number_per_basis_vector_for_all_blocks(over, toys):
    own = chart("scalar", over)
    shared = "+".join(over) + ".weights"
    blocks = {block.name: block.shape for block in own.source.blocks}
    assert blocks[shared] == (K,)
    assert sum(name.endswith(".weights") for name in blocks) == 1
    assert own.source.dim == SPACE.dim + (K - 1) * sum(SPACE.block(n).size for n in over) + K
    point = toys.normal(2, own.source.dim)
    parts = own.source.split(point)
    latent = SPACE.split(own(point, SampleRng.of(0, 2)))
    for name in ("z", "y"):
        if name in over:
            w = parts[shared]
            by_hand = sum(
                w[:, k].reshape(2, *[1] * (parts[name + ".basis"].ndim - 2))
                * parts[name + ".basis"][:, k]
                for k in range(K)
            )
            torch.testing.assert_close(latent[name], by_hand)
        else:
            assert torch.equal(latent[name], parts[name])


class Still:
    """A rule that moves nothing."""

    def init(self, position):
        return {}

    def update(self, vector, memory, step):
        return torch.zeros_like(vector), memory


def test_scalar_weights_that_move_alone_keep_the_latent_in_the_span_of_its_basis(toys):
    """FuseDream section 3.2, against Adam on the k weights of eq. (4) by hand."""
    own = MixtureOfBasis(Space((Block("z", (6,)), Block("y", (2,)))), K, ("z", "y"), "scalar")
    energy = toys.energy_of(lambda v: (v - 1).pow(4).sum(dim=1), own.target)
    vectors = toys.normal(1, K, 8)
    basis = {"z": vectors[..., :6], "y": vectors[..., 6:]}
    start = own.start(basis, torch.full((1, K), 1 / K), {})
    still = Still()
    blocks = dict.fromkeys(("z.basis", "y.basis"), still) | {
        "z+y.weights": Adam(learning_rate=0.01)
    }
    kernel = descend(gradient(energy.pullback(own)), ByBlock(own.source, blocks))
    rng = SampleRng.of(0, 1)
    state = kernel.init(start)
    weights = torch.full((K,), 1 / K, requires_grad=True)
    by_hand = torch.optim.Adam([weights], lr=0.01)
    for _ in range(50):
        state, _ = kernel.step(state, rng)
        by_hand.zero_grad()
        energy((weights @ vectors[0])[None], rng).sum().backward()
        by_hand.step()
    moved = own(state.position, rng)
    torch.testing.assert_close(moved[0], weights.detach() @ vectors[0], rtol=1e-4, atol=1e-5)
    assert float((moved - own(start, rng)).norm()) > 0.1
    spanned = torch.linalg.lstsq(vectors[0].T, moved.T).solution
    torch.testing.assert_close(vectors[0].T @ spanned, moved.T, rtol=1e-4, atol=1e-4)
    # Weights per coordinate leave it at once.
    free = MixtureOfBasis(own.target, K, ("z", "y"), "linear")
    blocks = {block.name: still for block in free.source.blocks}
    blocks |= dict.fromkeys(("z.weights", "y.weights"), Adam(learning_rate=0.01))
    kernel = descend(gradient(energy.pullback(free)), ByBlock(free.source, blocks))
    state, _ = kernel.step(kernel.init(free.start(basis, torch.full((1, K), 1 / K), {})), rng)
    moved = free(state.position, rng)
    spanned = torch.linalg.lstsq(vectors[0].T, moved.T).solution
    assert float((vectors[0].T @ spanned - moved.T).norm()) > 1e-3


@pytest.mark.parametrize("weights", ["scalar", "linear", "softmax"])
def test_the_start_is_the_mean_of_its_basis_under_its_weights(weights, toys):
    own = chart(weights, ("z", "y"))
    basis = {"z": toys.normal(4, K, 2, 2), "y": toys.normal(4, K, 3)}
    law = toys.normal(4, K, seed=9).softmax(dim=1)
    point = own.start(basis, law, {})
    latent = SPACE.split(own(point, SampleRng.of(0, 4)))
    torch.testing.assert_close(latent["z"], (law[:, :, None, None] * basis["z"]).sum(dim=1))
    torch.testing.assert_close(latent["y"], (law[:, :, None] * basis["y"]).sum(dim=1))


def test_a_weight_of_0_starts_finite_under_a_softmax(toys):
    own = chart("softmax")
    law = torch.tensor([[1.0, 0.0, 0.0]])
    basis = toys.normal(1, K, 2, 2)
    point = own.start({"z": basis}, law, {"y": torch.zeros(1, 3)})
    assert bool(point.isfinite().all())
    torch.testing.assert_close(SPACE.split(own(point, SampleRng.of(0, 1)))["z"], basis[:, 0])


def test_the_basis_keeps_the_bounds_of_its_block_and_the_weights_have_none():
    blocks = {block.name: block for block in chart().source.blocks}
    assert list(blocks) == ["z.basis", "z.weights", "y"]
    assert (blocks["z.basis"].low, blocks["z.basis"].high) == (-2, 2)
    assert blocks["z.weights"].shape == (K, 2, 2)
    assert blocks["z.weights"].high == float("inf")


@pytest.mark.parametrize(
    "original",
    [chart(), chart("softmax", ("z", "y")), chart("scalar", ("y", "z")), Identity(SPACE)],
    ids=["linear", "softmax", "scalar", "identity"],
)
def test_a_chart_goes_through_json(original):
    assert chart_from_config(json.loads(json.dumps(chart_to_config(original)))) == original


@pytest.mark.parametrize("weights", ["linear", "softmax"])
def test_saved_charts_keep_a_weight_per_coordinate(weights):
    """As in files of all earlier versions."""
    space = [["z", [2, 2], "-2.0", "2.0"], ["y", [3], "-inf", "inf"]]
    config = {"kind": "basis", "space": space, "k": K, "over": ["z"], "weights": weights}
    blocks = {block.name: block.shape for block in chart_from_config(config).source.blocks}
    assert blocks == {"z.basis": (K, 2, 2), "z.weights": (K, 2, 2), "y": (3,)}


@pytest.mark.parametrize(
    "config",
    [
        {"kind": "basis", "space": [["z", [2], "0", "1"]], "k": 3, "over": ["z"], "weights": "hm"},
        {},
        {"kind": "spiral", "space": []},
        {"kind": "identity", "space": 3},
        {"kind": "identity", "space": [["z", ["two"], "0", "1"]]},
        {"kind": "basis", "space": [["z", [2], "0", "1"]], "k": "3", "over": [], "weights": ""},
        {"kind": "basis", "space": [["z", [2], "0", "1"]], "k": 3, "over": ["y"], "weights": ""},
    ],
)
def test_a_damaged_description_of_a_chart_is_refused(config):
    with pytest.raises(InvalidInput):
        chart_from_config(config)


def test_bad_charts_are_refused(toys):
    with pytest.raises(InvalidInput, match="basis of 0 points"):
        MixtureOfBasis(SPACE, 0, ("z",))
    with pytest.raises(InvalidInput, match="No block 'x'"):
        MixtureOfBasis(SPACE, 2, ("x",))
    lift = toys.lift(SPACE, SPACE, lambda v: v)
    with pytest.raises(InvalidInput, match="cannot be saved"):
        chart_to_config(lift)


@pytest.mark.parametrize("kind", ["scalar", "linear", "softmax"])
def test_the_basis_moves_by_langevin_and_its_weights_by_adam_without_noise(kind, toys):
    own = MixtureOfBasis(Space((Block("z", (4,)),)), K, ("z",), kind)
    at = own.source.slices()
    energy = toys.energy_of(lambda z: (z - 1).square().sum(dim=1), own.target).pullback(own)
    points = Langevin(step_size=0.01, inverse_temperature=2.0, momentum=0.0)
    kernel = descend(gradient(energy), FirstOrder(points, Adam(learning_rate=0.05)).on(own.source))
    start = toys.normal(1, own.source.dim).expand(400, -1).contiguous()
    state, _ = kernel.step(kernel.init(start), SampleRng.of(0, 400))
    moved = state.position - start
    slope, _ = gradient(energy)(start[:1], SampleRng.of(0, 1))
    weights = slope[:, at["z.weights"]]
    # Adam's first step is about the sign of the gradient times the rate, in every stream.
    expected = (-0.05 * weights / (weights.abs() + 1e-8)).expand(400, -1)
    torch.testing.assert_close(moved[:, at["z.weights"]], expected, atol=1e-5, rtol=1e-3)
    assert bool((moved[:, at["z.weights"]] == moved[:1, at["z.weights"]]).all())
    noise = moved[:, at["z.basis"]] + 0.01 * slope[:, at["z.basis"]]
    count = noise.numel()
    assert abs(noise.mean()) < 4 * 0.1 / count**0.5
    assert abs(noise.var() / 0.01 - 1) < 4 * (2 / count) ** 0.5


def test_without_a_basis_or_a_class_the_rule_is_the_points_own(toys):
    rule = Langevin(inverse_temperature=1.0)
    assert FirstOrder(rule, Adam()).on(Space((Block("z", (4,)),))) is rule


def test_a_class_moves_by_adam_without_noise_beside_the_latent(toys):
    at = SPACE.slices()
    energy = toys.energy_of(lambda v: (v - 1).square().sum(dim=1), SPACE)
    rule = FirstOrder(Langevin(inverse_temperature=2.0), Adam(learning_rate=0.05)).on(SPACE)
    kernel = descend(gradient(energy), rule)
    start = toys.normal(1, SPACE.dim).expand(50, -1).contiguous()
    state, _ = kernel.step(kernel.init(start), SampleRng.of(0, 50))
    moved = state.position - start
    torch.testing.assert_close(
        moved[:, at["y"]], -0.05 * (start - 1)[:, at["y"]].sign(), atol=1e-5, rtol=1e-3
    )
    assert float(moved[:, at["z"]].std(dim=0).min()) > 1e-4


def test_the_gradient_is_clipped_per_block(toys):
    own = MixtureOfBasis(Space((Block("z", (4,)),)), K, ("z",))
    at = own.source.slices()
    still = Langevin(
        step_size=2.0,
        inverse_temperature=1.0,
        momentum=0.0,
        noise_schedule=toys.schedule(lambda step: 0.0),
    )
    rule = FirstOrder(still, clip_norm=0.5).on(own.source)
    energy = toys.energy_of(lambda v: 100 * v.square().sum(dim=1), own.source)
    kernel = descend(gradient(energy), rule)
    start = toys.normal(5, own.source.dim)
    state, _ = kernel.step(kernel.init(start), SampleRng.of(0, 5))
    for block in at.values():
        moved = (state.position - start)[:, block]
        torch.testing.assert_close(moved.norm(dim=1), torch.full((5,), 0.5))


def test_saved_charts_hold_roles():
    own = MixtureOfBasis(SPACE, K, ("z",))
    assert chart_from_config(json.loads(json.dumps(chart_to_config(own)))) == own
    named = Space((Block("y", (2,)), Block("kind", (2,), 0, 1, shares=True, role="class")))
    again = chart_from_config(json.loads(json.dumps(chart_to_config(Identity(named)))))
    assert again.source == named
    assert [block.role for block in again.source.blocks] == ["latent", "class"]


@pytest.mark.parametrize("marks", [[], ["shares"]])
def test_blocks_of_files_without_roles_have_those_of_their_names(marks):
    old = [
        ["z", [2], "-2.0", "2.0"],
        ["y", [3], "-inf", "inf"],
        ["c", [4], "0.0", "1.0", *marks],
        ["z.weights", [2], "-inf", "inf"],
    ]
    source = chart_from_config({"kind": "identity", "space": old}).source
    assert [block.role for block in source.blocks] == ["latent", "class", "class", "weights"]
    assert [block.shares for block in source.blocks] == [False, False, True, False]


def test_a_role_that_is_not_known_is_refused():
    space = [["z", [2], "-inf", "inf", "style"]]
    with pytest.raises(InvalidInput, match=r"cannot be read from .*'style'") as caught:
        chart_from_config({"kind": "identity", "space": space})
    assert "expected one of latent, class, weights" in str(caught.value.__cause__)


@pytest.mark.parametrize("weights", ["scalar", "linear"])
def test_a_basis_is_latent_and_its_weights_are_weights(weights):
    roles = {b.name: b.role for b in MixtureOfBasis(SPACE, K, ("z", "y"), weights).source.blocks}
    assert {roles[name] for name in roles if name.endswith(".basis")} == {"latent"}
    assert {roles[name] for name in roles if name.endswith(".weights")} == {"weights"}
    kept = MixtureOfBasis(SPACE, K, ("z",), weights).source
    assert kept.block("y").role == "class"
