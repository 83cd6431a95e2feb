"""The page of the short demo: plain HTML and CSS, which needs nothing but its pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from .shown import Figure, Part, PictureGroup

__all__ = ["FIGURES", "PAGE", "PICTURES", "DonePart", "page_of", "picture_name"]

PAGE, FIGURES, PICTURES = "index.html", "figures.json", "pictures"
"""Names of the page, of the file of its figures, and of the folder of its pictures."""
CSS = Path(__file__).with_name("page.css")
SMALL = 32
"""Side in pixels up to which pictures are shown with visible pixels."""
NEXT: Sequence[tuple[str, str]] = (
    (
        "Other texts: the node Steer draws each line of its prompt.",
        "latentsteer run workflows/api/avatars_steer.json --out out \\\n"
        '    --set "Steer.prompt=smiling, purple hat, yellow background"',
    ),
    (
        "Other edits: the node Edit Image changes what its words say. On the canvas, Load Image "
        "brings a picture of yours.",
        "latentsteer run workflows/api/avatars_edit.json --out out \\\n"
        '    --set "Edit Image.words=sunglasses" --set "Edit Image.instead=glasses"',
    ),
    (
        "What each part of TR0N contributes, with all of the paper's ablations, in 15 to 25 "
        "minutes.",
        "make demo FULL=1    # or: latentsteer demo --full",
    ),
    (
        "A measurement of docs/results.md in small, with its intervals.",
        "latentsteer reproduce steer --budget ci",
    ),
)
"""What to do next: a sentence and a command."""


@dataclass(frozen=True)
class DonePart:
    """A part that has run.

    Attributes:
        key: its name in files and anchors.
        title: its heading.
        seconds: how long it took.
        part: what it made; None if it failed.
        failure: why it failed.
    """

    key: str
    title: str
    seconds: float
    part: Part | None = None
    failure: str = ""


def picture_name(key: str, number: int) -> str:
    """Returns the file name of a part's picture."""
    return f"{key}-{number:02}.png"


def page_of(done: Sequence[DonePart], *, facts: Mapping[str, object], seconds: float) -> str:
    """Returns the page.

    Args:
        done: the parts, in order.
        facts: what the run was made with, by name.
        seconds: duration of the whole run.
    """
    cards = "".join(_card(one) for one in done)
    sections = "".join(_section(one) for one in done)
    ways = "".join(f"<p>{escape(says)}</p><pre>{escape(line)}</pre>" for says, line in NEXT)
    made = " &middot; ".join(f"{escape(name)} {escape(str(fact))}" for name, fact in facts.items())
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>LatentSteer: the demo</title>
<style>
{CSS.read_text(encoding="utf-8")}</style>
</head>
<body>
<main>
<h1>LatentSteer: the demo</h1>
<p class="lead">Frozen generators, steered by words, by classes, by an edit and by a few labels.
This computer has made all pictures on this page, in <b>{seconds:.0f} seconds</b>. Every figure is
that of a judge, a network that took no part in the steering, with its 95 % interval.</p>
<nav aria-label="Parts">{cards}</nav>
{sections}<section id="next">
<h2>What to do next</h2>
<p>In ComfyUI the same is on the canvas: the category LatentSteer has the nodes Steer and Edit
Image, and Workflow, Browse Templates has graphs to start from. In a terminal, in this project's
folder:</p>
{ways}<p class="low">Documentation: <code>README.md</code>, <code>docs/install.md</code>,
<code>docs/workflows.md</code>, <code>docs/results.md</code>.</p>
</section>
<footer>{made}. All numbers: <a href="{FIGURES}">{FIGURES}</a>.</footer>
</main>
</body>
</html>
"""


def _card(one: DonePart) -> str:
    said = "<b>failed</b>"
    if one.part is not None:
        value, low, high = _interval(one.part.figures[0], one.part.numbers)
        said = f'<b>{value}</b> <span class="low">[{low}, {high}]</span>'
    return f'<a href="#{one.key}">{said}<br>{escape(one.title)}</a>'


def _section(one: DonePart) -> str:
    head = (
        f'<section id="{one.key}">\n<div class="head"><h2>{escape(one.title)}</h2>'
        f'<span class="seconds">{one.seconds:.1f} s</span></div>\n'
    )
    if one.part is None:
        return f'{head}<p class="failed">This part failed: {escape(one.failure)}</p>\n</section>\n'
    figures = "".join(_figure(figure, one.part.numbers) for figure in one.part.figures)
    groups, number = "", 0
    for group in one.part.groups:
        groups += _group(group, one.key, number)
        number += len(group.pictures)
    few = " few" if len(one.part.groups) <= 2 else ""
    return (
        f'{head}<ul class="figures">{figures}</ul>\n<p>{escape(one.part.about)}</p>\n'
        f'<div class="groups{few}">\n{groups}</div>\n</section>\n'
    )


def _figure(figure: Figure, numbers: Mapping[str, float]) -> str:
    value, low, high = _interval(figure, numbers)
    return (
        f'<li><b data-figure="{figure.key}">{value}</b> '
        f'<span class="low">[{low}, {high}]</span> {escape(figure.says)}</li>'
    )


def _interval(figure: Figure, numbers: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(f"{numbers[f'{figure.key}{end}']:.2f}" for end in ("", "_low", "_high"))


def _group(group: PictureGroup, key: str, first: int) -> str:
    shown = ""
    for number, picture in enumerate(group.pictures, first):
        side = picture.image.shape[2]
        small = side <= SMALL
        size = side * 3 if small else side * 2
        shape = ' style="image-rendering: pixelated"' if small else ""
        shown += (
            f'<figure><img src="{PICTURES}/{picture_name(key, number)}" width="{size}" '
            f'height="{size}" alt="{escape(picture.alt)}"{shape}>'
            f"<figcaption>{escape(picture.caption)}</figcaption></figure>\n"
        )
    return f'<div><h3>{escape(group.heading)}</h3>\n<div class="row">\n{shown}</div></div>\n'
