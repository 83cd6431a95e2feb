"""Evolution strategies: CMA-ES, and BasinCMA, whose members descend before they are evaluated."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..chunking import Chunking
from ..devices import numbers_on, placed
from ..energy import Energy
from ..errors import InvalidInput
from ..rng import SampleRng, stream_of
from ..snapshot import Memory, State, comparable
from ..spaces import Map
from .first_order import FirstOrder
from .kernel import Info, Kernel, Projection, Refiner
from .rules import Adam

__all__ = ["LARGEST_FULL", "CmaEs"]

LARGEST_FULL = 512
"""Largest dimension with a full covariance; above it only the diagonal is adapted."""
SMALLEST_POPULATION = 4
LIBRARY = "cmaes"
PARTS = ("_mean", "_sigma", "_C", "_p_sigma", "_pc", "_g")
"""State of a cmaes optimiser that a generation changes; the rest follows from its settings."""
ENERGY = "energy"
ADAM = FirstOrder(Adam(learning_rate=0.05))


@dataclass(frozen=True)
class CmaEs:
    """CMA-ES for each sample independently; a step is a generation.

    The members of a sample are drawn from its normal distribution, projected onto the bounds and
    evaluated. Their energies update the distribution, and the sample becomes the best member. With
    inner steps it is BasinCMA (Wampler and Popovic 2009; FuseDream's reference 32): each member
    descends first, the distribution is updated with the energy reached and the point it started
    from, and the sample is the point that the best member reached, as in pix2latent. From 513
    numbers on only variances are adapted (sep-CMA-ES).

    The members of all samples are one batch for the networks. All members of a generation see the
    same random views, so that their ranking is fair; the next generation sees others. Each
    generation takes one draw from the stream of a sample, which seeds all its randomness.

    Departures: pix2latent searches BigGAN's z alone with sigma 1 and ends with a long descent;
    here all numbers of the chart are searched, with one sigma, and a final descent is a separate
    node.

    Attributes:
        population: members per generation, at least 4; 0 for 4 + 3 log(numbers in a point).
        sigma: standard deviation of the first generation about the start, above 0.
        inner_steps: steps of each member before it is evaluated; 0 is plain CMA-ES.
        inner: refiner that makes those steps.

    Raises:
        InvalidInput: a number outside its range.
    """

    population: int = 0
    sigma: float = 0.5
    inner_steps: int = 0
    inner: Refiner = ADAM

    def __post_init__(self) -> None:
        if self.population and self.population < SMALLEST_POPULATION:
            raise InvalidInput(
                f"A population of {self.population}; expected 0 (automatic) or at least "
                f"{SMALLEST_POPULATION}."
            )
        if not 0 < self.sigma < float("inf"):
            raise InvalidInput(f"sigma is {self.sigma}; expected a number above 0.")
        if self.inner_steps < 0:
            raise InvalidInput(f"{self.inner_steps} inner steps; expected 0 (none) or more.")

    def bind(
        self, energy: Energy, chart: Map, chunking: Chunking, project: Projection | None = None
    ) -> Kernel:
        """Returns the kernel whose step is a generation; see `Refiner`.

        Raises:
            InvalidInput: the library cmaes is not installed, or the energy's samples depend on
                each other.
        """
        inner = self.inner.bind(energy, chart, chunking, project)
        return _kernel(self, energy, inner, chunking, project)


@runtime_checkable
class Optimiser(Protocol):
    """The part of the interface of cmaes' CMA and SepCMA that is used."""

    @property
    def population_size(self) -> int:
        """Number of members of a generation."""
        ...

    def ask(self) -> np.ndarray:
        """Draws a member of the generation."""
        ...

    def tell(self, solutions: list[tuple[np.ndarray, float]]) -> None:
        """Updates the distribution with a whole generation."""
        ...


def _kernel(
    settings: CmaEs, energy: Energy, inner: Kernel, chunking: Chunking, project: Projection | None
) -> Kernel:
    library = _library()
    if energy.coupled:
        raise InvalidInput(
            f"The energy {energy} compares the samples of a batch with each other, but the "
            "members of a generation are evaluated separately. Use Langevin Refine or Adam "
            "Refine."
        )

    def judged(v: Tensor, streams: SampleRng) -> Tensor:
        with torch.no_grad():
            (values,) = chunking.apply_random(lambda z, part: (energy(z, part),), v, streams)
        return comparable(values)

    def descended(v: Tensor, streams: SampleRng) -> Tensor:
        state = inner.init(v)
        for _ in range(settings.inner_steps):
            state, _ = inner.step(state, streams)
        return state.position

    def init(position: Tensor) -> State:
        laws = [_optimiser(library, settings, row, 0) for row in _rows(position)]
        return State(position, _written(laws, position.new_full((len(position),), torch.inf)), 0)

    def step(state: State, rng: SampleRng) -> tuple[State, Info]:
        seeds = [int(torch.randint(2**62, (), generator=stream)) for stream in rng.streams]
        before = state.memory[ENERGY]
        if state.step == 0:
            before = judged(state.position, _looks(rng, seeds, "judge", 1))
        laws = _read(library, settings, state, seeds)
        members = [np.stack([law.ask() for _ in range(law.population_size)]) for law in laws]
        drawn = placed(torch.from_numpy(np.concatenate(members)), state.position)
        drawn = drawn if project is None else project(drawn)
        many = laws[0].population_size
        moved = descended(drawn, _looks(rng, seeds, "descend", many))
        values = judged(moved, _looks(rng, seeds, "judge", many)).unflatten(0, (-1, many))
        generation = zip(laws, _rows(drawn.unflatten(0, (-1, many))), _rows(values), strict=True)
        for law, points, energies in generation:
            law.tell([(p, float(e)) for p, e in zip(points, energies, strict=True)])
        lowest, place = values.min(dim=1)
        rows = torch.arange(len(place), device=place.device)
        position = moved.unflatten(0, (-1, many))[rows, place]
        following = State(position, _written(laws, lowest), state.step + 1)
        return following, Info(before, torch.zeros_like(before))

    return Kernel(init, step)


def _library() -> Any:  # noqa: ANN401
    try:
        return import_module(LIBRARY)
    except ImportError as error:
        raise InvalidInput(
            f"CMA-ES needs the library {LIBRARY}, which is not installed. `pip install {LIBRARY}`,"
            " or refine by Adam Refine."
        ) from error


def _optimiser(
    library: Any,  # noqa: ANN401
    settings: CmaEs,
    mean: Float[np.ndarray, " dim"],
    seed: int,
) -> Optimiser:
    if len(mean) < 2:
        raise InvalidInput("CMA-ES searches at least 2 numbers; these latents have 1.")
    kind = library.CMA if len(mean) <= LARGEST_FULL else library.SepCMA
    # Copied: some versions write into it.
    return kind(
        mean.copy(),
        settings.sigma,
        # NumPy truncates a single seed to 32 bits, but uses all of several.
        seed=np.array([seed % 2**32, seed >> 32]),
        population_size=settings.population or None,
    )


def _looks(rng: SampleRng, seeds: Sequence[int], purpose: str, members: int) -> SampleRng:
    """Returns a stream for each member; the streams of one sample draw the same numbers."""
    streams = [stream_of(seed, purpose) for seed in seeds for _ in range(members)]
    rows = [row for row in rng.rows for _ in range(members)]
    names = [name * members + member for name in rng.names for member in range(members)]
    return SampleRng(streams, rows, names)


def _rows(values: Tensor) -> np.ndarray:
    return values.detach().cpu().double().numpy()


def _written(laws: Sequence[Optimiser], energies: Tensor) -> Memory:
    """Packs the distributions as a row each: float64 bits as integers, for any device."""
    memory: dict[str, Tensor] = {ENERGY: energies}
    for name in PARTS:
        parts = [np.asarray(vars(law)[name], dtype=np.float64) for law in laws]
        bits = torch.from_numpy(np.stack(parts)).view(torch.int64)
        memory[name.strip("_")] = numbers_on(bits, energies.device)
    return memory


def _read(
    library: Any,  # noqa: ANN401
    settings: CmaEs,
    state: State,
    seeds: Sequence[int],
) -> list[Optimiser]:
    parts = {
        name: state.memory[name.strip("_")].cpu().clone().view(torch.float64).numpy()
        for name in PARTS
    }
    laws: list[Optimiser] = []
    for row, seed in enumerate(seeds):
        law = _optimiser(library, settings, parts["_mean"][row], seed)
        own = {name: part[row] for name, part in parts.items()}
        own["_sigma"], own["_g"] = float(own["_sigma"]), int(own["_g"])
        vars(law).update(own)
        laws.append(law)
    return laws
