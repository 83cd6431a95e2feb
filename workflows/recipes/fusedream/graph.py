"""The graph of FuseDream's workflows on official BigGANs."""

from ..files import BIGGAN_256, OPENAI
from ..graph import GraphBuilder, Link, Recipe
from ..rows import usual
from .numbers import ADAM, AUGCLIP, BASIS

__all__ = ["CANDIDATES", "COCO", "DOGS", "KEEP", "FuseDream", "count"]

CANDIDATES = BASIS["candidates"]
"""Number of candidates M."""
KEEP = 5
"""k for figures that do not state it: that of the first row of table 1."""
COCO = (
    "The traffic and people on a commercial street corner at night\n"
    "A red double-decker bus driving down a street\nA bowl of fruit on a wooden table\n"
    "A herd of sheep grazing on a green hill"
)
DOGS = "A blue dog\nA flaming dog\nA rainbow dog"


def count(prompts: str) -> int:
    """Returns the number of prompts, one per line."""
    return prompts.count("\n") + 1


class FuseDream(GraphBuilder):
    """Graph with the models of a row and the paper's numbers.

    Args:
        recipe: recipe whose first row it is.
        generator: file of the generator; empty if the row needs none.
        prompts: a line per picture.
        each: samples of each prompt.
    """

    def __init__(
        self, recipe: Recipe, prompts: str = COCO, generator: str = BIGGAN_256, each: int = 1
    ) -> None:
        super().__init__(
            {
                **usual(
                    recipe.rows[0],
                    BasisInit={**BASIS, "keep": KEEP},
                    EnergyCLIP=AUGCLIP,
                    AdamRefine={**ADAM, "preview_every": 20},
                ),
                "LoadGenerator": {},
            }
        )
        self.recipe, self.prompts, self.each = recipe, prompts, each
        self.load(generator, OPENAI)

    def condition(self, title: str = "", each: int = 0, times: int = 1) -> Link:
        """Returns the prompts, repeated."""
        return self.text("\n".join([self.prompts] * times), each or self.each, title)

    def energy(self, condition: Link, title: str = "AugCLIP", **inputs: object) -> Link:
        """Adds AugCLIP with the released code's number of views."""
        return self.add("EnergyCLIP", title, condition=condition, **inputs)

    def started(self, condition: Link, energy: Link, **inputs: object) -> Link:
        """Adds a basis of the best of ten thousand, or the start of the row."""
        return self.add("BasisInit", energy=energy, condition=condition, **inputs)

    def refined(self, start: Link, energy: Link, title: str = "") -> Link:
        """Refines by Adam at the paper's rate, or with the settings of the row."""
        return self.add("AdamRefine", title, start=start, energy=energy)

    def finished(self, latents: Link, condition: Link, columns: int) -> None:
        """Decodes, saves and scores."""
        self.scored(self.decoded(self.recipe.id, latents, columns), condition)
