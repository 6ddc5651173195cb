"""How it is measured: steps of Python in a process of their own, in instructions or in seconds.

Instructions, counted by valgrind's callgrind, repeat to a tenth of a percent, however busy the machine is. Seconds do
not: one is only ever divided by another of the same run.
"""

import json
import marshal
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

INSIDE = Path(__file__).parent / "inside"
# callgrind counts every byte that one "rep movsb" copies. Without that instruction glibc copies 32 bytes at a time, as
# on processors that lack it, and a copy counts for about as much as it takes.
COPYING = "GLIBC_TUNABLES=glibc.cpu.hwcaps=-ERMS,-FSRM"
CALLGRIND = ["env", COPYING, "valgrind", "--tool=callgrind", "--dump-before=getppid"]

# What Lambda sets and the adapters read; a measured process sees nothing else of the environment.
LAMBDA = {
    "AWS_LAMBDA_FUNCTION_NAME": "benchmark",
    "AWS_REGION": "us-east-2",
    "LANG": "C.UTF-8",
    "PATH": os.defpath,
    "PYTHONHASHSEED": "0",
    "PYTHONPATH": str(INSIDE),
    "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
}


class Step(NamedTuple):
    """Some source, what it is called in the results ("" is not measured), and how often it runs."""

    name: str
    source: str
    times: int = 1


class Job(NamedTuple):
    """The steps of one process, and the environment variables that it has beside those of Lambda."""

    title: str
    steps: list[Step]
    settings: dict[str, str] = {}


def run(job: Job, prefix: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Run *job* once; return the name, the seconds, and the `value` of each step that has a name."""
    process = subprocess.run(
        [*prefix, sys.executable, "-P", "-c", "import steps; steps.run()"],
        env=LAMBDA | job.settings,
        input=json.dumps([compiled(step) for step in job.steps]),
        capture_output=True,
        text=True,
        timeout=300,
    )
    if process.returncode:
        raise SystemExit(f"{job.title}: the measured process failed\n{process.stderr}")
    return json.loads(process.stdout)


def compiled(step: Step) -> tuple[str, str, int]:
    source = step.source if step.times == 1 else f"for _ in range({step.times}): {step.source}"
    return step.name, marshal.dumps(compile(source, step.name or "preparation", "exec")).hex(), step.times


def count(job: Job) -> dict[str, float]:
    """Return the instructions of each step of *job* that has a name."""
    with tempfile.TemporaryDirectory() as folder:
        run(job, [*CALLGRIND, f"--callgrind-out-file={folder}/out"])
        # Each mark ends a part: what came before the first named step, the step, what lies before the next, …
        parts = sorted(Path(folder).glob("out.*"), key=lambda part: int(part.suffix[1:]))
        totals = [int(re.search(r"^totals: (\d+)", part.read_text(), re.MULTILINE)[1]) for part in parts]
    named = [step for step in job.steps if step.name]
    if len(totals) != 2 * len(named):
        raise SystemExit(f"{job.title}: {len(totals)} marks for {len(named)} steps; what else calls getppid?")
    return {step.name: total / step.times for step, total in zip(named, totals[1::2], strict=True)}


def count_all(jobs: Iterable[Job]) -> list[dict[str, float]]:
    """Return the instructions of each of the *jobs*; as many are counted at once as there are processors."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [*pool.map(count, jobs)]
