"""DF-GAN of tobran/DF-GAN: a generator for a sentence, with its matching-aware discriminator.

Two forms exist. In 2022 a file `state_epoch_N.pth` has `netG`, `netD` and `netC`. In 2021, the
form that the KRR flow's paper improves, `netG_N.pth` and `netD_N.pth` are bare state dicts. The
text encoder and the vocabulary lie beside the file: see `text`.
"""

from collections.abc import Callable, Mapping
from typing import Final

from einops import repeat
from torch import Tensor, nn

from ...auxiliary import Discriminator
from ...checkpoints.architecture import Architecture, Example
from ...checkpoints.cache import cached
from ...checkpoints.prefixes import averaged_prefix, choice_fact
from ...checkpoints.published import Published
from ...checkpoints.reading import prefix_of, prefixes_of
from ...checkpoints.record import Checkpoint
from ...checkpoints.weights import if_usable
from ...devices import placed
from ...errors import CheckpointError, InvalidInput
from ...generator import ConditionalGenerator, Gaussian, Generator, Given, Prior
from ...identity import ModelId, OptionValue
from ...rng import SampleRng
from ...spaces import Block, Space
from ..beside import GeneratorPart, check_side, twin_of
from ..truncated import LIMIT, TruncatedNormal
from . import reading
from .networks.discriminators import EarlyJudge, ImageMaps, Matching, SentenceJudge
from .networks.generators import DfGanGenerator, DfGanLayout, EarlyDfGanGenerator
from .options import DFGAN_OPTIONS, PSI
from .text import encoder_example, sentences_of, text_facts

__all__ = ["EARLY_DISCRIMINATOR", "EARLY_GENERATOR", "GENERATOR"]

LICENCE: Final = "CC BY-NC-SA 4.0 (academic use only)"
TWINS: Final = (("netG", "netD"),)


def _prefixes(checkpoint: Checkpoint) -> list[str]:
    return prefixes_of(checkpoint, *reading.KEYS)


def _early_prefixes(checkpoint: Checkpoint) -> list[str]:
    return prefixes_of(checkpoint, *reading.EARLY_KEYS)


def _network(checkpoint: Checkpoint) -> DfGanGenerator:
    return reading.late_generator(checkpoint, averaged_prefix(_prefixes(checkpoint)) or "")


def _early_network(checkpoint: Checkpoint) -> EarlyDfGanGenerator:
    return reading.early_generator(checkpoint, averaged_prefix(_early_prefixes(checkpoint)) or "")


def _twin(checkpoint: Checkpoint) -> EarlyJudge | None:
    """The discriminator of 2021: in the same file, or in that named `netD` for `netG`."""
    # One key may be missing: a damaged discriminator must be reported, not ignored.
    if prefix_of(checkpoint, *reading.EARLY_JUDGE_KEYS, missing=1) is not None:
        return reading.early_judge(checkpoint)
    beside = twin_of(checkpoint.path, *TWINS)
    return None if beside is None else reading.early_judge(cached(beside))


def _discriminator(judge: SentenceJudge | EarlyJudge, sentence: Tensor) -> Discriminator:
    """D(x, sentence) for one sentence."""

    def rows(images: Tensor) -> Tensor:
        return repeat(placed(sentence, images), "features -> batch features", batch=len(images))

    return Discriminator(
        judge,
        logits=lambda images: judge(images * 2 - 1, rows(images)),
        features=lambda images: judge.features(images * 2 - 1, rows(images)),
    )


def _psi(checkpoint: Checkpoint) -> float:
    psi = checkpoint.options.get("psi", PSI)
    number = isinstance(psi, (int, float)) and not isinstance(psi, bool)
    if not number or not 0 < psi <= 1:  # pyright: ignore[reportOperatorIssue]
        raise InvalidInput(f"psi is {psi!r}; DF-GAN's truncation lies above 0 and is at most 1.")
    return float(psi)  # pyright: ignore[reportArgumentType]


def _conditional(
    checkpoint: Checkpoint,
    architecture: str,
    network: DfGanGenerator | EarlyDfGanGenerator,
    judge: SentenceJudge | EarlyJudge | None,
    prior: Prior,
    options: Mapping[str, OptionValue],
) -> ConditionalGenerator:
    layout, name = network.layout, checkpoint.path.name
    if judge is not None:
        check_side(name, judge.size, network.size)
    if judge is not None and judge.sentence != layout.sentence:
        raise CheckpointError(
            f"The discriminator of {name} takes sentences of {judge.sentence} numbers, but the "
            f"generator {layout.sentence}. Take both from the same training."
        )
    size = (network.size, network.size)
    licence = str(checkpoint.config.get("licence", LICENCE))

    def bind(given: Given) -> Generator:
        sentences = sentences_of(checkpoint, layout.sentence)
        sentence = sentences.vector(given.sentence or "")

        def render(parts: Mapping[str, Tensor], rng: SampleRng) -> Tensor:
            z = parts["z"]
            rows = repeat(placed(sentence, z), "features -> batch features", batch=len(z))
            return network(z, rows) * 0.5 + 0.5

        limit = LIMIT if isinstance(prior, TruncatedNormal) else float("inf")
        return Generator(
            name=checkpoint.path.stem,
            id=ModelId(checkpoint.sha256, {**options, **sentences.sha256}),
            architecture=architecture,
            module=network,
            source=Space((Block("z", (layout.z_dim,), -limit, limit),)),
            prior=prior,
            image_size=size,
            render=render,
            discriminator=None if judge is None else _discriminator(judge, sentence),
            licence=licence,
        )

    return ConditionalGenerator(
        checkpoint.path.stem, architecture, ("sentence",), size, bind, licence=licence
    )


