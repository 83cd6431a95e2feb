"""The reference checkpoints under the names of the workflows' official files, and small settings.

The folder of the reference checkpoints holds files of official layouts with random weights. Where
it has no half that a workflow needs, a drawn one takes its place: Co-Mod-GAN's discriminator, the
captions of DF-GAN, classifiers and CLIPs.
"""

import copy
import os
import pickle
import shutil
from pathlib import Path

import torch
from latentsteer.core.checkpoints.checkpoint import read
from latentsteer.core.generators.comodgan import judges
from latentsteer.workflows.recipes import files
from latentsteer.workflows.recipes.table import RECIPES
from PIL import Image
from torchvision.models.resnet import Bottleneck

from .core import tiny_folders
from .core.auxiliaries.classifier_files import resnet

ROOT = Path(__file__).parents[1]
VARIABLE = "LATENTSTEER_REFERENCE"
"""Environment variable with the folder of the reference checkpoints."""
PLACES = {
    files.NVAE_CIFAR: ("nvae_cifar.pt", 32),
    files.NVAE_FFHQ: ("nvae_celeba64.pt", 64),
    files.AUTOGAN: ("autogan_a_cifar.pth", 32),
    files.SN_GAN: ("mimicry_sngan_32_netG.pth", 32),
    files.WGAN_GP: ("mimicry_wgan_gp_32_netG.pth", 32),
    files.TRANSGAN: ("transgan_cifar.pth", 32),
    files.CIFAR: ("sg2ada_uncond32.pkl", 32),
    files.BIRDS: ("dfgan_old_netG.pth", 256),
    files.COCO: ("dfgan_old_netG.pth", 256),
    files.COMOD_FFHQ: ("comod_pt64_net_G_ema.pth", 64),
    files.COMOD_PLACES: ("comod_pt64_net_G_ema.pth", 64),
    files.DALLE: ("dalle_decoder.pkl", 64),
    files.CELEBA_HQ: ("starganv2_afhq_nets_ema.ckpt", 256),
    files.AFHQ: ("starganv2_afhq_nets_ema.ckpt", 256),
}
"""Official file to the reference checkpoint and the pixels a side of its images."""
BESIDE = {
    files.SN_GAN.replace("_G_", "_D_"): "mimicry_sngan_32_netD.pth",
    files.WGAN_GP.replace("_G_", "_D_"): "mimicry_wgan_gp_32_netD.pth",
    **{f"{name}_netD.pth": "dfgan_old_netD.pth" for name in ("birds", "coco")},
    **{f"{name}_text_encoder.pth": "dfgan_text_encoder200.pth" for name in ("birds", "coco")},
    "dalle_encoder.pkl": "dalle_encoder.pkl",
    **{f"{name}_nets.ckpt": "starganv2_afhq_nets.ckpt" for name in ("celeba_hq", "afhq")},
}
"""Files beside them."""
NAMES = tuple(
    name
    for name, recipe in RECIPES.items()
    if set(recipe.files) & set(PLACES) and recipe.paper in ("tr0n", "krr")
)
"""The workflows on these files: t01 to t18, t30, k01, k02, k04 to k17, k19 to k27."""
EACH = (
    *("tr0n_nvae_class", "tr0n_autogan_prior", "krr_birds_text", "krr_ffhq_inpainting"),
    *("krr_afhq_by_references", "krr_dalle_text", "krr_cifar_flow"),
)
"""One of each kind."""
WORDS = (
    *("<end>", "this", "bird", "is", "red", "with", "white", "and", "has", "a", "very", "short"),
    *("beak", "man", "riding", "wave", "on"),
)
CHEAP = {
    **{"pairs": 16, "epochs": 1, "steps": 2, "views": 1, "samples_per_image": 2, "frames": 2},
    **{"components": 2, "hidden": 8, "samples_per_prompt": 1, "samples_per_class": 1},
    **{"samples": 2, "candidates": 2, "batch_size": 8},
}
FEW = {
    "SynthesisePairs": {"count": 16},
    "BestLatents": {"keep": 1, "groups": 1},
    "KRRFlowRefine": {"chunk": "fast"},
}


