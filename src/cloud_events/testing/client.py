"""The client of the test kit: sends events to an application as Lambda does, and plain HTTP requests."""

from __future__ import annotations

import asyncio
import os
from base64 import b64decode
from collections.abc import Callable, Mapping
from copy import copy
from typing import Any, Literal, Unpack

from ..application import load
from ..handler import Handler
from ..interface import asgi, wsgi
from ..messages import Delivery, Request, Response
from ..settings import HTTP_HANDLERS, Keywords, resolve
from .events import function_url
from .invocation import Invocation, Invoker, LambdaContext


class EventClient:
    """Sends events to an application. As a context manager, it ends the lifespan of an ASGI application."""

    def __init__(
        self,
        application: Callable[..., Any] | str,
        interface: Literal["wsgi", "asgi"] | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        **settings: Unpack[Keywords],
    ) -> None:
        """Make a handler for *application*, a callable or the dotted path of one, as ``make_handler`` does.

        interface:   "wsgi" or "asgi"; detected from the application if omitted
        environment: variables to read settings from, instead of those of the process; {} for none
        settings:    the keywords of ``make_handler``, such as response="native"

        Raises ConfigurationError, naming the keyword, its value and the remedy.
        """
        if isinstance(application, str):
            application = load(application, "EventClient")
        variables = os.environ if environment is None else environment
        self._settings = resolve(application, interface, settings, environment=variables)
        self._invoke = Invoker(self._settings)
        self._website: Handler | None = None  # made for the first HTTP request

    def send(self, event: Any, context: Any = None) -> Invocation:
        """Deliver *event* as Lambda would; return the Invocation. Works inside a running event loop, too.

        context: a LambdaContext, or any object; a new LambdaContext if omitted

        An exception of the handler is not raised, but is in ``raised`` of the Invocation.
        """
        return self._invoke(event, LambdaContext() if context is None else context)

    async def asend(self, event: Any, context: Any = None) -> Invocation:
        """Deliver *event* as ``send`` does, in a thread, so that the event loop of the test goes on meanwhile."""
        # Not asyncio.to_thread, which copies the context: asgiref would mistake the thread for one of the test.
        return await asyncio.get_running_loop().run_in_executor(None, self.send, event, context)

    def knock(self, path: str, method: str = "POST") -> int:
        """Send a plain HTTP request to *path*, as any HTTP client can; return the status.

        The body is an empty JSON object. The request is not marked as an event, so a guarded view answers 404. Raises
        any exception of the application.
        """
        path, _, query = path.partition("?")
        request = Request(path, query, b"{}", None, [], None, None, Delivery(None, path))
        settings = self._settings
        if settings.interface == "wsgi":
            response = _UnmarkedWsgi(settings.application, {**settings.base, "REQUEST_METHOD": method}).call(request)
        else:
            scope = {**settings.base, "method": method}
            response = _UnmarkedAsgi(settings.application, scope, settings.lifespan).call(request)
        return response.status

    def http(
        self, method: str, path: str, body: str | bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Response:
        """Send an HTTP request as a function URL does; return the response, with status, headers, body and ``json()``.

        As in Lambda, the request goes to the ``http_handler`` of the settings; if there is none, to one made with the
        package for the interface, Mangum or apig-wsgi. Raises any exception of the handler.
        """
        if self._settings.http_handler is None:
            self._settings = copy(self._settings)
            self._settings.http_handler = HTTP_HANDLERS[self._settings.interface]
        if self._website is None:
            self._website = Handler(self._settings)
        reply = self._website(function_url(method, path, body, headers or {}), LambdaContext())
        content = reply.get("body") or ""
        content = b64decode(content) if reply.get("isBase64Encoded") else content.encode()
        fields = [*reply.get("headers", {}).items(), *(("set-cookie", value) for value in reply.get("cookies", ()))]
        return Response(reply["statusCode"], fields, content)

    def close(self) -> None:
        """End the lifespan of an ASGI application. The next event starts it again."""
        self._invoke.close()

    def __enter__(self) -> EventClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _UnmarkedWsgi(wsgi.Interface):
    def environ(self, request: Request) -> dict[str, Any]:
        return _unmarked(super().environ(request))


class _UnmarkedAsgi(asgi.Interface):
    def scope(self, request: Request) -> dict[str, Any]:
        return _unmarked(super().scope(request))


def _unmarked(found: dict[str, Any]) -> dict[str, Any]:
    """Remove the keys that no HTTP client can send from an environ or a scope."""
    return {key: value for key, value in found.items() if not key.startswith(("aws.", "cloud_events."))}
