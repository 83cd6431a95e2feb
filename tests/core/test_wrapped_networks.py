"""Networks under prefixes from training and conversion, and other contents of their files."""

import pytest
import torch
from latentsteer.core.checkpoints.checkpoint import read
from latentsteer.core.checkpoints.prefixes import averaged_prefix, choice_fact
from latentsteer.core.errors import CheckpointError
from latentsteer.core.generators import load_generator
from latentsteer.core.generators.stylegan import rosinality as stylegan2_rosinality
from latentsteer.core.generators.stylegan import stylegan2
from latentsteer.nodes.cli.checkpoint import inspected

ROSINALITY = stylegan2_rosinality.GENERATOR


def rosinality():
    """A generator, and a mean of w that differs from that of draws."""
    networks = ROSINALITY.examples[0]().networks
    state = networks["g_ema."].state_dict()
    return state, torch.full((state["style.1.weight"].shape[0],), 0.25)


def wrapped(state, prefix):
    return {f"{prefix}{name}": tensor for name, tensor in state.items()}


@pytest.mark.parametrize(
    "place",
    [
        lambda state, mean: {"g_ema": state, "latent_avg": mean},
        lambda state, mean: {"latent_avg": mean, **wrapped(state, "module.")},
        lambda state, mean: {"g_ema": wrapped(state, "module."), "latent_avg": mean},
        lambda state, mean: {"state_dict": wrapped(state, "decoder."), "latent_avg": mean},
        lambda state, mean: {
            "state_dict": wrapped(state, "decoder."),
            "latent_avg": mean.repeat(10, 1),
        },
        lambda state, mean: {
            "state_dict": wrapped(state, "net.decoder."),
            "latent_avg": mean[None],
        },
        lambda state, mean: {**state, "latent_avg": mean},
        lambda state, mean: {"g_ema": {**state, "latent_avg": mean}},
    ],
)
def test_the_mean_of_w_is_found_wherever_it_stands(place, tmp_path):
    state, mean = rosinality()
    torch.save(place(state, mean), tmp_path / "m.pt")
    found = load_generator(tmp_path / "m.pt", {"psi": 0.5})
    torch.testing.assert_close(found.module.mapping.w_avg, mean)
    assert "mean of w" not in ROSINALITY.facts(read(tmp_path / "m.pt"))


def test_rows_that_differ_are_no_mean_and_that_is_said(tmp_path):
    state, mean = rosinality()
    rows = torch.stack([mean, -mean])
    torch.save({"g_ema": state, "latent_avg": rows}, tmp_path / "m.pt")
    load_generator(tmp_path / "m.pt")
    assert "rows that differ" in ROSINALITY.facts(read(tmp_path / "m.pt"))["mean of w"]


def test_a_mapping_that_takes_more_than_z_is_refused(tmp_path):
    state, mean = rosinality()
    width = len(mean)
    state["style.1.weight"] = torch.randn(width, 2 * width, generator=torch.Generator())
    torch.save({"g_ema": state}, tmp_path / "m.pt")
    with pytest.raises(CheckpointError, match=f"takes {2 * width} numbers and gives {width}"):
        load_generator(tmp_path / "m.pt")


@pytest.mark.parametrize(
    ("found", "taken"),
    [
        ([], None),
        ([""], ""),
        (["G.", "G_ema."], "G_ema."),
        (["g_ema.", "g."], "g_ema."),
        (["0.", "2."], "2."),
        (["nets.0.", "nets.2."], "nets.2."),
        (["G.", "other."], "G."),
        (["0.", "G."], "0."),
    ],
)
def test_the_averaged_network_is_taken(found, taken):
    assert averaged_prefix(found) == taken
    assert bool(choice_fact(found)) == (len(found) > 1)


def test_of_a_tuple_the_last_generator_is_taken_and_named(tmp_path):
    example = stylegan2.GENERATOR.examples[3]()
    state = example.networks["G_ema."].state_dict()
    start = {name: torch.zeros_like(tensor) for name, tensor in state.items()}
    path = tmp_path / "m.pt"
    torch.save((start, {"b4.out.weight": torch.ones(1)}, state), path)
    found = load_generator(path).module.state_dict()
    assert torch.equal(found["synthesis.b4.const"], state["synthesis.b4.const"])
    assert stylegan2.GENERATOR.facts(read(path))["network"] == "`2` is taken, of `0`, `2`"


@pytest.mark.parametrize("spoil", ["nan", "sparse"])
def test_a_discriminator_that_is_of_no_use_is_left_out(spoil, tmp_path):
    networks = stylegan2.GENERATOR.examples[0]().networks
    content = {p.removesuffix("."): n.state_dict() for p, n in networks.items()}
    name = "b4.out.weight"
    weight = content["D"][name]
    content["D"][name] = weight * torch.nan if spoil == "nan" else weight.to_sparse()
    torch.save(content, tmp_path / "m.pt")
    assert load_generator(tmp_path / "m.pt").discriminator is None
    told = inspected(tmp_path / "m.pt")
    assert told["discriminator"] == "no"
    assert "`D.b4.out.weight`" in told["not read"]
    content["G_ema"]["mapping.w_avg"] *= torch.nan
    torch.save(content, tmp_path / "m.pt")
    with pytest.raises(CheckpointError, match=r"not finite in `G_ema\.mapping\.w_avg`"):
        load_generator(tmp_path / "m.pt")
