"""`latentsteer bench krr`: the cost of a step of KRR flow on a CPU, and its growth.

Times: the features of n images of 64 pixels (growing as n), the kernel of n particles (n^2), the
weights by Cholesky (n^3). Memory: one refinement step of 512 particles in a new process, with the
embedded avatars and the kernel on their judge's features, in both kinds of chunks. Differences:
between a step and that of kernel density estimation, by eta and xi.
"""

import argparse
import math
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from ....core.auxiliaries import load_auxiliary
from ....core.auxiliary import AttributeJudge
from ....core.charts import Start
from ....core.chunking import Chunking, ChunkMode
from ....core.features import FeatureMap, feature_map
from ....core.generators import load_generator
from ....core.krr.density import krr_weights
from ....core.krr.flow import krr_flow
from ....core.krr.kernel import gram
from ....core.krr.settings import FlowSettings
from ....core.latents import Latents
from ....core.refine.first_order import FirstOrder
from ....core.refine.refinement import Refinement, refine
from ....core.refine.rules import Descent
from ....core.rng import SampleRng
from ....core.spaces import Identity
from ....core.zoo import shipped as catalogue
from .harness import Check, Step, conclude, medians, peak_memory
from .ridge import differences

__all__ = ["FULL", "QUICK", "Plan", "checks_of", "growth", "run"]

MODES: tuple[ChunkMode, ...] = ("fixed", "fast")
GROWTH = {"features": 1, "kernel": 2, "weights": 3}
NEAR = 0.4
"""Largest deviation of a fitted power from its law; small sizes deviate in both directions."""
MOST_GIGABYTES = 4.0
GIGABYTE = 1 << 30


@dataclass(frozen=True)
class Plan:
    """Plan of the measurements.

    Attributes:
        images: numbers of images of the feature pass.
        kernels: numbers of particles of the kernel; smaller matrices fit in the caches and cost a
            tenth of their share.
        weights: numbers of particles of the weights.
        width: length of a feature in the last two.
        particles: number of particles of the step whose memory is measured.
        repeats: repeats of the timings.
        compared: number of particles of the steps compared with kernel density estimation's.
    """

    images: tuple[int, ...]
    kernels: tuple[int, ...]
    weights: tuple[int, ...]
    width: int
    particles: int
    repeats: int
    compared: int


FULL = Plan((64, 128, 256, 512), (2048, 3072, 4096, 6144), (1024, 2048, 4096), 128, 512, 5, 128)
QUICK = Plan((2, 4), (32, 64), (32, 64), 8, 4, 1, 8)


def run(args: argparse.Namespace) -> int:
    """Measures, prints the table and writes all numbers."""
    plan = QUICK if args.quick else FULL
    flat: dict[str, Any] = {
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
        "machine": platform.processor() or platform.machine(),
        "particles": plan.particles,
        "repeats": plan.repeats,
        "quick": args.quick,
    }
    # Memory is measured first, while this process is small.
    for mode in MODES:
        for what, whole in (("added", False), ("process", True)):
            found = peak_memory(partial(prepared, plan.particles, mode), whole=whole)
            flat[f"memory_{mode}_{what}_bytes"] = found
            print(f"{plan.particles} particles, {mode} chunks, {what}: {found >> 20} MB")
    for name, (counts, step_of) in _parts(plan).items():
        steps = {str(count): step_of(count) for count in counts}
        found = medians(steps, plan.repeats, warm=tuple(steps))
        flat |= {f"{name}_{count}_seconds": seconds for count, seconds in found.items()}
        flat[f"{name}_growth"] = growth(counts, [found[str(count)] for count in counts])
        print(_row(name, found, flat[f"{name}_growth"]), flush=True)
    for share, (least, most) in differences(plan.compared).items():
        flat |= {f"ridge_{share:g}_least": least, f"ridge_{share:g}_most": most}
        print(f"eta = xi = {share:g} n: step {least:.1%} to {most:.1%} from that of KDE")
    checks = [] if args.quick else list(checks_of(flat))
    conclude(flat, checks, args.json)
    return 0


def checks_of(flat: Mapping[str, Any]) -> Iterator[Check]:
    """Requirements on the numbers."""
    for mode in MODES:
        what = f"{flat['particles']} particles at 64 px, {mode} chunks: gigabytes of the process"
        held = flat[f"memory_{mode}_process_bytes"] / GIGABYTE
        yield Check(what, held, MOST_GIGABYTES, most=True)
    for name, power in GROWTH.items():
        found = flat[f"{name}_growth"]
        yield Check(f"{name}: power of n, {power} within", abs(found - power), NEAR, most=True)


def growth(counts: Sequence[int], seconds: Sequence[float]) -> float:
    """Fitted power of n with which the times grow: the slope of their logarithms."""
    x, y = ([math.log(value) for value in values] for values in (counts, seconds))
    at, level = sum(x) / len(x), sum(y) / len(y)
    across = sum((u - at) * (v - level) for u, v in zip(x, y, strict=True))
    return across / sum((u - at) ** 2 for u in x)


def prepared(particles: int, mode: ChunkMode) -> tuple[Step, Step]:
    """Makes a warm-up with two particles and a one-step refinement of all."""
    generator = load_generator(catalogue.embedded("avatars (embedded)"))
    chunking = Chunking.of(mode, generator.image_size)
    flow = krr_flow(
        FlowSettings(),
        _features(),
        steps=1,
        image_size=generator.image_size,
        chunking=chunking,
        real=torch.rand(particles, 3, *generator.image_size),
    )
    job = Refinement(
        title="bench",
        generator=generator,
        energy=flow.energy,
        refiner=FirstOrder(Descent(), direction=flow.direction),
        steps=1,
        seed=0,
        chunking=chunking,
        device=torch.device("cpu"),
    )

    def step(count: int) -> None:
        points = generator.prior.sample(SampleRng.of(0, count), torch.zeros(1))
        refine(job, Latents.of(Start(points, Identity(generator.source)), generator))

    return partial(step, 2), partial(step, particles)


def _features() -> FeatureMap:
    judge = load_auxiliary(catalogue.embedded("avatars judge (embedded)"))
    if not isinstance(judge, AttributeJudge):
        raise TypeError(f"The avatars' judge is a {type(judge).__name__}.")
    return feature_map(judge)


def _parts(plan: Plan) -> dict[str, tuple[tuple[int, ...], Callable[[int], Step]]]:
    features = _features()

    def seeing(count: int) -> Step:
        images, chunking = torch.rand(count, 3, 64, 64), Chunking.of("fixed", (64, 64))

        @torch.no_grad()
        def step() -> None:
            chunking.apply(features.of, images)

        return step

    def comparing(count: int) -> Step:
        points = _points(count, plan.width)

        def step() -> None:
            gram(points, points, plan.width)

        return step

    def weighing(count: int) -> Step:
        points = _points(count, plan.width)
        kernel = gram(points, points, plan.width)

        def step() -> None:
            krr_weights(kernel, 1.0)

        return step

    return {
        "features": (plan.images, seeing),
        "kernel": (plan.kernels, comparing),
        "weights": (plan.weights, weighing),
    }


def _points(count: int, width: int) -> torch.Tensor:
    stream = torch.Generator().manual_seed(0)
    return torch.randn(count, width, generator=stream, dtype=torch.float64)


def _row(name: str, seconds: Mapping[str, float], power: float) -> str:
    cells = ", ".join(f"n = {count} {value:.4f} s" for count, value in seconds.items())
    return f"{name}: {cells}; as n^{power:.2f} (law: {GROWTH[name]})"
