"""Latents between nodes and on disk."""

from dataclasses import replace

import pytest
import torch
from latentsteer.core.charts import MixtureOfBasis, Start
from latentsteer.core.checkpoints.checkpoint import read, write
from latentsteer.core.chunking import Chunking
from latentsteer.core.errors import CheckpointError, GeneratorMismatch, InvalidInput
from latentsteer.core.latent_files import load_latents, save_latents
from latentsteer.core.latents import Latents, decode
from latentsteer.core.spaces import Identity


@pytest.fixture
def latents(toys):
    return toys.latents(toys.generator(), toys.normal(4, 12), samples=(7, 2, 5, 0))


@pytest.mark.bits
def test_latents_go_through_a_file(latents, toys, tmp_path):
    path = tmp_path / "l.safetensors"
    save_latents(path, latents)
    back = load_latents(path)
    assert torch.equal(back.values, latents.values)
    assert (back.chart, back.generator, back.generator_name, back.samples) == (
        latents.chart,
        latents.generator,
        latents.generator_name,
        latents.samples,
    )
    assert back.interrupted is None


def test_latents_over_a_basis_go_through_a_file(toys, tmp_path):
    generator = toys.generator()
    chart = MixtureOfBasis(generator.source, 2, ("z",), "softmax")
    latents = toys.latents(generator, toys.normal(3, chart.source.dim), chart=chart)
    save_latents(tmp_path / "l.safetensors", latents)
    assert load_latents(tmp_path / "l.safetensors").chart == chart


@pytest.mark.bits
def test_picked_samples_keep_their_names_and_streams(latents):
    picked = latents.picked((2, 0))
    assert picked.samples == (5, 7)
    assert torch.equal(picked.values, latents.values[[2, 0]])
    whole = latents.rng(1, "x").normal(3, like=latents.values)
    assert torch.equal(picked.rng(1, "x").normal(3, like=latents.values), whole[[2, 0]])


@pytest.mark.parametrize("rows", [(), (4,), (-1, 0)])
def test_samples_that_are_not_there_are_refused(rows, latents):
    with pytest.raises(InvalidInput, match="there are 4, counted from 0"):
        latents.picked(rows)


def test_names_are_as_many_as_latents(toys):
    with pytest.raises(InvalidInput, match="2 names for 3 latents"):
        toys.latents(toys.generator(), toys.normal(3, 12), samples=(0, 1))


def test_moved_latents_are_detached_and_in_no_run(latents):
    values = (latents.values * 2).requires_grad_()
    moved = latents.moved(values)
    assert not moved.values.requires_grad
    assert torch.equal(moved.values, values.detach())
    assert moved.samples == latents.samples


def test_another_generator_is_refused(latents, toys):
    latents.check_generator(toys.generator())
    other = toys.generator()
    object.__setattr__(other, "id", "another-id")
    with pytest.raises(GeneratorMismatch, match=r"of generator 'toy'.*Load 'toy'"):
        latents.check_generator(other)


@pytest.mark.parametrize("spoil", ["values", "samples", "generator", "chart"])
def test_a_file_with_a_part_missing_is_damaged(spoil, latents, tmp_path):
    path = tmp_path / "l.safetensors"
    save_latents(path, latents)
    checkpoint = read(path)
    tensors, config = dict(checkpoint.tensors), dict(checkpoint.config)
    (tensors if spoil in tensors else config).pop(spoil)
    write(path, tensors | {"other": torch.zeros(1)}, config)
    with pytest.raises(CheckpointError, match="is damaged"):
        load_latents(path)


def test_a_file_whose_names_do_not_fit_is_damaged(latents, tmp_path):
    path = tmp_path / "l.safetensors"
    save_latents(path, latents)
    checkpoint = read(path)
    write(path, checkpoint.tensors, dict(checkpoint.config) | {"samples": [1]})
    with pytest.raises(CheckpointError, match="is damaged: 1 names for 4 latents"):
        load_latents(path)


def test_stacked_latents_follow_each_other_under_names_of_their_own(latents, toys):
    other = toys.latents(toys.generator(), toys.normal(2, 12, seed=5), samples=(0, 3))
    both = latents.stacked(other)
    assert both.samples == (7, 2, 5, 0, 8, 11)
    assert torch.equal(both.values, torch.cat([latents.values, other.values]))
    assert len(set(both.samples)) == len(both)
    assert both.interrupted is None


def test_latents_of_another_generator_or_chart_are_not_stacked(latents, toys):
    generator = toys.generator()
    chart = MixtureOfBasis(generator.source, 2, ("z",))
    basis = toys.latents(generator, toys.normal(3, chart.source.dim), chart=chart)
    with pytest.raises(InvalidInput, match=r"identity.*basis of 2.*Stack latents of one chart"):
        latents.stacked(basis)
    other = replace(latents, generator="other-id", generator_name="other")
    with pytest.raises(GeneratorMismatch, match=r"'toy' .*'other'"):
        latents.stacked(other)


def test_a_start_s_samples_are_named_from_0_and_keep_their_history(toys):
    generator = toys.generator()
    values, chart = toys.normal(3, 12), Identity(generator.source)
    new = Latents.of(Start(values, chart), generator)
    assert (new.samples, new.history) == ((0, 1, 2), (0, 0, 0))
    assert (new.generator, new.generator_name, new.chart) == (generator.id, "toy", chart)
    assert torch.equal(new.values, values)
    assert Latents.of(Start(values, chart, (2, 0, 1)), generator).history == (2, 0, 1)


def test_decoding_is_the_generator_after_the_chart_in_the_samples_order(latents, toys):
    generator, done = toys.generator(), []
    chunking = Chunking(3, padded=True)
    images = decode(latents, generator, chunking, toys.cpu, report=done.append)
    expected = generator(latents.values, latents.rng(0, "decode"))
    torch.testing.assert_close(images, expected)
    assert done[-1] == len(latents)
    assert not images.requires_grad
    basis = MixtureOfBasis(generator.source, 2, ("z",), "softmax")
    over = toys.latents(generator, toys.normal(4, basis.source.dim), chart=basis)
    plain = decode(over.plain(), generator, chunking, toys.cpu)
    torch.testing.assert_close(decode(over, generator, chunking, toys.cpu), plain)


def test_decoding_refuses_another_generator(latents, toys):
    other = replace(toys.generator(), id="another", name="other")
    with pytest.raises(GeneratorMismatch, match="got 'other'"):
        decode(latents, other, Chunking(3, padded=False), toys.cpu)
