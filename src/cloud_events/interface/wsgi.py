"""INTERFACE, WSGI (PEP 3333): environ, start_response, close()."""

import sys
from io import BytesIO

from ..errors import ConfigurationError, ProtocolError
from ..messages import Response

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

BODILESS = ("GET", "HEAD", "TRACE", "CONNECT")  # RFC 9110, section 9.3: content means nothing in these


class Interface:
    """Calls one WSGI application. *environ* (``WSGI_ENVIRON``) is merged over the defaults.

    Raises ConfigurationError, naming the key, for an environ that no application may be given.
    """

    def __init__(self, application: "Callable[..., Any]", environ: "Mapping[str, Any] | None" = None) -> None:
        self._application = application
        self._environ = {**DEFAULT_ENVIRON, **_valid(environ or {})}
        self.method: str = self._environ["REQUEST_METHOD"].upper()
        self.default_path: str = self._environ["PATH_INFO"]
        self._environ["REQUEST_METHOD"] = self.method

    def start(self) -> None:
        """Nothing needs to run before the first event."""

    def environ(self, request: "Request") -> "dict[str, Any]":
        """The environ of *request*: defaults, then the user's, then what the event determines."""
        body = b"" if self.method in BODILESS else request.body
        environ = {
            **self._environ,
            "PATH_INFO": request.path if request.path.isascii() else request.path.encode().decode("latin-1"),
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body),
            "wsgi.errors": sys.stderr,
            "aws.event": request.event,
            "aws.context": request.context,
            "cloud_events.delivery": request.delivery,
        }
        if request.query:
            environ["QUERY_STRING"] = request.query
        if request.content_type:
            environ["CONTENT_TYPE"] = request.content_type
        elif request.content_type is not None:
            del environ["CONTENT_TYPE"]
        for name, value in request.headers:
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
        return environ

    def call(self, request: "Request") -> Response:
        """Call the application and take its whole answer. What it raises before that is raised here, unchanged."""
        started: list[Any] = []
        chunks: list[bytes] = []

        def start_response(status: str, headers: "list[tuple[str, str]]", exc_info: "Any" = None) -> "Any":
            if exc_info:
                try:
                    if chunks:  # too late to replace what a client would have seen
                        raise exc_info[1].with_traceback(exc_info[2])
                finally:
                    exc_info = None  # the traceback holds this frame: PEP 3333, "Error handling"
            elif started:
                raise ProtocolError("the application called start_response() twice, without exc_info (PEP 3333)")
            started[:] = status, headers
            return chunks.append

        result = self._application(self.environ(request), start_response)
        close = getattr(result, "close", None)
        try:
            for chunk in _iterable(result):
                if chunk or not started:
                    _check(chunk, started)
                    chunks.append(chunk)
            if not started:
                raise ProtocolError("the application returned without having called start_response() (PEP 3333)")
            response = _response(started, chunks)
        except BaseException as raised:
            try:
                if close is not None:
                    close()
            except Exception as failed:
                raised.add_note(f"close() of the response then raised {type(failed).__name__}")
            raise
        # Always: Django returns its database connections here.
        if close is not None:
            try:
                close()
            except Exception as failed:
                return response._replace(error=failed)
        return response


def _iterable(result: "Any") -> "Any":
    if result is None or isinstance(result, (bytes, str)):
        raise ProtocolError(f"the application must return an iterable of bytes (PEP 3333), not {type(result).__name__}")
    return result


def _check(chunk: "Any", started: "list[Any]") -> None:
    if not started:
        raise ProtocolError("the application sent its body before it had called start_response() (PEP 3333)")
    if not isinstance(chunk, bytes):
        raise ProtocolError(f"the application's body must be bytes (PEP 3333), not {type(chunk).__name__}")


def _response(started: "list[Any]", chunks: "list[bytes]") -> Response:
    status, headers = started
    try:
        code = int(status[:3])
    except (TypeError, ValueError):
        raise ProtocolError("the application's status must be a str such as '200 OK' (PEP 3333)") from None
    try:
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    except TypeError:  # through write()
        raise ProtocolError("the application's body must be bytes (PEP 3333)") from None
    if not all(isinstance(name, str) and isinstance(value, str) for name, value in headers):
        raise ProtocolError("the application's headers must be pairs of str (PEP 3333)")
    return Response(code, list(headers), body)


def _valid(environ: "Mapping[str, Any]") -> "dict[str, Any]":
    """What of the user's environ may be merged; numbers become the strings that CGI wants."""
    valid = {}
    for key, value in environ.items():
        if not isinstance(key, str):
            raise ConfigurationError(f"WSGI_ENVIRON: the key {key!r} must be a str")
        if key in ("HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"):
            raise ConfigurationError(f"WSGI_ENVIRON: {key} has no place in an environ; write {key[5:]} (PEP 3333)")
        if "." not in key:
            if isinstance(value, int) and not isinstance(value, bool):
                value = str(value)
            if not isinstance(value, str):
                raise ConfigurationError(f"WSGI_ENVIRON: {key} must be a str (PEP 3333), not {type(value).__name__}")
            if key in ("PATH_INFO", "SCRIPT_NAME") and value[:1] not in ("", "/"):
                raise ConfigurationError(f"WSGI_ENVIRON: {key}={value!r} must begin with '/'")
            try:
                value.encode("utf-8" if key == "PATH_INFO" else "latin-1")
            except UnicodeEncodeError:
                raise ConfigurationError(f"WSGI_ENVIRON: {key} must hold latin-1 characters only (PEP 3333)") from None
        valid[key] = value
    if valid.get("PATH_INFO") == "":
        valid["PATH_INFO"] = "/"
    if valid.get("SCRIPT_NAME") == "/":
        valid["SCRIPT_NAME"] = ""
    return valid
