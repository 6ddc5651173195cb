"""Handler and application in one module: the application is not there yet when the handler is imported."""

from apps import obedient
from cloud_events.handler import handler

__all__ = ["application", "handler"]

application = obedient.wsgi
