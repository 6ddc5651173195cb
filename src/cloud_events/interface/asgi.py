"""INTERFACE, ASGI (asgi.readthedocs.io, HTTP & WebSocket 2.4, Lifespan 2.0): scope, receive/send, lifespan."""

import asyncio
from contextvars import copy_context
from urllib.parse import quote

from ..errors import OutOfTime, ProtocolError
from ..messages import BODILESS, Response, seconds_left
from ..values import Remembered
from .lifespan import lifespan_of
from .loop import LOOP
from .tasks import Alarm, Spawned, spawned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from ..messages import Request

DEFAULT_SCOPE: "dict[str, Any]" = {
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

RESERVE = 0.5  # seconds before Lambda's deadline that are left to the application's ``finally`` blocks


_NAMES = Remembered(str.encode)
_RAW_PATHS = Remembered(lambda path: quote(path, safe="/!$&'()*+,;=:@").encode())


class Interface:
    """Calls one ASGI application. *scope* (``ASGI_SCOPE``) is merged over the defaults; *lifespan* is auto, on or off.

    Raises ConfigurationError, naming the key, for a scope that no application may be given.
    """

    def __init__(
        self, application: "Callable[..., Any]", scope: "Mapping[str, Any] | None" = None, lifespan: str = "auto"
    ) -> None:
        self._application = application
        valid = _checked(scope)
        own = valid.pop("headers", [])
        self._scope = {**DEFAULT_SCOPE, **valid, "asgi": {**DEFAULT_SCOPE["asgi"], **valid.get("asgi", {})}}
        self._content_type = next((pair for pair in own if pair[0] == b"content-type"), DEFAULT_SCOPE["headers"][0])
        self._headers = [pair for pair in own if pair[0] not in (b"content-type", b"content-length")]
        self.method: str = self._scope["method"]
        self._bodiless = self.method in BODILESS
        self.default_path: str = self._scope["path"]
        self._lifespan = lifespan_of(application, lifespan)
        self._alarm: Alarm | None = None

    def start(self) -> None:
        """Run the application's lifespan startup, once. Raises StartupFailed; the next call tries again."""
        self._lifespan.start()

    def scope(self, request: "Request", body: bytes) -> "dict[str, Any]":
        """The scope of *request*: defaults, then the user's, then what the event determines."""
        headers = [(_NAMES[name], value.encode()) for name, value in request.headers]
        if self._headers:
            determined = {name for name, _ in headers}
            headers += [pair for pair in self._headers if pair[0] not in determined]
        content_type = request.content_type
        if content_type is None:
            headers.append(self._content_type)
        elif content_type:
            headers.append((b"content-type", content_type.encode()))
        headers.append((b"content-length", b"%d" % len(body)))
        scope = self._scope.copy()
        # The path is the whole path, that of root_path included, unlike PATH_INFO.
        scope["path"] = path = scope["root_path"] + request.path
        scope["raw_path"] = _RAW_PATHS[path]
        scope["headers"] = headers
        scope["aws.event"] = request.event
        scope["aws.context"] = request.context
        scope["cloud_events.delivery"] = request.delivery
        if request.query:
            scope["query_string"] = request.query.encode()
        if self._lifespan.state is not None:
            scope["state"] = self._lifespan.state.copy()
        return scope

    def call(self, request: "Request") -> Response:
        """Call the application, wait for its end and that of the tasks that it spawned, and take its whole answer.

        What it raises before its answer is complete is raised here, unchanged; OutOfTime if it had to be cancelled.
        """
        self._lifespan.start()
        tasks = Spawned()
        body = b"" if self._bodiless else request.body
        scope = self.scope(request, body)
        response: Response
        try:
            response = LOOP.run(copy_context(), self._serve, scope, Exchange(body), tasks, request.context)
        finally:
            tasks.end()
        return response

    async def _serve(self, scope: "dict[str, Any]", exchange: "Exchange", tasks: Spawned, context: "Any") -> Response:
        spawned.set(tasks)
        deadline = None
        left = seconds_left(context)
        if left is not None:
            loop = asyncio.get_running_loop()
            if self._alarm is None or self._alarm.loop is not loop:
                self._alarm = Alarm(loop)
            deadline = self._alarm.set(exchange, left - (RESERVE if left > 2 * RESERVE else left / 2))
        try:
            try:
                await self._application(scope, exchange.receive, exchange.send)
            except asyncio.CancelledError as cancelled:
                # As it is, it would end the process: Lambda's runtime client catches an Exception only.
                raise exchange.cancelled() from cancelled
            finally:
                exchange.end()
            if not exchange.complete:
                raise ProtocolError("the application returned without having completed its response (ASGI)")
        except Exception as error:
            await tasks.drain(deadline)
            if not exchange.complete:
                raise
            return exchange.response(error, *tasks.failures())
        if not tasks:
            return exchange.response()
        await tasks.drain(deadline)
        return exchange.response(*tasks.failures())


class Exchange:
    """One request and its response: what ``receive`` gives and ``send`` takes."""

    __slots__ = ("_body", "_chunks", "_ended", "_expired", "_headers", "_over", "_status", "alarm", "complete", "task")

    _headers: "list[tuple[str, str]]"
    task: "asyncio.Task[Any]"  # that awaits the application, where there is a deadline

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._status = 0
        self._chunks: list[bytes] = []
        self._over: asyncio.Event | None = None  # made for the first that waits: most never do
        self._ended = self._expired = self.complete = False
        self.alarm: Alarm | None = None

    async def receive(self) -> "dict[str, Any]":
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        if not (self.complete or self._ended):
            self._over = self._over or asyncio.Event()
            await self._over.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: "Mapping[str, Any]") -> None:
        kind = message["type"]
        if kind == "http.response.start" and not self._status:
            try:
                self._headers = [
                    (name.decode("latin-1"), value.decode("latin-1")) for name, value in message.get("headers", ())
                ]
            except (AttributeError, TypeError, ValueError):
                raise ProtocolError("the application's headers must be pairs of bytes (ASGI)") from None
            status = message.get("status")
            if not isinstance(status, int) or not 100 <= status <= 999:
                raise ProtocolError(f"the application's status must be an int such as 200 (ASGI), not {status!r}")
            self._status = status
        elif kind == "http.response.body" and self._status and not self.complete:
            chunk = message.get("body", b"")
            if type(chunk) is not bytes:
                if not isinstance(chunk, (bytes, bytearray, memoryview)):
                    raise ProtocolError(f"the application's body must be bytes (ASGI), not {type(chunk).__name__}")
                chunk = bytes(chunk)
            self._chunks.append(chunk)
            if not message.get("more_body", False):
                self.complete = True
                if self._over is not None:
                    self._over.set()
        else:
            raise ProtocolError(f"the application sent {kind!r} out of order, or no such message exists (ASGI)")

    def expire(self) -> None:
        """Cancel it: its deadline has come."""
        self._expired = True
        self.task.cancel()

    def cancelled(self) -> Exception:
        """What is to be raised where it was cancelled."""
        if self._expired:
            return OutOfTime(
                "the application was cancelled shortly before the function's deadline; "
                "give the function a longer timeout, or the application less to do"
            )
        return ProtocolError("the application ended by cancelling itself")

    def end(self) -> None:
        """The application has returned: who still waits in ``receive`` learns of it."""
        self._ended = True
        if self._over is not None:
            self._over.set()
        if self.alarm is not None:
            self.alarm.unset(self)

    def response(self, *errors: Exception) -> Response:
        """The whole answer; *errors* came after it."""
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        if not errors:
            return Response(self._status, self._headers, body, None)
        error = errors[0] if len(errors) == 1 else ExceptionGroup("raised after the answer was complete", errors)
        return Response(self._status, self._headers, body, error)


def _checked(scope: "Mapping[str, Any] | None") -> "dict[str, Any]":
    if not scope:
        return {}
    from .base import valid_scope

    return valid_scope(scope)
