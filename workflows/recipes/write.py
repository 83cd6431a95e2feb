"""Writes the shipped workflows and the pages of the nodes: `make workflows`."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from ...nodes.pages import generated
from ...nodes.standalone.canvas.formats import ui_from_api
from ...nodes.standalone.registry import load_nodes, schemas_of
from .files import named
from .fusedream import fusedream_workflows
from .fusedream_avatars import fusedream_avatars_workflows
from .graph import Shipped
from .krr_avatars import krr_avatars_workflows
from .krr_digits import krr_digits_workflows
from .krr_official import krr_official_workflows
from .paper.notes import with_paper
from .thumbnails import card, thumbnail
from .tr0n_avatars import avatars_workflows
from .tr0n_digits import digits_workflows
from .tr0n_official import official_workflows

__all__ = ["FOLDER", "Shipped", "graphs", "main"]

FOLDER = Path(__file__).resolve().parents[2] / "workflows"


def graphs() -> list[Shipped]:
    """All shipped workflows, whose notes compare them with the papers' numbers."""
    written = [
        *digits_workflows(),
        *avatars_workflows(),
        *official_workflows(),
        *fusedream_avatars_workflows(),
        *fusedream_workflows(),
        *krr_digits_workflows(),
        *krr_avatars_workflows(),
        *krr_official_workflows(),
    ]
    return [with_paper(shipped) for shipped in written]


def main(argv: Sequence[str] | None = None) -> None:
    """Writes the pages of the nodes, and every workflow in both formats; pictures if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--thumbnails", action="store_true", help="run each workflow, and write its picture"
    )
    parser.add_argument("--only", default="", help="pictures of the names that hold this")
    args = parser.parse_args(argv)
    nodes = load_nodes()
    for path, text in generated(nodes).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    schemas = schemas_of(nodes)
    for shipped in graphs():
        canvas = ui_from_api(shipped.api, schemas, title=shipped.title, notes=shipped.notes)
        for path, content in (
            (FOLDER / f"{shipped.name}.json", canvas),
            (FOLDER / "api" / f"{shipped.name}.json", shipped.api),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
            path.write_text(text, encoding="utf-8", newline="\n")
            print(path)
        if args.thumbnails and args.only in shipped.name:
            path = FOLDER / f"{shipped.name}.jpg"
            needs = named(shipped.api)
            size = card(shipped, needs, path) if needs else thumbnail(shipped, path)
            print(path, size, "bytes")


if __name__ == "__main__":
    main()
