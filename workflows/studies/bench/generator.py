"""`latentsteer bench generator`: the fast form of BigGAN-128 against the official operations.

Width 96, batch 1, random weights: a forward pass alone, and one with the gradient with respect to
z and the class, as in a refinement step.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from ....core.generators.biggan.networks.ajbrock import BigGanGenerator, GeneratorLayout
from ....core.generators.biggan.networks.folded import folded
from .device import checked_device, finished, machine
from .harness import Check, Step, conclude, medians
from .networks import numbers

__all__ = ["FULL", "QUICK", "Plan", "checks_of", "run"]

FASTER = 1.15
SHOWN = 6


@dataclass(frozen=True)
class Plan:
    """Plan of the measurements.

    Attributes:
        name: name of the network.
        layout: layout of the network.
        repeats: repeats of every timing.
    """

    name: str
    layout: GeneratorLayout
    repeats: int


def _layout(width: int, multiples: tuple[int, ...], attention: int) -> GeneratorLayout:
    """Layout of ajbrock's networks, with chunks of 20 numbers of z and embeddings of 128."""
    channels = tuple(width * multiple for multiple in multiples)
    return GeneratorLayout(channels, 4, 20, 148, 1000, 128, frozenset({attention}))


FULL = Plan("BigGAN-128", _layout(96, (16, 16, 8, 4, 2, 1), 3), 9)
QUICK = Plan("BigGAN-32", _layout(8, (4, 4, 4, 4), 1), 1)


def run(args: argparse.Namespace) -> int:
    """Measures, prints the table and writes all numbers."""
    plan = QUICK if args.quick else FULL
    device = checked_device(args.device)
    official = BigGanGenerator(plan.layout).eval().requires_grad_(False)
    forms: dict[str, nn.Module] = {"unfolded": official, "folded": folded(official)}
    official.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    for network in forms.values():
        network.to(device)
    z, y = (row.to(device) for row in _latents(plan.layout))
    steps: dict[str, Step] = {}
    for name, network in forms.items():
        steps[f"{name}_forward"] = finished(_forward(network, z, y), device)
        steps[f"{name}_gradient"] = finished(_gradient(network, z, y), device)
    found = medians(steps, plan.repeats, warm=tuple(steps))
    with torch.no_grad():
        images = [network(z, y) for network in forms.values()]
    flat: dict[str, Any] = {
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
        "machine": machine(device),
        "device": device.type,
        "network": plan.name,
        "numbers": numbers(official),
        "repeats": plan.repeats,
        "quick": args.quick,
        "largest_difference": float((images[0] - images[1]).abs().max()),
    }
    flat |= {f"{name}_seconds": value for name, value in found.items()}
    flat["profile"] = {name: _shares(steps[f"{name}_gradient"]) for name in forms}
    required = not args.quick and device.type == "cpu"
    checks = list(checks_of(flat)) if required else []
    print(_table(flat))
    conclude(flat, checks, args.json)
    return 0


def checks_of(flat: Mapping[str, Any]) -> Iterator[Check]:
    """Requirements on the numbers."""
    for kind in ("forward", "gradient"):
        faster = flat[f"unfolded_{kind}_seconds"] / flat[f"folded_{kind}_seconds"]
        yield Check(f"{kind}: folded faster than unfolded", faster, FASTER, most=False)


def _latents(layout: GeneratorLayout) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    z = torch.randn(1, layout.latent, generator=draw).clamp(-2, 2)
    return z, torch.randn(1, layout.embedding, generator=draw)


def _forward(network: nn.Module, z: torch.Tensor, y: torch.Tensor) -> Step:
    @torch.no_grad()
    def step() -> None:
        network(z, y)

    return step


def _gradient(network: nn.Module, z: torch.Tensor, y: torch.Tensor) -> Step:
    points = (z.clone().requires_grad_(), y.clone().requires_grad_())

    def step() -> None:
        torch.autograd.grad(network(*points).sum(), points)

    return step


def _shares(step: Callable[[], None]) -> dict[str, float]:
    """Operations that take most of a step's time, with their shares."""
    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        step()
    spent = {event.key: event.self_cpu_time_total for event in recorded.key_averages()}
    total = sum(spent.values()) or 1.0
    most = sorted(spent, key=lambda name: -spent[name])[:SHOWN]
    return {name: spent[name] / total for name in most}


def _table(flat: Mapping[str, Any]) -> str:
    size = f"{flat['network']} of {flat['numbers'] / 1e6:.1f} M"
    on = flat["machine"] if flat["device"] != "cpu" else f"{flat['threads']} threads"
    lines = [
        f"{size}, batch 1, {on}; medians of {flat['repeats']}, seconds",
        f"{'':<22}{'folded':>9}{'unfolded':>10}{'faster':>8}",
    ]
    for kind, name in (("forward", "forward"), ("gradient", "forward and gradient")):
        fast, slow = (flat[f"{form}_{kind}_seconds"] for form in ("folded", "unfolded"))
        lines.append(f"{name:<22}{fast:>9.3f}{slow:>10.3f}{slow / fast:>8.2f}")
    lines.append(f"Largest pixel difference, in [-1, 1]: {flat['largest_difference']:.1e}")
    for form, shares in flat["profile"].items():
        listed = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
        lines.append(f"{form}, forward and gradient: {listed}")
    return "\n".join(lines)
