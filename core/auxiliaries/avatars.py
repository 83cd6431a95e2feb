"""The avatars' judge of the zoo: says what value every attribute of an avatar has."""

from torch import Tensor

from ..auxiliary import AttributeJudge
from ..checkpoints import Checkpoint
from ..detection import Architecture, Example, all_of, load_network
from ..errors import CheckpointError
from ..images import resized
from ..networks.avatars import AvatarJudge
from ..zoo.avatar_words import stated_in
from ..zoo.avatars import visible

__all__ = ["JUDGE"]

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
            f"{checkpoint.path.name} has heads of {counts} values and names {found}."
        )
    features, _ = checkpoint.tensors["penultimate.weight"].shape
    width = checkpoint.tensors["stem.weight"].shape[0]
    # The order of the configuration, which is that of the attributes.
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
