"""Widget values: ComfyUI's coercions and checks, and parsing of command line texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from .api.io import Combo, Float, Int, WidgetInput
from .api.node import Schema

__all__ = [
    "checked",
    "coerced",
    "default_of",
    "fits",
    "has_control",
    "has_upload",
    "listed",
    "parsed",
    "widgets",
]

_LISTED = 20
_TYPES = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}
_KINDS = {"INT": "a whole number", "FLOAT": "a number", "STRING": "a text", "BOOLEAN": "a switch"}
_SWITCH = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}


def listed(names: Iterable[str]) -> str:
    """Joins names for a message and truncates long lists."""
    names = list(names)
    more = f", and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return (", ".join(names[:_LISTED]) or "none") + more


def fits(given: str, wanted: str) -> bool:
    """Whether an output of one type can be linked to an input of another."""
    if "*" in (given, wanted):
        return True
    left, right = set(given.split(",")), set(wanted.split(","))
    return left <= right or right <= left


def coerced(widget: WidgetInput[Any], value: object) -> object:
    """Converts a value to its widget's type by ComfyUI's rule: int(), float(), str() or bool().

    Raises:
        ValueError: the conversion fails.
    """
    kind = widget.get_io_type()
    if kind not in _TYPES:
        return value
    try:
        return _TYPES[kind](value)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"got {value!r}, expected {_expected(widget)}") from error


def checked(widget: WidgetInput[Any], value: Any) -> object:  # noqa: ANN401 - of the widget's type
    """Returns a value of the right type if it is in the widget's range or list.

    Raises:
        ValueError: it is not.
    """
    if isinstance(widget, Combo.Input) and value not in widget.options:
        raise ValueError(_not_listed(widget, value))
    if isinstance(widget, Int.Input | Float.Input):
        low, high = widget.min, widget.max
        inside = (
            value == value and (low is None or value >= low) and (high is None or value <= high)
        )
        if not inside:
            raise ValueError(f"got {value}, expected {_expected(widget)}")
    return value


def parsed(widget: WidgetInput[Any], text: str) -> object:
    """Parses a command line text as a widget value.

    Raises:
        ValueError: it is not a valid value.
    """
    if isinstance(widget, Combo.Input):
        by_text = {str(option): option for option in widget.options}
        return by_text.get(text, text)
    if widget.get_io_type() == "BOOLEAN":
        if text.lower() not in _SWITCH:
            raise ValueError(f"got {text!r}, expected one of {', '.join(_SWITCH)}")
        return _SWITCH[text.lower()]
    return coerced(widget, text)


def widgets(schema: Schema) -> list[WidgetInput[Any]]:
    """Returns the inputs of a schema that hold a value, in order."""
    inputs = schema.inputs or ()
    return [i for i in inputs if isinstance(i, WidgetInput) and not i.force_input]


def default_of(widget: WidgetInput[Any]) -> object:
    """Returns the value that the canvas gives a new widget: its default, or the first option."""
    options: Sequence[object] = getattr(widget, "options", ())
    return options[0] if widget.default is None and options else widget.default


def has_control(widget: WidgetInput[Any]) -> bool:
    """Whether the canvas adds a "control after generate" widget after a widget."""
    flag = getattr(widget, "control_after_generate", None)
    if flag is None and widget.get_io_type() == "INT":
        return widget.id in ("seed", "noise_seed")
    return bool(flag)


def has_upload(widget: WidgetInput[Any]) -> bool:
    """Whether the canvas adds an upload button after a widget."""
    return isinstance(widget, Combo.Input) and widget.upload is not None


def _expected(widget: WidgetInput[Any]) -> str:
    low, high = getattr(widget, "min", None), getattr(widget, "max", None)
    kind = _KINDS[widget.get_io_type()]
    if low is not None and high is not None:
        return f"{kind} from {low} to {high}"
    if low is not None:
        return f"{kind} of at least {low}"
    return kind if high is None else f"{kind} of at most {high}"


def _not_listed(widget: Combo.Input, value: object) -> str:
    options = [str(option) for option in widget.options]
    close = get_close_matches(str(value), options, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"got {value!r}, expected one of: {listed(options)}{hint}"
