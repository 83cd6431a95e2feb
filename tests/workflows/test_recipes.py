"""Generated files match nodes and recipes: run `make workflows` if this fails."""

import io
import json
import re
from functools import cache

import pytest
from latentsteer.nodes.defaults import defaults_of
from latentsteer.nodes.pages import FOLDER as HELP_PAGES
from latentsteer.nodes.standalone.registry import load_nodes, schemas_of
from latentsteer.workflows.recipes.graph import PAPERS
from latentsteer.workflows.recipes.models_page import models_page
from latentsteer.workflows.recipes.page import SETUPS, WITHOUT, expressed, workflows_page
from latentsteer.workflows.recipes.rows import ROWS, parts
from latentsteer.workflows.recipes.table import RECIPES
from latentsteer.workflows.recipes.write import (
    FOLDER,
    api_path,
    canvas_path,
    files,
    pages,
    picture_path,
)
from PIL import Image

PAGES = pages()
TEMPLATES = {r.template.name: name for name, r in RECIPES.items() if r.template is not None}
"""Ids by names in the host's list."""


@cache
def written(name):
    return files(RECIPES[name])


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_is_up_to_date(path):
    assert path.read_text("utf-8") == PAGES[path]


def test_there_is_a_help_page_for_every_node_and_no_other():
    written = {path for path in PAGES if path.parent == HELP_PAGES}
    assert set(HELP_PAGES.glob("*.md")) == written
    assert {path.stem for path in written} == {
        name for name in load_nodes() if name.startswith("LatentSteer_")
    }


def test_a_page_of_models_without_its_comments_is_refused():
    with pytest.raises(ValueError, match="lacks '<!-- The rows"):
        models_page("# Models", ())


@pytest.mark.parametrize("name", RECIPES)
def test_a_workflow_is_as_described(name):
    """To the byte; `make workflows` writes them."""
    for path, text in written(name).items():
        assert path.read_bytes() == text.encode()


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_a_template_has_a_small_square_picture(name):
    content = picture_path(RECIPES[TEMPLATES[name]]).read_bytes()
    assert len(content) < 20_000
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.format == "JPEG"
        assert picture.size == (320, 320)


def test_the_top_of_the_folder_has_the_templates_alone():
    """The host lists the files there; other folders contain only what the recipes write."""
    assert {path.stem for path in FOLDER.glob("*.json")} == set(TEMPLATES)
    assert {path.stem for path in FOLDER.rglob("*.jpg")} == set(TEMPLATES)
    generated = {path for name in RECIPES for path in written(name)}
    there = {
        path
        for folder in ("", "api", "tasks", *PAPERS, *(f"api/{paper}" for paper in PAPERS))
        for path in (FOLDER / folder).glob("*.json")
    }
    assert there == generated


def test_templates_are_few_numbered_and_each_has_a_task_of_its_own():
    names = sorted(TEMPLATES)
    assert 12 <= len(names) <= 16
    assert [name[:3] for name in names] == [f"{n:02} " for n in range(1, len(names) + 1)]
    assert {name for name in names if RECIPES[TEMPLATES[name]].files} == {
        "15 My own StyleGAN",
        "16 My own CLIP",
    }


def test_every_recipe_says_what_it_is():
    assert len({recipe.title for recipe in RECIPES.values()}) > 0.9 * len(RECIPES)
    for name, recipe in RECIPES.items():
        assert recipe.id == name
        assert recipe.task
        assert recipe.title
        assert recipe.says.endswith(".")
        assert [row for row in (*recipe.rows, *recipe.like) if not parts(row)] == []
        assert bool(recipe.paper) or not recipe.rows
        starts = {"tr0n": "t", "fusedream": "f", "krr": "k", "d2c": "d"}
        assert {row[0] for row in recipe.rows} <= {starts.get(recipe.paper)}


def test_every_setup_of_the_table_is_a_workflow():
    made = {part.where for r in RECIPES.values() for row in r.rows for part in parts(row)}
    assert {row for row, setup in ROWS.items() if setup.where not in made} == set()


def test_the_page_counts_the_setups_and_names_those_without_a_workflow():
    """More than a hundred of the papers' 118 are shown; each of the others has a reason."""
    whole = {f"{letter}{n:02}" for letter, most in SETUPS.items() for n in range(1, most + 1)}
    found = expressed(RECIPES.values())
    named = [row for rows in WITHOUT for row in rows.split(", ")]
    assert len(whole) == 118
    assert sorted(whole - found) == sorted(named)
    assert found <= whole
    assert len(found) >= 100
    page = workflows_page(RECIPES.values())
    assert f" workflows show {len(found)} of the 118 setups." in page
    assert all(f"* {rows}: " in page for rows in WITHOUT)
    # A row of a table for each: `| t01 |`, or `| k20a, k20b, k20c |`.
    rows = {
        row
        for cell in re.findall(r"^\| ([tfkd]\d\d[^|]*) \|", page, re.M)
        for row in re.findall(r"[tfkd]\d\d", cell)
    }
    assert rows == found


@pytest.fixture(scope="module")
def schemas():
    return schemas_of(load_nodes())


@pytest.mark.parametrize("name", RECIPES)
def test_an_api_file_leaves_defaults_out_and_nothing_else(name, schemas):
    recipe = RECIPES[name]
    there = json.loads(api_path(recipe).read_text("utf-8"))
    assert there.keys() == recipe.api.keys()
    for number, node in recipe.api.items():
        ours = node["class_type"].startswith("LatentSteer_")
        usual = defaults_of(schemas[node["class_type"]]) if ours else {}
        least = there[number]
        assert {**usual, **least["inputs"]}.items() >= node["inputs"].items()
        assert [k for k in least["inputs"] if k in usual and usual[k] == least["inputs"][k]] == []
        assert {k: v for k, v in least.items() if k != "inputs"} == {
            k: v for k, v in node.items() if k != "inputs"
        }


def test_canvas_and_api_files_lie_in_their_papers_folders():
    for recipe in RECIPES.values():
        folder = "" if recipe.template is not None else recipe.paper or "tasks"
        assert canvas_path(recipe).relative_to(FOLDER).parts[:-1] == tuple(filter(None, [folder]))
        assert api_path(recipe).relative_to(FOLDER / "api").parts[:-1] == tuple(
            filter(None, [recipe.paper])
        )
