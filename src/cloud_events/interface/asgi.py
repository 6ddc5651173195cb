"""INTERFACE, ASGI (asgi.readthedocs.io, HTTP & WebSocket 2.4, Lifespan 2.0): scope, receive/send, lifespan."""

import asyncio
import logging
import threading
from contextvars import copy_context

from ..errors import ConfigurationError, OutOfTime, ProtocolError, StartupFailed
from ..messages import Response, quote, seconds_left
from .loop import LOOP, spawned
from .wsgi import BODILESS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from ..messages import Request

logger = logging.getLogger("cloud_events")

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
DRAIN = 10.0  # seconds that spawned tasks may take where no deadline is known


class Interface:
    """Calls one ASGI application. *scope* (``ASGI_SCOPE``) is merged over the defaults; *lifespan* is auto, on or off.

    Raises ConfigurationError, naming the key, for a scope that no application may be given.
    """

    def __init__(
        self, application: "Callable[..., Any]", scope: "Mapping[str, Any] | None" = None, lifespan: str = "auto"
    ) -> None:
        self._application = application
        valid = _valid(scope or {})
        own = valid.pop("headers", [])
        self._scope = {**DEFAULT_SCOPE, **valid}
        self._content_type = next((pair for pair in own if pair[0] == b"content-type"), DEFAULT_SCOPE["headers"][0])
        self._headers = [pair for pair in own if pair[0] not in (b"content-type", b"content-length")]
        self.method: str = self._scope["method"]
        self.default_path: str = self._scope["path"]
        self._lifespan = Lifespan(application, lifespan)

    def start(self) -> None:
        """Run the application's lifespan startup, once. Raises StartupFailed; the next call tries again."""
        self._lifespan.start()

    def scope(self, request: "Request", body: bytes) -> "dict[str, Any]":
        """The scope of *request*: defaults, then the user's, then what the event determines."""
        headers = [(name.encode("ascii"), value.encode("ascii")) for name, value in request.headers]
        headers += [pair for pair in self._headers if not any(pair[0] == name for name, _ in headers)]
        if request.content_type is None:
            headers.append(self._content_type)
        elif request.content_type:
            headers.append((b"content-type", request.content_type.encode("ascii")))
        headers.append((b"content-length", b"%d" % len(body)))
        # The path is the whole path, that of root_path included, unlike PATH_INFO.
        path = self._scope["root_path"] + request.path
        scope = {
            **self._scope,
            "path": path,
            "raw_path": quote(path).encode("ascii"),
            "headers": headers,
            "aws.event": request.event,
            "aws.context": request.context,
            "cloud_events.delivery": request.delivery,
        }
        if request.query:
            scope["query_string"] = request.query.encode("ascii")
        if self._lifespan.state is not None:
            scope["state"] = self._lifespan.state.copy()
        return scope

    def call(self, request: "Request") -> Response:
        """Call the application, wait for its end and that of the tasks that it spawned, and take its whole answer.

        What it raises before its answer is complete is raised here, unchanged; OutOfTime if it had to be cancelled.
        """
        self._lifespan.start()
        context = copy_context()
        tasks: set[asyncio.Task[Any]] = set()
        context.run(spawned.set, tasks)
        body = b"" if self.method in BODILESS else request.body
        exchange = Exchange(body)
        served = self._serve(self.scope(request, body), exchange, tasks, request.context)
        return LOOP.run(served, context)  # type: ignore[no-any-return]

    async def _serve(
        self, scope: "dict[str, Any]", exchange: "Exchange", tasks: "set[asyncio.Task[Any]]", context: "Any"
    ) -> Response:
        loop = asyncio.get_running_loop()
        left = seconds_left(context)
        deadline = None if left is None else loop.time() + left - min(RESERVE, left / 2)
        error: BaseException | None = None
        current = asyncio.current_task()
        timer = None if deadline is None or current is None else loop.call_at(deadline, current.cancel)
        try:
            await self._application(scope, exchange.receive, exchange.send)
        except asyncio.CancelledError as cancelled:
            # As it is, it would end the process: Lambda's runtime client catches an Exception only.
            error = _cancelled(deadline is not None and loop.time() >= deadline)
            error.__cause__ = cancelled
        except Exception as raised:
            error = raised
        finally:
            if timer is not None:
                timer.cancel()
            exchange.end()
        if error is not None and not exchange.complete:
            raise error
        response = exchange.response()
        if tasks:
            error = await _drain(tasks, deadline or loop.time() + DRAIN) or error
        return response if error is None else response._replace(error=error)


