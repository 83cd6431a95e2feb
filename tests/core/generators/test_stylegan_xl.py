"""StyleGAN-XL: class embeddings, a mean of w per class, and heads on stems."""

from pathlib import Path

import pytest
import torch
from latentsteer.core.checkpoints import checkpoint as checkpoints
from latentsteer.core.checkpoints.architecture import detect
from latentsteer.core.errors import CheckpointError
from latentsteer.core.generators import ARCHITECTURES, load_generator
from latentsteer.core.rng import SampleRng

HEAD = Path(__file__).parents[1] / "parity" / "sgxl_superres32.pkl"


@pytest.fixture(scope="module")
def head():
    return checkpoints.read(HEAD)


def rewritten(checkpoint, path, changes, config=None):
    tensors = dict(checkpoint.tensors) | changes
    kept = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    checkpoints.write(path, kept, checkpoint.config if config is None else config)
    return path


def test_layers_run_in_the_order_stated_by_the_file(head):
    network = load_generator(HEAD).module
    names = head.config["modules"]["G_ema.synthesis"]["attributes"]["layer_names"]
    assert [plan.name for plan in network.synthesis.plans] == names
    numbers = [int(name[1:].split("_")[0]) for name in names]
    assert numbers != list(range(len(names)))


def test_without_truncation_left_a_w_is_its_classs_mean():
    network = load_generator(HEAD).module
    z = torch.randn(3, network.mapping.z_dim, generator=torch.Generator().manual_seed(0))
    c = torch.eye(network.mapping.c_dim)[[7, 0, 7]]
    means = network.mapping.w_avg[[7, 0, 7]]
    images = network(z, c, psi=0.0)
    ws = means[:, None].expand(-1, network.synthesis.num_ws, -1)
    torch.testing.assert_close(images, network.synthesis(ws))
    torch.testing.assert_close(images[0], images[2])
    assert not torch.allclose(images[0], images[1], atol=1e-2)


def test_the_class_matters_and_may_be_mixed():
    generator = load_generator(HEAD)
    z_dim, c_dim = (generator.source.block(name).size for name in ("z", "c"))
    assert generator.source.block("c").low == 0
    assert generator.source.block("c").high == 1
    z = torch.randn(1, z_dim, generator=torch.Generator().manual_seed(0)).expand(3, -1)
    c = torch.zeros(3, c_dim)
    c[0, 2] = c[1, 5] = 1
    c[2, [2, 5]] = 0.5
    images = generator(torch.cat([z, c], dim=1), SampleRng.of(0, 3))
    assert not torch.allclose(images[0], images[1], atol=1e-3)
    assert not torch.allclose(images[0], images[2], atol=1e-3)


def test_of_w_truncation_is_to_the_mean_of_all_classes():
    generator = load_generator(HEAD, {"latent": "w", "psi": 0.0})
    network = generator.module
    w = torch.randn(2, generator.source.dim, generator=torch.Generator().manual_seed(0))
    images = generator(w, SampleRng.of(0, 2))
    middle = network.mapping.w_avg.mean(dim=0).expand(2, network.synthesis.num_ws, -1)
    torch.testing.assert_close(images, (network.synthesis(middle) * 0.5 + 0.5).clamp(0, 1))
    assert (
        "all"
        in detect(checkpoints.read(HEAD), ARCHITECTURES).facts(checkpoints.read(HEAD))[
            "truncation"
        ]
    )


def test_an_embedding_may_have_rows_for_more_classes(head, tmp_path):
    """CIFAR's files have the thousand rows of ImageNet but ten classes."""
    table = head.tensors["G_ema.mapping.embed.weight"]
    path = rewritten(
        head,
        tmp_path / "bare.safetensors",
        {"G_ema.mapping.embed.weight": torch.cat([table, table])},
        config={},
    )
    generator, plain = load_generator(path), load_generator(HEAD)
    assert generator.source == plain.source
    points = plain.prior.sample(SampleRng.of(0, 2), torch.empty(0))
    rng = SampleRng.of(1, 2)
    torch.testing.assert_close(generator(points, rng), plain(points, rng))


def test_fewer_rows_than_classes_are_a_checkpoint_error(head, tmp_path):
    table = head.tensors["G_ema.mapping.embed.weight"]
    path = rewritten(
        head,
        tmp_path / "model.safetensors",
        {"G_ema.mapping.embed.weight": table[:4].clone()},
        config={},
    )
    with pytest.raises(CheckpointError, match="4 rows"):
        load_generator(path)


def test_the_projected_discriminator_is_left_out_and_reported(head, tmp_path):
    path = rewritten(
        head, tmp_path / "model.safetensors", {"D.feature_networks.0.weight": torch.zeros(2)}
    )
    checkpoint = checkpoints.read(path)
    assert load_generator(path).discriminator is None
    facts = detect(checkpoint, ARCHITECTURES).facts(checkpoint)
    assert "left out" in facts["discriminator"]
