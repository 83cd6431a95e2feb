"""The shipped workflows of a host's models, on tiny ones."""

import dataclasses
import importlib

import recipe_runs
import torch
from model_families import PACK

WORKFLOWS = {
    "SD15": "reno_sd_turbo",
    "SDXL": "reno_sdxl_turbo",
    "Flux": "reno_flux_schnell",
    "ZImage": "reno_z_image_turbo",
}
OTHERS = sorted(
    path.stem
    for path in recipe_runs.RENO.glob("*.json")
    if path.stem not in {*WORKFLOWS.values(), "reno_avatars"}
)
"""Other ways to move the noise, on SD-Turbo."""


def part_of_pack(name):
    """A module of LatentSteer that the host has not imported."""
    base = PACK.core_dot_rng.__name__.removesuffix(".core.rng")
    return importlib.import_module(f"{base}.{name}")


def loaded(file):
    """A toy in place of a file of Load Aux Model."""
    examples = part_of_pack("core.energies.example")
    if file.startswith("resnet50"):
        toy = examples.toy_classifier()

        def logits(images):
            return toy.logits(torch.nn.functional.interpolate(images, (5, 5), mode="bilinear"))

        return dataclasses.replace(toy, classes=("cat", "beagle", "car"), logits=logits)
    clip = dataclasses.replace(examples.toy_clip(), name=file, logit_scale=9.0)
    if file != "ImageReward.pt":
        return clip
    reward = part_of_pack("core.auxiliaries.rewards.clips").clip_reward(clip, "HPSv2.1")
    return dataclasses.replace(reward, kind="ImageReward")


def workflow(family):
    """The shipped workflow on tiny models, its files replaced, at 64 pixels and two steps."""
    kinds = recipe_runs.run(family, WORKFLOWS[family.name], loaded)
    (both,), (_, trace) = kinds["StackImages"][0], kinds["NesterovRefine"][0]
    return {
        "shape": list(both.shape),
        "apart": (both[0] - both[1]).abs().max().item(),
        "energy": [trace.before["energy"].item(), trace.after["energy"].item()],
        "scores": sum(name.startswith("score(") for name in trace.after),
    }


def other(family, name):
    """Another workflow: the least difference of its images, and energies of a refinement."""
    kinds = recipe_runs.run(family, name, loaded)
    images = kinds.get("StackImages", kinds["Decode"])[0][0]
    rows = images.flatten(1)
    found = {"shape": list(images.shape), "apart": torch.pdist(rows).min().item()}
    for refiner in ("NesterovRefine", "AdamRefine", "KRRFlowRefine", "CMAESRefine"):
        for _, trace in kinds.get(refiner, ()):
            ends = (trace.before["energy"], trace.after["energy"])
            found["energy"] = [end.mean().item() for end in ends]
    return found
