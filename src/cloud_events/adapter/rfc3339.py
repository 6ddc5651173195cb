"""A time as AWS writes it → RFC 3339, section 5.6. Written out: datetime costs an import, a pattern compilation."""

from functools import lru_cache
from time import gmtime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def from_epoch(value: "Any", per_second: int) -> "str | None":
    """The time of a number (or its digits) that counts 1/*per_second* seconds since 1970; None if it is no time."""
    try:
        seconds, milliseconds = divmod(round(float(value) * 1000 / per_second), 1000)
        year, month, day, hour, minute, second, *_ = gmtime(seconds)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
    if isinstance(value, bool) or not 0 < year < 10_000:
        return None
    fraction = f".{milliseconds:03}" if milliseconds else ""
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z"


def normal(value: "Any") -> "str | None":
    """*value* with "T", "Z" and a colon in its zone; None if it is no date and time with a zone.

    >>> normal("2026-03-01T12:00:00.123+0000")
    '2026-03-01T12:00:00.123Z'
    """
    if not (isinstance(value, str) and value.isascii() and _is_date(value[:10])):
        return None
    clock, rest = value[11:19], value[19:]
    numbers = clock[:2] + clock[3:5] + clock[6:]
    if value[10:11] not in ("T", "t") or clock[2::3] != "::" or len(numbers) != 6 or not numbers.isdecimal():
        return None
    if clock[:2] > "23" or clock[3:5] > "59" or clock[6:] > "60":  # a leap second is 60
        return None
    fraction, zone = (rest[:-1], "Z") if rest[-1:] in ("Z", "z") else _zone(rest)
    if not zone or (fraction and not (fraction[0] == "." and fraction[1:].isdecimal())):
        return None
    return f"{value[:10]}T{clock}{fraction}{zone}"


def _zone(rest: str) -> "tuple[str, str]":
    """(what stands before the zone, the zone with its colon); no zone is ""."""
    at = max(rest.rfind("+"), rest.rfind("-"))
    zone = rest[at:]
    zone = zone[:3] + zone[3 + (zone[3:4] == ":") :]
    if at < 0 or len(zone) != 5 or not zone[1:].isdecimal() or zone[1:3] > "23" or zone[3:] > "59":
        return rest, ""
    return rest[:at], "Z" if zone[1:] == "0000" else f"{zone[:3]}:{zone[3:]}"


@lru_cache(64)  # events come on few days
def _is_date(date: str) -> bool:
    numbers = date[:4] + date[5:7] + date[8:]
    if len(date) != 10 or date[4::3] != "--" or not numbers.isdecimal():
        return False
    year, month, day = int(numbers[:4]), int(numbers[4:6]), int(numbers[6:])
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 1 <= month <= 12 and 1 <= day <= _DAYS[month - 1] and (leap or (month, day) != (2, 29))


def valid(value: "Any") -> bool:
    """Whether *value* is such a time as it stands: RFC 3339 wants a colon in the zone, where AWS may have none."""
    return normal(value) is not None and (value[-1] in "Zz" or value[-3] == ":")
