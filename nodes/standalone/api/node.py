"""The node side of the stand-in: ComfyNode, its Schema, its hidden values and its output."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from .sockets import Input, Output

__all__ = [
    "ComfyNode",
    "Hidden",
    "HiddenHolder",
    "NodeOutput",
    "Schema",
    "UIOutput",
    "normalised",
    "overrides",
    "with_hidden",
]

N = TypeVar("N", bound="type[ComfyNode]")


class Hidden(str, Enum):
    """The values that a node can ask of the host beside its inputs."""

    unique_id = "UNIQUE_ID"
    prompt = "PROMPT"
    extra_pnginfo = "EXTRA_PNGINFO"


@dataclass(frozen=True)
class HiddenHolder:
    """The hidden values of one execution; those that the schema did not ask for are None.

    Attributes:
        unique_id: the id of the node in the graph.
        prompt: the whole graph in API format.
        extra_pnginfo: texts for the PNG files, "workflow" among them when there is one.
    """

    unique_id: str | None = None
    prompt: dict[str, Any] | None = None
    extra_pnginfo: dict[str, Any] | None = None


class _Newer:
    """What hosts after 0.3.64 read off a schema: attributes to set, not arguments."""

    if TYPE_CHECKING:
        search_aliases: list[str]
        essentials_category: str


@dataclass
class Schema(_Newer):
    """What a node is called, takes and gives.

    An attribute of a newer host (`search_aliases`) is set after construction.
    """

    node_id: str
    display_name: str | None = None
    category: str = "sd"
    inputs: list[Input] | None = None
    outputs: list[Output] | None = None
    hidden: list[Hidden] | None = None
    description: str = ""
    is_output_node: bool = False
    is_deprecated: bool = False
    is_experimental: bool = False
    not_idempotent: bool = False

    def validate(self) -> None:
        """Refuse ids that the host would refuse.

        Raises:
            ValueError: two inputs, two outputs, or an input and an output share an id.
        """
        inputs = [socket.id for socket in self.inputs or ()]
        outputs = [socket.id for socket in self.outputs or ()]
        problems = [
            f"Schema {self.node_id!r}: {kind} ids must be unique, got {ids}"
            for kind, ids in (("input", inputs), ("output", outputs))
            if len(set(ids)) != len(ids)
        ]
        if both := sorted(set(inputs) & {name for name in outputs if name}):
            problems.append(
                f"Schema {self.node_id!r}: {both} name both an input and an output; "
                "give the output an id of its own, and the name by display_name"
            )
        if problems:
            raise ValueError("\n".join(problems))

    def finalize(self) -> None:
        """Name outputs without an id, and ask for what an output node always gets."""
        self.hidden = list(self.hidden or ())
        if self.is_output_node:
            wanted = (Hidden.prompt, Hidden.extra_pnginfo)
            self.hidden += [value for value in wanted if value not in self.hidden]
        for index, output in enumerate(self.outputs or ()):
            if output.id is None:
                output.id = f"_{index}_{output.io_type}_"


class UIOutput(Protocol):
    """What a node shows on the canvas."""

    def as_dict(self) -> dict[str, Any]:
        """The entry of the node in the history."""
        ...


class NodeOutput:
    """The values of a node, one for each output of its schema, and what it shows.

    Attributes:
        args: the values.
        ui: a mapping, or an object with `as_dict()`.
    """

    def __init__(self, *args: object, ui: UIOutput | Mapping[str, Any] | None = None) -> None:
        self.args = args
        self.ui = ui

    @property
    def result(self) -> tuple[object, ...] | None:
        """The values, or None when there are none."""
        return self.args or None

    def __getitem__(self, index: int) -> object:
        return self.args[index]


class _NodeMeta(type):
    """Makes the class that a node executes as read-only, as the host does."""

    def __setattr__(cls, name: str, value: object) -> None:
        if cls.__dict__.get("_locked", False):
            raise AttributeError(
                f"{cls.__name__}.{name} cannot be set while the node executes: the host gives "
                "each execution a locked copy of the class; keep state in a module or an object"
            )
        super().__setattr__(name, value)


_SCHEMAS: WeakKeyDictionary[type, Schema] = WeakKeyDictionary()


class ComfyNode(metaclass=_NodeMeta):
    """The base of all nodes."""

    # Outside an execution there is none, on the host neither.
    hidden: HiddenHolder = cast("HiddenHolder", None)

    @classmethod
    def define_schema(cls) -> Schema:
        """What the node is called, takes and gives."""
        raise NotImplementedError(f"{cls.__name__} has no define_schema")

    @classmethod
    def execute(cls, *args: Any, **kwargs: Any) -> NodeOutput | Awaitable[NodeOutput]:  # noqa: ANN401 - any override fits
        """Do the node's work; the inputs come by name."""
        raise NotImplementedError(f"{cls.__name__} has no execute")

    @classmethod
    def validate_inputs(cls, *args: Any, **kwargs: Any) -> bool | str:  # noqa: ANN401 - any override fits
        """True, or a sentence that says what is wrong. Optional."""
        raise NotImplementedError(f"{cls.__name__} has no validate_inputs")

    @classmethod
    def fingerprint_inputs(cls, *args: Any, **kwargs: Any) -> object:  # noqa: ANN401 - any override fits
        """A value that changes when the node must run again. Optional; unused without a host."""
        raise NotImplementedError(f"{cls.__name__} has no fingerprint_inputs")

    @classmethod
    def GET_SCHEMA(cls) -> Schema:  # noqa: N802 - the host's name
        """A fresh, checked schema: lists of files are read again."""
        for name in ("define_schema", "execute"):
            if not overrides(cls, name):
                raise TypeError(f"node class {cls.__name__} defines no {name}")
        schema = cls.define_schema()
        schema.validate()
        schema.finalize()
        return schema

    @classmethod
    def schema(cls) -> Schema:
        """The schema as it was first asked for."""
        if cls not in _SCHEMAS:
            _SCHEMAS[cls] = cls.GET_SCHEMA()
        return _SCHEMAS[cls]


def overrides(node: type[ComfyNode], name: str) -> bool:
    """Whether a node class, or a base of it below ComfyNode, defines a method itself."""
    above = ComfyNode.__mro__
    return any(name in cls.__dict__ for cls in node.__mro__ if cls not in above)


def with_hidden(node: N, hidden: HiddenHolder) -> N:
    """A locked copy of a node class that carries hidden values: what one execution runs as."""
    return cast("N", _NodeMeta(node.__name__, (node,), {"hidden": hidden, "_locked": True}))


def normalised(node: type[ComfyNode], schema: Schema, returned: object) -> NodeOutput:
    """What `execute` returned, as a NodeOutput with one value for each output.

    Raises:
        TypeError: it is a dict or another thing that the host refuses, or has too few or too
            many values.
    """
    if returned is None:
        returned = NodeOutput()
    elif isinstance(returned, tuple):
        returned = NodeOutput(*cast("tuple[object, ...]", returned))
    if not isinstance(returned, NodeOutput):
        raise TypeError(
            f"{node.__name__}.execute returned a {type(returned).__name__}; "
            "expected an io.NodeOutput (ComfyUI 0.3.64 fails on a dict)"
        )
    outputs: Sequence[Output] = schema.outputs or ()
    if len(returned.args) != len(outputs):
        raise TypeError(
            f"{node.__name__}.execute gave {len(returned.args)} values; its schema has "
            f"{len(outputs)} outputs ({', '.join(str(output.id) for output in outputs)})"
        )
    return returned
