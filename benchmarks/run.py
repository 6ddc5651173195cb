"""Measure the library against its peers; write results.json, results.svg, and the tables of docs/performance.md.

tox run -e bench                    everything, under ten minutes
tox run -e bench -- batch memory    only these parts; the others stay in results.json as they were
"""

import compileall
import json
import platform
import sys
import time
from importlib.metadata import distributions

import batch
import costs
import endtoend
import picture
import report
from measure import INSIDE

PARTS = {
    "cold": costs.cold_starts,
    "warm": costs.warm_events,
    "rows": costs.users_rows,
    "advice": costs.advice,
    "batch": batch.ten_waiting_records,
    "memory": batch.memory,
    "endtoend": endtoend.measure,
}


def main() -> None:
    parts = sys.argv[1:] or [*PARTS]
    compileall.compile_dir(INSIDE, quiet=2)
    file = report.HERE / "results.json"
    results = json.loads(file.read_text(encoding="utf-8")) if sys.argv[1:] else {}
    results["versions"] = {"Python": platform.python_version()} | {each.name: each.version for each in distributions()}
    for part in parts:
        start = time.monotonic()
        results[part] = PARTS[part]()
        print(f"{part}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (report.HERE / "results.svg").write_text(picture.draw(results), encoding="utf-8")
    report.PAGE.write_text(report.fill(report.PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")
    print(*report.tables(results).values(), sep="\n\n")


if __name__ == "__main__":
    main()
