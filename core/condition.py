"""Conditions: the targets of steering, as rows in the condition space of one auxiliary."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from jaxtyping import Float
from torch import Tensor

from .devices import numbers_on, placed
from .errors import ConditionMismatch, InvalidInput
from .identity import chosen_differently, same_auxiliary

__all__ = ["Condition"]


@dataclass(frozen=True)
class Condition:
    """Rows in a condition space, c in the papers.

    Attributes:
        embedding: (rows, embed). A single row applies to every sample; otherwise there is one row
            per sample.
        labels: short name of each row, for pictures and reports.
        auxiliary: id of the auxiliary whose condition space this is.
        auxiliary_name: name of the auxiliary, for messages.
        called: what messages call the rows.
    """

    embedding: Float[Tensor, "rows embed"]
    labels: tuple[str, ...]
    auxiliary: str
    auxiliary_name: str
    called: str = "rows"

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.embedding):
            raise ConditionMismatch(
                f"{len(self.labels)} labels for {len(self.embedding)} rows of a condition."
            )

    def __len__(self) -> int:
        return len(self.embedding)

    def at(self, rows: Sequence[int], like: Tensor) -> Float[Tensor, "batch embed"]:
        """Conditions of the given samples, on the device and in the dtype of `like`."""
        if len(self) == 1:
            # Contiguous, as separate rows are: the layout can change which kernel runs.
            return placed(self.embedding, like).expand(len(rows), -1).contiguous()
        # Indexed before the transfer, so that only the requested rows are copied.
        return placed(self.embedding[numbers_on(rows, self.embedding.device)], like)

    def check_batch(self, batch: int) -> None:
        """Raises ConditionMismatch unless there is one row in all, or one per sample."""
        if len(self) not in (1, batch):
            raise ConditionMismatch(
                f"The condition has {len(self)} {self.called} and the batch {batch} samples. Give "
                f"one for all samples, or as many {self.called} as samples."
            )

    def check_auxiliary(self, auxiliary: str, name: str) -> None:
        """Raises ConditionMismatch unless this auxiliary made the condition."""
        if same_auxiliary(self.auxiliary, auxiliary):
            return
        if other := chosen_differently(self.auxiliary, auxiliary):
            raise ConditionMismatch(
                f"The condition was made by {self.auxiliary_name!r} with other settings than the "
                f"model given ({other}). Connect one Load Aux Model to both, or use the same "
                "settings in both."
            )
        raise ConditionMismatch(
            f"The condition was made by {self.auxiliary_name!r}, but {name!r} was given. "
            f"Make the condition with {name!r}, or load {self.auxiliary_name!r}."
        )

    def repeated(self, each: int) -> "Condition":
        """Each row repeated `each` times in succession.

        Raises:
            InvalidInput: `each` is below 1.
        """
        if each < 1:
            raise InvalidInput(f"{each} samples of each row requested; at least 1 is needed.")
        labels = tuple(label for label in self.labels for _ in range(each))
        return replace(
            self, embedding=self.embedding.repeat_interleave(each, dim=0), labels=labels
        )
