"""HANDLER. The one door: the Lambda setting is ``Handler = cloud_events.handler.handler``.

Handler → Adapter → Interface → Application, and the reply back
"""

import logging
import os
import threading
from time import perf_counter

from .adapter import Adapter
from .adapter.matcher import HTTP
from .application import load
from .errors import UnsupportedEvent
from .settings import Settings, from_environment, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .messages import Request, Response
    from .reply import Reply

    Handler = Callable[[Any, Any], Any]

logger = logging.getLogger("cloud_events")

_lock = threading.Lock()
_handler: "Handler | None" = None


def handler(event: "Any", context: "Any") -> "Any":
    """Deliver *event* to the application that WSGI_APPLICATION or ASGI_APPLICATION names; return what Lambda is told.

    event:   what Lambda hands over: any JSON value as Python objects
    context: Lambda's context object, or None

    Raises ConfigurationError, InvalidEvent, UnsupportedEvent, EventFailed, the others of ``cloud_events.errors``, and
    whatever the application raises before its answer is complete. Each of these fails the invocation.
    """
    return (_handler or _load())(event, context)


def make_handler(application: "Any", interface: "str | None" = None, **settings: "Any") -> "Handler":
    """Return a Lambda handler for *application*, a callable or the dotted path of one.

    interface: "wsgi" or "asgi"; seen from the application where it is not given
    settings:  wsgi_environ, asgi_scope, response, failure_statuses, delivery, content_mode, matchers, path_prefix,
               sources, http_handler, lifespan: each as the environment variable of that name, objects or dotted paths.
               One that is left out falls back on its environment variable.

    Raises ConfigurationError, naming the keyword, its value and the remedy.
    """
    if isinstance(application, str):
        application = load(application, "make_handler")
    return journey(*boxes(resolve(application, interface, settings)))


def boxes(settings: Settings) -> "tuple[Settings, Adapter, Any, Reply]":
    """What an event passes through on its way: adapter, interface and reply, made for *settings*."""
    from .reply import Reply

    if settings.interface == "wsgi":
        from .interface import wsgi

        interface: Any = wsgi.Interface(settings.application, settings.base)
    else:
        from .interface import asgi

        interface = asgi.Interface(settings.application, settings.base, settings.lifespan)
    places = settings.places._replace(default=interface.default_path)
    adapter = Adapter(settings.matchers, places, settings.content_mode, settings.delivery == "record")
    return settings, adapter, interface, Reply(settings.response == "native", settings.failures)


def journey(settings: Settings, adapter: Adapter, interface: "Any", reply: "Reply") -> "Handler":
    """The Lambda handler that sends each event through these boxes."""
    from .adapter.encoding import use_orjson

    use_orjson()
    _warm(interface)

    def call(request: "Request") -> "Response":
        started = perf_counter()
        response: Response = interface.call(request)
        if logger.isEnabledFor(logging.INFO):
            milliseconds = (perf_counter() - started) * 1000
            line = (request.delivery.matcher, interface.method, request.path, response.status, milliseconds)
            logger.info("%s: %s %s answered %d in %.1f ms", *line)
        if response.error is not None:
            late = response.error
            logger.error("the application failed after its answer at %s was complete", request.path, exc_info=late)
        return response

    def handle(event: "Any", context: "Any") -> "Any":
        adapted = adapter.adapt(event, context)
        if adapted.request is not None:
            return reply.one(adapted, adapted.request, call(adapted.request))
        if adapted.reply == HTTP:
            return hand_on(settings.http_handler, adapted.name)(event, context)
        from . import batch

        return batch.deliver(adapted, context, call, reply)

    return handle


HTTP_KINDS = {
    "http.apigw1": "API Gateway, payload 1.0",
    "http.apigw2": "API Gateway, payload 2.0",
    "http.functionurl": "a Lambda function URL",
    "http.alb": "an Application Load Balancer",
    "http.lattice1": "VPC Lattice, payload 1.0",
    "http.lattice2": "VPC Lattice, payload 2.0",
}


def hand_on(http_handler: "Handler | None", name: "str | None") -> "Handler":
    """The Lambda handler that takes the HTTP requests of our row *name*. Raises UnsupportedEvent where none was set."""
    if http_handler is None:
        raise UnsupportedEvent(
            f"this is an HTTP request, from {HTTP_KINDS[name or '']}: set CLOUD_EVENTS_HTTP_HANDLER to a "
            "Lambda handler for it, made by Mangum (ASGI) or apig-wsgi (WSGI)"
        )
    return http_handler


def _load() -> "Handler":
    global _handler
    with _lock:
        if _handler is None:
            _handler = journey(*boxes(from_environment()))
        return _handler


def _warm(interface: "Any") -> None:
    """In Lambda, start the application in the init phase; with SnapStart, after each restore of the snapshot."""
    if "AWS_LAMBDA_FUNCTION_NAME" not in os.environ:
        return
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
        interface.start()
        return
    try:
        from snapshot_restore_py import register_after_restore
    except ImportError:
        return  # then the first event starts it
    register_after_restore(interface.start)


_PATHS = (
    "WSGI_APPLICATION",
    "ASGI_APPLICATION",
    "WSGI_ENVIRON",
    "ASGI_SCOPE",
    "CLOUD_EVENTS_MATCHERS",
    "CLOUD_EVENTS_HTTP_HANDLER",
)


def _wanted_now() -> bool:
    """Whether to load the application while this module is imported, so that the work falls into the init phase."""
    if "AWS_LAMBDA_FUNCTION_NAME" not in os.environ:
        return False
    if os.environ.get("_HANDLER", "").replace("/", ".") == "cloud_events.handler.handler":
        return True
    paths = [os.environ.get(name, "") for name in _PATHS]
    return any(paths[:2]) and not any(map(_half_imported, paths))


def _half_imported(path: str) -> bool:
    # The module that holds it may be the one that is importing us, a few lines before it makes it.
    import sys

    module_name = path.partition(":")[0] if ":" in path else path.rpartition(".")[0]
    spec = getattr(sys.modules.get(module_name), "__spec__", None)
    return bool(getattr(spec, "_initializing", False))


if _wanted_now():
    _load()
