"""How it is measured: steps of Python in a process of their own, by instructions and by CPU time.

Instructions, counted by valgrind's callgrind, repeat to a tenth of a percent on any machine of one architecture. CPU
time does not; so it is only ever divided by another time of the same process, and the median of several such processes
is taken, the measured ones in turn.
"""

from __future__ import annotations

import json
import marshal
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import venvs
from peers import HERE

INSIDE = HERE / "inside"
VALGRIND = shutil.which("valgrind")
# Of a "rep movsb", one instruction, callgrind counts every byte that it copies. Without it glibc copies as it does on
# processors that lack it, in instructions of 32 bytes, and what is copied counts for about as much as it takes.
COPYING = "GLIBC_TUNABLES=glibc.cpu.hwcaps=-ERMS,-FSRM"
NO_VALGRIND = "valgrind is not installed: no instructions are counted, only times are taken (apt-get install valgrind)"

# No measured process takes longer, not even one that is counted.
SECONDS = 180

# What Lambda sets and the adapters look at; beside it a process sees nothing of the environment of whoever measures.
LAMBDA = {
    "AWS_LAMBDA_FUNCTION_NAME": "benchmark",
    "AWS_REGION": "us-east-2",
    "LANG": "C.UTF-8",
    "PATH": os.defpath,
    "PYTHONHASHSEED": "0",
}


class Step(NamedTuple):
    """Some source, what it is called in the results ("": it is not measured), and how often it is run."""

    name: str
    source: str
    times: int = 1

    def compiled(self) -> tuple[str, str, int]:
        """Return it as inside/steps.py takes it; the measured Python is the one that runs this."""
        source = self.source if self.times == 1 else f"for _ in range({self.times}): {self.source}"
        return self.name, marshal.dumps(compile(source, self.name or "preparation", "exec")).hex(), self.times


@dataclass(frozen=True)
class Job:
    """The steps that measure one peer."""

    title: str
    environment: str
    steps: list[Step]
    settings: dict[str, str] = field(default_factory=dict)


Costs = dict[str, dict[str, Any]]


def command(job: Job) -> tuple[list[str], dict[str, str], str]:
    """Return the command, the environment variables, and the standard input of a process that runs *job*."""
    start = f"import sys; sys.path.append({str(INSIDE)!r}); import steps; steps.run()"
    return (
        [str(venvs.python(job.environment)), "-c", start],
        {**LAMBDA, **job.settings},
        json.dumps([step.compiled() for step in job.steps]),
    )


def run(prefix: list[str], job: Job) -> list[dict[str, Any]]:
    """Run *job* once and return what its process says of each step."""
    arguments, environment, steps = command(job)
    try:
        process = subprocess.run(
            [*prefix, *arguments],
            env=environment,
            input=steps,
            capture_output=True,
            text=True,
            cwd=INSIDE,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired as late:
        raise SystemExit(f"{job.title}: the measured process hangs; it was ended after {late.timeout} s") from None
    if process.returncode:
        raise SystemExit(f"{job.title}: the measured process failed\n{process.stderr}")
    # An application or a peer may print too; the costs are the last line.
    return json.loads(process.stdout.splitlines()[-1])


def timed(jobs: Iterable[Job], rounds: int) -> dict[str, list[Costs]]:
    """Run the *jobs* in turn, *rounds* times; return for each job and round what each step took."""
    jobs = list(jobs)
    found: dict[str, list[Costs]] = {job.title: [] for job in jobs}
    for _ in range(rounds):
        for job in jobs:
            found[job.title].append({cost["name"]: cost for cost in run([], job)})
    return found


def counted(job: Job) -> dict[str, float | None]:
    """Return the instructions of each step of *job*, and of the "start" before the first; None without valgrind."""
    if VALGRIND is None:
        return dict.fromkeys(["start", *(step.name for step in job.steps)])
    with tempfile.TemporaryDirectory() as folder:
        options = ["--tool=callgrind", "--dump-before=getppid", f"--callgrind-out-file={folder}/out"]
        run(["env", COPYING, VALGRIND, *options], job)
        # Every mark ends a part: what came before the first named step, the step, what lies between it and the next, …
        parts = sorted(Path(folder).glob("out.*"), key=lambda part: int(part.suffix[1:]))
        totals = [int(re.search(r"^totals: (\d+)", part.read_text(), re.MULTILINE)[1]) for part in parts]
    named = [step for step in job.steps if step.name]
    if len(totals) != 2 * len(named):
        raise SystemExit(f"{job.title}: {len(totals)} marks for {len(named)} steps; who else calls getppid?")
    costs = zip(named, totals[1::2], strict=True)
    return {"start": totals[0], **{step.name: total / step.times for step, total in costs}}


def ratio(rounds: list[Costs], step: str, floor: str) -> float:
    """Return the CPU time of *step* over that of *floor*, each pair from one process."""
    return median(costs[step]["seconds"] / costs[floor]["seconds"] for costs in rounds)


def least(rounds: list[Costs], step: str, what: str) -> float | None:
    """Return the least that *step* took in any of the *rounds*."""
    return min((costs[step][what] for costs in rounds if costs[step][what] is not None), default=None)
