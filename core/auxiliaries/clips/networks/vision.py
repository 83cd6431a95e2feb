"""CLIP's vision transformer with the tensor names of transformers, as ComfyUI stores it."""

import torch
from einops import rearrange, repeat
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["ACTIVATIONS", "ClipVisionNetwork"]

ACTIVATIONS = {
    "gelu": functional.gelu,
    "gelu_pytorch_tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x),
}


class Attention(nn.Module):
    """Multi-head self-attention, from the query tokens to all tokens."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor, asking: Tensor) -> Tensor:
        query, key, value = (
            rearrange(
                projection(tokens),
                "batch tokens (heads width) -> batch heads tokens width",
                heads=self.heads,
            )
            for projection, tokens in (
                (self.q_proj, asking),
                (self.k_proj, x),
                (self.v_proj, x),
            )
        )
        seen = functional.scaled_dot_product_attention(query, key, value)
        return self.out_proj(
            rearrange(seen, "batch heads tokens width -> batch tokens (heads width)")
        )


class Perceptron(nn.Module):
    """Two linear layers with an activation between them."""

    def __init__(self, width: int, hidden: int, activation: str) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.activation(self.fc1(x)))


class Layer(nn.Module):
    """Attention and MLP, each with a pre-norm and a residual connection."""

    def __init__(self, width: int, heads: int, hidden: int, activation: str) -> None:
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(width)
        self.self_attn = Attention(width, heads)
        self.layer_norm2 = nn.LayerNorm(width)
        self.mlp = Perceptron(width, hidden, activation)

    def forward(self, x: Tensor, places: int | None = None) -> Tensor:
        """Returns the tokens of the first `places` positions, or of all."""
        normed = self.layer_norm1(x)
        # Not in place: the gradient needs the input.
        x = x[:, :places] + self.self_attn(normed, normed[:, :places])
        return x + self.mlp(self.layer_norm2(x))


class Embeddings(nn.Module):
    """Embeds patches and the class token, with position embeddings."""

    def __init__(self, width: int, patch: int, places: int) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.patch_embedding = nn.Conv2d(3, width, patch, stride=patch, bias=False)
        self.position_embedding = nn.Embedding(places, width)

    def forward(self, pixels: Tensor) -> Tensor:
        patches = rearrange(
            self.patch_embedding(pixels), "batch width rows columns -> batch (rows columns) width"
        )
        token = repeat(self.class_embedding, "width -> batch 1 width", batch=len(pixels))
        return torch.cat([token, patches], dim=1) + self.position_embedding.weight


class VisionModel(nn.Module):
    """Maps pixels to the class token after the last layer."""

    def __init__(
        self,
        *,
        width: int,
        patch: int,
        places: int,
        layers: int,
        heads: int,
        hidden: int,
        act: str,
    ) -> None:
        super().__init__()
        self.embeddings = Embeddings(width, patch, places)
        self.pre_layrnorm = nn.LayerNorm(width)
        self.encoder = nn.ModuleDict(
            {"layers": nn.ModuleList(Layer(width, heads, hidden, act) for _ in range(layers))}
        )
        self.post_layernorm = nn.LayerNorm(width)

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.pre_layrnorm(self.embeddings(pixels))
        *layers, last = self.encoder["layers"]
        for layer in layers:
            x = layer(x)
        # Only the class token is read.
        x = last(x, places=1)
        return self.post_layernorm(x[:, 0])


class ClipVisionNetwork(nn.Module):
    """Maps normalised pixels (batch, 3, size, size) to embeddings (batch, embed).

    Args:
        width: token width.
        patch: side of a patch in pixels.
        places: number of positions: patches and the class token.
        layers: number of transformer layers.
        heads: number of heads of each attention.
        hidden: hidden units of an MLP.
        act: a key of ACTIVATIONS.
        embed: embedding size.
    """

    def __init__(self, *, width: int, embed: int, **sizes) -> None:  # noqa: ANN003
        super().__init__()
        self.vision_model = VisionModel(width=width, **sizes)
        self.visual_projection = nn.Linear(width, embed, bias=False)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.visual_projection(self.vision_model(pixels))
