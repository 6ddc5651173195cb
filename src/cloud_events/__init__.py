"""cloud-events: any event that reaches AWS Lambda, delivered to your Django, Flask or FastAPI application.

The Lambda setting is ``Handler = cloud_events.handler.handler``; ``WSGI_APPLICATION`` or ``ASGI_APPLICATION`` names the
application. An S3 upload then arrives as ``POST /aws.s3``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .adapter.cloudevent import CloudEvent as CloudEvent
    from .adapter.matcher import Matcher as Matcher
    from .errors import CloudEventsError as CloudEventsError
    from .errors import ConfigurationError as ConfigurationError
    from .errors import EventFailed as EventFailed
    from .errors import InvalidEvent as InvalidEvent
    from .errors import OutOfTime as OutOfTime
    from .errors import ProtocolError as ProtocolError
    from .errors import ReplyTooLarge as ReplyTooLarge
    from .errors import StartupFailed as StartupFailed
    from .errors import UnsupportedEvent as UnsupportedEvent
    from .guard import EventsOnly as EventsOnly
    from .guard import events_only as events_only
    from .handler import make_handler as make_handler
    from .view import cloudevent as cloudevent
    from .view import cloudevents as cloudevents
    from .view import is_event as is_event

__version__ = "0.5.0"

# The module of each public name. The names are resolved late (PEP 562), so that importing the package imports none.
_NAMES = {
    "make_handler": "handler",
    "Matcher": "adapter.matcher",
    "is_event": "view",
    "cloudevent": "view",
    "cloudevents": "view",
    "events_only": "guard",
    "EventsOnly": "guard",
    "CloudEvent": "adapter.cloudevent",
    "CloudEventsError": "errors",
    "ConfigurationError": "errors",
    "EventFailed": "errors",
    "InvalidEvent": "errors",
    "OutOfTime": "errors",
    "ProtocolError": "errors",
    "ReplyTooLarge": "errors",
    "StartupFailed": "errors",
    "UnsupportedEvent": "errors",
}

__all__ = [*_NAMES]


def __getattr__(name: str) -> object:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_NAMES[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES})
