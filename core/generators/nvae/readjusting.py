"""Readjusts the statistics of NVAE's batch normalisation to samples of a temperature.

Vahdat and Kautz (2020), section 4.2 and appendix: a decoder that draws with a temperature below 1
sees maps that training never showed it, so the statistics are taken again from its own samples.
The authors' `evaluate.py --readjust_bn` does so for each run; here the result is a file.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from jaxtyping import Float
from torch import Tensor

from ...checkpoints.checkpoint import fingerprint, read, write
from ...checkpoints.weights import Weights
from ...errors import CheckpointError, InvalidInput
from ...rng import stream_of
from .network import LEAST_DEVIATION, NvaeDecoder
from .official import READJUSTED, nvae_network
from .reading import decoder_prefix

__all__ = ["readjust", "readjust_statistics"]

PASSES: Final = 500
BATCH: Final = 16
SUFFIX: Final = ".safetensors"


def readjust(
    source: str | Path,
    target: str | Path,
    temperature: float,
    *,
    passes: int = PASSES,
    batch: int = BATCH,
    seed: int = 0,
    device: torch.device | None = None,
    report: Callable[[int, int], None] | None = None,
) -> None:
    """Writes a copy of an NVAE with readjusted statistics, and how they were made.

    Args:
        source: an NVAE file.
        target: output path, ending in `.safetensors`; it is never left half-written.
        temperature: above 0, at most 1; that of the samples.
        passes: number of batches; the statistics are running means of the last ones.
        batch: samples in a batch.
        seed: seed of the samples.
        device: where the network runs.
        report: called with the number of passes done and of all.

    Raises:
        CheckpointError: the source is no NVAE, or damaged.
        InvalidInput: the target has another suffix, or a number is out of range.
    """
    source, target = Path(source), Path(target)
    if target.suffix != SUFFIX:
        raise InvalidInput(f"{target} does not end in {SUFFIX}. Name it so.")
    if not 0 < temperature <= 1:
        raise InvalidInput(f"The temperature is {temperature}; above 0 and at most 1 is expected.")
    if passes < 1 or batch < 2:
        raise InvalidInput(f"{passes} passes of {batch} samples; at least 1 of 2 are expected.")
    checkpoint = read(source)
    prefix = decoder_prefix(checkpoint)
    if prefix is None:
        raise CheckpointError(
            f"{source.name} is no NVAE. Only its batch normalisation can be readjusted."
        )
    network = nvae_network(checkpoint).to(device or "cpu")
    stream = stream_of(seed, "readjusted batch normalisation")

    def drawn() -> Iterable[list[Tensor]]:
        for number in range(passes):
            yield [torch.randn(batch, *shape, generator=stream) for shape in network.layout.groups]
            if report is not None:
                report(number + 1, passes)

    readjust_statistics(network, drawn(), temperature)
    tensors = checkpoint.tensors
    kept = dict(tensors.whole if isinstance(tensors, Weights) else tensors)
    kept |= {f"{prefix}{name}": tensor for name, tensor in network.state_dict().items()}
    made: dict[str, Any] = {
        "temperature": temperature,
        "passes": passes,
        "batch": batch,
        "seed": seed,
    }
    origin = {"sha256": fingerprint(source), "name": source.name}
    write(target, kept, {**checkpoint.config, "source": origin, READJUSTED: made})


@torch.no_grad()
def readjust_statistics(
    network: NvaeDecoder,
    noise: Iterable[Sequence[Float[Tensor, "batch latent _ _"]]],
    temperature: float,
) -> None:
    """Runs samples through a decoder in training mode, in place; it is in eval mode afterwards.

    Args:
        network: the decoder.
        noise: standard normal noise of all groups, for each pass.
        temperature: factor on all deviations.
    """
    like = network.prior_ftr0
    network.train()
    try:
        for groups in noise:
            first, *others = (part.to(like) for part in groups)
            network(first * (temperature * (1 + LEAST_DEVIATION)), others, temperature)
    finally:
        network.eval()
