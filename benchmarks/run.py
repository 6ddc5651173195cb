"""Measure the library against its peers: tables on the terminal, results.json, and results.svg.

    tox run -e bench                    everything, about ten minutes
    tox run -e bench -- --quick         the main figures, under two minutes; writes nothing
    tox run -e bench -- cold warm       only these parts; the others stay in results.json as they were

Instructions are counted by valgrind, where it is installed.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable
from typing import Any

import cold
import endtoend
import matching
import picture
import records
import tables
import venvs
import warm
from measure import NO_VALGRIND, VALGRIND
from peers import ENVIRONMENTS, HERE, PACKAGE

RESULTS = HERE / "results.json"

# Name, measure(quick), show(results).
PARTS: dict[str, tuple[Callable[[bool], dict[str, Any]], Callable[[dict[str, Any]], None]]] = {
    "cold": (lambda quick: cold.measure(1 if quick else 7, quick), tables.show_cold),
    "warm": (lambda quick: warm.measure(1 if quick else 5, quick), tables.show_warm),
    "matching": (matching.measure, tables.show_matching),
    "endtoend": (lambda quick: endtoend.measure(1 if quick else 7, quick), tables.show_endtoend),
    "records": (records.measure, tables.show_records),
}


def main() -> None:
    """Measure the parts that the command line names, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer peers, events and rounds; write nothing")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    arguments = parser.parse_args()
    unknown = [part for part in arguments.parts if part not in PARTS]
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    if not PACKAGE:
        parser.error("TOX_PACKAGE must name a wheel of the library; tox run -e bench builds one and says so")
    if VALGRIND is None:
        print(NO_VALGRIND, file=sys.stderr)
    venvs.prepare(list(ENVIRONMENTS))
    kept = RESULTS.exists() and not arguments.quick
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if kept else {}
    results["measured"] = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": venvs.versions(list(ENVIRONMENTS)),
    }
    for part in arguments.parts or PARTS:
        measure, show = PARTS[part]
        print(f"measuring: {part}", file=sys.stderr)
        # Through JSON, so that what is shown is what is written.
        results[part] = json.loads(json.dumps(measure(arguments.quick)))
        show(results[part])
    tables.show_aims(results)
    if not arguments.quick:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        if VALGRIND is not None and {"cold", "warm"} <= results.keys():
            picture.write(results)


if __name__ == "__main__":
    main()
