"""What the library holds itself to: figures of the results, and the most that each may be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Results = dict[str, Any]
Figure = Callable[[Results], float]

WSGI, ASGI = "cloud-events WSGI", "cloud-events ASGI"
SMALL, LARGE = "S3, 1 kB", "SQS, 5.5 MB"
IMPORT = ("import",)
SOURCES = ("import without bytecode",)
FIRST_EVENT = ("import", "first event")


def found(*keys: str | int) -> Figure:
    """The figure that is found in the results under *keys*."""

    def figure(results: Any) -> float:
        for key in keys:
            results = results[key]
        return results

    return figure


def cold(peer: str, *steps: str, base: str = "bare") -> Figure:
    """The instructions that *steps* of a cold start add."""
    return lambda results: sum(results["cold"][base][peer][step] for step in steps)


def over(figure: Figure, *floors: Figure) -> Figure:
    """*figure* over the sum of the *floors*."""
    return lambda results: figure(results) / sum(floor(results) for floor in floors)


def added(peer: str, base: str) -> Figure:
    """What the import adds to the instructions of the runtime client, or of that and a framework."""
    return over(cold(peer, "import", base=base), cold(peer, "floor", base=base))


def call(peer: str, what: str, event: str = SMALL) -> Figure:
    """What one call takes."""
    return found("warm", peer, event, what)


LOOP = "floor: bare ASGI application on a loop"

AIMS: tuple[tuple[str, Figure, float], ...] = (
    ("cold: import for WSGI, over the runtime client", added(WSGI, "bare"), 0.10),
    (
        "cold: with the first event, over apig-wsgi's",
        over(cold(WSGI, *FIRST_EVENT), cold("apig-wsgi", *FIRST_EVENT)),
        1,
    ),
    ("cold: without .pyc, over aws-wsgi's", over(cold(WSGI, *SOURCES), cold("aws-wsgi", *SOURCES)), 2),
    ("cold: import for ASGI, over import asyncio", over(cold(ASGI, *IMPORT), cold("import asyncio", *IMPORT)), 1.07),
    ("cold: on top of Flask", added(WSGI, "Flask"), 0.03),
    ("cold: on top of Django", added(WSGI, "Django"), 0.03),
    ("cold: on top of FastAPI", added(ASGI, "FastAPI"), 0.02),
    ("cold: memory for WSGI, MB", over(found("cold", "bare", WSGI, "memory"), lambda results: 1e6), 0.5),
    ("warm: S3 event by WSGI, over json.dumps", call(WSGI, "ratio"), 2),
    ("warm: S3 event by ASGI, over json.dumps", call(ASGI, "ratio"), 2.8),
    ("warm: SQS event of 10 kB by WSGI, over json.dumps", call(WSGI, "ratio", "SQS, 10 kB"), 1.2),
    ("warm: SQS event of 256 kB by WSGI, over json.dumps", call(WSGI, "ratio", "SQS, 256 kB"), 1.03),
    (
        "warm: S3 event by ASGI, over the bare call on a loop and json.dumps",
        over(call(ASGI, "instructions"), call(LOOP, "instructions"), call(LOOP, "dumps")),
        2,
    ),
    (
        "warm: S3 event by ASGI, over mangum's with lifespan",
        over(call(ASGI, "instructions"), call("mangum, lifespan", "instructions")),
        1 / 3,
    ),
    (
        "large: 5.5 MB with orjson, over that without",
        over(call(f"{WSGI}, orjson", "instructions", LARGE), call(WSGI, "instructions", LARGE)),
        1 / 3,
    ),
    ("large: peak of memory by WSGI, payloads", found("endtoend", WSGI, "peak"), 1.5),
    ("large: peak of memory by ASGI, payloads", found("endtoend", ASGI, "peak"), 1.5),
    ("matching the dearest row, over json.dumps", found("matching", "dearest", 1), 2 / 7),
    ("matching what has no row, over json.dumps", found("matching", "dearest without a row"), 2 / 7),
    ("matching, over the original's if-chain", found("matching", "over original"), 2),
    ("ce-* headers of an S3 event, over json.dumps", found("matching", "headers"), 1),
    ("building the registry, over jsonpath-ng's parsing", found("matching", "build over parse"), 1 / 25),
    ("end to end: init for WSGI, over a handler of {}", found("endtoend", WSGI, "init", "ratio"), 1.25),
    ("end to end: S3 event by WSGI, over a handler of {}", found("endtoend", WSGI, "S3", "ratio"), 1.2),
)


def measured(results: Results) -> Iterator[tuple[str, float, float]]:
    """Yield the name, the figure and its limit of every aim that the *results* have a figure for."""
    for name, figure, most in AIMS:
        try:
            value = figure(results)
        except (KeyError, TypeError):
            continue  # not in this run, or not without valgrind
        if value is not None:
            yield name, value, most
