"""Stand-ins for ComfyNode, its Schema, its hidden values and its output."""

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
    "normalised_output",
    "overrides",
    "with_hidden",
]

N = TypeVar("N", bound="type[ComfyNode]")


class Hidden(str, Enum):
    """Values that a node can request from the host in addition to its inputs."""

    unique_id = "UNIQUE_ID"
    prompt = "PROMPT"
    extra_pnginfo = "EXTRA_PNGINFO"


@dataclass(frozen=True)
class HiddenHolder:
    """Hidden values of one execution; those that the schema does not request are None.

    Attributes:
        unique_id: id of the node in the graph.
        prompt: whole graph in API format.
        extra_pnginfo: texts for the PNG files, including "workflow" if there is one.
    """

    unique_id: str | None = None
    prompt: dict[str, Any] | None = None
    extra_pnginfo: dict[str, Any] | None = None


class _Newer:
    """Schema attributes of hosts after 0.3.64: set as attributes, not passed as arguments."""

    if TYPE_CHECKING:
        search_aliases: list[str]
        essentials_category: str


@dataclass
class Schema(_Newer):
    """Name, inputs and outputs of a node.

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
        """Refuses ids that ComfyUI would refuse.

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
                "give the output its own id, and set its name by display_name"
            )
        if problems:
            raise ValueError("\n".join(problems))

    def finalize(self) -> None:
        """Names outputs without an id, and requests the hidden values of output nodes."""
        self.hidden = list(self.hidden or ())
        if self.is_output_node:
            wanted = (Hidden.prompt, Hidden.extra_pnginfo)
            self.hidden += [value for value in wanted if value not in self.hidden]
        for index, output in enumerate(self.outputs or ()):
            if output.id is None:
                output.id = f"_{index}_{output.io_type}_"


class UIOutput(Protocol):
    """Content that a node displays on the canvas."""

    def as_dict(self) -> dict[str, Any]:
        """Returns the node's entry in the history."""
        ...


class NodeOutput:
    """Values of a node, one per output of its schema, and what it displays.

    Attributes:
        args: the values.
        ui: a mapping, or an object with `as_dict()`.
    """

    def __init__(self, *args: object, ui: UIOutput | Mapping[str, Any] | None = None) -> None:
        self.args = args
        self.ui = ui

    @property
    def result(self) -> tuple[object, ...] | None:
        """The values, or None without any."""
        return self.args or None

    def __getitem__(self, index: int) -> object:
        return self.args[index]


class _NodeMeta(type):
    """Makes an executing node's class read-only, as ComfyUI does."""

    def __setattr__(cls, name: str, value: object) -> None:
        if cls.__dict__.get("_locked", False):
            raise AttributeError(
                f"{cls.__name__}.{name} cannot be set while the node executes: the host gives "
                "each execution a locked copy of the class; keep state in a module or an object"
            )
        super().__setattr__(name, value)


_SCHEMAS: WeakKeyDictionary[type, Schema] = WeakKeyDictionary()


class ComfyNode(metaclass=_NodeMeta):
    """Base class of all nodes."""

    # None outside an execution, as in ComfyUI.
    hidden: HiddenHolder = cast("HiddenHolder", None)

    @classmethod
    def define_schema(cls) -> Schema:
        """Returns the node's name, inputs and outputs."""
        raise NotImplementedError(f"{cls.__name__} has no define_schema")

    @classmethod
    def execute(cls, *args: Any, **kwargs: Any) -> NodeOutput | Awaitable[NodeOutput]:  # noqa: ANN401 - any override fits
        """Runs the node; the inputs are passed by name."""
        raise NotImplementedError(f"{cls.__name__} has no execute")

    @classmethod
    def validate_inputs(cls, *args: Any, **kwargs: Any) -> bool | str:  # noqa: ANN401 - any override fits
        """Returns True, or a sentence that describes the problem. Optional."""
        raise NotImplementedError(f"{cls.__name__} has no validate_inputs")

    @classmethod
    def fingerprint_inputs(cls, *args: Any, **kwargs: Any) -> object:  # noqa: ANN401 - any override fits
        """Returns a value that changes if the node must run again. Optional; unused here."""
        raise NotImplementedError(f"{cls.__name__} has no fingerprint_inputs")

    @classmethod
    def GET_SCHEMA(cls) -> Schema:  # noqa: N802 - the host's name
        """Builds and validates a new schema: lists of files are read again."""
        for name in ("define_schema", "execute"):
            if not overrides(cls, name):
                raise TypeError(f"node class {cls.__name__} defines no {name}")
        schema = cls.define_schema()
        schema.validate()
        schema.finalize()
        return schema

    @classmethod
    def schema(cls) -> Schema:
        """Returns the schema, built at the first call."""
        if cls not in _SCHEMAS:
            _SCHEMAS[cls] = cls.GET_SCHEMA()
        return _SCHEMAS[cls]


def overrides(node: type[ComfyNode], name: str) -> bool:
    """Whether a node class, or one of its bases below ComfyNode, defines a method."""
    above = ComfyNode.__mro__
    return any(name in cls.__dict__ for cls in node.__mro__ if cls not in above)


def with_hidden(node: N, hidden: HiddenHolder) -> N:
    """Returns a locked copy of a node class with hidden values, for one execution."""
    return cast("N", _NodeMeta(node.__name__, (node,), {"hidden": hidden, "_locked": True}))


def normalised_output(node: type[ComfyNode], schema: Schema, returned: object) -> NodeOutput:
    """Converts the result of `execute` to a NodeOutput with one value per output.

    Raises:
        TypeError: it is a dict or another type that ComfyUI refuses, or has the wrong number of
            values.
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
            f"{node.__name__}.execute returned {len(returned.args)} values; its schema has "
            f"{len(outputs)} outputs ({', '.join(str(output.id) for output in outputs)})"
        )
    return returned
