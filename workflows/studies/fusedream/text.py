"""The figures of `latentsteer reproduce fusedream` as text."""

from collections.abc import Sequence

from .cases import SWITCHES, Figures
from .table import CURVE

__all__ = ["table"]


def table(flat: Figures, names: Sequence[str]) -> str:
    """Returns the figures as text.

    Args:
        flat: figures by key.
        names: rows of the table.
    """
    heads = ("satisfied", "similarity", "augclip", "search_seconds", "seconds")
    width = max(map(len, names))
    lines = [" " * width + "".join(f"{head:>18}" for head in heads)]
    lines += [
        f"{name:<{width}}" + "".join(f"{_spread(flat, f'{name}_{head}'):>18}" for head in heads)
        for name in names
    ]
    for name in ("no_basis", "full"):
        keys = [(step, f"{name}_after_{step}") for step in CURVE]
        points = [
            f"{s}: {flat[k]:.3f} ({flat[f'{k}_seconds']:.0f} s)" for s, k in keys if k in flat
        ]
        lines.append(f"satisfied after steps, {name}: {', '.join(points)}")
    return "\n".join([*lines, *_starts(flat), *_attacks(flat), *_wrong(flat), *_pairs(flat)])


def _spread(flat: Figures, key: str) -> str:
    text = f"{flat[key]:.3f}"
    return f"{text} +- {flat[f'{key}_sd']:.3f}" if f"{key}_sd" in flat else text


def _interval(flat: Figures, key: str) -> str:
    return f"{flat[key]:.3f} [{flat[f'{key}_low']:.3f}, {flat[f'{key}_high']:.3f}]"


def _starts(flat: Figures) -> list[str]:
    return [
        f"candidates from {name}: satisfied {_spread(flat, f'start_{name}_satisfied')}, Frechet "
        f"distance drawn {flat[f'start_{name}_drawn_frechet']:.0f}, refined "
        f"{flat[f'start_{name}_frechet']:.0f}"
        for name in ("prior", "wide", "unwhitened")
    ]


def _attacks(flat: Figures) -> list[str]:
    raised = ", ".join(
        f"on {attacked}: plain {flat[f'attack_on_{attacked}_raises_plain']:+.3f}, AugCLIP "
        f"{flat[f'attack_on_{attacked}_raises_augclip']:+.3f}"
        for attacked in ("plain", "augclip")
    )
    return [
        f"attacks {raised}",
        "plain score raised more than AugCLIP, by its own attack: "
        + _interval(flat, "attack_on_plain_plain_more"),
        "plain score raised more than AugCLIP, each by its own attack: "
        + _interval(flat, "attack_each_on_itself_plain_more"),
    ]


def _wrong(flat: Figures) -> list[str]:
    lines = [
        f"from a wrong start, {name}: reached {_interval(flat, f'wrong_start_{name}_reached')}"
        for name in ("plain", "augclip")
    ]
    lines.append(f"AugCLIP more often: {_interval(flat, 'wrong_start_augclip_more')}")
    return lines + [
        f"  {one.name}: plain {flat[f'wrong_start_{one.name}_plain']:.0f}, AugCLIP "
        f"{flat[f'wrong_start_{one.name}_augclip']:.0f}, more by "
        + _interval(flat, f"wrong_start_{one.name}_augclip_more")
        for one in SWITCHES
    ]


def _pairs(flat: Figures) -> list[str]:
    lines: list[str] = []
    for energy in ("whole", "somewhere"):
        lines += [
            f"two persons, {name}, {energy}: both "
            f"{_interval(flat, f'pairs_{name}_{energy}_both')}, "
            f"each {flat[f'pairs_{name}_{energy}_person']:.2f}, constraints "
            f"{flat[f'pairs_{name}_{energy}_satisfied']:.2f}"
            for name in ("single", "composed")
        ]
        lines.append(
            f"  composed more often: {_interval(flat, f'pairs_{energy}_more')}; foreground to "
            f"background {flat[f'pairs_{energy}_secondary_before']:.3f} to "
            f"{flat[f'pairs_{energy}_secondary_after']:.3f}"
        )
    return lines
