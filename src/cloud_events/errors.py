"""The errors. Each names the setting or the kind of event, the value and the remedy; none shows an event's content.

Every error that leaves the handler fails the Lambda invocation, so that AWS retries the event or sends it to the
dead-letter queue or failure destination. A returned value never does that, whatever it is.
"""

from __future__ import annotations

BODY_EXCERPT = 1_000  # characters of the application's answer that an EventFailed contains


class CloudEventsError(Exception):
    """The base class of all errors of this library."""


class ConfigurationError(CloudEventsError):
    """A setting, a keyword of ``make_handler`` or a matcher is missing or wrong; the message names it and a remedy."""


class InvalidEvent(CloudEventsError, ValueError):
    """The event is malformed, or asks for a path that no event may have; the message lists every fault."""


class UnsupportedEvent(CloudEventsError):
    """The event is an HTTP request (API Gateway, function URL, ALB, VPC Lattice), and no handler for it is set."""


class ProtocolError(CloudEventsError):
    """The application broke the rules of its interface: no response, a ``str`` body, messages out of order."""


class StartupFailed(CloudEventsError):
    """The ASGI application's lifespan startup failed; the message is the application's own."""


class OutOfTime(CloudEventsError, TimeoutError):
    """The time of the function was nearly over before the application had answered; the event counts as failed."""


class ReplyTooLarge(CloudEventsError):
    """The reply is longer than the 6 MB that Lambda accepts, and the sender reads it."""


class EventFailed(CloudEventsError):
    """The application's answer counts as a failure (``CLOUD_EVENTS_FAILURE_STATUSES``).

    The type name and the first line of the message are stable: ``Retry`` and ``Catch`` of Step Functions, and failure
    destinations, may branch on them.

    status:  the HTTP status, an int
    path:    where the event went, a str
    matcher: the name of the row that matched, or None
    body:    the first 1,000 characters of the answer, a str
    hint:    one sentence on the likely cause, or ""
    """

    def __init__(self, status: int, path: str, matcher: str | None, body: str = "", hint: str = "") -> None:
        # All five are arguments of Exception, so that pickling (a process pool, a test runner) keeps them.
        super().__init__(status, path, matcher, body[:BODY_EXCERPT], hint)
        self.status = status
        self.path = path
        self.matcher = matcher
        self.body = body[:BODY_EXCERPT]
        self.hint = hint

    def __str__(self) -> str:
        lines = [f"the application answered {self.status} at {self.path} ({self.matcher or 'no matcher'})"]
        return "\n".join(lines + [line for line in (self.hint, self.body) if line])
