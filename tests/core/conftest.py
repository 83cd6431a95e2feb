"""Toy models shared by the tests of the core: small, smooth, in any float type."""

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
import torch
from latentsteer.core.auxiliary import Classifier
from latentsteer.core.chunking import Chunking
from latentsteer.core.energies.classification import classification
from latentsteer.core.energies.example import filled
from latentsteer.core.energy import Energy
from latentsteer.core.generator import Gaussian, Generator
from latentsteer.core.latents import Latents
from latentsteer.core.refine.first_order import FirstOrder
from latentsteer.core.refine.refinement import Refinement
from latentsteer.core.refine.rules import Langevin
from latentsteer.core.refine.schedule import Schedule
from latentsteer.core.rng import SampleRng
from latentsteer.core.spaces import Block, Domain, Identity, Space
from latentsteer.core.terms import Term
from torch import Tensor, nn

from . import accelerators

CPU = torch.device("cpu")


def _normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    drawn = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return drawn.to(dtype)


def _generator(dtype: torch.dtype = torch.float32, bound: float = 4.0) -> Generator:
    """Convolutional, images of 8 by 8 pixels from latents in [-bound, bound]^12."""
    network = nn.Sequential(
        nn.Linear(12, 128),
        nn.Unflatten(1, (8, 4, 4)),
        nn.SiLU(),
        nn.ConvTranspose2d(8, 8, 4, stride=2, padding=1),
        nn.SiLU(),
        nn.Conv2d(8, 3, 3, padding=1),
    )
    network = filled(network, 1).to(dtype)
    return Generator(
        name="toy",
        id="toy-generator-id",
        architecture="toy",
        module=network,
        source=Space((Block("z", (12,), -bound, bound),)),
        prior=Gaussian(12),
        image_size=(8, 8),
        render=lambda parts, rng: network(parts["z"]).sigmoid(),
    )


def _classifier(dtype: torch.dtype = torch.float32, classes: str = "abc") -> Classifier:
    body = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.SiLU(), nn.AvgPool2d(2), nn.Flatten())
    network = filled(nn.Sequential(body, nn.Linear(96, len(classes))), 2).to(dtype)
    return Classifier("toy f", "toy-classifier-id", network, tuple(classes), network, body)


@dataclass(frozen=True)
class Lift:
    """Map from any function of points."""

    source: Space
    target: Domain
    function: Callable[[Tensor], Tensor]
    modules: tuple[nn.Module, ...] = ()

    def __call__(self, v: Tensor, rng: SampleRng) -> Tensor:
        return self.function(v)

    def __str__(self) -> str:
        return "lift"


def _energy_of(function: Callable[[Tensor], Tensor], space: Space, label: str = "toy") -> Energy:
    return Energy.of(Term(label, space, lambda v, rng: function(v)))


def _vectors(dim: int) -> Space:
    return Space((Block("z", (dim,)),))


def _latents(generator: Generator, values: Tensor, samples=None, chart=None) -> Latents:
    names = tuple(range(len(values))) if samples is None else tuple(samples)
    chart = chart or Identity(generator.source)
    return Latents(values, chart, generator.id, generator.name, names)


def _job(**changes) -> Refinement:
    """Langevin dynamics to a class of the toy classifier, 10 steps; a `rule` becomes a refiner."""
    generator = changes.pop("generator", None) or _generator()
    classifier = _classifier(next(generator.module.parameters()).dtype)
    settings = {
        "title": "test",
        "generator": generator,
        "energy": classification(classifier, classifier.condition(["b"])),
        "refiner": FirstOrder(Langevin(step_size=1e-2, inverse_temperature=20, momentum=0.5)),
        "steps": 10,
        "seed": 3,
        "chunking": Chunking.of("fixed", generator.image_size),
        "device": CPU,
    }
    if "rule" in changes:
        settings["refiner"] = FirstOrder(changes.pop("rule"))
    return Refinement(**settings | changes)


@dataclass(frozen=True)
class Factors(Schedule):
    """Schedule from any function of the step."""

    function: Callable[[int], float] = field(default=float, compare=False)

    def __call__(self, step: int) -> float:
        return self.function(step)


def _schedule(function: Callable[[int], float]) -> Schedule:
    return Factors(function=function)


@pytest.fixture(params=accelerators.KINDS)
def there(request):
    """A device other than the CPU: simulated, CUDA or Metal."""
    with accelerators.opened(request.param) as device:
        yield device


@pytest.fixture
def offline(monkeypatch):
    """A test with it may not use the network."""

    def refuse(*arguments, **named):
        raise AssertionError("the network was asked for")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(scope="session")
def opened(tmp_path_factory):
    """Opens the smallest file of a family of generators with options: see `option_files`."""
    from .option_files import opener

    return opener(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="session")
def examples(tmp_path_factory):
    """Opens the example files of generators and auxiliaries, each once: see `example_files`."""
    from .example_files import Examples

    return Examples(tmp_path_factory.mktemp("examples"))


@pytest.fixture(scope="session")
def toys() -> SimpleNamespace:
    return SimpleNamespace(
        generator=_generator,
        classifier=_classifier,
        normal=_normal,
        filled=filled,
        lift=Lift,
        energy_of=_energy_of,
        vectors=_vectors,
        latents=_latents,
        job=_job,
        schedule=_schedule,
        cpu=CPU,
    )
