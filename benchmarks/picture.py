"""The results as one picture: cold start and warm cost, ours and everybody else's, as bars.

    python benchmarks/picture.py

reads results.json and writes results.svg. The picture follows the reader's light or dark mode, and has no background.
"""

from __future__ import annotations

import json
from html import escape
from typing import Any, NamedTuple

from peers import HERE, OURS

WIDTH, BAR, GAP, LABEL, RIGHT = 760, 16, 8, 190, 60
# The first colours can be read on white and on black: for whoever draws SVG without knowing the reader's mode.
STYLE = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #6e7781; }
  .title { font-weight: 600; font-size: 15px; }
  .note { font-size: 12px; }
  .ours { fill: #2da44e; }
  .peer { fill: #8c959f; }
  .floor { stroke: #6e7781; stroke-dasharray: 3 3; }
  @media (prefers-color-scheme: light) {
    text { fill: #1f2328; }
    .note { fill: #59636e; }
    .ours { fill: #1a7f37; }
    .peer { fill: #afb8c1; }
  }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .note { fill: #9198a1; }
    .ours { fill: #3fb950; }
    .peer { fill: #484f58; }
    .floor { stroke: #9198a1; }
  }
"""
NOTES = {
    "cold": "instructions that importing the handler adds to those of AWS's runtime client",
    "warm": "instructions over those of json.dumps(event), the dashed line; mangum, serverless-wsgi serialise nothing",
}
COLD = (
    "cloud-events WSGI",
    "aws-wsgi",
    "apig-wsgi",
    "cloudevents SDK",
    "cloud-events ASGI",
    "mangum",
    "Powertools data classes",
    "serverless-wsgi",
    "Powertools batch",
    "original WSGI",
)
WARM = (
    "cloud-events WSGI",
    "original WSGI",
    "serverless-wsgi",
    "cloud-events ASGI",
    "original ASGI",
    "mangum",
    "mangum, lifespan",
)


class Panel(NamedTuple):
    """A title, a note under it, how figures are written, (name, figure) rows, and a figure to draw a line at."""

    title: str
    note: str
    pattern: str
    rows: list[tuple[str, float]]
    line: float | None = None

    @property
    def height(self) -> int:
        """How much room it needs."""
        return 64 + len(self.rows) * (BAR + GAP)


def panels(results: dict[str, Any]) -> list[Panel]:
    """Return what the picture shows of *results*, the least first."""
    cold = {name: results["cold"]["bare"][name] for name in COLD}
    warm = {name: results["warm"][name]["S3, 1 kB"]["ratio"] for name in WARM}
    return [
        Panel(
            "Cold start",
            NOTES["cold"],
            "+{:.0%}",
            ranked({name: cost["import"] / cost["floor"] for name, cost in cold.items()}),
        ),
        Panel(
            "Warm S3 event",
            NOTES["warm"],
            "{:.2f}",
            ranked(warm),
            1.0,
        ),
    ]


def ranked(figures: dict[str, float]) -> list[tuple[str, float]]:
    """Return the rows of *figures*, the least first."""
    return sorted(figures.items(), key=lambda row: row[1])


def draw(shown: list[Panel]) -> str:
    """Return the SVG of the panels, one below the other."""
    height = sum(panel.height for panel in shown)
    alternative = "; ".join(
        f"{panel.title}: {', '.join(f'{n} {panel.pattern.format(v)}' for n, v in panel.rows)}" for panel in shown
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img">',
        f"<title>{escape(alternative)}</title>",
        f"<style>{STYLE}</style>",
    ]
    top = 0
    for panel in shown:
        parts += draw_panel(panel, top)
        top += panel.height
    return "\n".join([*parts, "</svg>", ""])


def draw_panel(panel: Panel, top: int) -> list[str]:
    """Return the elements of one panel that begins at *top*."""
    scale = (WIDTH - LABEL - RIGHT) / max(figure for _, figure in panel.rows)
    parts = [
        f'<text class="title" x="0" y="{top + 18}">{escape(panel.title)}</text>',
        f'<text class="note" x="0" y="{top + 36}">{escape(panel.note)}</text>',
    ]
    ours = {peer.name for peer in OURS}
    for number, (name, figure) in enumerate(panel.rows):
        y = top + 48 + number * (BAR + GAP)
        middle = f'y="{y + 13}"'
        kind = "ours" if name in ours else "peer"
        weight = ' font-weight="600"' if name in ours else ""
        width = max(2, figure * scale)
        parts += [
            f'<text x="{LABEL - 10}" {middle} text-anchor="end"{weight}>{escape(name)}</text>',
            f'<rect class="{kind}" x="{LABEL}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2"/>',
            f'<text x="{LABEL + width + 6:.1f}" {middle}{weight}>{panel.pattern.format(figure)}</text>',
        ]
    if panel.line is not None:
        x = LABEL + panel.line * scale
        bottom = top + 48 + len(panel.rows) * (BAR + GAP) - GAP + 4
        parts.append(f'<line class="floor" x1="{x:.1f}" y1="{top + 44}" x2="{x:.1f}" y2="{bottom}"/>')
    return parts


def write(results: dict[str, Any]) -> None:
    """Write results.svg."""
    (HERE / "results.svg").write_text(draw(panels(results)), encoding="utf-8")


if __name__ == "__main__":
    write(json.loads((HERE / "results.json").read_text(encoding="utf-8")))
