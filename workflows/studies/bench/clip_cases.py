"""Steps that `latentsteer bench clip` measures: LatentSteer's, the bare CLIP, the plain form."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from ....core.auxiliaries.clips.building import (
    build_clip,
    configuration,
    image_side,
)
from ....core.auxiliaries.clips.networks.vision import ClipVisionNetwork
from ....core.auxiliaries.clips.settings import architectures
from ....core.clip import Clip, Precision
from ....core.condition import Condition
from ....core.energies.similarity import similarity
from ....core.errors import InvalidInput
from ....core.rng import SampleRng
from ....core.views.augclip import draw_views
from .harness import Step
from .networks import GrowingNetwork, biggan_512, stylegan2_1024
from .released import step_by_step

__all__ = ["GENERATORS", "Case", "Kind", "prepared", "random_clip", "step_of"]

Kind: TypeAlias = Literal["ours", "bare", "straightforward", "generator"]
Size: TypeAlias = Literal["ViT-B/32", "tiny"]

NO_TEXT = {"context_length": 1, "vocab_size": 1, "width": 8, "heads": 1, "layers": 1}
# Image side and constructor of each generator.
GENERATORS: dict[str, tuple[int, Callable[[], nn.Module]]] = {
    "BigGAN-512": (512, biggan_512),
    "StyleGAN2-1024": (1024, stylegan2_1024),
    "tiny-32": (32, lambda: GrowingNetwork(4, (8, 8, 4, 4)).eval().requires_grad_(False)),
}


@dataclass(frozen=True)
class Case:
    """One cell of a table.

    Attributes:
        kind: `ours`, LatentSteer's energy; `bare`, open_clip's CLIP forward and backward on ready
            pixels; `straightforward`, all views at full size in one graph; `generator`, forward
            and backward of the generator alone.
        side: side of the images.
        views: number of views per image.
        precision: precision of the CLIP.
        clip: size of the CLIP.
        generator: name of the generator; None if images are the leaves, and for `bare`.
        device: device of everything.
    """

    kind: Kind
    side: int
    views: int
    precision: Precision = "fp32"
    clip: Size = "ViT-B/32"
    generator: str | None = None
    device: str = "cpu"


@cache
def random_clip(size: Size, *, whole: bool = False, device: str = "cpu") -> Clip:
    """Makes open_clip's image encoder with random weights, as the loader does.

    On an accelerator without open_clip it is LatentSteer's network of the same sizes, whose last
    block is always computed at the class token alone.

    Args:
        size: size of the network.
        whole: whether to compute the last block at every token, as open_clip does, rather than at
            the class token alone, as the loader does.
        device: device of the network.

    Raises:
        InvalidInput: open_clip is not installed, and the device is the CPU.
    """
    if architectures():
        network, embed_dim, side = _open_clip(size, whole)
    elif device != "cpu":
        network, embed_dim, side = _own(size)
    else:
        raise InvalidInput("The benchmark needs open_clip: pip install open_clip_torch.")
    return Clip(
        name=f"{size} of random weights",
        id="random",
        module=network.eval().requires_grad_(False).to(device),
        embed_dim=embed_dim,
        image_size=side,
        mean=(0.48145466, 0.4578275, 0.40821073),
        std=(0.26862954, 0.26130258, 0.27577711),
        encode=lambda module, pixels: module(pixels),
    )


def _own(size: Size) -> tuple[nn.Module, int, int]:
    width, layers, embed = (768, 12, 512) if size == "ViT-B/32" else (128, 1, 16)
    network = ClipVisionNetwork(
        width=width,
        embed=embed,
        patch=32,
        places=50,
        layers=layers,
        heads=width // 64,
        hidden=4 * width,
        act="gelu",
    )
    return network, embed, 224


def _open_clip(size: Size, whole: bool) -> tuple[nn.Module, int, int]:
    from open_clip.transformer import ResidualAttentionBlock

    config = configuration("ViT-B-32")
    vision, embed_dim = dict(config["vision_cfg"]), int(config["embed_dim"])
    if size == "tiny":
        vision |= {"width": 128, "layers": 1}
        embed_dim = 16
    # The image tower as the loader makes it; the benchmark encodes no texts.
    parts = {"embed_dim": embed_dim, "vision_cfg": vision, "text_cfg": NO_TEXT}
    network: Any = build_clip(parts, quick_gelu=False)
    network = network.visual
    if whole:
        network.transformer.resblocks[-1].__class__ = ResidualAttentionBlock
    return network, embed_dim, image_side(network)


@cache
def _generator(name: str, device: str) -> nn.Module:
    return GENERATORS[name][1]().to(device)


def prepared(case: Case) -> tuple[Step, Step]:
    """Makes a warm-up with one view of a small image and the step, with weights allocated."""
    tiny = "tiny-32" if case.generator else None
    if case.generator:
        _generator(case.generator, case.device)
    warm = Case(case.kind, 32, 1, case.precision, case.clip, tiny, case.device)
    return step_of(warm), step_of(case)


def step_of(case: Case) -> Step:
    """Step of a case, from the leaf to the gradient at the leaf."""
    leaf, image_of = _leaf(case)
    if case.kind == "generator":
        return lambda: _differentiate(leaf, lambda: image_of(leaf).sum())
    device = case.device
    clip = random_clip(case.clip, whole=case.kind != "ours", device=device)
    clip = clip.in_precision(case.precision)
    target = torch.randn(1, clip.embed_dim, device=device)
    if case.kind == "bare":
        shape = (case.views, 3, clip.image_size, clip.image_size)
        pixels = torch.randn(shape, device=device).requires_grad_()
        return lambda: _differentiate(pixels, lambda: _score(clip, pixels, target))
    rng = SampleRng.of(0, 1)
    if case.kind == "ours":
        condition = Condition(target, ("random",), clip.id, clip.name)
        energy = similarity(
            random_clip(case.clip, device=device),
            condition,
            views=case.views,
            precision=case.precision,
        )
        return lambda: _differentiate(leaf, lambda: energy(image_of(leaf), rng).sum())

    def straightforward() -> Tensor:
        image = image_of(leaf)
        drawn = draw_views(rng, case.views, image).of(0)
        seen = step_by_step(image[0], drawn, clip.image_size, mean=clip.mean, std=clip.std)
        return _score(clip, seen, target)

    return lambda: _differentiate(leaf, straightforward)


def _leaf(case: Case) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Leaf of the differentiation, and the function from it to an image."""
    if case.generator is None:
        image = torch.rand(1, 3, case.side, case.side, device=case.device)
        return image.requires_grad_(), lambda leaf: leaf
    network = _generator(case.generator, case.device)
    latent = int(network.latent)  # pyright: ignore[reportArgumentType]
    return torch.randn(1, latent, device=case.device).requires_grad_(), network


def _score(clip: Clip, pixels: Tensor, target: Tensor) -> Tensor:
    return -functional.cosine_similarity(clip.encode_pixels(pixels), target).mean()


def _differentiate(leaf: Tensor, value: Callable[[], Tensor]) -> None:
    torch.autograd.grad(value(), leaf)
