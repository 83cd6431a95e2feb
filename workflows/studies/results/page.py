"""Generates docs/results.md from the figures of the studies.

    python -m latentsteer.workflows.studies.results.page

The section of a study is a template next to this file, `<study>.md`. Its placeholders are filled
from `<study>.json`, which `latentsteer reproduce <study> --json FILE` writes:

* `{krr.digits_flow_fd}` is a figure with three decimals, `{krr.digits_lowered:.0%}` in any format
  of Python, `{translator.digits_equal_m_lead_adam_f_verdict:s}` a word that the study found;
* `{krr.digits_flow_fd+-}` adds the standard deviation over seeds, the key with `_sd`.

A study without figures keeps the text of `<study>.before.md`, where there is one; remove that text
when the figures exist. A template without placeholders needs no figures.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from ....core.files import replacing

__all__ = ["PAGE", "PARTS", "filled", "main", "results_page"]

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs" / "results.md"
PARTS = (
    "digits",
    "avatars",
    "translator",
    "edits",
    "steer",
    "edit_image",
    "reno",
    "d2c",
    "fusedream",
    "krr",
    "codes",
    "views",
    "bench_pairs",
    "bench_translator",
    "bench_steer",
    "bench_edit_image",
    "bench_load",
    "faces",
)
"""Studies in the order of the page."""
HEAD = """# Results

This page is written by `python -m latentsteer.workflows.studies.results.page` from the texts and
figures in `workflows/studies/results/`. Make changes there.
"""
PLACE = re.compile(r"\{(\w+)\.(\w+)(\+-)?(?::([^}]+))?\}")
"""Placeholder: study, key, whether with standard deviation, format."""


def results_page(folder: Path = HERE) -> str:
    """The page.

    Args:
        folder: folder of the templates and figures.

    Raises:
        KeyError: a place whose figure its study did not measure.
    """
    figures = {
        path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")
    }
    return "\n".join([HEAD, *(_part(folder, name, figures) for name in PARTS)])


def filled(text: str, figures: Mapping[str, Mapping[str, float | str]]) -> str:
    """Fills the placeholders of a template.

    Args:
        text: template with placeholders.
        figures: figures and words by study and key.

    Raises:
        KeyError: a place whose figure its study did not measure.
    """

    def figure(place: re.Match[str]) -> str:
        study, key, spread, form = place.groups()
        found = figures.get(study, {})
        keys = (key, f"{key}_sd") if spread else (key,)
        for one in keys:
            if one not in found:
                raise KeyError(
                    f"{place[0]}: the figures of {study} have no {one!r}; run "
                    f"`latentsteer reproduce {study} --json FILE` at full budget"
                )
        texts = [format(found[one], form or ".3f") for one in keys]
        return " +- ".join(texts).replace("%", " %")

    return PLACE.sub(figure, text)


def main() -> None:
    """Writes the page."""
    with replacing(PAGE) as part:
        part.write_text(results_page(), encoding="utf-8", newline="\n")
    print(PAGE)


def _part(folder: Path, name: str, figures: Mapping[str, Mapping[str, float | str]]) -> str:
    before = folder / f"{name}.before.md"
    if name not in figures and before.exists():
        return before.read_text(encoding="utf-8")
    return filled((folder / f"{name}.md").read_text(encoding="utf-8"), figures)


if __name__ == "__main__":
    main()
