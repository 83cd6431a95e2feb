"""Generates docs/workflows.md from the recipes."""

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

from .graph import PAPERS, Recipe
from .rows import parts

__all__ = ["SETUPS", "WITHOUT", "expressed", "workflows_page"]

HEAD = """# Workflows

This page is written by `python -m latentsteer.workflows.recipes.write` from `workflows/recipes/`.
Make changes there.

ComfyUI lists the templates below, which are at the top of `workflows/`, and in `workflows/api/` in
API format under their ids. Every workflow of a paper is in `workflows/<paper>/` for the canvas,
and in `workflows/api/<paper>/`. The other workflows are in `workflows/tasks/` and
`workflows/api/`. Files in API format leave out inputs at their default. The note on each canvas
says what it shows.

*Embedded* models are shipped with LatentSteer; other files are official ones that you provide,
described in the note. Workflows on official files have never been run on trained weights.

A setup is an experiment of a paper, with an id: t for TR0N, f for FuseDream, k for the KRR flow, d
for D2C. The numbers of all setups are in `numbers.py` in the paper's folder of
`workflows/recipes/`, from which the recipes take them. The note of a workflow with a setup states
whether its numbers are the paper's, and if not, which differ and why. On official files all
numbers are the paper's, with these exceptions:

* captions are the likeliest ones here, while TR0N samples them;
* the bandwidth of the KRR flow's kernel;
* prompts that FuseDream's figures do not spell out, and the number of generations of BasinCMA in
  five and in thirty minutes, which are LatentSteer's;
* D2C's number of samples (50,000, or 5,000 with labels), and the strength of its moves by
  gradient.
"""
SETUPS: Mapping[str, int] = {"t": 39, "f": 23, "k": 28, "d": 28}
"""Number of setups of each paper, by the letter of their ids; a setup with parts counts once."""
WITHOUT: Mapping[str, str] = {
    "d01, d02, d03": "a linear classifier on D2C's representations of CIFAR-10, CIFAR-100 and "
    "fMoW; the Frechet distances of the first two are those of d10 and d12",
    "d04": "D2C's encoder without its diffusion; `latentsteer train-d2c` trains D2C's parts",
    "t39": "a translator trained by Stein's identity, of which TR0N states no numbers",
}
"""Setups that no workflow shows, and what they are."""


def workflows_page(recipes: Iterable[Recipe]) -> str:
    """Returns the page: the templates by task, then every workflow by paper and row."""
    recipes = list(recipes)
    lines = [HEAD, *_counted(recipes), "", "## Templates", ""]
    lines += ["| template | what it does | id | models |", "|---|---|---|---|"]
    known = {one.template.name: one for one in recipes if one.template is not None}
    for name, recipe in sorted(known.items()):
        assert recipe.template is not None
        link = f"[{name}](../workflows/{quote(name)}.json)"
        lines.append(f"| {link} | {recipe.template.does} | {recipe.id} | {_models(recipe)} |")
    rest = [one for one in recipes if not one.paper and one.template is None]
    lines += ["", "Other workflows that belong to no paper:", ""]
    lines += [f"* {_link(one, 'tasks/')}: {one.title}" for one in rest]
    for folder, name in PAPERS.items():
        lines += ["", f"## {name}", ""]
        lines += [
            "| setup | numbers from | what it is | models | workflow |",
            "|---|---|---|---|---|",
        ]
        own = [one for one in recipes if one.paper == folder]
        for recipe in sorted(own, key=lambda one: (one.rows or one.like or ("~",), one.id)):
            cells = (_rows(recipe), _places(recipe), recipe.title, _models(recipe))
            lines.append(f"| {' | '.join(cells)} | {_link(recipe, f'{folder}/')} |")
    return "\n".join(lines) + "\n"


def expressed(recipes: Iterable[Recipe]) -> set[str]:
    """Returns the ids of the papers' setups that workflows show; f10 for f10a to f10e."""
    return {row[:3] for recipe in recipes for row in recipe.rows}


def _counted(recipes: Sequence[Recipe]) -> list[str]:
    found = expressed(recipes)
    total = sum(SETUPS.values())
    shown = f"The {len(recipes)} workflows show {len(found)} of the {total} setups."
    lines = [f"{shown} These have no workflow:", ""]
    return lines + [f"* {names}: {what}." for names, what in WITHOUT.items()]


def _rows(recipe: Recipe) -> str:
    like = f"as {', '.join(recipe.like)}" if recipe.like else ""
    return ", ".join(recipe.rows) or like


def _places(recipe: Recipe) -> str:
    return "; ".join(dict.fromkeys(one.where for row in recipe.rows for one in parts(row)))


def _models(recipe: Recipe) -> str:
    return ", ".join(f"`{file}`" for file in recipe.files) or "embedded"


def _link(recipe: Recipe, folder: str) -> str:
    return f"[{recipe.id}](../workflows/{folder}{recipe.id}.json)"
