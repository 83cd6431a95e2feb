"""What a D2C is and how it is trained: its networks, views, losses and schemes."""

import math
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from ...errors import InvalidInput
from ...generators.d2c.layouts import AutoencoderLayout, UNetLayout

__all__ = [
    "D2CConfiguration",
    "D2CTraining",
    "MomentumContrast",
    "Scheme",
    "Views",
]

Scheme: TypeAlias = Literal["joint", "two-stage"]
WEIGHTS = ("reconstruction_weight", "diffusion_weight", "contrastive_weight")


@dataclass(frozen=True)
class Views:
    """How a random view of an image is made, in this order.

    The defaults are those of D2C's released training on CIFAR.

    Attributes:
        area: least and largest share of the area that the crop keeps.
        ratio: least and largest width over height of the crop.
        jitter: ranges of brightness, contrast, saturation (factors within 1 +- range) and hue
            (turns within +- range, at most 0.5), applied in random order.
        jitter_share: probability of the jitter.
        grey_share: probability of a grey view.
        blur: least and largest sigma of a Gaussian blur in pixels.
        blur_share: probability of the blur.
        flip_share: probability of a mirrored view.
    """

    area: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    jitter: tuple[float, float, float, float] = (0.4, 0.4, 0.4, 0.1)
    jitter_share: float = 0.8
    grey_share: float = 0.2
    blur: tuple[float, float] = (0.1, 2.0)
    blur_share: float = 0.0
    flip_share: float = 0.5

    def __post_init__(self) -> None:
        for name in ("area", "ratio", "blur"):
            low, high = getattr(self, name)
            if not 0 < low <= high < math.inf:
                raise InvalidInput(f"Views {name} from {low} to {high}; expected 0 < low <= high.")
        if self.area[1] > 1:
            raise InvalidInput(f"Views area up to {self.area[1]}; expected at most 1.")
        if not all(0 <= part <= 1 for part in self.jitter) or self.jitter[3] > 0.5:
            raise InvalidInput(
                f"Views jitter {self.jitter}; expected numbers from 0 to 1, the last at most 0.5."
            )
        for name in ("jitter_share", "grey_share", "blur_share", "flip_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidInput(f"Views {name} is {getattr(self, name)}; expected 0 to 1.")


@dataclass(frozen=True)
class MomentumContrast:
    """Momentum contrast, MoCo v2.

    Attributes:
        dim: features that are contrasted.
        hidden: hidden units of the head; None for as many as a latent has numbers.
        keys: keys K in the queue.
        momentum: m of the momentum encoder.
        temperature: T of InfoNCE.
        views: how the two views of an image are made.
    """

    dim: int = 2048
    hidden: int | None = None
    keys: int = 65536
    momentum: float = 0.999
    temperature: float = 0.07
    views: Views = field(default_factory=Views)


@dataclass(frozen=True)
class D2CTraining:
    """Hyperparameters of a training of D2C.

    Attributes:
        scheme: `joint` trains all at once, eq. (4) and (5). `two-stage` is the released scheme:
            the autoencoder with the contrastive term first, then the diffusion on its latents.
        steps: batches of the joint training, or of the first stage.
        diffusion_steps: batches of the second stage.
        batch_size: images of a batch.
        diffusion_batch_size: images of a batch of the second stage; None for as many.
        parts: parts of a batch that are normalised apart, as on so many devices. The keys of a
            part are of images of all parts (MoCo's shuffling), so that the statistics of batch
            normalisation do not reveal which key belongs to a query. One part needs the memory.
        learning_rate: rate of AdamW on the autoencoder.
        cosine: whether this rate falls to 0 by a cosine.
        weight_decay: weight decay of AdamW.
        diffusion_rate: rate of Adam on the diffusion.
        clip: limit of the norm of the diffusion's gradient.
        reconstruction_weight: factor on -log p(x given z1) in nats, summed over an image.
        diffusion_weight: factor on the diffusion's term where it reaches the encoder; 0 stops its
            gradient there. The term is the mean over the noise levels of the squared error of the
            noise, summed over a latent, that is w = 1/T in eq. (2). The U-Net always learns from
            the term itself: Adam would cancel a factor.
        contrastive_weight: factor on L_C, lambda in eq. (4); 0 leaves the term out.
        reconstructed: images of the first term: `clean` ones, eq. (5), or in the first of two
            stages the `augmented` views of the contrastive term, as in the released code, which
            saves a pass of the encoder.
        mirror: whether clean images are mirrored at random; the released code trains the
            diffusion on the latents of images and mirrored images.
        average: rate of the exponential average of the weights; at step n at most
            (1 + n) / (10 + n).
        bf16: whether matrix products and convolutions are in bfloat16.
    """

    scheme: Scheme = "joint"
    steps: int = 390_000
    diffusion_steps: int = 0
    batch_size: int = 128
    diffusion_batch_size: int | None = None
    parts: int = 4
    learning_rate: float = 1e-3
    cosine: bool = False
    weight_decay: float = 1e-4
    diffusion_rate: float = 2e-4
    clip: float = 1.0
    reconstruction_weight: float = 1.0
    diffusion_weight: float = 1.0
    contrastive_weight: float = 1e-4
    reconstructed: Literal["clean", "augmented"] = "clean"
    mirror: bool = True
    average: float = 0.9999
    bf16: bool = False

    def __post_init__(self) -> None:
        if self.scheme not in get_args(Scheme):
            raise InvalidInput(
                f"Scheme {self.scheme!r}; expected one of {', '.join(get_args(Scheme))}."
            )
        self._check_numbers()
        if self.scheme == "joint" and self.diffusion_steps:
            raise InvalidInput(
                f"{self.diffusion_steps} diffusion steps in a joint training, which has one "
                "stage. Give steps alone, or choose the scheme two-stage."
            )
        if not (self.reconstruction_weight or self.contrastive_weight):
            raise InvalidInput(
                "Neither the reconstruction nor the contrastive term has a weight: nothing trains "
                "the autoencoder. Raise one of them."
            )
        first = self.scheme == "two-stage" and self.contrastive_weight > 0
        if self.reconstructed == "augmented" and not first:
            raise InvalidInput(
                "Augmented images are reconstructed only in the first of two stages with a "
                "contrastive term, whose views they are. Reconstruct clean images."
            )

    def _check_numbers(self) -> None:
        if self.steps < 1 or self.diffusion_steps < 0 or self.parts < 1:
            raise InvalidInput(
                f"{self.steps} steps, {self.diffusion_steps} diffusion steps, {self.parts} parts; "
                "expected at least 1, 0 and 1."
            )
        least = min(self.batch_size, self.second_batch_size)
        if least < 2 * self.parts:
            raise InvalidInput(
                f"Batches of {least} in {self.parts} parts; each part needs at least 2 images. "
                "Raise the batch size, or lower parts."
            )
        above = {name: getattr(self, name) for name in ("learning_rate", "diffusion_rate", "clip")}
        least_0 = {name: getattr(self, name) for name in ("weight_decay", *WEIGHTS)}
        for name, value in {**above, **least_0}.items():
            if not 0 <= value < math.inf or (name in above and not value):
                raise InvalidInput(
                    f"Training {name} is {value}; expected a number "
                    f"{'above' if name in above else 'of at least'} 0."
                )
        if not 0 <= self.average < 1:
            raise InvalidInput(f"Average {self.average}; expected at least 0 and below 1.")

    @property
    def batches(self) -> int:
        """Batches of the whole training."""
        return self.steps + self.diffusion_steps

    @property
    def second_batch_size(self) -> int:
        """Images of a batch of the second stage."""
        return self.diffusion_batch_size or self.batch_size


@dataclass(frozen=True)
class D2CConfiguration:
    """A D2C and its training.

    Attributes:
        what: data, rows of the paper, and where the numbers are from.
        resolution: side of the images in pixels.
        bits: bits per channel of the images.
        autoencoder: sizes of the autoencoder.
        denoiser: sizes of the diffusion's U-Net.
        contrast: momentum contrast.
        training: hyperparameters.
        betas: first and last beta of the diffusion's linear schedule.
        times: noise levels T.
    """

    what: str
    resolution: int
    bits: int
    autoencoder: AutoencoderLayout
    denoiser: UNetLayout
    contrast: MomentumContrast
    training: D2CTraining
    betas: tuple[float, float] = (1e-4, 2e-2)
    times: int = 1000

    def __post_init__(self) -> None:
        factor = self.autoencoder.factor
        halvings = len(self.denoiser.widths) - 1
        if self.resolution % factor or (self.resolution // factor) % 2**halvings:
            raise InvalidInput(
                f"Images of {self.resolution} pixels: the autoencoder divides the side by "
                f"{factor}, then the U-Net by {2**halvings}. Choose a multiple of "
                f"{factor * 2**halvings}."
            )
        if not 1 <= self.bits <= 8:
            raise InvalidInput(f"{self.bits} bits per channel; expected 1 to 8.")
        if self.denoiser.latent != self.autoencoder.latent:
            raise InvalidInput(
                f"A U-Net for {self.denoiser.latent} channels of latents that have "
                f"{self.autoencoder.latent}."
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a latent."""
        side = self.resolution // self.autoencoder.factor
        return (self.denoiser.latent, side, side)
