"""`latentsteer inspect`, `convert` and `parity` on a shipped file of an official layout."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from latentsteer.core.checkpoints.architecture import detect
from latentsteer.core.checkpoints.checkpoint import read
from latentsteer.core.checkpoints.parity import compared, read_arrays
from latentsteer.core.errors import CheckpointError, InvalidInput
from latentsteer.core.generators import ARCHITECTURES
from latentsteer.core.zoo import shipped as catalogue
from latentsteer.nodes.cli import checkpoint
from latentsteer.nodes.cli.main import main

from ..core.conditional_toy import FILLER
from ..core.example_files import randomised, written

PARITY = Path(__file__).parents[1] / "core" / "parity"
FILE, ARRAYS = PARITY / "sg3t_32.pkl", PARITY / "sg3t_32.npz"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTSTEER_CACHE", str(tmp_path / "cache"))


def changed(tmp_path, **changes):
    with np.load(ARRAYS) as file:
        arrays = {name: file[name] for name in file.files} | changes
    np.savez(tmp_path / "arrays.npz", **arrays)
    return tmp_path / "arrays.npz"


def test_inspect_names_the_inputs_that_a_generator_needs(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "ALL", (FILLER,))
    facts = checkpoint.inspected(
        written(randomised(FILLER.examples[0]()), tmp_path / "filler.safetensors")
    )
    assert (facts["kind"], facts["needs"]) == ("conditional generator", "image, mask")
    assert (facts["family"], facts["image size"]) == ("toy-filler", "8 x 8")


def test_parity_holds_and_inspect_remembers_it(tmp_path, capsys):
    assert main(["inspect", str(FILE)]) == 0
    before = capsys.readouterr().out
    assert "stylegan3" in before
    assert "unverified: run `latentsteer parity`" in before
    assert main(["parity", str(FILE), str(ARRAYS), "--json", str(tmp_path / "found.json")]) == 0
    out = capsys.readouterr().out
    assert "5 of 5 outputs within 1e-05" in out
    errors = json.loads((tmp_path / "found.json").read_text())["errors"]
    assert {"img", "img_psi07", "img_transformed", "ws", "ws_psi07"} == set(errors)
    assert max(errors.values()) <= 1e-5
    assert main(["inspect", str(FILE)]) == 0
    after = capsys.readouterr().out.splitlines()
    facts = {line[:23].strip(): line[23:].strip() for line in after}
    assert "  verified: 5 outputs" in "\n".join(after)
    assert "32 x 32" in facts["image size"]


def test_an_output_that_differs_is_1(tmp_path, capsys):
    image = np.load(ARRAYS)["img"]
    wrong = image + 1e-3 * np.abs(image).max()
    assert main(["parity", str(FILE), str(changed(tmp_path, img=wrong))]) == 1
    assert "MISSED img " in capsys.readouterr().out
    assert main(["parity", str(FILE), str(changed(tmp_path, img=image[:, :, :-1]))]) == 1
    assert "inf" in capsys.readouterr().out


def test_no_known_output_is_2(tmp_path, capsys):
    np.savez(tmp_path / "arrays.npz", z=np.zeros((1, 32), np.float32), other=np.zeros(3))
    assert main(["parity", str(FILE), str(tmp_path / "arrays.npz")]) == 2
    assert "none of z, other is a known output" in capsys.readouterr().out


def test_a_conversion_gives_the_same_outputs(tmp_path, capsys):
    target = tmp_path / "converted.safetensors"
    assert main(["convert", str(FILE), str(target)]) == 0
    assert main(["parity", str(target), str(ARRAYS)]) == 0
    first, second = read(FILE), read(target)
    arrays = read_arrays(ARRAYS)
    rows = [compared(c, detect(c, ARCHITECTURES), arrays) for c in (first, second)]
    assert rows[0] == rows[1]
    capsys.readouterr()
    assert main(["convert", str(FILE), str(tmp_path / "converted.pth")]) == 2
    assert ".safetensors" in capsys.readouterr().err


@pytest.mark.parametrize("name", [*catalogue.GENERATORS, *catalogue.AUXILIARIES])
def test_shipped_models_can_be_inspected(name, capsys):
    assert main(["inspect", str(catalogue.embedded(name))]) == 0
    out = capsys.readouterr().out
    assert "family" in out
    assert "kind" in out
    assert re.search(r"^licence +weights Apache-2.0; ", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "held", "made_for"),
    [
        *((name, "a translator", name.split()[0]) for name in catalogue.TRANSLATORS),
        *((name, "a diffusion prior", name.split()[0]) for name in catalogue.PRIORS),
    ],
)
def test_other_shipped_files_can_be_inspected(name, held, made_for, capsys):
    assert main(["inspect", str(catalogue.embedded(name))]) == 0
    facts = dict(
        re.split(r"  +", line, maxsplit=1) for line in capsys.readouterr().out.splitlines()
    )
    assert facts["holds"] == held
    assert facts["generator name"] == f"{made_for}-generator"
    assert "Apache-2.0; " in facts["licence"]


def test_a_translator_is_refused_as_a_generator_by_what_it_is():
    with pytest.raises(CheckpointError, match=r"holds a translator, not a model\. Open it with"):
        detect(read(catalogue.embedded("digits translator (embedded)")), ARCHITECTURES)


def test_bad_files_are_told(tmp_path, capsys):
    for arguments in (
        ["inspect", str(tmp_path / "none.pkl")],
        ["parity", str(FILE), str(tmp_path / "none.npz")],
        ["convert", str(tmp_path / "none.pkl"), str(tmp_path / "x.safetensors")],
    ):
        assert main(arguments) == 2
        assert "There is no" in capsys.readouterr().err
    np.savez(tmp_path / "objects.npz", img=np.array([{}], dtype=object))
    with pytest.raises(CheckpointError, match="array of Python objects"):
        read_arrays(tmp_path / "objects.npz")


def test_options_that_a_family_does_not_take_are_refused():
    from latentsteer.core.generators import load_generator

    with pytest.raises(InvalidInput, match="takes no option noise"):
        load_generator(FILE, {"noise": "none"})
