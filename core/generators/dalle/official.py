"""The dVAE of openai/DALL-E: `decoder.pkl`, with `encoder.pkl` beside it.

Both are whole modules; their classes are never imported. The latents are the features of the codes
after the decoder's first layer, on a grid: the entry at which the KRR flow's paper moves them. The
grid's size is that of the images, which no file says.
"""

from collections.abc import Mapping
from typing import Final

import torch
from einops import rearrange
from torch import Tensor

from ...checkpoints.architecture import Architecture, Example, load_network
from ...checkpoints.cache import cached
from ...checkpoints.published import Published
from ...checkpoints.reading import part_of, prefixes_of, shape_of
from ...checkpoints.record import Checkpoint
from ...errors import CheckpointError, InvalidInput
from ...generator import Generator
from ...identity import ModelId
from ...images import resized
from ...rng import SampleRng
from ...spaces import Block, Space
from ..beside import GeneratorPart, twin_of
from .codes import CodePrior, grid_of
from .networks import FACTOR, DvaeDecoder, DvaeEncoder, DvaeLayout, unmapped
from .options import DALLE_OPTIONS, SIZE

__all__ = ["ENCODER", "GENERATOR"]

INPUT: Final = "blocks.input.w"
OUTPUT: Final = "blocks.output.conv.w"
CHANGE: Final = "blocks.group_1.block_1.id_path.w"
"""In decoders alone: encoders keep the channels in their first block."""
PATHS: Final = "blocks.group_1.block_1.res_path."
TWINS: Final = (("decoder", "encoder"), ("Decoder", "Encoder"), ("dec", "enc"))
LICENCE: Final = "modified MIT"


def _prefixes(checkpoint: Checkpoint, *, decoding: bool) -> list[str]:
    # One key may be missing: a damaged network must be reported, not ignored.
    return [
        prefix
        for prefix in prefixes_of(checkpoint, INPUT, OUTPUT, missing=1)
        if (prefix + CHANGE in checkpoint.tensors) == decoding
        and any(name.startswith(prefix + PATHS) for name in checkpoint.tensors)
    ]


def _prefix(checkpoint: Checkpoint, *, decoding: bool) -> str | None:
    return next(iter(_prefixes(checkpoint, decoding=decoding)), None)


def _blocks(own: Checkpoint) -> int:
    count = 0
    while f"blocks.group_1.block_{count + 1}.res_path.conv_1.w" in own.tensors:
        count += 1
    if count == 0:
        raise CheckpointError(
            f"{own.path.name} has no first block `{PATHS}conv_1.w`. Fetch it again."
        )
    return count


def _decoder(checkpoint: Checkpoint) -> DvaeDecoder:
    own = part_of(checkpoint, _prefix(checkpoint, decoding=True) or "")
    first, codes, _, _ = shape_of(own, INPUT, 4)
    width = shape_of(own, OUTPUT, 4)[1]
    return load_network(DvaeDecoder(DvaeLayout(codes, width, _blocks(own), first)), own)


def _encoder(checkpoint: Checkpoint) -> DvaeEncoder:
    own = part_of(checkpoint, _prefix(checkpoint, decoding=False) or "")
    codes, width = shape_of(own, OUTPUT, 4)[0], shape_of(own, INPUT, 4)[0]
    return load_network(DvaeEncoder(DvaeLayout(codes, width, _blocks(own))), own)


def _encoder_of(checkpoint: Checkpoint) -> DvaeEncoder | None:
    """The encoder in the decoder's file or beside it; None without one."""
    if _prefix(checkpoint, decoding=False) is not None:
        return _encoder(checkpoint)
    beside = twin_of(checkpoint.path, *TWINS)
    if beside is None:
        return None
    other = cached(beside)
    if _prefix(other, decoding=False) is None:
        raise CheckpointError(
            f"{beside.name} is not the encoder of a dVAE, as its name beside "
            f"{checkpoint.path.name} says. Move it away, or fetch it again."
        )
    return _encoder(other)


def _size(checkpoint: Checkpoint) -> int:
    size = checkpoint.options.get("image_size", 0) or checkpoint.config.get("image_size", SIZE)
    if isinstance(size, bool) or not isinstance(size, int) or size < FACTOR or size % FACTOR:
        raise InvalidInput(
            f"image_size is {size!r}; {checkpoint.path.name} takes a multiple of {FACTOR}, or 0 "
            f"for {SIZE}."
        )
    return size


