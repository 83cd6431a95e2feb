"""Recipes of the training of a translator."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import InvalidInput
from .noise import NoiseKind
from .translator import InitialStd, check_std

__all__ = ["FAST", "PAPER", "RECIPES", "Training"]


@dataclass(frozen=True)
class Training:
    """Hyperparameters of the training of a translator.

    The defaults suit small models and take minutes on a CPU; their results have the same bits in
    every version. PAPER is the paper's recipe, which takes hours on a million pairs, and FAST
    reaches its likelihood sooner.

    Attributes:
        epochs: passes over the pairs.
        batch_size: batch size B.
        learning_rate: initial learning rate of Adam, annealed to 0 by a cosine.
        clip: limit of the gradient's norm over all weights; None for no limit. The paper's code
            uses 1, the paper does not mention one.
        condition_noise: gamma of eq. (12), the standard deviation of the noise added to raw
            conditions, drawn again for every batch. The paper uses 0.2 where f is CLIP's image
            encoder and conditions are texts (its code 0.5 for BigGAN with LAION's CLIP), else 0.
        loss_scale: factor on the negative log-likelihood in nats; the paper uses 1e-4. None
            divides it by the number of latent coordinates. Squared distances are not scaled.
        initial_std: sigma at the start; None is that of the translator's configuration. Short
            training does not recover from the paper's 0.01: start it at "data", the standard
            deviation of the latents for each coordinate.
        fused: whether to use the fused likelihood and, on a CPU or CUDA, PyTorch's fused Adam.
            Results differ in the last bits.
        bf16: whether the matrix products of the network are in bfloat16; the likelihood is in
            float32. The transforms of a flow are part of its likelihood. Faster only where the
            processor has such products.
        noise_kind: kind of the noise on conditions.
        regression_start: whether the means start at the ridge regression of the latents on the
            conditions, instead of at random. It takes seconds, and can be further than hours of
            training from a random start.
    """

    epochs: int = 15
    batch_size: int = 256
    learning_rate: float = 1e-3
    clip: float | None = 1.0
    condition_noise: float = 0.0
    loss_scale: float | None = None
    initial_std: InitialStd | None = None
    fused: bool = False
    bf16: bool = False
    noise_kind: NoiseKind = "isotropic"
    regression_start: bool = False

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1:
            raise InvalidInput(
                f"{self.epochs} epochs of batches of {self.batch_size}; both must be at least 1."
            )
        for name in ("learning_rate", "clip", "loss_scale"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise InvalidInput(f"Training {name} is {value}; it must exceed 0.")
        if not 0 <= self.condition_noise < math.inf:
            raise InvalidInput(
                f"Condition noise {self.condition_noise}; expected a number of at least 0."
            )
        if self.initial_std is not None:
            check_std(self.initial_std)


PAPER = Training(
    epochs=10,
    batch_size=16,
    learning_rate=1e-4,
    clip=None,
    loss_scale=1e-4,
    initial_std=0.01,
    fused=True,
)
"""The paper's recipe, appendix B.1, for a million pairs."""
FAST = Training(
    epochs=1, learning_rate=1e-4, initial_std="data", fused=True, regression_start=True
)
"""One pass from the ridge regression, with sigma from the data: for tens of thousands of pairs."""
RECIPES: Mapping[str, Training] = {"paper": PAPER, "fast": FAST}
"""Recipes by name."""
