"""CLIP with a convolutional image tower, with the tensor names of OpenAI's and open_clip's files.

It computes what open_clip's network computes, in the same operations, but is there without the
seconds that importing open_clip takes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["ConvolutionalClip", "ModifiedResNet", "TextSizes"]


class Bottleneck(nn.Module):
    """Residual block: 1 x 1, 3 x 3 and 1 x 1 convolutions; an average pool in place of strides."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        out = 4 * width
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.pool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample: nn.Sequential | None = None
        if stride > 1 or channels != out:
            self.downsample = nn.Sequential()
            self.downsample.add_module("-1", nn.AvgPool2d(stride))
            self.downsample.add_module("0", nn.Conv2d(channels, out, 1, bias=False))
            self.downsample.add_module("1", nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        h = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        h = functional.relu(self.bn2(self.conv2(h)), inplace=True)
        h = self.bn3(self.conv3(self.pool(h)))
        h += x if self.downsample is None else self.downsample(x)
        return functional.relu(h, inplace=True)


class AttentionPool(nn.Module):
    """Attends from the mean of all positions to all positions.

    Args:
        side: height and width of the feature maps.
        channels: channels of the feature maps.
        heads: attention heads.
        embed_dim: size of the embedding.
    """

    def __init__(self, side: int, channels: int, heads: int, embed_dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.positional_embedding = nn.Parameter(torch.empty(side**2 + 1, channels))
        self.k_proj = nn.Linear(channels, channels)
        self.q_proj = nn.Linear(channels, channels)
        self.v_proj = nn.Linear(channels, channels)
        self.c_proj = nn.Linear(channels, embed_dim)
        layers = (self.k_proj, self.q_proj, self.v_proj, self.c_proj)
        for weight in (self.positional_embedding, *(layer.weight for layer in layers)):
            nn.init.normal_(weight, std=channels**-0.5)

    def forward(self, maps: Tensor) -> Tensor:
        positions = rearrange(maps, "batch channels high wide -> (high wide) batch channels")
        x = torch.cat([positions.mean(dim=0, keepdim=True), positions])
        x = x + self.positional_embedding[:, None]
        attended, _ = functional.multi_head_attention_forward(
            query=x,
            key=x,
            value=x,
            embed_dim_to_check=x.shape[-1],
            num_heads=self.heads,
            in_proj_weight=None,
            in_proj_bias=torch.cat([self.q_proj.bias, self.k_proj.bias, self.v_proj.bias]),
            bias_k=None,
            bias_v=None,
            add_zero_attn=False,
            dropout_p=0.0,
            out_proj_weight=self.c_proj.weight,
            out_proj_bias=self.c_proj.bias,
            training=self.training,
            need_weights=False,
            use_separate_proj_weight=True,
            q_proj_weight=self.q_proj.weight,
            k_proj_weight=self.k_proj.weight,
            v_proj_weight=self.v_proj.weight,
        )
        return attended[0]


class ModifiedResNet(nn.Module):
    """OpenAI's image tower: three convolutions, four stages, attention pooling.

    Args:
        embed_dim: size of the embedding.
        image_size: height and width of the images in pixels, a multiple of 32.
        layers: number of blocks of each of the four stages.
        width: channels after the stem.
        head_width: channels of an attention head.
    """

    def __init__(
        self,
        embed_dim: int,
        image_size: int,
        layers: Sequence[int],
        width: int = 768,
        head_width: int = 64,
    ) -> None:
        super().__init__()
        self.image_size = image_size
        self.conv1 = nn.Conv2d(3, width // 2, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width // 2)
        self.conv2 = nn.Conv2d(width // 2, width // 2, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width // 2)
        self.conv3 = nn.Conv2d(width // 2, width, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.avgpool = nn.AvgPool2d(2)
        channels = width
        for stage, blocks in enumerate(layers):
            own = width * 2**stage
            parts = [Bottleneck(channels, own, stride=2 if stage else 1)]
            channels = 4 * own
            parts += [Bottleneck(channels, own, stride=1) for _ in range(1, blocks)]
            self.add_module(f"layer{stage + 1}", nn.Sequential(*parts))
        heads = channels // head_width
        self.attnpool = AttentionPool(image_size // 32, channels, heads, embed_dim)

    def stem(self, pixels: Float[Tensor, "batch 3 side side"]) -> Tensor:
        """Returns the feature maps of the first three convolutions, at a quarter of the size."""
        x = functional.relu(self.bn1(self.conv1(pixels)), inplace=True)
        x = functional.relu(self.bn2(self.conv2(x)), inplace=True)
        x = functional.relu(self.bn3(self.conv3(x)), inplace=True)
        return self.avgpool(x)

    def forward(self, pixels: Float[Tensor, "batch 3 side side"]) -> Float[Tensor, "batch embed"]:
        """Returns the embeddings of normalised pixels."""
        x = self.stem(pixels)
        for stage in range(1, 5):
            x = self.get_submodule(f"layer{stage}")(x)
        return self.attnpool(x)


class Block(nn.Module):
    """Transformer block with normalisation before attention and before the perceptron."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(width, 4 * width))
        self.mlp.add_module("gelu", nn.GELU())
        self.mlp.add_module("c_proj", nn.Linear(4 * width, width))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        normed = self.ln_1(x)
        x = x + self.attn(normed, normed, normed, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp(self.ln_2(x))


@dataclass(frozen=True)
class TextSizes:
    """Sizes of the text transformer.

    Attributes:
        context_length: maximum number of tokens.
        vocab_size: number of different tokens.
        width: channels.
        heads: attention heads.
        layers: number of blocks.
    """

    context_length: int
    vocab_size: int
    width: int
    heads: int
    layers: int


class ConvolutionalClip(nn.Module):
    """An untrained CLIP in float32: image tower `visual`, causal text transformer, logit scale.

    Args:
        visual: image tower.
        text: sizes of the text transformer.
        embed_dim: size of the embedding.
    """

    attn_mask: Tensor

    def __init__(self, visual: ModifiedResNet, text: TextSizes, embed_dim: int) -> None:
        super().__init__()
        self.visual = visual
        self.vocab_size = text.vocab_size
        self.transformer = nn.Module()
        blocks = [Block(text.width, text.heads) for _ in range(text.layers)]
        self.transformer.resblocks = nn.ModuleList(blocks)
        self.token_embedding = nn.Embedding(text.vocab_size, text.width)
        self.positional_embedding = nn.Parameter(torch.empty(text.context_length, text.width))
        self.ln_final = nn.LayerNorm(text.width)
        self.text_projection = nn.Parameter(torch.empty(text.width, embed_dim))
        # CLIP starts at a temperature of 0.07.
        self.logit_scale = nn.Parameter(torch.tensor(0.07).log().neg())
        square = (text.context_length, text.context_length)
        mask = torch.full(square, float("-inf")).triu(1)
        self.register_buffer("attn_mask", mask, persistent=False)
        self._draw(text)

    def _draw(self, text: TextSizes) -> None:
        """Draws initial weights with the standard deviations of CLIP's authors."""
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.positional_embedding, std=0.01)
        nn.init.normal_(self.text_projection, std=text.width**-0.5)
        last = text.width**-0.5 * (2 * text.layers) ** -0.5
        for block in self.transformer.get_submodule("resblocks").children():
            for name, std in (
                ("attn.in_proj_weight", text.width**-0.5),
                ("attn.out_proj.weight", last),
                ("mlp.c_fc.weight", (2 * text.width) ** -0.5),
                ("mlp.c_proj.weight", last),
            ):
                nn.init.normal_(block.get_parameter(name), std=std)

    def encode_text(
        self, tokens: Int[Tensor, "prompts context"]
    ) -> Float[Tensor, "prompts embed"]:
        """Returns the embeddings of prompts, read at their last token: the highest number."""
        x = self.token_embedding(tokens) + self.positional_embedding
        for block in self.transformer.get_submodule("resblocks").children():
            x = block(x, self.attn_mask)
        x = self.ln_final(x)
        ends = x[torch.arange(len(x), device=x.device), tokens.argmax(dim=-1)]
        return ends @ self.text_projection
