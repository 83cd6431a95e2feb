"""What the file of every registered generator and auxiliary satisfies, new ones included."""

import functools
import re

import pytest
import torch
from latentsteer.core.auxiliaries import AUXILIARIES
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.energies import ENERGIES
from latentsteer.core.errors import CheckpointError
from latentsteer.core.generators import ARCHITECTURES, load_generator
from latentsteer.core.refine.examples import RULES
from torch import nn

from .example_files import (
    FILES,
    opened,
    tensors_of,
    written_plainly,
)


@functools.cache
def made_once(make):
    """An example whose tensors several tests read."""
    return make()


def names_are_unique(entries):
    return len(set(entries)) == len(entries)


def test_registered_names_are_unique():
    assert names_are_unique([a.id for a in (*ARCHITECTURES, *AUXILIARIES)])
    assert names_are_unique([name for name, _ in ENERGIES])
    assert names_are_unique([name for name, _ in RULES])


@pytest.mark.parametrize(("architecture", "make"), FILES)
def test_exactly_one_architecture_recognises_an_example(architecture, make, examples):
    checkpoint = checkpoints.read(examples.example(make)[1])
    saying_yes = [a for a in (*ARCHITECTURES, *AUXILIARIES) if a.recognises(checkpoint)]
    assert saying_yes == [architecture]


@pytest.mark.parametrize(("architecture", "make"), FILES)
def test_a_loaded_model_is_the_one_written_and_frozen(architecture, make, examples):
    _, path = examples.example(make)
    model = examples.as_written(architecture, make)
    assert model.id == checkpoints.fingerprint(path)
    assert model.name == "model"
    written_tensors = checkpoints.read(path).tensors
    for module in model.modules:
        assert not module.training
        assert not any(parameter.requires_grad for parameter in module.parameters())
        for name, tensor in module.state_dict().items():
            assert any(
                key.endswith(name) and torch.equal(tensor, value)
                for key, value in written_tensors.items()
            ), name


@pytest.mark.parametrize(("architecture", "make"), FILES)
def test_a_file_in_half_precision_loads_as_float32(architecture, make, tmp_path):
    example = made_once(make)
    halves = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in tensors_of(example).items()
    }
    checkpoints.write(tmp_path / "model.safetensors", halves, example.config)
    model = opened(architecture, tmp_path / "model.safetensors")
    assert {p.dtype for m in model.modules for p in m.parameters()} == {torch.float32}


BESIDE = (
    "D.",
    "d.",
    "1.",
    "netD.",
    "model.netD.",
    "model.netC.",
    "discriminator.",
    "dis_state_dict.",
)
"""Prefixes of discriminators in files of generators; non-finite values there are accepted."""
WHOLE = ("digits-generator",)
"""Families whose files are read whole: their discriminators have to be finite."""
LOGGED = re.compile(r"\bsv\d+$")
"""BigGAN's singular values, which are logged and never used; they may have any value."""
ANOTHER = {
    # R3GAN's embedding of classes: a network of more noise and no class, or of one class more.
    ("r3gan-generator", "missing", "G_ema.Model.EmbeddingLayer.weight"),
    ("r3gan-generator", "longer", "G_ema.Model.EmbeddingLayer.weight"),
    # TensorFlow's matrices have a row for each input: a network of longer latents.
    ("co-mod-gan", "longer", "2.mapping/Dense0/weight"),
    # A vector for a word that the vocabulary does not number.
    ("df-gan", "longer", "text_encoder.encoder.weight"),
    ("df-gan-2021", "longer", "text_encoder.encoder.weight"),
    # The last layer of AutoGAN's discriminators has no bias.
    ("residual-gan", "missing", "D.l3.bias"),
}
"""Damages after which a file is a whole one of another network."""


SPOILS = ("missing", "longer", "deeper", "not finite")


