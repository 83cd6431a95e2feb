"""The StyleGAN2 discriminator, under the names of NVIDIA's PyTorch networks."""

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .mapping import FullyConnected, MappingNetwork
from .ops import upfirdn2d
from .stylegan2_layers import Convolution, Resampling

__all__ = ["MinibatchStd", "StyleGan2Discriminator"]


class MinibatchStd(nn.Module):
    """Channels that say how much the images of a group differ: logits depend on the batch.

    A group is of images that lie batch / group apart. Where the usual size does not divide the
    batch, groups are of the largest lesser size that does; alone, an image has no deviation.

    Args:
        num_channels: channels added, each for its part of the input's.
    """

    ATTRIBUTES: ClassVar = ("group_size",)

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.group_size: int | None = 4
        self.num_channels = num_channels

    def forward(
        self, x: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch more height width"]:
        batch, channels, height, width = x.shape
        wanted = min(self.group_size or batch, batch)
        group = next(size for size in range(wanted, 0, -1) if batch % size == 0)
        parts = self.num_channels
        y = x.reshape(group, -1, parts, channels // parts, height, width)
        y = (y - y.mean(dim=0)).square().mean(dim=0)
        y = (y + 1e-8).sqrt().mean(dim=(2, 3, 4))
        y = y[:, :, None, None].repeat(group, 1, height, width)
        return torch.cat([x, y], dim=1)


class DiscriminatorBlock(Resampling):
    """Layers at one resolution, which is halved at the end.

    Args:
        width: channels in.
        after: channels out.
        channels: channels of the image; 0 if this block does not take the image.
        residual: whether a shortcut convolution bypasses the two layers.
    """

    def __init__(self, width: int, after: int, channels: int, *, residual: bool) -> None:
        super().__init__()
        self.residual = residual
        if channels:
            self.fromrgb = Convolution(channels, width, 1, activation="lrelu")
        self.conv0 = Convolution(width, width, 3, activation="lrelu")
        self.conv1 = Convolution(width, after, 3, activation="lrelu", down=2)
        if residual:
            self.skip = Convolution(width, after, 1, bias=False, down=2)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        if not self.residual:
            return self.conv1(self.conv0(x))
        gain = math.sqrt(0.5)
        return self.skip(x, gain=gain) + self.conv1(self.conv0(x), gain=gain)


class DiscriminatorEpilogue(nn.Module):
    """Final layers, at 4 x 4 pixels.

    Args:
        width: channels in.
        channels: channels of the image; 0 if it is not an input here.
        outputs: number of outputs.
        deviations: channels of MinibatchStd; 0 for none.
        resolution: pixels a side.
    """

    def __init__(
        self, width: int, channels: int, outputs: int, deviations: int, resolution: int = 4
    ) -> None:
        super().__init__()
        if channels:
            self.fromrgb = Convolution(channels, width, 1, activation="lrelu")
        self.mbstd = MinibatchStd(deviations) if deviations else None
        self.conv = Convolution(width + deviations, width, 3, activation="lrelu")
        self.fc = FullyConnected(width * resolution**2, width, activation="lrelu")
        self.out = FullyConnected(width, outputs)

    def features(self, x: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch width"]:
        x = x if self.mbstd is None else self.mbstd(x)
        return self.fc(self.conv(x).flatten(1))


class StyleGan2Discriminator(nn.Module):
    """Discriminator from images, in about [-1, 1], and a class to a logit, high for real images.

    Args:
        widths: channels of each resolution, 4, 8 and so on.
        channels: channels of the image.
        outputs: outputs of the last layer: 1, or the dimension that classes are mapped to.
        architecture: "resnet", "skip" or "orig".
        deviations: channels of MinibatchStd.
        mapping: mapping network of the class. Where it is None and there are several outputs, the
            class row selects the output (the first StyleGAN2 of TensorFlow).
    """

    def __init__(
        self,
        widths: Mapping[int, int],
        channels: int,
        outputs: int = 1,
        *,
        architecture: str = "resnet",
        deviations: int = 1,
        mapping: MappingNetwork | None = None,
    ) -> None:
        super().__init__()
        self.architecture, self.outputs, self.img_channels = architecture, outputs, channels
        self.resolutions = sorted(widths, reverse=True)
        self.img_resolution = self.resolutions[0]
        self.c_dim = mapping.c_dim if mapping else (outputs if outputs > 1 else 0)
        seen = channels if architecture == "skip" else 0
        for resolution in self.resolutions[:-1]:
            block = DiscriminatorBlock(
                widths[resolution],
                widths[resolution // 2],
                channels if resolution == self.img_resolution else seen,
                residual=architecture == "resnet",
            )
            setattr(self, f"b{resolution}", block)
        self.b4 = DiscriminatorEpilogue(widths[4], seen, outputs, deviations)
        self.mapping = mapping

    def features(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch features"]:
        """Features that the logit is a linear function of."""
        x: Tensor | None = None
        for resolution in self.resolutions[:-1]:
            block = self.get_submodule(f"b{resolution}")
            if resolution == self.img_resolution or self.architecture == "skip":
                seen = block.fromrgb(images)
                x = seen if x is None else x + seen
            if self.architecture == "skip":
                f = block.low_pass(images)
                before, after = (f.shape[-1] - 1) // 2, (f.shape[-1] - 2) // 2
                images = upfirdn2d(images, f, 1, 2, (before, after, before, after))
            x = block(x)
        if x is None or self.architecture == "skip":
            seen = self.b4.fromrgb(images)
            x = seen if x is None else x + seen
        return self.b4.features(x)

    def directions(self, c: Float[Tensor, "batch c"] | None) -> Float[Tensor, "rows outputs"]:
        """Weights of the outputs in the logit: one row per image, or one for all.

        Args:
            c: class row per image; None for the uniform mean over classes.
        """
        like = self.b4.out.weight
        if self.c_dim == 0:
            return like.new_ones(1, 1)
        rows = torch.eye(self.c_dim, dtype=like.dtype, device=like.device) if c is None else c
        if self.mapping is not None:
            rows = self.mapping(None, rows) / math.sqrt(self.outputs)
        return rows.mean(dim=0, keepdim=True) if c is None else rows

    def forward(
        self,
        images: Float[Tensor, "batch channels height width"],
        c: Float[Tensor, "batch c"] | None = None,
    ) -> Float[Tensor, " batch"]:
        """Returns one logit per image.

        Args:
            images: images in the range of the generator, about [-1, 1].
            c: class rows; None for the mean of the logits over all classes.
        """
        return (self.b4.out(self.features(images)) * self.directions(c)).sum(dim=1)
