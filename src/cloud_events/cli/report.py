"""Formats explanations and invocations for the command line."""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import textwrap
import traceback
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any

from ..errors import CloudEventsError
from ..testing.invocation import Exchange, Invocation

SHOWN = 500  # characters that are shown of the body in a reply
ACKNOWLEDGED = "acknowledged without a request"


def match_lines(file: str, found: dict[str, Any]) -> list[str]:
    """Return the explanation *found* of the event in *file*, as lines of text."""
    if found["fault"]:
        return [f"{file}: refused: {found['fault']}"]
    parts = groupby(found["requests"], lambda request: request["position"])
    blocks = [[line for request in requests for line in _request_lines(request)] for _, requests in parts]
    reads = [] if found["status"] in ("http", "acknowledged") else [f"    the sender reads {found['reads']}"]
    if found["each"] is None:
        return [f"{file}: {blocks[0][0]}", *blocks[0][1:], *reads]
    lines = [f"{file}: row {found['row']}, a request for each {found['each']}", *reads]
    position = 0
    for (heading, *rest), alike in groupby(blocks):
        last = position + len([*alike]) - 1
        which = f"{found['each']} {position}" if position == last else f"{found['each']}s {position} to {last}"
        lines += [f"  {which}: {heading}", *(f"  {line}" for line in rest)]
        position = last + 1
    return lines


def _request_lines(request: dict[str, Any]) -> list[str]:
    if request["status"] == "refused":
        return [f"refused: {request['fault']}"]
    if request["status"] == "unmatched":
        lines = [f"{request['method']} {request['path']}: no row matches"]
        lines[0] += ", these came closest" if request["closest"] else ""
        for row in request["closest"]:
            lines.append(f"    {row['row']}")
            lines += [f"      + {line}" for line in row["holds"]] + [f"      - {line}" for line in row["fails"]]
        return [*lines, "    a row of your own, in CLOUD_EVENTS_MATCHERS, may send it elsewhere"]
    if request["status"] == "http":
        heading = f"an HTTP request, from {request['from']}; CLOUD_EVENTS_HTTP_HANDLER takes it"
    elif request["status"] == "acknowledged":
        heading = f"{ACKNOWLEDGED}, by row {request['row']}"
    else:
        heading = f"{request['method']} {request['path']}, by row {request['row']}"
        heading += f", inside {' > '.join(request['via'])}" if request["via"] else ""
    return [heading, *(f"    {line}" for line in request["why"])]


def as_json(file: str, runs: list[Invocation], load: float | None) -> dict[str, Any]:
    """Return the results of the event in *file*, sent once or more, for programs; *load*: milliseconds of loading."""
    first = runs[0]
    requests = [
        {
            "row": each.request.delivery.matcher, "record": each.request.delivery.record_id, "method": each.method,
            "path": each.request.path, "query": each.request.query, "headers": each.headers,
            "status": each.response and each.response.status, "error": _error(each.error), "dropped": each.dropped,
            "milliseconds": each.milliseconds,
        } for each in first.exchanges
    ]  # fmt: skip
    return {
        "file": file, "row": first.name, "requests": requests, "reply": first.reply, "raised": _error(first.raised),
        "next": first.next, "then": first.then,
        "milliseconds": {"load": load, "runs": [run.milliseconds for run in runs]},
        "failed": sum(run.failed for run in runs),
    }  # fmt: skip


def _error(error: BaseException | None) -> dict[str, str] | None:
    return None if error is None else {"type": type(error).__name__, "message": str(error)}


def as_text(file: str, runs: list[Invocation], load: float | None) -> str:
    """Return the same as text."""
    first, again = runs[0], runs if load is None else runs[1:]
    entries = [("matched", first.name or "no row")]
    for each in first.exchanges:
        entries += _exchange_entries(each, first)
    if first.raised is not None:
        entries.append(("raised", f"{type(first.raised).__name__}: {first.raised}".rstrip()))
    else:
        entries.append(("reply", json.dumps(_cut(first.reply), indent=2, default=repr)))
        entries += [("hint", first.hint)] if first.hint else []
    entries.append(("next", f"{first.next}: {first.then}"))
    times = [] if load is None else [f"cold {first.milliseconds:.1f} ms, after {load:.1f} ms to load the application"]
    if again:
        counted = f", the median of {len(again)}" if len(again) > 1 else ""
        times.append(f"warm {median(run.milliseconds for run in again):.1f} ms{counted}")
    entries.append(("time", "; ".join(times)))
    if len(runs) > 1:
        entries.append(("failed", f"{sum(run.failed for run in runs)} of {len(runs)}"))
    lines = (f"  {label:8}  {textwrap.indent(text, ' ' * 12).lstrip()}" for label, text in entries)
    return "\n".join([file, *lines])


def _cut(reply: Any) -> Any:
    body = reply.get("body") if isinstance(reply, dict) else None
    if not isinstance(body, str) or len(body) <= SHOWN:
        return reply
    return {**reply, "body": f"{body[:SHOWN]}... ({len(body):,} characters; --json shows them all)"}


def _exchange_entries(each: Exchange, first: Invocation) -> list[tuple[str, str]]:
    row = each.request.delivery.matcher
    by = "" if row == first.name else f", by row {row}"
    query = f"?{each.request.query}" if each.request.query else ""
    request = f"{each.method} {each.request.path}{query}{by}, {int(each.headers['content-length']):,} bytes"
    answer = f"nothing, but raised {type(each.error).__name__}" if each.response is None else str(each.response.status)
    answer += ", dropped (CLOUD_EVENTS_FAILURE_STATUSES)" if each.dropped else ""
    answered = f"{answer}, after {each.milliseconds:.1f} ms"
    if len(first.exchanges) > 1:
        return [("request", f"{request}: {answered}")]
    headers = (f"{name}: {value}" for name, value in each.headers.items() if name != "content-length")
    return [("request", "\n".join([request, *headers])), ("answered", answered)]


class Formatter(logging.Formatter):
    """Formats tracebacks without our own frames, and remembers the exceptions that it has shown."""

    def __init__(self, line: str) -> None:
        super().__init__(line)
        self.shown: list[BaseException | None] = []

    def formatException(self, ei: Any) -> str:  # noqa: N802  # logging's name
        self.shown.append(ei[1])
        return "".join(their_traceback(ei[1]).format()).rstrip()


_NOT_THEIRS = (f"{Path(__file__).parents[1]}{os.sep}", str(Path(importlib.__file__).parent), "<frozen importlib")


def their_traceback(error: BaseException) -> traceback.TracebackException:
    """Return the traceback of *error* and its causes, with only the application's own frames."""
    shown = traceback.TracebackException.from_exception(error)
    waiting = [shown]
    while waiting:
        each = waiting.pop()
        each.stack[:] = [frame for frame in each.stack if not frame.filename.startswith(_NOT_THEIRS)]
        waiting += filter(None, (each.__cause__, each.__context__, *(each.exceptions or ())))
    return shown


def show_traceback(error: BaseException | None, shown: Sequence[BaseException | None] = ()) -> None:
    """Print where in the application *error*, or the cause of one of ours, was raised, unless already *shown*."""
    theirs = error.__cause__ if isinstance(error, CloudEventsError) else error
    if theirs is not None and theirs not in shown:
        traceback = their_traceback(theirs)
        if traceback.stack:
            print(*traceback.format(), sep="", end="", file=sys.stderr)
