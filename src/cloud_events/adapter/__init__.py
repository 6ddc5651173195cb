"""ADAPTER. An event → what its sender expects, its parts, and what the requests that carry them say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

from ..errors import ConfigurationError, InvalidEvent
from ..messages import Part, Request, request_id
from . import writing
from .catalog import ROWS
from .cloudevent import faults
from .kinds import Describer, Kind, Records, alone, kind_of, parts_of
from .matcher import EACH, HTTP, Matcher
from .path import TOOL, Target, Targets
from .registry import Registry
from .unwrap import DEEPEST, event_in
from .writing import Envelope, Unit

OURS = Registry(ROWS)


class Adapted(NamedTuple):
    """An event, understood. What a reply needs to know of it is kept here: the application may change the event.

    ours:        our row for it, or None
    kind:        what we know of events like it
    reply:       what the sender expects, "sync", "async" or "poll"; "http" for a request that is not ours to deliver
    split:       "record" or "item" if each of these is a request of its own, else None
    parts:       what succeeds or fails as one: the event, or each record or item
    identifiers: what names each record of the event in ``batchItemFailures``, in order; "" if nothing does. Lambda
                 takes an empty identifier as the failure of the whole batch, which loses nothing
    window:      the members of the event that belong to a tumbling window, a dict; {} if it has none
    describer:   describes the event, or its records, as CloudEvents
    """

    ours: Matcher | None
    kind: Kind
    reply: str
    split: str | None
    parts: list[Part]
    identifiers: list[Any]
    window: dict[str, Any]
    event: Any
    context: Any
    describer: Describer

    def __repr__(self) -> str:
        return f"<Adapted {self.kind.name}, {self.reply}>"


class Adapter:
    """Knows the settings that decide where an event goes and how it is written.

    matchers:     the user's rows, tried before ours
    targets:      where events may go
    content_mode: "event", "binary", "structured" or "payload"
    by_record:    whether records are delivered singly
    unwrap:       the names of the rows that may arrive inside a record

    Raises ConfigurationError for a row that cannot be.
    """

    def __init__(
        self,
        matchers: Iterable[Matcher] = (),
        targets: Targets = Targets(),  # noqa: B008  # immutable
        content_mode: str = "event",
        by_record: bool = False,
        unwrap: Sequence[str] = (),
    ) -> None:
        self._users = Registry(matchers)
        for row in self._users.rows:
            if row.path in (HTTP, EACH):
                raise ConfigurationError(f"{row!r}: the path must begin with '/' (static) or '$' (a JSONPath)")
            if row.reply == "poll":
                _refuse_unreportable(row)
        self._targets = targets
        self._mode = content_mode
        self._by_record = by_record
        for name in unwrap:
            _refuse_unwrapping(name, (*self._users.rows, *OURS.rows), targets)
        # A bucket tests a queue or topic, too, before it sends notifications.
        self._unwrap = {*unwrap, "s3.test"} if "s3" in unwrap else {*unwrap}

    def adapt(self, event: Any, context: Any) -> Adapted:
        """Return what we know of *event* and its parts; an event that no row matches goes to the default path.

        Raises InvalidEvent, naming every fault, for a list with a malformed CloudEvent; ConfigurationError if a row of
        the user's takes the sender for one that reads which records failed.
        """
        if _tool(context) is not None:
            kind = kind_of(TOOL)
            return Adapted(
                None, kind, "sync", None, [Part(event)], [], {}, event, context, Describer(kind, event, None)
            )
        ours = OURS.match(event)
        kind = kind_of(ours.name if ours else None)
        describer = Describer(kind, event, request_id(context))
        if ours is not None and ours.path == HTTP:
            return Adapted(ours, kind, HTTP, None, [Part(event)], [], {}, event, context, describer)
        row = self._row(ours, kind.records, event)
        expected = (ours and ours.reply) or "sync"
        reply = (row and row.reply) or expected
        if reply == "poll" and ours is not None and not _may_poll(ours):
            raise ConfigurationError(f"{row!r}: {_CANNOT_POLL.format(ours.name)}")
        records = parts_of(kind.records, event) if kind.records else []
        identifiers = [part.identifier or "" for part in records]
        window = _window(kind.records, event)
        split, parts = None, [Part(event)]
        if row is not None and row.path == EACH:
            split, parts = self._items(row, event)
        elif records and self._by_record and (expected != "sync" or reply == "poll"):
            split, parts = "record", records
        return Adapted(ours, kind, reply, split, parts, identifiers, window, event, context, describer)

    def units(self, adapted: Adapted, part: Part, window: dict[str, Any]) -> list[Unit]:
        """Return what the requests that carry *part* of *adapted* say.

        window: the members of a tumbling window that change from record to record

        Raises InvalidEvent, naming every fault, for a malformed CloudEvent and for a path that no event may have.
        """
        kind, context = adapted.kind, adapted.context
        tool = _tool(context) if kind.name == TOOL else None
        if tool is not None:
            return [Unit(self._targets.of_tool(tool), kind, part.value, None, {}, context)]
        if adapted.split == "item":
            ours = OURS.match(part.value)
            if ours is not None and ours.path in (HTTP, EACH):
                raise InvalidEvent("a list of events must hold neither HTTP requests nor further lists")
            kind = kind_of(ours.name if ours else None)
            describer = Describer(kind, part.value, request_id(context))
            return [Unit(self._target(ours, kind, part.value), kind, part.value, None, describer.whole(), context)]
        if adapted.split is None or kind.records is None:
            if kind.name == "cloudevents.batch":
                # All of them go to the same target, as adapt() has made sure.
                target = self._target(OURS.match(part.value[0]), kind_of("cloudevent"), part.value[0])
            else:
                target = self._target(adapted.ours, kind, part.value)
            return [Unit(target, kind, part.value, None, adapted.describer.whole(), context)]
        single = alone(kind.records, adapted.event, part)
        if window:
            single |= window
        attributes = adapted.describer.record(part)
        if self._unwrap and self._users.match(single) is None:
            envelope = Envelope(kind, part, part.identifier or attributes.get("id"))
            opened = self._opened((envelope,), context)
            if opened:
                return opened
        target = self._target(adapted.ours, kind, single)
        return [Unit(target, kind, single, part, attributes, context)]

    def _opened(self, envelopes: tuple[Envelope, ...], context: Any) -> list[Unit]:
        """Return what the requests say that carry the event inside the last of *envelopes*; [] if it is not opened.

        Raises InvalidEvent for a malformed CloudEvent and for a path that the event may not have.
        """
        if len(envelopes) > DEEPEST:
            return []
        innermost = envelopes[-1]
        event = event_in(innermost.kind, innermost.record.value, "cloudevent" in self._unwrap)
        ours = None if event is None else OURS.match(event)
        if event is None or (ours is not None and ours.path in (HTTP, EACH)):
            return []
        kind = kind_of(ours.name if ours else None)
        records = kind.records
        parts = parts_of(records, event) if records else [Part(event)]
        singles = [alone(records, event, part) if records else event for part in parts]
        # All of them: else a second record could reach a row of the user's that is not named.
        rows = [self._users.match(single) or ours for single in singles]
        if any(row is None or row.name not in self._unwrap for row in rows):
            return []
        # Each record of the batch, and each inside another, has numbers of its own.
        positions = [str(envelope.record.position) for envelope in envelopes]
        identifier = request_id(context)
        describer = Describer(kind, event, identifier and ".".join([identifier, *positions]))
        units = []
        for part, single, row in zip(parts, singles, rows, strict=True):
            deeper = self._opened((*envelopes, Envelope(kind, part)), context) if records and row is ours else []
            if deeper:
                units += deeper
                continue
            record, attributes = (part, describer.record(part)) if records else (None, describer.whole())
            units.append(Unit(self._target(ours, kind, single), kind, single, record, attributes, context, envelopes))
        return units

    def request(self, unit: Unit) -> Request:
        """Write *unit* as a request. Raises InvalidEvent if it cannot be written."""
        return writing.request(unit, self._mode, not self._by_record)

    def _row(self, ours: Matcher | None, records: Records | None, event: Any) -> Matcher | None:
        """Return the row that says where *event* goes: the user's first, then *ours*."""
        for row in self._users.matching(event):
            if row.path is not None or _matches_each(row, records, event):
                return row
        return ours

    def _target(self, ours: Matcher | None, kind: Kind, event: Any) -> Target:
        """Return where *event* goes. Raises InvalidEvent, for a native CloudEvent naming every fault that it has."""
        row = self._row(ours, kind.records, event)
        if kind.name != "cloudevent":
            return self._targets.find(row, event)
        found = faults(event, strict=self._mode != "event")
        try:
            target = self._targets.find(row, event)
        except InvalidEvent as error:
            if not any(fault.startswith("'source'") for fault in found):
                found.append(str(error))
        if found:
            raise InvalidEvent("malformed CloudEvent: " + "; ".join(found))
        return target

    def _items(self, row: Matcher, events: list[Any]) -> tuple[str | None, list[Part]]:
        """Return how a list of events is split. CloudEvents are all checked before the first is sent."""
        parts = [Part(item, position=position) for position, item in enumerate(events)]
        if row.name != "cloudevents.batch":
            return "item", parts
        targets, found = set(), []
        for part in parts:
            try:
                if not (isinstance(part.value, dict) and part.value.get("specversion") is not None):
                    raise InvalidEvent("malformed CloudEvent: it is not an object with a 'specversion'")
                targets.add(self._target(OURS.match(part.value), kind_of("cloudevent"), part.value))
            except InvalidEvent as error:
                found.append(f"item {part.position}: {error}")
        if found:
            raise InvalidEvent("; ".join(found))
        if self._mode == "structured" and not self._by_record and len(targets) == 1:
            return None, [Part(events)]
        return "item", parts


