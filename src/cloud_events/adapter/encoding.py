"""An event → JSON bytes: once for each request, and the greater part of what an event costs."""

from json import JSONEncoder, encoder

from ..errors import InvalidEvent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any


def _encoder() -> "Callable[[Any, int], Iterable[str]]":
    # One for the life of the process. ensure_ascii stays on: it is quicker, and lone surrogates, which the runtime's
    # parser hands on, have no UTF-8. Events come from a JSON parser and hold no cycles.
    whole = JSONEncoder(separators=(",", ":"), check_circular=False)
    try:
        # ``whole.encode`` makes one of these at each call.
        make = encoder.c_make_encoder  # type: ignore[attr-defined]
        parts: Callable[[Any, int], Iterable[str]] = make(
            None, whole.default, encoder.encode_basestring_ascii, None, ":", ",", False, False, True
        )
    except (AttributeError, TypeError):  # this Python has none, or another
        return lambda event, level: whole.iterencode(event)
    return parts


_parts = _encoder()
_quick: "Callable[[Any], bytes] | None" = None


def use_orjson() -> None:
    """Let orjson encode, where it is installed (the extra ``cloud-events[orjson]``)."""
    global _quick
    try:
        from orjson import dumps
    except ImportError:
        return
    _quick = dumps


def encode(event: "Any") -> bytes:
    """*event* as JSON. Raises InvalidEvent if it is none: only code that calls the handler itself can make that so."""
    if _quick is not None:
        try:
            return _quick(event)
        except TypeError:  # integers over 64 bits, lone surrogates, keys that are no strings
            pass
    try:
        return "".join(_parts(event, 0)).encode()
    except (TypeError, ValueError) as error:  # "Object of type X is not JSON serializable": no content
        raise InvalidEvent(f"the event is not JSON: {error}") from None
    except RecursionError:
        raise InvalidEvent("the event is nested too deeply to be written as JSON") from None
