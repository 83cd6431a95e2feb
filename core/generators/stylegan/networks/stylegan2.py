"""The StyleGAN2 generator of Karras et al. (2020), under the names of NVIDIA's networks."""

import math
from collections.abc import Mapping

import torch
from einops import repeat
from jaxtyping import Float
from torch import Tensor, nn

from ....rng import SampleRng
from .mapping import MappingNetwork, broadcast
from .ops import upfirdn2d
from .stylegan2_layers import Convolution, Resampling, SynthesisLayer, ToRgb

__all__ = ["StyleGan2Generator", "StyleGan2Synthesis"]


class SynthesisBlock(Resampling):
    """Layers at one resolution.

    Args:
        before: channels in; 0 for the first block, which starts from a learned constant.
        after: channels out.
        w_dim: length of w.
        resolution: pixels a side.
        channels: channels of the image; 0 if this block adds nothing to it.
        residual: whether a shortcut convolution bypasses the two layers.
        kernel: side of the convolution kernels.
        noise: whether the layers have noise.
    """

    def __init__(
        self,
        before: int,
        after: int,
        w_dim: int,
        resolution: int,
        channels: int,
        *,
        residual: bool = False,
        kernel: int = 3,
        noise: bool = True,
    ) -> None:
        super().__init__()
        self.first, self.coloured = before == 0, channels > 0
        self.residual = residual and not self.first
        if self.first:
            self.const = nn.Parameter(nn.init.zeros_(torch.empty(after, resolution, resolution)))
        else:
            self.conv0 = SynthesisLayer(
                before, after, w_dim, resolution, kernel=kernel, up=2, noise=noise
            )
        self.conv1 = SynthesisLayer(after, after, w_dim, resolution, kernel=kernel, noise=noise)
        if self.coloured:
            self.torgb = ToRgb(after, channels, w_dim)
        if self.residual:
            self.skip = Convolution(before, after, 1, bias=False, up=2)

    @property
    def convolutions(self) -> int:
        """Number of layers with their own w; the colour layer shares the next block's first w."""
        return 1 if self.first else 2

    def forward(
        self,
        x: Tensor | None,
        image: Tensor | None,
        ws: Float[Tensor, "batch ws w"],
        noise: str,
        rng: SampleRng | None,
    ) -> tuple[Tensor, Tensor | None]:
        """Returns the activations and the accumulated image at this resolution."""
        gain = math.sqrt(0.5) if self.residual else None
        if x is None:
            x = repeat(
                self.const, "channels height width -> batch channels height width", batch=len(ws)
            )
            x = self.conv1(x, ws[:, 0], noise, rng)
        else:
            around = self.skip(x, gain=gain) if self.residual else None
            x = self.conv0(x, ws[:, 0], noise, rng)
            x = self.conv1(x, ws[:, 1], noise, rng, gain=gain)
            x = x if around is None else around + x
        if image is not None:
            f = self.low_pass(image)
            before, after = (f.shape[-1] + 1) // 2, (f.shape[-1] - 2) // 2
            image = upfirdn2d(image, f, 2, 1, (before, after, before, after), gain=4)
        if self.coloured:
            colours = self.torgb(x, ws[:, self.convolutions])
            image = colours if image is None else image + colours
        return x, image


class StyleGan2Synthesis(nn.Module):
    """Synthesis network from one w per layer to images.

    Args:
        w_dim: length of w.
        widths: channels of each resolution; resolutions double.
        channels: channels of the image.
        architecture: "skip" (every resolution adds to the image), "resnet" (residual blocks) or
            "orig" (neither).
        kernel: side of the convolution kernels.
        noise: whether the layers have noise.
    """

    def __init__(
        self,
        w_dim: int,
        widths: Mapping[int, int],
        channels: int,
        *,
        architecture: str = "skip",
        kernel: int = 3,
        noise: bool = True,
    ) -> None:
        super().__init__()
        self.w_dim, self.img_channels = w_dim, channels
        self.resolutions = sorted(widths)
        self.img_resolution = self.resolutions[-1]
        before = 0
        for resolution in self.resolutions:
            last = resolution == self.img_resolution
            block = SynthesisBlock(
                before,
                widths[resolution],
                w_dim,
                resolution,
                channels if last or architecture == "skip" else 0,
                residual=architecture == "resnet",
                kernel=kernel,
                noise=noise,
            )
            setattr(self, f"b{resolution}", block)
            before = widths[resolution]
        self.num_ws = 2 * len(self.resolutions)

    def forward(
        self,
        ws: Float[Tensor, "batch ws w"],
        noise: str = "const",
        rng: SampleRng | None = None,
    ) -> Float[Tensor, "batch channels height width"]:
        """Returns images in about [-1, 1], not clamped."""
        x: Tensor | None = None
        image: Tensor | None = None
        first = 0
        for resolution in self.resolutions:
            block = self.get_submodule(f"b{resolution}")
            x, image = block(x, image, ws[:, first : first + 3], noise, rng)
            first += block.convolutions
        return image


class StyleGan2Generator(nn.Module):
    """Generator from latents and a class to images.

    Args:
        mapping: mapping network from z to w.
        synthesis: synthesis network from ws to images.
    """

    def __init__(self, mapping: MappingNetwork, synthesis: StyleGan2Synthesis) -> None:
        super().__init__()
        self.synthesis = synthesis
        self.mapping = mapping

    def forward(
        self,
        z: Float[Tensor, "batch z"],
        c: Float[Tensor, "batch c"] | None = None,
        psi: float = 1.0,
        cutoff: int = 0,
        noise: str = "const",
        rng: SampleRng | None = None,
    ) -> Float[Tensor, "batch channels height width"]:
        """Images, about [-1, 1] but not bounded.

        Args:
            z: draws from N(0, I).
            c: class row per image, one-hot or a mixture, where the network has classes.
            psi: truncation to w_avg + psi (w - w_avg); 1 for none.
            cutoff: number of truncated ws, from the first; 0 for all.
            noise: noise of the layers: "const" (the file's), "random" (new draws) or "none".
            rng: streams of the random noise.
        """
        centre = self.mapping.centre(c) if psi != 1 else None
        ws = broadcast(self.mapping(z, c), self.synthesis.num_ws, centre, psi, cutoff)
        return self.synthesis(ws, noise, rng)
