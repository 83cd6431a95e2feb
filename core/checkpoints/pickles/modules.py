"""Converts a pickle's contents to named tensors and JSON: modules, TensorFlow networks, values.

A module's tensors have the names of its state dict, prefixed by its path in the pickled tree.
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from torch import Tensor

from .records import Array, Dtype, LeftOut, Name, Record, Refused, View
from .tensors import Tensors, plain_name, rebuilt

__all__ = ["Tree"]

DEEPEST = 32
"""Limit on nesting levels of dicts, lists and modules."""
MOST_ENTRIES = 300_000
"""Limit on entries visited; shared lists could be visited forever."""
MOST_TEXT = 1 << 28
"""Limit on the characters of names and texts in total."""
MOST_UNKNOWN = 10_000
LONGEST = 100_000
"""Limit on entries of one list or dict that is walked."""
LARGEST_INT = 2**63
DEEP = f"nests deeper than {DEEPEST} levels, or contains itself"
TENSOR_MAKERS = ("_rebuild", "rebuild_")
"""Prefixes of the names of PyTorch functions that rebuild tensors."""
PARTS = ("_parameters", "_buffers", "_modules")
"""Attributes of every module."""
NAMED = (
    *("build_func_name", "build_module_src", "components", "name"),
    *("static_kwargs", "variables", "version"),
)
"""Attributes of every network of dnnlib's TensorFlow; `components` may be missing."""
SCRIPT = "__torch__"
"""Module of all classes that a TorchScript archive brings along."""
OPTIMISER = {"state", "param_groups"}
"""Keys of an optimiser's state dict; its numbers are unused and may have any value."""


class _LeftOut:
    """Marks something that JSON cannot hold, or that became a tensor."""


LEFT_OUT: Final = _LeftOut()


