"""What samples are steered towards: rows in the condition space of one auxiliary."""

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
    """Rows of a condition space, c in the papers.

    Attributes:
        embedding: (rows, embed). One row serves every sample; more rows go to one sample each.
        labels: a short name per row, for pictures and reports.
        auxiliary: the id of the auxiliary in whose condition space the rows lie.
        auxiliary_name: its name, for messages.
        called: what the rows are, for messages.
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
        """The condition of these samples, placed and typed like `like`."""
        if len(self) == 1:
            # Laid out as a row each is: kernels may differ by that.
            return placed(self.embedding, like).expand(len(rows), -1).contiguous()
        # Picked where they are, so that only what is asked for travels.
        return placed(self.embedding[numbers_on(rows, self.embedding.device)], like)

    def check_batch(self, batch: int) -> None:
        """Refuses a batch that has neither one row for all nor a row each."""
        if len(self) not in (1, batch):
            raise ConditionMismatch(
                f"The condition has {len(self)} {self.called} and the batch {batch} samples. Give "
                f"one for all samples, or as many {self.called} as samples."
            )

    def check_auxiliary(self, auxiliary: str, name: str) -> None:
        """Refuses an auxiliary other than the one that made the condition."""
        if same_auxiliary(self.auxiliary, auxiliary):
            return
        if other := chosen_differently(self.auxiliary, auxiliary):
            raise ConditionMismatch(
                f"The condition was made by {self.auxiliary_name!r} used otherwise than the one "
                f"given ({other}). Connect one Load Aux Model to both, or set these alike."
            )
        raise ConditionMismatch(
            f"The condition was made by {self.auxiliary_name!r}, but {name!r} was given. "
            f"Make the condition with {name!r}, or load {self.auxiliary_name!r}."
        )

    def repeated(self, each: int) -> "Condition":
        """Every row so many times, side by side.

        Raises:
            InvalidInput: fewer than 1 time.
        """
        if each < 1:
            raise InvalidInput(f"{each} samples of each row asked for; at least 1 needed.")
        labels = tuple(label for label in self.labels for _ in range(each))
        return replace(
            self, embedding=self.embedding.repeat_interleave(each, dim=0), labels=labels
        )
