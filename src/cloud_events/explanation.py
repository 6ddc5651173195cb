"""Where an event goes and why, or what came closest: for people, and without calling any application."""

from .adapter import ours
from .adapter.matcher import EACH, HTTP
from .adapter.records import BATCHES
from .errors import CloudEventsError
from .handler import HTTP_KINDS, boxes, hand_on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from .adapter.matcher import Matcher
    from .messages import Request
    from .settings import Settings

CLOSEST = 3  # rows that are named where none matches

_KINDS = {str: "a string", dict: "an object", list: "a list", int: "a number", float: "a number", bool: "a boolean"}


class Explanation:
    """Explains events by the rows and the adapter that a handler of *settings* has."""

    def __init__(self, settings: "Settings") -> None:
        _, self._adapter, interface, _ = boxes(settings)
        self._method: str = interface.method
        self._settings = settings
        self._rows = (*settings.matchers, *ours().rows)

    def routes(self) -> "list[dict[str, Any]]":
        """Every row, in order: its name, its path, what the senders of such events read, and its conditions."""
        return [
            {
                "row": row.name,
                "path": self._path(row),
                "reads": _reads(HTTP if row.path == HTTP else row.reply, row.name),
                "where": [condition(at, expected) for at, expected in row.where.items()],
            }
            for row in self._rows
        ]

    def _path(self, row: "Matcher") -> str:
        path = row.path if isinstance(row.path, str) else f"{_name(row.path, 'lambda')}(event)"
        prefix = self._settings.places.prefix
        return path if path in (HTTP, EACH) or not prefix else f"{prefix}/{path.removeprefix('/')}"

    def explain(self, event: "Any") -> "dict[str, Any]":
        """What becomes of *event*.

        status:   "matched", "unmatched", "refused", or "http" for a request that another handler takes
        row:      the library's own row for the event, or None
        reads:    what its sender reads
        each:     "record" or "item" where each of them is a request of its own, else None
        requests: of each status, row, method and path, and why (the conditions that hold) or closest (rows with their
                  conditions); or status and fault
        fault:    why the event is refused, or None
        """
        found: dict[str, Any] = dict.fromkeys(("status", "row", "reads", "each", "requests", "fault"))
        try:
            adapted = self._adapter.adapt(event, None)
            found |= {"row": adapted.name, "reads": _reads(adapted.reply, adapted.name), "requests": []}
            if adapted.reply == HTTP:
                hand_on(self._settings.http_handler, adapted.name)
                one = {"from": HTTP_KINDS[str(adapted.name)], "why": self._why(adapted.name, event)}
                return found | {"status": "http", "requests": [{"status": "http", "row": adapted.name, **one}]}
            if adapted.request is not None:
                one = self._request(adapted.request)
                return found | {"status": one["status"], "requests": [one]}
        except Exception as error:
            return found | {"status": "refused", "fault": _fault(error)}
        requests = [self._part(part.request) for part in adapted.parts or ()]
        statuses = [request["status"] for request in requests]
        worst = next((status for status in ("refused", "unmatched") if status in statuses), "matched")
        each = "item" if adapted.batch is None else "record"
        return found | {"status": worst, "each": each, "requests": requests}

    def _part(self, make: "Callable[[dict[str, Any]], Request]") -> "dict[str, Any]":
        try:
            return self._request(make({}))
        except Exception as error:
            return {"status": "refused", "fault": _fault(error)}

    def _request(self, request: "Request") -> "dict[str, Any]":
        name = request.delivery.matcher
        path = f"{request.path}?{request.query}" if request.query else request.path
        found = {"row": name, "method": self._method, "path": path}
        if name is None:
            return {"status": "unmatched", **found, "closest": self._closest(request.event)}
        return {"status": "matched", **found, "why": self._why(name, request.event)}

    def _why(self, name: "str | None", event: "Any") -> "list[str]":
        row = next(row for row in self._rows if row.name == name and row.matches(event))
        return [condition(at, expected) for at, expected in row.where.items()]

    def _closest(self, event: "Any") -> "list[dict[str, Any]]":
        """The rows with the greatest share of conditions that hold."""
        best: dict[str, tuple[float, list[tuple[str, Any, bool]]]] = {}
        for row in self._rows:
            explained = row.explain(event)
            # The whole event is always there, so a condition on it says little.
            share = sum(holds for at, _, holds in explained if at != "$") / (len(explained) or 1)
            if share > best.get(row.name, (0.0, []))[0]:
                best[row.name] = share, explained
        ranked = sorted(best.items(), key=lambda entry: -entry[1][0])
        return [
            {
                "row": name,
                "holds": [condition(at, expected) for at, expected, holds in explained if holds],
                "fails": [condition(at, expected, holds) for at, expected, holds in explained if not holds],
            }
            for name, (_, explained) in ranked[:CLOSEST]
        ]


def _fault(error: Exception) -> str:
    ours = isinstance(error, CloudEventsError)
    return str(error) if ours else f"a function of one of your rows raised {type(error).__name__}: {error}"


def condition(at: str, expected: "Any", holds: bool = True) -> str:
    """A condition of a row, in words: "$.source is a string"."""
    no = "" if holds else "not "
    if expected is ...:
        return f"{at} is {no}there"
    if isinstance(expected, type):
        return f"{at} is {no}{_KINDS.get(expected, expected.__name__)}"
    if isinstance(expected, (set, frozenset)):
        return f"{at} is {no}one of {', '.join(sorted(map(repr, expected)))}"
    if callable(expected):
        return f"{at} {'passes' if holds else 'does not pass'} {_name(expected, 'its test')}"
    return f"{at} is {no}{expected!r}"


def _name(function: "Any", nameless: str) -> str:
    name: str = getattr(function, "__name__", type(function).__name__)
    return nameless if name == "<lambda>" else name.strip("_")


_READS: "Mapping[str | None, str]" = {
    "sync": "the answer",
    "async": "nothing",
    HTTP: "the HTTP response",
    None: "what it reads by our row",
}


def _reads(kind: "str | None", name: "str | None") -> str:
    if kind != "poll":
        return _READS[kind]
    batch = BATCHES.get(name)
    return "which records failed" if batch is not None and batch.reports else "whether the batch failed"
