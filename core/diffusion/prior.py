"""A diffusion prior: the law of a generator's latents, as a denoiser."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from ..chunking import Chunking
from ..errors import GeneratorMismatch, InvalidInput
from ..generator import Generator
from ..identity import check_options, options_of
from ..rng import SampleRng
from ..spaces import Space
from .ddim import Guide, StepOrder, ddim, diffused, noise_of_velocity
from .schedule import NoiseSchedule
from .whitening import Whitening

__all__ = ["DiffusionPrior", "Prediction", "content_id"]

Prediction: TypeAlias = Literal["noise", "velocity"]
ROWS = 64
"""Largest number of latents that a denoiser processes at a time."""
NUMBERS = 1 << 14
"""Largest number of coordinates that a denoiser processes at a time."""


@dataclass(frozen=True, eq=False)
class DiffusionPrior:
    """A diffusion model of the latents of a frozen generator, p(z) in D2C section 4.

    It has samples and corrections, but no log density.

    Attributes:
        name: display name.
        id: sha256 of what it computes with, see `content_id`; with options, a `ModelId`.
        base: id of the generator whose latents it models, with its options.
        base_name: name of that generator, for messages.
        network: denoiser, from whitened latents (batch, dim) and times (batch,) to
            (batch, dim).
        whitening: map between latents and whitened latents.
        schedule: noise levels.
        space: latent space of the generator.
        predicts: what the network predicts: the noise, or the velocity v.
        order: order of the steps of samples with eta 0; corrections take DDIM's.
        licence: licence of the weights, as far as known.
    """

    name: str
    id: str
    base: str
    base_name: str
    network: nn.Module
    whitening: Whitening
    schedule: NoiseSchedule
    space: Space
    predicts: Prediction = "noise"
    order: StepOrder = 1
    licence: str = "unknown"

    def __post_init__(self) -> None:
        if self.space.dim != len(self.whitening.mean):
            raise InvalidInput(
                f"A diffusion prior on {self.space} ({self.space.dim} coordinates) with a "
                f"whitening of {len(self.whitening.mean)}."
            )

    def __str__(self) -> str:
        return self.name

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """The network."""
        return (self.network,)

    @property
    def log_density(self) -> None:
        """None: a diffusion has no log density that can be evaluated in one pass."""
        return

    @property
    def chunking(self) -> Chunking:
        """Number of latents that the denoiser processes at a time, at fixed places.

        A sample has the same bits in any batch.
        """
        return Chunking(max(1, min(ROWS, NUMBERS // self.space.dim)), padded=True)

    def noise_of(
        self, x: Float[Tensor, "batch dim"], t: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch dim"]:
        """Returns the predicted noise in whitened latents x at times t."""
        out = self.network(x, t)
        return out if self.predicts == "noise" else noise_of_velocity(self.schedule, x, out, t)

    def sample(
        self,
        rng: SampleRng,
        like: Tensor,
        *,
        steps: int = 50,
        eta: float = 0.0,
        guide: Guide | None = None,
        scale: float = 1.0,
        chunking: Chunking | None = None,
        report: Callable[[int], None] = lambda rows: None,
    ) -> Float[Tensor, "batch dim"]:
        """Draws one latent of the generator per row of rng, the same in any batch.

        Args:
            rng: one stream per row.
            like: tensor with the device and the float type of the network.
            steps: number of calls of the denoiser; the paper uses 100.
            eta: randomness of the steps, see `ddim`.
            guide: log r of latents of the generator, (batch, dim) to (batch,), differentiable, to
                sample from p(z) r(z)^scale approximately.
            scale: factor on log r.
            chunking: latents at a time; the prior's own if None.
            report: called with the number of finished rows; may raise to stop.
        """
        noise = rng.normal(self.space.dim, like=like)
        with torch.no_grad():
            return self._denoised(
                noise, rng, self.schedule.times(steps), eta, guide, scale, chunking, report
            )

    def push(
        self,
        noise: Float[Tensor, "batch dim"],
        rng: SampleRng | None = None,
        *,
        steps: int,
        eta: float = 0.0,
        chunking: Chunking | None = None,
    ) -> Float[Tensor, "batch dim"]:
        """Maps x_T to latents of the generator, differentiably.

        The backward pass computes each step again, so that its memory does not grow with the
        steps by more than a latent each. `sample` is the same of the streams' normal draws.

        Args:
            noise: x_T, standard normal.
            rng: streams of the rows, for eta above 0, with their names; rows are named by their
                position if None.
            steps: number of calls of the denoiser.
            eta: randomness of the steps, see `ddim`.
            chunking: latents at a time; the prior's own if None.
        """
        times = self.schedule.times(steps)
        return self._denoised(noise, rng, times, eta, None, 1.0, chunking, checkpointed=True)

    def correct(
        self,
        z: Float[Tensor, "batch dim"],
        rng: SampleRng,
        *,
        t: int,
        calls: int,
        eta: float = 0.0,
        chunking: Chunking | None = None,
    ) -> Float[Tensor, "batch dim"]:
        """Moves latents to where the prior has mass: adds noise up to time t and denoises.

        The paper's correction after a change of a latent, section 5. The released code uses
        t = 50 and 2 calls, at the times 50 and 0. A law that the denoiser knows is kept, up to
        the error of few calls: 2 calls shrink a standard normal law by a factor of
        sqrt(a_50) or so.

        Args:
            z: latents of the generator.
            rng: streams of the noise.
            t: time, 0 to T - 1; the higher, the more changes.
            calls: number of calls of the denoiser, 1 to t + 1, evenly spaced from t to 0.
            eta: randomness of the steps, see `ddim`.
            chunking: latents at a time; the prior's own if None.

        Raises:
            InvalidInput: t or calls is out of range.
        """
        times = self.schedule.times(calls, start=t)
        noise = rng.normal(self.space.dim, like=z)
        both = torch.cat([z, noise], dim=1)

        def of(rows: Tensor, part: SampleRng) -> tuple[Tensor]:
            own, added = rows.split(self.space.dim, dim=1)
            x = diffused(self.schedule, self.whitening.to_white(own), t, added)
            clean = ddim(self.noise_of, self.schedule, x, times, eta=eta, rng=part)
            return (self._latents(clean),)

        return (chunking or self.chunking).apply_random(of, both, rng)[0]

    def identified(self) -> "DiffusionPrior":
        """Returns the same prior with the id of its content."""
        own = content_id(
            self.network, self.whitening, self.schedule, self.base, self.predicts, self.order
        )
        return replace(self, id=own)

    def check(self, generator: Generator) -> None:
        """Checks that a generator is the one whose latents this models, with the same options.

        Raises:
            GeneratorMismatch: another generator, other options, or another space.
        """
        if generator.id != self.base:
            raise GeneratorMismatch(
                f"The diffusion prior {self.name!r} models the latents of {self.base_name!r} "
                f"({self.base[:12]}); got {generator.name!r} ({generator.id[:12]}). Load "
                f"{self.base_name!r}, or train a prior for {generator.name!r}."
            )
        what, cure = f"The latents of the prior {self.name!r}", "train a prior for it as it is"
        check_options(what, self.base, generator.id, generator.name, cure)
        if not generator.source.alike(self.space):
            raise GeneratorMismatch(
                f"{what} are points of {self.space}; {generator.name!r}, as loaded, takes those "
                f"of {generator.source}. Load it with their space, or {cure}."
            )

    def _denoised(
        self,
        noise: Tensor,
        rng: SampleRng | None,
        times: tuple[int, ...],
        eta: float,
        guide: Guide | None,
        scale: float,
        chunking: Chunking | None,
        report: Callable[[int], None] = lambda rows: None,
        *,
        checkpointed: bool = False,
    ) -> Tensor:
        if eta > 0 and rng is None:
            raise InvalidInput(f"eta {eta} needs random streams; give them, or set eta to 0.")
        white = None if guide is None else self._white(guide)

        def of(x: Tensor, part: SampleRng) -> tuple[Tensor]:
            clean = ddim(
                self.noise_of,
                self.schedule,
                x,
                times,
                eta=eta,
                rng=part,
                guide=white,
                scale=scale,
                checkpointed=checkpointed,
                order=self.order,
            )
            return (self._latents(clean),)

        named = SampleRng.of(0, len(noise)) if rng is None else rng
        return (chunking or self.chunking).apply_random(of, noise, named, report)[0]

    def _white(self, guide: Guide) -> Guide:
        """The guide, of whitened latents."""
        return lambda x0: guide(self.whitening.from_white(x0))

    def _latents(self, x: Tensor) -> Tensor:
        return self.space.clamp(self.whitening.from_white(x))


def content_id(
    network: nn.Module,
    whitening: Whitening,
    schedule: NoiseSchedule,
    base: str,
    predicts: Prediction,
    order: StepOrder,
) -> str:
    """Returns the id of a prior: a sha256 of all that its samples depend on.

    It does not depend on the file, so that a prior has the same id before and after saving.

    Args:
        network: the denoiser, in float32.
        whitening: the whitening.
        schedule: the noise levels.
        base: id of the generator.
        predicts: what the network predicts.
        order: order of the steps.
    """
    options: Mapping[str, object] = options_of(base) or {}
    text = json.dumps(
        [str(base), dict(options), predicts, order, schedule.alphas_bar], sort_keys=True
    )
    found = hashlib.sha256(text.encode())
    numbers = {**network.state_dict(), "mean": whitening.mean, "scale": whitening.scale}
    for name, tensor in sorted(numbers.items()):
        found.update(f"{name}{tensor.dtype}{list(tensor.shape)}".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        found.update(flat.numpy().data)
    return found.hexdigest()
