"""The client of the test kit: sends events to an application as Lambda does, and plain requests as a stranger does."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Any, Literal, Unpack

from ..application import load
from ..interface import asgi, wsgi
from ..messages import Delivery, Request
from ..settings import Keywords, resolve
from .invocation import Invocation, Invoker, LambdaContext


class EventClient:
    """Sends events to an application. As a context manager it ends the lifespan of an ASGI application."""

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
        environment: the environment variables that hold settings, in place of those of the process; {}: none
        settings:    the keywords of ``make_handler``, such as response="native"

        Raises ConfigurationError, naming the keyword, its value and the remedy.
        """
        if isinstance(application, str):
            application = load(application, "EventClient")
        variables = os.environ if environment is None else environment
        self._settings = resolve(application, interface, settings, environment=variables)
        self._invoke = Invoker(self._settings)

    def send(self, event: Any, context: Any = None) -> Invocation:
        """Deliver *event* as Lambda would; return what became of it. Works inside a running event loop too.

        context: a LambdaContext, or any object; a new LambdaContext if omitted

        Raises nothing that the handler raises: see ``raised`` of what is returned.
        """
        return self._invoke(event, LambdaContext() if context is None else context)

    async def asend(self, event: Any, context: Any = None) -> Invocation:
        """Deliver *event* as ``send`` does, in a thread, so that the event loop of the test goes on meanwhile."""
        # Not asyncio.to_thread, which copies the context: asgiref would take the thread for one of the test's own.
        return await asyncio.get_running_loop().run_in_executor(None, self.send, event, context)

    def knock(self, path: str, method: str = "POST") -> int:
        """Send a plain HTTP request to *path* as any HTTP client can; return the status.

        The body is an empty JSON object. Nothing marks the request as an event: what guards the views of events answers
        404. Raises what the application raises.
        """
        path, _, query = path.partition("?")
        request = Request(path, query, b"{}", None, [], None, None, Delivery(None, path))
        settings = self._settings
        if settings.interface == "wsgi":
            response = _WsgiStranger(settings.application, {**settings.base, "REQUEST_METHOD": method}).call(request)
        else:
            scope = {**settings.base, "method": method}
            response = _AsgiStranger(settings.application, scope, settings.lifespan).call(request)
        return response.status

    def close(self) -> None:
        """End the lifespan of an ASGI application. Another event starts it again."""
        self._invoke.close()

    def __enter__(self) -> EventClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _WsgiStranger(wsgi.Interface):
    def environ(self, request: Request) -> dict[str, Any]:
        return _unmarked(super().environ(request))


class _AsgiStranger(asgi.Interface):
    def scope(self, request: Request) -> dict[str, Any]:
        return _unmarked(super().scope(request))


def _unmarked(found: dict[str, Any]) -> dict[str, Any]:
    """Remove what no HTTP client can send from an environ or a scope."""
    return {key: value for key, value in found.items() if not key.startswith(("aws.", "cloud_events."))}
