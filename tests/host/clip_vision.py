"""Run by a host's Python: compares a CLIP made from its CLIP_VISION with its `encode_image`.

clip_vision.py CHECKOUT BASE
"""

import asyncio
import json
import sys
from pathlib import Path

SIZES = {"hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64}
COMMON = {"image_size": 28, "num_channels": 3, "num_hidden_layers": 4, "patch_size": 14}
CONFIGS = {
    "quick_gelu": {"hidden_act": "quick_gelu", "projection_dim": 24},
    "gelu": {"hidden_act": "gelu", "projection_dim": 24},
    "siglip": {"hidden_act": "gelu_pytorch_tanh", "model_type": "siglip_vision_model"},
}


def main(checkout, base):
    sys.path.insert(0, checkout)
    sys.argv = ["main.py", "--cpu", "--base-directory", base]
    import comfy.options

    comfy.options.enable_args_parsing()
    import torch

    import nodes

    (pack,) = (Path(base) / "custom_nodes").iterdir()
    assert asyncio.run(nodes.load_custom_node(str(pack), set(nodes.NODE_CLASS_MAPPINGS)))
    loader = nodes.NODE_CLASS_MAPPINGS["LatentSteer_LoadAuxModel"]
    found = {}
    with torch.inference_mode():  # as the executor runs nodes
        for name, config in CONFIGS.items():
            path = Path(base) / f"{name}.json"
            whole = {"model_type": "clip_vision_model", **COMMON, **SIZES, **config}
            path.write_text(json.dumps(whole), "utf-8")
            found[name] = compared(loader, path, torch)
    sys.stdout.write(json.dumps(found) + "\n")


def compared(loader, path, torch):
    """Difference of the two embeddings of one image, and the gradient through LatentSteer's."""
    from comfy.clip_vision import ClipVisionModel, clip_preprocess

    stream = torch.Generator().manual_seed(1)
    theirs = ClipVisionModel(str(path))
    state = {
        key: torch.randn(value.shape, generator=stream) * (value[0].numel() ** -0.5)
        if value.ndim > 1
        else 1.0 * key.endswith("weight") + 0.1 * torch.randn(value.shape, generator=stream)
        for key, value in theirs.model.state_dict().items()
    }
    theirs.load_sd(state)
    image = torch.rand(2, 28, 28, 3, generator=stream)
    expected = theirs.encode_image(image).image_embeds
    try:
        (clip,) = loader.execute("digits classifier (embedded)", clip_vision=theirs).args
    except Exception as error:  # noqa: BLE001 - the test looks at what it is
        return {"refused": str(error)}
    (again,) = loader.execute("digits classifier (embedded)", clip_vision=theirs).args
    with torch.inference_mode(False):
        mean, std = theirs.image_mean, theirs.image_std
        pixels = clip_preprocess(image, size=28, mean=mean, std=std).clone()
        apart = (clip.encode_pixels(pixels) - expected.clone()).abs().max().item()
        x = image.movedim(-1, 1).clone().requires_grad_()
        (slope,) = torch.autograd.grad(clip.embed(x).square().sum(), x)
    return {
        "apart": apart,
        "size": expected.abs().mean().item(),
        "slope": slope.flatten(1).norm(dim=1).min().item(),
        "same": again is clip,
        "inference": any(p.is_inference() for p in clip.module.parameters()),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
