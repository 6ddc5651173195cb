"""An event, or one record of it, written as a request: as it came, or as a CloudEvent in an HTTP content mode."""

from os import environ

from ..messages import Delivery, Request
from .attributes import TABLE
from .describe import describe, describe_record, headers, opened
from .encoding import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from .path import Place
    from .records import Batch, Record

    Headers = list[tuple[str, str]]
    Seen = set[tuple[str, str]]

STRUCTURED = "application/cloudevents+json; charset=utf-8"
BATCHED = "application/cloudevents-batch+json; charset=utf-8"


def whole(mode: str, name: "str | None", event: "Any", context: "Any", place: "Place", batched: bool) -> Request:
    """*event*, of our row *name*, in one request; *batched* lets structured mode write one CloudEvent a record."""
    if name == "cloudevent":
        return _native(mode, event, context, place)
    row = TABLE.get(name)
    if row is None:
        return _request(place, event, context, encode(event))
    attributes, fields = describe(name, event, context)
    if mode == "event":
        fields = headers(attributes) if fields is None else fields
        return _request(place, event, context, encode(event), None, fields, None, attributes)
    if mode == "structured" and batched and row.at is not None and attributes:
        body = [{**said, "data": record} for said, record in each_attributes(name, event, context)]
        return _request(place, event, context, encode(body), BATCHED, attributes=attributes)
    return _cloud_event(mode, attributes, fields, event, event, context, place)


def one(
    mode: str,
    name: "str | None",
    batch: "Batch",
    record: "Record",
    event: "Any",
    context: "Any",
    place: "Place",
    seen: "Seen",
) -> Request:
    """*event*, which holds *record* alone. *seen* keeps the (source, id) of the batch's records that went before."""
    data = record.value.get(batch.within) if batch.within and isinstance(record.value, dict) else record.value
    attributes: dict[str, Any] = {}
    fields: Headers | None = []
    if name in TABLE:
        attributes, fields = _unique(name, event, data, record.group, context, record.position, seen)
    identifier = record.identifier or attributes.get("id")
    return _cloud_event(mode, attributes, fields, data, event, context, place, identifier)


def natives(events: "list[Any]", context: "Any", place: "Place") -> Request:
    """Native CloudEvents that go to one place, as a batch."""
    from .cloudevent import structured

    return _request(place, events, context, encode([*map(structured, events)]), BATCHED)


def _native(mode: str, event: "Any", context: "Any", place: "Place") -> Request:
    from . import cloudevent  # most applications have none

    attributes = cloudevent.native(event)
    if mode == "binary":
        content_type, fields, body = cloudevent.binary(event)
        return _request(place, event, context, body, content_type, fields, attributes=attributes)
    if mode == "structured":
        body = encode(cloudevent.structured(event))
        return _request(place, event, context, body, STRUCTURED, attributes=attributes)
    return _request(place, event, context, encode(event), attributes=attributes)


def _cloud_event(
    mode: str,
    attributes: "dict[str, Any]",
    fields: "Headers | None",
    data: "Any",
    event: "Any",
    context: "Any",
    place: "Place",
    record_id: "Any" = None,
) -> Request:
    if mode == "structured" and attributes:
        body = encode({**attributes, "data": data})
        return _request(place, event, context, body, STRUCTURED, [], record_id, attributes)
    if fields is None:
        fields = headers(attributes)
    if mode == "binary" and attributes:
        return _request(place, event, context, encode(data), "application/json", fields, record_id, attributes)
    return _request(place, event, context, encode(event), None, fields, record_id, attributes)


def each_attributes(name: "str | None", event: "Any", context: "Any") -> "Iterator[tuple[dict[str, Any], Any]]":
    """(attributes, record) of each record of *event*, of our row *name*."""
    seen: Seen = set()
    records, groups, unpacked = opened(name, event)
    for index, (record, group) in enumerate(zip(records, groups, strict=True)):
        yield _unique(name, unpacked, record, group, context, index, seen)[0], record


def _request(
    place: "Place",
    event: "Any",
    context: "Any",
    body: bytes,
    content_type: "str | None" = None,
    fields: "Headers | None" = None,
    record_id: "Any" = None,
    attributes: "Mapping[str, Any] | None" = None,
) -> Request:
    fields = [] if fields is None else fields
    delivery = Delivery(place.matcher, place.path, record_id, attributes)
    # Lambda's runtime client sets it for each invocation: developer guide, "Using Lambda environment variables".
    try:
        trace_id = environ["_X_AMZN_TRACE_ID"]
    except KeyError:
        pass
    else:
        if trace_id and trace_id.isascii() and trace_id.isprintable():
            fields.append(("x-amzn-trace-id", trace_id))
    return Request(place.path, place.query, body, content_type, fields, event, context, delivery)


def _unique(
    name: "str | None", event: "Any", record: "Any", group: "Any", context: "Any", index: int, seen: "Seen"
) -> "tuple[dict[str, Any], Headers | None]":
    attributes, fields = describe_record(name, event, record, group, context, index)
    while (attributes["source"], attributes["id"]) in seen:
        # S3 repeats its ids within one deletion of several objects; source + id must be unique (spec.md, "id").
        attributes["id"] += f".{index}"
        fields = None
    seen.add((attributes["source"], attributes["id"]))
    return attributes, fields
