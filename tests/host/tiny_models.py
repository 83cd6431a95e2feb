"""Tiny random models of a host's own classes, for scripts that a host's Python runs."""

import json

import torch

CHANNELS = {"SD15": 4, "SDXL": 4, "SD3": 16, "PixArt": 4, "Flux": 16, "ZImage": 16}


def sides(family):
    """Height and width of latents; PixArt's positions need a mean side of at least 33."""
    return (2, 64) if family == "PixArt" else (8, 8)


UNET = {
    "image_size": 32,
    "in_channels": 4,
    "out_channels": 4,
    "model_channels": 32,
    "num_res_blocks": [1, 1],
    "channel_mult": [1, 2],
    "transformer_depth": [1, 1],
    "transformer_depth_output": [1, 1, 1, 1],
    "transformer_depth_middle": 1,
    "use_spatial_transformer": True,
    "use_temporal_attention": False,
    "context_dim": 24,
    "adm_in_channels": None,
    "legacy": False,
}
SDXL = {
    "use_linear_in_transformer": True,
    "adm_in_channels": 1564,
    "num_classes": "sequential",
}
FLUX = {
    "image_model": "flux",
    "in_channels": 16,
    "out_channels": 16,
    "vec_in_dim": 20,
    "context_in_dim": 24,
    "hidden_size": 48,
    "mlp_ratio": 2.0,
    "num_heads": 2,
    "depth": 1,
    "depth_single_blocks": 1,
    "axes_dim": [8, 8, 8],
    "theta": 10000,
    "patch_size": 2,
    "qkv_bias": True,
    "guidance_embed": False,
    "txt_ids_dims": [],
}
SD3 = {
    "in_channels": 16,
    "patch_size": 2,
    "depth": 2,
    "num_patches": 64,
    "input_size": None,
    "adm_in_channels": 20,
    "pos_embed_scaling_factor": None,
    "pos_embed_max_size": 8,
    "context_size": 24,
    "context_embedder_config": {
        "target": "torch.nn.Linear",
        "params": {"in_features": 24, "out_features": 128},
    },
}
PIXART = {
    "image_model": "pixart_sigma",
    "input_size": 128,
    "patch_size": 2,
    "in_channels": 4,
    "hidden_size": 36,
    "depth": 2,
    "num_heads": 2,
    "caption_channels": 24,
    "model_max_length": 6,
    "micro_condition": False,
    "pe_interpolation": 1.0,
}
ZIMAGE = {
    "image_model": "lumina2",
    "patch_size": 2,
    "in_channels": 16,
    "dim": 256,
    "n_layers": 1,
    "n_refiner_layers": 1,
    "n_heads": 4,
    "n_kv_heads": 4,
    "axes_dims": [16, 24, 24],
    "axes_lens": [32, 32, 32],
    "multiple_of": 16,
    "ffn_dim_multiplier": 2.0,
    "qk_norm": True,
    "cap_feat_dim": 24,
    "rope_theta": 256.0,
    "z_image_modulation": True,
    "time_scale": 1000.0,
}
FAMILIES = {
    "SD15": ("SD15", UNET),
    "SDXL": ("SDXL", {**UNET, **SDXL}),
    "SD3": ("SD3", SD3),
    "PixArt": ("PixArtSigma", PIXART),
    "Flux": ("FluxSchnell", FLUX),
    "ZImage": ("ZImage", ZIMAGE),
}


def randomised(module, seed, scale=1.0):
    """Random weights of a usual size, also where an initialisation is 0."""
    stream = torch.Generator().manual_seed(seed)
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point() or "sigmas" in name or "model_sampling" in name:
            continue
        if tensor.ndim > 1:
            spread = scale * tensor[0].numel() ** -0.5
            values = spread * torch.randn(tensor.shape, generator=stream)
        elif name.endswith(("norm.weight", "norm1.weight", "norm2.weight", "scale")):
            values = 1 + 0.1 * torch.randn(tensor.shape, generator=stream)
        else:
            values = 0.1 * torch.randn(tensor.shape, generator=stream)
            if name.endswith("weight"):
                values = values + 1
        tensor.copy_(values)
    return module


