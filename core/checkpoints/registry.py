"""Architectures of a loader by id, imported when the first of them is needed."""

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import TypeVar, overload

from .architecture import Architecture

__all__ = ["Registry"]

Loaded = TypeVar("Loaded")


class Registry(Sequence[Architecture[Loaded]]):
    """The architectures of a loader, in the order in which they are tried.

    Their modules, which hold networks, are imported one by one as they are needed: a host that
    lists the nodes needs the ids alone, and a model the architectures up to its own.

    Args:
        package: the package that the entries are relative to.
        entries: id to `module:NAME`.
    """

    def __init__(self, package: str, entries: Mapping[str, str]) -> None:
        self._package = package
        self._entries = dict(entries)
        self._found: dict[str, Architecture[Loaded]] = {}

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids; imports nothing."""
        return tuple(self._entries)

    def _imported(self, id: str) -> Architecture[Loaded]:
        if id in self._found:
            return self._found[id]
        entry = self._entries[id]
        module, _, name = entry.partition(":")
        found: Architecture[Loaded] = getattr(import_module(f"{self._package}.{module}"), name)
        if found.id != id:
            raise ValueError(f"{entry} has the id {found.id!r}, but is registered as {id!r}.")
        return self._found.setdefault(id, found)

    @overload
    def __getitem__(self, index: int) -> Architecture[Loaded]: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Architecture[Loaded], ...]: ...
    def __getitem__(
        self, index: int | slice
    ) -> Architecture[Loaded] | tuple[Architecture[Loaded], ...]:
        """The architecture at a place, or those of a slice."""
        ids = self.ids[index]
        return self._imported(ids) if isinstance(ids, str) else tuple(map(self._imported, ids))

    def __iter__(self) -> Iterator[Architecture[Loaded]]:
        """The architectures in order."""
        return map(self._imported, self._entries)

    def __len__(self) -> int:
        """The number of architectures; imports nothing."""
        return len(self._entries)