def _load(checkpoint: Checkpoint) -> ConditionalGenerator:
    psi, network = _psi(checkpoint), _network(checkpoint)
    judge = if_usable(lambda: reading.judge_of(checkpoint))
    prior = TruncatedNormal(network.layout.z_dim, psi)
    return _conditional(checkpoint, GENERATOR.id, network, judge, prior, {"psi": psi})


def _load_early(checkpoint: Checkpoint) -> ConditionalGenerator:
    network = _early_network(checkpoint)
    judge = if_usable(lambda: _twin(checkpoint))
    prior = Gaussian(network.layout.z_dim)
    return _conditional(checkpoint, EARLY_GENERATOR.id, network, judge, prior, {})


Networks = tuple[
    Callable[[Tensor, Tensor], Tensor] | None, Callable[[Tensor, Tensor], Tensor] | None
]


def _outputs(networks: Networks, arrays: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Images `img` of z and sentence vectors `sent`, and logits `D` of these images."""
    network, judge = networks
    found: dict[str, Tensor] = {}
    if network is not None and {"z", "sent"} <= arrays.keys():
        found["img"] = network(arrays["z"], arrays["sent"])
    if judge is not None and {"img", "sent", "D"} <= arrays.keys():
        found["D"] = judge(arrays["img"], arrays["sent"]).view_as(arrays["D"])
    return found


def _parity(checkpoint: Checkpoint, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    return _outputs((_network(checkpoint), reading.judge_of(checkpoint)), arrays)


def _parity_early(checkpoint: Checkpoint, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    return _outputs((_early_network(checkpoint), _twin(checkpoint)), arrays)


def _facts(checkpoint: Checkpoint) -> Mapping[str, str]:
    return {**choice_fact(_prefixes(checkpoint)), **text_facts(checkpoint)}


def _facts_early(checkpoint: Checkpoint) -> Mapping[str, str]:
    return {**choice_fact(_early_prefixes(checkpoint)), **text_facts(checkpoint)}


def _load_judge(checkpoint: Checkpoint) -> GeneratorPart:
    judge = reading.early_judge(checkpoint)
    facts = {"use": "beside the generator's file, named netD where that is named netG"}
    kind = "discriminator of a sentence"
    stem, digest = checkpoint.path.stem, checkpoint.sha256
    return GeneratorPart(stem, digest, kind, EARLY_GENERATOR.id, judge, facts)


def _parity_judge(checkpoint: Checkpoint, arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    return _outputs((None, reading.early_judge(checkpoint)), arrays)


WORDS: Final = ("<end>", "a", "small", "red")


def _example() -> Example:
    networks: dict[str, nn.Module] = {
        "model.netG.module.": DfGanGenerator(DfGanLayout(5, 4, (6, 4, 4))),
        "model.netD.module.": ImageMaps((3, 4, 4)),
        "model.netC.module.": Matching(4, 4, 3),
        "text_encoder.": encoder_example(len(WORDS), 4),
    }
    return Example(networks, {"vocabulary": list(WORDS)})


def _early_example() -> Example:
    networks: dict[str, nn.Module] = {
        "netG.": EarlyDfGanGenerator(DfGanLayout(5, 4, (4, 4, 6), 3)),
        "netD.": EarlyJudge((3, 4), 4, 2),
        "text_encoder.": encoder_example(len(WORDS), 4),
    }
    return Example(networks, {"vocabulary": list(WORDS)})


GENERATOR: Architecture[ConditionalGenerator] = Architecture(
    id="df-gan",
    needs="`netG.GBlocks.0.fuse1.affine0.fc_gamma.linear1.weight`",
    recognises=lambda checkpoint: bool(_prefixes(checkpoint)),
    load=_load,
    examples=(_example,),
    options=DFGAN_OPTIONS,
    parity=_parity,
    facts=_facts,
    published=(
        Published(
            name="DF-GAN of 2022, with text encoder and captions beside it",
            files="`state_epoch_*.pth`; `text_encoder*.pth`, `captions*.pickle`",
            licence="CC BY-NC-SA 4.0, academic use only",
            latents="z in [-2, 2]",
            given="a sentence",
            verified="official code, with discriminator",
        ),
    ),
)
EARLY_GENERATOR: Architecture[ConditionalGenerator] = Architecture(
    id="df-gan-2021",
    needs="`block0.affine0.fc_gamma.linear1.weight` and `conv_img.1.weight`",
    recognises=lambda checkpoint: bool(_early_prefixes(checkpoint)),
    load=_load_early,
    examples=(_early_example,),
    parity=_parity_early,
    facts=_facts_early,
    published=(
        Published(
            name="DF-GAN of 2021, with text encoder and captions beside it",
            files="`netG_*.pth`, `netD_*.pth`",
            licence="CC BY-NC-SA 4.0, academic use only",
            latents="z",
            given="a sentence",
            verified="official code, with discriminator",
        ),
    ),
)
EARLY_DISCRIMINATOR: Architecture[GeneratorPart] = Architecture(
    id="df-gan-2021-discriminator",
    needs="`COND_DNET.joint_conv.0.weight` and `block0.conv_r.0.weight`",
    recognises=lambda c: prefix_of(c, *reading.EARLY_JUDGE_KEYS) is not None,
    load=_load_judge,
    examples=(lambda: Example({"": EarlyJudge((3, 4), 4, 2)}, {}),),
    parity=_parity_judge,
)
