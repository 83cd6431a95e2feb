"""A tiny inpainting family: known pixels as given, the hole a linear function of z."""

import torch
from latentsteer.core.checkpoints.architecture import (
    Architecture,
    Example,
    all_of,
    load_network,
)
from latentsteer.core.generator import ConditionalGenerator, Gaussian, Generator, Given
from latentsteer.core.spaces import Block, Space
from torch import nn

SIDE, DIM = 8, 4


class Filler(nn.Module):
    def __init__(self):
        super().__init__()
        self.paint = nn.Linear(DIM, 3 * SIDE * SIDE)

    def forward(self, z, image, mask):
        painted = self.paint(z).sigmoid().unflatten(1, (3, SIDE, SIDE))
        return image * (1 - mask) + painted * mask


def load(checkpoint):
    network = load_network(Filler(), checkpoint, "filler.")

    def bind(given):
        return Generator(
            name=checkpoint.path.stem,
            id=checkpoint.sha256,
            architecture="toy-filler",
            module=network,
            source=Space((Block("z", (DIM,)),)),
            prior=Gaussian(DIM),
            image_size=(SIDE, SIDE),
            render=lambda parts, rng: network(parts["z"], given.image, given.mask),
        )

    return ConditionalGenerator(
        checkpoint.path.stem, "toy-filler", ("image", "mask"), (SIDE, SIDE), bind
    )


FILLER = Architecture(
    id="toy-filler",
    needs="`filler.paint.weight`",
    recognises=all_of("filler.paint.weight"),
    load=load,
    examples=(lambda: Example({"filler.": Filler()}, {}),),
)


def grey_image(level=0.25):
    return torch.full((1, 3, SIDE, SIDE), level)


def left_half():
    mask = torch.zeros(1, SIDE, SIDE)
    mask[:, :, : SIDE // 2] = 1
    return mask


def inputs(**changed):
    return Given(**{"image": grey_image(), "mask": left_half(), **changed})
