"""StarGAN v2 of clovaai/stargan-v2: an image in a style of another domain.

`N_nets_ema.ckpt` has generator, mapping network and style encoder, and for CelebA-HQ the network
of landmarks `fan`; `N_nets.ckpt`, which the authors do not distribute, has the discriminator.
Images of a domain have styles of latents z (latent-guided) or of other images (reference-guided).
"""

from collections.abc import Mapping
from typing import Final

import torch
from einops import rearrange
from torch import Tensor, nn

from ...auxiliary import Discriminator
from ...checkpoints.architecture import Architecture, Example
from ...checkpoints.cache import cached
from ...checkpoints.published import Published
from ...checkpoints.record import Checkpoint
from ...checkpoints.weights import if_usable
from ...devices import placed
from ...errors import CheckpointError
from ...generator import ConditionalGenerator, Gaussian, Generator, Given, Prior
from ...identity import ModelId
from ...images import resized
from ...rng import SampleRng
from ...spaces import Block, Space
from ..beside import check_side, twin_of
from ..options import chosen_text
from . import reading
from .model import StarGan, StylePrior
from .networks.domains import DomainDiscriminator, StyleEncoder, StyleMap, StyleMapLayout
from .networks.landmarks import face_masks
from .networks.translation import MASKED, StarGanLayout, StyleGenerator
from .options import STARGAN_LATENTS, STARGAN_OPTIONS

__all__ = ["DISCRIMINATOR", "GENERATOR"]

LICENCE: Final = "CC BY-NC 4.0"
TWINS: Final = (("nets_ema", "nets"),)
RELEASED: Final = {(2, True): ("female", "male"), (3, False): ("cat", "dog", "wild")}
"""Domains of the authors' models, by their number and by whether details pass by a filter."""


def _domains(checkpoint: Checkpoint, count: int, high_pass: bool) -> tuple[str, ...]:
    named = checkpoint.config.get("domains")
    if isinstance(named, list) and len(named) == count:
        return tuple(map(str, named))
    return RELEASED.get((count, high_pass), tuple(map(str, range(count))))


def _judge(checkpoint: Checkpoint) -> DomainDiscriminator | None:
    """The discriminator in the file, or in that named `nets` for `nets_ema`."""
    if reading.has_discriminator(checkpoint):
        return reading.star_discriminator(checkpoint)
    beside = twin_of(checkpoint.path, *TWINS)
    return None if beside is None else reading.star_discriminator(cached(beside))


def _of_domain(judge: DomainDiscriminator, domain: int) -> Discriminator:
    return Discriminator(
        judge,
        logits=lambda images: judge(images * 2 - 1)[:, domain],
        features=lambda images: judge.features(images * 2 - 1),
    )


def _masks(network: StarGan, images: Tensor) -> tuple[Tensor, ...]:
    """Where details of an image in [0, 1] stay; none without landmarks or below 32 pixels."""
    small = network.generator.layout.size < min(MASKED)
    return () if network.fan is None or small else face_masks(network.fan, images)


def _load(checkpoint: Checkpoint) -> ConditionalGenerator:
    latent = chosen_text(checkpoint, "latent", STARGAN_LATENTS)
    network = reading.star_network(checkpoint)
    judge = if_usable(lambda: _judge(checkpoint))
    layout, styles = network.generator.layout, network.mapping_network.layout
    if judge is not None and judge.domains != styles.domains:
        raise CheckpointError(
            f"The discriminator of {checkpoint.path.name} has {judge.domains} domains, the "
            f"mapping network {styles.domains}. Take both from the same training."
        )
    if judge is not None:
        check_side(checkpoint.path.name, judge.size, layout.size)
    domains = _domains(checkpoint, styles.domains, layout.high_pass)
    size = (layout.size, layout.size)
    licence = str(checkpoint.config.get("licence", LICENCE))

    def bind(given: Given) -> Generator:
        assert given.image is not None and given.domain is not None  # noqa: PT018
        domain = domains.index(given.domain)
        with torch.no_grad():
            image = placed(given.image, next(network.parameters()))
            masks = _masks(network, image)
            features, details = network.generator.encoded(image * 2 - 1, masks)
            features, details = features.cpu(), {s: d.cpu() for s, d in details.items()}

        def render(parts: Mapping[str, Tensor], rng: SampleRng) -> Tensor:
            like = next(iter(parts.values()))
            kept = {side: placed(detail, like) for side, detail in details.items()}
            images = network(parts, placed(features, like), kept, domain)
            return (images * 0.5 + 0.5).clamp(0, 1)

        def encode(images: Tensor) -> Tensor:
            s = network.style_encoder(resized(images, size) * 2 - 1, domain)
            if latent == "w":
                return s
            own = rearrange(placed(features, s), "1 width row column -> 1 (width row column)")
            return torch.cat([s, own.expand(len(s), -1)], dim=1)

        prior: Prior = Gaussian(styles.z_dim)
        blocks = (Block("z", (styles.z_dim,)),)
        if latent != "z":
            own = features.flatten(1) if latent == "w+" else None
            prior = StylePrior(network.mapping_network, domain, own)
            blocks = (Block("s", (styles.style,)),)
        if latent == "w+":
            blocks = (*blocks, Block("f", tuple(features.shape[1:])))
        return Generator(
            name=checkpoint.path.stem,
            id=ModelId(checkpoint.sha256, {"latent": latent}),
            architecture=GENERATOR.id,
            module=network,
            source=Space(blocks),
            prior=prior,
            image_size=size,
            render=render,
            discriminator=None if judge is None else _of_domain(judge, domain),
            encoder=None if latent == "z" else network.style_encoder,
            encode=None if latent == "z" else encode,
            licence=licence,
        )

    return ConditionalGenerator(
        checkpoint.path.stem,
        GENERATOR.id,
        ("image", "domain"),
        size,
        bind,
        domains=domains,
        licence=licence,
    )


