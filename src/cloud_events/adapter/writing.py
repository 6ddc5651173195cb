"""Writes an event, or one of its records, as a request: unchanged, or as a CloudEvent in an HTTP content mode."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from os import environ
from typing import Any

from ..messages import Delivery, Part, Request, request_id
from . import cloudevent
from .encoding import encode
from .kinds import Describer, Kind, data_of
from .path import Target
from .trace import trace_headers

STRUCTURED = "application/cloudevents+json; charset=utf-8"
BATCHED = "application/cloudevents-batch+json; charset=utf-8"


class Envelope:
    """A record that contains another event.

    kind:      what we know of the event that the record belongs to
    record_id: the identifier of the record, if it is the outermost
    """

    __slots__ = ("kind", "record", "record_id")

    def __init__(self, kind: Kind, record: Part, record_id: Any = None) -> None:
        self.kind = kind
        self.record = record
        self.record_id = record_id


class Unit:
    """The contents and the target of one request.

    target:     where the request goes
    kind:       what we know of the event
    event:      the event for the application; a single record has the shape of the batch around it
    record:     the single record, or None for a whole event
    attributes: the CloudEvent attributes; {} if there are none
    context:    Lambda's context object
    envelopes:  the records that the event was found in, outermost first
    """

    __slots__ = ("attributes", "context", "envelopes", "event", "kind", "record", "target")

    def __init__(
        self,
        target: Target,
        kind: Kind,
        event: Any,
        record: Part | None,
        attributes: Mapping[str, Any],
        context: Any,
        envelopes: tuple[Envelope, ...] = (),
    ) -> None:
        self.target = target
        self.kind = kind
        self.event = event
        self.record = record
        self.attributes = attributes
        self.context = context
        self.envelopes = envelopes

    def __repr__(self) -> str:
        return f"<Unit {self.target!r}>"

    @property
    def record_id(self) -> Any:
        """The identifier of the outermost record: the sender's, or the CloudEvent's id; None for a whole event."""
        if self.envelopes:
            return self.envelopes[0].record_id
        return self.record and (self.record.identifier or self.attributes.get("id"))


def request(unit: Unit, mode: str, batched: bool) -> Request:
    """Write *unit* in the content mode *mode*: "event", "binary", "structured" or "payload".

    batched: whether structured mode writes an event with records as a batch with one CloudEvent per record

    Raises InvalidEvent if it cannot be written.
    """
    attributes, described = unit.attributes, bool(unit.attributes)
    native = unit.kind.name == "cloudevent"
    headers = [] if native and mode == "event" else cloudevent.headers(attributes)
    content_type: str | None
    payload = None
    if mode == "structured" and (described or (batched and _is_batch(unit))):
        content_type, body = _structured(unit, batched)
        headers = []
    elif mode in ("binary", "payload") and native:
        content_type, body = cloudevent.binary(unit.event)
    elif mode == "payload" and (unit.record or (unit.kind.payload and not unit.kind.records)):
        content_type, body = _payload(unit)
        payload = body
        attributes = {**attributes, "datacontenttype": content_type} if described else attributes
    elif mode in ("binary", "payload") and described:
        content_type, body = "application/json", encode(_data(unit))
    else:
        # Unchanged. With the headers, an AWS event is a CloudEvent in binary mode; a native one is complete.
        content_type, body = None, encode(unit.event)
    headers += _trace(unit)
    envelopes, matcher, path = unit.envelopes, unit.target.matcher, unit.target.path
    via = tuple([envelope.kind.name for envelope in envelopes]) if envelopes else ()
    outermost = envelopes[0].record.value if envelopes else None
    delivery = Delivery(matcher, path, unit.record_id, attributes, unit.kind.name, via, outermost, payload)
    return Request(path, unit.target.query, body, content_type, headers, unit.event, unit.context, delivery)


def _data(unit: Unit) -> Any:
    return unit.event if unit.record is None else data_of(unit.kind, unit.record.value)


def _is_batch(unit: Unit) -> bool:
    """Whether the event is a list of valid CloudEvents. Other lists, which match a row of the user, stay unchanged."""
    return unit.kind.name == "cloudevents.batch" and not any(
        cloudevent.faults(item, strict=True) if isinstance(item, dict) else True for item in unit.event
    )


def _structured(unit: Unit, batched: bool) -> tuple[str, bytes]:
    if unit.kind.name == "cloudevents.batch":
        return BATCHED, encode([cloudevent.structured(item) for item in unit.event])
    if unit.kind.name == "cloudevent":
        return STRUCTURED, encode(cloudevent.structured(unit.event))
    if batched and unit.record is None and unit.kind.records:
        each = Describer(unit.kind, unit.event, request_id(unit.context)).each()
        return BATCHED, encode([{**attributes, "data": record} for attributes, record in each])
    return STRUCTURED, encode({**unit.attributes, "data": _data(unit)})


def _payload(unit: Unit) -> tuple[str, bytes]:
    """Return (content type, body) of the producer's message. Raises InvalidEvent if it cannot be decoded."""
    kind = unit.kind
    record = unit.event if unit.record is None else unit.record.value
    payload = kind.payload(record) if kind.payload else data_of(kind, record)
    if isinstance(payload, (dict, list)):
        return "application/json", encode(payload)
    if isinstance(payload, str):
        body = payload.encode("utf-8", "surrogatepass")
    else:
        body = payload if isinstance(payload, bytes) else b"" if payload is None else encode(payload)
    content_type = ((kind.field and kind.field(record, "content-type")) or "").strip()
    if cloudevent.is_media_type(content_type) and not content_type.lower().startswith("application/cloudevents"):
        return content_type, body
    return _media_type(body), body


def _media_type(body: bytes) -> str:
    """Return the media type of *body*. A JSON string or number is text: 12345 may be in a queue of texts."""
    try:
        text = body.decode()
    except ValueError:
        return "application/octet-stream"
    try:
        structured = text.lstrip()[:1] in ("{", "[") and isinstance(json.loads(text), (dict, list))
    except (ValueError, RecursionError):
        structured = False
    return "application/json" if structured else "text/plain; charset=utf-8"


def _trace(unit: Unit) -> list[tuple[str, str]]:
    """Return the trace headers: those of the innermost message that has them, and of the invocation."""
    sources = []
    if unit.kind.field:
        sources.append(partial(unit.kind.field, unit.record.value if unit.record else unit.event))
    if unit.envelopes:
        carriers = [(envelope.kind.field, envelope.record.value) for envelope in reversed(unit.envelopes)]
        sources += [partial(field, record) for field, record in carriers if field]
    headers = trace_headers(sources, unit.context)
    # Lambda's runtime client sets it for each invocation: developer guide, "Using Lambda environment variables".
    trace_id = environ.get("_X_AMZN_TRACE_ID", "")
    if trace_id and trace_id.isascii() and trace_id.isprintable():
        headers.append(("x-amzn-trace-id", trace_id))
    return headers
