"""Retrains the avatars' CLIP.

    python -m latentsteer.workflows.studies.training.train_avatars_clip
        --data FOLDER [--minutes 45] [--out DIR]

Captions state one to all visible attributes. Every image that satisfies a caption is a positive;
hard negatives are siblings of an image, neighbours with two common values, and near misses of a
caption. Two further losses distinguish every value from the others of its attribute by its name
alone, and captions of two colours from the same captions with swapped colours. An interrupted run
resumes from unfinished-clip.safetensors in FOLDER.
"""

import argparse
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Generator
from torch.nn import functional

from ....core.auxiliaries.clips.networks.convolutional import ConvolutionalClip
from ....core.auxiliaries.clips.small_vocabulary import named_config
from ....core.auxiliaries.clips.small_vocabulary import new_model as built
from ....core.auxiliaries.clips.small_vocabulary import tokenizer as tokenizer_of
from ....core.checkpoints.checkpoint import read
from ....core.zoo.avatar_words import caption
from ....core.zoo.avatars import constraint_matrix
from ....core.zoo.tokens import WordTokenizer
from .avatars_clip_batches import alike, augmented, captions_of, names_of, swaps_of
from .avatars_clip_losses import SAYABLE, binding, contrast, naming, satisfied
from .avatars_data import Avatars, origin, split
from .train_avatars_judge import visible_labels
from .training_kit import Average, Clock, descend, publish, set_rate

ZOO = Path(__file__).resolve().parents[3] / "core" / "zoo"
NAME = "avatars"
"""Name of the configuration in `core/auxiliaries/configs`."""
RATE = 2e-3
LARGEST_SCALE = math.log(100)
NAMING, BINDING = 6.0, 2.0
"""Weights of the losses of naming (a mean over attributes) and binding."""
NAMES = sum(len(values) for values in SAYABLE.values())


def main() -> None:
    """Trains for the given minutes and updates the manifest."""
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


def new_model(rng: Generator) -> ConvolutionalClip:
    """Makes an untrained model, its matrices drawn at CLIP's scale."""
    model = built(named_config(NAME))
    assert isinstance(model, ConvolutionalClip)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim >= 2:
                parameter.normal_(0, float(parameter.std()), generator=rng)
    return model


def tokenizer() -> WordTokenizer:
    """Tokenizer of the configuration's vocabulary."""
    return tokenizer_of(named_config(NAME))


def train(
    model: ConvolutionalClip, avatars: Avatars, seed: int, clock: Clock, rate: float
) -> ConvolutionalClip:
    """Trains by multi-positive contrast in both directions, naming and binding.

    Args:
        model: model, trained in place.
        avatars: avatars in pairs of siblings.
        seed: seed of batches, captions and deformations.
        clock: training budget.
        rate: highest learning rate.
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
        x = augmented(images[pick].float().div(255), rng, model.visual.image_size)
        texts, stated = captions_of(avatars, pick, words, tokens_of)
        with torch.autocast("cpu", torch.bfloat16):
            seen = model.visual(x.contiguous(memory_format=torch.channels_last))
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


@torch.no_grad()
def retrieval(model: ConvolutionalClip, held: Avatars) -> dict[str, Any]:
    """Rank-1 retrieval of a positive by full captions, both ways, among 1,000 held-out avatars."""
    words, tokens_of = np.random.default_rng(0), tokenizer()
    count = 1000
    x = torch.from_numpy(held.images[:count]).permute(0, 3, 1, 2).float().div(255)
    size = model.visual.image_size
    x = functional.interpolate(x, size=(size, size), mode="bilinear") * 2 - 1
    seen = torch.cat([model.visual(part) for part in x.split(100)])
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
