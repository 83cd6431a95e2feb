"""Co-Mod-GAN: the hole of an image filled by latents.

The authors' files are TensorFlow's pickles (zsyzzsoft/co-mod-gan). zengxianyu's PyTorch port has
the same weights in a state dict, `*_net_G_ema.pth`. A mask is 1 where the image is known in
TensorFlow and where it is not in the port; here it is that of Give Inputs. Models that take an
image without a mask (edges to photos) need the image alone.
"""

from collections.abc import Callable, Mapping
from typing import Final

import torch
from torch import Tensor

from ...checkpoints.architecture import Architecture, Example
from ...checkpoints.prefixes import choice_fact
from ...checkpoints.published import Published
from ...checkpoints.record import Checkpoint
from ...devices import placed
from ...generator import ConditionalGenerator, Generator, Given, Need
from ...identity import ModelId
from ...rng import SampleRng
from ..beside import GeneratorPart
from ..options import NOISES, chosen_text
from ..stylegan import building
from ..stylegan.latents import style_latents
from ..stylegan.networks.foreign import Table, TranslatedDiscriminator
from ..stylegan.networks.foreign_tables import tensorflow_discriminator
from . import reading
from .judges import as_masked, judge_beside, port_judge, port_judge_example, port_judge_prefix
from .layouts import PORT, TENSORFLOW
from .networks import CoModGan, CoModLayout
from .options import COMODGAN_OPTIONS, DROPOUTS, VARIANTS

__all__ = ["GENERATOR", "PORT_DISCRIMINATOR"]

LICENCE: Final = "its trainer's; parts of the code are NVIDIA's, non-commercial"
USUAL_TAPS: Final = (1.0, 3.0, 3.0, 1.0)


def _noise_of(kind: str, file: reading.CoModFile) -> Callable[[Tensor, SampleRng], list[Tensor]]:
    sides = file.network.layout.noises
    if kind == "random":
        return lambda like, rng: [rng.normal(1, side, side, like=like) for side in sides]
    if kind == "none":
        return lambda like, rng: []
    return lambda like, rng: [placed(noise, like) for noise in file.noises]


def _load(checkpoint: Checkpoint) -> ConditionalGenerator:
    noise = chosen_text(checkpoint, "noise", NOISES)
    dropout = chosen_text(checkpoint, "dropout", DROPOUTS)
    variant = chosen_text(checkpoint, "variant", VARIANTS)
    file = reading.co_mod_file(checkpoint, adds=variant == "tf")
    network, layout = file.network, file.network.layout
    latents = style_latents(checkpoint, network.mapping, network.mapping, layout.num_ws)
    judge = judge_beside(checkpoint, layout)
    noises = _noise_of(noise, file)
    size = (layout.size, layout.size)
    licence = str(checkpoint.config.get("licence", LICENCE))
    share = file.dropout if dropout == "on" else 0.0

    def bind(given: Given) -> Generator:
        assert given.image is not None
        hole = given.mask[None] if layout.masked and given.mask is not None else None
        with torch.no_grad():
            like = next(network.parameters())
            seen = None if hole is None else placed(hole, like)
            vector, maps = network.encoded(placed(given.image, like) * 2 - 1, seen)
            vector, maps = vector.cpu(), {side: own.cpu() for side, own in maps.items()}
        image = given.image

        def render(parts: Mapping[str, Tensor], rng: SampleRng) -> Tensor:
            like = next(iter(parts.values()))
            rows = placed(vector, like).expand(len(like), -1)
            if share:
                drawn = rng.uniform(layout.vector, like=like)
                rows = rows * (drawn >= share) / (1 - share)
            kept = {side: placed(own, like) for side, own in maps.items()}
            made = latents.images(network, parts, vector=rows, maps=kept, noises=noises(like, rng))
            made = (made * 0.5 + 0.5).clamp(0, 1)
            if hole is None:
                return made
            here = placed(hole, like)
            return made * here + placed(image, like) * (1 - here)

        return Generator(
            name=checkpoint.path.stem,
            id=ModelId(
                checkpoint.sha256,
                {**latents.options, "noise": noise, "dropout": dropout, "variant": variant},
            ),
            architecture=GENERATOR.id,
            module=network,
            source=latents.source,
            prior=latents.prior,
            image_size=size,
            render=render,
            discriminator=None if judge is None else as_masked(judge, hole),
            licence=licence,
        )

    needs: tuple[Need, ...] = ("image", "mask") if layout.masked else ("image",)
    return ConditionalGenerator(
        checkpoint.path.stem, GENERATOR.id, needs, size, bind, licence=licence
    )


