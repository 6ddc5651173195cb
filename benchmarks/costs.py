"""What is counted in instructions: cold starts, warm events, the rows of a user, and some advice."""

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from measure import INSIDE, Job, Step, count_all
from peers import NONE, OUR_ASGI, OUR_WSGI, PEERS, Peer

RUNTIME = "import awslambdaric.bootstrap, json, sys, events\ncontext = events.Context()"
# orjson is in a folder of its own, so that only what measures it has it.
ORJSON = f"sys.path.append({os.environ.get('ORJSON')!r})"
MAKE = f"{RUNTIME}\nfrom cloud_events import Matcher, make_handler\n"

# What a cold start is counted on top of: what has been imported already, the application, and its interface.
BASES = {
    "Flask": ("", "flask_app.application", "wsgi"),
    "FastAPI": ("", "fastapi_app.application", "asgi"),
    "Django": ("", "django_app.application", "wsgi"),
    "Falcon": ("", "falcon_app.application", "wsgi"),
    "Flask, a view that does nothing": ("import flask", "bare.wsgi", "wsgi"),
    "FastAPI, a view that does nothing": ("import fastapi", "bare.asgi", "asgi"),
}
S3, SQS = {"S3": "events.s3()"}, {"10 kB SQS": "events.sqs(10, 1_000)"}
LARGE = {"5.5 MB SQS": "events.sqs(22, 250_000)"}
NO_ROW = {"no row": "{'order': 1729, 'customer': 'c-40185', 'items': []}"}
COMPARED = ("Flask", "FastAPI")  # here all peers are measured, also without .pyc files
SOURCES = ("cloud_events", "awsgi", "apig_wsgi", "mangum")


def cold(peer: Peer, base: str, sources: str = "") -> Job:
    """Return the steps of a cold start; *sources*: a folder of packages without bytecode, or ""."""
    imported, application, _ = BASES[base]
    module, _, name = application.rpartition(".")
    steps = [
        Step("", f"{RUNTIME}\n{imported}\nfrom {module} import {name} as application"),
        Step("", f"event = events.s3(); given = {peer.given}"),
        Step("", f"sys.path.insert(0, {sources!r}); sys.dont_write_bytecode = True" if sources else ""),
        Step("import", peer.setup),
        Step("first event", "handler(given, context)"),
    ]
    return Job(f"{peer.name} on {base}", steps, peer.settings(application))


def cold_starts() -> dict[str, Any]:
    """Return for each base and peer the million instructions of import and first event, with .pyc files and without."""
    pairs = [
        (base, peer)
        for base, (*_, interface) in BASES.items()
        for peer in (NONE[interface], *PEERS[interface])
        if base in COMPARED or peer in (NONE[interface], OUR_WSGI, OUR_ASGI)
    ]
    with tempfile.TemporaryDirectory() as sources:
        for name in SOURCES:
            package = Path(importlib.util.find_spec(name).origin).parent
            shutil.copytree(package, Path(sources, name), ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(INSIDE / "original_cloud_events.py", sources)
        plain = [(base, peer) for base, peer in pairs if base in COMPARED and peer not in NONE.values()]
        jobs = [cold(peer, base) for base, peer in pairs] + [cold(peer, base, sources) for base, peer in plain]
        counted = [{step: cost / 1e6 for step, cost in costs.items()} for costs in count_all(jobs)]
    found: dict[str, Any] = {base: {} for base in BASES}
    for (base, peer), costs in zip(pairs, counted, strict=False):
        found[base][peer.name] = {**costs, "together": sum(costs.values())}
    for (base, peer), costs in zip(plain, counted[len(pairs) :], strict=True):
        found[base][peer.name]["without .pyc"] = sum(costs.values())
    return found


def warm(peer: Peer, events: dict[str, str], orjson: bool = False) -> Job:
    """Return the steps that call *peer*, and json.dumps, with each of the *events*, which are given by their source."""
    start = f"{RUNTIME}\n{ORJSON if orjson else ''}\nfrom bare import {peer.interface} as application"
    steps = [Step("", f"{start}\n{peer.setup}")]
    for title, source in events.items():
        times = 2 if "MB" in title else 30
        steps.append(Step("", f"event = {source}; given = {peer.given}"))
        for name, call in (("dumps ", "json.dumps(event)"), ("", "handler(given, context)")):
            steps += [Step("", call, 2), Step(f"{name}{title}", call, times)]
    return Job(f"{peer.name}{', orjson' if orjson else ''}", steps, peer.settings(f"bare.{peer.interface}"))


def warm_events() -> dict[str, dict[str, float]]:
    """Return what one call of each peer takes, over json.dumps of the event."""
    ours = [warm(OUR_WSGI, S3 | SQS | LARGE | NO_ROW), warm(OUR_ASGI, S3 | SQS | NO_ROW)]
    ours.append(warm(OUR_WSGI, S3 | SQS | LARGE, orjson=True))
    others = [peer for peers in PEERS.values() for peer in peers if peer not in (OUR_WSGI, OUR_ASGI)]
    jobs = ours + [warm(peer, S3 | SQS) for peer in (*others, *NONE.values())]
    found = {}
    for job, costs in zip(jobs, count_all(jobs), strict=True):
        costs["dumps no row"] = costs["dumps S3"]  # its own JSON is next to nothing
        titles = (title for title in S3 | SQS | LARGE | NO_ROW if title in costs)
        found[job.title] = {title: costs[title] / costs[f"dumps {title}"] for title in titles}
    return found


def users_rows() -> dict[str, dict[str, float]]:
    """Return for each kind of row what one adds to a start, and to an S3 event that it does not match, instructions."""
    where = {
        "constant": (1000, "'$.Records[0].s3.bucket.name': f'bucket-{number}'"),
        "predicate": (1000, "'$.Records[0].s3.bucket.name': lambda name: name == ''"),
        "rich JSONPath": (50, "'$.Records[*].s3.bucket.name': f'bucket-{number}'"),
    }
    steps = [Step("", f"{MAKE}from bare import wsgi as application\nevent = events.s3()")]
    made = "handler = make_handler(application, matchers=[Matcher('mine', {{{}}}, '/') for number in range({})])"
    for name, (rows, condition) in {"none": (0, ""), **where}.items():
        steps += [
            Step("", made.format(condition, 1)),  # jsonpath-ng is imported, and its grammar read
            Step(f"{name}, start", made.format(condition, rows)),
            Step("", "handler(event, context)", 10),
            Step(f"{name}, event", "handler(event, context)", 20),
        ]
    (costs,) = count_all([Job("users' rows", steps)])
    return {
        name: {phase: (costs[f"{name}, {phase}"] - costs[f"none, {phase}"]) / rows for phase in ("start", "event")}
        for name, (rows, _) in where.items()
    }


def advice() -> dict[str, float]:
    """Return what parsing its body adds to a 10 kB SQS event, and what importing orjson adds to a start."""
    steps = [Step("", f"{MAKE}import bare\nevent = {SQS['10 kB SQS']}")]
    for name in ("wsgi", "parsing"):
        steps += [Step("", f"handler = make_handler(bare.{name}); handler(event, context)")]
        steps += [Step(name, "handler(event, context)", 10)]
    steps += [Step("dumps", "json.dumps(event)", 10), Step("", ORJSON), Step("orjson", "import orjson")]
    (costs,) = count_all([Job("advice", steps)])
    saved = (costs["parsing"] - costs["wsgi"]) / costs["dumps"]
    return {"parsing the body of 10 kB, over json.dumps": saved, "importing orjson, Mir": costs["orjson"] / 1e6}
