"""A classifier of images from the same few labels, the paper's comparison in image space."""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.nn import functional

from ....core.d2c.label_shift import estimate_shares
from ....core.rng import stream_of

__all__ = ["PictureNetwork", "image_probabilities", "train_on_pictures"]

STEPS, RATE, DECAY = 120, 3e-3, 0.05
SHIFT = 0.06
"""Largest shift of an image in the training, as a share of half its side."""


class PictureNetwork(nn.Module):
    """Four convolutions and a linear layer; images (batch, 3, 64, 64) in [0, 1] to a logit.

    Args:
        width: channels of the first convolution, doubled by each of the others.
    """

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        sizes = [3, *(width * 2**n for n in range(4))]
        self.convs = nn.ModuleList(
            nn.Conv2d(i, o, 3, stride=2, padding=1) for i, o in pairwise(sizes)
        )
        self.norms = nn.ModuleList(nn.GroupNorm(4, size) for size in sizes[1:])
        self.head = nn.Linear(sizes[-1] * 16, 1)

    def forward(self, x: Float[Tensor, "batch 3 64 64"]) -> Float[Tensor, " batch"]:
        """Returns the logit of each image."""
        x = x * 2 - 1
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = functional.silu(norm(conv(x)))
        return self.head(x.flatten(1))[:, 0]


def train_on_pictures(
    images: Float[Tensor, "labels 3 64 64"], labels: Tensor, seed: int
) -> PictureNetwork:
    """Trains the classifier on mirrored and shifted images, all at every step.

    Args:
        images: labelled images in [0, 1].
        labels: 1 for what is wanted, 0 for the rest.
        seed: seed of the initial weights and of the shifts.
    """
    stream = stream_of(seed, "pictures")
    network = PictureNetwork()
    for parameter in network.parameters():
        if parameter.ndim > 1:
            bound = (3 / parameter[0].numel()) ** 0.5
            nn.init.uniform_(parameter, -bound, bound, generator=stream)
        elif parameter is network.head.bias or any(c.bias is parameter for c in network.convs):
            nn.init.zeros_(parameter)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for _ in range(STEPS):
        logits = network(_varied(images, stream))
        loss = functional.binary_cross_entropy_with_logits(logits, labels.float())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
    return network.eval()


@torch.no_grad()
def image_probabilities(network: PictureNetwork, images: Tensor) -> Float[Tensor, " images"]:
    """Returns the probability that each image shows what is wanted, for its share in them.

    Args:
        network: classifier trained on equally many images of both classes.
        images: as bytes, (images, 3, 64, 64).
    """
    logits = torch.cat([network(part.float().div(255)) for part in images.split(500)]).double()
    both = torch.stack([torch.zeros_like(logits), logits], dim=1)
    shares = estimate_shares(both, (0.5, 0.5), labels=100).shares
    return (both + torch.tensor(shares).to(both).log()).softmax(dim=1)[:, 1]


def _varied(images: Tensor, stream: Generator) -> Tensor:
    count = len(images)
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0] = 1 - 2.0 * torch.randint(0, 2, (count,), generator=stream)
    theta[:, 1, 1] = 1
    theta[:, :, 2] = SHIFT * (2 * torch.rand(count, 2, generator=stream) - 1)
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
