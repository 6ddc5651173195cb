"""The values that are passed on: Request, Response, Part, Outcome, and the Delivery that marks a request as an event.

Their ``repr`` does not show an event, a body or a header value, so that a traceback or a log cannot leak one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

BODILESS = ("GET", "HEAD", "TRACE", "CONNECT")  # RFC 9110, section 9.3: content has no meaning in these


class Delivery:
    """Marks a request as an event, in ``environ`` and ``scope`` under "cloud_events.delivery".

    matcher:    the name of the row that matched, or None
    path:       the path that the event was sent to
    record_id:  the identifier of the one record in this request, or None for a whole event
    attributes: the CloudEvent attributes of the event, a dict; empty if the event has none
    kind:       the name of the library's own row for the event, or None
    via:        if the event arrived inside others (CLOUD_EVENTS_UNWRAP), the names of their rows, outermost first, such
                as ("sqs", "sns"); otherwise ()
    record:     the outermost record that the event arrived in, or None
    payload:    the body, bytes, if it is the producer's message (CLOUD_EVENTS_CONTENT_MODE=payload); otherwise None
    """

    __slots__ = ("attributes", "kind", "matcher", "path", "payload", "record", "record_id", "via")

    def __init__(
        self,
        matcher: str | None,
        path: str,
        record_id: Any = None,
        attributes: Mapping[str, Any] | None = None,
        kind: str | None = None,
        via: tuple[str | None, ...] = (),
        record: Any = None,
        payload: bytes | None = None,
    ) -> None:
        self.matcher = matcher
        self.path = path
        self.record_id = record_id
        self.attributes = attributes or {}
        self.kind = kind
        self.via = via
        self.record = record
        self.payload = payload

    @property
    def event_id(self) -> str | None:
        return self.attributes.get("id")

    @property
    def type(self) -> str | None:
        return self.attributes.get("type")

    @property
    def source(self) -> str | None:
        return self.attributes.get("source")

    @property
    def subject(self) -> str | None:
        return self.attributes.get("subject")

    @property
    def time(self) -> str | None:
        return self.attributes.get("time")

    def __repr__(self) -> str:
        return f"<Delivery {self.matcher} {self.path!r}>"


class Request:
    """One event (or record) on the way to the application.

    path:         decoded text that begins with "/"
    query:        percent-encoded ASCII, without "?"
    body:         bytes
    content_type: a str; with None, that of the settings or the default is used; with "", none is sent
    headers:      (lower-case name, ASCII value) pairs
    event:        the event, as Python objects
    """

    __slots__ = ("body", "content_type", "context", "delivery", "event", "headers", "path", "query")

    def __init__(
        self,
        path: str,
        query: str,
        body: bytes,
        content_type: str | None,
        headers: Sequence[tuple[str, str]],
        event: Any,
        context: Any,
        delivery: Delivery,
    ) -> None:
        self.path = path
        self.query = query
        self.body = body
        self.content_type = content_type
        self.headers = headers
        self.event = event
        self.context = context
        self.delivery = delivery

    def __repr__(self) -> str:
        return f"<Request {self.path!r}, {len(self.body)} bytes>"


class Response:
    """The application's complete response.

    status:  an int
    headers: (name, value) pairs of str, as the application wrote them
    body:    bytes
    error:   the exception that the application raised after the response was complete, or None
    """

    __slots__ = ("body", "error", "headers", "status")

    def __init__(
        self, status: int, headers: list[tuple[str, str]], body: bytes, error: BaseException | None = None
    ) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.error = error

    def header(self, name: str) -> str:
        """Return the value of the first header *name* (lower-case), or ""."""
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return ""

    def json(self) -> Any:
        """Return the body as JSON (RFC 8259: in UTF-8); None if it is not JSON."""
        try:
            return json.loads(self.body.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            return None

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.body)} bytes>"


class Part:
    """The unit of success and failure: a whole event, one record of a batch, or one item of a list of events.

    value:        the event, record or item
    group:        the key of the record's list (a partition, a queue), or None
    position:     the position in the event, from 0
    identifier:   the identifier of the record in ``batchItemFailures``, or None
    ordering_key: parts with the same key are sent in order, and after a failure the rest of them is not tried; None if
                  the part is independent
    """

    __slots__ = ("group", "identifier", "ordering_key", "position", "value")

    def __init__(
        self, value: Any, group: str | None = None, position: int = 0, identifier: Any = None, ordering_key: Any = None
    ) -> None:
        self.value = value
        self.group = group
        self.position = position
        self.identifier = identifier
        self.ordering_key = ordering_key

    def __repr__(self) -> str:
        return f"<Part {self.position}>"


class Outcome:
    """The result of one request. The request itself is not kept: 10,000 of them would fill the memory.

    part:     the part that was sent
    path:     the path of the request; None if it was not sent
    response: the application's response, or None
    error:    the reason of a failure; None for a success
    reported: the application's own ``batchItemFailures``, a list, or None
    """

    __slots__ = ("error", "part", "path", "reported", "response")

    def __init__(
        self,
        part: Part,
        path: str | None,
        response: Response | None,
        error: BaseException | None,
        reported: list[Any] | None = None,
    ) -> None:
        self.part = part
        self.path = path
        self.response = response
        self.error = error
        self.reported = reported

    def __repr__(self) -> str:
        return f"<Outcome of {self.part!r}>"


def seconds_left(context: Any) -> float | None:
    """Return the time until Lambda ends this invocation, in seconds; None if *context* does not have it."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    return None if remaining is None else remaining() / 1000


def request_id(context: Any) -> str | None:
    """Return the request ID of this invocation; None if *context* does not have it."""
    found = getattr(context, "aws_request_id", None)
    return None if found is None else str(found)
