"""DF-GAN's matching-aware discriminators, under official names.

An image's 4 x 4 maps are joined with the sentence; real images that match it get a high logit. In
2021 both parts were one network, in 2022 they are two.
"""

from itertools import pairwise
from typing import Final

import torch
from einops import repeat
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["EarlyJudge", "ImageMaps", "Matching", "SentenceJudge"]

SIDE: Final = 4
SLOPE: Final = 0.2


class _Shrink(nn.Module):
    """Halves the side; adds gamma times a residual."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv_r = nn.Sequential(
            nn.Conv2d(before, after, 4, stride=2, padding=1, bias=False),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(after, after, 3, padding=1, bias=False),
            nn.LeakyReLU(SLOPE),
        )
        # Files have it even where the number of channels stays; it is then unused.
        self.conv_s = nn.Conv2d(before, after, 1)
        self.gamma = nn.Parameter(torch.zeros(1))
        self.wider = before != after

    def forward(self, x: Tensor) -> Tensor:
        shortcut = self.conv_s(x) if self.wider else x
        return functional.avg_pool2d(shortcut, 2) + self.gamma * self.conv_r(x)


class Matching(nn.Module):
    """Logits from an image's maps and a sentence.

    Args:
        width: channels of the image's maps.
        sentence: length of the sentence's vector.
        hidden: channels between the convolutions.
    """

    def __init__(self, width: int, sentence: int, hidden: int) -> None:
        super().__init__()
        self.sentence = sentence
        self.joint_conv = nn.Sequential(
            nn.Conv2d(width + sentence, hidden, 3, padding=1, bias=False),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(hidden, 1, SIDE, bias=False),
        )

    def features(
        self, maps: Float[Tensor, "batch width 4 4"], sentence: Float[Tensor, "batch sentence"]
    ) -> Float[Tensor, "batch features"]:
        """What the logit is linear in."""
        return self.joint_conv[:2](self._joined(maps, sentence)).flatten(1)

    def forward(
        self, maps: Float[Tensor, "batch width 4 4"], sentence: Float[Tensor, "batch sentence"]
    ) -> Float[Tensor, " batch"]:
        """Logits."""
        return self.joint_conv(self._joined(maps, sentence)).flatten()

    def _joined(self, maps: Tensor, sentence: Tensor) -> Tensor:
        y = repeat(sentence, "batch features -> batch features row column", row=SIDE, column=SIDE)
        return torch.cat([maps, y], dim=1)


class ImageMaps(nn.Module):
    """Maps of an image, in the form of 2022.

    Args:
        widths: channels at the image's side, then after each halving.
    """

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.size = SIDE * 2 ** (len(widths) - 1)
        self.conv_img = nn.Conv2d(3, widths[0], 3, padding=1)
        self.DBlocks = nn.ModuleList(_Shrink(*pair) for pair in pairwise(widths))

    def forward(self, x: Float[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch width 4 4"]:
        """Maps; x in [-1, 1]."""
        x = self.conv_img(x)
        for block in self.DBlocks:
            x = block(x)
        return x


class SentenceJudge(nn.Module):
    """Discriminator of 2022, of its two networks.

    Args:
        maps: the network of images, `netD`.
        matching: the network of both, `netC`.
    """

    def __init__(self, maps: ImageMaps, matching: Matching) -> None:
        super().__init__()
        self.netD, self.netC = maps, matching
        self.size, self.sentence = maps.size, matching.sentence

    def features(self, x: Tensor, sentence: Tensor) -> Tensor:
        """What the logit is linear in; x in [-1, 1]."""
        return self.netC.features(self.netD(x), sentence)

    def forward(self, x: Tensor, sentence: Tensor) -> Tensor:
        """Logits (batch,); x in [-1, 1]."""
        return self.netC(self.netD(x), sentence)


class EarlyJudge(nn.Module):
    """Discriminator of 2021.

    Args:
        widths: channels at the image's side, then after each halving.
        sentence: length of the sentence's vector.
        hidden: channels between the convolutions of the last part.
    """

    def __init__(self, widths: tuple[int, ...], sentence: int, hidden: int) -> None:
        super().__init__()
        self.conv_img = nn.Conv2d(3, widths[0], 3, padding=1)
        self.blocks = len(widths) - 1
        self.size, self.sentence = SIDE * 2**self.blocks, sentence
        for number in range(self.blocks):
            self.add_module(f"block{number}", _Shrink(widths[number], widths[number + 1]))
        self.COND_DNET = Matching(widths[-1], sentence, hidden)

    def maps(self, x: Tensor) -> Tensor:
        """Maps (batch, width, 4, 4); x in [-1, 1]."""
        x = self.conv_img(x)
        for number in range(self.blocks):
            x = self.get_submodule(f"block{number}")(x)
        return x

    def features(self, x: Tensor, sentence: Tensor) -> Tensor:
        """What the logit is linear in; x in [-1, 1]."""
        return self.COND_DNET.features(self.maps(x), sentence)

    def forward(self, x: Tensor, sentence: Tensor) -> Tensor:
        """Logits (batch,); x in [-1, 1]."""
        return self.COND_DNET(self.maps(x), sentence)