_CANNOT_POLL = "reply='poll' is for senders that read which records failed; events of {!r} have none that does"


def _tool(context: Any) -> str | None:
    """Return the name of the tool that Amazon Bedrock AgentCore Gateway calls, without that of its target; or None.

    Developer guide, "AWS Lambda function targets": it stands in the client context, where no event can put it.
    """
    custom = getattr(getattr(context, "client_context", None), "custom", None)
    name = custom.get("bedrockAgentCoreToolName") if isinstance(custom, dict) else None
    return name.partition("___")[2] or name if isinstance(name, str) else None


def _refuse_unwrapping(name: str, rows: Sequence[Matcher], targets: Targets) -> None:
    """Raise ConfigurationError unless the rows *name* may arrive inside a record."""
    label = f"CLOUD_EVENTS_UNWRAP: {name!r}"
    named = [row for row in rows if row.name == name]
    if not named:
        close = get_close_matches(name, sorted({row.name for row in rows}), 1, 0.5)
        remedy = f"did you mean {close[0]!r}?" if close else "`cloud-events routes` lists the rows"
        raise ConfigurationError(f"{label}: no row has this name; {remedy}")
    for row in named:
        if row.path in (HTTP, EACH) or (row.reply == "sync" and name != "cloudevent"):
            raise ConfigurationError(
                f"{label}: events of this row are not sent through queues and streams: somebody waits for the answer"
            )
        if (callable(row.path) or row.find_path is not None) and not targets.sources:
            raise ConfigurationError(
                f"{label}: whoever writes to the queue would choose the path; say which sources are accepted, such as "
                "CLOUD_EVENTS_SOURCES='com.example.*'"
            )


