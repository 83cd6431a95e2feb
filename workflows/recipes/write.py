"""Writes the shipped workflows and the pages generated from them: `make workflows`."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...core.files import replacing
from ...core.generators import ARCHITECTURES
from ...nodes.aliases import alias_file
from ...nodes.defaults import defaults_of
from ...nodes.locales import english_files
from ...nodes.pages import generated
from ...nodes.standalone.canvas.formats import ui_from_api
from ...nodes.standalone.registry import load_nodes
from .graph import Recipe, schemas
from .models_page import models_page
from .notes import note
from .page import workflows_page
from .table import RECIPES
from .template_canvas import template_canvas
from .thumbnails import pictured

__all__ = ["FOLDER", "api_path", "canvas_path", "files", "least", "main", "pages", "picture_path"]

FOLDER = Path(__file__).resolve().parents[1]
DOCS = FOLDER.parent / "docs"
MODELS = DOCS / "models.md"
"""A page that is written by hand but for the rows of its table of generators."""

TASKS = "tasks"
"""Folder of workflows of no paper that are no templates."""


def canvas_path(recipe: Recipe) -> Path:
    """Returns the canvas path of a workflow; templates are at the top of the folder."""
    if recipe.template is not None:
        return FOLDER / f"{recipe.template.name}.json"
    return FOLDER / (recipe.paper or TASKS) / f"{recipe.id}.json"


def api_path(recipe: Recipe) -> Path:
    """Returns its path in API format."""
    return FOLDER / "api" / recipe.paper / f"{recipe.id}.json"


def picture_path(recipe: Recipe) -> Path:
    """Returns the path of the picture of a template."""
    return canvas_path(recipe).with_suffix(".jpg")


def files(recipe: Recipe) -> dict[Path, str]:
    """Returns the JSON files of a workflow."""
    if recipe.template is not None:
        canvas = template_canvas(recipe)
    else:
        canvas = ui_from_api(recipe.api, schemas(), title=recipe.heading, notes=note(recipe))
    places = {canvas_path(recipe): canvas, api_path(recipe): least(recipe.api)}
    return {
        path: json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        for path, content in places.items()
    }


def least(api: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a graph without the inputs of LatentSteer's nodes that have their default.

    Hosts fill those in, so a node that gains an input changes no file.
    """
    usual = {kind: defaults_of(schema) for kind, schema in schemas().items() if _own(kind)}
    return {
        number: {**node, "inputs": _changed(node["inputs"], usual.get(node["class_type"], {}))}
        for number, node in api.items()
    }


def pages() -> dict[Path, str]:
    """Returns the pages generated from nodes and recipes."""
    return {
        **generated(load_nodes()),
        **english_files(load_nodes()),
        **alias_file(load_nodes()),
        DOCS / "workflows.md": workflows_page(RECIPES.values()),
        MODELS: models_page(MODELS.read_text("utf-8"), ARCHITECTURES),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Writes pages and every workflow in both formats, and pictures if requested."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--thumbnails", action="store_true", help="run each template, write its picture and time"
    )
    parser.add_argument("--only", default="", help="pictures of the names that contain this")
    args = parser.parse_args(argv)
    written = pages()
    for recipe in RECIPES.values():
        written |= files(recipe)
    for path, text in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            part.write_text(text, encoding="utf-8", newline="\n")
        print(path)
    if args.thumbnails:
        for recipe in RECIPES.values():
            if recipe.template is not None and args.only in recipe.id:
                print(picture_path(recipe), pictured(recipe, picture_path(recipe)), "bytes")


def _own(kind: str) -> bool:
    return kind.startswith("LatentSteer_")


def _changed(inputs: Mapping[str, Any], usual: Mapping[str, object]) -> dict[str, Any]:
    return {k: v for k, v in inputs.items() if k not in usual or usual[k] != v}


if __name__ == "__main__":
    main()
