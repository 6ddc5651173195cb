"""INTERFACE, WSGI (PEP 3333): environ, start_response, close()."""

import sys
from io import BytesIO

from ..errors import ProtocolError
from ..messages import BODILESS, Response
from ..values import Remembered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from ..messages import Request

DEFAULT_ENVIRON: "dict[str, Any]" = {
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


_KEYS = Remembered(lambda header: f"HTTP_{header.upper().replace('-', '_')}")


class Interface:
    """Calls one WSGI application. *environ* (``WSGI_ENVIRON``) is merged over the defaults.

    Raises ConfigurationError, naming the key, for an environ that no application may be given.
    """

    def __init__(self, application: "Callable[..., Any]", environ: "Mapping[str, Any] | None" = None) -> None:
        self._application = application
        self._environ = {**DEFAULT_ENVIRON, **_checked(environ)}
        self.method: str = self._environ["REQUEST_METHOD"].upper()
        self.default_path: str = self._environ["PATH_INFO"]
        self._environ["REQUEST_METHOD"] = self.method
        self._bodiless = self.method in BODILESS

    def start(self) -> None:
        """Nothing needs to run before the first event."""

    def environ(self, request: "Request") -> "dict[str, Any]":
        """The environ of *request*: defaults, then the user's, then what the event determines."""
        body = b"" if self._bodiless else request.body
        path, content_type = request.path, request.content_type
        environ = self._environ.copy()
        environ.setdefault("wsgi.errors", sys.stderr)
        environ["PATH_INFO"] = path if path.isascii() else latin(path)
        environ["CONTENT_LENGTH"] = f"{len(body)}"
        environ["wsgi.input"] = BytesIO(body)
        environ["aws.event"] = request.event
        environ["aws.context"] = request.context
        environ["cloud_events.delivery"] = request.delivery
        if request.query:
            environ["QUERY_STRING"] = request.query
        if content_type:
            environ["CONTENT_TYPE"] = content_type
        elif content_type is not None:
            del environ["CONTENT_TYPE"]
        for name, value in request.headers:
            environ[_KEYS[name]] = value
        return environ

    def call(self, request: "Request") -> Response:
        """Call the application and take its whole answer. What it raises before that is raised here, unchanged."""
        head: Any = None  # status, headers
        chunks: list[bytes] = []

        def start_response(status: str, headers: "list[tuple[str, str]]", exc_info: "Any" = None) -> "Any":
            nonlocal head
            if exc_info:
                try:
                    if chunks:  # too late to replace what a client would have seen
                        raise exc_info[1].with_traceback(exc_info[2])
                finally:
                    exc_info = None  # the traceback holds this frame: PEP 3333, "Error handling"
            elif head:
                raise ProtocolError("the application called start_response() twice, without exc_info (PEP 3333)")
            head = _head(status, headers)
            return write

        def write(chunk: bytes) -> None:
            if not isinstance(chunk, bytes):
                raise ProtocolError(
                    "the application's body must be bytes, such as 'done'.encode() (PEP 3333), not "
                    f"{type(chunk).__name__}"
                )
            if chunk:
                chunks.append(chunk)

        result = self._application(self.environ(request), start_response)
        try:
            for chunk in _iterable(result):
                if not head:
                    raise ProtocolError(
                        "the application sent its body before it had called start_response() (PEP 3333)"
                    )
                write(chunk)
            if not head:
                raise ProtocolError("the application returned without having called start_response() (PEP 3333)")
        except BaseException as raised:
            failed = _close(result)
            if failed is not None:
                raised.add_note(f"close() of the response then raised {type(failed).__name__}")
            raise
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        status, headers = head
        return Response(status, headers, body, _close(result))


def _close(result: "Any") -> "Exception | None":
    """Close *result*, always: Django ends its database connections here. Returns what that raises."""
    close = getattr(result, "close", None)
    if close is not None:
        try:
            close()
        except Exception as failed:
            return failed
    return None


_NO_BODIES = frozenset((bytes, str, dict))


def _iterable(result: "Any") -> "Any":
    # These are iterable, too, but not of bytes; and a body that is sent byte by byte is a mistake.
    if type(result) in _NO_BODIES or not hasattr(result, "__iter__"):
        raise ProtocolError(
            "the application must return an iterable of bytes, such as [b'done'] (PEP 3333), not "
            f"{type(result).__name__}"
        )
    return result


_CODES = Remembered(lambda status: int(status[:3]) if status[:3].isdecimal() else 0)


def _head(status: "Any", headers: "Any") -> "tuple[int, list[tuple[str, str]]]":
    code = _CODES[status] if isinstance(status, str) else 0
    if code < 100:
        raise ProtocolError("the application's status must be a str such as '200 OK' (PEP 3333)")
    try:
        pairs = list(headers)
        for name, value in pairs:
            if not (isinstance(name, str) and isinstance(value, str)):
                raise TypeError
    except (TypeError, ValueError):
        raise ProtocolError("the application's headers must be pairs of str (PEP 3333)") from None
    return code, pairs


def _checked(environ: "Mapping[str, Any] | None") -> "dict[str, Any]":
    if not environ:
        return {}
    from .base import valid_environ

    return valid_environ(environ)


def latin(text: str) -> str:
    """UTF-8 bytes as text of PEP 3333, "Unicode Issues"."""
    return text.encode().decode("latin-1")
