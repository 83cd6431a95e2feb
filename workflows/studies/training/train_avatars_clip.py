"""Trains the avatars' CLIP again: an open_clip model of our own configuration.

    python -m latentsteer.workflows.studies.training.train_avatars_clip
        --data FOLDER [--minutes 45] [--out DIR]

Captions state one to all visible attributes; every image that satisfies a caption is a positive
of it; the hard negatives are siblings of an image, neighbours that have two values in common with
it, and near misses of a caption. Beside that, every value is told from the others of its attribute
by its name alone, and captions of two colours from themselves with the colours changed about. An
interrupted run goes on from unfinished-clip.safetensors in FOLDER.
"""

import argparse
import math
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from open_clip.model import CLIP
from torch import Generator, Tensor
from torch.nn import functional

from ....core.auxiliaries.clips.small_vocabulary import named_config
from ....core.auxiliaries.clips.small_vocabulary import new_model as built
from ....core.auxiliaries.clips.small_vocabulary import tokenizer as tokenizer_of
from ....core.checkpoints.checkpoint import read
from ....core.zoo.avatar_words import Caption, caption, corrupted, said_alone, worded
from ....core.zoo.avatars import ATTRIBUTES, constraint_matrix, visible
from ....core.zoo.tokens import WordTokenizer
from .avatars_clip_losses import SAYABLE, binding, contrast, naming, satisfied
from .avatars_data import Avatars, origin, split
from .train_avatars_judge import visible_labels
from .training_kit import Average, Clock, descend, publish, set_rate

ZOO = Path(__file__).resolve().parents[3] / "core" / "zoo"
NAME = "avatars"
"""Of the configuration in `core/auxiliaries/configs`."""
PAIRS = 64
RATE = 2e-3
GROUPS = 4
"""Of pairs in a batch that have two values in common."""
FEW = 5
"""Most values in half of the captions; the others have any number."""
LARGEST_SCALE = math.log(100)
NAMING, BINDING = 6.0, 2.0
"""Weights of naming, whose loss is a mean over the attributes, and of binding."""
COLOURED = {
    "hat_colour": ("top",),
    "hair_colour": ("top",),
    "clothes_colour": ("clothes",),
    "facial_hair_colour": ("facial_hair",),
    "background": (),
}
"""Attributes that are colours, and what bears them."""
NAMES = sum(len(values) for values in SAYABLE.values())


def main() -> None:
    """Trains for the minutes given and brings the manifest up to date."""
    parser = argparse.ArgumentParser(description="Trains the avatars' CLIP again.")
    parser.add_argument("--data", type=Path, required=True, help="folder of avatars_data")
    parser.add_argument("--minutes", type=float, default=45.0)
    parser.add_argument("--out", type=Path, default=ZOO, help="folder of the weights")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="go on from the weights of this file")
    parser.add_argument("--rate", type=float, default=RATE, help="highest learning rate")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    clock = Clock(options.data / "unfinished-clip.safetensors", options.minutes * 60)
    model = new_model(Generator().manual_seed(options.seed))
    if options.start is not None:
        kept = {name: value.float() for name, value in read(options.start).tensors.items()}
        model.load_state_dict(kept, strict=False)
    model = train(model, split("generator", options.data), options.seed, clock, options.rate)
    figures = clock.figures() | retrieval(model, split("held_out", options.data))
    publish(
        options.out,
        "avatars-clip",
        "avatars CLIP, auxiliary model for text and images",
        dict(model.state_dict()),
        {"architecture": "open-clip", "model": NAME},
        figures,
        origin("generator", "train_avatars_clip"),
    )


def new_model(rng: Generator) -> CLIP:
    """An untrained model of the configuration, its matrices drawn again at open_clip's scale."""
    model = built(named_config(NAME))
    assert isinstance(model, CLIP)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim >= 2:
                parameter.normal_(0, float(parameter.std()), generator=rng)
    return model


def _side(model: CLIP) -> int:
    side = model.visual.image_size
    assert isinstance(side, int)
    return side


def tokenizer() -> WordTokenizer:
    """Of the configuration's words."""
    return tokenizer_of(named_config(NAME))