def _may_poll(ours: Matcher) -> bool:
    """Whether the sender of the events of our row polls batches, or can be told of single records."""
    records = kind_of(ours.name).records
    return ours.reply == "poll" or (records is not None and records.reports)


def _refuse_unreportable(row: Matcher) -> None:
    """Raise ConfigurationError if *row* demands what a row of ours does, and that sender cannot report records."""
    for ours in OURS.rows:
        if all(at in row.where and row.where[at] == expected for at, expected in ours.where.items()):
            if not _may_poll(ours):
                raise ConfigurationError(f"{row!r}: {_CANNOT_POLL.format(ours.name)}")
            return


def _matches_each(row: Matcher, records: Records | None, event: Any) -> bool:
    """Whether each record of *event*, alone, matches *row*: otherwise some would be acknowledged unseen."""
    parts = parts_of(records, event) if records else []
    return len(parts) < 2 or all(row.matches(alone(records, event, part)) for part in parts if records)


def _window(records: Records | None, event: Any) -> dict[str, Any]:
    """Return the members of *event* that belong to a tumbling window of a stream; {} if it has none."""
    if records is None or not records.checkpoint or "isFinalInvokeForWindow" not in event:
        return {}
    return {"isFinalInvokeForWindow": event["isFinalInvokeForWindow"], "state": event.get("state")}
