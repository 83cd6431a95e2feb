"""BLIP's image encoder and its text encoder with cross-attention (arXiv 2201.12086), as scored by.

Names of parameters are those of the published files: timm's vision transformer, and BERT with a
`crossattention` to the image in each layer.
"""

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["BlipScorer", "BlipText", "BlipVision"]

Hidden = Float[Tensor, "batch _ _"]
"""Tokens: (batch, number, width)."""


class _PatchEmbed(nn.Module):
    def __init__(self, width: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, patch)

    def forward(self, pixels: Tensor) -> Hidden:
        return self.proj(pixels).flatten(2).mT


class _Qkv(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Hidden) -> Hidden:
        q, k, v = rearrange(self.qkv(x), "b n (three h d) -> three b h n d", three=3, h=self.heads)
        seen = functional.scaled_dot_product_attention(q, k, v)
        return self.proj(rearrange(seen, "b h n d -> b n (h d)"))


class _Mlp(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Hidden) -> Hidden:
        return self.fc2(functional.gelu(self.fc1(x)))


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(width, eps=1e-6) for _ in range(2))
        self.attn, self.mlp = _Qkv(width, heads), _Mlp(width, hidden)

    def forward(self, x: Hidden) -> Hidden:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class BlipVision(nn.Module):
    """Vision transformer with a class token.

    Args:
        width: of a token. depth: number of blocks. heads: of each attention.
        patch: side of a patch in pixels. tokens: patches and class token.
        hidden: width between the layers of a block's perceptron.
    """

    def __init__(
        self, width: int, depth: int, heads: int, patch: int, tokens: int, hidden: int
    ) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, tokens, width))
        self.patch_embed = _PatchEmbed(width, patch)
        self.blocks = nn.ModuleList(_Block(width, heads, hidden) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, pixels: Float[Tensor, "batch 3 height width"]) -> Hidden:
        """Tokens of normalised pixels, the class token first."""
        patches = self.patch_embed(pixels)
        first = self.cls_token.expand(len(patches), -1, -1)
        x = torch.cat([first, patches], dim=1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class _Projections(nn.Module):
    def __init__(self, width: int, seen: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key, self.value = nn.Linear(seen, width), nn.Linear(seen, width)

    def forward(self, x: Hidden, seen: Hidden, mask: Tensor | None) -> Hidden:
        q, k, v = (
            rearrange(part, "b n (h d) -> b h n d", h=self.heads)
            for part in (self.query(x), self.key(seen), self.value(seen))
        )
        found = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return rearrange(found, "b h n d -> b n (h d)")


class _Output(nn.Module):
    def __init__(self, before: int, width: int) -> None:
        super().__init__()
        self.dense, self.LayerNorm = nn.Linear(before, width), nn.LayerNorm(width, eps=1e-12)

    def forward(self, x: Hidden, residual: Hidden) -> Hidden:
        return self.LayerNorm(self.dense(x) + residual)


class _Attention(nn.Module):
    def __init__(self, width: int, seen: int, heads: int) -> None:
        super().__init__()
        self.self = _Projections(width, seen, heads)
        self.output = _Output(width, width)

    def forward(self, x: Hidden, seen: Hidden, mask: Tensor | None = None) -> Hidden:
        return self.output(self.self(x, seen, mask), x)


class _Intermediate(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, hidden)


class _Layer(nn.Module):
    def __init__(self, width: int, seen: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.attention = _Attention(width, width, heads)
        self.crossattention = _Attention(width, seen, heads)
        self.intermediate = _Intermediate(width, hidden)
        self.output = _Output(hidden, width)

    def forward(self, x: Hidden, image: Hidden, mask: Tensor) -> Hidden:
        x = self.crossattention(self.attention(x, x, mask), image)
        return self.output(functional.gelu(self.intermediate.dense(x)), x)


class _Embeddings(nn.Module):
    def __init__(self, words: int, places: int, width: int) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(words, width)
        self.position_embeddings = nn.Embedding(places, width)
        self.LayerNorm = nn.LayerNorm(width, eps=1e-12)

    def forward(self, tokens: Tensor) -> Hidden:
        places = torch.arange(tokens.shape[1], device=tokens.device)
        return self.LayerNorm(self.word_embeddings(tokens) + self.position_embeddings(places))


class _Layers(nn.Module):
    def __init__(self, layers: list[_Layer]) -> None:
        super().__init__()
        self.layer = nn.ModuleList(layers)


class BlipText(nn.Module):
    """BERT whose layers also attend to the tokens of an image.

    Args:
        words: size of the vocabulary. places: longest text. width: of a token.
        seen: width of the image's tokens. depth: number of layers. heads: of each attention.
        hidden: width between the layers of a layer's perceptron.
    """

    def __init__(
        self, words: int, places: int, width: int, seen: int, depth: int, heads: int, hidden: int
    ) -> None:
        super().__init__()
        self.embeddings = _Embeddings(words, places, width)
        self.encoder = _Layers([_Layer(width, seen, heads, hidden) for _ in range(depth)])

    def forward(
        self,
        tokens: Int[Tensor, "batch length"],
        there: Int[Tensor, "batch length"],
        image: Hidden,
    ) -> Hidden:
        """Hidden states of tokens, `there` 1 for a token and 0 for padding."""
        mask = there[:, None, None, :].bool()
        x = self.embeddings(tokens)
        for layer in self.encoder.layer:
            x = layer(x, image, mask)
        return x


class BlipScorer(nn.Module):
    """ImageReward's network: BLIP and a perceptron without activations on its first token.

    Args:
        vision: image encoder.
        text: text encoder.
        widths: sizes between the layers of the perceptron.
    """

    NUMBERS = (0, 2, 4, 6, 7)
    """Numbers of its linear layers; dropout is between the first four."""

    def __init__(self, vision: BlipVision, text: BlipText, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.blip = nn.ModuleDict({"visual_encoder": vision, "text_encoder": text})
        linear = zip(self.NUMBERS, widths[:-1], widths[1:], strict=True)
        layers = {str(number): nn.Linear(before, after) for number, before, after in linear}
        self.mlp = nn.ModuleDict({"layers": nn.ModuleDict(layers)})

    def forward(
        self,
        pixels: Float[Tensor, "batch 3 height width"],
        tokens: Int[Tensor, "batch length"],
        there: Int[Tensor, "batch length"],
    ) -> Float[Tensor, " batch"]:
        """Scores before they are standardised."""
        image = self.blip["visual_encoder"](pixels)
        x = self.blip["text_encoder"](tokens, there, image)[:, 0]
        layers = self.mlp["layers"]
        assert isinstance(layers, nn.ModuleDict)
        for layer in layers.values():
            x = layer(x)
        return x[:, 0]
