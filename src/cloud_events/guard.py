"""Locks for the paths of events: a decorator for views, a middleware for applications. All others are answered 404."""

import functools
import sys

from .application import interface_of
from .errors import ConfigurationError
from .view import is_event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    View = Callable[..., Any]


def events_only(view: "View") -> "View":
    """Let only events reach *view*, of Django, Flask, Starlette or FastAPI, plain or ``async``.

    A Django view is exempt from the CSRF check as well: an event has no token, and nobody else gets as far as the view.
    A class keeps its checks in its methods: ``@method_decorator(events_only, name="dispatch")`` in Django.
    """
    from inspect import isclass, iscoroutinefunction

    if isclass(view):
        raise ConfigurationError(
            f"events_only: {view.__name__} is a class; decorate its methods, in Django by "
            "@method_decorator(events_only, name='dispatch')"
        )
    if iscoroutinefunction(view) or iscoroutinefunction(type(view).__call__):

        @functools.wraps(view)
        async def guarded(*args: "Any", **kwargs: "Any") -> "Any":
            _admit([kwargs.pop(_ASKED, None), *args, *kwargs.values()])
            return await view(*args, **kwargs)

    else:

        @functools.wraps(view)
        def guarded(*args: "Any", **kwargs: "Any") -> "Any":
            _admit([kwargs.pop(_ASKED, None), *args, *kwargs.values()])
            return view(*args, **kwargs)

    guarded.csrf_exempt = True  # type: ignore[attr-defined]  # read by Django's CsrfViewMiddleware
    if "fastapi" in sys.modules:
        _ask_fastapi(guarded, view)
    return guarded


_ASKED = "cloud_events_request"


def _ask_fastapi(guarded: "Any", view: "View") -> None:
    """FastAPI hands over only what a signature asks for: ask for the request, before a body is checked."""
    import inspect

    async def admitted(request: "Any") -> "Any":
        _admit([request])
        return request

    admitted.__annotations__ = {"request": sys.modules["starlette.requests"].HTTPConnection}
    depends = sys.modules["fastapi"].Depends(admitted)
    asked = inspect.Parameter(_ASKED, inspect.Parameter.KEYWORD_ONLY, default=depends)
    signature = inspect.signature(view)
    parameters = [*signature.parameters.values()]
    # Nothing may follow **kwargs.
    at = len(parameters) - (bool(parameters) and parameters[-1].kind is inspect.Parameter.VAR_KEYWORD)
    guarded.__signature__ = signature.replace(parameters=[*parameters[:at], asked, *parameters[at:]])


# Where the class of a framework's requests is, and the exception that the framework answers with 404.
_FRAMEWORKS: "tuple[tuple[str, str, Callable[[], Exception]], ...]" = (
    ("django.http", "HttpRequest", lambda: sys.modules["django.http"].Http404()),
    ("rest_framework.request", "Request", lambda: sys.modules["django.http"].Http404()),
    ("starlette.requests", "HTTPConnection", lambda: sys.modules["starlette.exceptions"].HTTPException(404)),
)


def _admit(arguments: "Iterable[Any]") -> None:
    """Raise what the framework answers with 404, unless the request among a view's *arguments* is an event."""
    classes = [
        (getattr(sys.modules[module], name), not_found)
        for module, name, not_found in _FRAMEWORKS
        if module in sys.modules
    ]
    for argument in arguments:
        for requests, not_found in classes:
            if isinstance(argument, requests):
                if not is_event(argument):
                    raise not_found()
                return
    # Flask's views are given no request: it stands in a context of its own.
    flask = sys.modules.get("flask")
    if flask is None or not flask.has_request_context():
        raise ConfigurationError(
            "events_only: the view is given no request of Django, Flask, Starlette or FastAPI; ask is_event(request) "
            "in the view, or wrap the application in EventsOnly"
        )
    if not is_event(flask.request):
        raise sys.modules["werkzeug.exceptions"].NotFound


class EventsOnly:
    """WSGI or ASGI middleware: only events reach *paths* (prefixes) of *application*; all others are answered 404.

    paths:     as the router sees them, in any case of letters; "/events/" is "/events" too
    interface: "wsgi" or "asgi"; seen from the application where it is not given

    Raises ConfigurationError where that cannot be seen, or a path does not begin with "/".
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
        self._paths = tuple(
            path.casefold().replace("/@@", "/") for path in ((paths,) if isinstance(paths, str) else paths)
        )
        if not self._paths or not all(path[:1] == "/" and "//" not in path for path in self._paths):
            raise ConfigurationError(
                f"EventsOnly: paths={paths!r}; name one or more, each from '/' on, such as '/aws.'"
            )

    def _refuses(self, path: str, mounts: "Iterable[str]", request: "Any") -> bool:
        """Whether *request* is no event, and a router may take its *path* for one that only events may reach.

        mounts: what stands before the application's own paths, and may be a part of *path* or not
        """
        if is_event(request):
            return False
        if path[:1] not in ("", "/"):  # a whole URL or no path at all, which each router reads in its own way
            return True
        seen = [path]
        for mount in filter(None, mounts):
            seen += [mount + path, path.partition(mount)[2]]
        return any(_plain(one, dots).startswith(self._paths) for one in seen for dots in (False, True))


class _WsgiEventsOnly(EventsOnly):
    def __call__(self, environ: "dict[str, Any]", start_response: "Any") -> "Any":
        # As Bottle reads it, which ignores what is no UTF-8.
        path, mount = (
            environ.get(key, "").encode("latin-1").decode("utf-8", "ignore") for key in ("PATH_INFO", "SCRIPT_NAME")
        )
        if not self._refuses(path, [mount], environ):
            return self._app(environ, start_response)
        start_response("404 Not Found", [("Content-Type", "text/plain"), ("Content-Length", "9")])
        return [b"Not Found"]


class _AsgiEventsOnly(EventsOnly):
    async def __call__(self, scope: "Any", receive: "Any", send: "Any") -> None:
        if "path" not in scope or not self._refuses(scope["path"], [scope.get("root_path", ""), *self._own()], scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            headers = [(b"content-type", b"text/plain"), (b"content-length", b"9")]
            await send({"type": "http.response.start", "status": 404, "headers": headers})
            await send({"type": "http.response.body", "body": b"Not Found"})

    def _own(self) -> "list[str]":
        """The mount points that an application takes off although no server has named them."""
        app = self._app
        while (inner := getattr(app, "app", app)) is not app:
            app = inner
        own = [getattr(app, "root_path", "")]  # FastAPI(root_path=…)
        if "django.conf" in sys.modules and sys.modules["django.conf"].settings.configured:
            own.append(sys.modules["django.conf"].settings.FORCE_SCRIPT_NAME)
        return own


_INTERFACES = {"wsgi": _WsgiEventsOnly, "asgi": _AsgiEventsOnly}


def _plain(path: str, dots: bool) -> str:
    """*path* in lower case with one slash at each end and between segments; *dots* has "." and ".." do their work."""
    segments: list[str] = []
    for segment in path.casefold().split("/"):
        segment = segment.removeprefix("@@")  # Pyramid's traversal: what follows is the name of a view, as without it
        if dots and segment == "..":
            del segments[-1:]
        elif segment and not (dots and segment == "."):
            segments.append(segment)
    return "/".join(["", *segments, ""])
