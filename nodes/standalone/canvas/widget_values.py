"""Assigns the saved values of a canvas node to its widgets.

A canvas saves widget values in a row without names. A seed is followed by its control after a run
("fixed", "randomize"), a picture by its upload button. Whether such a value is present depends on
the versions of the frontend and the node, so it is inferred from types: of all assignments of the
row to the widgets, the best fit is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from ..api.io import Boolean, Combo, Float, Int, String, WidgetInput
from ..api.node import Schema
from ..values import default_of, has_control, has_upload, widgets

__all__ = ["CONTROLS", "UPLOAD", "WidgetValues", "widget_values"]

CONTROLS = ("fixed", "increment", "decrement", "randomize", "increment-wrap")
"""What a canvas does with a value after a run; the last one is for lists."""
UPLOAD = "image"
"""Value of the upload button after a picture."""
_BUTTONS = ("control_after_generate", "control_filter_list", "upload")
"""Names in named rows that are not inputs."""


class WidgetValues(NamedTuple):
    """Widget values of a node.

    Attributes:
        values: value of every widget of the schema, by id; defaults if the file has none.
        left: values that belong to no widget here, as texts for a message.
    """

    values: dict[str, object]
    left: tuple[str, ...]


class _Cost(NamedTuple):
    """Penalties of an assignment of values to widgets, most important first."""

    misfits: int = 0
    left: int = 0
    skipped: int = 0
    odd: int = 0
    missing: int = 0

    def plus(self, **more: int) -> _Cost:
        return self._replace(**{name: getattr(self, name) + n for name, n in more.items()})


class _Way(NamedTuple):
    cost: _Cost
    values: dict[str, object]
    left: tuple[object, ...]


def widget_values(node: Mapping[str, Any], schema: Schema) -> WidgetValues:
    """Returns the widget values of a canvas node.

    Newer frontends save them with names (`widgets_values_named`), some nodes as an object; both
    are matched by name. A row is assigned to the schema's widgets, or to the names of the node's
    own inputs if that fits better: they have the order of the version that saved it. Values that
    are missing or null become defaults.

    Args:
        node: node as saved, with `widgets_values`.
        schema: schema of its type in this version.
    """
    shown = widgets(schema)
    named, row = node.get("widgets_values_named"), node.get("widgets_values")
    if not isinstance(named, Mapping):
        named = row if isinstance(row, Mapping) else None
    if named is not None:
        return _by_name(cast("Mapping[str, object]", named), shown)
    ways = [_best(list(row or ()), shown)]
    known = {widget.id: widget for widget in shown}
    own = (socket.get("widget") for socket in node.get("inputs") or ())
    names = [str(widget["name"]) for widget in own if widget]
    if names and len(set(names)) == len(names) and set(names) <= set(known):
        ways.append(_best(list(row or ()), [known[name] for name in names]))
    way = min(ways, key=lambda way: way.cost)
    values = {w.id: _or_default(w, way.values.get(w.id)) for w in shown}
    # Frontends add their own widgets to some of ComfyUI's nodes without any.
    return WidgetValues(values, tuple(repr(value) for value in way.left) if shown else ())


def _by_name(named: Mapping[str, object], shown: Sequence[WidgetInput[Any]]) -> WidgetValues:
    values = {widget.id: _or_default(widget, named.get(widget.id)) for widget in shown}
    left = [
        f"{name}={value!r}"
        for name, value in named.items()
        if name not in values and name not in _BUTTONS and not _idle(value)
    ]
    return WidgetValues(values, tuple(left))


def _or_default(widget: WidgetInput[Any], value: object) -> object:
    return default_of(widget) if value is None else value


def _best(row: list[object], shown: Sequence[WidgetInput[Any]]) -> _Way:
    """Returns the cheapest assignment of a row to widgets; the first of equals.

    Widgets before the last value are skipped, as those of newer versions, only if the values then
    fit without remainder.
    """
    plain = _cheapest(row, shown, skipping=False)
    if plain.cost.misfits == 0:
        return plain
    skipping = _cheapest(row, shown, skipping=True)
    return skipping if skipping.cost.misfits == skipping.cost.left == 0 else plain


def _cheapest(row: list[object], shown: Sequence[WidgetInput[Any]], *, skipping: bool) -> _Way:
    ways = {0: _Way(_Cost(), {}, ())}  # by the number of values used
    for widget in shown:
        onward: dict[int, _Way] = {}
        for used, way in ways.items():
            steps = list(_steps(way, widget, row, used))
            if skipping and used < len(row):
                steps.append((used, way._replace(cost=way.cost.plus(skipped=1))))
            for end, next_way in steps:
                if end not in onward or next_way.cost < onward[end].cost:
                    onward[end] = next_way
        ways = onward
    ended: list[_Way] = []
    for used, way in ways.items():
        left = tuple(value for value in row[used:] if not _idle(value))
        ended.append(way._replace(cost=way.cost.plus(left=len(left)), left=left))
    return min(ended, key=lambda way: way.cost)


def _steps(
    way: _Way, widget: WidgetInput[Any], row: list[object], used: int
) -> Iterator[tuple[int, _Way]]:
    """Assigns one value to a widget, and skips following values that belong to no widget."""
    if used >= len(row):
        yield used, way._replace(cost=way.cost.plus(missing=1))
        return
    value = row[used]
    way = _Way(
        way.cost.plus(misfits=not _fits(widget, value), odd=not _offered(widget, value)),
        {**way.values, widget.id: value},
        (),
    )
    behind, used = row[used + 1 : used + 3], used + 1
    expected = has_control(widget)
    yield used, way._replace(cost=way.cost.plus(odd=int(expected)))
    if behind and _is_control(widget, behind[0]):
        odd = not expected or isinstance(behind[0], bool)
        way = way._replace(cost=way.cost.plus(odd=int(odd)))
        yield used + 1, way
        if isinstance(widget, Combo.Input) and len(behind) > 1 and isinstance(behind[1], str):
            yield used + 2, way._replace(cost=way.cost.plus(odd=1))  # filter of its list
    elif behind and has_upload(widget) and behind[0] in (UPLOAD, None):
        yield used + 1, way


def _is_control(widget: WidgetInput[Any], value: object) -> bool:
    """Whether a value can be the control after a widget; the oldest ones were booleans."""
    if not isinstance(widget, Int.Input | Float.Input | Combo.Input):
        return False
    return value in CONTROLS or (has_control(widget) and isinstance(value, bool))


def _fits(widget: WidgetInput[Any], value: object) -> bool:
    """Whether a value has a widget's type as JavaScript writes it."""
    if value is None:
        return True
    if isinstance(widget, Boolean.Input):
        return isinstance(value, bool)
    if isinstance(widget, Int.Input):
        return not isinstance(value, bool) and isinstance(value, int | float) and value % 1 == 0
    if isinstance(widget, Float.Input):
        return not isinstance(value, bool) and isinstance(value, int | float)
    if isinstance(widget, String.Input):
        return isinstance(value, str)
    if isinstance(widget, Combo.Input):
        if isinstance(value, str):
            return value not in CONTROLS or value in widget.options
        numbers = any(isinstance(option, int) for option in widget.options)
        return numbers and isinstance(value, int) and not isinstance(value, bool)
    return True


def _offered(widget: WidgetInput[Any], value: object) -> bool:
    """Whether a list contains a value; files may be gone, so this has a low weight."""
    if not isinstance(widget, Combo.Input) or value is None or widget.upload is not None:
        return True
    return value in widget.options


def _idle(value: object) -> bool:
    """Whether a value can be ignored if no widget uses it."""
    return value is None or value == ""
