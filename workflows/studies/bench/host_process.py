"""Run by a ComfyUI's own Python, for `latentsteer bench host`: one gradient through its classes.

    host_process.py CHECKOUT BASE MODE SIDE WIDTH THREADS DEVICE

A model of the class SD15 and a VAE, with random weights of a small width, at SIDE pixels. It
prints a line of JSON: bytes that the gradient added at its peak, its seconds, a digest of it.
"""

import asyncio
import hashlib
import json
import re
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

__all__ = ["main"]

TEXT, TOKENS, LATENT = 24, 6, 4
UNET: dict[str, Any] = {
    "image_size": 32,
    "in_channels": LATENT,
    "out_channels": LATENT,
    "num_res_blocks": [2, 2, 2],
    "channel_mult": [1, 2, 4],
    "transformer_depth": [1, 1, 1, 1, 0, 0],
    "transformer_depth_output": [1, 1, 1, 1, 1, 1, 0, 0, 0],
    "transformer_depth_middle": 1,
    "use_spatial_transformer": True,
    "use_temporal_attention": False,
    "context_dim": TEXT,
    "adm_in_channels": None,
    "legacy": False,
}


def main(arguments: list[str]) -> None:
    """Measures one way to save memory."""
    checkout, base, mode, side, width, threads, device = arguments
    torch.set_num_threads(int(threads))
    nodes = _host(checkout, base, device)
    with torch.inference_mode():
        model, vae = _model(int(width)), _vae(int(width))
        stream = torch.Generator().manual_seed(0)
        prompt = [[torch.randn(1, TOKENS, TEXT, generator=stream), {}]]
        made = nodes.NODE_CLASS_MAPPINGS["LatentSteer_GeneratorFromModel"].execute(
            model=model,
            vae=vae,
            positive=prompt,
            steps=1,
            width=int(side),
            height=int(side),
            memory=mode,
        )
    generator = made.args[0]
    ours = next(m for name, m in sys.modules.items() if name.endswith("latent-steer.nodes.host"))
    rngs = next(m for name, m in sys.modules.items() if name.endswith("latent-steer.core.rng"))
    with ours.autograd(), ours.host().on_device(generator.modules):
        # A first pass without gradients loads the weights and the libraries.
        z = torch.randn(1, generator.source.dim, generator=stream)
        with torch.no_grad():
            shape = generator(z, rngs.SampleRng.of(0, 1)).shape
        weights = torch.randn(shape, generator=stream)
        before, begun = _held(), time.process_time()
        leaf = z.clone().requires_grad_()
        image = generator(leaf, rngs.SampleRng.of(0, 1))
        (slope,) = torch.autograd.grad((image * weights.to(image)).sum(), leaf)
        seconds = time.process_time() - begun
        added = _most_held() - before
    digest = hashlib.sha256(slope.cpu().numpy().tobytes()).hexdigest()
    found = {"bytes": added, "seconds": seconds, "digest": digest, "norm": float(slope.norm())}
    sys.stdout.write("\n" + json.dumps(found) + "\n")


def _host(checkout: str, base: str, device: str) -> Any:  # noqa: ANN401
    sys.path.insert(0, checkout)
    sys.argv = ["main.py", *(["--cpu"] if device == "cpu" else []), "--base-directory", base]
    import_module("comfy.options").enable_args_parsing()
    nodes = import_module("nodes")
    (pack,) = (Path(base) / "custom_nodes").iterdir()
    loaded = nodes.load_custom_node(str(pack), set(nodes.NODE_CLASS_MAPPINGS))
    if not asyncio.run(loaded):
        raise SystemExit(f"{pack} does not load in {checkout}.")
    return nodes


def _model(width: int) -> Any:  # noqa: ANN401
    """A MODEL, as the host's loader makes it."""
    patchers = import_module("comfy.model_patcher")
    config = UNET | {"model_channels": width}
    made = import_module("comfy.supported_models").SD15(dict(config))
    made.unet_config.update(config | {"num_heads": 4, "num_head_channels": -1})
    made.set_inference_dtype(torch.float32, None)
    model = made.get_model({}, "", device="cpu")
    _randomise(model.diffusion_model.state_dict(), 1)
    patcher = getattr(patchers, "CoreModelPatcher", patchers.ModelPatcher)
    place = import_module("comfy.model_management").get_torch_device()
    return patcher(model.eval(), load_device=place, offload_device=torch.device("cpu"))


def _vae(width: int) -> Any:  # noqa: ANN401
    """A VAE with the levels of Stable Diffusion's."""
    made = import_module("comfy.ldm.models.autoencoder").AutoencoderKL
    sizes = {
        "double_z": True,
        "z_channels": LATENT,
        "resolution": 256,
        "in_channels": 3,
        "out_ch": 3,
        "ch": width,
        "ch_mult": [1, 2, 4, 4],
        "num_res_blocks": 2,
        "attn_resolutions": [],
        "dropout": 0.0,
    }
    params = {"embed_dim": LATENT, "ddconfig": sizes}
    tensors = _randomise(made(**params).state_dict(), 2)
    vae = import_module("comfy.sd").VAE
    return vae(sd=tensors, config={"params": params}, dtype=torch.float32)


def _randomise(tensors: dict[str, Tensor], seed: int) -> dict[str, Tensor]:
    stream = torch.Generator().manual_seed(seed)
    for tensor in _matrices(tensors):
        spread = tensor[0].numel() ** -0.5
        tensor.copy_(spread * torch.randn(tensor.shape, generator=stream))
    return tensors


def _matrices(tensors: dict[str, Tensor]) -> Iterator[Tensor]:
    yield from (t for t in tensors.values() if t.ndim > 1 and t.is_floating_point())


def _held() -> int:
    if torch.cuda.is_available() and torch.cuda.memory_allocated():
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()
    # Linux begins the peak again.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _status("VmRSS")


def _most_held() -> int:
    if torch.cuda.is_available() and torch.cuda.memory_allocated():
        return torch.cuda.max_memory_allocated()
    return _status("VmHWM")


def _status(field: str) -> int:
    text = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(rf"^{field}:\s+(\d+) kB", text, re.MULTILINE)
    assert found is not None
    return 1024 * int(found[1])


if __name__ == "__main__":
    main(sys.argv[1:])
