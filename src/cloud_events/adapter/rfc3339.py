"""A time as AWS writes it → RFC 3339, section 5.6. Without datetime, which Lambda would pay for at its start."""

import re
from functools import lru_cache
from time import gmtime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# As nearly all are: a day that any year has, no leap second, "T" and "Z".
_USUAL = re.compile(
    r"\d{4}-(?:(?:0[13-9]|1[0-2])-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))"
    r"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?Z",
    re.ASCII,
).fullmatch
# Any other, compiled when one comes: date, clock (with its fraction; a leap second is 60), zone.
_TIME = (
    r"(\d{4}-\d\d-\d\d)[Tt]((?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?)([Zz]|[+-](?:[01]\d|2[0-3]):?[0-5]\d)"
)
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
    if not isinstance(value, str):
        return None
    if _USUAL(value):
        return value
    parts = re.fullmatch(_TIME, value, re.ASCII)
    if parts is None or not _is_date(value[:10]):
        return None
    date, clock, zone = parts.groups()
    if zone not in ("Z", "z"):
        zone = f"{zone[:3]}:{zone[-2:]}" if zone.strip("+-:0") else "Z"
    return f"{date}T{clock}{zone.upper()}"


@lru_cache(64)  # events come on few days
def _is_date(date: str) -> bool:
    year, month, day = int(date[:4]), int(date[5:7]), int(date[8:])
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 1 <= month <= 12 and 1 <= day <= _DAYS[month - 1] and (leap or (month, day) != (2, 29))


def valid(value: "Any") -> bool:
    """Whether *value* is such a time as it stands: RFC 3339 wants a colon in the zone, where AWS may have none."""
    return normal(value) is not None and (value[-1] in "Zz" or value[-3] == ":")
