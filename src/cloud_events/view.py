"""Functions for views: whether a request is an event, and the CloudEvents that it contains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .adapter.cloudevent import CloudEvent, from_fields, unpack
from .adapter.kinds import Describer, data_of, kind_of, records_of
from .errors import InvalidEvent
from .messages import Delivery, request_id

# The attributes in which requests keep their scope or environ: "scope" in Starlette, Litestar, Quart and Django with
# ASGI; "environ" in Flask, Bottle, Pyramid and Django with WSGI; "env" in Falcon with WSGI.
_CARRIERS = ("scope", "environ", "env")


def carrier(request: Any) -> Mapping[str, Any] | None:
    """Return the environ or scope of *request*, which may itself be one; None if it has none.

    Behind a bridge of a2wsgi, return the environ or scope that the bridge was called with, if that has the mark.
    """
    found: dict[str, Any] | None = request if isinstance(request, dict) else None
    if found is None:
        held = (getattr(request, name, None) for name in _CARRIERS)
        found = next((one for one in held if isinstance(one, dict)), None)
    inner = found
    while isinstance(inner, dict):
        if _MARK in inner:
            return inner
        # The keys of a2wsgi's WSGIMiddleware and ASGIMiddleware.
        inner = inner.get("asgi.scope") or inner.get("wsgi_environ")
    return found


_MARK = "cloud_events.delivery"


def is_event(request: Any) -> bool:
    """Whether this library made *request* (an environ, a scope, or a framework's request) from an event.

    The mark is an object of this process, under a key that no HTTP client can create: a server puts the headers of a
    client only into ``HTTP_*`` keys and ``headers`` (PEP 3333, "environ Variables"; ASGI, "HTTP Connection Scope").
    Nor can a client create the keys under which a2wsgi's middleware keeps the outer environ or scope.
    """
    return isinstance((carrier(request) or {}).get(_MARK), Delivery)


def cloudevent(request: Any) -> CloudEvent:
    """Return the event of *request* as one CloudEvent.

    Its data is the event; the record, if records are delivered one by one; or the producer's message, if that is the
    body.

    Raises InvalidEvent if *request* is not an event, or if events of its kind have no CloudEvent attributes.
    """
    event, delivery, _ = _facts(request)
    kind = kind_of(delivery.kind)
    if kind.name == "cloudevent":
        return unpack(event)
    if not delivery.attributes or kind.attributes is None:
        raise InvalidEvent(f"events of {kind.name or 'no matcher'} have no CloudEvent attributes")
    if delivery.payload is not None:
        return unpack(from_fields(delivery.attributes, delivery.attributes["datacontenttype"], delivery.payload))
    if delivery.record_id is None or kind.records is None:
        return CloudEvent(delivery.attributes, event)
    return CloudEvent(delivery.attributes, data_of(kind, records_of(kind.records, event)[0][0]))


def cloudevents(request: Any) -> list[CloudEvent]:
    """Return the CloudEvents of *request*: one for each record of a batch, otherwise the one from ``cloudevent``.

    Raises InvalidEvent as ``cloudevent`` does.
    """
    event, delivery, context = _facts(request)
    kind = kind_of(delivery.kind)
    if kind.name == "cloudevents.batch":
        return [unpack(item) for item in event]
    if kind.records is None or not delivery.attributes or delivery.record_id is not None:
        return [cloudevent(request)]
    return [CloudEvent(attributes, record) for attributes, record in Describer(kind, event, request_id(context)).each()]


def _facts(request: Any) -> tuple[Any, Delivery, Any]:
    if not is_event(request):
        raise InvalidEvent("this request is not an event: an HTTP client sent it")
    found = carrier(request) or {}
    return found["aws.event"], found["cloud_events.delivery"], found["aws.context"]
