"""Every shipped workflow."""

from collections.abc import Mapping

from .d2c import avatars as d2c_avatars
from .d2c import official as d2c_official
from .fusedream import ablations, avatars_cases, composed, images
from .fusedream import avatars as fusedream_avatars
from .graph import Recipe
from .krr import avatars as krr_avatars
from .krr import codes as krr_codes
from .krr import digits as krr_digits
from .krr import given as krr_given
from .krr import official as krr_official
from .reno import avatars as reno_avatars
from .reno import host as reno_host
from .reno import others as reno_others
from .tasks import edit, labels, own_models, people, several, steer
from .tr0n import avatars as tr0n_avatars
from .tr0n import cifar as tr0n_cifar
from .tr0n import digits as tr0n_digits
from .tr0n import edits_by_words
from .tr0n import official as tr0n_official

__all__ = ["RECIPES"]

_TABLES = (
    *(steer, edit, labels, several, people, own_models),
    *(tr0n_digits, tr0n_avatars, tr0n_cifar, tr0n_official),
    *(fusedream_avatars, avatars_cases, images, ablations, composed),
    *(krr_digits, krr_avatars, krr_official, krr_given, krr_codes),
    *(edits_by_words, d2c_avatars, d2c_official),
    *(reno_host, reno_avatars, reno_others),
)
RECIPES: Mapping[str, Recipe] = {
    recipe.id: recipe for table in _TABLES for recipe in table.RECIPES
}
"""All recipes, by id."""
