"""The results as tables for a terminal: each a title, its columns, and its rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import aims

MISSING = "-"


def show(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print one table; the first column is text, the others are numbers."""
    lines = [["", *columns], *([*row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    print(f"\n{title}")
    for line in lines:
        cells = (cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))
        print("  ".join((line[0].ljust(widths[0]), *cells)).rstrip())


def number(value: float | None, pattern: str = "{:.2f}", unit: float = 1) -> str:
    """Return *value*, which is None where it was not measured, in *unit*s."""
    return MISSING if value is None else pattern.format(value / unit)


def show_cold(cold: dict[str, Any]) -> None:
    """Print cold starts, over the bare runtime client and on top of the frameworks."""
    columns = ("Mir", "import", "+ event", "no .pyc", "CPU", "+ event", "MB", "modules", "kB on disk")
    show(
        "Cold start: what is added to the runtime client's own (1.00 = as much again; Mir = million instructions)",
        columns,
        (
            (
                name,
                number(cost["import"], "{:.1f}", 1e6),
                number(over_floor(cost, "import")),
                number(over_floor(cost, "import", "first event")),
                number(over_floor(cost, "import without bytecode")),
                number(cost["cpu"]),
                number(cost["cpu with first event"]),
                number(cost["memory"], "{:.1f}", 1e6),
                number(cost["modules"], "{:.0f}"),
                number(cost["installed"], "{:.0f}", 1e3),
            )
            for name, cost in cold["bare"].items()
        ),
    )
    for framework in [base for base in cold if base != "bare"]:
        show(
            f"Cold start on top of {framework}: what is added to runtime client and framework",
            ("Mir", "import"),
            (
                (name, number(cost["import"], "{:.1f}", 1e6), number(over_floor(cost, "import"), "{:.1%}"))
                for name, cost in cold[framework].items()
            ),
        )


def over_floor(cost: dict[str, Any], *steps: str) -> float | None:
    """Return the instructions of *steps* over those of the floor; None where one was not counted."""
    if cost["floor"] is None or any(cost[step] is None for step in steps):
        return None
    return sum(cost[step] for step in steps) / cost["floor"]


def show_warm(warm: dict[str, Any]) -> None:
    """Print what a call costs, by instructions and by CPU time."""
    titles = list(next(iter(warm.values())))
    for what, name in (("ratio", "instructions"), ("cpu", "CPU time")):
        show(
            f"Warm: {name} of one call over those of json.dumps(event)",
            titles,
            ((peer, *(number(costs[title][what]) for title in titles)) for peer, costs in warm.items()),
        )
    large = [title for title in titles if "MB" in title]
    if large:
        show(
            "Memory: how much resident memory grows at most while a large event is handled, in payloads",
            large,
            ((peer, *(number(costs[title]["peak"]) for title in large)) for peer, costs in warm.items()),
        )


def show_matching(matching: dict[str, Any]) -> None:
    """Print what matching costs, over json.dumps of an S3 event and over the original's if-chain."""
    if not matching:
        return
    dearest, most = matching["dearest"]
    rows = [
        ("matching any row, median", matching["median"]),
        (f"matching the dearest row, {dearest}", most),
        *matching["no row"].items(),
        ("ce-* headers of an S3 event", matching["headers"]),
    ]
    show("Understanding, over json.dumps of an S3 event", ("ratio",), ((name, number(cost)) for name, cost in rows))
    show(
        "Understanding, over others",
        ("ratio",),
        (
            ("matching, over the original's if-chain, median", number(matching["over original"])),
            (
                "building the registry, over parsing its paths with jsonpath-ng",
                number(matching["build over parse"], "{:.3f}"),
            ),
        ),
    )


def show_endtoend(endtoend: dict[str, Any]) -> None:
    """Print what the real runtime client takes with each handler, over one that returns {}."""
    phases = ("init", "S3", "SQS")
    show(
        "End to end through awslambdaric: CPU time over that of a handler that returns {}; peak of memory in payloads",
        (*phases, "peak"),
        (
            (name, *(number(took[phase]["ratio"]) for phase in phases), number(took["peak"]))
            for name, took in endtoend.items()
        ),
    )


def show_records(records: dict[str, Any]) -> None:
    """Print the cost of a record, and how costs grow with an event."""
    show(
        "Records of one batch: cost of a record over json.dumps of it",
        ("instructions", "CPU time", "records/s"),
        (
            (name, number(cost["ratio"]), number(cost["cpu"]), f"{1 / cost['seconds']:,.0f}")
            for name, cost in records["throughput"].items()
        ),
    )
    if not records["growth"]:
        return
    show(
        "Growth: cost of a unit in the largest event over that in the smallest (1.00 = linear)",
        ("sizes", "ratio"),
        (
            (name, " → ".join(f"{int(size):,}" for size in costs), number(list(costs.values())[-1]))
            for name, costs in records["growth"].items()
        ),
    )


def show_aims(results: dict[str, Any]) -> None:
    """Print what the library holds itself to, as far as it was measured."""
    show(
        "What we hold ourselves to",
        ("measured", "at most", ""),
        (
            (name, number(figure), f"{most:.2f}", "kept" if figure <= most else "missed")
            for name, figure, most in aims.measured(results)
        ),
    )
