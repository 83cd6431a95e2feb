"""R3GAN of brownvc/R3GAN, as its training saves it: a pickle with G, D and G_ema.

Sizes follow from the tensors, the groups of a convolution from its shapes. Stages that the authors
run in bfloat16 run in float32 here.
"""

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional

from ...auxiliary import Discriminator
from ...checkpoints.architecture import Architecture, Example, load_network
from ...checkpoints.prefixes import choice_fact
from ...checkpoints.published import Published
from ...checkpoints.reading import part_of, prefix_of, prefixes_of, shape_of
from ...checkpoints.record import Checkpoint
from ...checkpoints.weights import if_usable
from ...errors import CheckpointError
from ...generator import Gaussian, Generator, Prior
from ...rng import SampleRng
from ...spaces import Block, Space
from ..stylegan.latents import ClassPrior
from .networks import R3GanDiscriminator, R3GanGenerator, StageLayout

__all__ = ["GENERATOR"]

BASIS = "Model.MainLayers.0.Layers.0.Basis"
COLOURS = "Model.AggregationLayer.Layer.weight"
EXTRACTION = "Model.ExtractionLayer.Layer.weight"
FIRST_BLOCK = "Model.MainLayers.0.Layers.0.LinearLayer1.Layer.weight"


def _stage(checkpoint: Checkpoint, number: int, first: int) -> StageLayout:
    """Sizes of a stage whose residual blocks are its layers from `first` on."""
    block = f"Model.MainLayers.{number}.Layers.{{}}.LinearLayer1.Layer.weight"
    blocks = 0
    while block.format(first + blocks) in checkpoint.tensors:
        blocks += 1
    if not blocks:
        raise CheckpointError(
            f"{checkpoint.path.name}: stage {number} has no residual blocks. Fetch it again."
        )
    expanded, width, _, _ = shape_of(checkpoint, block.format(first), 4)
    inner = block.format(first).replace("LinearLayer1", "LinearLayer2")
    _, each, kernel, _ = shape_of(checkpoint, inner, 4)
    if each < 1 or expanded % each:
        raise CheckpointError(
            f"{checkpoint.path.name}: `{inner}` has {each} channels a group of {expanded}."
        )
    return StageLayout(width, expanded, expanded // each, blocks, kernel)


def _stages(checkpoint: Checkpoint, *, generating: bool) -> tuple[StageLayout, ...]:
    count = 0
    while any(n.startswith(f"Model.MainLayers.{count}.") for n in checkpoint.tensors):
        count += 1
    return tuple(_stage(checkpoint, n, 1 if generating else 0) for n in range(count))


def _classes(checkpoint: Checkpoint) -> tuple[int, int]:
    """Number of classes and length of an embedded class."""
    name = "Model.EmbeddingLayer.weight"
    if name not in checkpoint.tensors:
        return 0, 0
    embedding, classes = shape_of(checkpoint, name, 2)
    return classes, embedding


def _generator_prefix(checkpoint: Checkpoint) -> str | None:
    return prefix_of(checkpoint, BASIS, COLOURS)


def _networks(checkpoint: Checkpoint) -> tuple[R3GanGenerator, R3GanDiscriminator | None]:
    own = part_of(checkpoint, _generator_prefix(checkpoint) or "")
    classes, embedding = _classes(own)
    joined = shape_of(own, BASIS.replace("Basis", "LinearLayer.weight"), 2)[1]
    stages = _stages(own, generating=True)
    network = R3GanGenerator(joined - embedding, stages, classes, embedding)
    load_network(network, own)
    # One key may be missing: a damaged discriminator must be reported, not ignored.
    beside = prefix_of(checkpoint, EXTRACTION, FIRST_BLOCK, missing=1)
    if beside is None:
        return network, None
    return network, if_usable(lambda: _discriminator(part_of(checkpoint, beside)))


def _discriminator(own: Checkpoint) -> R3GanDiscriminator:
    network = R3GanDiscriminator(_stages(own, generating=False), *_classes(own))
    return load_network(network, own)


def _as_discriminator(network: R3GanDiscriminator) -> Discriminator:
    def of_classes(images: Tensor, classes: Tensor) -> Tensor:
        rows = functional.one_hot(classes, network.c_dim).to(images)
        return network(images * 2 - 1, rows)

    return Discriminator(
        network,
        logits=lambda images: network(images * 2 - 1),
        features=lambda images: network.features(images * 2 - 1),
        of_classes=of_classes if network.c_dim else None,
        classes=network.c_dim,
    )


def _load(checkpoint: Checkpoint) -> Generator:
    network, discriminator = _networks(checkpoint)
    blocks = [Block("z", (network.z_dim,))]
    prior: Prior = Gaussian(network.z_dim)
    if network.c_dim:
        blocks.append(Block("c", (network.c_dim,), 0.0, 1.0, shares=True, role="class"))
        prior = ClassPrior(network.z_dim, network.c_dim)

    def render(parts: Mapping[str, Tensor], rng: SampleRng) -> Tensor:
        return (network(parts["z"], parts.get("c")) * 0.5 + 0.5).clamp(0, 1)

    return Generator(
        name=checkpoint.path.stem,
        id=checkpoint.sha256,
        architecture=GENERATOR.id,
        module=network,
        source=Space(tuple(blocks)),
        prior=prior,
        image_size=(network.size, network.size),
        render=render,
        discriminator=None if discriminator is None else _as_discriminator(discriminator),
        licence=str(checkpoint.config.get("licence", "unknown: the repository has none")),
    )


def _parity(checkpoint: Checkpoint, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Images `img` of z and c, and the logits `D` of these images of the reference."""
    network, discriminator = _networks(checkpoint)
    found: dict[str, Tensor] = {}
    c = arrays["c"] if network.c_dim and "c" in arrays else None
    if "z" in arrays and (c is not None or not network.c_dim):
        found["img"] = network(arrays["z"], c)
    if discriminator is not None and "img" in arrays:
        found["D"] = discriminator(arrays["img"], c)
    return found


def _facts(checkpoint: Checkpoint) -> Mapping[str, str]:
    chosen = choice_fact(prefixes_of(checkpoint, BASIS, COLOURS))
    return {**chosen, "precision": "float32 in all stages"}


def _example(*, classes: int = 0, discriminator: bool = True) -> Example:
    embedding = 2 if classes else 0
    stages = (StageLayout(6, 8, 2, 1), StageLayout(4, 8, 4, 1), StageLayout(4, 4, 1, 2))
    networks: dict[str, nn.Module] = {
        "G_ema.": R3GanGenerator(5, stages, classes, embedding),
    }
    if discriminator:
        networks["D."] = R3GanDiscriminator(stages[::-1], classes, embedding)
    return Example(networks, {})


GENERATOR: Architecture[Generator] = Architecture(
    id="r3gan-generator",
    needs="`G_ema.Model.MainLayers.0.Layers.0.Basis`",
    recognises=lambda checkpoint: _generator_prefix(checkpoint) is not None,
    load=_load,
    examples=(lambda: _example(), lambda: _example(classes=3)),
    parity=_parity,
    facts=_facts,
    published=(
        Published(
            name="R3GAN",
            files="`*.pkl`",
            licence="unknown: the repository has none",
            latents="z (and c)",
            verified="official code, with discriminators",
        ),
    ),
)
