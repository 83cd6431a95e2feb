"""The models of the study of D2C, held-out avatars with their latents, and the bank."""

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ....core.charts import Start
from ....core.chunking import Chunking
from ....core.d2c.bank import LatentBank
from ....core.d2c.coordinates import LatentCoordinates
from ....core.diffusion.prior import DiffusionPrior
from ....core.latents import Latents, decode
from ....core.metrics.moments import FeatureMoments, frechet_between, load_moments
from ....core.rng import SampleRng
from ....core.spaces import Identity
from ....core.zoo import shipped as catalogue
from ....core.zoo.avatar_edits import AvatarEdit
from ....core.zoo.avatars import ATTRIBUTES
from ..avatars_models import avatars_models
from ..session import Progress
from .gaussians import gaussian_draws
from .tasks import EVERYTHING, MOMENTS, key_of, shows

__all__ = ["BANK_STEPS", "GAUSSIANS", "D2CStudy", "JudgedDraws", "Seen"]

BANK_STEPS = 50
"""Steps of the diffusion for draws of the prior."""
DENOISED = Chunking(1000, padded=False)
"""Latents that the denoiser processes at a time."""
GAUSSIANS = ("raw", "whitened")
"""Priors of the VAE."""


class Seen(NamedTuple):
    """What the judge sees in images.

    Attributes:
        features: its features, (images, features).
        values: number of the likeliest value of each attribute, (images, attributes).
    """

    features: Float[Tensor, "images features"]
    values: Int[Tensor, "images attributes"]

    def rows(self, rows: Tensor) -> "Seen":
        """Returns some of the images, by number."""
        return Seen(self.features[rows], self.values[rows])


class JudgedDraws:
    """Latents whose images are made and judged where they are asked for, and only once.

    Args:
        study: the models.
        values: the latents.
    """

    def __init__(self, study: "D2CStudy", values: Tensor) -> None:
        self._study, self.values = study, values
        self._known: dict[int, tuple[Tensor, Tensor]] = {}

    def seen(self, rows: Tensor) -> Seen:
        """Returns what the judge sees in some of them, by number."""
        new = [row for row in rows.tolist() if row not in self._known]
        if new:
            found = self._study.seen(self._study.images(self.values[new]))
            self._known |= {
                row: (features, values)
                for row, features, values in zip(new, found.features, found.values, strict=True)
            }
        each = [self._known[row] for row in rows.tolist()]
        return Seen(*(torch.stack(part) for part in zip(*each, strict=True)))


class D2CStudy:
    """The embedded avatars with their diffusion prior, and what the judge compares with.

    Nothing is trained here but the classifiers of few labels, which are the method.

    Args:
        prior: diffusion prior of the avatars' latents.
        bank: number of draws of the prior in the bank.
        device: device of the models.
        say: callback with messages on progress.
    """

    def __init__(
        self, prior: DiffusionPrior, *, bank: int, device: torch.device, say: Progress
    ) -> None:
        self.generator, self.clip, self.judge = avatars_models(device)
        prior.check(self.generator)
        for module in prior.modules:
            module.to(device)
        self.prior, self.bank_size, self.device, self.say = prior, bank, device, say
        self.chunking = Chunking.of("fast", self.generator.image_size)
        self.moments = load_moments(MOMENTS, features=self.judge.id)
        self.pictures, self.values = catalogue.reference_images("avatars held out (embedded)")

    @cached_property
    def latents(self) -> Float[Tensor, "held dim"]:
        """Latents of the held-out avatars, by the encoder."""
        return self.encoded(self.pictures)

    @cached_property
    def bank(self) -> LatentBank:
        """Draws of the prior, which all methods that reject choose from."""
        self.say(f"bank of {self.bank_size} draws of the prior")
        values = self.drawn(SampleRng.of(0, self.bank_size, "bank"), BANK_STEPS)
        return LatentBank(values, self.generator.id, self.generator.name, "draws of the prior")

    @cached_property
    def coordinates(self) -> LatentCoordinates:
        """Coordinates of the latents in which classifiers are trained."""
        return LatentCoordinates.of(self.prior.whitening, self.bank.values)

    @cached_property
    def bank_images(self) -> Tensor:
        """Images of the bank as bytes, (members, 3, 64, 64)."""
        parts = [self.images(part) for part in self.bank.values.split(1000)]
        return torch.cat([part.mul(255).round().byte() for part in parts])

    @cached_property
    def bank_seen(self) -> Seen:
        """What the judge sees in the bank."""
        self.say("judging the bank")
        return self.seen(self.bank_images)

    @cached_property
    def gaussians(self) -> "Mapping[str, JudgedDraws]":
        """As many draws of the VAE's own prior and of the whitened one as the bank has."""
        rng = {kind: SampleRng.of(0, self.bank_size, "gaussian") for kind in GAUSSIANS}
        return {
            kind: JudgedDraws(
                self, gaussian_draws(self.generator, rng[kind], whitened=kind == "whitened")
            )
            for kind in GAUSSIANS
        }

    @torch.no_grad()
    def encoded(self, images: Tensor) -> Float[Tensor, "images dim"]:
        """Returns the latents of images in [0, 1]."""
        encode = self.generator.encode
        assert encode is not None
        return self.chunking.apply(lambda part: encode(part.to(self.device)).cpu(), images)

    def drawn(self, rng: SampleRng, steps: int) -> Float[Tensor, "batch dim"]:
        """Returns draws of the prior."""
        like = torch.empty(0, device=self.device)
        return self.prior.sample(rng, like, steps=steps, chunking=DENOISED).cpu()

    def named(self, values: Tensor) -> Latents:
        """Returns latents by their values."""
        start = Start(values.cpu(), Identity(self.generator.source))
        return Latents.of(start, self.generator)

    def images(self, values: Tensor) -> Float[Tensor, "images 3 64 64"]:
        """Returns the images of latents, in [0, 1]."""
        return decode(self.named(values), self.generator, self.chunking, self.device)

    @torch.no_grad()
    def seen(self, images: Tensor) -> Seen:
        """Returns what the judge sees in images in [0, 1], or in bytes."""
        features: list[Tensor] = []
        values: list[Tensor] = []
        for part in images.split(self.chunking.size):
            given = part.to(self.device)
            given = given.float().div(255) if given.dtype == torch.uint8 else given
            found = self.judge.features(given)
            # Not `logits`, which would compute the features a second time.
            heads = (self.judge.module.get_submodule(f"heads.{name}") for name in ATTRIBUTES)
            values.append(torch.stack([head(found).argmax(dim=1) for head in heads], dim=1).cpu())
            features.append(found.cpu())
        return Seen(torch.cat(features), torch.cat(values))

    def distance(self, seen: Seen, name: str = EVERYTHING) -> float:
        """Returns the Frechet distance from real avatars, all or those of a task."""
        return frechet_between(FeatureMoments.of(seen.features), self.moments[name])

    def figures(self, seen: Seen, wanted: AvatarEdit) -> dict[str, float]:
        """Returns the share of images that show a value, and their distance from real ones."""
        return {
            "share": float(shows(seen.values, wanted).double().mean()),
            "fd": self.distance(seen, key_of(wanted)),
        }
