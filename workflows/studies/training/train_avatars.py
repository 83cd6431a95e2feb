"""Retrains the avatars' generator and its encoder: a VAE, decoded from a whitened prior.

    python -m latentsteer.workflows.studies.training.train_avatars
        --data FOLDER [--minutes 75] [--out DIR]

It uses one thread, so it can run next to train_avatars_clip. The same command resumes an
interrupted run from FOLDER/unfinished-generator.safetensors.
"""

import argparse
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor

from ....core.generators.avatars import AvatarDecoder, AvatarEncoder
from .avatars_data import SIZE, origin, split
from .training_kit import Average, Clock, batches, descend, initialise, publish, set_rate

ZOO = Path(__file__).resolve().parents[3] / "core" / "zoo"
FACE = (slice(18, 50), slice(20, 44))
"""Rows and columns of the face, where pixels have weight `FACE_WEIGHT`."""
FACE_WEIGHT = 4.0
BATCH = 64
RATE = 2e-3


def main() -> None:
    """Trains for the given minutes and updates the manifest."""
    parser = argparse.ArgumentParser(description="Trains the avatars' generator again.")
    parser.add_argument("--data", type=Path, required=True, help="folder of avatars_data")
    parser.add_argument("--minutes", type=float, default=75.0)
    parser.add_argument("--out", type=Path, default=ZOO, help="folder of the weights")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    images = torch.from_numpy(split("generator", options.data).images).permute(0, 3, 1, 2)
    rng = Generator().manual_seed(options.seed)
    clock = Clock(options.data / "unfinished-generator.safetensors", options.minutes * 60)
    encoder, decoder = train(images, rng, clock)
    whiten(encoder, decoder, images[:20_000])
    _publish(options.out, encoder, decoder, clock)


def train(images: Tensor, rng: Generator, clock: Clock) -> tuple[AvatarEncoder, AvatarDecoder]:
    """Trains a VAE with log L1 + log gradient L1 + log RMSE + KL, the face weighted in all terms.

    The logarithm results from the optimal scale of a Laplace (Gaussian) likelihood per pixel, so
    the KL term is divided by the number of values in an image.
    """
    encoder, decoder = AvatarEncoder(), AvatarDecoder()
    net = torch.nn.ModuleDict({"encoder": encoder, "decoder": decoder})
    initialise(net, rng)
    net.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    average = Average(net, 0.9985)
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=1e-4, betas=(0.9, 0.99))
    weight = face_weight()
    picks = batches(len(images), BATCH, rng)
    clock.resume(net=net, average=average.net, optimiser=optimiser)
    while clock.running():
        set_rate(optimiser, RATE * clock.rate(warmup=0.02))
        x = images[next(picks)].float().div(255).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            mean, log_variance = encoder(x)
        mean, log_variance = mean.float(), log_variance.float().clamp(-12, 4)
        noise = torch.randn(mean.shape, generator=rng)
        latent = mean + (0.5 * log_variance).exp() * noise
        with torch.autocast("cpu", torch.bfloat16):
            y = decoder.decode(latent)
        loss, figures = objective(x, y.float(), mean, log_variance, weight)
        descend(optimiser, loss, clip=1.0)
        average.update(net)
        clock.tick(figures, net=net, average=average.net, optimiser=optimiser)
    shipped = average.net.half().float().eval()
    return shipped["encoder"], shipped["decoder"]  # pyright: ignore[reportReturnType]


def face_weight() -> Tensor:
    """Weights of the pixels, (1, 1, size, size), with mean 1."""
    weight = torch.ones(1, 1, SIZE, SIZE)
    weight[..., FACE[0], FACE[1]] = FACE_WEIGHT
    return weight / weight.mean()


def objective(
    x: Tensor, y: Tensor, mean: Tensor, log_variance: Tensor, weight: Tensor
) -> tuple[Tensor, dict[str, float]]:
    """Returns the loss and its terms."""
    loss, figures = reconstruction(x, y, weight)
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()
    return loss + kl / x[0].numel(), {**figures, "kl": kl.item()}


def reconstruction(x: Tensor, y: Tensor, weight: Tensor) -> tuple[Tensor, dict[str, float]]:
    """Returns log L1 + log gradient L1 + log RMSE with weighted pixels, and the errors."""
    error = (y - x) * weight
    absolute = error.abs().mean()
    root = ((y - x).square() * weight).mean().sqrt()
    edges = sum(
        (
            weight[..., : y.diff(dim=d).shape[2], : y.diff(dim=d).shape[3]]
            * (y.diff(dim=d) - x.diff(dim=d))
        )
        .abs()
        .mean()
        for d in (2, 3)
    )
    loss = absolute.log() + 0.5 * torch.as_tensor(edges).log() + root.log()
    return loss, {"l1": absolute.item(), "rmse": root.item()}


@torch.no_grad()
def whiten(encoder: AvatarEncoder, decoder: AvatarDecoder, images: Tensor) -> None:
    """Sets the decoder's shift and scale to the mean and Cholesky factor of encoded images."""
    moments = [encoder(x.float().div(255)) for x in images.split(500)]
    mean = torch.cat([m for m, _ in moments]).double()
    variance = torch.cat([v for _, v in moments]).double().exp().mean(0)
    covariance = torch.cov(mean.mT) + torch.diag(variance)
    decoder.shift.copy_(mean.mean(0))
    decoder.scale.copy_(torch.linalg.cholesky(covariance))


@torch.no_grad()
def _publish(out: Path, encoder: AvatarEncoder, decoder: AvatarDecoder, clock: Clock) -> None:
    state = {f"decoder.{k}": v for k, v in decoder.state_dict().items()}
    state |= {f"encoder.{k}": v for k, v in encoder.state_dict().items()}
    figures: dict[str, Any] = clock.figures()
    publish(
        out,
        "avatars-generator",
        "avatars generator (a VAE's decoder behind a whitened prior) with its encoder",
        state,
        {"architecture": "avatars-generator"},
        figures,
        origin("generator", "train_avatars"),
    )


if __name__ == "__main__":
    main()
