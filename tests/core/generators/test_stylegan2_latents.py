"""Latents of StyleGAN2 (z, w and w+), their truncation, and the noise."""

import math

import pytest
import torch
from latentsteer.core.errors import InvalidInput
from latentsteer.core.generators import load_generator
from latentsteer.core.rng import SampleRng

from .stylegan2_files import CONDITIONAL, ONE_EACH, arrays_of, in_unit, points, streams


@pytest.mark.parametrize("name", ONE_EACH)
def test_z_w_and_a_w_per_layer_give_the_same_images(name, path_of):
    by_z = load_generator(path_of(name))
    z, rng = points(by_z), streams(3)
    blocks = by_z.source.split(z)
    module = by_z.module
    w = module.mapping(blocks["z"], blocks.get("c"))
    expected = by_z(z, rng)
    by_w = load_generator(path_of(name), {"latent": "w"})
    by_ws = load_generator(path_of(name), {"latent": "w+"})
    ws = w.repeat(1, module.synthesis.num_ws)
    assert str(by_w.source) == f"w[{w.shape[1]}]"
    assert str(by_ws.source) == f"w[{module.synthesis.num_ws}, {w.shape[1]}]"
    torch.testing.assert_close(by_w(w, rng), expected)
    torch.testing.assert_close(by_ws(ws, rng), expected)
    mixed = torch.cat([ws[:1, : 2 * w.shape[1]], ws[1:2, 2 * w.shape[1] :]], dim=1)
    assert not torch.allclose(by_ws(mixed, streams(1)), expected[:1], atol=1e-2)


def test_classes_are_rows_of_shares_next_to_z(path_of):
    generator = load_generator(path_of(CONDITIONAL))
    assert str(generator.source) == "z[6] + c[4]"
    z, c = points(generator, 400).split([6, 4], dim=1)
    assert torch.equal(c.sum(dim=1), torch.ones(400))
    assert set(c.unique().tolist()) == {0.0, 1.0}
    assert bool((c.mean(dim=0) > 0.15).all())
    assert abs(float(z.mean())) < 0.1
    density = generator.prior.log_density(torch.cat([z, c], dim=1))
    expected = -z.square().sum(dim=1) / 2 - 3 * math.log(2 * math.pi) - math.log(4)
    torch.testing.assert_close(density, expected)
    half = torch.cat([z[:1], torch.full((1, 4), 0.25)], dim=1)
    assert generator(half, streams(1)).isfinite().all()


@pytest.mark.parametrize("latent", ["w", "w+"])
@pytest.mark.parametrize("name", ONE_EACH)
def test_the_law_of_w_is_the_mapping_networks(name, latent, path_of):
    by_z = load_generator(path_of(name))
    by_w = load_generator(path_of(name), {"latent": latent})
    blocks = by_z.source.split(points(by_z, 5))
    w = by_z.module.mapping(blocks["z"], blocks.get("c"))
    found = points(by_w, 5)
    assert torch.equal(found, points(by_w, 5))
    torch.testing.assert_close(found, w.repeat(1, found.shape[1] // w.shape[1]))
    alone = by_w.prior.sample(SampleRng.of(0, [3]), torch.empty(0))
    torch.testing.assert_close(alone[0], found[3])
    assert by_w.prior.log_density is None
    assert "mapping network" in str(by_w.prior)


@pytest.mark.parametrize("latent", ["z", "w", "w+"])
def test_truncation_pulls_the_first_layers_to_the_mean(latent, path_of):
    name = "sg2_tf_configf32"
    arrays, module = arrays_of(name), load_generator(path_of(name)).module
    w = module.mapping(arrays["z"])
    v = {"z": arrays["z"], "w": w, "w+": w.repeat(1, 8)}[latent]
    whole = load_generator(path_of(name), {"latent": latent, "psi": 0.7})
    images = whole(v, streams(len(v)))
    torch.testing.assert_close(images, in_unit(arrays["img_psi07"]), atol=1e-4, rtol=0)
    part = load_generator(path_of(name), {"latent": latent, "psi": 0.7, "cutoff": 3})
    centre = module.mapping.w_avg
    ws = w[:, None].repeat(1, 8, 1)
    ws[:, :3] = centre + 0.7 * (ws[:, :3] - centre)
    expected = in_unit(module.synthesis(ws))
    torch.testing.assert_close(part(v, streams(len(v))), expected, atol=1e-4, rtol=0)
    assert not torch.allclose(expected, images, atol=1e-2)


@pytest.mark.parametrize("name", ONE_EACH)
def test_noise_is_the_files_or_drawn_or_none(name, path_of):
    z = points(load_generator(path_of(name)))
    made = {
        mode: load_generator(path_of(name), {"noise": mode})(z, streams(3))
        for mode in ("const", "random", "none")
    }
    assert torch.equal(load_generator(path_of(name))(z, streams(3)), made["const"])
    for one, other in (("const", "random"), ("const", "none"), ("random", "none")):
        assert not torch.allclose(made[one], made[other], atol=1e-2)
    drawing = load_generator(path_of(name), {"noise": "random"})
    assert torch.equal(drawing(z, streams(3)), made["random"])
    assert not torch.allclose(drawing(z, streams(3, seed=1)), made["random"], atol=1e-2)
    for row in range(3):
        rng = SampleRng.of(0, [row], "noise")
        alone = drawing(z[row : row + 1], rng)
        torch.testing.assert_close(alone[0], made["random"][row], atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latent": "wplus"}, r"latent is 'wplus'.*z, w, w\+"),
        ({"psi": float("nan")}, "psi is nan"),
        ({"psi": "strong"}, "psi is 'strong'"),
        ({"cutoff": 7}, "cutoff is 7.*from 0.*to 6"),
        ({"cutoff": -1}, "cutoff is -1"),
        ({"cutoff": 1.5}, r"cutoff is 1\.5"),
        ({"noise": "loud"}, "noise is 'loud'.*const, random, none"),
        ({"eps": 1e-4}, "takes no option eps"),
    ],
)
def test_an_option_out_of_range_is_named(options, message, path_of):
    with pytest.raises(InvalidInput, match=message):
        load_generator(path_of(CONDITIONAL), options)