class Tree:
    """Walks the contents of a file.

    Args:
        make: makes the tensors.

    Attributes:
        tensors: dotted name to tensor.
        modules: path of a module to its class, attributes and arguments.
        left_out: tensor name to the reason why it is not read.
        unknown: name to the reason why a value that may be a tensor is unknown.
    """

    def __init__(self, make: Tensors) -> None:
        self._make = make
        self._visits = self._text = 0
        self._walked: list[int] = []
        self.tensors: dict[str, Tensor] = {}
        self.modules: dict[str, dict[str, Any]] = {}
        self.left_out: dict[str, str] = {}
        self.unknown: dict[str, str] = {}

    def config(self, content: object) -> dict[str, Any]:
        """Walks the content and returns its non-tensor part as `modules` and `values`.

        Raises:
            Refused: tensors contradict their bytes, or nesting is unbounded.
        """
        values = self._of("", content)
        found = {"modules": self.modules, "values": values}
        return {key: value for key, value in found.items() if value and value is not LEFT_OUT}

    def _of(self, name: str, value: Any, *, plain: bool = False) -> Any:  # noqa: ANN401
        """Converts a value to JSON and collects its tensors; plain values omit them."""
        self._count(len(name) + (len(value) if isinstance(value, str) else 0))
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, int):
            return value if abs(value) < LARGEST_INT else LEFT_OUT
        if isinstance(value, float):
            return value if math.isfinite(value) else str(value)
        if type(value) is View or (type(value) is Array and value.shape != ()):
            return LEFT_OUT if plain else self._tensor(name, value)
        if type(value) is Array:
            return self._number(name, value)
        if type(value) is Name:
            return str(value)
        walk = _WALKS.get(type(value))
        if walk is None:
            return LEFT_OUT
        return self._within(walk, name, value, plain)

    def _within(self, walk: "_Walk", name: str, value: object, plain: bool) -> Any:  # noqa: ANN401
        """Walks one level deeper."""
        if id(value) in self._walked:
            return LEFT_OUT if type(value) is Record else self._drop(name, DEEP)
        if len(self._walked) >= DEEPEST:
            return self._drop(name, DEEP)
        self._walked.append(id(value))
        found = walk(self, name, value, plain)
        self._walked.pop()
        return found

    def _drop(self, name: str, why: str) -> _LeftOut:
        """Omits a value that may be a tensor or hold some."""
        if len(self.unknown) < MOST_UNKNOWN:
            self.unknown.setdefault(name, why)
        return LEFT_OUT

    def _count(self, text: int) -> None:
        self._visits += 1
        self._text += text
        if self._visits > MOST_ENTRIES or self._text > MOST_TEXT:
            raise Refused(f"has more than {MOST_ENTRIES} entries, or too much text")

    def _tensor(self, name: str, value: View | Array) -> _LeftOut:
        if _is_text(value):
            return LEFT_OUT
        try:
            tensor = self._make.of(name, value)
            if name in self.tensors:
                raise LeftOut(f"has two tensors named `{name}`")
        except LeftOut as refusal:
            self.left_out[name] = str(refusal)
            self.tensors.pop(name, None)
            return LEFT_OUT
        if tensor is not None and name not in self.left_out:
            self.tensors[name] = tensor
        return LEFT_OUT

    def _number(self, name: str, value: Array) -> Any:  # noqa: ANN401
        if _is_text(value):
            return LEFT_OUT
        try:
            return self._of(name, self._make.number(name, value))
        except LeftOut as refusal:
            return self._drop(name, str(refusal))

    def _dict(self, name: str, value: dict[Any, Any], plain: bool) -> Any:  # noqa: ANN401
        if value.keys() == OPTIMISER:
            return self._optimiser(name, value)
        if len(value) > LONGEST:
            return self._drop(name, f"has a dict `{name}` of more than {LONGEST} entries")
        items = {str(k): self._of(plain_name(name, k), v, plain=plain) for k, v in value.items()}
        kept = {k: v for k, v in items.items() if v is not LEFT_OUT}
        return kept if kept or not items else LEFT_OUT

    def _optimiser(self, name: str, value: dict[Any, Any]) -> Any:  # noqa: ANN401
        used, self._make.forgiving = self._make.forgiving, True
        items = {key: self._of(plain_name(name, key), part) for key, part in value.items()}
        self._make.forgiving = used
        return {k: v for k, v in items.items() if v is not LEFT_OUT} or LEFT_OUT

    def _list(self, name: str, value: Sequence[Any], plain: bool) -> Any:  # noqa: ANN401
        if len(value) > LONGEST:
            return self._drop(name, f"has a list `{name}` of more than {LONGEST} entries")
        if set(map(type, value)) == {int} and max(map(abs, value)) < LARGEST_INT:
            self._count(len(value))
            return list(value)
        items = [self._of(plain_name(name, n), v, plain=plain) for n, v in enumerate(value)]
        if items and all(item is LEFT_OUT for item in items):
            return LEFT_OUT
        return [None if item is LEFT_OUT else item for item in items]

    def _record(self, name: str, record: Record, plain: bool) -> Any:  # noqa: ANN401
        state = record.attributes
        if record.kind.module.split(".")[0] == SCRIPT:
            self._dict(name, state, plain)
            return LEFT_OUT
        if record.source is not None or any(part in state for part in PARTS):
            return LEFT_OUT if plain else self._module(name, record)
        if sum(part in state for part in NAMED) > 2:
            return LEFT_OUT if plain else self._network(name, name, record)
        if record.kind.module.startswith("pathlib"):
            return "/".join(part for part in record.arguments if isinstance(part, str))
        if record.why is not None and not plain:
            self._unknown(name, record)
        if record.entries:
            return self._list(name, record.entries, plain)
        return self._dict(name, state | record.items, plain)

    def _unknown(self, name: str, record: Record) -> None:
        """Handles the result of an unknown call; its name may show that it is a tensor."""
        why = rebuilt(name, record)
        if record.kind.name.startswith(TENSOR_MAKERS) and record.kind.module.startswith("torch"):
            self.left_out[name] = why
        else:
            self._drop(name, why)

    def _module(self, name: str, record: Record) -> _LeftOut:
        state = record.attributes
        there = [part for part in PARTS if type(state.get(part)) is dict]
        if there and len(there) < len(PARTS):
            raise Refused(f"has a module `{name}` with only {' and '.join(there)}; it is damaged")
        for part in there[:2]:
            for key, value in state[part].items():
                self._own(plain_name(name, key), value)
        entry: dict[str, Any] = {"class": record.kind.name, "module": record.kind.module}
        self.modules[name] = entry
        for key, value in state.get("_modules", {}).items() if there else ():
            self._of(plain_name(name, key), value)
        attributes = {
            key: self._of(plain_name(name, key), value)
            for key, value in state.items()
            if isinstance(key, str) and not key.startswith("_") and key != "training"
        }
        entry["attributes"] = {k: v for k, v in attributes.items() if v is not LEFT_OUT}
        made = {"args": state.get("_init_args"), "kwargs": state.get("_init_kwargs")}
        entry["arguments"] = self._arguments(name, made)
        entry["source"] = record.source
        self.modules[name] = {key: value for key, value in entry.items() if value}
        return LEFT_OUT

    def _own(self, name: str, value: object) -> None:
        """Adds a parameter or buffer."""
        if value is None:
            return
        if type(value) is Record:
            self.left_out[name] = rebuilt(name, value)
            return
        if type(value) is not View:
            raise Refused(f"has a {type(value).__name__} as `{name}`, where a tensor was expected")
        self._count(len(name))
        self._tensor(name, value)

    def _arguments(self, name: str, made: dict[str, Any]) -> dict[str, Any]:
        plain = {key: self._of(name, value, plain=True) for key, value in made.items() if value}
        return {key: value for key, value in plain.items() if value is not LEFT_OUT}

    def _network(self, root: str, path: str, record: Record, within: str = "") -> _LeftOut:
        """Reads a network of dnnlib's TensorFlow; variables keep their official names."""
        state = record.attributes
        variables, parts = state.get("variables"), state.get("components") or {}
        held = parts.items if isinstance(parts, Record) else parts
        if sorted({*state, "components"}) != list(NAMED) or type(held) is not dict:
            raise Refused(f"has a network `{path}` with other parts than {', '.join(NAMED)}")
        if type(variables) is not list:
            raise Refused(f"has a network `{path}` whose variables are not a list; it is damaged")
        for variable in variables:
            label, value = variable
            if type(label) is str and type(value) is Record:
                named = plain_name(root, within + label)
                self.left_out[named] = rebuilt(named, value)
                continue
            if type(label) is not str or type(value) is not Array:
                raise Refused(f"has a variable `{label!s:.99}` that is not an array")
            self._count(len(label))
            self._tensor(plain_name(root, within + label), value)
        source = state.get("build_module_src")
        digest = hashlib.sha256(source.encode()).hexdigest() if isinstance(source, str) else None
        kept = ("name", "version", "build_func_name")
        entry = {
            "class": record.kind.name,
            "module": record.kind.module,
            "attributes": {k: self._of(path, state[k], plain=True) for k in kept if k in state},
            "arguments": self._arguments(path, {"kwargs": state["static_kwargs"]}),
            "source": digest,
        }
        self.modules[path] = {key: value for key, value in entry.items() if value}
        for key, part in held.items():
            below = plain_name(plain_name(path, "components"), key)
            if type(part) is not Record or "variables" not in part.attributes:
                raise Refused(f"has a component `{below}` that is not a network")
            scope = f"{within}{part.attributes.get('name', key)}/"
            self._within(
                lambda _, name, value, __, scope=scope: self._network(root, name, value, scope),
                below,
                part,
                False,
            )
        return LEFT_OUT


def _is_text(value: View | Array) -> bool:
    """Whether it is an array of texts or dates, which no network has."""
    if type(value) is View or type(value.dtype) is not Dtype:
        return False
    return value.dtype.number is None and value.dtype.why is None


_Walk = Callable[[Tree, str, Any, bool], Any]
_WALKS: dict[type, _Walk] = {
    dict: Tree._dict,  # pyright: ignore[reportPrivateUsage]
    list: Tree._list,  # pyright: ignore[reportPrivateUsage]
    tuple: Tree._list,  # pyright: ignore[reportPrivateUsage]
    Record: Tree._record,  # pyright: ignore[reportPrivateUsage]
}
