"""Times as AWS writes them, and as RFC 3339 does."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_events.adapter.rfc3339 import from_epoch, normal, valid

EPOCHS = [
    (0, 1, "1970-01-01T00:00:00Z"),
    (-1, 1, "1969-12-31T23:59:59Z"),
    (1773475200, 1, "2026-03-14T08:00:00Z"),
    (1773475200.125, 1, "2026-03-14T08:00:00.125Z"),
    (1773475200.0, 1, "2026-03-14T08:00:00Z"),
    (1773475200.9996, 1, "2026-03-14T08:00:01Z"),
    (1773475200.0004, 1, "2026-03-14T08:00:00Z"),
    ("1773475200", 1, "2026-03-14T08:00:00Z"),
    (1773475200007, 1000, "2026-03-14T08:00:00.007Z"),
    ("1773475200123", 1000, "2026-03-14T08:00:00.123Z"),
    (253402300799, 1, "9999-12-31T23:59:59Z"),
    (-62135596800, 1, "0001-01-01T00:00:00Z"),
]
NO_EPOCHS = [
    *(None, True, False, "", "soon", [], {}, float("nan"), float("inf"), 10**400, 10**30),
    *(253402300800, -62135596801, -62167219200, -(10**11)),  # the years 10000, 0 and before
]


@pytest.mark.parametrize(("value", "per_second", "time"), EPOCHS)
def test_from_epoch(value, per_second, time):
    """Seconds or milliseconds since 1970, a number or its digits, to the nearest millisecond."""
    assert from_epoch(value, per_second) == time


@pytest.mark.parametrize("value", NO_EPOCHS, ids=repr)
def test_no_epoch(value):
    """What is no number of seconds, or none of the years 1 to 9999, gives no time."""
    assert from_epoch(value, 1) is None


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC)))
def test_from_epoch_agrees_with_datetime(moment):
    """Any millisecond is written as datetime writes it."""
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    milliseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert datetime.fromisoformat(from_epoch(milliseconds, 1000)) == moment


VALID = [
    ("2026-03-14T09:26:53Z", "2026-03-14T09:26:53Z"),
    ("2026-03-14t09:26:53z", "2026-03-14T09:26:53Z"),
    ("2026-03-14T09:26:53.589Z", "2026-03-14T09:26:53.589Z"),
    ("2026-03-14T09:26:53.589000001+05:45", "2026-03-14T09:26:53.589000001+05:45"),
    ("2026-03-14T09:26:53-00:00", "2026-03-14T09:26:53Z"),
    ("2026-03-14T09:26:53+23:59", "2026-03-14T09:26:53+23:59"),
    ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
    ("2000-02-29T00:00:00Z", "2000-02-29T00:00:00Z"),
    ("2016-12-31T23:59:60Z", "2016-12-31T23:59:60Z"),
    ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
]
# As AWS writes some of its own.
WITHOUT_COLON = [
    ("2026-03-14T09:26:53.589+0000", "2026-03-14T09:26:53.589Z"),
    ("2026-03-14T09:26:53-0330", "2026-03-14T09:26:53-03:30"),
]
INVALID = [
    *(None, 5, True, [], {}, b"2026-03-14T09:26:53Z", "", "Z", "+", "-", "now", "2026-03-14", "09:26:53Z"),
    *("2026-03-14T09:26:53", "2026-03-14 09:26:53Z", "2026-03-14T09:26:53Z\n", " 2026-03-14T09:26:53Z"),
    *(
        f"{date}T09:26:53Z"
        for date in ("2026-3-14", "26-03-14", "+2026-03-14", "2026-W11-6", "2026/03/14", "202\uff16-03-14")
    ),
    *(
        f"{date}T09:26:53Z"
        for date in ("2026-00-14", "2026-13-14", "2026-03-00", "2026-03-32", "2026-04-31", "2026-02-30")
    ),
    *(
        f"{date}T09:26:53Z"
        for date in ("2026-02-29", "1900-02-29", "2024-02-30", "2026-03-1x", "20260314", "-026-03-14")
    ),
    *(
        f"2026-03-14T{clock}Z"
        for clock in ("09:26", "9:26:53", "09-26-53", "24:26:53", "09:60:53", "09:26:61", "09:26:5x")
    ),
    *(
        f"2026-03-14T09:26:53{rest}"
        for rest in (".Z", ",5Z", ".5xZ", "ZZ", "+24:00", "+01:60", "+01", "+1:000", "+01:0")
    ),
    *(
        f"2026-03-14T09:26:53{rest}"
        for rest in ("+:0100", "+01::00", "+:01:00", "+0a:00", "+a1:00", "+01:00Z", "5Z", "~01:00")
    ),
]


@pytest.mark.parametrize(("value", "time"), VALID + WITHOUT_COLON)
def test_normal(value, time):
    """A date and time with a zone, the zone with or without its colon."""
    assert normal(value) == time


@pytest.mark.parametrize("value", INVALID, ids=ascii)
def test_no_time(value):
    """Anything else is no time."""
    assert normal(value) is None


@pytest.mark.parametrize(("month", "days"), [*enumerate([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], 1)])
def test_days_of_a_month(month, days):
    """Each month has its days, and no more."""
    times = [f"2026-{month:02}-{day:02}T09:26:53Z" for day in (1, days, days + 1)]
    assert [*map(normal, times)] == [*times[:2], None]


def test_valid():
    """A native CloudEvent's time needs the colon."""
    assert all(valid(value) for value, _ in VALID)
    assert not any(valid(value) for value, _ in WITHOUT_COLON)
    assert not any(map(valid, INVALID))


@settings(deadline=None)
@given(st.datetimes(timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))))
def test_what_datetime_writes_is_valid(moment):
    """Any time that datetime writes is read as the same time."""
    written = moment.isoformat()
    assert valid(written)
    assert datetime.fromisoformat(normal(written)) == moment
    assert normal(written[:-3] + written[-2:]) == normal(written)
