"""The results as one picture: panels of bars, with all peers in each. It follows the reader's light or dark mode."""

from html import escape
from typing import Any

WIDTH, BAR, STEP, LABEL, RIGHT = 760, 16, 24, 280, 60
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #6e7781; }
  .title { font-weight: 600; font-size: 15px; }
  .ours { fill: #2da44e; font-weight: 600; }
  rect.peer { fill: #8c959f; }
  .second { opacity: 0.55; }
  @media (prefers-color-scheme: light) { text { fill: #1f2328; } .ours { fill: #1a7f37; } rect.peer { fill: #afb8c1; } }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .ours { fill: #3fb950; } rect.peer { fill: #6e7681; } }
"""
Panel = tuple[str, dict[str, tuple[float, ...]]]  # the title, and the lengths of each bar's parts


def panels(results: dict[str, Any]) -> list[Panel]:
    cold, warm = results["cold"], results["warm"]
    peers = {base: [name for name in cold[base] if "no adapter" not in name] for base in ("Flask", "FastAPI")}
    shown = [
        (
            f"Cold start on {base}: million instructions of import, and (lighter) of the first event",
            {name: (cold[base][name]["import"], cold[base][name]["first event"]) for name in names},
        )
        for base, names in peers.items()
    ]
    both = [*peers["Flask"], *peers["FastAPI"]]
    shown.append(("Warm S3 event: instructions over json.dumps of it", {name: (warm[name]["S3"],) for name in both}))
    batch = {name: (ratio,) for name, ratio in results["batch"].items()}
    return [*shown, ("Ten SQS records whose view waits 100 ms: time over that of one", batch)]


def draw(results: dict[str, Any]) -> str:
    """Return the SVG; in each panel the least comes first."""
    parts, top = [], 0
    for title, bars in panels(results):
        parts.append(f'<text class="title" x="0" y="{top + 20}">{escape(title)}</text>')
        scale = (WIDTH - LABEL - RIGHT) / max(map(sum, bars.values()))
        top += 34
        for name, lengths in sorted(bars.items(), key=lambda bar: sum(bar[1])):
            kind = "ours" if name.startswith("cloud-events") else "peer"
            x = float(LABEL)
            parts.append(
                f'<text class="{kind}" x="{LABEL - 10}" y="{top + 13}" text-anchor="end">{escape(name)}</text>'
            )
            for number, length in enumerate(lengths):
                shade = f"{kind} second" if number else kind
                width = max(1, length * scale)
                parts.append(f'<rect class="{shade}" x="{x:.1f}" y="{top}" width="{width:.1f}" height="{BAR}"/>')
                x += width
            parts.append(f'<text class="{kind}" x="{x + 6:.1f}" y="{top + 13}">{sum(lengths):.1f}</text>')
            top += STEP
        top += 16
    size = f'viewBox="0 0 {WIDTH} {top}" width="{WIDTH}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n<style>{STYLE}</style>'
    return "\n".join([head, *parts, "</svg>", ""])
