"""Shipped workflows on tiny models, in a host's Python: files replaced, smaller and shorter."""

import json
from pathlib import Path

import torch

RENO = Path(__file__).resolve().parents[2] / "workflows" / "api" / "reno"
SMALL = {
    "GeneratorFromModel": {"width": 64, "height": 64},
    "GeneratorFromVAE": {"width": 64, "height": 64},
    "NesterovRefine": {"steps": 2},
    "AdamRefine": {"steps": 3},
    "KRRFlowRefine": {"steps": 2},
    "CMAESRefine": {"steps": 2, "population": 4},
    "PriorInit": {"candidates": 2},
    "NearestPairsInit": {"candidates": 2},
    "SynthesisePairs": {"count": 10},
}
"""Values of widgets that take the place of a workflow's own, where it has the input."""
SIDE = 64


def pictures(count, seed):
    return torch.rand(count, SIDE, SIDE, 3, generator=torch.Generator().manual_seed(seed))


def image_set(title):
    """Pictures that differ in brightness between the folders."""
    dark = {"With": 0.6, "Without": 0.0}[title]
    return 0.4 * pictures(6, len(title)) + dark


def stand_ins(family, load):
    """Node kinds of the host or of files, with what they return here."""
    mask = torch.zeros(1, SIDE, SIDE)
    mask[:, :, 32:] = 1
    return {
        "CheckpointLoaderSimple": lambda **given: (family.model, None, family.vae),
        "UNETLoader": lambda **given: (family.model,),
        "VAELoader": lambda **given: (family.vae,),
        "CLIPLoader": lambda **given: (None,),
        "DualCLIPLoader": lambda **given: (None,),
        "CLIPTextEncode": lambda text, clip: (family.positive,),
        "PrimitiveStringMultiline": lambda value: (value,),
        "LatentSteer_LoadAuxModel": lambda file, **given: (load(file),),
        "LatentSteer_LoadImageSet": lambda title, **given: (image_set(title),),
        "LoadImage": lambda **given: (pictures(1, 9), mask),
        "SaveImage": lambda **given: (),
        "PreviewImage": lambda **given: (),
    }


def run(family, name, load):
    """What every node of a workflow returned, by its kind, in order.

    `load` makes a model in place of a file of Load Aux Model.
    """
    import nodes

    api = json.loads((RENO / f"{name}.json").read_text("utf-8"))
    own = stand_ins(family, load)
    done, kinds = {}, {}
    for number in sorted(api, key=int):
        kind, given = api[number]["class_type"], api[number]["inputs"]
        short = kind.removeprefix("LatentSteer_")
        shown = {k: v for k, v in SMALL.get(short, {}).items() if k != "candidates" or k in given}
        inputs = {
            key: done[value[0]][value[1]] if isinstance(value, list) else value
            for key, value in {**given, **shown}.items()
        }
        if short == "LoadImageSet":
            inputs = {"title": api[number]["_meta"]["title"]}
        if kind in own:
            done[number] = own[kind](**inputs)
        else:
            with torch.inference_mode():
                done[number] = nodes.NODE_CLASS_MAPPINGS[kind].execute(**inputs).args
        kinds.setdefault(short, []).append(done[number])
    return kinds
