"""Damaged files of every family that official checkpoints II added, and of their parts.

Whatever a file holds, a loader returns a model or an error of LatentSteer that names the file.
"""

import random

import pytest
import torch
from latentsteer.core.auxiliary import Discriminator
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.checkpoints.architecture import load_detected
from latentsteer.core.errors import CheckpointError, InvalidInput
from latentsteer.core.generator import ConditionalGenerator, Generator
from latentsteer.core.generators import ARCHITECTURES, DISCRIMINATORS, PARTS
from latentsteer.core.generators.beside import GeneratorPart

from ..example_files import randomised, some_inputs, tensors_of, written_plainly
from .reader_child import mutated

FAMILIES = (
    *("autogan", "residual-gan", "deconvolutional-gan", "mmd-gan", "transgan", "nvae"),
    *("co-mod-gan", "dalle-dvae", "df-gan", "df-gan-2021", "fastgan-generator"),
    *("r3gan-generator", "stargan-v2"),
)
KNOWN = (*ARCHITECTURES, *DISCRIMINATORS, *PARTS)
EXAMPLES = [
    pytest.param(make, id=f"{one.id}-{number}")
    for one in KNOWN
    if one.id in FAMILIES or one not in tuple(ARCHITECTURES)
    for number, make in enumerate(one.examples)
]
SIZES = (0, 1, 3)
"""Other lengths of an axis."""


@pytest.fixture(scope="module")
def example_of():
    """Tensors and configuration of an example, made once."""
    made = {}

    def find(make):
        if make not in made:
            example = randomised(make())
            made[make] = tensors_of(example), example.config
        return made[make]

    return find


def opened(path):
    """The model of a file of any kind; one that needs inputs gets some."""
    found = load_detected(checkpoints.read(path), KNOWN)
    if isinstance(found, ConditionalGenerator):
        return found.given(some_inputs(found))
    assert isinstance(found, Generator | Discriminator | GeneratorPart)
    return found


def outcome(path):
    """None where a model is opened, else the message of the error."""
    try:
        opened(path)
    except (CheckpointError, InvalidInput) as error:
        return str(error)
    return None


# The changes of state dicts


def _renamed(tensors, name, stream):
    place = stream.randrange(len(name))
    other = f"{name[:place]}{stream.choice('abz019.')}{name[place + 1 :]}"
    return {other if key == name else key: tensor for key, tensor in tensors.items()}


def _without(tensors, name, stream):
    return {key: tensor for key, tensor in tensors.items() if key != name}


def _without_block(tensors, name, stream):
    stem = name.rpartition(".")[0]
    return {key: tensor for key, tensor in tensors.items() if not key.startswith(stem)}


def _resized(tensors, name, stream):
    """One axis of one tensor has another length."""
    shape = list(tensors[name].shape) or [1]
    axis = stream.randrange(len(shape))
    shape[axis] = stream.choice([*SIZES, shape[axis] + 1, 2 * shape[axis]])
    return tensors | {name: torch.zeros(shape)}


def _widened(tensors, name, stream):
    """Every axis of the length of one axis is doubled: another width."""
    shape = tensors[name].shape
    length = stream.choice(list(shape)) if len(shape) else 1
    return {
        key: torch.zeros([2 * n if n == length else n for n in tensor.shape])
        for key, tensor in tensors.items()
    }


def _turned(tensors, name, stream):
    return tensors | {name: tensors[name].T if tensors[name].ndim == 2 else tensors[name][None]}


def _flat(tensors, name, stream):
    return tensors | {name: tensors[name].reshape(-1)}


def _scalar(tensors, name, stream):
    return tensors | {name: torch.tensor(1.0)}


def _of_whole_numbers(tensors, name, stream):
    return tensors | {name: tensors[name].to(stream.choice([torch.int64, torch.bool]))}


def _prefixed(tensors, name, stream):
    wrapped = {f"module.{key}": tensor for key, tensor in tensors.items()}
    return wrapped | {name: tensors[name].clone()}


CHANGES = (
    *(_renamed, _without, _without_block, _resized, _resized, _widened, _turned, _flat, _scalar),
    *(_of_whole_numbers, _prefixed),
)


def change_some(make, example_of, folder, count, seed):
    """Opens files with one change each; all must have a permitted outcome."""
    tensors, config = example_of(make)
    stream = random.Random(seed)
    refused = 0
    for number in range(count):
        name = stream.choice(sorted(tensors))
        change = CHANGES[(seed + number) % len(CHANGES)]
        path = folder / "model.safetensors"
        written_plainly(path, change(tensors, name, stream), config)
        said = outcome(path)
        refused += said is not None
        assert said is None or ("model" in said and len(said) > 40), (change.__name__, name, said)
    return refused


@pytest.mark.parametrize("make", EXAMPLES)
def test_a_changed_state_dict_is_opened_or_refused_by_name(make, example_of, tmp_path):
    number = next(n for n, param in enumerate(EXAMPLES) if param.values[0] is make)
    change_some(make, example_of, tmp_path, 1, seed=number)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("make", EXAMPLES)
def test_many_changed_state_dicts(make, seed, example_of, tmp_path):
    assert change_some(make, example_of, tmp_path, 110, seed=1000 + 7 * seed) > 40


# The changes of files


def as_safetensors(path, tensors, config):
    written_plainly(path.with_suffix(".safetensors"), tensors, config)
    return path.with_suffix(".safetensors")


def as_zip(path, tensors, config):
    torch.save({"epoch": 1, **tensors}, path.with_suffix(".pth"))
    return path.with_suffix(".pth")


@pytest.mark.parametrize(("number", "make"), [(n, p.values[0]) for n, p in enumerate(EXAMPLES)])
def test_a_truncated_file_says_so_and_how_to_mend_it(number, make, example_of, tmp_path):
    write = (as_safetensors, as_zip)[number % 2]
    path = write(tmp_path / "half", *example_of(make))
    content = path.read_bytes()
    for end in (len(content) // 2, len(content) - 1):
        path.write_bytes(content[:end])
        with pytest.raises(CheckpointError, match=r"half\.\w+.*(truncated|not an intact)") as said:
            opened(path)
        assert "etch" in str(said.value)


def damage_some(make, example_of, folder, count, seed):
    path = as_safetensors(folder / "model", *example_of(make))
    content, stream = path.read_bytes(), random.Random(seed)
    for _ in range(count):
        path.write_bytes(mutated(content, stream)[0])
        said = outcome(path)
        assert said is None or len(said) > 40


@pytest.mark.parametrize("make", EXAMPLES)
def test_a_file_with_a_changed_byte_is_opened_or_refused(make, example_of, tmp_path):
    damage_some(make, example_of, tmp_path, 1, seed=len(EXAMPLES))


@pytest.mark.slow
@pytest.mark.parametrize("make", EXAMPLES)
def test_files_with_many_changed_bytes(make, example_of, tmp_path):
    damage_some(make, example_of, tmp_path, 150, seed=5)
