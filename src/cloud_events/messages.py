"""What travels between the boxes: a Request to the application, its Response, and the Delivery that marks both.

They are made for every event, hence of slots: the cheapest to make and to read. Their ``repr`` shows no event, body or
header value: a traceback or a debugger's log must not leak what was in an event.
"""

TYPE_CHECKING = False  # typing is not imported at run time: it alone costs as much as all of this library
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

# RFC 3986, section 3.3: what a path segment may hold unescaped, and "/".
_PATH = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@/"

BODILESS = ("GET", "HEAD", "TRACE", "CONNECT")  # RFC 9110, section 9.3: content means nothing in these


def quote(text: str, safe: bytes = _PATH) -> str:
    """Percent-encode the UTF-8 bytes of every character of *text* that is not among the *safe*, which are ASCII."""
    encoded = text.encode()
    others = encoded.translate(None, safe)
    if not others:
        return text
    quoted = encoded.decode("latin-1")
    if b"%" in others:  # before it is written
        quoted = quoted.replace("%", "%25")
    for byte in {*others} - {*b"%"}:
        quoted = quoted.replace(chr(byte), f"%{byte:02X}")
    return quoted


class Delivery:
    """Marks a request as an event, in ``environ`` and ``scope`` under "cloud_events.delivery".

    matcher:    the name of the row that matched, or None
    path:       the path that the event was sent to
    record_id:  the identifier of the one record in this request, or None for a whole event
    attributes: the CloudEvent attributes of the event, a dict; empty where the event has none
    """

    __slots__ = ("attributes", "matcher", "path", "record_id")

    def __init__(
        self, matcher: "str | None", path: str, record_id: "Any" = None, attributes: "Mapping[str, Any] | None" = None
    ) -> None:
        self.matcher = matcher
        self.path = path
        self.record_id = record_id
        self.attributes = attributes or {}

    @property
    def event_id(self) -> "str | None":
        return self.attributes.get("id")

    @property
    def type(self) -> "str | None":
        return self.attributes.get("type")

    @property
    def source(self) -> "str | None":
        return self.attributes.get("source")

    @property
    def subject(self) -> "str | None":
        return self.attributes.get("subject")

    @property
    def time(self) -> "str | None":
        return self.attributes.get("time")

    def __repr__(self) -> str:
        return f"<Delivery {self.matcher} {self.path!r}>"


class Request:
    """One event (or record) on its way to the application.

    path:         decoded text, from "/" on
    query:        percent-encoded ASCII, without "?"
    body:         bytes
    content_type: a str; None leaves the one that settings or defaults name; "" sends none
    headers:      (lower-case name, ASCII value) pairs
    event:        what the body says, as Python objects
    """

    __slots__ = ("body", "content_type", "context", "delivery", "event", "headers", "path", "query")

    def __init__(
        self,
        path: str,
        query: str,
        body: bytes,
        content_type: "str | None",
        headers: "Sequence[tuple[str, str]]",
        event: "Any",
        context: "Any",
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
    """The application's whole answer.

    status:  an int
    headers: (name, value) pairs of str, as the application wrote them
    body:    bytes
    error:   the exception that the application raised after its answer was complete, or None
    """

    __slots__ = ("body", "error", "headers", "status")

    def __init__(
        self, status: int, headers: "list[tuple[str, str]]", body: bytes, error: "BaseException | None" = None
    ) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.error = error

    def header(self, name: str) -> str:
        """The value of the first header *name* (lower-case), or ""."""
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return ""

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.body)} bytes>"


def seconds_left(context: "Any") -> "float | None":
    """The time until Lambda ends this invocation, in seconds; None where *context* does not say."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    return None if remaining is None else remaining() / 1000