def _load(checkpoint: Checkpoint) -> Generator:
    size = _size(checkpoint)
    network = _decoder(checkpoint)
    encoder = _encoder_of(checkpoint)
    layout = network.layout
    if encoder is not None and encoder.layout.codes != layout.codes:
        raise CheckpointError(
            f"The decoder {checkpoint.path.name} has {layout.codes} codes, but its encoder "
            f"{encoder.layout.codes}. Take both from the same training."
        )
    side, table = size // FACTOR, network.table.clone()

    def render(parts: Mapping[str, Tensor], rng: SampleRng) -> Tensor:
        return network(parts["z"])

    def encode(images: Tensor) -> Tensor:
        assert encoder is not None
        return grid_of(encoder.likeliest(resized(images, (size, size))), network.table, side)

    return Generator(
        name=checkpoint.path.stem,
        id=ModelId(checkpoint.sha256, {"image_size": size}),
        architecture=GENERATOR.id,
        module=network,
        source=Space((Block("z", (layout.first, side, side)),)),
        prior=CodePrior(table, side),
        image_size=(size, size),
        render=render,
        encoder=encoder,
        encode=None if encoder is None else encode,
        licence=str(checkpoint.config.get("licence", LICENCE)),
        codes=table,
    )


def _of_encoder(encoder: DvaeEncoder, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Logits `z_logits` and codes `z` of images `x`."""
    if "x" not in arrays:
        return {}
    logits = encoder(arrays["x"])
    return {"z_logits": logits, "z": logits.argmax(dim=1)}


def _parity(checkpoint: Checkpoint, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Outputs of codes `z` (`dec_out`, `rec`) and of shares `soft` (`dec_soft`, `img_soft`).

    `rec` are images, `img_soft` the means before pixels are unmapped. `dec_emb` are the outputs of
    `emb`, any numbers instead of shares.
    """
    network = _decoder(checkpoint)
    encoder = _encoder_of(checkpoint)
    found = {} if encoder is None else _of_encoder(encoder, arrays)
    if "z" in arrays:
        hot = torch.nn.functional.one_hot(arrays["z"].long(), network.layout.codes)
        shares = rearrange(hot, "batch row column codes -> batch codes row column").float()
        found["dec_out"] = network.statistics(network.features(shares))
        found["rec"] = unmapped(found["dec_out"][:, :3].sigmoid())
    if "soft" in arrays:
        found["dec_soft"] = network.statistics(network.features(arrays["soft"]))
        found["img_soft"] = found["dec_soft"][:, :3].sigmoid()
    if "emb" in arrays:
        found["dec_emb"] = network.statistics(network.features(arrays["emb"]))
    return found


def _facts(checkpoint: Checkpoint) -> Mapping[str, str]:
    beside = twin_of(checkpoint.path, *TWINS)
    own = _prefix(checkpoint, decoding=False) is not None
    where = "in the file" if own else beside.name if beside else "none beside the file"
    return {
        "encoder": where,
        "image size": f"{SIZE} unless chosen otherwise: the networks take any multiple of 8",
        "prior": "codes all alike: DALL-E's own prior was never released",
    }


def _load_encoder(checkpoint: Checkpoint) -> GeneratorPart:
    encoder = _encoder(checkpoint)
    facts = {"codes": str(encoder.layout.codes)}
    stem, digest = checkpoint.path.stem, checkpoint.sha256
    return GeneratorPart(stem, digest, "encoder of images", GENERATOR.id, encoder, facts)


def _example(first: int, codes: int, blocks: int, size: int) -> Example:
    networks = {
        "decoder.": DvaeDecoder(DvaeLayout(codes, 4, blocks, first)),
        "encoder.": DvaeEncoder(DvaeLayout(codes, 4, blocks)),
    }
    return Example(networks, {"image_size": size})


GENERATOR: Architecture[Generator] = Architecture(
    id="dalle-dvae",
    needs="`blocks.input.w` and `blocks.group_1.block_1.id_path.w`",
    recognises=lambda checkpoint: _prefix(checkpoint, decoding=True) is not None,
    load=_load,
    examples=(lambda: _example(5, 6, 1, 16), lambda: _example(3, 4, 2, 8)),
    options=DALLE_OPTIONS,
    parity=_parity,
    facts=_facts,
    published=(
        Published(
            name="dVAE of DALL-E, with encoder",
            files="`decoder.pkl`, `encoder.pkl`",
            licence="modified MIT",
            latents="features z of the codes on a grid, with an encoder",
            verified="official code",
        ),
    ),
)
ENCODER: Architecture[GeneratorPart] = Architecture(
    id="dalle-dvae-encoder",
    needs="`blocks.input.w` and `blocks.output.conv.w`",
    recognises=lambda checkpoint: _prefix(checkpoint, decoding=False) is not None,
    load=_load_encoder,
    examples=(lambda: Example({"": DvaeEncoder(DvaeLayout(6, 4, 1))}, {}),),
    parity=lambda checkpoint, arrays: _of_encoder(_encoder(checkpoint), arrays),
)
