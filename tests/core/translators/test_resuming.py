"""Trainings that are interrupted resume to the bits of those that are not."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.errors import InvalidInput, ResumeMismatch
from latentsteer.core.pairs.pairs import Pairs
from latentsteer.core.translators.progress import TrainingFile
from latentsteer.core.translators.training import FAST, PAPER, Training, fit_translator
from latentsteer.core.translators.translator import translator_of

from .made import config, linear_pairs, needs_zuko

TODAY = Training(3, 64, condition_noise=0.1)
KINDS = {
    "today": ("mixture", TODAY),
    "covariance": ("mixture", replace(TODAY, noise_kind="covariance")),
    "fast": ("mixture", replace(FAST, epochs=3, batch_size=64)),
    "paper": ("mixture", replace(PAPER, epochs=1, condition_noise=0.2)),
    "deterministic": ("deterministic", TODAY),
    "flow": ("flow", replace(FAST, epochs=3, batch_size=64)),
}


def trained(name, toys, *, stop=None, pairs=None, **changes):
    if name == "flow":
        needs_zuko()
    kind, training = KINDS[name]
    components = 4 if kind == "mixture" else 1
    translator = translator_of(config(kind=kind, components=components, embed_dim=2), seed=3)
    seen = []

    def report(done, loss):
        seen.append(done)
        if done == stop:
            raise KeyboardInterrupt

    fields = {"seed": 5, "report": report} | changes
    training = replace(training, **fields.pop("training", {}))
    pairs = linear_pairs(300, toys, 0) if pairs is None else pairs
    fit_translator(translator, pairs, training, **fields)
    return translator, seen


def same(one, other):
    weights = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(n == m and torch.equal(a, b) for (n, a), (m, b) in weights)


@pytest.fixture(scope="module")
def wholes():
    """Trainings by name that are not interrupted, each made once."""
    return {}


@pytest.mark.bits
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("stops", [(1,), (5, 7), (14,)])
def test_an_interrupted_training_ends_with_the_same_bits(name, stops, toys, tmp_path, wholes):
    """Five batches an epoch: in the first, after its last and in the second, in the last."""
    if name not in wholes:
        wholes[name] = trained(name, toys)
    whole, seen = wholes[name]
    path = tmp_path / "state.safetensors"
    for stop in stops:
        with pytest.raises(KeyboardInterrupt):
            trained(name, toys, stop=stop, progress=TrainingFile(path))
        assert checkpoints.read(path).config["done"] == stop
    done, rest = trained(name, toys, progress=TrainingFile(path))
    assert rest == [number for number in seen if number >= stops[-1]]
    assert same(done, whole)
    again, nothing = trained(name, toys, progress=TrainingFile(path))
    assert nothing == seen[-1:]
    assert same(again, whole)


@pytest.mark.bits
def test_a_killed_training_resumes_from_the_last_writing(toys, tmp_path, monkeypatch):
    """Nothing is written after the kill, as with SIGKILL."""
    path = tmp_path / "state.safetensors"
    whole, _ = trained("today", toys)
    with monkeypatch.context() as patched:
        write = checkpoints.write
        patched.setattr(
            "latentsteer.core.translators.progress.write",
            lambda p, tensors, held: write(p, tensors, held) if held["done"] < 4 else None,
        )
        with pytest.raises(KeyboardInterrupt):
            trained("today", toys, stop=9, progress=TrainingFile(path, seconds=0))
    assert checkpoints.read(path).config["done"] == 3
    done, rest = trained("today", toys, progress=TrainingFile(path))
    assert rest[0] == 3
    assert same(done, whole)


@pytest.mark.bits
def test_an_interrupt_within_an_update_leaves_the_last_writing(toys, tmp_path, monkeypatch):
    path = tmp_path / "state.safetensors"
    whole, _ = trained("today", toys)
    step, calls = torch.optim.Adam.step, []

    def cut(self, *args):
        calls.append(1)
        if len(calls) == 6:
            self.param_groups[0]["params"][0].data += 1
            raise KeyboardInterrupt
        return step(self, *args)

    with monkeypatch.context() as patched:
        patched.setattr(torch.optim.Adam, "step", cut)
        with pytest.raises(KeyboardInterrupt):
            trained("today", toys, progress=TrainingFile(path))
    assert checkpoints.read(path).config["done"] == 1
    assert same(trained("today", toys, progress=TrainingFile(path))[0], whole)


@pytest.fixture
def begun(toys, tmp_path):
    path = tmp_path / "state.safetensors"
    with pytest.raises(KeyboardInterrupt):
        trained("today", toys, stop=4, progress=TrainingFile(path))
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 6}, "seed: 5 then, 6 now"),
        ({"training": {"learning_rate": 0.1}}, "training.learning_rate: 0.001 then, 0.1 now"),
        ({"training": {"epochs": 4}}, "training.epochs: 3 then, 4 now"),
        ({"pairs": 1}, "pairs: "),
    ],
)
def test_other_settings_are_refused_by_name(changes, message, begun, toys):
    if "pairs" in changes:
        changes = {"pairs": linear_pairs(300, toys, changes["pairs"])}
    with pytest.raises(ResumeMismatch, match=message):
        trained("today", toys, progress=TrainingFile(begun), **changes)


def test_a_file_without_a_kind_of_noise_is_of_isotropic_noise(begun, toys):
    """As files of earlier versions are."""
    assert "noise_kind" not in checkpoints.read(begun).config["settings"]["training"]
    with pytest.raises(ResumeMismatch, match=r"training\.noise_kind: None then, 'covariance' now"):
        trained("covariance", toys, progress=TrainingFile(begun))


def test_a_changed_translator_is_refused(begun, toys):
    with pytest.raises(ResumeMismatch, match=r"translator\.components: 4 then, 1 now"):
        trained("deterministic", toys, progress=TrainingFile(begun))


@pytest.mark.parametrize("spoil", ["truncated", "foreign", "stripped", "bent"])
def test_files_of_something_else_are_refused(spoil, begun, toys):
    held = checkpoints.read(begun)
    if spoil == "truncated":
        begun.write_bytes(begun.read_bytes()[:-100])
    elif spoil == "foreign":
        checkpoints.write(begun, {"x": torch.zeros(1)}, {"what": "latents"})
    elif spoil == "stripped":
        some = {name: held.tensors[name] for name in held.tensors if name != "order"}
        checkpoints.write(begun, some, held.config)
    else:
        other = dict(held.tensors) | {"weights.first.bias": torch.zeros(3)}
        checkpoints.write(begun, other, held.config)
    with pytest.raises(ResumeMismatch, match=r"Remove it to train from the start"):
        trained("today", toys, progress=TrainingFile(begun))


def test_another_number_of_threads_is_warned_of(begun, toys, caplog):
    held = checkpoints.read(begun)
    own = held.config["machine"]["threads"]
    machine = held.config["machine"] | {"threads": own + 6}
    checkpoints.write(begun, dict(held.tensors), dict(held.config) | {"machine": machine})
    trained("today", toys, progress=TrainingFile(begun))
    assert f"threads: {own + 6} then, {own} now" in caplog.text


def test_a_resumed_training_without_changes_warns_of_nothing(begun, toys, caplog):
    trained("today", toys, progress=TrainingFile(begun))
    assert caplog.text == ""


# Recipes and pairs


def test_the_recipes_have_the_papers_numbers():
    assert (PAPER.batch_size, PAPER.epochs, PAPER.learning_rate) == (16, 10, 1e-4)
    assert (PAPER.loss_scale, PAPER.initial_std, PAPER.clip) == (1e-4, 0.01, None)
    assert FAST.initial_std == "data"
    default = Training()
    assert (default.fused, default.bf16, default.loss_scale, default.clip) == (
        False,
        False,
        None,
        1,
    )


@pytest.mark.parametrize(("std", "expected"), [("data", (3.0, 0.2)), (0.01, (0.01, 0.01))])
def test_sigma_starts_where_the_recipe_says(std, expected, toys):
    z = toys.normal(5000, 2) * torch.tensor([3.0, 0.2]) + 1
    training = Training(1, 5000, learning_rate=1e-12, initial_std=std)
    translator = translator_of(config())
    fit_translator(translator, Pairs(z, toys.normal(5000, 3)), training, seed=0)
    assert translator.log_std.exp().tolist() == pytest.approx(expected, rel=0.05)
    assert translator.config.initial_std == std


def test_bf16_learns_nearly_the_same(toys):
    pairs = linear_pairs(600, toys, 0)
    ends = []
    for bf16 in (False, True):
        translator = translator_of(config(embed_dim=2))
        fit_translator(translator, pairs, replace(FAST, bf16=bf16), seed=0)
        assert translator.log_std.dtype == torch.float32
        ends.append(translator(pairs.conditions).log_prob(pairs.latents).mean())
    assert abs(ends[0] - ends[1]) < 0.05
    assert ends[0] != ends[1]


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((0, 2), (0, 3)), "No pairs"),
        (((5, 4), (5, 3)), "latents have 4 numbers; the translator's have 2"),
        (((5, 2), (5, 7)), "conditions have 7 numbers; the translator's have 3"),
    ],
)
def test_pairs_that_do_not_fit_are_refused(shapes, message, toys):
    pairs = Pairs(*(toys.normal(*shape) for shape in shapes))
    with pytest.raises(InvalidInput, match=message):
        fit_translator(translator_of(config()), pairs, Training(), seed=0)


@pytest.mark.parametrize("which", ["latents", "conditions"])
def test_a_few_pairs_that_are_not_finite_are_dropped_and_counted(which, toys, caplog):
    pairs = linear_pairs(300, toys, 0)
    clean = Pairs(*(torch.cat([t[:70], t[71:]]) for t in (pairs.latents, pairs.conditions)))
    getattr(pairs, which)[70, 1] = torch.nan
    found, _ = trained("today", toys, pairs=pairs)
    assert "1 of 300 pairs are not finite and were dropped" in caplog.text
    assert same(found, trained("today", toys, pairs=clean)[0])
    getattr(pairs, which)[:4] = torch.inf
    with pytest.raises(
        InvalidInput, match="5 of 300 pairs are not finite and were dropped; at most 1 in 100"
    ):
        trained("today", toys, pairs=pairs)