STORED = {"float8_e4m3fn": torch.float8_e4m3fn, "int8_tensorwise": torch.int8}
"""Formats of the newer host's quantised weights, and how their numbers are stored."""


def quantised_weights(weights, form):
    """A state dict whose attention matrices are quantised as the newer host's files have them."""
    found, stored = {}, STORED[form]
    largest = 127 if stored == torch.int8 else torch.finfo(stored).max
    said = torch.tensor(list(json.dumps({"format": form}).encode()), dtype=torch.uint8)
    for name, tensor in weights.items():
        layer = name.removesuffix(".weight")
        if tensor.ndim != 2 or "attn" not in name or layer == name:
            found[name] = tensor
            continue
        scale = tensor.abs().amax() / largest
        whole = tensor / scale
        found[name] = (whole.round() if stored == torch.int8 else whole).to(stored)
        found[f"{layer}.weight_scale"] = scale
        found[f"{layer}.comfy_quant"] = said
    return found


def make_model(family, dtype=torch.float32, manual=None, quantised=None):
    """A MODEL of a family, as the host's loader makes it; with a format of quantised weights."""
    import comfy.model_management as management
    import comfy.model_patcher
    import comfy.supported_models as supported

    name, config = FAMILIES[family]
    if family == "Flux":
        from comfy.ldm.flux.model import FluxParams

        config = {k: v for k, v in config.items() if k in FluxParams.__annotations__}
    made = getattr(supported, name)(dict(config))
    made.unet_config.update({k: v for k, v in config.items() if k not in ("image_model",)})
    if name in ("SD15", "SDXL"):
        made.unet_config.update(num_heads=2, num_head_channels=-1)
    made.set_inference_dtype(dtype, manual)
    if quantised is not None:
        weights = make_model(family).model.diffusion_model.state_dict()
        made.quant_config = {"mixed_ops": True}
        made.set_inference_dtype(torch.float32, torch.float32)
        model = made.get_model({}, "", device="cpu")
        model.diffusion_model.load_state_dict(quantised_weights(weights, quantised))
    else:
        model = made.get_model({}, "", device="cpu")
        randomised(model.diffusion_model, 1)
    patcher = getattr(comfy.model_patcher, "CoreModelPatcher", comfy.model_patcher.ModelPatcher)
    place = management.get_torch_device()
    return patcher(model.eval(), load_device=place, offload_device=torch.device("cpu"))


def make_vae(channels):
    """A VAE as the host's loader makes it."""
    import comfy.sd
    from comfy.ldm.models.autoencoder import AutoencoderKL

    encoder = {
        "double_z": True,
        "z_channels": channels,
        "resolution": 64,
        "in_channels": 3,
        "out_ch": 3,
        "ch": 32,
        "ch_mult": [1, 1, 1, 1],
        "num_res_blocks": 1,
        "attn_resolutions": [],
        "dropout": 0.0,
    }
    params = {"embed_dim": channels, "ddconfig": encoder}
    tensors = randomised(AutoencoderKL(**params), 2).state_dict()
    made = comfy.sd.VAE(sd=tensors, config={"params": params}, dtype=torch.float32)
    made.latent_channels = channels
    return made


def make_prompt(family, seed):
    """A CONDITIONING of a family."""
    stream = torch.Generator().manual_seed(seed)
    pooled = {"SD15": 0, "SDXL": 28, "SD3": 20, "PixArt": 0, "Flux": 20, "ZImage": 0}[family]
    features = torch.randn(1, 6, 24, generator=stream)
    extra = {"pooled_output": torch.randn(1, pooled, generator=stream)} if pooled else {}
    if family == "ZImage":
        extra = {"attention_mask": torch.ones(1, 6), "num_tokens": 6}
    return [[features, extra]]


def start(checkout, base):
    """The host with LatentSteer; returns the host's nodes."""
    import asyncio
    import sys
    from pathlib import Path

    sys.path.insert(0, checkout)
    sys.argv = ["main.py", "--cpu", "--base-directory", base]
    import comfy.options

    comfy.options.enable_args_parsing()
    import nodes

    (pack,) = (Path(base) / "custom_nodes").iterdir()
    assert asyncio.run(nodes.load_custom_node(str(pack), set(nodes.NODE_CLASS_MAPPINGS)))
    return nodes