def _parity(checkpoint: Checkpoint, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Images without noise and dropout, before (`raw`) and after (`out`) the known is pasted.

    Those named `*_tfskip` add the encoder's smallest maps, the others do not. `hole_mask` is 1
    where the image `img_in` is unknown.
    """
    if not {"img_in", "z"} <= arrays.keys():
        return {}
    found: dict[str, Tensor] = {}
    for adds, end in ((False, ""), (True, "_tfskip")):
        network = reading.co_mod_file(checkpoint, adds=adds).network
        hole, image = arrays.get("hole_mask"), arrays["img_in"]
        vector, maps = network.encoded(image, hole)
        raw = network(arrays["z"], None, 1.0, 0, vector, maps)
        found[f"raw{end}"] = raw
        found[f"out{end}"] = raw if hole is None else raw * hole + image * (1 - hole)
    return found


def _facts(checkpoint: Checkpoint) -> Mapping[str, str]:
    file = reading.co_mod_file(checkpoint)
    roots = reading.tensorflow_roots(checkpoint)
    judge = judge_beside(checkpoint, file.network.layout)
    taken = max(roots) if roots else None
    return {
        **choice_fact(roots or reading.port_prefixes(checkpoint), taken),
        "variant": "tf unless chosen otherwise: the port leaves out what the networks learned",
        "dropout": f"off unless chosen otherwise; the authors drop {file.dropout:g} of it",
        "noise": "drawn once: the file has none" if file.drawn else "the file's constant noise",
        "discriminator": "none" if judge is None else "in the file, or beside it",
    }


def _example(table: Table, *, judged: bool = False) -> Example:
    tensorflow = table is TENSORFLOW
    hidden = (5,) if tensorflow else ()
    layout = CoModLayout({4: 4, 8: 3, 16: 3}, 5, 4, hidden, 6, averaged=tensorflow)
    network = CoModGan(layout)
    reading.fit_layout(network, table, USUAL_TAPS)
    config: dict[str, object] = {}
    if tensorflow:
        reading.set_multiplier(network, 1.0)
        config = {"modules": {"2": {"arguments": {"kwargs": {"mapping_lrmul": 1.0}}}}}
    networks: dict[str, torch.nn.Module] = {"2." if tensorflow else "": network}
    if judged:
        judge = TranslatedDiscriminator({4: 4, 8: 3, 16: 3}, 4)
        judge.table = tensorflow_discriminator()
        building.without_filters(judge, USUAL_TAPS)
        networks["1."] = judge
    return Example(networks, config)


def _load_judge(checkpoint: Checkpoint) -> GeneratorPart:
    judge = port_judge(checkpoint)
    facts = {"use": "beside the generator's file, named net_D where that is named net_G_ema"}
    stem, digest = checkpoint.path.stem, checkpoint.sha256
    kind = "discriminator of an image and its mask"
    return GeneratorPart(stem, digest, kind, GENERATOR.id, judge, facts)


def _parity_judge(checkpoint: Checkpoint, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Logits `D` of the batch of images `img_in` with masks `hole_mask`, in the authors' shape."""
    if not {"img_in", "hole_mask", "D"} <= arrays.keys():
        return {}
    seen = torch.cat([0.5 - arrays["hole_mask"], arrays["img_in"]], dim=1)
    return {"D": port_judge(checkpoint)(seen).view_as(arrays["D"])}


GENERATOR: Architecture[ConditionalGenerator] = Architecture(
    id="co-mod-gan",
    needs="`2.G_synthesis/G_4x4/Dense/weight` or `G_synthesis.G_4x4.Dense.weight`",
    recognises=lambda c: bool(reading.tensorflow_roots(c) or reading.port_prefixes(c)),
    load=_load,
    examples=(lambda: _example(TENSORFLOW, judged=True), lambda: _example(PORT)),
    options=COMODGAN_OPTIONS,
    parity=_parity,
    facts=_facts,
    published=(
        Published(
            name="Co-Mod-GAN of TensorFlow",
            files="`co-mod-gan-*.pkl`",
            licence="its trainer's; parts of the code are NVIDIA's, non-commercial",
            latents="z, w, w+",
            given="an image and a mask",
            verified="the correspondence of its variables to the port's tensors; its "
            "discriminator as StyleGAN2's",
        ),
        Published(
            name="Co-Mod-GAN of zengxianyu's port",
            files="`*_net_G_ema.pth`, `*_net_D.pth`",
            licence="none stated",
            latents="z, w, w+",
            given="an image and a mask",
            verified="official code, with discriminator",
        ),
    ),
)
PORT_DISCRIMINATOR: Architecture[GeneratorPart] = Architecture(
    id="co-mod-gan-discriminator",
    needs="`convs.ToRGB.0.weight` and `Conv4x4.0.weight`",
    recognises=lambda c: port_judge_prefix(c) is not None and not reading.port_prefixes(c),
    load=_load_judge,
    examples=(lambda: Example({"": port_judge_example()}, {}),),
    parity=_parity_judge,
)
