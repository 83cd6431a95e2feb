"""Generates docs/workflows.md from the recipes."""

from collections.abc import Iterable

from .graph import PAPERS, Recipe

__all__ = ["workflows_page"]

HEAD = """# Workflows

Written by `python -m latentsteer.workflows.recipes.write` from `workflows/recipes/`: change it
there.

Every workflow is in `workflows/<paper>/` for the canvas and in `workflows/api/<paper>/` in API
format, without inputs at their default. ComfyUI lists the templates below, which are also at the
top of `workflows/`. A workflow without a paper is at the top of both.

Ids name the setups of the papers: t for TR0N, f for FuseDream, k for the KRR flow. The papers'
numbers are one table for each paper, `numbers.py` in the paper's folder of `workflows/recipes/`;
the recipes take them from there. The note of each workflow that names an id states whether its
numbers are the paper's, and if not, each that differs and why. On official files they are, except
for captions, which are the likeliest here and sampled in TR0N, and KRR's bandwidth. Prompts that
FuseDream's figures do not spell out, and the generations of BasinCMA in five and thirty minutes,
are LatentSteer's.

*Embedded* models are shipped with LatentSteer; other files are official ones that you provide,
described in the note of the workflow. Workflows on official files were never run on trained
weights. t26 waits for a flow as the translator.
"""


def workflows_page(recipes: Iterable[Recipe]) -> str:
    """Returns the page: the templates by task, then every workflow by paper and row."""
    recipes = list(recipes)
    lines = [HEAD, "## Templates", "", "| task | workflow | models |", "|---|---|---|"]
    curated = sorted((one for one in recipes if one.curated), key=lambda one: bool(one.files))
    lines += [f"| {one.task} | {_link(one, '')} | {_models(one)} |" for one in curated]
    for folder, name in PAPERS.items():
        lines += ["", f"## {name}", ""]
        lines += ["| row | what it is | task | models | workflow |", "|---|---|---|---|---|"]
        own = [one for one in recipes if one.paper == folder]
        for recipe in sorted(own, key=lambda one: (one.rows or one.like or ("~",), one.id)):
            cells = (_rows(recipe), recipe.title, recipe.task, _models(recipe))
            lines.append(f"| {' | '.join(cells)} | {_link(recipe, f'{folder}/')} |")
    return "\n".join(lines) + "\n"


def _rows(recipe: Recipe) -> str:
    like = f"as {', '.join(recipe.like)}" if recipe.like else ""
    return ", ".join(recipe.rows) or like


def _models(recipe: Recipe) -> str:
    return ", ".join(f"`{file}`" for file in recipe.files) or "embedded"


def _link(recipe: Recipe, folder: str) -> str:
    return f"[{recipe.id}](../workflows/{folder}{recipe.id}.json)"
