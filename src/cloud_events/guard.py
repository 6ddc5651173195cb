"""Guards: a decorator for views and middleware for applications that answer 404 to requests that are not events."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TypeVar, overload

from .application import UNEVALUATED, interface_of
from .errors import ConfigurationError
from .unguarded import remember
from .view import is_event

P = ParamSpec("P")
R = TypeVar("R")

_REQUEST = "cloud_events_request"  # the parameter in which FastAPI passes the request to a guarded view


def events_only(view: Callable[P, R]) -> Callable[P, R]:
    """Let only events reach *view*, a view of Django, Flask, Starlette or FastAPI, plain or ``async``.

    Put it directly above ``def``, below the decorator of the route: the route must register the guarded view.
    A Django view is also exempted from the CSRF check: an event has no token, and no other request reaches the view.
    To guard a class, decorate its methods; in Django with ``@method_decorator(events_only, name="dispatch")``.

    Raises ConfigurationError if *view* is a class.
    """
    if inspect.isclass(view):
        raise ConfigurationError(
            f"events_only: {view.__name__} is a class; decorate its methods, in Django with "
            "@method_decorator(events_only, name='dispatch')"
        )
    if getattr(view, "guarded_by_events_only", False):
        return view
    call: Any = view
    guarded: Any
    if inspect.iscoroutinefunction(view) or inspect.iscoroutinefunction(type(view).__call__):

        @functools.wraps(view)
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            _admit([kwargs.pop(_REQUEST, None), *args, *kwargs.values()])
            return await call(*args, **kwargs)

    else:

        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            _admit([kwargs.pop(_REQUEST, None), *args, *kwargs.values()])
            return call(*args, **kwargs)

    guarded.csrf_exempt = True  # read by Django's CsrfViewMiddleware
    if "fastapi" in sys.modules:
        _ask_fastapi(guarded, view)
    remember(view)
    guarded.guarded_by_events_only = True
    result: Callable[P, R] = guarded
    return result


def _ask_fastapi(guarded: Any, view: Callable[..., Any]) -> None:
    """Have FastAPI pass the request to *guarded*; it passes only the parameters in the signature.

    FastAPI solves the dependencies of a signature in order, before it validates the body. So the first one can refuse.
    """

    async def admitted(request: Any) -> Any:
        _admit([request])
        return request

    admitted.__annotations__ = {"request": sys.modules["starlette.requests"].HTTPConnection}
    depends = Annotated[Any, sys.modules["fastapi"].Depends(admitted)]
    first = inspect.Parameter(_REQUEST, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=depends)
    try:
        # Older versions of FastAPI would look up the names of annotations in this module.
        signature = inspect.signature(view, eval_str=True)
    except Exception:  # an annotation cannot be evaluated: FastAPI reports that if it matters
        signature = inspect.signature(view, **UNEVALUATED)
    parameters = [*signature.parameters.values()]
    at = sum(parameter.kind is parameter.POSITIONAL_ONLY for parameter in parameters)
    guarded.__signature__ = signature.replace(parameters=[*parameters[:at], first, *parameters[at:]])


# The module and name of a framework's request class, and the exception that the framework turns into a 404.
_FRAMEWORKS: tuple[tuple[str, str, Callable[[], Exception]], ...] = (
    ("django.http", "HttpRequest", lambda: sys.modules["django.http"].Http404()),
    ("rest_framework.request", "Request", lambda: sys.modules["django.http"].Http404()),
    ("starlette.requests", "HTTPConnection", lambda: sys.modules["starlette.exceptions"].HTTPException(404)),
)


def _admit(arguments: Iterable[Any]) -> None:
    """Raise the framework's exception for 404, unless the request among the *arguments* of a view is an event."""
    classes = [
        (getattr(sys.modules[module], name), not_found)
        for module, name, not_found in _FRAMEWORKS
        if module in sys.modules
    ]
    for argument in arguments:
        for request_class, not_found in classes:
            if isinstance(argument, request_class):
                if not is_event(argument):
                    raise not_found()
                return
    # Flask passes no request to a view: it is in a context variable.
    flask = sys.modules.get("flask")
    if flask is None or not flask.has_request_context():
        raise ConfigurationError(
            "events_only: no request of Django, Flask, Starlette or FastAPI was passed to the view; ask "
            "is_event(request) in the view, or wrap the application in EventsOnly"
        )
    if not is_event(flask.request):
        raise sys.modules["werkzeug.exceptions"].NotFound


