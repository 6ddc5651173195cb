"""What a view may ask about its request: is it an event, and which CloudEvent?"""

from .errors import InvalidEvent
from .messages import Delivery

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .adapter.cloudevent import CloudEvent

# Where requests keep their environ or scope: Starlette, Litestar, Quart and Django's ASGI · Flask, Bottle, Pyramid and
# Django's WSGI · Falcon's WSGI.
_CARRIERS = ("scope", "environ", "env")


def carrier(request: "Any") -> "Mapping[str, Any] | None":
    """Return the environ or scope of *request*, which may be one itself, or None if it has none.

    Behind a bridge of a2wsgi it is the one that the bridge was called with, if the library made that.
    """
    found: dict[str, Any] | None = request if isinstance(request, dict) else None
    if found is None:
        held = (getattr(request, name, None) for name in _CARRIERS)
        found = next((one for one in held if isinstance(one, dict)), None)
    inner = found
    while isinstance(inner, dict):
        if _MARK in inner:
            return inner
        # Where a2wsgi keeps it: WSGIMiddleware · ASGIMiddleware.
        inner = inner.get("asgi.scope") or inner.get("wsgi_environ")
    return found


_MARK = "cloud_events.delivery"


def is_event(request: "Any") -> bool:
    """Whether this library made *request* (an environ, a scope, or a framework's request) from an event.

    The mark is an object of this process, under a key that no HTTP client can create: a server turns what a client
    sends into ``HTTP_*`` keys and ``headers`` alone (PEP 3333, "environ Variables"; ASGI, "HTTP Connection Scope").
    Nor can a client create the keys under which a2wsgi's middlewares keep the environ or scope that they were given.
    """
    return isinstance((carrier(request) or {}).get(_MARK), Delivery)


def cloudevent(request: "Any") -> "CloudEvent":
    """The event that *request* carries, as one CloudEvent; its data is the record where records are delivered singly.

    Raises InvalidEvent if *request* is no event, or its kind of event has no CloudEvent attributes.
    """
    from .adapter.attributes import TABLE
    from .adapter.cloudevent import CloudEvent, unpack
    from .adapter.describe import opened

    event, name, delivery, _ = _facts(request)
    if name == "cloudevent":
        return unpack(event)
    if not delivery.attributes or name not in TABLE:
        raise InvalidEvent(f"events of {name or 'no matcher'} have no CloudEvent attributes")
    return CloudEvent(delivery.attributes, event if delivery.record_id is None else opened(name, event)[0][0])


def cloudevents(request: "Any") -> "list[CloudEvent]":
    """The CloudEvents that *request* carries: one for each record of a batch, else the one of ``cloudevent``.

    Raises InvalidEvent as ``cloudevent`` does.
    """
    from .adapter.attributes import TABLE
    from .adapter.cloudevent import CloudEvent, unpack
    from .adapter.express import each_attributes

    event, name, delivery, context = _facts(request)
    if name == "cloudevents.batch":
        return [unpack(item) for item in event]
    row = TABLE.get(name)
    if row is None or row.at is None or delivery.record_id is not None:
        return [cloudevent(request)]
    return [CloudEvent(attributes, record) for attributes, record in each_attributes(name, event, context)]


def _facts(request: "Any") -> "tuple[Any, str | None, Delivery, Any]":
    from .adapter import ours

    if not is_event(request):
        raise InvalidEvent("this request is no event: an HTTP client sent it")
    found = carrier(request) or {}
    row = ours().match(found["aws.event"])
    return found["aws.event"], row.name if row else None, found["cloud_events.delivery"], found["aws.context"]