def reference_folder():
    """The folder of the reference checkpoints; None where there is none."""
    named = os.environ.get(VARIABLE)
    found = Path(named) if named else ROOT.parent / "shared" / "reference"
    return found if (found / "nvae_cifar.pt").is_file() else None


def written(base):
    """Writes models and pictures into the base folder of a host."""
    reference = reference_folder()
    generators = base / "models" / "latentsteer_generators"
    auxiliaries = base / "models" / "latentsteer_aux"
    for folder in (generators, auxiliaries):
        folder.mkdir(parents=True, exist_ok=True)
    sources = {name: source for name, (source, _) in PLACES.items()} | BESIDE
    for name, source in sources.items():
        shutil.copyfile(reference / source, generators / name)
    for name in (files.COMOD_FFHQ, files.COMOD_PLACES):
        torch.save(_with_judge(read(reference / PLACES[name][0]).tensors), generators / name)
    numbers = {word: number for number, word in enumerate(WORDS)}
    for name in ("birds", "coco"):
        listed = [[[1]], [[1]], {n: word for word, n in numbers.items()}, numbers]
        (generators / f"{name}_captions.pickle").write_bytes(pickle.dumps(listed, protocol=2))
    model = resnet(Bottleneck, [1, 1, 1, 1], 10, cifar="none", width_per_group=4)
    torch.save(model.state_dict(), auxiliaries / files.RESNET50)
    clip = auxiliaries / files.OPENAI
    clip.mkdir(exist_ok=True)
    tiny_folders.saved(tiny_folders.clip_model(), clip)
    for folder in (files.REAL_IMAGES, *files.PICTURES):
        place = base / "input" / folder
        place.mkdir(parents=True, exist_ok=True)
        for shade in (0, 80, 160):
            ramp = Image.linear_gradient("L").resize((40, 40))
            flat = Image.new("L", (40, 40), shade)
            Image.merge("RGB", (ramp, flat, ramp.rotate(90))).save(place / f"{shade}.png")


def _with_judge(tensors):
    """A generator of the port with a discriminator of its size, whose weights are drawn."""
    judge = judges._network({4: 4, 8: 4, 16: 4, 32: 4, 64: 4}, 4, 6)
    stream = torch.Generator().manual_seed(0)
    drawn = {
        name: torch.randn(tensor.shape, generator=stream)
        for name, tensor in judge.state_dict().items()
    }
    parts = {"netG": dict(tensors), "netD": drawn}
    return {f"{part}.{name}": t for part, held in parts.items() for name, t in held.items()}


def steps_of(name):
    """Steps of each refinement."""
    return 1 if {files.AFHQ, files.CELEBA_HQ} & set(RECIPES[name].files) else CHEAP["steps"]


def small(name):
    """A workflow with few steps, samples and pairs, and pictures of the checkpoint's size.

    StarGAN v2's images have 256 pixels a side, so that its flows make a single step.
    """
    recipe = RECIPES[name]
    api = copy.deepcopy(recipe.api)
    (side,) = {PLACES[file][1] for file in recipe.files if file in PLACES}
    whole = max(node["inputs"].get("width", 0) for node in api.values()) or side
    for node in api.values():
        inputs, kind = node["inputs"], node["class_type"].removeprefix("LatentSteer_")
        for key, most in (CHEAP | {"steps": steps_of(name)}).items():
            if type(inputs.get(key)) in (int, float) and inputs[key] > most:
                inputs[key] = most
        for key in ("width", "height", "x", "y"):
            if type(inputs.get(key)) is int:
                inputs[key] = inputs[key] * side // whole
        inputs |= FEW.get(kind, {})
        if kind == "LoadGenerator" and inputs["file"] == files.DALLE:
            inputs["image_size"] = side
        if inputs.get("domain") == "female":
            inputs["domain"] = "cat"  # the reference has AFHQ's domains
        if "prompts" in inputs:
            inputs["prompts"] = "a red hat"
        if inputs.get("classes") == "all":
            inputs["classes"] = "0, 1"
    return api
