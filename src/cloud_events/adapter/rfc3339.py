"""A time as AWS writes it → RFC 3339, section 5.6. Written out: datetime costs an import, a pattern compilation."""

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
    if not (isinstance(value, str) and value.isascii()):
        return None
    if value[-1:] in ("Z", "z"):
        clock, zone = value[:-1], "Z"
    else:
        at = max(value.rfind("+"), value.rfind("-"))
        clock, zone = value[:at], value[at:]
        zone = zone[:3] + zone[3 + (zone[3:4] == ":") :]
        if not (len(zone) == 5 and zone[1:].isdecimal() and zone[1:3] < "24" and zone[3:] < "60"):
            return None
        zone = "Z" if zone[1:] == "0000" else f"{zone[:3]}:{zone[3:]}"
    date, fraction = clock[:10], clock[19:]
    numbers = f"{clock[:4]}{clock[5:7]}{clock[8:10]}{clock[11:13]}{clock[14:16]}{clock[17:19]}"
    if f"{clock[4:5]}{clock[7:8]}{clock[10:11]}{clock[13:14]}{clock[16:17]}" not in ("--T::", "--t::"):
        return None
    if not (
        len(numbers) == 14
        and numbers.isdecimal()
        and (not fraction or (fraction[0] == "." and fraction[1:].isdecimal()))
    ):
        return None
    year, month, day = int(numbers[:4]), int(numbers[4:6]), int(numbers[6:8])
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if not (1 <= month <= 12 and 1 <= day <= _DAYS[month - 1] and (leap or (month, day) != (2, 29))):
        return None
    # A leap second is 60.
    return (
        f"{date}T{clock[11:]}{zone}"
        if numbers[8:10] < "24" and numbers[10:12] < "60" and numbers[12:] <= "60"
        else None
    )


def valid(value: "Any") -> bool:
    """Whether *value* is such a time as it stands: RFC 3339 wants a colon in the zone, where AWS may have none."""
    return normal(value) is not None and (value[-1] in "Zz" or value[-3] == ":")
