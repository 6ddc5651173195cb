"""Turns a value of the event into a path and a query string.

The producer of an event chooses its ``source``, and so a URL of the application. Therefore a value that two frameworks
could read differently is refused, not repaired. RFC 3986 defines the parts; PEP 3333 and ASGI require a decoded path.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from ..errors import InvalidEvent
from .matcher import Matcher

TOOL = "bedrock.agentcore"  # the kind of tool calls, which are recognised without a row
LONGEST = 8_192  # characters of a dynamic value; RFC 9110, section 4.1, asks servers for 8,000 octets

# RFC 3986, section 3.4, and "%", so that escapes in a query string stay as the sender wrote them.
QUERY = "!$&'()*+,;=:@/?%"


class Target(NamedTuple):
    """Where an event goes, and the name of the row that matched, or None.

    acknowledged: whether the row acknowledges the event without a request; the path is then ""
    """

    matcher: str | None
    path: str
    query: str = ""
    acknowledged: bool = False

    def __repr__(self) -> str:
        return f"<Target {self.path!r}>"


class Targets(NamedTuple):
    """The paths that events may go to.

    default: the path of an event that no row matches
    prefix:  the prefix of every path, or ""
    sources: shell-style patterns of the dynamic values that are accepted; () accepts all
    """

    default: str = "/"
    prefix: str = ""
    sources: tuple[str, ...] = ()

    def find(self, row: Matcher | None, event: Any) -> Target:
        """Return the target of *event*, which *row* matches. Raises InvalidEvent if the event may not go there."""
        if row is None:
            return Target(None, self.prefix + self.default)
        if row.path is None:
            return Target(row.name, "", acknowledged=True)
        if row.find_path is not None:
            value: Any = next(iter(row.find_path(event)), None)
        elif callable(row.path):
            value = row.path(event)
        else:
            return Target(row.name, self.prefix + row.path)
        label = f"matcher {row.name!r}, {row.path if row.find_path else 'its callable path'}"
        try:
            path, query = route(value)
        except InvalidEvent as error:
            raise InvalidEvent(f"{label}: {error}") from None
        if self.sources and not self._accepts(value):
            raise InvalidEvent(f"{label}: the value matches none of the patterns of CLOUD_EVENTS_SOURCES")
        return Target(row.name, self.prefix + path, query)

    def of_tool(self, name: str) -> Target:
        """Return the target of a call of the tool *name*. Raises InvalidEvent if it is not one segment of a path."""
        path, _ = route(name)
        if not {*"/?#%"}.isdisjoint(name):
            raise InvalidEvent("the name of a tool must not have '/', '?', '#' or '%'")
        return Target(TOOL, f"{self.prefix}/aws.{TOOL}{path}")

    def _accepts(self, value: str) -> bool:
        # Only the decoded path is compared: neither a part after "?" or "#" nor an escape may satisfy a pattern.
        text = _decoded(_split(value)[0])
        return any(fnmatchcase(text, pattern) for pattern in self.sources)


def route(value: Any) -> tuple[str, str]:
    """Return (path, query string) of a dynamic *value*. Raises InvalidEvent if the path is not allowed.

    >>> route("https://github.com/cloudevents?a=b#c")
    ('/https:/github.com/cloudevents', 'a=b')
    """
    if not isinstance(value, str):
        raise InvalidEvent(f"the path must come from a string, not from {_json_type(value)}")
    if len(value) > LONGEST:
        raise InvalidEvent(f"the path must come from a string of at most {LONGEST:,} characters, not {len(value):,}")
    path, query = _split(value)
    if not path:
        raise InvalidEvent("the path must come from a string that is not empty (before any '?' or '#')")
    path = _decoded(path)
    fault = fault_of(path) or fault_of(query, segments=False)
    if fault:
        raise InvalidEvent(f"the path must not have {fault}")
    return re.sub("/+", "/", f"/{path}"), quote(query, QUERY)


def _split(value: str) -> tuple[str, str]:
    path, _, query = value.partition("#")[0].partition("?")
    return path, query


def _decoded(path: str) -> str:
    try:
        # Only once: any further escape was escaped twice. A "%" without two digits is text.
        return unquote_to_bytes(path.encode("utf-8", "surrogatepass")).decode()
    except UnicodeDecodeError:
        raise InvalidEvent("the path must not have escapes (or surrogates) that are not UTF-8") from None


def fault_of(path: str, segments: bool = True) -> str:
    """Return the fault of a decoded *path* that makes it invalid for an event; "" if there is none."""
    if not path.isprintable():  # also refuses valid characters, such as a no-break space
        if re.search(r"[\x00-\x1f\x7f-\x9f]", path):
            return "control characters"
        if re.search(r"[\ud800-\udfff]", path):
            return "unpaired surrogates"
    if segments and not {".", ".."}.isdisjoint(path.split("/")):
        return "'.' or '..' segments"
    return ""


def _json_type(value: Any) -> str:
    names: dict[type, str] = {
        type(None): "null",
        bool: "a boolean",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), type(value).__name__)
