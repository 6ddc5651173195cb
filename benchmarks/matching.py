"""Understanding an event: from it to its row, for every row that we ship, and to ce-* headers; from rows to a registry.

The events are the samples of the tests, so this needs the source tree. Costs are instructions over those of json.dumps
of an S3 event, or CPU times where there is no valgrind.
"""

from __future__ import annotations

from statistics import median
from typing import Any

from measure import Job, Step, counted, timed
from peers import HERE

SAMPLES = HERE.parent / "tests" / "events"
NO_ROW = {
    "no row": "{'order': 1729, 'customer': 'c-40185', 'items': []}",
    "no row, a list": "[1, 2]",
    "no row, null": "None",
}

# The events that the README of the original knows, and we.
README = (
    "cloudevent",
    "eventbridge",
    "s3",
    "codecommit",
    "dynamodb",
    "kinesis",
    "sns",
    "sqs",
    "ses",
    "lex.v1",
    "kinesis.firehose",
    "cognito.sync",
    "config",
    "cloudfront",
    "cloudformation",
    "iot.events",
    "alexa.smarthome.v2",
)
SETUP = {
    "cloud-events": "from cloud_events.adapter import ours\nmatch = ours().match",
    "original": "from original_cloud_events import path as match",
}
BUILD = "from cloud_events.adapter.catalog import ROWS\nregistry = Registry(ROWS)"
# The catalog is imported again, for its rows are built when it is.
BEFORE_BUILD = """
import sys
from cloud_events.adapter.registry import Registry
import cloud_events.adapter.catalog
del sys.modules["cloud_events.adapter.catalog"], cloud_events.adapter.catalog
"""
# jsonpath-ng reads its grammar at the first path.
BEFORE_PARSE = """
from jsonpath_ng import parse
paths = [path for row in ROWS for path in row.where]
parse("$.first")
"""


def job(environment: str, samples: dict[str, str], times: int) -> Job:
    """Return the steps that match every one of the *samples*, and serialise an S3 event, in *environment*."""
    steps = [
        Step("", f"import awslambdaric.bootstrap, json, events\n{SETUP[environment]}\ns3 = events.s3()"),
        Step("", "json.dumps(s3)", times),
        Step("dumps", "json.dumps(s3)", times),
    ]
    for name, source in samples.items():
        steps += [Step("", f"event = {source}"), Step("", "match(event)", times), Step(name, "match(event)", times)]
    # The original takes its application from the environment, and has to be given one.
    return Job(f"matching, {environment}", environment, steps, {"WSGI_APPLICATION": "bare.wsgi"})


def building() -> Job:
    """Return the steps that build our registry, and that give the same paths to jsonpath-ng."""
    steps = [
        Step("", f"import awslambdaric.bootstrap\n{BEFORE_BUILD}"),
        Step("build", BUILD),
        Step("", BEFORE_PARSE),
        Step("parse", "for path in paths: parse(path)"),
    ]
    return Job("building", "cloud-events", steps)


def headers() -> Job:
    """Return the steps that describe an S3 event by the attributes of a CloudEvent, as ce-* headers."""
    setup = "import awslambdaric.bootstrap, json, events\nfrom cloud_events.adapter.describe import describe"
    steps = [Step("", f"{setup}\nevent, context = events.s3(), events.Context()")]
    for name, source in (("headers", "describe('s3', event, context)"), ("dumps", "json.dumps(event)")):
        steps += [Step("", source, 100), Step(name, source, 100)]
    return Job("headers", "cloud-events", steps)


def costs(measured: Job) -> dict[str, float]:
    """Return the instructions of each step or, without valgrind, its CPU time."""
    instructions = counted(measured)
    if instructions["start"] is not None:
        return instructions  # type: ignore[return-value]
    return {name: cost["seconds"] for name, cost in timed([measured], 1)[measured.title][0].items()}


def measure(quick: bool) -> dict[str, Any]:
    """Return what matching costs for every sample and for what no row matches, and what building the rows costs."""
    samples = {file.stem: f"json.load(open({str(file)!r}))" for file in sorted(SAMPLES.glob("*.json"))}
    if not samples:
        return {}
    if quick:
        samples = {name: source for name, source in samples.items() if name in README}
    ours = costs(job("cloud-events", samples | NO_ROW, times=20))
    original = costs(job("original", {name: samples[name] for name in README if name in samples}, times=20))
    built = costs(building())
    described = costs(headers())
    dumps = ours["dumps"]
    rows = {name: ours[name] / dumps for name in samples}
    without = {name: ours[name] / dumps for name in NO_ROW}
    return {
        "rows": rows,
        "median": median(rows.values()),
        "dearest": max(rows.items(), key=lambda item: item[1]),
        "no row": without,
        "dearest without a row": max(without.values()),
        "original": {name: original[name] / original["dumps"] for name in README if name in original},
        "over original": median(ours[name] / original[name] for name in README if name in original),
        "headers": described["headers"] / described["dumps"],
        "build over parse": built["build"] / built["parse"],
    }