def train(model: CLIP, avatars: Avatars, seed: int, clock: Clock, rate: float) -> CLIP:
    """Multi-positive contrastive training both ways, and naming of single values.

    Args:
        model: trained in place.
        avatars: in pairs of siblings.
        seed: of batches, captions and deformations.
        clock: the budget.
        rate: the highest learning rate.
    """
    rng, words = Generator().manual_seed(seed), np.random.default_rng(seed)
    model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    model.train()
    average = Average(model, 0.998)
    gains = [p for p in model.parameters() if p.ndim < 2]
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    optimiser = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.05}, {"params": gains, "weight_decay": 0.0}],
        lr=rate,
        betas=(0.9, 0.98),
    )
    images = torch.from_numpy(avatars.images).permute(0, 3, 1, 2)
    values, labels = torch.from_numpy(avatars.values), visible_labels(avatars)
    tokens_of = tokenizer()
    picks = alike(avatars.values[::2], words)
    clock.resume(net=model, average=average.net, optimiser=optimiser)
    while clock.running():
        set_rate(optimiser, rate * clock.rate(warmup=0.03))
        first = next(picks) * 2
        pick = torch.stack([first, first + 1], 1).flatten()
        x = augmented(images[pick].float().div(255), rng, _side(model))
        texts, stated = captions_of(avatars, pick, words, tokens_of)
        with torch.autocast("cpu", torch.bfloat16):
            seen = model.encode_image(x.contiguous(memory_format=torch.channels_last))
            rows, swaps = swaps_of(avatars, pick, words, tokens_of)
            said = model.encode_text(torch.cat([texts, names_of(words, tokens_of), swaps]))
        seen = seen.float()
        said, names, both = said.float().split([len(texts), NAMES, len(swaps)])
        loss, right = contrast(seen, said, model.logit_scale, satisfied(values[pick], stated))
        named = naming(seen, names, model.logit_scale, labels[pick])
        bound = binding(seen[rows], both, model.logit_scale)
        loss = loss + NAMING * named + BINDING * bound
        descend(optimiser, loss, clip=1.0)
        with torch.no_grad():
            model.logit_scale.clamp_(max=LARGEST_SCALE)
        average.update(model)
        figures = {
            "loss": loss.item(),
            "naming": named.item(),
            "binding": bound.item(),
            "right": right,
            "scale": model.logit_scale.exp().item(),
        }
        clock.tick(figures, net=model, average=average.net, optimiser=optimiser)
    return average.net.half().float().eval()


def alike(values: NDArray[np.int8], words: np.random.Generator) -> Iterator[Tensor]:
    """Numbers of `PAIRS` pairs for ever, in `GROUPS` whose avatars have two values in common.

    In half of the groups those are the top and its colour. Of avatars drawn at random a caption
    finds its own by the largest thing that it states; among such neighbours it has to mean the
    shirt as well as the hat.

    Args:
        values: (pairs, attributes), of the first of every pair.
        words: the random stream.
    """
    names, size = list(ATTRIBUTES), PAIRS // GROUPS
    while True:
        parts: list[NDArray[np.int64]] = []
        for _ in range(GROUPS):
            anchor = values[int(words.integers(len(values)))]
            stated = {n: ATTRIBUTES[n][int(v)] for n, v in zip(names, anchor, strict=True)}
            seen = list(visible(stated))
            shared = [n for n in ("top", "hat_colour", "hair_colour") if n in seen]
            if len(shared) < 2 or words.random() < 0.5:
                shared = [str(n) for n in words.choice(seen, size=2, replace=False)]
            columns = [names.index(name) for name in shared]
            found = np.flatnonzero((values[:, columns] == anchor[columns]).all(axis=1))
            parts.append(words.choice(found, size=size, replace=len(found) < size))
        yield torch.from_numpy(np.concatenate(parts))


def captions_of(
    avatars: Avatars, pick: Tensor, words: np.random.Generator, tokens_of: WordTokenizer
) -> tuple[Tensor, Tensor]:
    """A caption of every avatar, then a near miss of every caption; tokens and constraints."""
    most = len(ATTRIBUTES)
    true = [
        caption(avatars.avatar(i), words, most if words.random() < 0.5 else FEW)
        for i in pick.tolist()
    ]
    captions: list[Caption] = [*true, *(corrupted(one, words) for one in true)]
    tokens = torch.stack([tokens_of.encode(one.text).tokens for one in captions])
    table = constraint_matrix([one.constraints for one in captions])
    return tokens, torch.from_numpy(table)


def names_of(words: np.random.Generator, tokens_of: WordTokenizer) -> Tensor:
    """A caption of every sayable value of every attribute alone, in their order; tokens."""
    captions = [said_alone(name, value, words) for name in SAYABLE for value in SAYABLE[name]]
    return torch.stack([tokens_of.encode(text).tokens for text in captions])


