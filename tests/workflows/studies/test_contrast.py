"""The comparison of D2C with and without its contrastive term: probes, intervals, encoders."""

from dataclasses import asdict, replace

import pytest
import torch
from latentsteer.core.checkpoints.checkpoint import write
from latentsteer.core.d2c.training.images import HeldImages
from latentsteer.core.d2c.training.networks import D2CNetworks
from latentsteer.core.errors import CheckpointError
from latentsteer.workflows.studies.d2c import contrast_encoders as encoders
from latentsteer.workflows.studies.d2c.contrast import crossed_interval, probed
from latentsteer.workflows.studies.training import train_avatars_contrast as training


def test_the_arms_differ_in_the_contrastive_term_alone():
    on, off = (encoders.contrast_configuration(5, contrast=flag) for flag in (True, False))
    assert on.training.contrastive_weight > 0 == off.training.contrastive_weight
    assert asdict(on) == asdict(
        replace(
            off, training=replace(off.training, contrastive_weight=on.training.contrastive_weight)
        )
    )
    # Neither greys an avatar, nor shifts its hue, nor mirrors it.
    views = on.contrast.views
    assert (views.grey_share, views.flip_share, views.jitter[3]) == (0, 0, 0)
    assert not on.training.mirror


def test_a_smaller_image_has_the_mean_of_four_pixels():
    image = torch.zeros(1, 3, 64, 64)
    image[0, :, 0, :2] = 1.0
    small = encoders.smaller(image)
    assert small.shape == (1, 3, 32, 32)
    assert small[0, :, 0, 0].tolist() == [128] * 3
    assert torch.equal(small, encoders.smaller((image * 255).byte()))


def test_encoders_are_read_as_they_were_written(tmp_path):
    networks = D2CNetworks(encoders.contrast_configuration(2, contrast=True), 3)
    encoder = networks.final_autoencoder
    tensors = encoders.small_encoder(training.encoder_tensors(encoder), "on 3")
    path = tmp_path / "encoders.safetensors"
    write(path, tensors, {"runs": {"on 3": {"steps": 2}}})
    found, about = encoders.contrast_encoders(path)
    assert about["runs"] == {"on 3": {"steps": 2}}
    images = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    z = encoders.contrast_latents(found["on 3"], images, torch.device("cpu"))
    wanted = encoder.eval().encode(encoders.smaller(images).float() / 255).flatten(1)
    assert z.shape == (3, 128)
    assert (z - wanted).abs().max() < 0.03 * wanted.abs().max()
    write(path, tensors, {})
    with pytest.raises(CheckpointError, match="train_avatars_contrast"):
        encoders.contrast_encoders(path)


def test_batches_of_both_arms_are_timed(monkeypatch):
    smaller = encoders.contrast_configuration

    def few(steps, *, contrast):
        made = smaller(steps, contrast=contrast)
        return replace(made, training=replace(made.training, batch_size=2))

    monkeypatch.setattr(training, "contrast_configuration", few)
    images = HeldImages(torch.randint(256, (4, 3, 32, 32)).byte())
    found = training.seconds_of_batches(images, 1)
    assert set(found) == {"on", "off"}
    assert min(found.values()) > 0


def test_a_probe_finds_what_latents_tell_and_nothing_else():
    stream = torch.Generator().manual_seed(2)
    has = torch.rand(600, generator=stream) < 0.1
    latents = torch.randn(600, 6, generator=stream)
    auc, accuracy = probed(latents, has, "noise", 0)
    assert abs(auc - 0.5) < 0.2
    assert abs(accuracy - 0.5) < 0.15
    latents[:, 2] += 6 * has
    found = probed(latents, has, "clear", 0)
    # N(0, 1) against N(6, 1): the AUC is 1 - 1e-5, the best accuracy 0.9987.
    assert found[0] > 0.99
    assert found[1] > 0.95
    assert probed(latents, has, "clear", 0) == found


def test_the_interval_of_crossed_factors_is_as_wide_as_its_worst_factor():
    alike = torch.full((3, 4, 5), 0.25, dtype=torch.float64)
    assert crossed_interval(alike, rounds=20) == pytest.approx((0.25, 0.25))
    by_seed = torch.tensor([0.0, 1.0]).double()[:, None, None].expand(2, 50, 50)
    # Two seeds that differ: a quarter of the draws takes either one twice.
    assert crossed_interval(by_seed, rounds=400) == pytest.approx((0.0, 1.0))
    pure = torch.randn(1, 1, 400, generator=torch.Generator().manual_seed(1)).double()
    low, high = crossed_interval(pure, rounds=400)
    assert high - low == pytest.approx(2 * 1.96 / 20, rel=0.2)
