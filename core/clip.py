"""Frozen CLIPs: images and texts in one embedding space, compared by cosine."""

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
    """Encoded prompts.

    Attributes:
        embeddings: one row per prompt, not normalised.
        notes: sentences for the user: words that were cut or are unknown.
    """

    embeddings: Float[Tensor, "prompts embed"]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Clip:
    """A frozen CLIP, SigLIP or similar model; its condition space is that of its embeddings.

    Embeddings are not normalised here: TR0N's translators use their norms.

    Attributes:
        name: display name.
        id: sha256 of the weights; conditions and translators store it.
        module: the network whose weights `encode` reads.
        embed_dim: embedding size.
        image_size: side of the square input images, in pixels.
        mean: channel means, for images in [0, 1].
        std: channel standard deviations.
        encode: maps the module and normalised pixels to embeddings.
        encode_texts: maps prompts to embeddings, or None without a text encoder. It raises
            InvalidInput for prompts without meaning.
        stages: maps the module and normalised pixels to feature maps, coarse last, if available.
        logit_scale: factor on cosines in training, about 100 for CLIPs; None if the file has no
            finite one.
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
        """Embeds resized and normalised pixels, in float32 or better."""
        weight = next(self.module.parameters())
        found = self.encode(self.module, pixels.to(weight.dtype))
        return found.to(torch.promote_types(found.dtype, torch.float32))

    def normalised(self, images: Images4) -> Images4:
        """Normalises images in [0, 1] by the channels' mean and standard deviation."""
        mean, std = (constants(x, images) for x in (self.mean, self.std))
        return (images - mean[:, None, None]) / std[:, None, None]

    def pixels(self, images: Images4) -> Pixels:
        """Prepares images in [0, 1]: bilinear without antialiasing, as in the papers."""
        size = (self.image_size, self.image_size)
        if images.shape[2:] != size:
            images = functional.interpolate(images, size, mode="bilinear", align_corners=False)
        return self.normalised(images)

    def embed(self, images: Images4) -> Float[Tensor, "batch embed"]:
        """Returns the embeddings of images, which a translator learns to invert."""
        return self.encode_pixels(self.pixels(images))

    @cached_property
    def _half(self) -> nn.Module:
        return copy.deepcopy(self.module).to(torch.bfloat16)

    def in_precision(self, precision: Precision) -> "Clip":
        """Returns this CLIP with weights and activations in a precision; converted once.

        Raises:
            InvalidInput: the precision is unknown.
        """
        if precision not in DTYPES:
            raise InvalidInput(f"Precision {precision!r}; expected one of {', '.join(DTYPES)}.")
        if precision == "fp32":
            return self
        return replace(self, module=self._half)

    def texts(self, prompts: Sequence[str]) -> Texts:
        """Returns the embeddings of prompts.

        Raises:
            ConditionMismatch: there is no text encoder.
            InvalidInput: a prompt is empty.
        """
        if self.encode_texts is None:
            raise ConditionMismatch(
                f"{self.name!r} has no text encoder. Use Image Condition, or load a whole CLIP."
            )
        for prompt in prompts:
            if not prompt.strip():
                raise InvalidInput("A prompt is empty. Describe what the image should show.")
        with torch.no_grad():
            return self.encode_texts(prompts)

    def image_condition(
        self,
        images: Images4,
        labels: Sequence[str] | None = None,
        *,
        chunking: Chunking = ALL_AT_ONCE,
    ) -> Condition:
        """Returns one row per image, c = f(x') of TR0N section 5.3.

        With chunks of a fixed size the images are processed one by one: they have no names that
        would assign places, and a row should not depend on the other images.

        Raises:
            InvalidInput: there are no images.
        """
        if len(images) == 0:
            raise InvalidInput("No image to make a condition of: the batch is empty.")
        with torch.no_grad():
            alone = ONE_BY_ONE if chunking.padded else chunking
            embeddings = alone.apply(self.embed, images).cpu()
        names = tuple(labels) if labels else tuple(f"image {i}" for i in range(len(images)))
        return Condition(embeddings, names, self.id, self.name)
