"""Attention that multiplies its frozen weights once, not once for each place of a sequence."""

from functools import cache
from typing import Any, TypeVar

from torch import Tensor, nn

__all__ = ["hold_sequence_first", "read_class_token_alone"]


def read_class_token_alone(visual: Any) -> None:  # noqa: ANN401
    """Has the last block of open_clip's image tower give the class token and no other place.

    The embedding is read off that token, so queries, projection and perceptron of the other
    places (49 of 50 in a ViT-B/32, four fifths of a block) do nothing but cost. Every place keeps
    its keys and values; results stay. Towers that pool otherwise are left as they are.

    Args:
        visual: of open_clip, its places held first (`sequence_first`); changed in place.
    """
    from open_clip.transformer import ResidualAttentionBlock, VisionTransformer

    if type(visual) is not VisionTransformer or visual.output_tokens:
        return
    if visual.attn_pool is not None or visual.pool_type != "tok":
        return
    last = visual.transformer.resblocks[-1]
    if type(last) is ResidualAttentionBlock and not visual.transformer.batch_first:
        # Another class for the same weights under the same names, which copies keep.
        last.__class__ = _last_block()


@cache
def _last_block() -> Any:  # noqa: ANN401
    from open_clip.transformer import ResidualAttentionBlock

    class ClassTokenBlock(ResidualAttentionBlock):
        """The block, of the first place alone."""

        def forward(
            self,
            q_x: Tensor,
            k_x: Tensor | None = None,
            v_x: Tensor | None = None,
            attn_mask: Tensor | None = None,
        ) -> Tensor:
            """As the block's own; keys and values are its own, and nothing is masked."""
            normed = self.ln_1(q_x)
            x = q_x[:1] + self.ls_1(self.attention(normed[:1], normed, normed))
            return x + self.ls_2(self.mlp(self.ln_2(x)))

    return ClassTokenBlock


Network = TypeVar("Network", bound=nn.Module)


def hold_sequence_first(network: Network) -> Network:
    """Has every nn.MultiheadAttention take (places, images, width), contiguous; results stay.

    With `batch_first` PyTorch projects a transposed view, and where the weights are frozen and a
    gradient is wanted it does so by a batched product with a copy of them for each place: 50 in a
    ViT-B/32, 196 in a SigLIP B/16. Weights and their names are left as they are.

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
    """Of open_clip's transformers, that turn their tokens around once for all blocks."""
    if not (hasattr(module, "resblocks") and getattr(module, "batch_first", False)):
        return
    attentions: list[Any] = [getattr(block, "attn", None) for block in module.resblocks]
    # open_clip's own Attention knows one layout alone, and copies nothing.
    if all(isinstance(attention, nn.MultiheadAttention) for attention in attentions):
        for turned in (module, *attentions):
            turned.batch_first = False


def _places_first(module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    # What is one tensor stays one: PyTorch projects it once then.
    different = {id(tensor): tensor for tensor in given}
    turned = {key: tensor.transpose(0, 1).contiguous() for key, tensor in different.items()}
    return tuple(turned[id(tensor)] for tensor in given)


def _images_first(
    module: nn.Module, given: tuple[Tensor, ...], made: tuple[Tensor, Tensor | None]
) -> tuple[Tensor, Tensor | None]:
    return made[0].transpose(0, 1), made[1]
