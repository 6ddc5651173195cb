"""Locks for the paths of events: a decorator for views, a middleware for applications. All others are answered 404."""

import functools
import sys

from .application import interface_of
from .errors import ConfigurationError
from .view import carrier, is_event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    View = Callable[..., Any]


def events_only(view: "View") -> "View":
    """Let only events reach *view*, of Django, Flask, Starlette or FastAPI, plain or ``async``.

    A Django view is exempt from the CSRF check as well: an event has no token, and nobody else gets as far as the view.
    """
    from inspect import iscoroutinefunction

    if iscoroutinefunction(view):

        @functools.wraps(view)
        async def guarded(*args: "Any", **kwargs: "Any") -> "Any":
            _admit(args, kwargs)
            return await view(*args, **kwargs)

    else:

        @functools.wraps(view)
        def guarded(*args: "Any", **kwargs: "Any") -> "Any":
            _admit(args, kwargs)
            return view(*args, **kwargs)

    guarded.csrf_exempt = True  # type: ignore[attr-defined]  # read by Django's CsrfViewMiddleware
    _ask_fastapi(guarded, view)
    return guarded


_ASKED = "cloud_events_request"


def _ask_fastapi(guarded: "Any", view: "View") -> None:
    """FastAPI hands over only what the signature asks for: have it ask for the request."""
    if "fastapi" not in sys.modules:
        return
    import inspect

    from starlette.requests import Request

    signature = inspect.signature(view)
    parameters = [*signature.parameters.values()]
    asked = inspect.Parameter(_ASKED, inspect.Parameter.KEYWORD_ONLY, annotation=Request)
    # Nothing may follow **kwargs.
    at = len(parameters) - (bool(parameters) and parameters[-1].kind is inspect.Parameter.VAR_KEYWORD)
    guarded.__signature__ = signature.replace(parameters=[*parameters[:at], asked, *parameters[at:]])


def _admit(args: "tuple[Any, ...]", kwargs: "dict[str, Any]") -> None:
    asked = kwargs.pop(_ASKED, None)
    requests = [each for each in (asked, *args, *kwargs.values()) if each is not None and carrier(each) is not None]
    # Flask's views are given no request: it stands in a context of its own.
    flask = sys.modules.get("flask")
    if not requests and flask is not None and flask.has_request_context():
        requests = [flask.request]
    if not requests:
        raise ConfigurationError(
            "events_only: the view is given no request; decorate a view of Django, Flask, Starlette or FastAPI"
        )
    if not is_event(requests[0]):
        raise _not_found(requests[0])


# The class of a framework's requests, and the exception that it answers with 404.
_ANSWERS: "tuple[tuple[str, str, Any], ...]" = (
    ("django.http", "HttpRequest", lambda: sys.modules["django.http"].Http404()),
    ("rest_framework.request", "Request", lambda: sys.modules["django.http"].Http404()),
    ("werkzeug.wrappers", "Request", lambda: sys.modules["werkzeug.exceptions"].NotFound()),
    ("starlette.requests", "HTTPConnection", lambda: sys.modules["starlette.exceptions"].HTTPException(404)),
)


def _not_found(request: "Any") -> Exception:
    for module, base, answer in _ANSWERS:
        found = sys.modules.get(module)
        # Flask's is a proxy, which says what it stands for by __class__.
        if found is not None and issubclass(request.__class__, getattr(found, base)):
            return answer()  # type: ignore[no-any-return]
    return ConfigurationError(
        f"events_only: cannot answer 404 to a {type(request).__name__}; wrap the application in EventsOnly"
    )


class EventsOnly:
    """WSGI or ASGI middleware: only events reach *paths* (prefixes) of *application*; all others are answered 404.

    interface: "wsgi" or "asgi"; seen from the application where it is not given

    Raises ConfigurationError where that cannot be seen.
    """

    def __new__(cls, app: "Any", paths: "Iterable[str]" = ("/aws.",), interface: "str | None" = None) -> "EventsOnly":
        kind = interface or interface_of(app)
        if kind not in _INTERFACES:
            raise ConfigurationError(
                "EventsOnly: cannot tell WSGI from ASGI here; say interface='wsgi' or interface='asgi'"
            )
        return object.__new__(_INTERFACES[kind])

    def __init__(self, app: "Any", paths: "Iterable[str]" = ("/aws.",), interface: "str | None" = None) -> None:
        self._app = app
        self._paths = (paths,) if isinstance(paths, str) else tuple(paths)

    def _refuses(self, mounted: str, path: str, request: "Any") -> bool:
        # Whether the server or the application takes the mount point off, and however many slashes stand in a row.
        seen = [_single_slashes(path), _single_slashes(mounted + path), _single_slashes(path.removeprefix(mounted))]
        return not is_event(request) and any(each.startswith(self._paths) for each in seen)


class _WsgiEventsOnly(EventsOnly):
    def __call__(self, environ: "dict[str, Any]", start_response: "Any") -> "Any":
        path, mounted = (
            environ.get(key, "").encode("latin-1").decode("utf-8", "replace") for key in ("PATH_INFO", "SCRIPT_NAME")
        )
        if not self._refuses(mounted, path, environ):
            return self._app(environ, start_response)
        start_response("404 Not Found", [("Content-Type", "text/plain"), ("Content-Length", "9")])
        return [b"Not Found"]


class _AsgiEventsOnly(EventsOnly):
    async def __call__(self, scope: "Any", receive: "Any", send: "Any") -> None:
        if "path" not in scope or not self._refuses(scope.get("root_path", ""), scope["path"], scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            headers = [(b"content-type", b"text/plain"), (b"content-length", b"9")]
            await send({"type": "http.response.start", "status": 404, "headers": headers})
            await send({"type": "http.response.body", "body": b"Not Found"})


_INTERFACES = {"wsgi": _WsgiEventsOnly, "asgi": _AsgiEventsOnly}


def _single_slashes(path: str) -> str:
    while "//" in path:
        path = path.replace("//", "/")
    return path
