"""Trace context: which ``traceparent`` and ``tracestate`` a request carries (W3C Trace Context, level 1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

# Section 3.2.2: version, trace id, parent id, flags; later versions may have more after the flags.
_TRACEPARENT = r"(?!ff)([0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]*)?"
# Section 3.3.1: at most 32 members, key=value.
_KEY = r"(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
_MEMBER = rf"[ \t]*({_KEY}=[ -+\--<>-~]{{0,255}}[!-+\--<>-~])?[ \t]*"

Find = Callable[[str], Any]  # the name of a field → its value, or None


def trace_headers(sources: Iterable[Find], context: Any) -> list[tuple[str, str]]:
    """Return the trace headers of the first of *sources* with a valid ``traceparent``, otherwise of the invocation.

    context: Lambda's context object, which has ``w3c()`` since version 4.2 of the runtime client
    """
    w3c = getattr(context, "w3c", None)
    if callable(w3c):
        sources = (*sources, w3c().get)
    for find in sources:
        parent = find("traceparent")
        if _is_traceparent(parent):
            state = find("tracestate")
            return [("traceparent", parent), *([("tracestate", state)] if _is_tracestate(state) else [])]
    return []


def _is_traceparent(value: Any) -> bool:
    found = re.fullmatch(_TRACEPARENT, value) if isinstance(value, str) else None
    return found is not None and (found[1] != "00" or found[2] is None)


def _is_tracestate(value: Any) -> bool:
    members = value.split(",") if isinstance(value, str) and 0 < len(value) <= 8_192 else []
    return 0 < len(members) <= 32 and all(re.fullmatch(_MEMBER, member) for member in members)
