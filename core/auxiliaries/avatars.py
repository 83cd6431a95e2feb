"""Judge of the zoo's avatars: predicts the value of every attribute of an avatar."""

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ..auxiliary import AttributeJudge
from ..checkpoints.architecture import Architecture, Example, all_of, load_network
from ..checkpoints.record import Checkpoint
from ..errors import CheckpointError
from ..images import resized
from ..zoo.avatar_words import stated_in
from ..zoo.avatars import visible
from ..zoo.residual import Residual

__all__ = ["JUDGE", "AvatarJudge"]


class AvatarJudge(nn.Module):
    """An attribute classifier with one head per attribute: the independent judge of the figures.

    Group normalisation only, so samples are independent. Sizes read from a state dict:
    `width = stem.weight.shape[0]`, `features = penultimate.weight.shape[0]`, heads by name.

    Args:
        heads: attribute to number of values.
        width: channels at 32 x 32; two, three and four times as many at the next sizes.
        features: size of the penultimate layer.
    """

    def __init__(self, heads: Mapping[str, int], width: int = 40, features: int = 256) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 5, stride=2, padding=2)
        self.block32 = Residual(width)
        self.down16 = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.block16 = Residual(2 * width)
        self.down8 = nn.Conv2d(2 * width, 3 * width, 3, stride=2, padding=1)
        self.block8 = Residual(3 * width)
        self.down4 = nn.Conv2d(3 * width, 4 * width, 3, stride=2, padding=1)
        self.norm = nn.GroupNorm(4, 4 * width)
        self.penultimate = nn.Linear(4 * width * 16, features)
        self.heads = nn.ModuleDict({n: nn.Linear(features, c) for n, c in heads.items()})

    def features(self, x: Float[Tensor, "batch 3 64 64"]) -> Float[Tensor, "batch features"]:
        """Returns the penultimate layer; x in [0, 1]."""
        x = self.block32(self.stem(x * 2 - 1))
        x = self.block16(self.down16(functional.silu(x)))
        x = self.block8(self.down8(functional.silu(x)))
        x = functional.silu(self.norm(self.down4(functional.silu(x))))
        return functional.silu(self.penultimate(x.flatten(1)))

    def forward(self, x: Float[Tensor, "batch 3 64 64"]) -> dict[str, Tensor]:
        """Returns the logits of every attribute's values; x in [0, 1]."""
        found = self.features(x)
        return {name: head(found) for name, head in self.heads.items()}


SIZE = (64, 64)


def _load(checkpoint: Checkpoint) -> AttributeJudge:
    named: dict[str, list[str]] = dict(checkpoint.config.get("attributes", {}))
    prefix, ending = "heads.", ".weight"
    counts = {
        name.removeprefix(prefix).removesuffix(ending): checkpoint.tensors[name].shape[0]
        for name in checkpoint.tensors
        if name.startswith(prefix) and name.endswith(ending)
    }
    found = {name: len(named.get(name, ())) for name in counts}
    if found != counts or set(named) != set(counts):
        raise CheckpointError(
            f"{checkpoint.path.name} has heads for {counts} values but names {found}."
        )
    features, _ = checkpoint.tensors["penultimate.weight"].shape
    width = checkpoint.tensors["stem.weight"].shape[0]
    # In the configuration's order, which is that of the attributes.
    heads = {name: counts[name] for name in named}
    network = load_network(AvatarJudge(heads, width, features), checkpoint)

    def logits(images: Tensor) -> dict[str, Tensor]:
        return network(resized(images, SIZE))

    return AttributeJudge(
        name=checkpoint.path.stem,
        id=checkpoint.sha256,
        module=network,
        attributes={name: tuple(str(v) for v in values) for name, values in named.items()},
        logits=logits,
        features=lambda images: network.features(resized(images, SIZE)),
        visible=visible,
        stated_in=stated_in,
    )


def _example() -> Example:
    heads = {"hat": ("red", "blue", "green"), "mouth": ("open", "shut")}
    network = AvatarJudge({name: len(values) for name, values in heads.items()}, 4, 6)
    config = {"attributes": {name: list(values) for name, values in heads.items()}}
    return Example({"": network}, config)


JUDGE: Architecture[AttributeJudge] = Architecture(
    id="avatars-judge",
    needs="`heads.NAME.weight` and `penultimate.weight`",
    recognises=lambda checkpoint: (
        all_of("stem.weight", "down4.weight", "penultimate.weight")(checkpoint)
        and any(name.startswith("heads.") for name in checkpoint.tensors)
    ),
    load=_load,
    examples=(_example,),
)
