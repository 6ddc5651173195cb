"""Explains where an event goes and why, or which rows came closest, without calling an application."""

from __future__ import annotations

import os
from typing import Any

from ..adapter import Adapted
from ..adapter.kinds import Kind, kind_of
from ..adapter.matcher import EACH, HTTP, Matcher
from ..adapter.router import OURS
from ..adapter.writing import Unit
from ..errors import CloudEventsError
from ..handler import Handler
from ..messages import Part
from ..settings import resolve

CLOSEST = 3  # rows that are shown if none matches
TYPES = {str: "a string", dict: "an object", list: "a list", int: "a number", float: "a number", bool: "a boolean"}
READS = {"sync": "the answer", "async": "nothing", HTTP: "the HTTP response", None: "what our row says"}


class Explanation:
    """Explains events, with the rows and the adapter of the handler that the environment configures."""

    def __init__(self) -> None:
        asgi = os.environ.get("ASGI_APPLICATION") or (
            os.environ.get("CLOUD_EVENTS_HTTP_HANDLER") == "mangum" and not os.environ.get("WSGI_APPLICATION")
        )
        # A dummy: no application is loaded.
        self._handler = Handler(resolve(lambda *_: None, "asgi" if asgi else "wsgi", {}))
        self._rows = (*self._handler.settings.matchers, *OURS.rows)

    def routes(self) -> list[dict[str, Any]]:
        """Return every row, in order: name, path (None: acknowledged), what the senders read, conditions."""
        return [
            {
                "row": row.name, "path": self._path(row), "where": _conditions(row),
                "reads": _reads(HTTP if row.path == HTTP else row.reply, kind_of(row.name)),
            } for row in self._rows
        ]  # fmt: skip

    def _path(self, row: Matcher) -> str | None:
        prefix, path = self._handler.settings.path_prefix, row.path
        if callable(path):
            path = _name(path, "lambda(event)", "event")
        return path if path in (None, HTTP, EACH) or not prefix else f"{prefix}/{path.removeprefix('/')}"

    def explain(self, event: Any) -> dict[str, Any]:
        """Return an explanation of *event*.

        status:   "matched", "unmatched", "acknowledged", "refused", or "http" for another handler's request
        row:      the name of the library's own row for the event, or None
        reads:    what the sender reads
        each:     "record" or "item" if each of these is a separate request, otherwise None
        requests: for each request its status, the position of the record or item, row, method and path, the rows of the
                  events that it was found in (via), and why (the conditions that hold) or closest (rows with their
                  conditions); or status, position and fault
        fault:    why the event is refused, or None
        """
        found = dict.fromkeys(("row", "reads", "each", "requests", "fault"))
        try:
            adapted = self._handler.adapter.adapt(event, None)
            found |= {"row": adapted.kind.name, "reads": _reads(adapted.reply, adapted.kind), "each": adapted.split}
            requests = [request for part in adapted.parts for request in self._part(adapted, part)]
        except Exception as error:
            return {"status": "refused", **found, "requests": [], "fault": _fault(error)}
        statuses = [request["status"] for request in requests]
        worst = next((status for status in ("refused", "unmatched", "matched") if status in statuses), statuses[0])
        return {"status": worst, **found, "requests": requests}

    def _part(self, adapted: Adapted, part: Part) -> list[dict[str, Any]]:
        if adapted.reply == HTTP:
            self._handler.http_handler(adapted)
            why = self._why(adapted.kind.name, part.value)
            http = {"status": "http", "row": adapted.kind.name, "from": adapted.kind.sender, "why": why}
            return [{"position": part.position, **http}]
        try:
            units = self._handler.adapter.units(adapted, part, {})
            return [{"position": part.position, **self._request(unit)} for unit in units]
        except Exception as error:
            if adapted.split is None:
                raise
            return [{"position": part.position, "status": "refused", "fault": _fault(error)}]

    def _request(self, unit: Unit) -> dict[str, Any]:
        name = unit.target.matcher
        if unit.target.acknowledged:
            return {"status": "acknowledged", "row": name, "why": self._why(name, unit.event)}
        request = self._handler.adapter.request(unit)
        path = f"{request.path}?{request.query}" if request.query else request.path
        found = {"row": name, "method": self._handler.interface.method, "path": path, "via": request.delivery.via}
        if name is None:
            return {"status": "unmatched", **found, "closest": self._closest(unit.event)}
        return {"status": "matched", **found, "why": self._why(name, unit.event)}

    def _why(self, name: str | None, event: Any) -> list[str]:
        return _conditions(next(row for row in self._rows if row.name == name and row.matches(event)))

    def _closest(self, event: Any) -> list[dict[str, Any]]:
        """Return the rows with the greatest share of conditions that hold."""
        best: dict[str, tuple[float, dict[str, Any]]] = {}
        for row in self._rows:
            explained = [*row.explain(event)]
            # The whole event is always present, so a condition on it does not count.
            share = sum(holds for at, _, holds in explained if at != "$") / (len(explained) or 1)
            if share > best.get(row.name, (0.0, {}))[0]:
                met = [condition(at, expected) for at, expected, holds in explained if holds]
                unmet = [condition(at, expected, False) for at, expected, holds in explained if not holds]
                best[row.name] = share, {"row": row.name, "holds": met, "fails": unmet}
        return [closest for _, closest in sorted(best.values(), key=lambda found: -found[0])[:CLOSEST]]


def _fault(error: Exception) -> str:
    ours = isinstance(error, CloudEventsError)
    return str(error) if ours else f"a function of one of your rows raised {type(error).__name__}: {error}"


def _conditions(row: Matcher) -> list[str]:
    return [condition(at, expected) for at, expected in row.where.items()]


def condition(at: str, expected: Any, holds: bool = True) -> str:
    """Return a condition of a row in words: "$.source is a string"."""
    verb = "is" if holds else "is not"
    if expected is ...:
        return f"{at} {verb} present"
    if isinstance(expected, type):
        return f"{at} {verb} {TYPES.get(expected, expected.__name__)}"
    if isinstance(expected, (set, frozenset)):
        return f"{at} {verb} one of {', '.join(sorted(map(repr, expected)))}"
    if callable(expected):
        return f"{at} {'passes' if holds else 'does not pass'} {_name(expected, 'a test')}"
    return f"{at} {verb} {expected!r}"


def _name(function: Any, nameless: str, arguments: str = "") -> str:
    name: str = getattr(function, "__name__", type(function).__name__)
    return nameless if name == "<lambda>" else f"{name.strip('_')}({arguments})"


def _reads(reply: str | None, kind: Kind) -> str:
    if reply != "poll":
        return READS[reply]
    return "which records failed" if kind.records and kind.records.reports else "whether the batch failed"
