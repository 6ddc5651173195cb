"""Checks WSGI_ENVIRON and ASGI_SCOPE, and converts their values to the types that PEP 3333 and ASGI require."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NEVER_EMPTY = ("REQUEST_METHOD", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL")
_PATHS = ("PATH_INFO", "SCRIPT_NAME")  # text here; the environ has their UTF-8 bytes, read as latin-1


def latin1(text: str) -> str:
    """Return the UTF-8 bytes of *text*, decoded as latin-1: the form of paths in PEP 3333, "Unicode Issues"."""
    return text.encode().decode("latin-1")


def valid_environ(environ: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the user's *environ* for merging; numbers become strings, as CGI requires.

    Raises ConfigurationError, naming the key, according to PEP 3333, "environ Variables".
    """
    valid: dict[str, Any] = {}
    for key, value in (environ or {}).items():
        if isinstance(value, int) and not isinstance(value, bool) and "." not in str(key):
            value = str(value)
        fault = _fault(key, value)
        if fault:
            raise ConfigurationError(f"WSGI_ENVIRON: {fault}")
        valid[key] = value if "." in key else str.__str__(value)  # wsgiref.validate refuses subclasses of str
    if "PATH_INFO" in valid:
        valid["PATH_INFO"] = valid["PATH_INFO"] or "/"
    if "SCRIPT_NAME" in valid:
        valid["SCRIPT_NAME"] = latin1(valid["SCRIPT_NAME"].rstrip("/"))
    return valid


def _fault(key: Any, value: Any) -> str:
    """Return the fault of one entry of the user's environ, or ""."""
    if not isinstance(key, str):
        return f"the key {key!r} must be a str"
    if key in ("HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"):
        return f"{key} has no place in an environ; write {key[5:]} (PEP 3333)"
    if key == "wsgi.version" and not isinstance(value, tuple):
        return f"{key} must be a tuple, (1, 0) (PEP 3333), not {value!r}"
    if key == "wsgi.url_scheme" and value not in ("http", "https"):
        return f"{key}={value!r} must be 'http' or 'https' (PEP 3333)"
    if key == "wsgi.errors" and not hasattr(value, "write"):
        return f"{key} must be a stream such as sys.stderr (PEP 3333), not {type(value).__name__}"
    if "." in key:
        return ""
    if not isinstance(value, str):
        return f"{key} must be a str (PEP 3333), not {type(value).__name__}"
    if not value and key in _NEVER_EMPTY:
        return f"{key} must not be empty (PEP 3333)"
    if key in _PATHS and value[:1] not in ("", "/"):
        return f"{key}={value!r} must begin with '/'"
    try:
        value.encode("utf-8" if key in _PATHS else "latin-1")
    except UnicodeEncodeError as error:
        return f"{key} has characters that {error.encoding} cannot write (PEP 3333)"
    return ""


def valid_scope(scope: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the user's *scope* for merging, in the types of ASGI's "HTTP Connection Scope".

    Raises ConfigurationError, naming the key.
    """
    valid: dict[str, Any] = {}
    for key, value in (scope or {}).items():
        if not isinstance(key, str):
            raise ConfigurationError(f"ASGI_SCOPE: the key {key!r} must be a str")
        convert, wanted = _ENTRIES.get(key, (None, ""))
        try:
            valid[key] = convert(value) if convert else value
        except (TypeError, ValueError, LookupError, AttributeError):
            given = f", not {value!r}" if key != "headers" else ""  # headers may contain a secret
            raise ConfigurationError(f"ASGI_SCOPE: {key!r} must be {wanted}{given}") from None
    return valid


def _text(value: Any) -> str:
    if not value.encode():
        raise ValueError
    return str.__str__(value)


def _path(value: Any) -> str:
    if value and value[0] != "/":
        raise ValueError
    return _text(value or "/")


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str.encode(value, "latin-1")


def _header_pairs(pairs: Any) -> list[tuple[bytes, bytes]]:
    if isinstance(pairs, dict):
        pairs = pairs.items()
    return [(_bytes(name).lower(), _bytes(value)) for name, value in pairs]


def _address(value: Any) -> tuple[str, int | None] | None:
    # With a str here, Django would answer 400 to every request.
    if value is None:
        return None
    host, port = value
    if not (port is None or isinstance(port, int)):
        raise TypeError
    return _text(host), port


# The entries that are checked in the user's scope: how they are converted, and the type that ASGI requires, in words.
_ENTRIES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "type": ({"http": "http"}.__getitem__, "'http'"),
    "asgi": (lambda value: {**value}, "a dict such as {'version': '3.0'}"),
    "http_version": (_text, "a str such as '1.1'"),
    "method": (lambda value: _text(value).upper(), "a str such as 'POST'"),
    "scheme": (_text, "a str such as 'http'"),
    "path": (_path, "a str that begins with '/'"),
    "root_path": (lambda value: _path(value).rstrip("/"), "a str that begins with '/'"),
    "query_string": (_bytes, "bytes"),
    "headers": (_header_pairs, "pairs of bytes, such as [(b'accept', b'application/json')]"),
    "client": (_address, "a pair such as ('localhost', 80)"),
    "server": (_address, "a pair such as ('localhost', 80)"),
}
