"""One event, or one record of it, written as a request: as it came, or as a CloudEvent in an HTTP content mode."""

from __future__ import annotations

from collections.abc import Mapping
from os import environ
from typing import Any, NamedTuple

from ..messages import Delivery, Part, Request
from . import cloudevent
from .encoding import encode
from .kinds import Describer, Kind, data_of
from .path import Target

STRUCTURED = "application/cloudevents+json; charset=utf-8"
BATCHED = "application/cloudevents-batch+json; charset=utf-8"


class Unit(NamedTuple):
    """What one request carries, and where to.

    target:     where it goes
    kind:       what we know of the event
    event:      what the application sees as the event; around a single record, the shape that it came in
    record:     the single record, or None for a whole event
    attributes: what describes it as a CloudEvent; {} if nothing does
    context:    Lambda's context object
    """

    target: Target
    kind: Kind
    event: Any
    record: Part | None
    attributes: Mapping[str, Any]
    context: Any

    def __repr__(self) -> str:
        return f"<Unit {self.target!r}>"

    @property
    def record_id(self) -> Any:
        """What names the single record: as the sender does, else the CloudEvent's id; None for a whole event."""
        return self.record and (self.record.identifier or self.attributes.get("id"))


def request(unit: Unit, mode: str, batched: bool) -> Request:
    """Write *unit* in the content mode *mode*: "event", "binary" or "structured".

    batched: whether structured mode writes an event that has records as one CloudEvent a record

    Raises InvalidEvent if it cannot be written.
    """
    headers: list[tuple[str, str]] = []
    content_type: str | None = None
    name, described = unit.kind.name, bool(unit.attributes)
    if mode == "structured" and name == "cloudevents.batch":
        content_type, body = BATCHED, encode([cloudevent.structured(item) for item in unit.event])
    elif mode == "structured" and name == "cloudevent":
        content_type, body = STRUCTURED, encode(cloudevent.structured(unit.event))
    elif mode == "structured" and described and batched and unit.record is None and unit.kind.records:
        each = Describer(unit.kind, unit.event, unit.context).each()
        content_type, body = BATCHED, encode([{**attributes, "data": record} for attributes, record in each])
    elif mode == "structured" and described:
        content_type, body = STRUCTURED, encode({**unit.attributes, "data": _data(unit)})
    elif mode == "binary" and described:
        headers = cloudevent.headers(unit.attributes)
        if name == "cloudevent":
            content_type, body = cloudevent.binary(unit.event)
        else:
            content_type, body = "application/json", encode(_data(unit))
    else:
        # As it came: for AWS's events the headers make a CloudEvent of it, and a native one is one already.
        headers = [] if name == "cloudevent" else cloudevent.headers(unit.attributes)
        body = encode(unit.event)
    # Lambda's runtime client sets it for each invocation: developer guide, "Using Lambda environment variables".
    trace_id = environ.get("_X_AMZN_TRACE_ID", "")
    if trace_id and trace_id.isascii() and trace_id.isprintable():
        headers.append(("x-amzn-trace-id", trace_id))
    matcher, path, query = unit.target.matcher, unit.target.path, unit.target.query
    delivery = Delivery(matcher, path, unit.record_id, unit.attributes)
    return Request(path, query, body, content_type, headers, unit.event, unit.context, delivery)


def _data(unit: Unit) -> Any:
    return unit.event if unit.record is None else data_of(unit.kind, unit.record.value)
