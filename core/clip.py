"""Frozen CLIPs: images and texts to one embedding space, where a cosine compares them."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from .chunking import ALL_AT_ONCE, ONE_BY_ONE, Chunking
from .condition import Condition
from .devices import constants
from .errors import ConditionMismatch, InvalidInput

__all__ = ["Clip", "Precision", "Texts"]

Images4 = Float[Tensor, "batch 3 height width"]
Pixels = Float[Tensor, "batch 3 size size"]

Precision: TypeAlias = Literal["fp32", "bf16"]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Texts:
    """What a text encoder makes of prompts.

    Attributes:
        embeddings: a row per prompt, not normalised.
        notes: sentences for people: words that were cut or are not known.
    """

    embeddings: Float[Tensor, "prompts embed"]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Clip:
    """A frozen CLIP, SigLIP or the like; its condition space is that of its embeddings.

    Embeddings are never normalised here: TR0N's translators take them with their norms.

    Attributes:
        name: for people.
        id: the sha256 of its weights; conditions and translators remember it.
        module: the network whose weights `encode` reads.
        embed_dim: numbers in one embedding.
        image_size: side of the square images that it looks at, in pixels.
        mean: of the colour channels, for images in [0, 1].
        std: of the colour channels.
        encode: the module and normalised pixels to embeddings.
        encode_texts: prompts to embeddings, or None where the file has no text encoder. It raises
            InvalidInput for prompts that say nothing.
        stages: the module and normalised pixels to feature maps, coarse last, where it has any.
        logit_scale: what cosines were multiplied by in training, about 100 for CLIPs, where the
            file tells it.
    """

    name: str
    id: str
    module: nn.Module
    embed_dim: int
    image_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    encode: Callable[[nn.Module, Pixels], Float[Tensor, "batch embed"]]
    encode_texts: Callable[[Sequence[str]], Texts] | None = None
    stages: Callable[[nn.Module, Pixels], tuple[Tensor, ...]] | None = None
    logit_scale: float | None = None

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The network."""
        return (self.module,)

    def encode_pixels(self, pixels: Pixels) -> Float[Tensor, "batch embed"]:
        """Embeddings, in float32 or better, of pixels resized and normalised already."""
        weight = next(self.module.parameters())
        found = self.encode(self.module, pixels.to(weight.dtype))
        return found.to(torch.promote_types(found.dtype, torch.float32))

    def normalised(self, images: Images4) -> Images4:
        """Images in [0, 1] by the channels' mean and standard deviation."""
        mean, std = (constants(x, images) for x in (self.mean, self.std))
        return (images - mean[:, None, None]) / std[:, None, None]

    def pixels(self, images: Images4) -> Pixels:
        """Images in [0, 1] as the network takes them: bilinear, no antialiasing, as the papers."""
        size = (self.image_size, self.image_size)
        if images.shape[2:] != size:
            images = functional.interpolate(images, size, mode="bilinear", align_corners=False)
        return self.normalised(images)

    def embed(self, images: Images4) -> Float[Tensor, "batch embed"]:
        """The embeddings of images, what a translator learns to invert."""
        return self.encode_pixels(self.pixels(images))

    @cached_property
    def _half(self) -> nn.Module:
        return copy.deepcopy(self.module).to(torch.bfloat16)

    def in_precision(self, precision: Precision) -> "Clip":
        """The same CLIP with its weights and activations in this precision; made once.

        Raises:
            InvalidInput: an unknown precision.
        """
        if precision not in DTYPES:
            raise InvalidInput(f"Precision {precision!r}; there are {', '.join(DTYPES)}.")
        if precision == "fp32":
            return self
        return replace(self, module=self._half)

    def texts(self, prompts: Sequence[str]) -> Texts:
        """The embeddings of prompts.

        Raises:
            ConditionMismatch: this file has no text encoder.
            InvalidInput: a prompt that says nothing.
        """
        if self.encode_texts is None:
            raise ConditionMismatch(
                f"{self.name!r} has no text encoder. Use Image Condition, or load a whole CLIP."
            )
        for prompt in prompts:
            if not prompt.strip():
                raise InvalidInput("A prompt is empty. Say what the image should show.")
        with torch.no_grad():
            return self.encode_texts(prompts)

    def image_condition(
        self,
        images: Images4,
        labels: Sequence[str] | None = None,
        *,
        chunking: Chunking = ALL_AT_ONCE,
    ) -> Condition:
        """A row per image, c = f(x') of TR0N section 5.3.

        With chunks of a fixed size images go one by one: they have no name that would give each
        its place, and a row should be the same whatever other images stand beside it.

        Raises:
            InvalidInput: no image.
        """
        if len(images) == 0:
            raise InvalidInput("No image to make a condition of: the batch is empty.")
        with torch.no_grad():
            alone = ONE_BY_ONE if chunking.padded else chunking
            embeddings = alone.apply(self.embed, images).cpu()
        names = tuple(labels) if labels else tuple(f"image {i}" for i in range(len(images)))
        return Condition(embeddings, names, self.id, self.name)
