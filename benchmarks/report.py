"""The results as tables of docs/performance.md, and what the library holds itself to."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "performance.md"
WSGI, ASGI = "cloud-events WSGI", "cloud-events ASGI"

# Why an aim is missed, where it is.
START = "About 40 % makes the catalogue of rows, named tuples and regular expressions; the rest loads the code."
SOURCES = "Python compiles the whole library. Deploy .pyc files."
PLAIN = "Matching, attributes and headers are plain functions. Generated code was faster, and hard to maintain."
# What is measured, where it is in the results, and the most that it may be.
AIMS = (
    ("Import and first event on Flask, Mir", ("cold", "Flask", WSGI, "together"), 22, START),
    ("Import and first event on FastAPI, Mir", ("cold", "FastAPI", ASGI, "together"), 34, START),
    ("First event after init, WSGI, Mir", ("cold", "Flask, a view that does nothing", WSGI, "first event"), 4, START),
    ("First event after init, ASGI, Mir", ("cold", "FastAPI, a view that does nothing", ASGI, "first event"), 6, START),
    ("Import and first event on Flask without .pyc, Mir", ("cold", "Flask", WSGI, "without .pyc"), 120, SOURCES),
    ("S3 event by WSGI, over json.dumps", ("warm", WSGI, "S3"), 2.5, PLAIN),
    ("S3 event by ASGI, over json.dumps", ("warm", ASGI, "S3"), 3.4, PLAIN),
    ("10 kB SQS event by WSGI, over json.dumps", ("warm", WSGI, "10 kB SQS"), 1.3, PLAIN),
    ("Event that no row matches, over json.dumps of the S3 event", ("warm", WSGI, "no row"), 1.1, PLAIN),
    *(
        (f"Ten waiting records over one, {name}, concurrency {n}", ("batch", f"{name}, concurrency {n}"), most, "")
        for name in (WSGI, ASGI)
        for n, most in ((10, 1.3), (5, 2.5))
    ),
    *(
        (f"Memory of 10,000 records, {how}, payloads", ("memory", f"10,000 records, {how}"), 2, "")
        for how in ("one by one, WSGI", "one by one, ASGI", "eight at a time, WSGI", "eight at a time, ASGI")
    ),
    ("Memory of an event of 5.5 MB, payloads", ("memory", "an event of 5.5 MB, WSGI"), 2.1, ""),
)


def table(columns: str, rows: Iterable[tuple[Any, ...]], pattern: str = "{:.2f}") -> str:
    """Return a Markdown table; *columns* are comma-separated. Numbers are written by *pattern*, and None is empty."""
    names = columns.split(", ")
    lines = [" | ".join(names), " | ".join(["---"] + ["--:"] * (len(names) - 1))]
    for row in rows:
        cells = (cell if isinstance(cell, str) else "" if cell is None else pattern.format(cell) for cell in row)
        lines.append(" | ".join(cells))
    return "\n".join(f"| {line} |" for line in lines)


def faster(figures: dict[str, float], what: str) -> str:
    """Return a sentence that names the peers whose figures are below ours, if there are any."""
    (ours,) = (figure for name, figure in figures.items() if name in (WSGI, ASGI))
    floors = ("no adapter", "no adapter (on a loop)", "a handler of {}")
    names = [name for name, figure in figures.items() if figure < ours and name not in floors]
    return f"\n\nFaster than cloud-events {what}: {', '.join(names) or 'none of these'}."


def tables(results: dict[str, Any]) -> dict[str, str]:
    """Return the name and the Markdown of each table of the page."""
    cold, warm, live, rows = results["cold"], results["warm"], results["endtoend"], results["rows"]
    written = {
        "cold": by_base("Mir, import, first event, together, without .pyc", cold, "{:.1f}"),
        "warm": table(
            "over json.dumps, S3, 10 kB SQS, 5.5 MB SQS, no row",
            ((name, *map(costs.get, ("S3", "10 kB SQS", "5.5 MB SQS", "no row"))) for name, costs in warm.items()),
        ),
        "endtoend": by_base("over a handler of {}, init, first, warm", live, "{:.2f}"),
        "batch": table("ten records whose view waits 100 ms, over one", results["batch"].items()),
        "memory": table("beside the event itself, payloads", results["memory"].items()),
        "rows": table(
            "thousand instructions for each row, at start, an event that it does not match",
            ((name, costs["start"] / 1e3, costs["event"] / 1e3) for name, costs in rows.items()),
            "{:.1f}",
        ),
        "advice": table("what, costs", results["advice"].items()),
        "aims": aims(results),
    }
    for base in ("Flask", "FastAPI"):
        written["cold"] += faster({name: costs["together"] for name, costs in cold[base].items()}, f"on {base}")
        for phase in ("init", "first", "warm"):
            written["endtoend"] += faster({n: took[phase] for n, took in live[base].items()}, f"on {base}, {phase}")
        written["warm"] += faster({name: warm[name]["S3"] for name in cold[base]}, f"for an S3 event, as on {base}")
    return written


def by_base(columns: str, results: dict[str, Any], pattern: str) -> str:
    """Return a table with a line for each base and peer."""
    names = columns.split(", ")[1:]
    pairs = ((base, name, costs) for base, peers in results.items() for name, costs in peers.items())
    return table(columns, ((f"{base}: {name}", *map(costs.get, names)) for base, name, costs in pairs), pattern)


def aims(results: dict[str, Any]) -> str:
    """Return the table of the aims, and the missed ones with the reason."""
    rows, missed = [], {}
    for name, keys, most, reason in AIMS:
        figure: Any = results
        for key in keys:
            figure = figure[key]
        rows.append((name, f"{most}", figure, "kept" if figure <= most else "missed"))
        if figure > most:
            missed.setdefault(reason, []).append(f"{name}, {figure:.2f} instead of {most}")
    lines = [f"- Missed: {'; '.join(names)}. {reason}" for reason, names in missed.items()] or ["All are kept."]
    return table("aim, at most, measured, ", rows) + "\n\n" + "\n".join(lines)


def fill(page: str, results: dict[str, Any]) -> str:
    """Return *page* with each table between its two markers, ``<!-- name -->`` and ``<!-- end -->``."""
    for name, written in tables(results).items():
        before, mark, rest = page.partition(f"<!-- {name} -->\n")
        page = before + mark + written + "\n<!-- end -->" + rest.partition("<!-- end -->")[2]
    return page
