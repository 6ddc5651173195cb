"""Writes an event as JSON, once for each request. For large events this is most of the cost of a delivery."""

from __future__ import annotations

from collections.abc import Callable
from json import JSONEncoder
from typing import Any

from ..errors import InvalidEvent

# Kept, because json.dumps() with options makes an encoder at each call: 2.8 µs of the 250 µs that an S3 event takes.
# ensure_ascii stays on: it is faster, and lone surrogates, which the runtime's parser lets through, have no UTF-8.
# Events come from a JSON parser, so they have no cycles.
_encode = JSONEncoder(separators=(",", ":"), check_circular=False).encode
_orjson: Callable[[Any], bytes] | None = None


def use_orjson() -> None:
    """Use orjson for encoding if it is installed (the extra ``cloud-events[orjson]``)."""
    global _orjson
    try:
        from orjson import dumps
    except ImportError:
        return
    _orjson = dumps


def encode(event: Any) -> bytes:
    """Return *event* as JSON. Raises InvalidEvent if it is not JSON; events from Lambda always are."""
    if _orjson is not None:
        try:
            return _orjson(event)
        except TypeError:  # integers over 64 bits, lone surrogates, keys that are not strings
            pass
    try:
        return _encode(event).encode()
    except (TypeError, ValueError) as error:  # "Object of type X is not JSON serializable": shows no content
        raise InvalidEvent(f"the event is not JSON: {error}") from None
    except RecursionError:
        raise InvalidEvent("the event is nested too deeply to be written as JSON") from None
