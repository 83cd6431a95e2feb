"""The normalising flow: its density, its draws, and what the library must leave alone."""

import math
import sys
from importlib.util import find_spec

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.chunking import Chunking
from latentsteer.core.errors import InvalidInput
from latentsteer.core.pairs.pairs import Pairs
from latentsteer.core.rng import SampleRng
from latentsteer.core.starts.candidates import from_translator
from latentsteer.core.translators.training import FAST, Training, fit_translator, new_translator
from latentsteer.core.translators.translator import Translator, translator_of
from torch.distributions import Distribution, Normal

from .made import config, linear_pairs, true_law

# Not `importorskip`: an import of the library by others changes torch.distributions.
if find_spec("zuko") is None:
    pytest.skip("the extra `flow` is not installed", allow_module_level=True)


def flow(dim=2, seed=0, **changes):
    fields = {"kind": "flow", "components": 1, "latent_dim": dim, "hidden": 16}
    return translator_of(config(**fields | changes), seed=seed)


def bent(dim, dtype=torch.float64):
    """A flow whose splines are far from straight."""
    translator = flow(dim).to(dtype)
    for parameter in translator.flow.parameters():
        parameter.data *= 1.5
    translator.start(2 + 3 * torch.linspace(-1, 1, 8 * dim, dtype=dtype).reshape(8, dim), None)
    return translator.requires_grad_(False)


def test_the_density_integrates_to_1(toys):
    translator = bent(1)
    z = torch.linspace(-40, 40, 80_001, dtype=torch.float64)[:, None]
    c = toys.normal(1, 3, dtype=torch.float64).expand(len(z), -1)
    density = translator(c).log_prob(z).exp()
    assert float(torch.trapezoid(density, z[:, 0])) == pytest.approx(1, abs=1e-5)
    assert float((density - Normal(translator.loc, translator.scale).log_prob(z[:, 0]).exp())
                 .abs().max()) > 0.01  # fmt: skip


def test_the_density_is_that_of_the_change_of_variables(toys):
    translator = bent(3)
    c = toys.normal(1, 3, dtype=torch.float64)
    x = toys.normal(1, 3, seed=5, dtype=torch.float64)

    class Fixed(SampleRng):
        def normal(self, *shape, like):
            return moving

    def drawn(point):
        nonlocal moving
        moving = point[None]
        return translator.draw(c, Fixed.of(0, 1))[0]

    moving = x
    z = drawn(x[0])
    jacobian = torch.autograd.functional.jacobian(drawn, x[0])
    base = -0.5 * x.square().sum() - 1.5 * math.log(2 * math.pi)
    expected = base - torch.linalg.slogdet(jacobian).logabsdet
    torch.testing.assert_close(translator(c).log_prob(z[None])[0], expected)


@pytest.mark.bits
def test_a_draw_of_a_batch_is_that_of_its_member(toys):
    generator, classifier = toys.generator(), toys.classifier()
    translator = new_translator(generator, classifier, kind="flow", hidden=16, seed=0)
    condition = classifier.condition([1])

    def drawn(samples):
        rng = SampleRng.of(7, samples)
        chunking = Chunking(8, padded=True)
        start = from_translator(translator, generator, condition, rng, chunking=chunking)
        return start.values

    whole = drawn(range(10))
    assert torch.equal(drawn([3, 8]), whole[[3, 8]])
    assert len(whole.unique(dim=0)) == 10


def test_a_flow_learns_a_linear_gaussian_law(toys):
    translator = flow(embed_dim=2, hidden=24, transforms=2)
    training = Training(12, 256, learning_rate=1e-2, fused=True, loss_scale=1e-2)
    fit_translator(translator, linear_pairs(3000, toys, 10), training, seed=0)
    held = linear_pairs(3000, toys, 20)
    gap = true_law(held) - translator(held.conditions).log_prob(held.latents)
    error = float(gap.std()) / len(gap) ** 0.5
    assert -4 * error < float(gap.mean()) < 0.06 + 4 * error


@pytest.mark.bits
def test_weights_follow_the_seed_and_leave_the_global_state(toys):
    before = torch.get_rng_state()
    one, again, other = flow(seed=1), flow(seed=1), flow(seed=2)
    assert torch.equal(torch.get_rng_state(), before)
    weights = [[p.detach() for p in made.parameters()] for made in (one, again, other)]
    for first, second, third in zip(*weights, strict=True):
        assert torch.equal(first, second)
        assert not torch.equal(first, third)
    fit_translator(one, Pairs(toys.normal(40, 2), toys.normal(40, 3)), FAST, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.bits
def test_a_flow_goes_through_a_file(tmp_path, toys):
    translator = bent(3, torch.float32)
    path = tmp_path / "f.safetensors"
    checkpoints.write(path, translator.state_dict(), translator.to_config())
    read = Translator.from_checkpoint(checkpoints.read(path))
    assert read.config == translator.config
    c = toys.normal(4, 3)
    assert torch.equal(read.draw(c, SampleRng.of(0, 4)), translator.draw(c, SampleRng.of(0, 4)))


def test_the_library_changes_nothing_of_torch(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "zuko"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(Distribution, "_validate_args", True)
    before = dict(vars(Distribution))
    flow()
    assert "zuko" in sys.modules
    assert dict(vars(Distribution)) == before
    with pytest.raises(ValueError, match="invalid values"):
        Normal(torch.zeros(1), torch.tensor([-1.0]))


def test_without_the_library_the_cure_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "zuko", None)
    with pytest.raises(InvalidInput, match=r"zuko, which is not installed. `pip install zuko`"):
        flow()


@pytest.mark.parametrize("mode", ["mean", "mode", "basis"])
def test_starts_that_a_flow_has_no_form_for_are_refused(mode, toys):
    generator, classifier = toys.generator(), toys.classifier()
    translator = new_translator(generator, classifier, kind="flow", hidden=8, seed=0)
    common = {"mode": mode, "chunking": toys.job().chunking}
    condition = classifier.condition([0, 1])
    with pytest.raises(InvalidInput, match=r"[Ss]tart from samples"):
        from_translator(translator, generator, condition, SampleRng.of(0, 2), **common)
    found = from_translator(
        translator, generator, condition, SampleRng.of(0, 2), **common | {"mode": "sample"}
    )
    assert found.values.shape == (2, 12)
