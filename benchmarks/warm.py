"""Warm cost: what delivering one event takes once everything is loaded, as a multiple of json.dumps(event).

An event has to be serialised to become a request: the floor that no adapter of events can avoid. (The adapters of web
requests are given the body as text and serialise nothing.)
"""

from __future__ import annotations

import json
from typing import Any

from inside import events as samples
from measure import Job, Step, counted, least, ratio, timed
from peers import ADAPTERS, TOOLKITS, WITH_ORJSON, Peer, chosen

# Name, source, how often it is called to be counted, and - where time passes more quickly - to be timed.
EVENTS = (
    ("S3, 1 kB", "events.s3()", 100, 1000),
    ("SQS, 10 kB", "events.sqs(10, 1_000)", 30, 300),
    ("SQS, 256 kB", "events.sqs(10, 25_600)", 5, 20),
    ("SQS, 5.5 MB", "events.sqs(22, 250_000)", 2, 2),
)
QUICK = EVENTS[:2]
# Lambda's runtime client sets it for each invocation, and an adapter may hand it on.
TRACE = {"_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"}
SDK = TOOLKITS[:1]

# The floors, as peers of their own: the application called with nothing around it, and the event loop.
BARE_WSGI = """
import io, sys
from wsgiref.util import setup_testing_defaults
environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/aws.s3"}
setup_testing_defaults(environ)
def handler(event, context):
    environ["wsgi.input"] = io.BytesIO(b"{}")
    return b"".join(application(environ, start_response))
def start_response(status, headers, exc_info=None):
    pass
"""
BARE_ASGI = """
import asyncio
loop = asyncio.new_event_loop()
scope = {"type": "http", "method": "POST", "path": "/aws.s3", "headers": []}
async def receive():
    return {"type": "http.request", "body": b"{}", "more_body": False}
async def send(message):
    pass
def handler(event, context):
    loop.run_until_complete(application(scope, receive, send))
"""
LOOP = """
import asyncio
loop = asyncio.new_event_loop()
async def nothing():
    pass
def handler(event, context):
    loop.run_until_complete(nothing())
"""
FLOORS = (
    Peer("floor: bare WSGI application", "floor", "wsgi", BARE_WSGI),
    Peer("floor: bare ASGI application on a loop", "floor", "asgi", BARE_ASGI),
    Peer("floor: run_until_complete alone", "floor", "asgi", LOOP),
)


def job(peer: Peer, events: tuple[tuple[str, str, int, int], ...], timing: bool) -> Job:
    """Return the steps that start *peer* and call it and json.dumps with each of the *events* in turn."""
    name = peer.interface or "wsgi"
    steps = [
        Step("", f"import awslambdaric.bootstrap, json, events\nfrom bare import {name} as application"),
        Step("", peer.setup),
        Step("", "context = events.Context()"),
    ]
    for title, source, calls, timed_calls in events:
        times = timed_calls if timing else calls
        given = "event" if peer.takes == "event" else "events.http(event)"
        call = "handler(given, context)"
        steps += [
            Step("", f"event = {source}; given = {given}"),
            Step(f"first {title}", call),
            Step("", call, times),
            Step(f"dumps {title}", "json.dumps(event)", times),
            Step(title, call, times),
        ]
    settings = {f"{peer.interface.upper()}_APPLICATION": f"bare.{name}"} if peer.interface else {}
    return Job(peer.name, peer.environment, steps, settings | TRACE)


def measure(rounds: int, quick: bool) -> dict[str, Any]:
    """Return for each peer and event the cost of a call: instructions, CPU time, peak memory, and their ratios."""
    events = QUICK if quick else EVENTS
    peers = chosen((*ADAPTERS, *SDK, *WITH_ORJSON, *FLOORS), quick)
    times = timed((job(peer, events, timing=True) for peer in peers), rounds)
    sizes = {title: size(source) for title, source, *_ in events}
    found: dict[str, Any] = {}
    for peer in peers:
        instructions = counted(job(peer, events, timing=False))
        found[peer.name] = {
            title: figures(title, instructions, times[peer.name], payload) for title, payload in sizes.items()
        }
    return found


def figures(title: str, instructions: dict[str, Any], rounds: list[dict[str, Any]], payload: int) -> dict[str, Any]:
    """Return what one event costs one peer."""
    called, dumped = instructions[title], instructions[f"dumps {title}"]
    return {
        "instructions": called,
        "dumps": dumped,
        "ratio": None if called is None else called / dumped,
        "cpu": ratio(rounds, title, f"dumps {title}"),
        "seconds": least(rounds, title, "seconds"),
        "peak": (least(rounds, f"first {title}", "peak") or 0) / payload,
        "payload": payload,
    }


def size(source: str) -> int:
    """Return how many bytes the event of *source* is as JSON."""
    return len(json.dumps(eval(source, {"events": samples})))
