"""Inversion of images: a start near an image, which refinement then improves."""

from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from ..charts import Start
from ..chunking import Chunking
from ..energy import Energy
from ..errors import InvalidInput
from ..generator import Generator
from ..images import resized
from ..rng import SampleRng
from ..spaces import Identity
from .candidates import Report, from_prior

__all__ = ["InversionStart", "from_images"]

Images4 = Float[Tensor, "batch 3 height width"]

InversionStart: TypeAlias = Literal["automatic", "encoder", "candidates", "mean"]
MEAN_OF = 1000
"""Number of draws of the prior to average."""


@torch.no_grad()
def from_images(
    generator: Generator,
    images: Images4,
    rng: SampleRng,
    *,
    how: InversionStart = "automatic",
    energy: Energy,
    candidates: int = 1,
    chunking: Chunking,
    device: torch.device,
    report: Report = lambda done: None,
) -> Start:
    """Returns starting latents of an inversion, one per image.

    Args:
        generator: of the latents.
        images: in [0, 1], of any size; resized to the generator's, antialiased.
        rng: the samples, one per image.
        how: `encoder` (where the generator has one), `candidates` (the best of M draws of the
            prior), `mean` (of the prior); `automatic` uses the encoder, otherwise candidates.
        energy: energy that candidates are chosen by, such as `core.energies.perceptual.likeness`.
        candidates: M.
        chunking: images at a time.
        device: where the networks are.
        report: called after every candidate that is evaluated.

    Raises:
        InvalidInput: no image, an unknown method, or `encoder` for a generator without one.
    """
    if len(images) == 0:
        raise InvalidInput("No image to invert: the batch is empty.")
    if how == "automatic":
        how = "encoder" if generator.encode is not None else "candidates"
    if how == "candidates":
        return from_prior(
            generator,
            rng,
            energy=energy,
            candidates=candidates,
            chunking=chunking,
            device=device,
            report=report,
        )
    if how == "encoder":
        values = _encoded(generator, images, rng, chunking, device)
    elif how == "mean":
        like = torch.empty(0, device=device)
        drawn = generator.prior.sample(SampleRng.of(0, MEAN_OF, "mean"), like)
        values = drawn.mean(dim=0).expand(len(images), -1).contiguous()
    else:
        raise InvalidInput(
            f"Start {how!r} of an inversion; expected automatic, encoder, candidates or mean."
        )
    return Start(generator.source.clamp(values), Identity(generator.source))


def _encoded(
    generator: Generator,
    images: Tensor,
    rng: SampleRng,
    chunking: Chunking,
    device: torch.device,
) -> Tensor:
    if generator.encode is None:
        raise InvalidInput(
            f"Generator {generator.name!r} has no encoder. Start from candidates or the mean of "
            "the prior, and take more steps."
        )
    encode, size = generator.encode, generator.image_size
    return chunking.apply(lambda part: encode(resized(part, size).to(device)), images, rng.names)
