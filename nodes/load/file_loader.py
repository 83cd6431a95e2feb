"""Loaders of one file: it must be there, and a changed one is read again."""

from typing import ClassVar

from ..model_files import changed, present

__all__ = ["FileLoader"]


class FileLoader:
    """What nodes share that open a model, a file or a folder, by their widget `file`.

    Attributes:
        KIND: key of the model folder, see `nodes.model_folders`.
    """

    KIND: ClassVar[str]

    @classmethod
    def validate_inputs(cls, file: str) -> bool | str:
        """Reports a missing file before the run, in the same words on every host."""
        return present(cls.KIND, file)

    @classmethod
    def fingerprint_inputs(cls, file: str, **others: object) -> str:
        """Changes with the file. The host passes all inputs, and takes an error for a change."""
        return changed(cls.KIND, file)
