"""StyleGAN3's generator (Karras et al., 2021, "Alias-Free Generative Adversarial Networks").

Fourier features transformed by an affine map of w, followed by layers of a modulated convolution
and a leaky ReLU at a higher sampling rate. StyleGAN-XL has the same synthesis network.

The state dict is NVIDIA's: `mapping.*`, `synthesis.input.*`, `synthesis.{layer}.*`.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from .mapping import MappingNetwork, broadcast
from .stylegan3_layers import AliasFreeLayer, FourierFeatures, InputPlan, LayerPlan

__all__ = ["StyleGan3Generator", "StyleGan3Synthesis"]

Maps = Float[Tensor, "batch channels height width"]


class StyleGan3Synthesis(nn.Module):
    """Synthesis network from one w per layer to images.

    Args:
        w_dim: length of w.
        entry: plan of the Fourier features.
        layers: plans of the layers in order; the last makes the image.
        output_scale: factor on the last layer's output.
    """

    def __init__(
        self, w_dim: int, entry: InputPlan, layers: Sequence[LayerPlan], output_scale: float
    ) -> None:
        super().__init__()
        self.w_dim = w_dim
        self.num_ws = len(layers) + 1
        self.output_scale = output_scale
        self.input = FourierFeatures(w_dim, entry)
        self.plans = tuple(layers)
        for plan in layers:
            self.add_module(plan.name, AliasFreeLayer(w_dim, plan))

    @property
    def image_size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        size = self.input.plan.size
        for plan in self.plans:
            size = plan.size(size)
        return size

    def forward(
        self,
        ws: Float[Tensor, "batch ws w"],
        transform: Float[Tensor, "3 3"] | None = None,
    ) -> Maps:
        """Returns images in about [-1, 1], not clamped.

        Args:
            ws: one w for the features, then one per layer.
            transform: replaces the transform of the features.
        """
        first, *others = ws.unbind(dim=1)
        maps = self.input(first, transform)
        for plan, w in zip(self.plans, others, strict=True):
            maps = self.get_submodule(plan.name)(maps, w)
        return maps if self.output_scale == 1 else maps * self.output_scale


class StyleGan3Generator(nn.Module):
    """Generator from latents and a class to images.

    Args:
        mapping: mapping network from z to w.
        synthesis: synthesis network from ws to images.
    """

    def __init__(self, mapping: MappingNetwork, synthesis: StyleGan3Synthesis) -> None:
        super().__init__()
        self.synthesis = synthesis
        self.mapping = mapping

    def forward(
        self,
        z: Float[Tensor, "batch z"],
        c: Float[Tensor, "batch c"] | None = None,
        psi: float = 1.0,
        cutoff: int = 0,
    ) -> Maps:
        """Returns images in about [-1, 1], not clamped.

        Args:
            z: draws from N(0, I).
            c: class row per image, one-hot or a mixture, where the network has classes.
            psi: truncation to w_avg + psi (w - w_avg); 1 for none.
            cutoff: number of truncated ws, from the first; 0 for all.
        """
        centre = self.mapping.centre(c) if psi != 1 else None
        return self.synthesis(
            broadcast(self.mapping(z, c), self.synthesis.num_ws, centre, psi, cutoff)
        )
