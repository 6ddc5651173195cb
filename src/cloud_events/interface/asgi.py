"""INTERFACE, ASGI (asgi.readthedocs.io, HTTP & WebSocket 2.4): scope, receive, send."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from contextvars import Context, copy_context
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..errors import OutOfTime, ProtocolError
from ..messages import BODILESS, Response, seconds_left
from .lifespan import lifespan_of
from .loop import LOOP
from .options import valid_scope
from .tasks import SPAWNED, SpawnedTasks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..messages import Request

DEFAULT_SCOPE: dict[str, Any] = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.4"},
    "http_version": "1.1",
    "method": "POST",
    "scheme": "http",
    "path": "/",
    "root_path": "",
    "query_string": b"",
    "headers": [(b"content-type", b"application/json")],
    "client": None,
    "server": ("localhost", 80),
}

CLEANUP_SECONDS = 0.5  # before Lambda's deadline, reserved for the application's ``finally`` blocks

_UNESCAPED = "/-._~!$&'()*+,;=:@"  # in a path, besides letters and digits: RFC 3986, section 3.3


class Interface:
    """Calls one ASGI application. *scope* (``ASGI_SCOPE``) is merged over the defaults; *lifespan* is auto, on or off.

    Raises ConfigurationError, naming the key, for an invalid scope.
    """

    def __init__(
        self, application: Callable[..., Any], scope: Mapping[str, Any] | None = None, lifespan: str = "auto"
    ) -> None:
        self._application = application
        valid = valid_scope(scope)
        headers = valid.pop("headers", [])
        self._scope = {**DEFAULT_SCOPE, **valid, "asgi": {**DEFAULT_SCOPE["asgi"], **valid.get("asgi", {})}}
        self._content_type = next((pair for pair in headers if pair[0] == b"content-type"), DEFAULT_SCOPE["headers"][0])
        self._headers = [pair for pair in headers if pair[0] not in (b"content-type", b"content-length")]
        self.method: str = self._scope["method"]
        self.default_path: str = self._scope["path"]
        self._lifespan = lifespan_of(application, lifespan)

    def start(self) -> None:
        """Run the application's lifespan startup, once. Raises StartupFailed; the next call tries again."""
        self._lifespan.start()

    def drive_while(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call *function*, which waits for other threads' calls, while this thread drives the loop; return its result.

        If the other threads drove the loop in turn, asgiref (from 3.12 on) would lose the state of the thread in which
        a request began: a Django view that calls ``async_to_sync`` would wait for itself.
        """
        return LOOP.run(_in_thread, partial(function, *arguments))

    def make_http_handler(self) -> Callable[[Any, Any], Any]:
        """Return a Lambda handler of HTTP requests, made with Mangum. Raises ImportError if that is not installed."""
        from mangum import Mangum

        async def with_state(scope: Any, receive: Any, send: Any) -> None:
            if self._lifespan.state is not None:
                scope["state"] = self._lifespan.state.copy()
            await self._application(scope, receive, send)

        def handler(event: Any, context: Any) -> Any:
            # Made for each request: Mangum looks for its thread's current loop, and sets a new one if there is none.
            return Mangum(with_state, lifespan="off")(event, context)

        return handler

    def call_http(self, handler: Callable[[Any, Any], Any], event: Any, context: Any) -> Any:
        """Call *handler*, a Lambda handler of HTTP requests, on the same loop; return its result."""
        self._lifespan.start()
        return LOOP.lend(handler, event, context)

    def scope(self, request: Request) -> dict[str, Any]:
        """Return the scope of *request*: the defaults, overridden by the user's, overridden by the event's values."""
        headers = [(name.encode(), value.encode()) for name, value in request.headers]
        if self._headers:
            determined = {name for name, _ in headers}
            headers += [pair for pair in self._headers if pair[0] not in determined]
        if request.content_type is None:
            headers.append(self._content_type)
        elif request.content_type:
            headers.append((b"content-type", request.content_type.encode()))
        headers.append((b"content-length", b"%d" % len(self._body(request))))
        path = self._scope["root_path"] + request.path  # the whole path, unlike PATH_INFO
        scope = {
            **self._scope,
            "path": path,
            "raw_path": quote(path, _UNESCAPED).encode(),
            "headers": headers,
            "aws.event": request.event,
            "aws.context": request.context,
            "cloud_events.delivery": request.delivery,
        }
        if request.query:
            scope["query_string"] = request.query.encode()
        if self._lifespan.state is not None:
            scope["state"] = self._lifespan.state.copy()
        return scope

    def _body(self, request: Request) -> bytes:
        return b"" if self.method in BODILESS else request.body

    def call(self, request: Request) -> Response:
        """Call the application, wait for it and the tasks that it spawned, and return its complete response.

        An exception that it raises before the response is complete is raised here, unchanged; OutOfTime if it had to be
        cancelled.
        """
        self._lifespan.start()
        response: Response = LOOP.run(self._serve, request)
        return response

    async def _serve(self, request: Request) -> Response:
        exchange, spawned = Exchange(self._body(request)), SpawnedTasks()
        SPAWNED.set(spawned)
        deadline = _deadline(request.context)
        try:
            try:
                await self._serve_until(deadline, self.scope(request), exchange)
            except Exception as error:
                await spawned.drain(deadline)
                if not exchange.complete:
                    raise
                return exchange.response(error, *spawned.failures())
            await spawned.drain(deadline)
            return exchange.response(*spawned.failures())
        finally:
            spawned.end()

    async def _serve_until(self, deadline: float | None, scope: dict[str, Any], exchange: Exchange) -> None:
        try:
            async with asyncio.timeout(None) as timeout:
                if deadline is not None:
                    # In its own context: asyncio keeps timers, and their contexts, for longer than the event.
                    Context().run(timeout.reschedule, deadline)
                await self._application(scope, exchange.receive, exchange.send)
        except TimeoutError as late:
            if not timeout.expired():
                raise
            raise OutOfTime(
                "the application was cancelled shortly before the function's deadline; "
                "give the function a longer timeout, or the application less to do"
            ) from late
        except asyncio.CancelledError as cancelled:
            # CancelledError would end the process: Lambda's runtime client catches only Exception.
            raise ProtocolError("the application ended by cancelling itself") from cancelled
        finally:
            exchange.end()
        if not exchange.complete:
            raise ProtocolError("the application returned without having completed its response (ASGI)")


async def _in_thread(function: Callable[[], Any]) -> Any:
    """Call *function* in a daemon thread, in a copy of the current context; return its result."""
    result: Future[Any] = Future()

    def call() -> None:
        try:
            result.set_result(function())
        except BaseException as error:
            result.set_exception(error)

    Thread(target=copy_context().run, args=(call,), name="cloud_events-delivery", daemon=True).start()
    return await asyncio.shield(asyncio.wrap_future(result))


def _deadline(context: Any) -> float | None:
    """Return when the application is cancelled, in the time of the loop; None if *context* has no deadline."""
    left = seconds_left(context)
    if left is None:
        return None
    return asyncio.get_running_loop().time() + left - min(CLEANUP_SECONDS, left / 2)


class Exchange:
    """One request and its response, with the callables ``receive`` and ``send``."""

    __slots__ = ("_body", "_chunks", "_ended", "_headers", "_over", "_status", "complete")

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._status = 0
        self._headers: list[tuple[str, str]] = []
        self._chunks: list[bytes] = []
        self._over: asyncio.Event | None = None  # made when a receive() first waits: most never do
        self._ended = self.complete = False

    async def receive(self) -> dict[str, Any]:
        """ASGI, "Request - receive event", and "Disconnect - receive event"."""
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        if not (self.complete or self._ended):
            self._over = self._over or asyncio.Event()
            await self._over.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Mapping[str, Any]) -> None:
        """ASGI, "Response Start - send event", and "Response Body - send event"."""
        kind = message["type"]
        if kind == "http.response.start" and not self._status:
            self._start(message)
        elif kind == "http.response.body" and self._status and not self.complete:
            chunk = message.get("body", b"")
            if not isinstance(chunk, (bytes, bytearray, memoryview)):
                raise ProtocolError(f"the application's body must be bytes (ASGI), not {type(chunk).__name__}")
            self._chunks.append(bytes(chunk))
            if not message.get("more_body", False):
                self.complete = True
                self._wake()
        else:
            raise ProtocolError(f"the application sent {kind!r} out of order, or no such message exists (ASGI)")

    def _start(self, message: Mapping[str, Any]) -> None:
        try:
            headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message.get("headers", ())]
        except (AttributeError, TypeError, ValueError):
            raise ProtocolError("the application's headers must be pairs of bytes (ASGI)") from None
        status = message.get("status")
        if not isinstance(status, int) or not 100 <= status <= 999:
            raise ProtocolError(f"the application's status must be an int such as 200 (ASGI), not {status!r}")
        self._headers, self._status = headers, status

    def end(self) -> None:
        """Note that the application has returned, and wake any task that still waits in ``receive``."""
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        if self._over is not None:
            self._over.set()

    def response(self, *errors: Exception) -> Response:
        """Return the complete response; *errors* were raised after it."""
        error = errors[0] if len(errors) == 1 else None
        if len(errors) > 1:
            error = ExceptionGroup("raised after the answer was complete", errors)
        return Response(self._status, self._headers, b"".join(self._chunks), error)