class EventsOnly:
    """WSGI or ASGI middleware: only events reach *paths* of *app*; any other request gets a 404."""

    def __new__(cls, app: Any, paths: Iterable[str] = ("/aws.",), interface: str | None = None) -> EventsOnly:
        kind = interface or interface_of(app)
        if kind not in _INTERFACES:
            raise ConfigurationError(
                "EventsOnly: cannot detect the interface; pass interface='wsgi' or interface='asgi'"
            )
        return object.__new__(_INTERFACES[kind])

    def __init__(self, app: Any, paths: Iterable[str] = ("/aws.",), interface: str | None = None) -> None:
        """Guard *paths* of *app*.

        paths:     one or more prefixes of paths, as the router sees them; case does not matter, and "/events/" also
                   guards "/events"
        interface: "wsgi" or "asgi"; detected from the application if omitted

        Raises ConfigurationError if the interface cannot be detected, or a path does not begin with one "/".
        """
        self._app = app
        self._paths = tuple(
            path.casefold().replace("/@@", "/") for path in ((paths,) if isinstance(paths, str) else paths)
        )
        if not self._paths or not all(path[:1] == "/" and "//" not in path for path in self._paths):
            raise ConfigurationError(
                f"EventsOnly: paths={paths!r}: name one or more prefixes, each beginning with one '/', for example "
                "'/aws.'"
            )

    if TYPE_CHECKING:  # each instance is called in one of these two ways

        @overload
        def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]: ...
        @overload
        def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> Awaitable[None]: ...
        def __call__(self, *arguments: Any, **named: Any) -> Any: ...

    def _refuses(self, path: str, mounts: Iterable[str], request: Any) -> bool:
        """Whether *request* is not an event, and a router may read its *path* as one that only events may reach.

        mounts: the mount points of the application, innermost first; *path* may begin with them or not
        """
        if is_event(request):
            return False
        if path[:1] not in ("", "/"):  # a complete URL or not a path: each router reads these differently
            return True
        seen = [path]
        for mount in dict.fromkeys(filter(None, mounts)):
            seen += [mount + one for one in seen] + [one.partition(mount)[2] for one in seen]
        return any(_plain(one, dots).startswith(self._paths) for one in seen for dots in (False, True))


class _WsgiEventsOnly(EventsOnly):
    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:  # type: ignore[override]
        # As in Bottle, which ignores bytes that are not UTF-8.
        path, *mounts = (
            environ.get(key, "").encode("latin-1").decode("utf-8", "ignore")
            for key in ("PATH_INFO", "HTTP_X_VHM_ROOT", "SCRIPT_NAME")
        )
        if not self._refuses(path, mounts, environ):
            inside: Iterable[bytes] = self._app(environ, start_response)
            return inside
        start_response("404 Not Found", [("Content-Type", "text/plain"), ("Content-Length", "9")])
        return [b"Not Found"]


class _AsgiEventsOnly(EventsOnly):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # type: ignore[override]
        if "path" not in scope or not self._refuses(scope["path"], self._mounts(scope), scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            headers = [(b"content-type", b"text/plain"), (b"content-length", b"9")]
            await send({"type": "http.response.start", "status": 404, "headers": headers})
            await send({"type": "http.response.body", "body": b"Not Found"})

    def _mounts(self, scope: Any) -> list[str]:
        """The mount points of *scope*, and those that an application removes although no server has set them."""
        virtual = b",".join(value for name, value in scope.get("headers", ()) if name.lower() == b"x-vhm-root")
        app = self._app
        while (inner := getattr(app, "app", app)) is not app:
            app = inner
        mounts = [virtual.decode("utf-8", "ignore"), scope.get("root_path", "")]
        mounts.append(getattr(app, "root_path", ""))  # FastAPI(root_path=…)
        if "django.conf" in sys.modules and sys.modules["django.conf"].settings.configured:
            mounts.append(sys.modules["django.conf"].settings.FORCE_SCRIPT_NAME)
        return mounts


_INTERFACES = {"wsgi": _WsgiEventsOnly, "asgi": _AsgiEventsOnly}


def _plain(path: str, dots: bool) -> str:
    """Return *path* in lower case, with single slashes, also at both ends; *dots*: resolve "." and ".." segments."""
    segments: list[str] = []
    for segment in path.casefold().split("/"):
        segment = segment.removeprefix("@@")  # Pyramid's traversal: a view name, with or without "@@"
        if dots and segment == "..":
            del segments[-1:]
        elif segment and not (dots and segment == "."):
            segments.append(segment)
    return "/".join(["", *segments, ""])
