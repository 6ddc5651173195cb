"""A value of the event → path and query string of the application.

Whoever writes an event's ``source`` chooses a URL of the application, so what could mean another URL to one framework
than to the next is refused, not repaired. RFC 3986 gives the parts; PEP 3333 and ASGI want the path decoded.
"""

from ..errors import InvalidEvent
from ..messages import quote
from ..values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .matcher import Matcher

# RFC 3986, section 3.4, and "%": an escape in a query string stays as its sender wrote it.
_QUERY = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@/?%"

_HEXADECIMAL = frozenset(b"0123456789abcdefABCDEF")


class Place(NamedTuple):
    """Where an event goes, and the name of the row that says so (None: no row matched)."""

    matcher: "str | None"
    path: str
    query: str

    def __repr__(self) -> str:
        return f"<Place {self.path!r}>"


class Places(NamedTuple):
    """The places that events may go to.

    default: the path of an event that no row matches
    prefix:  put before every path, or ""
    sources: the shell-style patterns of accepted dynamic values; none accepts all
    """

    default: str = "/"
    prefix: str = ""
    sources: "tuple[str, ...]" = ()

    def find(self, row: "Matcher | None", event: "Any") -> Place:
        """The place of *event*, which *row* matches. Raises InvalidEvent where no event may go there."""
        if row is None:
            return Place(None, self.prefix + self.default, "")
        if row.find_path is not None:
            value: Any = next(iter(row.find_path(event)), None)
        elif callable(row.path):
            value = row.path(event)
        else:
            return Place(row.name, self.prefix + row.path, "")
        label = f"matcher {row.name!r}, {row.path if row.find_path else 'its callable path'}"
        try:
            path, query = route(value)
        except InvalidEvent as error:
            raise InvalidEvent(f"{label}: {error}") from None
        if self.sources and not self._accepts(value):
            raise InvalidEvent(f"{label}: the value is not among the patterns of CLOUD_EVENTS_SOURCES")
        return Place(row.name, self.prefix + path, query)

    def _accepts(self, value: str) -> bool:
        from fnmatch import fnmatchcase

        # What decides the path: nothing behind "?" or "#" may satisfy a pattern, nor may an escape hide a character.
        text = _decoded(_parts(value)[0])
        return any(fnmatchcase(text, pattern) for pattern in self.sources)


def route(value: "Any") -> "tuple[str, str]":
    """(path, query string) of a dynamic *value*. Raises InvalidEvent where it is no path that an event may have.

    >>> route("https://github.com/cloudevents?a=b#c")
    ('/https:/github.com/cloudevents', 'a=b')
    """
    if not isinstance(value, str):
        raise InvalidEvent(f"the path must come from a string, not from {_json_type(value)}")
    path, query = _parts(value)
    if not path:
        raise InvalidEvent("the path must come from a string that is not empty (before any '?' or '#')")
    path = _decoded(path)
    fault = fault_of(path) or fault_of(query, segments=False)
    if fault:
        raise InvalidEvent(f"the path must not have {fault}")
    path = "/" + path
    while "//" in path:
        path = path.replace("//", "/")
    return path, quote(query, _QUERY)


def _parts(value: str) -> "tuple[str, str]":
    path, _, query = value.partition("#")[0].partition("?")
    return path, query


def _decoded(path: str) -> str:
    if "%" not in path:
        return path
    try:
        return unescaped(path.encode("utf-8", "surrogatepass")).decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidEvent("the path must not have escapes (or surrogates) that are not UTF-8") from None


def fault_of(path: str, segments: bool = True) -> str:
    """What keeps *path* (decoded) from being one that an event may have; "" if nothing does."""
    if not path.isprintable():  # says no to much else (a no-break space), yet is quick
        if any(c < " " or "\x7f" <= c <= "\x9f" for c in path):
            return "control characters"
        if any("\ud800" <= c <= "\udfff" for c in path):
            return "unpaired surrogates"
    if segments and not {".", ".."}.isdisjoint(path.split("/")):
        return "'.' or '..' segments"
    return ""


def unescaped(text: bytes) -> bytes:
    """*text*, percent-decoded once: what is still escaped then was escaped twice; a "%" without two digits is text."""
    first, *rest = text.split(b"%")
    parts = [first]
    for part in rest:
        digits = part[:2]
        if len(digits) == 2 and _HEXADECIMAL.issuperset(digits):
            parts += [bytes.fromhex(digits.decode()), part[2:]]
        else:
            parts += [b"%", part]
    return b"".join(parts)


def _json_type(value: "Any") -> str:
    names = {
        type(None): "null",
        bool: "a boolean",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), type(value).__name__)