def swaps_of(
    avatars: Avatars, pick: Tensor, words: np.random.Generator, tokens_of: WordTokenizer
) -> tuple[Tensor, Tensor]:
    """Captions of two colours and their bearers, as they are and changed about.

    Returns:
        Places in the batch, and two captions' tokens for each: the true ones, then the others.
    """
    rows: list[int] = []
    true: list[str] = []
    swapped: list[str] = []
    for row, number in enumerate(pick.tolist()):
        avatar = avatars.avatar(number)
        seen = visible(avatar)
        able = [
            (one, two)
            for one, two in combinations([name for name in COLOURED if name in seen], 2)
            if seen[one] != seen[two]
            and seen[one] in ATTRIBUTES[two]
            and seen[two] in ATTRIBUTES[one]
        ]
        if not able:
            continue
        one, two = able[int(words.integers(len(able)))]
        bearers = {b: avatar[b] for n in (one, two) for b in COLOURED[n] if words.random() < 0.7}
        rows.append(row)
        for told, first, second in ((true, one, two), (swapped, two, one)):
            stated = {one: avatar[first], two: avatar[second], **bearers}
            told.append(worded(stated, avatar, words).text)
    tokens = torch.stack([tokens_of.encode(text).tokens for text in (*true, *swapped)])
    return torch.tensor(rows), tokens


def augmented(x: Tensor, rng: Generator, size: int) -> Tensor:
    """Shift, scale, blur, colour, noise and cutout, each mild.

    Ends at `size` pixels, normalised as the configuration says (to [-1, 1]).
    """
    count = len(x)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=rng)

    blurred = functional.interpolate(
        functional.interpolate(x, size=(44, 44), mode="bilinear", antialias=True),
        size=x.shape[2:],
        mode="bilinear",
    )
    x = torch.lerp(x, blurred, (uniform(-0.6, 1.0, 1, 1, 1)).clamp(min=0))
    some = (torch.rand(count, generator=rng) < 0.7).float()
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = 1 + some * uniform(-0.2, 0.2)
    theta[:, :, 2] = some[:, None] * uniform(-0.2, 0.2, 2)
    grid = functional.affine_grid(theta, [count, 3, size, size], align_corners=False)
    x = functional.grid_sample(x - 0.5, grid, padding_mode="zeros", align_corners=False) * 2
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * uniform(0.6, 1.4, 1, 1, 1)
    x = x * uniform(0.8, 1.2, 1, 1, 1) + uniform(-0.15, 0.15, 1, 1, 1)
    half = uniform(0.1, 0.25, 1, 1)
    cut = (torch.rand(count, generator=rng) < 0.15)[:, None, None]
    place = (torch.arange(size) + 0.5) / size
    rows = ((place - uniform(0, 1, 1)).abs()[:, :, None] < half).float()
    columns = ((place - uniform(0, 1, 1)).abs()[:, None, :] < half).float()
    x = x * (1 - cut.float() * rows * columns)[:, None]
    return x + uniform(0, 0.06, 1, 1, 1) * torch.randn(x.shape, generator=rng)


@torch.no_grad()
def retrieval(model: CLIP, held: Avatars) -> dict[str, Any]:
    """Full-caption retrieval both ways among 1,000 held-out avatars, a positive first."""
    words, tokens_of = np.random.default_rng(0), tokenizer()
    count = 1000
    x = torch.from_numpy(held.images[:count]).permute(0, 3, 1, 2).float().div(255)
    size = _side(model)
    x = functional.interpolate(x, size=(size, size), mode="bilinear") * 2 - 1
    seen = torch.cat([model.encode_image(part) for part in x.split(100)])
    full = [caption(held.avatar(i), words, 99) for i in range(count)]
    said = model.encode_text(torch.stack([tokens_of.encode(c.text).tokens for c in full]))
    seen, said = functional.normalize(seen, dim=1), functional.normalize(said, dim=1)
    truth = satisfied(
        torch.from_numpy(held.values[:count]),
        torch.from_numpy(constraint_matrix([c.constraints for c in full])),
    )
    similarity = seen @ said.mT
    found = {
        "image_to_text_r1": truth.gather(1, similarity.argmax(1, keepdim=True)),
        "text_to_image_r1": truth.mT.gather(1, similarity.mT.argmax(1, keepdim=True)),
    }
    return {name: round(hit.float().mean().item(), 3) for name, hit in found.items()}


if __name__ == "__main__":
    main()