def kinds_of(names):
    """The last of the names that differ in numbers alone, as in repeated blocks, by kind."""
    return {re.sub(r"\d+", "#", name): name for name in names}


def assert_wrong_tensors_are_refused(architecture, make, spoil, folder, chosen):
    example = made_once(make)
    tensors = tensors_of(example)
    for name in chosen:
        tensor, wrong = tensors[name], dict(tensors)
        if spoil == "missing":
            del wrong[name]
        elif not tensor.is_floating_point() or tensor.ndim == 0:
            continue
        elif spoil == "longer":
            wrong[name] = tensor.new_zeros(tensor.shape[0] + 1, *tensor.shape[1:])
        elif spoil == "deeper":
            wrong[name] = tensor[None]
        else:
            wrong[name] = torch.full_like(tensor, torch.nan)
        if spoil == "missing" and name.endswith("num_batches_tracked"):
            continue  # PyTorch accepts files without this counter
        path = folder / f"{name.replace('/', '-')}.safetensors"
        written_plainly(path, wrong, example.config)
        logged = spoil == "not finite" and LOGGED.search(name)
        if logged or (architecture.id, spoil, name) in ANOTHER:
            opened(architecture, path)
            continue
        beside = name.startswith(BESIDE) and architecture.id not in WHOLE
        if spoil == "not finite" and beside:
            assert opened(architecture, path).discriminator is None
            continue
        with pytest.raises(CheckpointError, match=r"model|architecture|safetensors"):
            opened(architecture, path)


@pytest.mark.parametrize("spoil", SPOILS)
@pytest.mark.parametrize("architecture", [*ARCHITECTURES, *AUXILIARIES], ids=lambda a: a.id)
def test_wrong_tensors_are_a_checkpoint_error(architecture, spoil, tmp_path):
    """Each kind of tensor of a family in one way; the slow test has every tensor in every way.

    Of the kinds that a file is the first of its family to have, every fourth for each way to
    spoil one.
    """
    before = set()
    for number, make in enumerate(architecture.examples):
        kinds = kinds_of(tensors_of(made_once(make)))
        new = [name for kind, name in kinds.items() if kind not in before]
        before |= kinds.keys()
        chosen = new[SPOILS.index(spoil) :: len(SPOILS)]
        folder = tmp_path / str(number)
        folder.mkdir()
        assert_wrong_tensors_are_refused(architecture, make, spoil, folder, chosen)


@pytest.mark.slow
@pytest.mark.parametrize("spoil", SPOILS)
@pytest.mark.parametrize(("architecture", "make"), FILES)
def test_each_wrong_tensor_is_a_checkpoint_error(architecture, make, spoil, tmp_path):
    every = tensors_of(made_once(make))
    assert_wrong_tensors_are_refused(architecture, make, spoil, tmp_path, every)


@pytest.mark.parametrize(("architecture", "make"), FILES)
def test_left_over_tensors_are_a_checkpoint_error(architecture, make, tmp_path):
    example = made_once(make)
    for prefix in example.networks:
        extra = tensors_of(example) | {f"{prefix}stowaway": torch.zeros(1)}
        checkpoints.write(tmp_path / "model.safetensors", extra, example.config)
        with pytest.raises(CheckpointError, match="stowaway"):
            opened(architecture, tmp_path / "model.safetensors")


def test_a_file_of_no_known_architecture_lists_what_it_has_and_what_is_known(tmp_path):
    path = tmp_path / "other.safetensors"
    checkpoints.write(path, {"strange.weight": torch.zeros(2)})
    with pytest.raises(CheckpointError) as caught:
        load_generator(path)
    for part in ("other.safetensors", "1 tensors", "`strange.weight`", ARCHITECTURES[0].id):
        assert part in str(caught.value)


def test_the_examples_networks_are_plain_modules():
    for param in FILES:
        networks = made_once(param.values[1]).networks
        assert networks
        assert all(isinstance(network, nn.Module) for network in networks.values())
