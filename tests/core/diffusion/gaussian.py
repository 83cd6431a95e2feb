"""Denoisers in closed form, of latents with a normal law."""

import torch
from latentsteer.core.diffusion.denoisers import ResidualDenoiser
from latentsteer.core.diffusion.prior import DiffusionPrior, content_id
from latentsteer.core.diffusion.schedule import NoiseSchedule
from latentsteer.core.diffusion.whitening import Whitening
from latentsteer.core.spaces import Block, Space
from torch import nn

LINEAR = NoiseSchedule.linear()
SHORT = NoiseSchedule.linear(1e-3, 0.2, 40)
BASE, BASE_NAME = "b" * 64, "base"


class Exact(nn.Module):
    """The best denoiser of latents with the law N(mean, covariance)."""

    def __init__(self, schedule, covariance, mean=None):
        super().__init__()
        self.schedule, self.covariance = schedule, covariance
        self.mean = torch.zeros(len(covariance)).to(covariance) if mean is None else mean

    def forward(self, x, t):
        level = self.schedule.level(t[0]).to(x)
        noisy = level * self.covariance + (1 - level) * torch.eye(x.shape[1]).to(x)
        return (1 - level).sqrt() * torch.linalg.solve(noisy, (x - level.sqrt() * self.mean).mT).mT


def drawn(dim, seed=0, **sizes):
    """A residual denoiser whose every weight is drawn, none of them zero."""
    network = ResidualDenoiser(dim, **{"width": 12, "depth": 2, "time": 8, "waves": 4} | sizes)
    stream = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(torch.randn(weight.shape, generator=stream) * 0.4)
    return network.requires_grad_(False)


def prior_of(network, dim, schedule=SHORT, whitening=None, space=None, **fields):
    whitening = whitening or Whitening(torch.zeros(dim), torch.ones(dim))
    predicts = fields.get("predicts", "noise")
    own = content_id(network, whitening, schedule, BASE, predicts, fields.get("order", 1))
    space = space or Space((Block("z", (dim,)),))
    return DiffusionPrior(
        "prior", own, BASE, BASE_NAME, network, whitening, schedule, space, **fields
    )
