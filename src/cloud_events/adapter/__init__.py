"""ADAPTER. Recognises an event, what its sender expects and its parts, and prepares the requests for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from typing import Any

from ..errors import InvalidEvent
from ..messages import Part, Request, request_id
from . import writing
from .kinds import Describer, Kind, Records, alone, kind_of, parts_of
from .matcher import EACH, HTTP, Matcher
from .path import TOOL, Targets
from .router import OURS, Router, refuse_poll
from .unwrap import Unwrapper
from .writing import Envelope, Unit


class Adapted:
    """A recognised event. All that a reply needs is kept here, because the application may change the event.

    ours:        the library's row for the event, or None
    kind:        what we know of this kind of event
    reply:       what the sender expects, "sync", "async" or "poll"; "http" for an HTTP request, which is not delivered
    split:       "record" or "item" if each of these is a separate request, otherwise None
    parts:       the units of success and failure: the event, or each record or item
    identifiers: the identifier of each record in ``batchItemFailures``, in order; "" if it has none. Lambda
                 takes an empty identifier for a failure of the whole batch, so nothing is lost
    window:      the members of the event that belong to a tumbling window, a dict; {} if there are none
    describer:   describes the event, or its records, as CloudEvents
    """

    __slots__ = ("context", "describer", "event", "identifiers", "kind", "ours", "parts", "reply", "split", "window")

    def __init__(self, event: Any, context: Any, ours: Matcher | None, kind: Kind, reply: str) -> None:
        self.event = event
        self.context = context
        self.ours = ours
        self.kind = kind
        self.reply = reply
        self.split: str | None = None
        self.parts = [Part(event)]
        self.identifiers: list[Any] = []
        self.window: dict[str, Any] = {}
        self.describer = Describer(kind, event, request_id(context))

    def __repr__(self) -> str:
        return f"<Adapted {self.kind.name}, {self.reply}>"


class Adapter:
    """Adapts events according to the settings.

    matchers:     the user's rows, tried before ours
    targets:      where events may go
    content_mode: "event", "binary", "structured" or "payload"
    by_record:    whether each record is a separate request
    unwrap:       the names of the rows whose events may arrive inside a record

    Raises ConfigurationError for an invalid row, or one whose events may not arrive inside a record.
    """

    def __init__(
        self,
        matchers: Iterable[Matcher] = (),
        targets: Targets = Targets(),  # noqa: B008  # immutable
        content_mode: str = "event",
        by_record: bool = False,
        unwrap: Sequence[str] = (),
    ) -> None:
        self._router = Router(matchers, targets, strict=content_mode != "event")
        self._unwrapper = Unwrapper(self._router, unwrap) if unwrap else None
        self._mode = content_mode
        self._by_record = by_record

    def adapt(self, event: Any, context: Any) -> Adapted:
        """Recognise *event* and its parts. An event that no row matches goes to the default path.

        Raises InvalidEvent, naming every fault, for a list with a malformed CloudEvent; ConfigurationError if a row of
        the user has reply="poll", but the sender does not read which records failed.
        """
        if _tool(context) is not None:
            return Adapted(event, context, None, kind_of(TOOL), "sync")
        ours = OURS.match(event)
        kind = kind_of(ours.name if ours else None)
        if ours is not None and ours.path == HTTP:
            return Adapted(event, context, ours, kind, HTTP)
        row = self._router.row(ours, event)
        expected = (ours and ours.reply) or "sync"
        reply = (row and row.reply) or expected
        if reply == "poll" and ours is not None:
            refuse_poll(row, ours)
        adapted = Adapted(event, context, ours, kind, reply)
        records = parts_of(kind.records, event) if kind.records else []
        adapted.identifiers = [part.identifier or "" for part in records]
        adapted.window = _window(kind.records, event)
        if row is not None and row.path == EACH:
            # All CloudEvents are checked before the first is sent.
            targets = self._router.targets_of(event) if row.name == "cloudevents.batch" else set()
            if not (self._mode == "structured" and not self._by_record and len(targets) == 1):
                adapted.split = "item"
                adapted.parts = [Part(item, position=position) for position, item in enumerate(event)]
        elif records and self._by_record and ("poll" in (expected, reply) or "sync" not in (expected, reply)):
            # Events are not split if the sender reads one answer.
            adapted.split, adapted.parts = "record", records
        return adapted

    def units(self, adapted: Adapted, part: Part, window: dict[str, Any]) -> list[Unit]:
        """Return the units, one for each request, that *part* of *adapted* becomes.

        window: the members of a tumbling window that change from record to record

        Raises InvalidEvent, naming every fault, for a malformed CloudEvent and for a path that no event may have.
        """
        if adapted.split == "record":
            return self._units_of_record(adapted, part, window)
        event, ours, kind, context = part.value, adapted.ours, adapted.kind, adapted.context
        describer = adapted.describer
        tool = _tool(context) if kind.name == TOOL else None
        if tool is not None:
            return [Unit(self._router.targets.of_tool(tool), kind, event, None, {}, context)]
        if adapted.split == "item":
            ours = OURS.match(event)
            if ours is not None and ours.path in (HTTP, EACH):
                raise InvalidEvent("a list of events must hold neither HTTP requests nor further lists")
            kind = kind_of(ours.name if ours else None)
            describer = Describer(kind, event, request_id(context))
        elif kind.name == "cloudevents.batch" and self._router.row(ours, event) is ours:
            # adapt() has made sure that all of them go to the same target.
            return [Unit(self._router.targets_of(event).pop(), kind, event, None, {}, context)]
        attributes = describer.whole(part.position)
        return [Unit(self._router.target(ours, event), kind, event, None, attributes, context)]

    def _units_of_record(self, adapted: Adapted, part: Part, window: dict[str, Any]) -> list[Unit]:
        kind, context, router = adapted.kind, adapted.context, self._router
        event = alone(kind.records, adapted.event, part)
        if window:
            event |= deepcopy(window)  # the application may change the state
        attributes = adapted.describer.record(part)
        if self._unwrapper and router.users.match(event) is None:
            envelope = Envelope(kind, part, part.identifier or attributes.get("id"))
            opened = self._unwrapper.units((envelope,), context)
            if opened:
                return opened
        return [Unit(router.target(adapted.ours, event), kind, event, part, attributes, context)]

    def request(self, unit: Unit) -> Request:
        """Write *unit* as a request. Raises InvalidEvent if it cannot be written."""
        return writing.request(unit, self._mode, not self._by_record)


def _tool(context: Any) -> str | None:
    """Return the name of the tool that Amazon Bedrock AgentCore Gateway calls, without the name of its target; or None.

    Developer guide, "AWS Lambda function targets": the name is in the client context, which no event can change.
    """
    custom = getattr(getattr(context, "client_context", None), "custom", None)
    name = custom.get("bedrockAgentCoreToolName") if isinstance(custom, dict) else None
    return name.partition("___")[2] or name if isinstance(name, str) else None


def _window(records: Records | None, event: Any) -> dict[str, Any]:
    """Return the members of *event* that belong to a tumbling window of a stream; {} if there are none."""
    if records is None or not records.checkpoint or "isFinalInvokeForWindow" not in event:
        return {}
    return deepcopy({"isFinalInvokeForWindow": event["isFinalInvokeForWindow"], "state": event.get("state")})
