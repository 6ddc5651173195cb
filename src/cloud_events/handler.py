"""HANDLER. The Lambda setting is ``Handler = cloud_events.handler.handler``.

Handler → Adapter → Interface → Application, and back to the reply.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from time import perf_counter
from typing import Any, Literal, Protocol, Unpack

from .adapter import Adapted, Adapter
from .adapter.encoding import use_orjson
from .adapter.matcher import HTTP
from .adapter.path import Targets
from .adapter.writing import Unit
from .application import load
from .delivery import LAST_MOMENT, deliver, deliver_at_once
from .diagnosis import note
from .errors import ConfigurationError, OutOfTime, UnsupportedEvent
from .interface import wsgi
from .messages import Outcome, Part, Request, Response, seconds_left
from .reply import Reply
from .settings import HTTP_HANDLERS, Keywords, Settings, from_environment, resolve
from .workers import Workers

logger = logging.getLogger("cloud_events")

_lock = threading.Lock()
_handler: Handler | None = None


class Observer(Protocol):
    """Is notified of the events and requests of a handler; used by the test kit and the command line."""

    def adapted(self, adapted: Adapted) -> None:
        """An event was recognised."""

    def sent(self, request: Request, outcome: Outcome, milliseconds: float) -> None:
        """A request was sent. The outcome has no response if the application raised before it was complete."""


class Handler:
    """A Lambda handler for one application: a callable of event and context.

    settings: the settings
    observer: is notified of each event and request, or None
    """

    def __init__(self, settings: Settings, observer: Observer | None = None) -> None:
        self.settings = settings
        self.interface = _interface(settings)
        targets = Targets(self.interface.default_path, settings.path_prefix, settings.sources)
        by_record = settings.delivery == "record"
        self.adapter = Adapter(settings.matchers, targets, settings.content_mode, by_record, settings.unwrap)
        self._workers = Workers(settings.concurrency) if settings.concurrency > 1 else None
        self._reply = Reply(settings.response == "native", settings.failure_statuses)
        self._observer = observer
        self._http = _http_handler(settings, self.interface)
        use_orjson()
        _start_in_init(self.interface)

    def __call__(self, event: Any, context: Any) -> Any:
        """Deliver *event*; return the reply to Lambda.

        Raises InvalidEvent, UnsupportedEvent, EventFailed, the other errors of ``cloud_events.errors``, and any
        exception that the application raises before its response is complete. Each of these fails the invocation.
        """
        if self._workers:
            self._wait_for_late(self._workers, context)
        adapted = self.adapter.adapt(event, context)
        if self._observer is not None:
            self._observer.adapted(adapted)
        if adapted.reply == HTTP:
            return self.interface.call_http(self.http_handler(adapted), event, context)
        if adapted.split is None:
            (part,) = adapted.parts
            outcomes = [self._send(adapted, part, unit) for unit in self.adapter.units(adapted, part, {})]
        elif self._workers and adapted.split == "record" and not adapted.window:
            self.interface.start()  # in this thread: only the main thread can catch SIGTERM
            arguments = (adapted, self.adapter.units, self._send, self._workers)
            outcomes = self.interface.drive_while(deliver_at_once, *arguments)
        else:
            outcomes = deliver(adapted, self.adapter.units, self._send)
        return self._reply.tell(adapted, outcomes)

    def _wait_for_late(self, workers: Workers, context: Any) -> None:
        """Wait for records of earlier events that are still being handled. Raises OutOfTime at the last moment."""
        left = seconds_left(context)
        if not workers.wait_for_late(None if left is None else left - LAST_MOMENT):
            raise OutOfTime("a record of the previous event is still being handled; give the application less to do")

    def _send(self, adapted: Adapted, part: Part, unit: Unit) -> Outcome:
        """Send one request. Raises any exception that the application raises before its response is complete."""
        if unit.target.acknowledged:
            logger.info("%s: acknowledged without a request", unit.target.matcher)
            return Outcome(part, None, Response(204, [], b""), None)
        request = self.adapter.request(unit)
        started = perf_counter()
        try:
            response = self.interface.call(request)
        except BaseException as error:
            hint = note(error)
            if hint:
                error.add_note(hint)
            self._observe(request, Outcome(part, request.path, None, error), started)
            raise
        if logger.isEnabledFor(logging.INFO):
            milliseconds = (perf_counter() - started) * 1000
            line = (request.delivery.matcher, self.interface.method, request.path, response.status, milliseconds)
            fields = _fields(request, response, milliseconds)
            logger.info("%s: %s %s answered %d in %.1f ms", *line, extra=fields)
        if response.error is not None:
            late = response.error
            logger.error("the application failed after its response at %s was complete", request.path, exc_info=late)
        outcome = self._reply.judge(adapted, part, request, response)
        self._observe(request, outcome, started)
        return outcome

    def _observe(self, request: Request, outcome: Outcome, started: float) -> None:
        if self._observer is not None:
            self._observer.sent(request, outcome, (perf_counter() - started) * 1000)

    def http_handler(self, adapted: Adapted) -> Any:
        """Return the Lambda handler of HTTP requests. Raises UnsupportedEvent if none is set or supported."""
        word = HTTP_HANDLERS[self.settings.interface]
        if self._http is None:
            raise UnsupportedEvent(
                f"this is an HTTP request, from {adapted.kind.sender}: set CLOUD_EVENTS_HTTP_HANDLER={word} to have "
                "the same application answer it, or to the dotted path of a Lambda handler of your own"
            )
        if self.settings.http_handler == word and (adapted.kind.name or "").startswith("http.lattice"):
            raise UnsupportedEvent(
                f"this is an HTTP request, from {adapted.kind.sender}, which {word} does not support: set "
                "CLOUD_EVENTS_HTTP_HANDLER to the dotted path of a Lambda handler of your own"
            )
        return self._http


def handler(event: Any, context: Any) -> Any:
    """Deliver *event* to the application that WSGI_APPLICATION or ASGI_APPLICATION names; return the reply to Lambda.

    event:   any JSON value, as Python objects
    context: Lambda's context object, or None

    Raises ConfigurationError, and the errors of ``Handler.__call__``. Each of these fails the invocation.
    """
    return (_handler or _load())(event, context)


def make_handler(
    application: Callable[..., Any] | str,
    interface: Literal["wsgi", "asgi"] | None = None,
    **settings: Unpack[Keywords],
) -> Handler:
    """Return a Lambda handler for *application*, a callable or the dotted path of one.

    interface: "wsgi" or "asgi"; detected from the application if omitted
    settings:  wsgi_environ, asgi_scope, response, failure_statuses, delivery, content_mode, matchers, path_prefix,
               sources, http_handler, lifespan, unwrap, concurrency. Each has the meaning of the environment variable of
               that name, and may be an object or a dotted path. If omitted, the environment variable is used.

    Raises ConfigurationError, naming the keyword, its value and the remedy.
    """
    if isinstance(application, str):
        application = load(application, "make_handler")
    return Handler(resolve(application, interface, settings))


def _interface(settings: Settings) -> Any:
    if settings.interface == "wsgi":
        return wsgi.Interface(settings.application, settings.base, settings.concurrency > 1)
    from .interface import asgi  # imports asyncio, which WSGI functions do not need

    return asgi.Interface(settings.application, settings.base, settings.lifespan)


def _fields(request: Request, response: Response, milliseconds: float) -> dict[str, Any]:
    """Return the extra fields of the log line of a delivery; the runtime client prints them in a JSON log."""
    delivery = request.delivery
    return {
        "matcher": delivery.matcher,
        "path": request.path,
        "status": response.status,
        "milliseconds": milliseconds,
        "event_id": delivery.event_id,
        "record_id": delivery.record_id,
    }


def _http_handler(settings: Settings, interface: Any) -> Any:
    """Return the Lambda handler of HTTP requests, or None; if the setting names a package, make a handler with it."""
    if not isinstance(settings.http_handler, str):
        return settings.http_handler
    try:
        return interface.make_http_handler()
    except ImportError as error:
        package = settings.http_handler
        raise ConfigurationError(
            f"CLOUD_EVENTS_HTTP_HANDLER={package!r}: the package is not installed; "
            f"pip install 'cloud-events[{package}]'"
        ) from error


def _load() -> Handler:
    global _handler
    with _lock:
        if _handler is None:
            _handler = Handler(from_environment())
        return _handler


def _start_in_init(interface: Any) -> None:
    """In Lambda, start the application in the init phase; with SnapStart, after each restore of the snapshot."""
    if "AWS_LAMBDA_FUNCTION_NAME" not in os.environ:
        return
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
        interface.start()
        return
    try:
        from snapshot_restore_py import register_after_restore
    except ImportError:
        return  # the first event starts the application instead
    register_after_restore(interface.start)


_PATHS = (
    "WSGI_APPLICATION",
    "ASGI_APPLICATION",
    "WSGI_ENVIRON",
    "ASGI_SCOPE",
    "CLOUD_EVENTS_MATCHERS",
    "CLOUD_EVENTS_HTTP_HANDLER",
)


def _load_in_init() -> bool:
    """Whether to load the application while this module is imported, so that it happens in the init phase."""
    if "AWS_LAMBDA_FUNCTION_NAME" not in os.environ:
        return False
    if os.environ.get("_HANDLER", "").replace("/", ".") == "cloud_events.handler.handler":
        return True
    paths = [os.environ.get(name, "") for name in _PATHS]
    return any(paths[:2]) and not any(map(_half_imported, paths))


def _half_imported(path: str) -> bool:
    """Whether the module of *path* is importing this one, and so has not yet defined the object at *path*."""
    module_name = path.partition(":")[0] if ":" in path else path.rpartition(".")[0]
    spec = getattr(sys.modules.get(module_name), "__spec__", None)
    # importlib sets this. Without the check, the object would be looked up too early, and the function would fail.
    return bool(getattr(spec, "_initializing", False))


if _load_in_init():
    _load()