def _cancelled(by_us: bool) -> Exception:
    if not by_us:
        return ProtocolError("the application ended by cancelling itself")
    return OutOfTime(
        "the application was cancelled shortly before the function's deadline; "
        "give the function a longer timeout, or the application less to do"
    )


async def _drain(tasks: "set[asyncio.Task[Any]]", deadline: float) -> "BaseException | None":
    """Wait for *tasks*, and those that they spawn, until *deadline*; return the first failure that nobody took."""
    loop = asyncio.get_running_loop()
    while pending := [task for task in tasks if not task.done()]:
        done, _ = await asyncio.wait(pending, timeout=max(0, deadline - loop.time()))
        if not done:
            names = ", ".join(sorted(task.get_name() for task in pending))
            logger.warning("tasks still pending at the end of the invocation; they go on at the next: %s", names)
            break
    failures = [
        task.exception()
        for task in tasks
        # asyncio marks so an exception that nobody has looked at.
        if task.done() and not task.cancelled() and getattr(task, "_log_traceback", False)
    ]
    return failures[0] if failures else None


class Exchange:
    """One request and its response: what ``receive`` gives and ``send`` takes."""

    def __init__(self, body: bytes) -> None:
        self._body: bytes | None = body
        self._status = 0
        self._headers: list[tuple[str, str]] = []
        self._chunks: list[bytes] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._over = False
        self.complete = False

    async def receive(self) -> "dict[str, Any]":
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        if not (self.complete or self._over):
            future = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future
        return {"type": "http.disconnect"}

    async def send(self, message: "Mapping[str, Any]") -> None:
        kind = message["type"]
        if kind == "http.response.start" and not self._status:
            try:
                self._headers = [
                    (bytes(name).decode("latin-1"), bytes(value).decode("latin-1"))
                    for name, value in message.get("headers", ())
                ]
            except TypeError:
                raise ProtocolError("the application's headers must be pairs of bytes (ASGI)") from None
            self._status = message["status"]
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

    def end(self) -> None:
        """The application has returned: who still waits in ``receive`` learns of it."""
        self._over = True
        self._wake()

    def _wake(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    def response(self) -> Response:
        if not self.complete:
            raise ProtocolError("the application returned without having completed its response (ASGI)")
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        return Response(self._status, self._headers, body)


class Lifespan:
    """The lifespan of one application: startup once, ``state``, shutdown before the process ends."""

    def __init__(self, application: "Callable[..., Any]", mode: str) -> None:
        self._application = application
        self._mode = mode
        self._lock = threading.Lock()
        self._started = mode == "off"
        self._task: asyncio.Task[None] | None = None
        self.state: dict[str, Any] | None = None

    def start(self) -> None:
        if self._started:
            return
        with self._lock:
            if not self._started:
                LOOP.run(self._start(), _plain_context())
                self._started = True

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        state: dict[str, Any] = {}
        answered: asyncio.Future[str | None] = loop.create_future()
        self._shutdown_asked = asyncio.Event()
        self._startup_sent = False

        async def receive() -> "dict[str, Any]":
            if not self._startup_sent:
                self._startup_sent = True
                return {"type": "lifespan.startup"}
            await self._shutdown_asked.wait()
            return {"type": "lifespan.shutdown"}

        async def send(message: "Mapping[str, Any]") -> None:
            kind = message["type"]
            if kind == "lifespan.startup.complete" and not answered.done():
                answered.set_result(None)
            elif kind == "lifespan.startup.failed" and not answered.done():
                answered.set_result(message.get("message") or "the application gave no reason")
            elif kind == "lifespan.shutdown.failed":
                logger.error("the application's shutdown failed: %s", message.get("message", ""))

        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
        task = loop.create_task(self._application(scope, receive, send), name="cloud_events-lifespan")
        await asyncio.wait([task, answered], return_when=asyncio.FIRST_COMPLETED)
        if not answered.done():
            # The application knows no lifespan, and says so by raising: ASGI, "Lifespan Protocol".
            error = None if task.cancelled() else task.exception()
            if self._mode == "on":
                raise StartupFailed(
                    "lifespan='on', but the application ended its lifespan before startup was complete"
                ) from error
            logger.info("the application has no lifespan")
            return
        failure = answered.result()
        if failure is not None:
            await asyncio.wait([task], timeout=1)
            error = task.exception() if task.done() and not task.cancelled() else None
            raise StartupFailed(f"the application's startup failed: {failure}") from error
        self._task, self.state = task, state
        LOOP.at_exit(self._stop)

    async def _stop(self) -> None:
        self._started = self._mode == "off"
        self._shutdown_asked.set()
        if self._task is not None:
            await self._task


def _plain_context() -> "Any":
    context = copy_context()
    context.run(spawned.set, None)
    return context


def _valid(scope: "Mapping[str, Any]") -> "dict[str, Any]":
    """What of the user's scope may be merged, in the types that ASGI wants."""
    valid = dict(scope)
    for key, expected in (("method", str), ("path", str), ("root_path", str), ("scheme", str), ("http_version", str)):
        if key in valid and not isinstance(valid[key], expected):
            raise ConfigurationError(f"ASGI_SCOPE: {key!r} must be a str, not {type(valid[key]).__name__}")
    if valid.get("type", "http") != "http":
        raise ConfigurationError(f"ASGI_SCOPE: 'type' must be 'http', not {valid['type']!r}")
    if "method" in valid:
        valid["method"] = valid["method"].upper()
    for key in ("path", "root_path"):
        if valid.get(key, "/")[:1] not in ("", "/"):
            raise ConfigurationError(f"ASGI_SCOPE: {key!r}={valid[key]!r} must begin with '/'")
    if "path" in valid:
        valid["path"] = valid["path"] or "/"
    if "root_path" in valid:
        valid["root_path"] = valid["root_path"].rstrip("/")
    if isinstance(valid.get("query_string"), str):
        valid["query_string"] = valid["query_string"].encode()
    if not isinstance(valid.get("query_string", b""), bytes):
        raise ConfigurationError("ASGI_SCOPE: 'query_string' must be bytes")
    for key in ("client", "server"):
        if valid.get(key) is not None:
            valid[key] = _address(key, valid[key])
    if "headers" in valid:
        valid["headers"] = _header_pairs(valid["headers"])
    return valid


def _address(key: str, value: "Any") -> "tuple[str, int | None]":
    # A str here makes Django answer 400 to everything.
    if not (
        isinstance(value, (list, tuple))
        and len(value) == 2
        and isinstance(value[0], str)
        and (value[1] is None or isinstance(value[1], int))
    ):
        raise ConfigurationError(f"ASGI_SCOPE: {key!r} must be a pair such as ('localhost', 80), not {value!r}")
    return value[0], value[1]


def _header_pairs(pairs: "Any") -> "list[tuple[bytes, bytes]]":
    if isinstance(pairs, dict):
        pairs = pairs.items()
    try:
        return [(_bytes(name).lower(), _bytes(value)) for name, value in pairs]
    except (TypeError, ValueError, AttributeError):
        raise ConfigurationError(
            "ASGI_SCOPE: 'headers' must be pairs of bytes, such as [(b'accept', b'application/json')]"
        ) from None


def _bytes(value: "Any") -> "Any":
    return value if isinstance(value, bytes) else value.encode("latin-1")
