"""Options of generators in files: they are saved, and files without them open with a note."""

import logging
from dataclasses import asdict, replace

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.composition.compose import Composer, CompositionJob
from latentsteer.core.composition.placement import placements
from latentsteer.core.errors import GeneratorMismatch, ResumeMismatch
from latentsteer.core.identity import belonging, options_of
from latentsteer.core.latent_files import load_latents, save_latents
from latentsteer.core.refine.refinement import refine
from latentsteer.core.refine.rules import Adam
from latentsteer.core.translators.training import new_translator
from latentsteer.core.translators.translator import Translator

from .option_files import CHUNKS, CPU, drawn, job, likeness_to_grey


def stopped(toys, generator, latents):
    class Stop(Exception):
        pass

    def on_step(snapshot):
        if snapshot.state.step == 2:
            raise Stop

    kept = []
    with pytest.raises(Stop):
        refine(job(toys, generator), latents, on_step=on_step, on_stop=kept.append)
    return kept[0]


def test_an_interrupted_run_goes_on_with_the_same_options_alone(opened, toys, tmp_path):
    plain, truncated = opened("stylegan2", {}), opened("stylegan2", {"psi": 0.7})
    path = tmp_path / "i.safetensors"
    save_latents(path, stopped(toys, plain, drawn(plain)))
    left = load_latents(path)
    with pytest.raises(GeneratorMismatch, match=r"psi 1 .*psi 0.7 "):
        refine(job(toys, truncated), left)
    with pytest.raises(ResumeMismatch, match=r"generator psi: 1.0 then, 0.7 now"):
        left.interrupted.check(job(toys, truncated).identity())
    found, _ = refine(job(toys, opened("stylegan2", {"psi": 1.0})), left)
    whole, _ = refine(job(toys, plain), drawn(plain))
    assert torch.equal(found.values, whole.values)


def test_latents_go_through_a_file_with_their_options(opened, tmp_path):
    generator = opened("stylegan2", {"psi": 0.3, "latent": "w"})
    save_latents(tmp_path / "l.safetensors", drawn(generator))
    back = load_latents(tmp_path / "l.safetensors")
    assert back.generator == generator.id
    assert options_of(back.generator) == options_of(generator.id)
    with pytest.raises(GeneratorMismatch, match=r"psi 0\.3 "):
        back.check_generator(opened("stylegan2", {"latent": "w"}))


def forgetful(path):
    """The file as written before there were options."""
    checkpoint = checkpoints.read(path)
    config = {k: v for k, v in checkpoint.config.items() if k != "generator_options"}
    if "settings" in config:
        known = config["settings"].items()
        config["settings"] = {k: v for k, v in known if not k.startswith("generator ")}
    checkpoints.write(path, checkpoint.tensors, config)


def test_latents_of_before_open_with_a_note(opened, toys, tmp_path, caplog):
    generator = opened("stylegan2", {"psi": 0.7})
    path = tmp_path / "l.safetensors"
    save_latents(path, drawn(generator))
    forgetful(path)
    old = load_latents(path)
    assert options_of(old.generator) is None
    assert "identified by its weights alone" in belonging(old.generator, old.generator_name)
    with caplog.at_level(logging.WARNING, "latentsteer"):
        refined, _ = refine(job(toys, generator), old)
    (note,) = [record.getMessage() for record in caplog.records]
    for part in ("before the options", "weights of 'stylegan2' alone", "psi 0.7", "latent z"):
        assert part in note
    # From then on they have the options.
    caplog.clear()
    refined.check_generator(generator)
    assert not caplog.records
    with pytest.raises(GeneratorMismatch):
        refined.check_generator(opened("stylegan2", {}))
    # Other weights are refused as before, and so is another space.
    with pytest.raises(GeneratorMismatch, match="Load 'stylegan2'"):
        old.check_generator(opened("biggan", {}))
    with pytest.raises(GeneratorMismatch, match=r"points of z\[.*takes those of w\["):
        old.check_generator(opened("stylegan2", {"latent": "w"}))


def test_an_unfinished_run_of_before_goes_on_with_a_note(opened, toys, tmp_path, caplog):
    generator = opened("stylegan2", {"psi": 0.7})
    path = tmp_path / "i.safetensors"
    save_latents(path, stopped(toys, generator, drawn(generator)))
    forgetful(path)
    found, _ = refine(job(toys, generator), load_latents(path))
    whole, _ = refine(job(toys, generator), drawn(generator))
    assert torch.equal(found.values, whole.values)
    assert any("before the options" in r.getMessage() for r in caplog.records)


def test_a_translator_goes_through_a_file_with_its_options(opened, toys, tmp_path, caplog):
    clip = toys.classifier()
    generator, other = opened("stylegan3", {"latent": "w"}), opened("stylegan3", {"latent": "z"})
    translator = new_translator(generator, clip, hidden=4, components=2, seed=0)
    path = tmp_path / "t.safetensors"
    checkpoints.write(path, translator.state_dict(), translator.to_config())
    back = Translator.from_checkpoint(checkpoints.read(path))
    assert asdict(back.config) == asdict(translator.config)
    back.check(generator, clip.condition(["a"]))
    with pytest.raises(GeneratorMismatch, match=r"latent w; .*latent z.*train one"):
        back.check(other, clip.condition(["a"]))
    forgetful(path)
    old = Translator.from_checkpoint(checkpoints.read(path))
    assert not caplog.records
    old.check(other, clip.condition(["a"]))
    assert "before the options" in caplog.text


def test_latents_that_know_and_that_do_not_stack_with_a_note(opened, caplog):
    generator = opened("stylegan2", {"psi": 0.7})
    new = drawn(generator)
    old = replace(new, generator=str(new.generator))
    for first, second in ((new, old), (old, new)):
        caplog.clear()
        both = first.stacked(second)
        assert options_of(both.generator) == options_of(generator.id)
        assert options_of(first.interpolated(second, [0.5]).generator)["psi"] == 0.7
        assert "before the options" in caplog.text
    assert options_of(old.stacked(old).generator) is None


def test_a_composition_of_before_goes_on(opened, toys):
    """Its identity is a hash of that of the generator's weights, which has not changed."""
    generator = opened("stylegan2", {})
    made = CompositionJob(
        generator=generator,
        energy=likeness_to_grey(generator),
        features=None,
        steps=1,
        seed=0,
        rule=Adam(learning_rate=0.1),
        placements=placements([0.5])[:1],
        chunking=CHUNKS,
        device=CPU,
    )
    plain = replace(made, generator=replace(generator, id=str(generator.id)))
    one, other = (Composer(j, drawn(generator), drawn(generator)) for j in (made, plain))
    assert one.generator.id == other.generator.id
    assert options_of(one.generator.id) == options_of(generator.id)
