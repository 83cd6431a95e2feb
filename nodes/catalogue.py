"""All nodes, in the order in which the canvas lists them."""

from importlib import import_module
from pkgutil import iter_modules

from ..core.errors import InvalidInput
from .defaults import with_defaults
from .host import io

__all__ = ["ALL_NODES", "CATEGORIES"]

CATEGORIES = (
    *("tasks", "load", "condition", "energy", "train", "start", "refine", "latents", "report"),
)
"""The folders of nodes. A node in one of them needs no line here."""


def _nodes(category: str) -> list[type[io.ComfyNode]]:
    """The node classes that are defined in the modules of a folder, by name."""
    folder = import_module(f".{category}", __package__)
    found: list[type[io.ComfyNode]] = []
    for entry in iter_modules(folder.__path__):
        if _is_ours(entry.name):
            module = import_module(f".{entry.name}", folder.__name__)
            found += [node for node in vars(module).values() if _is_node(node, module.__name__)]
    return sorted(found, key=lambda node: node.__name__.casefold())


def _is_ours(name: str) -> bool:
    """Whether a module may define nodes: not a private one, a test or an editor's copy."""
    return name.isidentifier() and not name.startswith(("_", "test_"))


def _is_node(found: object, module: str) -> bool:
    return (
        isinstance(found, type)
        and issubclass(found, io.ComfyNode)
        and found.__module__ == module
        and not found.__name__.startswith("_")
    )


def _all_nodes() -> list[type[io.ComfyNode]]:
    """The nodes of all categories.

    Raises:
        InvalidInput: two files define the same node; a host would take one of them without a word.
    """
    found = [node for category in CATEGORIES for node in _nodes(category)]
    modules: dict[str, str] = {}
    for node in found:
        module = node.__module__.removeprefix(f"{__package__}.")
        if (first := modules.setdefault(node.__name__, module)) != module:
            files = " and ".join(f"nodes/{name.replace('.', '/')}.py" for name in (first, module))
            raise InvalidInput(
                f"The node {node.__name__} is defined in {files}; expected one file. Delete the "
                "other one: a copy, or a file of an earlier version."
            )
    return found


ALL_NODES = [with_defaults(node) for node in _all_nodes()]
