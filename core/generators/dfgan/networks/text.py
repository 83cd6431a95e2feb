"""DAMSM's recurrent text encoder (AttnGAN), under the names of its authors' files."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

__all__ = ["TextEncoder", "TextLayout"]


@dataclass(frozen=True)
class TextLayout:
    """Sizes of a text encoder.

    Attributes:
        words: number of words that it has a vector for.
        embedding: length of a word's vector.
        hidden: numbers that each direction remembers.
        layers: number of LSTM layers.
        both: whether the LSTM reads in both directions.
    """

    words: int
    embedding: int
    hidden: int
    layers: int = 1
    both: bool = True

    @property
    def sentence(self) -> int:
        """Length of a sentence's vector."""
        return self.hidden * (2 if self.both else 1)


class TextEncoder(nn.Module):
    """LSTM over the vectors of a sentence's words; the sentence is what it remembers at the end.

    Args:
        layout: the sizes.
    """

    def __init__(self, layout: TextLayout) -> None:
        super().__init__()
        self.layout = layout
        self.encoder = nn.Embedding(layout.words, layout.embedding)
        self.rnn = nn.LSTM(
            layout.embedding,
            layout.hidden,
            layout.layers,
            batch_first=True,
            bidirectional=layout.both,
        )

    def words(self, numbers: Int[Tensor, " words"]) -> Float[Tensor, "features words"]:
        """The vector of each word in its sentence."""
        found, _ = self.rnn(self.encoder(numbers)[None])
        return found[0].mT

    def forward(self, numbers: Int[Tensor, " words"]) -> Float[Tensor, " sentence"]:
        """The vector of a sentence, by the numbers of its words.

        Each direction of the last layer gives its last state, forward first.
        """
        _, (last, _) = self.rnn(self.encoder(numbers)[None])
        directions = 2 if self.layout.both else 1
        return torch.cat(list(last[-directions:, 0]))