def _logits(judge: DomainDiscriminator, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Logits `D` of images `img`, else `x`, in the domains `y`."""
    images = arrays.get("img", arrays.get("x"))
    if images is None or not {"y", "D"} <= arrays.keys():
        return {}
    return {"D": judge(images).gather(1, arrays["y"].long()[:, None])[:, 0]}


def _parity(checkpoint: Checkpoint, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Styles `s` of z and `s_ref` of images, and the images that they make of `x`.

    Arrays with `mask` in their names are the masks of details, in the order of the file.
    """
    network = reading.star_network(checkpoint)
    judge = _judge(checkpoint)
    found = {} if judge is None else _logits(judge, arrays)
    if "y" not in arrays:
        return found
    masks = tuple(a for name, a in arrays.items() if "mask" in name and a.ndim == 4)
    domains = [int(number) for number in arrays["y"]]

    def each(styles: nn.Module, given: Tensor) -> Tensor:
        rows = zip(given.split(1), domains, strict=True)
        return torch.cat([styles(row, domain) for row, domain in rows])

    if "z" in arrays:
        found["s"] = each(network.mapping_network, arrays["z"])
    if "x_ref" in arrays:
        found["s_ref"] = each(network.style_encoder, arrays["x_ref"])
    if "x" in arrays:
        features, details = network.generator.encoded(arrays["x"], masks)
        for image, style in (("img", "s"), ("img_ref", "s_ref")):
            if style in found:
                found[image] = network.generator(features, found[style], details)
    return found


def _facts(checkpoint: Checkpoint) -> Mapping[str, str]:
    network = reading.star_network(checkpoint)
    count, high_pass = network.mapping_network.layout.domains, network.generator.layout.high_pass
    facts = {"domains": ", ".join(_domains(checkpoint, count, high_pass))}
    if "domains" not in checkpoint.config:
        facts["domains"] += " (no file names them)"
    if high_pass:
        masks = "of the landmark network in the file"
        without = "none: the file has no landmark network `fan`, so no details of the image stay"
        facts["masks"] = without if network.fan is None else masks
    beside = twin_of(checkpoint.path, *TWINS)
    own = "in the file" if reading.has_discriminator(checkpoint) else "none"
    facts["discriminator"] = own if beside is None else beside.name
    return facts


def _load_discriminator(checkpoint: Checkpoint) -> Discriminator:
    judge = reading.star_discriminator(checkpoint)

    def of_classes(images: Tensor, classes: Tensor) -> Tensor:
        return judge(images * 2 - 1).gather(1, classes[:, None])[:, 0]

    return Discriminator(
        judge,
        logits=lambda images: judge(images * 2 - 1).mean(dim=1),
        features=lambda images: judge.features(images * 2 - 1),
        of_classes=of_classes,
        classes=judge.domains,
    )


def _example(*, high_pass: bool = False, domains: int = 3) -> Example:
    layout = StarGanLayout((4, 3, 3, 3), 3, high_pass)
    halvings = 2 if high_pass else 3
    widths = (3,) * (halvings + 1)
    network = StarGan(
        StyleGenerator(layout),
        StyleMap(StyleMapLayout(4, 5, 3, domains)),
        StyleEncoder(widths, 3, domains),
    )
    networks: dict[str, nn.Module] = {"": network}
    if not high_pass:
        networks["discriminator."] = DomainDiscriminator(widths, domains)
    return Example(networks, {})


GENERATOR: Architecture[ConditionalGenerator] = Architecture(
    id="stargan-v2",
    needs="`generator.from_rgb.weight`, `mapping_network.shared.0.weight`",
    recognises=reading.has_generator,
    load=_load,
    examples=(lambda: _example(), lambda: _example(high_pass=True, domains=2)),
    options=STARGAN_OPTIONS,
    parity=_parity,
    facts=_facts,
    published=(
        Published(
            name="StarGAN v2, with and without landmark masks",
            files="`*_nets_ema.ckpt`, `*_nets.ckpt`",
            licence="CC BY-NC 4.0",
            latents="z, style w (with an encoder), style and features w+",
            given="an image and a domain",
            verified="official code, with discriminator; the landmark network as well",
        ),
    ),
)
DISCRIMINATOR: Architecture[Discriminator] = Architecture(
    id="stargan-v2-discriminator",
    needs="`discriminator.main.0.weight` and `discriminator.main.1.conv1.weight`",
    recognises=lambda checkpoint: (
        reading.has_discriminator(checkpoint) and not reading.has_generator(checkpoint)
    ),
    load=_load_discriminator,
    examples=(lambda: Example({"discriminator.": DomainDiscriminator((3, 3), 2)}, {}),),
    parity=lambda checkpoint, arrays: _logits(reading.star_discriminator(checkpoint), arrays),
)
