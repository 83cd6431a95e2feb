"""The last block of a vision transformer, computed where it is read: at the class token."""

from functools import cache
from typing import Any

from torch import Tensor

__all__ = ["read_class_token_alone"]


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
