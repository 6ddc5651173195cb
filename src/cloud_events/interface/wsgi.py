"""INTERFACE, WSGI (PEP 3333): environ, start_response, close()."""

from __future__ import annotations

import sys
from contextvars import copy_context
from io import BytesIO
from typing import TYPE_CHECKING, Any

from ..errors import ProtocolError
from ..messages import BODILESS, Response
from .options import latin1, valid_environ

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ..messages import Request

DEFAULT_ENVIRON: dict[str, Any] = {
    "CONTENT_TYPE": "application/json",
    "REQUEST_METHOD": "post",
    "PATH_INFO": "/",
    "SCRIPT_NAME": "",
    "QUERY_STRING": "",
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "80",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "http",
    "wsgi.input": None,
    "wsgi.run_once": False,
    "wsgi.multithread": False,
    "wsgi.multiprocess": False,
}


class Interface:
    """Calls one WSGI application. *environ* (``WSGI_ENVIRON``) is merged over the defaults.

    multithread: whether several threads call the application at the same time; this overrides *environ*

    Raises ConfigurationError, naming the key, for an invalid environ.
    """

    def __init__(
        self, application: Callable[..., Any], environ: Mapping[str, Any] | None = None, multithread: bool = False
    ) -> None:
        self._application = application
        self._environ = {**DEFAULT_ENVIRON, **valid_environ(environ)}
        if multithread:
            self._environ["wsgi.multithread"] = True
        self.method: str = self._environ["REQUEST_METHOD"].upper()
        self.default_path: str = self._environ["PATH_INFO"]
        self._environ["REQUEST_METHOD"] = self.method

    def start(self) -> None:
        """Do nothing: a WSGI application has no startup."""

    def drive_while(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call *function*, which waits for calls of other threads, and return its result; there is no loop to drive."""
        return function(*arguments)

    def make_http_handler(self) -> Callable[[Any, Any], Any]:
        """Return a Lambda handler of HTTP requests, made with apig-wsgi. Raises ImportError without that package."""
        from apig_wsgi import make_lambda_handler

        return make_lambda_handler(self._application)

    def call_http(self, handler: Callable[[Any, Any], Any], event: Any, context: Any) -> Any:
        """Call *handler*, a Lambda handler of HTTP requests, in its own context; return its result."""
        return copy_context().run(handler, event, context)

    def environ(self, request: Request) -> dict[str, Any]:
        """Return the environ of *request*: the defaults, overridden by the user's, overridden by the event's values."""
        body = b"" if self.method in BODILESS else request.body
        environ = {
            "wsgi.errors": sys.stderr,
            **self._environ,
            "PATH_INFO": latin1(request.path),
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body),
            "aws.event": request.event,
            "aws.context": request.context,
            "cloud_events.delivery": request.delivery,
        }
        if request.query:
            environ["QUERY_STRING"] = request.query
        if request.content_type is not None:
            environ["CONTENT_TYPE"] = request.content_type
            if not request.content_type:
                del environ["CONTENT_TYPE"]
        for name, value in request.headers:
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
        return environ

    def call(self, request: Request) -> Response:
        """Call the application in its own context, and return its complete response.

        The application sees the context variables of the caller; those that it sets itself are gone afterwards. An
        exception that it raises before the response is complete is raised here, unchanged.
        """
        return copy_context().run(self._serve, request)

    def _serve(self, request: Request) -> Response:
        exchange = Exchange()
        result = self._application(self.environ(request), exchange.start_response)
        try:
            exchange.take(result)
        except BaseException as raised:
            failed = _close(result)
            if failed is not None:
                raised.add_note(f"close() of the response then raised {type(failed).__name__}")
            raise
        return exchange.response(_close(result))


class Exchange:
    """Collects the response to one request from ``start_response``, ``write`` and the returned iterable."""

    __slots__ = ("_chunks", "_headers", "_status")

    def __init__(self) -> None:
        self._status = 0
        self._headers: list[tuple[str, str]] = []
        self._chunks: list[bytes] = []

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], None]:
        """PEP 3333, "The start_response() Callable"."""
        if exc_info:
            try:
                if self._chunks:  # too late: a client would have seen the first response
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # the traceback holds this frame: PEP 3333, "Error handling"
        elif self._status:
            raise ProtocolError("the application called start_response() twice, without exc_info (PEP 3333)")
        code = int(status[:3]) if isinstance(status, str) and status[:3].isdecimal() else 0
        if code < 100:
            raise ProtocolError("the application's status must be a str such as '200 OK' (PEP 3333)")
        self._headers = _pairs(headers)
        self._status = code
        return self.write

    def write(self, chunk: bytes) -> None:
        """PEP 3333, "The write() Callable"."""
        if not isinstance(chunk, bytes):
            raise ProtocolError(
                f"the application's body must be bytes, such as 'done'.encode() (PEP 3333), not {type(chunk).__name__}"
            )
        if chunk:
            self._chunks.append(chunk)

    def take(self, result: Iterable[bytes]) -> None:
        """Take the complete body that the application returned."""
        # str, bytes and dict are iterable, too, but returning one of them is a mistake.
        if type(result) in (bytes, str, dict) or not hasattr(result, "__iter__"):
            raise ProtocolError(
                "the application must return an iterable of bytes, such as [b'done'] (PEP 3333), not "
                f"{type(result).__name__}"
            )
        for chunk in result:
            if not self._status:
                raise ProtocolError("the application sent its body before it had called start_response() (PEP 3333)")
            self.write(chunk)
        if not self._status:
            raise ProtocolError("the application returned without having called start_response() (PEP 3333)")

    def response(self, error: Exception | None) -> Response:
        """Return the complete response; *error* was raised after it, or is None."""
        return Response(self._status, self._headers, b"".join(self._chunks), error)


def _pairs(headers: Any) -> list[tuple[str, str]]:
    try:
        pairs = list(headers)
        for name, value in pairs:
            if not (isinstance(name, str) and isinstance(value, str)):
                raise TypeError
    except (TypeError, ValueError):
        raise ProtocolError("the application's headers must be pairs of str (PEP 3333)") from None
    return pairs


def _close(result: Any) -> Exception | None:
    """Close *result*, in every case: Django ends its database connections here. Return the exception, if any."""
    try:
        if hasattr(result, "close"):
            result.close()
    except Exception as failed:
        return failed
    return None
