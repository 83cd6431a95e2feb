"""Attention that multiplies its frozen weights once instead of once per sequence position."""

from functools import cache
from typing import Any, TypeVar

from torch import Tensor, nn

__all__ = ["hold_sequence_first", "read_class_token_alone"]


def read_class_token_alone(visual: Any) -> None:  # noqa: ANN401
    """Restricts the last block of open_clip's image tower to the class token.

    The embedding is read from that token, so queries, projection and MLP of the other positions
    (49 of 50 in a ViT-B/32, four fifths of a block) are wasted. All positions keep their keys and
    values, and the results are the same. Towers with another pooling are unchanged.

    Args:
        visual: sequence-first tower of open_clip (`hold_sequence_first`); changed in place.
    """
    from open_clip.transformer import ResidualAttentionBlock, VisionTransformer

    if type(visual) is not VisionTransformer or visual.output_tokens:
        return
    if visual.attn_pool is not None or visual.pool_type != "tok":
        return
    last = visual.transformer.resblocks[-1]
    if type(last) is ResidualAttentionBlock and not visual.transformer.batch_first:
        # Another class for the same weights under the same names; copies keep it.
        last.__class__ = _last_block()


@cache
def _last_block() -> Any:  # noqa: ANN401
    from open_clip.transformer import ResidualAttentionBlock

    class ClassTokenBlock(ResidualAttentionBlock):
        """The block, evaluated at the first position alone."""

        def forward(
            self,
            q_x: Tensor,
            k_x: Tensor | None = None,
            v_x: Tensor | None = None,
            attn_mask: Tensor | None = None,
        ) -> Tensor:
            """Attends from the first position to all; keys, values and mask are not replaced."""
            normed = self.ln_1(q_x)
            x = q_x[:1] + self.ls_1(self.attention(normed[:1], normed, normed))
            return x + self.ls_2(self.mlp(self.ln_2(x)))

    return ClassTokenBlock


Network = TypeVar("Network", bound=nn.Module)


def hold_sequence_first(network: Network) -> Network:
    """Switches every nn.MultiheadAttention to (positions, images, width); results are the same.

    With `batch_first` PyTorch projects a transposed view. If the weights are frozen and a gradient
    is needed, it does so as a batched product with a copy of the weights per position: 50 in a
    ViT-B/32, 196 in a SigLIP B/16. Weights and their names are unchanged.

    Args:
        network: an image tower; changed in place.
    """
    for module in network.modules():
        _turn_transformer(module)
    for module in network.modules():
        if isinstance(module, nn.MultiheadAttention) and module.batch_first:
            module.batch_first = False
            module.register_forward_pre_hook(_places_first)
            module.register_forward_hook(_images_first)
    return network


def _turn_transformer(module: Any) -> None:  # noqa: ANN401
    """Switches an open_clip transformer, which transposes its tokens once for all blocks."""
    if not (hasattr(module, "resblocks") and getattr(module, "batch_first", False)):
        return
    attentions: list[Any] = [getattr(block, "attn", None) for block in module.resblocks]
    # open_clip's own Attention supports one layout only, and copies nothing.
    if all(isinstance(attention, nn.MultiheadAttention) for attention in attentions):
        for turned in (module, *attentions):
            turned.batch_first = False


def _places_first(module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    # Identical tensors stay identical, so that PyTorch projects them once.
    different = {id(tensor): tensor for tensor in given}
    turned = {key: tensor.transpose(0, 1).contiguous() for key, tensor in different.items()}
    return tuple(turned[id(tensor)] for tensor in given)


def _images_first(
    module: nn.Module, given: tuple[Tensor, ...], made: tuple[Tensor, Tensor | None]
) -> tuple[Tensor, Tensor | None]:
    return made[0].transpose(0, 1), made[1]
