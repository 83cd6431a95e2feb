"""Difference between a step of KRR flow and that of kernel density estimation, by eta and xi.

Measured as A - B of eq. (6) on the embedded digits, at samples of the prior and as many real
digits. The kernel is on the classifier's features, at its median bandwidth and at the narrow,
mollified one of the shipped workflows.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ....core.auxiliaries import load_auxiliary
from ....core.chunking import Chunking
from ....core.features import feature_map
from ....core.generators import load_generator
from ....core.krr.flow import krr_flow
from ....core.krr.kernel import Bandwidth, Mollifier
from ....core.krr.settings import FlowSettings
from ....core.refine.kernel import Annealed
from ....core.rng import SampleRng
from ....core.zoo import shipped as catalogue
from ....nodes.kinds import as_classifier

__all__ = ["SHARES", "differences"]

SHARES = (1.0, 0.3, 0.1, 0.03, 0.01)
"""eta and xi as shares of the number of particles."""
SEEDS = (0, 1)
KERNELS: tuple[tuple[Bandwidth, Mollifier], ...] = (
    ("median", Mollifier()),
    (41.0, Mollifier("feature", sigma=1.0, schedule="constant")),
)


def differences(
    particles: int, shares: Sequence[float] = SHARES
) -> Mapping[float, tuple[float, float]]:
    """Least and greatest |step - KDE step| / |KDE step| over seeds and kernels, by share.

    Args:
        particles: number n of particles and of real digits, at most 500.
        shares: eta and xi as shares of n.
    """
    generator = load_generator(catalogue.embedded("digits (embedded)"))
    classifier = as_classifier(load_auxiliary(catalogue.embedded("digits classifier (embedded)")))
    chunking = Chunking.of("fast", generator.image_size)
    found: dict[float, list[float]] = {share: [] for share in shares}
    for seed in SEEDS:
        real = catalogue.reference_portion(
            "digits held out (embedded)", order="balanced", seed=seed
        )[:particles]
        z = generator.prior.sample(SampleRng.of(seed, particles), torch.zeros(1))

        def step(settings: FlowSettings, real: Tensor = real, z: Tensor = z) -> Tensor:
            flow = krr_flow(
                settings,
                feature_map(classifier),
                steps=1,
                image_size=generator.image_size,
                chunking=chunking,
                real=real,
            )
            field = flow.direction.field(flow.energy.pullback(generator), chunking)
            assert isinstance(field, Annealed)
            return field.at(0)(z, SampleRng.of(0, len(z)))[0]

        for bandwidth, mollifier in KERNELS:
            plain = step(FlowSettings(estimator="kde", bandwidth=bandwidth, mollifier=mollifier))
            for share in shares:
                ridge = share * particles
                moved = step(
                    FlowSettings(eta=ridge, xi=ridge, bandwidth=bandwidth, mollifier=mollifier)
                )
                found[share].append(float((moved - plain).norm() / plain.norm()))
    return {share: (min(values), max(values)) for share, values in found.items()}
