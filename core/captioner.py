"""Frozen captioners, and CLIPs that see images through their captions."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from .clip import Clip
from .devices import constants
from .errors import ConditionMismatch, InvalidInput

__all__ = ["CaptionedClip", "Captioner", "Decoding"]

Images4 = Float[Tensor, "batch 3 height width"]


@dataclass(frozen=True)
class Decoding:
    """Decoding options of captions. Decoding is deterministic, so an image keeps its caption.

    Attributes:
        prompt: text that every caption starts with; it is not part of the caption.
        max_length: maximum number of tokens of a caption and its prompt, at least 2.
        min_length: minimum number of tokens, prompt included.
        beams: number of beams; 1 is greedy decoding.
        repetition_penalty: values above 1 discourage repeated words.

    Raises:
        InvalidInput: a value is out of its range.
    """

    prompt: str = "a picture of "
    max_length: int = 20
    min_length: int = 5
    beams: int = 1
    repetition_penalty: float = 1.1

    def __post_init__(self) -> None:
        if not 2 <= self.max_length <= 200 or not 0 <= self.min_length <= self.max_length:
            raise InvalidInput(
                f"Captions of {self.min_length} to {self.max_length} tokens requested; the "
                "maximum can be 2 to 200, and the minimum 0 to the maximum."
            )
        if not 1 <= self.beams <= 32 or not 1 <= self.repetition_penalty <= 10:
            raise InvalidInput(
                f"{self.beams} beams with a repetition penalty of {self.repetition_penalty}; "
                "expected 1 to 32 beams and a penalty of 1 to 10."
            )


@dataclass(frozen=True)
class Captioner:
    """A frozen model that describes images in words. Alone it has no condition space.

    Attributes:
        name: display name.
        id: sha256 of the weights.
        module: the network.
        image_size: side of the square input images, in pixels.
        mean: channel means, for images in [0, 1].
        std: channel standard deviations.
        write: maps the module, normalised pixels and decoding options to a caption per image.
    """

    name: str
    id: str
    module: nn.Module
    image_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    write: Callable[[nn.Module, Tensor, Decoding], list[str]]

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The network."""
        return (self.module,)

    @torch.no_grad()
    def captions(self, images: Images4, decoding: Decoding | None = None) -> list[str]:
        """Returns a caption per image in [0, 1], without its prompt.

        If the model adds nothing to the prompt, the prompt is the caption.
        """
        decoding = decoding or Decoding()
        size = (self.image_size, self.image_size)
        if images.shape[2:] != size:
            images = functional.interpolate(images, size, mode="bicubic", antialias=True)
        mean, std = (constants(x, images) for x in (self.mean, self.std))
        pixels = (images.clamp(0, 1) - mean[:, None, None]) / std[:, None, None]
        start = decoding.prompt.strip()
        said = [text.strip() for text in self.write(self.module, pixels, decoding)]
        return [text.removeprefix(start).strip() or start or "a picture" for text in said]


@dataclass(frozen=True)
class CaptionedClip:
    """F of TR0N's text experiments: the embedding of an image's caption, f_txt(BLIP(x)).

    It has the id of its CLIP, since its conditions are in that CLIP's space: a translator trained
    on it accepts text conditions of the CLIP. It has no gradient; energies use the CLIP itself.

    Attributes:
        captioner: describes the image.
        clip: embeds the description.
        decoding: decoding options of the captions.

    Raises:
        ConditionMismatch: the CLIP has no text encoder.
    """

    captioner: Captioner
    clip: Clip
    decoding: Decoding = Decoding()

    def __post_init__(self) -> None:
        if self.clip.encode_texts is None:
            raise ConditionMismatch(
                f"{self.clip.name!r} has no text encoder, so it cannot read captions. Load a "
                "whole CLIP."
            )

    @property
    def name(self) -> str:
        """Display name."""
        return f"{self.captioner.name} read by {self.clip.name}"

    @property
    def id(self) -> str:
        """Id of the CLIP, in whose space the embeddings are."""
        return self.clip.id

    @property
    def embed_dim(self) -> int:
        """Embedding size."""
        return self.clip.embed_dim

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The captioner's network; texts are encoded on the device of the CLIP's text encoder."""
        return self.captioner.modules

    def embed(self, images: Images4) -> Float[Tensor, "batch embed"]:
        """Returns the embeddings of the images' captions."""
        captions = self.captioner.captions(images, self.decoding)
        return self.clip.texts(captions).embeddings.to(images)
