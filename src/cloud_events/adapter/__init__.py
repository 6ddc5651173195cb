"""ADAPTER. An event → the request, or the requests, that carry it: match, split, express as a CloudEvent."""

from functools import cache

from ..errors import ConfigurationError, InvalidEvent
from ..values import NamedTuple
from .matcher import EACH, HTTP
from .path import Places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from ..messages import Request
    from .matcher import Matcher
    from .path import Place
    from .records import Batch
    from .registry import Registry


class Part(NamedTuple):
    """One of the several requests that carry an event.

    lane:       what must be done in order has the same; None: independent
    identifier: what names the record in ``batchItemFailures``; None: nothing does
    request:    makes the Request, given what to change in its event (a dict); so what is never tried is never written
    """

    lane: "Any"
    identifier: "Any"
    request: "Callable[[dict[str, Any]], Request]"

    def __repr__(self) -> str:
        return "<Part>"


class Adapted:
    """An event, understood.

    name:    the library's own row for it, or None
    reply:   what its sender expects, "sync", "async" or "poll"; "http" for a request that is not ours to deliver
    batch:   where it keeps its records, or None
    request: the one request that carries it, or None
    parts:   the several that do, or None
    """

    __slots__ = ("batch", "event", "name", "parts", "reply", "request")

    def __init__(
        self,
        name: "str | None",
        reply: str,
        batch: "Batch | None",
        event: "Any",
        request: "Request | None",
        parts: "list[Part] | None",
    ) -> None:
        self.name = name
        self.reply = reply
        self.batch = batch
        self.event = event
        self.request = request
        self.parts = parts

    def __repr__(self) -> str:
        return f"<Adapted {self.name}, {self.reply}>"


class Adapter:
    """Knows the settings that decide where an event goes and how it is written.

    matchers:     the user's rows, tried before ours
    places:       where events may go
    content_mode: "event", "binary" or "structured"
    by_record:    whether records are delivered singly
    """

    def __init__(
        self,
        matchers: "Iterable[Matcher]" = (),
        places: Places = Places(),  # noqa: B008  # immutable
        content_mode: str = "event",
        by_record: bool = False,
    ) -> None:
        rows = (*matchers,)
        self._users = _registry(rows) if rows else None
        for row in rows:
            if row.path in (HTTP, EACH):
                raise ConfigurationError(f"{row!r}: the path must begin with '/' (static) or '$' (a JSONPath)")
        self._places = places
        self._static: dict[Matcher | None, Place] = {}  # of rows with a static path
        self._mode = content_mode
        self._by_record = by_record

    def adapt(self, event: "Any", context: "Any") -> Adapted:
        """Return what carries *event*; an event that no row matches goes to the default path.

        Raises InvalidEvent, naming every fault, for a malformed CloudEvent and for a path that no event may have.
        """
        row = (_ours or ours()).match(event)
        name, reply = None, "sync"
        if row is not None:
            if row.path == HTTP:
                return Adapted(row.name, HTTP, None, event, None, None)
            name, reply = row.name, row.reply or reply
        to = row
        if self._users:
            to = self._users.match(event) or row
            reply = (to and to.reply) or reply
        if to is not None and to.path == EACH:
            return Adapted(name, reply, None, event, *self._items(to, event, context))
        batch = None
        # A pipe reads the answer itself, and in it which records failed.
        if reply == "poll" or self._by_record or name == "pipes":
            batch = _writers()[1].BATCHES.get(name)
            parts = self._records(row, name, batch, event, context) if self._by_record and batch else None
            if parts:
                return Adapted(name, reply, batch, event, None, parts)
        return Adapted(name, reply, batch, event, self._whole(to, name, event, context), None)

    def _to(self, row: "Matcher | None", event: "Any") -> "Matcher | None":
        return (self._users.match(event) if self._users else None) or row

    def _whole(self, to: "Matcher | None", name: "str | None", event: "Any", context: "Any") -> "Request":
        checked = name == "cloudevent"
        place = self._checked(to, event) if checked else self._static.get(to) or self._place(to, event)
        request: Request = _writers()[0].whole(self._mode, name, event, context, place, not self._by_record)
        return request

    def _place(self, to: "Matcher | None", event: "Any") -> "Place":
        place = self._places.find(to, event)
        if to is not None and to.find_path is None and not callable(to.path):
            self._static[to] = place
        return place

    def _checked(self, to: "Matcher | None", event: "Any") -> "Place":
        """The place of a native CloudEvent that has no fault; else InvalidEvent names them all."""
        from .cloudevent import faults

        found = faults(event, strict=self._mode != "event")
        try:
            place = self._place(to, event)
        except InvalidEvent as error:
            if not any(fault.startswith("'source'") for fault in found):
                found.append(str(error))
        if found:
            raise InvalidEvent("malformed CloudEvent: " + "; ".join(found))
        return place

    def _items(self, row: "Matcher", event: "Any", context: "Any") -> "tuple[Request | None, list[Part] | None]":
        """A list whose items go one by one. CloudEvents are all checked before the first is sent."""
        if row.name != "cloudevents.batch":
            return None, [Part(None, None, self._item(item, context)) for item in event]
        express, _ = _writers()
        places, found = [], []
        for number, item in enumerate(event):
            try:
                if not (isinstance(item, dict) and item.get("specversion") is not None):
                    raise InvalidEvent("malformed CloudEvent: it is no object with a 'specversion'")
                places.append(self._checked(self._to(ours().match(item), item), item))
            except InvalidEvent as error:
                found.append(f"item {number}: {error}")
        if found:
            raise InvalidEvent("; ".join(found))
        if self._mode == "structured" and not self._by_record and len(set(places)) == 1:
            return express.natives(event, context, places[0]), None

        def part(item: "Any", place: "Place") -> Part:
            return Part(
                None, None, lambda changes: express.whole(self._mode, "cloudevent", item, context, place, False)
            )

        return None, [part(item, place) for item, place in zip(event, places, strict=True)]

    def _item(self, item: "Any", context: "Any") -> "Callable[[Any], Request]":
        def request(changes: "Any") -> "Request":
            row = ours().match(item)
            to = self._to(row, item)
            if to is not None and to.path in (HTTP, EACH):
                raise InvalidEvent("a list of events must hold neither HTTP requests nor further lists")
            return self._whole(to, row.name if row else None, item, context)

        return request

    def _records(
        self, row: "Matcher | None", name: "str | None", batch: "Batch", event: "Any", context: "Any"
    ) -> "list[Part]":
        express, records = _writers()
        seen: set[tuple[str, str]] = set()

        def part(record: "Any") -> Part:
            def request(changes: "dict[str, Any]") -> "Request":
                single = records.alone(batch, event, record)
                if changes:
                    single.update(changes)
                # The user's rows may look into the record.
                place = self._place(self._to(row, single), single)
                made: Request = express.one(self._mode, name, batch, record, single, context, place, seen)
                return made

            return Part(record.lane, record.identifier, request)

        return [part(record) for record in records.records(batch, event)]


@cache
def _writers() -> "tuple[Any, Any]":
    # With all that they need, they are loaded by the first event, for which the import of the handler need not wait.
    from . import express, records

    return express, records


_ours: "Registry | None" = None


def ours() -> "Registry":
    """The rows that we ship; built once, by the first that asks."""
    global _ours
    if _ours is None:
        from .catalog import ROWS

        _ours = _registry(ROWS)
    return _ours


def _registry(rows: "tuple[Matcher, ...]") -> "Registry":
    from .registry import Registry

    return Registry(rows)
