"""Retrains the avatars' judge, and measures with it what the generator can draw.

    python -m latentsteer.workflows.studies.training.train_avatars_judge
        --data FOLDER [--minutes 10] [--out DIR]

The judge has its own split of avatars, none of which trained the generator or the CLIP.
`--drawable` skips the training and writes `avatars_drawable.json` from the files in DIR: for each
value, how often the judge sees it in the generator's reconstructions of held-out avatars with it.
"""

import argparse
import json
from pathlib import Path

import torch
from torch import Generator, Tensor
from torch.nn import functional

from ....core.auxiliaries.avatars import AvatarJudge
from ....core.checkpoints.architecture import load_network
from ....core.checkpoints.checkpoint import read
from ....core.files import replacing
from ....core.rng import SampleRng
from ....core.zoo.avatars import ATTRIBUTES, visible
from .avatars_data import Avatars, origin, split
from .training_kit import Average, Clock, batches, descend, initialise, publish, set_rate

ZOO = Path(__file__).resolve().parents[3] / "core" / "zoo"
BATCH, RATE = 96, 2e-3
DRAWABLE = 0.8
"""Accuracy from which a value counts as drawable."""
IGNORED = -100


def main() -> None:
    """Trains the judge, or measures which values are drawable."""
    parser = argparse.ArgumentParser(description="Trains the avatars' judge again.")
    parser.add_argument("--data", type=Path, required=True, help="folder of avatars_data")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--out", type=Path, default=ZOO, help="folder of the weights")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--drawable", action="store_true", help="measure alone")
    options = parser.parse_args()
    held = split("held_out", options.data)
    if options.drawable:
        _write_drawable(options.out, held)
        return
    torch.set_num_threads(1)
    clock = Clock(options.data / "unfinished-judge.safetensors", options.minutes * 60)
    rng = Generator().manual_seed(options.seed)
    judge = train(split("judge", options.data), rng, clock)
    accuracy = {f"held_out_{name}": rate for name, rate in accuracies(judge, held).items()}
    publish(
        options.out,
        "avatars-judge",
        "avatars attribute classifier, independent judge of the figures",
        judge.state_dict(),
        {"architecture": "avatars-judge", "attributes": {n: list(v) for n, v in _named()}},
        clock.figures() | accuracy,
        origin("judge", "train_avatars_judge"),
    )


def _named() -> list[tuple[str, tuple[str, ...]]]:
    return list(ATTRIBUTES.items())


def new_judge() -> AvatarJudge:
    """Returns the untrained judge."""
    return AvatarJudge({name: len(values) for name, values in _named()})


def train(avatars: Avatars, rng: Generator, clock: Clock) -> AvatarJudge:
    """Trains by cross-entropy over visible attributes of deformed, blurred, noisy avatars."""
    judge = new_judge()
    initialise(judge, rng)
    judge.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    average = Average(judge, 0.995)
    optimiser = torch.optim.AdamW(judge.parameters(), lr=RATE, weight_decay=0.02)
    images = torch.from_numpy(avatars.images).permute(0, 3, 1, 2)
    labels = visible_labels(avatars)
    picks = batches(len(images), BATCH, rng)
    clock.resume(net=judge, average=average.net, optimiser=optimiser)
    while clock.running():
        set_rate(optimiser, RATE * clock.rate(warmup=0.05))
        pick = next(picks)
        x = deformed(images[pick].float().div(255), rng)
        with torch.autocast("cpu", torch.bfloat16):
            logits = judge(x.contiguous(memory_format=torch.channels_last))
        loss = sum(
            functional.cross_entropy(logits[name].float(), labels[pick, column])
            for column, name in enumerate(ATTRIBUTES)
        )
        descend(optimiser, torch.as_tensor(loss), clip=5.0)
        average.update(judge)
        clock.tick({"loss": float(loss)}, net=judge, average=average.net, optimiser=optimiser)
    return average.net.half().float().eval()


def visible_labels(avatars: Avatars) -> Tensor:
    """Value numbers, (count, attributes); `IGNORED` where an attribute is not visible."""
    labels = torch.from_numpy(avatars.values).long()
    for row in range(len(labels)):
        seen = visible(avatars.avatar(row))
        for column, name in enumerate(ATTRIBUTES):
            if name not in seen:
                labels[row, column] = IGNORED
    return labels


def deformed(x: Tensor, rng: Generator) -> Tensor:
    """Applies mild shift, scaling, blur, brightness change and noise."""
    count, size = len(x), x.shape[-1]

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=rng)

    small = functional.interpolate(x, scale_factor=0.5, mode="bilinear", antialias=True)
    blurred = functional.interpolate(small, size=(size, size), mode="bilinear")
    x = torch.lerp(x, blurred, uniform(-0.5, 1.2, 1, 1, 1).clamp(0, 1))
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = uniform(0.92, 1.08)
    theta[:, :, 2] = uniform(-0.08, 0.08, 2)
    grid = functional.affine_grid(theta, [count, 3, size, size], align_corners=False)
    x = functional.grid_sample(x, grid, padding_mode="border", align_corners=False)
    x = x * uniform(0.92, 1.08, 1, 1, 1) + uniform(-0.05, 0.05, 1, 1, 1)
    return x + uniform(0, 0.05, 1, 1, 1) * torch.randn(x.shape, generator=rng)


@torch.no_grad()
def accuracies(judge: AvatarJudge, held: Avatars) -> dict[str, float]:
    """Accuracy on each visible attribute of undeformed avatars."""
    images = torch.from_numpy(held.images).permute(0, 3, 1, 2)
    labels = visible_labels(held)
    right = torch.cat([_answers(judge, x.float().div(255)) for x in images.split(250)]) == labels
    seen = labels != IGNORED
    return {
        name: round((right[:, c] & seen[:, c]).sum().item() / seen[:, c].sum().item(), 4)
        for c, name in enumerate(ATTRIBUTES)
    }


def _answers(judge: AvatarJudge, images: Tensor) -> Tensor:
    logits = judge(images)
    return torch.stack([logits[name].argmax(dim=1) for name in ATTRIBUTES], dim=1)


@torch.no_grad()
def _write_drawable(folder: Path, held: Avatars) -> None:
    """Measures each value; needs the generator's and the judge's files in the folder."""
    from ....core.generators import load_generator

    generator = load_generator(folder / "avatars-generator.safetensors")
    shipped = read(folder / "avatars-judge.safetensors")
    judge = load_network(new_judge(), shipped)
    images = torch.from_numpy(held.images).permute(0, 3, 1, 2)
    encode = generator.encode
    assert encode is not None

    def drawn(x: Tensor) -> Tensor:
        return generator(encode(x.float().div(255)), SampleRng.of(0, len(x)))

    answers = torch.cat([_answers(judge, drawn(x)) for x in images.split(250)])
    labels = visible_labels(held)
    found: dict[str, dict[str, float]] = {}
    for column, (name, values) in enumerate(_named()):
        for number, value in enumerate(values):
            rows = labels[:, column] == number
            share = (answers[rows, column] == number).float().mean().item()
            found.setdefault(name, {})[value] = round(share, 3)
    drawable = {n: [v for v, share in s.items() if share >= DRAWABLE] for n, s in found.items()}
    text = json.dumps({"threshold": DRAWABLE, "drawable": drawable, "shares": found}, indent=1)
    with replacing(folder / "avatars_drawable.json") as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
