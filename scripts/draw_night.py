"""Draws docs/pictures/night.svg, the flow of a night, from the registry of stages.

Use: .venv/bin/python scripts/draw_night.py. A picture needs no script in the browser, and so nothing from the
network; `tests/documentation/test_site.py` checks that it is up to date.
"""

from __future__ import annotations

import textwrap
from html import escape
from pathlib import Path

from handpick.pipeline.registry import Stage, list_nightly_stages

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "night.svg"
COLUMNS = 4
WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 210, 104, 42, 34, 8
TITLE_WIDTH = 30
"""Characters in a line of a stage's title."""
STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #333 }
  .name { font-weight: 600; font-size: 15px }
  .tables { font-family: ui-monospace, monospace; font-size: 11px; fill: #37617a }
  rect { fill: #f4f7f9; stroke: #8aa5b5 }
  path { fill: none; stroke: #6b8494; stroke-width: 1.5; marker-end: url(#tip) }
  #tip path { fill: #6b8494; stroke: none; marker-end: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #dde3e8 } .tables { fill: #9cc4da } rect { fill: #26303a; stroke: #5b7484 }
  }
"""


def draw_night() -> str:
    """Return the picture as SVG: a box for each nightly stage in its order, with what it does and writes."""
    stages = list_nightly_stages()
    rows = -(-len(stages) // COLUMNS)
    width = COLUMNS * WIDTH + (COLUMNS - 1) * GAP_X + 2 * MARGIN
    height = rows * HEIGHT + (rows - 1) * GAP_Y + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        f"<title>The stages of a night: {', '.join(stage.command for stage in stages)}</title>",
        f"<style>{STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>',
    ]
    for number, stage in enumerate(stages):
        parts += _draw_stage(stage, *_find_place(number))
        if number:
            parts.append(_draw_arrow(number))
    return "\n".join([*parts, "</svg>\n"])


def _find_place(number: int) -> tuple[int, int]:
    """Return the upper left corner of a stage's box."""
    row, column = divmod(number, COLUMNS)
    return MARGIN + column * (WIDTH + GAP_X), MARGIN + row * (HEIGHT + GAP_Y)


def _draw_stage(stage: Stage, x: int, y: int) -> list[str]:
    """Return a stage's box with its texts."""
    lines = textwrap.wrap(stage.title, TITLE_WIDTH)
    written = f"→ {', '.join(stage.writes)}"
    return [
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>',
        f'<text class="name" x="{x + 10}" y="{y + 22}">{escape(stage.command)}</text>',
        *(f'<text x="{x + 10}" y="{y + 42 + 15 * n}">{escape(line)}</text>' for n, line in enumerate(lines)),
        f'<text class="tables" x="{x + 10}" y="{y + HEIGHT - 9}">{escape(written)}</text>',
    ]


def _draw_arrow(number: int) -> str:
    """Return the arrow to a stage from the one before it: to the right or down to the next row."""
    (left, above), (x, y) = _find_place(number - 1), _find_place(number)
    if y == above:
        return f'<path d="M{left + WIDTH} {y + HEIGHT // 2}H{x - 1}"/>'
    middle = y - GAP_Y // 2
    return f'<path d="M{left + WIDTH // 2} {above + HEIGHT}V{middle}H{x + WIDTH // 2}V{y - 1}"/>'


if __name__ == "__main__":
    PICTURE.write_text(draw_night(), encoding="utf-8")
    print(f"Wrote {PICTURE}.")
