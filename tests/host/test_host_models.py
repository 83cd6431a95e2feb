"""A host's own diffusion models and VAEs as generators: its images, with gradients, unchanged."""

import json
from pathlib import Path

import pytest

from .hosts import make_base

pytestmark = pytest.mark.host
HERE = Path(__file__).parent
FAMILIES = ("SD15", "SDXL", "SD3", "PixArt", "Flux", "ZImage")
ONLY_NEWER = ("ZImage",)
_FOUND = {}


@pytest.fixture(scope="module")
def found(checkout, tmp_path_factory):
    """What one process of the host finds about all families."""
    if checkout.name not in _FOUND:
        base = make_base(tmp_path_factory.mktemp("models") / "base")
        newer = checkout.version().split(".")[1] != "3"
        names = [name for name in FAMILIES if newer or name not in ONLY_NEWER]
        text = checkout.run(HERE / "host_models.py", base, *names, timeout=1200)
        _FOUND[checkout.name] = json.loads(text.splitlines()[-1])
    return _FOUND[checkout.name]


@pytest.fixture(params=FAMILIES)
def family(request, found):
    if request.param not in found:
        pytest.skip("this host is older than the model")
    return found[request.param]


def test_images_are_the_hosts(family, record_property):
    forward = family["forward"]
    record_property("apart", forward["apart"])
    assert forward["apart"] <= 1e-6
    assert forward["spread"] > 0.05
    assert forward["least_slope"] > 0.01


def test_gradients_are_those_of_differences_however_memory_is_saved(family):
    assert family["differences"] < 0.02
    assert family["slope"] > 0.1
    assert family["checkpointed"]
    assert family["staged"]


@pytest.mark.parametrize("name", ["SD15", "SD3"])
def test_gradients_are_those_of_plain_autograd(found, name):
    assert found[name]["bare"] < 1e-5


def test_nothing_stays_frozen_thawed_or_patched(family):
    assert family["restored"] == [True] * 12
    assert family["same_bits"]


@pytest.mark.parametrize("name", ["SD15", "Flux"])
def test_loras_and_small_weights_pass_the_same_table(found, name):
    for kind, one in found[name]["kinds"].items():
        assert one["apart"] <= 1e-6, kind
        assert one["slope"] > 0.01, kind
        assert one["equal"], kind
        assert one["another"], "a LoRA makes another generator"
        assert one["repeats"], kind


@pytest.mark.parametrize("name", ["SD15", "Flux"])
def test_noise_on_the_way_can_be_steered(found, name):
    for one in found[name]["steered"].values():
        assert one["blocks"] == ["noise", "noise 2", "noise 3"]
        assert one["least"] > 1e-3
        assert one["repeats"]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("vae", "VAE of the model's own family"),
        ("cfg", "set cfg to 1"),
        ("size", "must be multiples of 8. Use 64 x 64"),
        ("content", "Empty Latent Image"),
        ("sampler", "There are: euler"),
        ("sigmas", "falling noise levels"),
        ("prompt", "CLIP of the same model"),
        ("empty", "conditioning is empty"),
        ("control", "Remove Apply ControlNet"),
        ("hooks", "by Load LoRA instead"),
        ("gpus", "several GPUs"),
        ("compiled", "Remove TorchCompileModel"),
        ("dynamic", "--disable-dynamic-vram"),
    ],
)
def test_what_has_no_gradient_is_refused_with_the_cure(found, what, message):
    told = found["SD15"]["refused"][what]
    assert told.startswith("InvalidInput: ")
    assert message in told


def test_noise_goes_to_the_host_and_back_and_a_vae_is_a_generator(found):
    bridges = found["SD15"]["bridges"]
    assert bridges["noise"]
    assert "batch_size 2" in bridges["message"]
    assert bridges["decoded_apart"] <= 1e-6
    assert bridges["encoded_apart"] <= 1e-5, "the latents are scaled on the way"
    assert bridges["vae_slope"] > 0.01
    assert bridges["names"] == ["z[4, 8, 8]", "noise[4, 8, 8]"]


def test_refinement_lowers_the_energy_repeats_and_resumes(found):
    done = found["SD15"]["refinement"]
    assert done["energy"][1] < done["energy"][0]
    assert done["repeats"]
    assert done["restored"]
    assert done["resumed"]
    # Short of memory once in the middle: kept, and continued in stages to the same bits.
    assert (done["retried"], done["staged"], done["kept"]) == (True, "staged", 2)


@pytest.mark.parametrize("name", ["SD15", "SDXL", "Flux", "ZImage"])
def test_the_shipped_workflow_runs_on_tiny_models(found, name):
    if name not in found:
        pytest.skip("this host is older than the model")
    done = found[name]["workflow"]
    assert done["shape"] == [2, 64, 64, 3]
    assert done["apart"] > 1e-3
    assert done["energy"][1] < done["energy"][0]
    assert done["scores"] == 4


@pytest.mark.parametrize("form", ["float8_e4m3fn", "int8_tensorwise"])
def test_quantised_weights_pass_the_same_table(found, form):
    if "quantised" not in found["SD15"]:
        pytest.skip("this host is older than quantised weights")
    one = found["SD15"]["quantised"][form]
    assert "message" not in one, one
    assert one["layers"] > 0, "the weights are quantised on the way"
    assert one["apart"] <= 1e-6
    assert 0 < one["from_plain"] < 0.1
    assert one["differences"] < 0.02
    assert one["equal"]
    assert one["another"]
    assert one["restored"]


OTHERS = {
    "reno_augclip": 2,
    "reno_best_of_n": 4,
    "reno_classifier": 2,
    "reno_cma_es": 2,
    "reno_direction": 2,
    "reno_energy_clip": 2,
    "reno_few_shot": 2,
    "reno_krr_flow": 8,
    "reno_masked": 2,
    "reno_nearest_pairs": 4,
}


@pytest.mark.parametrize("name", OTHERS)
def test_the_other_workflows_run_on_a_tiny_model(found, name):
    done = found["SD15"]["others"][name]
    assert done["shape"] == [OTHERS[name], 64, 64, 3]
    assert done["apart"] > 1e-3, "no two images are the same"
    if name not in ("reno_best_of_n", "reno_nearest_pairs", "reno_krr_flow", "reno_augclip"):
        # A flow's energy counts its density, and views are drawn anew.
        assert done["energy"][1] < done["energy"][0]


def test_all_other_workflows_are_run(found):
    assert set(found["SD15"]["others"]) == set(OTHERS)
