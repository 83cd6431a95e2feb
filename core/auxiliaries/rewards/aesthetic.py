"""LAION's aesthetic predictors: heads on the embeddings of OpenAI's CLIPs.

Version 1 is one linear layer, `sa_0_4_vit_l_14_linear.pth` and others. Version 2,
`sac+logos+ava1-l14-linearMSE.pth`, has five linear layers without activations, which are one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from ...auxiliary import Reward
from ...checkpoints.architecture import Architecture, Example
from ...checkpoints.record import Checkpoint
from ...checkpoints.weights import is_finite
from ...clip import Clip
from ...devices import placed
from ...errors import CheckpointError, ConditionMismatch
from .clips import clip_tower

__all__ = ["AESTHETIC", "AestheticHead"]

LAYERS = (0, 2, 4, 6, 7)
"""Numbers of the linear layers of version 2; dropout is between the first four."""


@dataclass(frozen=True)
class AestheticHead:
    """A linear function of a CLIP's unit embedding, which becomes a mark of about 1 to 10.

    Attributes:
        name: display name.
        id: sha256 of the weights.
        weight: factors on the embedding.
        bias: constant.
    """

    name: str
    id: str
    weight: Float[Tensor, " embed"]
    bias: float

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """None: the network is the CLIP."""
        return ()

    def on(self, clip: Clip) -> Reward:
        """Returns the reward of the images that a CLIP sees.

        Raises:
            ConditionMismatch: the CLIP has embeddings of another size.
        """
        if clip.embed_dim != len(self.weight):
            raise ConditionMismatch(
                f"{self.name!r} takes embeddings of {len(self.weight)} numbers; those of "
                f"{clip.name!r} have {clip.embed_dim}. It was trained on OpenAI's CLIP "
                f"{'ViT-L/14' if len(self.weight) == 768 else 'ViT-B/32 or B/16'}: load that one."
            )

        def head(features: Tensor, said: Tensor) -> Tensor:
            return (features * placed(self.weight, features)).sum(dim=1) + self.bias

        tower, whole = clip_tower(clip, head), f"{self.id}{clip.id}"
        return Reward(self.name, whole, "aesthetic", clip.modules, tower.score, tower=tower)


def _recognises(checkpoint: Checkpoint) -> bool:
    names = set(checkpoint.tensors)
    whole = {f"layers.{n}.{part}" for n in LAYERS for part in ("weight", "bias")}
    return names == whole or (names == {"weight", "bias"} and _single(checkpoint.tensors))


def _single(tensors: Mapping[str, Tensor]) -> bool:
    return tensors["weight"].ndim == 2 and tensors["weight"].shape[0] == 1


def _load(checkpoint: Checkpoint) -> AestheticHead:
    tensors = {name: tensor.double() for name, tensor in checkpoint.tensors.items()}
    for name, tensor in tensors.items():
        if not is_finite(tensor):
            raise CheckpointError(
                f"{checkpoint.path.name} has values that are not finite in `{name}`. Fetch it "
                "again."
            )
    if "weight" in tensors:
        weight, bias = tensors["weight"], tensors["bias"]
    else:
        weight, bias = tensors["layers.0.weight"], tensors["layers.0.bias"]
        for number in LAYERS[1:]:
            factor = tensors[f"layers.{number}.weight"]
            weight, bias = factor @ weight, factor @ bias + tensors[f"layers.{number}.bias"]
    if weight.shape[0] != 1 or bias.shape != (1,):
        raise CheckpointError(
            f"{checkpoint.path.name} ends with {weight.shape[0]} numbers; an aesthetic head has "
            "one."
        )
    return AestheticHead(
        checkpoint.path.stem, checkpoint.sha256, weight[0].float(), float(bias[0])
    )


def _example(*widths: int) -> Example:
    layers = {
        f"layers.{number}": nn.Linear(before, after)
        for number, (before, after) in zip(LAYERS, pairwise(widths), strict=True)
    }
    return Example({f"{name}.": layer for name, layer in layers.items()}, {})


AESTHETIC: Architecture[AestheticHead] = Architecture(
    id="aesthetic-head",
    needs="`layers.0.weight` to `layers.7.bias`, or one `weight` (1, embed) with its `bias`",
    recognises=_recognises,
    load=_load,
    examples=(
        lambda: _example(6, 5, 4, 4, 3, 1),
        lambda: Example({"": nn.Linear(6, 1)}, {}),
    ),
)
