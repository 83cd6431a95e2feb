"""Nodes of ComfyUI's own models, as far as they go without ComfyUI."""

import pytest
from latentsteer.core.errors import InvalidInput
from latentsteer.nodes.catalogue import ALL_NODES
from latentsteer.nodes.host_memory import GIB, NetworkNeed, chosen_mode, model_need, vae_need

NODES = {node.__name__: node for node in ALL_NODES}


def test_without_comfyui_they_say_so():
    for name, inputs in (
        ("GeneratorFromModel", {"model": None, "vae": None, "positive": None}),
        ("GeneratorFromVAE", {"vae": None}),
    ):
        with pytest.raises(InvalidInput, match="Run this workflow in ComfyUI"):
            NODES[name].execute(**inputs)


def test_the_fastest_way_that_fits_is_chosen():
    needs = (
        NetworkNeed("the model", 4 * GIB, 8 * GIB, 2 * GIB),
        NetworkNeed("the VAE", GIB, 4 * GIB, GIB),
    )
    sizes = {20: "plain", 12: "checkpointed", 7: "staged", 5: "staged"}
    for total, mode in sizes.items():
        assert chosen_mode("auto", needs, 1 * GIB, total * GIB) == mode
    assert chosen_mode("staged", needs, 0, 80 * GIB) == "staged"
    with pytest.raises(InvalidInput, match="Choose checkpointed, or auto"):
        chosen_mode("plain", needs, 0, 12 * GIB)
    with pytest.raises(InvalidInput, match="search without gradients"):
        chosen_mode("auto", needs, 0, 3 * GIB)


def test_estimates_are_near_what_was_measured():
    """In GiB, batch 1: SD 1.5 at 512, SDXL, Z-Image and Flux at 1024, VAEs at 512 and 1024."""
    measured = (
        (model_need(0, 0.86e9, 64 * 64, 1).plain, 0.72),
        (model_need(0, 2.6e9, 128 * 128, 1).plain, 5.0),
        (model_need(0, 6.15e9, 128 * 128, 1).plain, 22.9),
        (model_need(0, 11.9e9, 128 * 128, 1).plain, 19.9),
        (vae_need(0, 64 * 64, 2).plain, 2.8),
        (vae_need(0, 128 * 128, 4).plain, 22.2),
    )
    for estimate, value in measured:
        assert 0.95 * value <= estimate / GIB <= 2.1 * value
