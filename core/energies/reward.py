"""Energy Reward: a frozen model of human preference, as ReNO (arXiv 2406.04312) steers by it."""

from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional

from ..auxiliary import Reward
from ..devices import placed
from ..energy import Energy
from ..errors import InvalidInput
from ..images import three_channels
from ..rng import SampleRng
from ..spaces import IMAGES
from ..terms import Measure, Shared, Term
from .example import EnergyExample, filled

__all__ = ["EXAMPLE", "REWARDS", "RewardKind", "encoded_prompt", "reward_energy"]


@dataclass(frozen=True)
class RewardKind:
    """How ReNO counts a reward.

    Attributes:
        offset: its loss is the offset minus the score, so that it is usually positive.
        weight: weight of the loss in ReNO's sum; 1 where ReNO leaves the reward out.
    """

    offset: float
    weight: float


REWARDS = MappingProxyType(
    {
        "HPSv2.1": RewardKind(1, 5),
        "ImageReward": RewardKind(2, 1),
        "PickScore": RewardKind(30, 0.05),
        "CLIP": RewardKind(100, 0.01),
        "aesthetic": RewardKind(10, 1),
    }
)
"""Scores: a cosine (HPSv2.1), a standardised number (ImageReward), the logit scale times a cosine
(PickScore, CLIP), a mark of 1 to 10 (aesthetic)."""


def encoded_prompt(reward: Reward, prompt: str) -> tuple[Tensor, tuple[str, ...]]:
    """Returns a prompt as a reward takes it, and notes on words that it does not see.

    Args:
        reward: the reward; one of the image itself takes an empty tensor.
        prompt: what the image should show.

    Raises:
        InvalidInput: an empty prompt for a reward that needs one.
    """
    if reward.encode is None:
        return torch.zeros(1, 0), ()
    if not prompt.strip():
        raise InvalidInput(
            f"{reward.name!r} scores an image for a prompt, and the prompt is empty. Give the "
            "prompt that the image is made by."
        )
    with torch.no_grad():
        return reward.encode(prompt)


def reward_energy(reward: Reward, prompt: str = "", said: Tensor | None = None) -> Energy:
    """The energy of ReNO's loss, the kind's offset minus the reward's score, without its weight.

    The score is a reading of the term. Rewards on one tower embed an image once for all of them.

    Args:
        reward: the reward.
        prompt: what the image should show; without effect on a reward of the image itself.
        said: what `encoded_prompt` makes of it, if known.

    Raises:
        InvalidInput: an unknown kind, or an empty prompt for a reward that needs one.
    """
    kind = REWARDS.get(reward.kind)
    if kind is None:
        raise InvalidInput(f"Reward {reward.kind!r}; expected one of {', '.join(REWARDS)}.")
    wanted = encoded_prompt(reward, prompt)[0] if said is None else said

    def evaluate(images: Tensor, rng: SampleRng) -> Tensor:
        return kind.offset - reward.score(images, placed(wanted, images))

    tower, shared = reward.tower, None
    if tower is not None:

        def finish(features: Tensor, rng: SampleRng) -> Tensor:
            return kind.offset - tower.head(features, placed(wanted, features))

        shared = Shared(tower.key, tower.features, finish)

    # The prompt is a part of a run's identity.
    asked = f", {prompt.strip()!r}" if reward.prompted else ""
    return Energy.of(
        Term(
            label=f"{reward.kind}({reward.name} {reward.id[:12]}{asked})",
            domain=IMAGES,
            evaluate=evaluate,
            modules=reward.modules,
            measure=Measure("score", lambda values: kind.offset - values),
            shared=shared,
        )
    )


def _example() -> EnergyExample:
    network = filled(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(75, 4)), 5)

    def score(images: Tensor, said: Tensor) -> Tensor:
        return (functional.normalize(network(images), dim=1) * said).sum(dim=1)

    def encode(prompt: str) -> tuple[Tensor, tuple[str, ...]]:
        return torch.linspace(-1, 1, 4)[None], ()

    reward = Reward("toy-reward", "toy-r", "HPSv2.1", (network,), score, encode)
    grey = torch.rand(4, 1, 5, 5, generator=torch.Generator().manual_seed(0))
    return EnergyExample(reward_energy(reward, "a cat"), three_channels(grey))


EXAMPLE = _example
