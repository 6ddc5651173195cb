"""The rules of CloudEvents: what an attribute may hold, times, every fault found, the HTTP binding to the letter."""

import base64
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_events import InvalidEvent
from cloud_events.adapter.cloudevent import (
    attributes_of,
    binary,
    faults,
    forbidden,
    from_binary,
    from_epoch,
    headers,
    is_json,
    rfc3339,
    structured,
    unpack,
)
from conftest import EVENTS, sample
from drawn import ANY_JSON, CLOUDEVENTS, HOSTILE

REQUIRED = {"specversion": "1.0", "id": "1", "source": "/books", "type": "book.added"}
NATIVE = [sample(path.stem) for path in sorted(EVENTS.glob("cloudevent*.json")) if path.stem.startswith("cloudevent")]
NATIVE = [event for events in NATIVE for event in (events if isinstance(events, list) else [events])]


TOLERATED = [
    *NATIVE,
    {"specversion": "1.0-rc1"},
    {"specversion": "1.0-rc1", "source": "a b/é", "type": " ", "id": "€ 😀"},
    {"subject": None, "time": None, "datacontenttype": None, "dataschema": None, "anything": None},
    {"data_base64": None, "data": 1},
    {"data_base64": "", "data": None},
    {"data_base64": "aGk=", "datacontenttype": "application/json"},
    {"data": None},
    {"datacontentencoding": None},
    {"a" * 40: "long", "0": "", "a1": "unknown"},
    {"n": 2**31 - 1, "m": -(2**31), "t": True, "f": False},
    {"datacontenttype": "text/plain", "data": {"not": "text"}},
    {"datacontenttype": "Application/Vnd.A-B+JSON ; a=\"b c\";d"},
    {"datacontenttype": "a!#$%&'*+-.^_`|~0/b"},
    {"time": "2026-03-14T09:26:53.589+01:00"},
    {"dataschema": "https://books.example.com/schemas/added.json"},
    {"specversion": "0.3", "schemaurl": "/a", "datacontentencoding": "base64", "data": "aGk=", "map": {"a": [1]}},
    {"specversion": "0.3", "data": "aGk="},
]  # fmt: skip


@pytest.mark.parametrize("members", TOLERATED)
def test_tolerated(members):
    """The samples, unset attributes, unknown ones, odd but legal values, and data that is not what its type says."""
    assert faults({**REQUIRED, **members}, strict=True) == []


ID, SOURCE = "'id' must be a non-empty string", "'source' must be a non-empty string"
TYPE, VERSION = "'type' must be a non-empty string", "'specversion' must be a non-empty string"
WHICH = "'specversion' must be '1.0' or '0.3'"
# Asked of every native event: what routing and de-duplication need.
ALWAYS = [
    ({"id": None}, [ID]),
    ({"id": ""}, [ID]),
    ({"id": 5}, [ID]),
    ({"source": ["/books"]}, [SOURCE]),
    ({"source": ""}, [SOURCE]),
    ({"type": {}}, [TYPE]),
    ({"specversion": 1.0}, [VERSION]),
    ({"specversion": ""}, [VERSION]),
    *[({"specversion": other}, [WHICH]) for other in ("1.1", "2.0", "0.2", "1", "1.0rc1", "0.3-rc1", "v1.0", "1.00")],
    ({"id": None, "source": 5, "type": "", "specversion": "9"}, [ID, SOURCE, TYPE, WHICH]),
    ({"id": None, "source": None, "type": None, "specversion": 5}, [ID, SOURCE, TYPE, VERSION]),
]
NAMES = "every attribute's name must be of a-z and 0-9 only"
EXTENSION = "{} must be a string, a boolean or a 32-bit integer"
EXTRA, UNNAMED = EXTENSION.format("'extra'"), EXTENSION.format("an extension attribute")
CHARACTERS = "{} must not have control characters, surrogates or noncharacters"
TIME = "'time' must be an RFC 3339 time, such as '2026-03-01T12:00:00Z'"
MEDIA_TYPE = "'datacontenttype' must be a media type in printable ASCII, such as 'application/json'"
BOTH = "'data' and 'data_base64' must not both be present"
BASE64 = "'data_base64' must be a string of base64"
ENCODING = "'datacontentencoding' must be 'base64', in version 0.3 only"
OLD_BASE64 = "'data' must be a string of base64, as 'datacontentencoding' says"
FILLED = "{} must be a non-empty string"
# Asked of an event that is written anew.
STRICTLY = [
    # The attribute is named if its name is valid, and short enough not to hold anything else.
    *[({name: "a"}, [NAMES]) for name in ("Subject", "my_name", "a-b", "dataBase64", "é", "", "a.b", "a b", "a\n")],
    ({"A": "", "_": ""}, [NAMES]),
    ({"a" * 30: {}}, [EXTENSION.format(repr("a" * 30))]),
    *[({"extra": value}, [EXTRA]) for value in (0.5, 2**31, -(2**31) - 1, [], {}, 1e300)],
    ({"extra": [], "a" * 31: {}}, [EXTRA, UNNAMED]),
    ({"my ext": 0.5}, [NAMES, UNNAMED]),
    ({"my ext": "\0"}, [NAMES, CHARACTERS.format("an extension attribute")]),
    *[({"extra": odd}, [CHARACTERS.format("'extra'")]) for odd in ("a\n", "\0", "\x85", "\ud800", "\U0002fffe")],
    *[({name: "a\tb"}, [CHARACTERS.format(repr(name))]) for name in ("id", "source", "type", "subject", "dataschema")],
    *[({"subject": value}, [FILLED.format("'subject'")]) for value in ("", 5, True, [])],
    ({"dataschema": ""}, [FILLED.format("'dataschema'")]),
    ({"dataschema": 5}, [FILLED.format("'dataschema'")]),
    ({"schemaurl": ""}, [FILLED.format("'schemaurl'")]),
    *[({"time": value}, [TIME]) for value in ("", "now", 1773480413, True, "2026-03-14", "2026-03-14T09:26:53+0000")],
    ({"time": "2026-03-14T09:26:53Z\n"}, [CHARACTERS.format("'time'"), TIME]),
    *[({"datacontenttype": value}, [MEDIA_TYPE]) for value in ("", "json", "/", "a/", "/b", 5, "a/b/c", "a b/c")],
    *[({"datacontenttype": value}, [MEDIA_TYPE]) for value in ("a/b c", "a/b; c=é", "té/b", "a,b/c", "a/(b)")],
    ({"datacontenttype": "a/b\r\nHost: c"}, [CHARACTERS.format("'datacontenttype'"), MEDIA_TYPE]),
    ({"data": 1, "data_base64": "aGk="}, [BOTH]),
    ({"data": "", "data_base64": ""}, [BOTH]),
    *[({"data_base64": value}, [BASE64]) for value in ("aGk", "a", "====", "aGk=\n", "a-_k", "é", 5, 0, False, [], {})],
    ({"data": 1, "data_base64": 1}, [BOTH, BASE64]),
    ({"datacontentencoding": "base64", "data": "aGk="}, [ENCODING]),
    ({"specversion": "0.3", "datacontentencoding": "Base64", "data": "aGk="}, [ENCODING]),
    ({"specversion": "0.3", "datacontentencoding": 5}, [ENCODING]),
    ({"specversion": "0.3", "datacontentencoding": "base64"}, [OLD_BASE64]),
    ({"specversion": "0.3", "datacontentencoding": "base64", "data": {}}, [OLD_BASE64]),
    ({"specversion": "0.3", "datacontentencoding": "base64", "data": "aGk"}, [OLD_BASE64]),
    ({"specversion": "0.3", "map": [1]}, [EXTENSION.format("'map'")]),
    (
        {"id": "", "A": 0.5, "subject": "", "time": "now", "datacontenttype": "x", "data": 1, "data_base64": "a"},
        [ID, NAMES, UNNAMED, TIME, MEDIA_TYPE, FILLED.format("'subject'"), BOTH, BASE64],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("members", "found"), ALWAYS)
def test_faults(members, found):
    """All that is wrong with the required attributes is named, in one go; nothing is quoted."""
    assert faults({**REQUIRED, **members}) == found
    assert faults({**REQUIRED, **members}, strict=True) == found


@pytest.mark.parametrize(("members", "found"), STRICTLY)
def test_strict_faults(members, found):
    """What would not survive being written anew is looked for only then."""
    assert faults({**REQUIRED, **members}, strict=True) == found
    assert faults({**REQUIRED, **members}) == ([ID] if members.get("id") == "" else [])


MEMBERS = (*REQUIRED, "subject", "time", "datacontenttype", "dataschema", "schemaurl", "data", "data_base64", "extra")
ANYTHING = st.dictionaries(st.sampled_from([*MEMBERS, "datacontentencoding", "A", ""]), ANY_JSON | HOSTILE).map(
    lambda odd: {**REQUIRED, **odd}
)


@settings(deadline=None, max_examples=300)
@given(ANYTHING)
def test_faultless_events_can_be_written(event):
    """Whatever the event: its faults are sentences without its content, and without a fault it can be written."""
    known = {message for _, found in [*ALWAYS, *STRICTLY] for message in found}
    found = faults(event, strict=True)
    assert {message for message in found if "characters" not in message} <= known
    if not found:
        content_type, _ = binary({**event, "data": None})
        assert all(value.isascii() and value.isprintable() for _, value in [*headers_of(event), ("", content_type)])


def headers_of(event):
    """The headers of a native *event* in binary mode."""
    return headers(attributes_of(event))


HEADERS = [
    ("Euro € 😀", "Euro%20%E2%82%AC%20%F0%9F%98%80"),
    ("plain!#$&'()*+,-./:;<=>?@[\\]^_`{|}~", "plain!#$&'()*+,-./:;<=>?@[\\]^_`{|}~"),
    ('"100%"', "%22100%25%22"),
    ("a b", "a%20b"),
    ("%41", "%2541"),
    ("\u00a0\u2028", "%C2%A0%E2%80%A8"),
    ("\x1f\x7f\x80", "%1F%7F%C2%80"),
    ("", ""),
    (True, "true"),
    (False, "false"),
    (0, "0"),
    (-(2**31), "-2147483648"),
    ({"a": 1}, "{%22a%22:1}"),
]


@pytest.mark.parametrize(("value", "header"), HEADERS)
def test_header_values(value, header):
    """The canonical string, its UTF-8 percent-encoded where a header could not hold it."""
    assert headers({"a": value, "datacontenttype": "text/plain"}) == [("ce-a", header)]
    assert headers({"a": value, "b": " "}) == [("ce-a", header), ("ce-b", "%20")]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_header_value(text):
    """Any string becomes ASCII without a space or a line's end, and comes back."""
    ((_, value),) = headers({"a": text})
    assert all("!" <= c <= "~" and c != '"' for c in value)
    assert from_binary([("ce-specversion", "1.0"), ("ce-a", value)], b"") == {"specversion": "1.0", "a": text}


JSON_TYPES = ["application/json", "text/json", "APPLICATION/JSON", "a/json;b=c", "image/SVG+Json", " a/b+json ; c"]
OTHERS = ["", "text/plain", "application/jsonp", "a/xml; b=/json", "a/json+xml", "application/x-json", "json/a"]


def test_is_json():
    """JSON is */json or */*+json, in any case, whatever its parameters."""
    assert [*map(is_json, JSON_TYPES + OTHERS)] == [True] * len(JSON_TYPES) + [False] * len(OTHERS)


PNG = base64.b64encode(b"\x89PNG").decode()
# members of the JSON format: content type and body in binary mode.
BINARY = [
    # JSON data is JSON text: a string keeps its quotes.
    ({"datacontenttype": "application/json", "data": "Emma"}, "application/json", b'"Emma"'),
    ({"datacontenttype": "application/json", "data": {"title": "Emma"}}, "application/json", b'{"title":"Emma"}'),
    ({"datacontenttype": "a/b+json; charset=x", "data": [1, True]}, "a/b+json; charset=x", b"[1,true]"),
    ({"datacontenttype": "text/JSON", "data": '{"a": 1}'}, "text/JSON", b'"{\\"a\\": 1}"'),
    ({"data": "Emma"}, "application/json", b'"Emma"'),
    ({"data": 1.5}, "application/json", b"1.5"),
    ({"data": False}, "application/json", b"false"),
    ({"data": ""}, "application/json", b'""'),
    # null is data, absence is none.
    ({"data": None}, "application/json", b"null"),
    ({"datacontenttype": "application/json", "data": None}, "application/json", b"null"),
    ({"datacontenttype": "application/json"}, "application/json", b""),
    ({}, "", b""),
    # Text goes as it is, in the charset named.
    ({"datacontenttype": "text/xml", "data": '<book title="Emma"/>'}, "text/xml", b'<book title="Emma"/>'),
    ({"datacontenttype": "text/plain", "data": "Euro €"}, "text/plain", b"Euro \xe2\x82\xac"),
    ({"datacontenttype": "text/plain; charset=latin-1", "data": "é"}, "text/plain; charset=latin-1", b"\xe9"),
    ({"datacontenttype": "application/vnd.x", "data": ""}, "application/vnd.x", b""),
    ({"datacontenttype": "text/plain", "data": {"a": 1}}, "text/plain", b'{"a":1}'),
    ({"datacontenttype": "text/plain", "data": None}, "text/plain", b"null"),
    # Base64 is bytes, whatever the type; without one there is no content type.
    ({"datacontenttype": "image/png", "data_base64": PNG}, "image/png", b"\x89PNG"),
    ({"datacontenttype": "application/json", "data_base64": "Ilwi"}, "application/json", b'"\\"'),
    ({"data_base64": PNG}, "", b"\x89PNG"),
    ({"data_base64": "", "data": None}, "", b""),
    ({"data_base64": None, "data": 1}, "application/json", b"1"),
    ({"datacontentencoding": "base64", "datacontenttype": "image/png", "data": PNG}, "image/png", b"\x89PNG"),
    ({"datacontentencoding": "base64", "data": PNG}, "", b"\x89PNG"),
]  # fmt: skip


@pytest.mark.parametrize(("members", "content_type", "body"), BINARY)
def test_binary(members, content_type, body):
    """Binary mode: the data is the body, the attributes are headers."""
    event = {**REQUIRED, **members}
    assert binary(event) == (content_type, body)
    assert headers_of(event) == [(f"ce-{name}", event[name]) for name in REQUIRED]


@pytest.mark.parametrize(
    "name", ["ascii", "latin-1", "no-such-charset", "rot13", "base64", "a\0b", "idna", "Punycode", "x" * 50]
)
def test_text_that_cannot_be_written(name):
    """Text that its charset lacks is a fault of the event, and is not quoted."""
    with pytest.raises(InvalidEvent) as caught:
        binary({**REQUIRED, "datacontenttype": f"text/plain; charset={name}", "data": "secret €"})
    message = "malformed CloudEvent: 'data' must be text in the charset that 'datacontenttype' names"
    assert str(caught.value) == message


def test_structured():
    """Structured mode is the event, without what is null and so unset; but null may be the data."""
    event = {**REQUIRED, "subject": None, "data": None, "data_base64": None, "extra": 0}
    assert structured(event) == {**REQUIRED, "data": None, "extra": 0}
    assert structured({**REQUIRED, "data": None, "data_base64": ""}) == {**REQUIRED, "data_base64": ""}
    assert [structured(event) for event in NATIVE] == NATIVE


# headers and body of a message in binary mode: the event; REQUIRED is left out of both.
DEEP = b"[" * 100_000
MESSAGES = [
    ([("Content-Type", "application/json")], b"[1]", {"datacontenttype": "application/json", "data": [1]}),
    ([("content-type", "a/b+json")], b"null", {"datacontenttype": "a/b+json", "data": None}),
    ([("content-type", "application/json")], b"{", {"datacontenttype": "application/json", "data_base64": "ew=="}),
    ([("content-type", "application/json")], b"", {"datacontenttype": "application/json"}),
    ([("content-type", "a/json")], DEEP, {"datacontenttype": "a/json", "data_base64": base64.b64encode(DEEP).decode()}),
    ([("content-type", "text/plain")], b"\xe2\x82\xac", {"datacontenttype": "text/plain", "data": "€"}),
    ([("content-type", "TEXT/a;charset=latin-1")], b"\xe9", {"datacontenttype": "TEXT/a;charset=latin-1", "data": "é"}),
    ([("content-type", "text/plain")], b"\xe9", {"datacontenttype": "text/plain", "data_base64": "6Q=="}),
    ([("content-type", "text/a;charset=no")], b"a", {"datacontenttype": "text/a;charset=no", "data_base64": "YQ=="}),
    ([("content-type", "image/png")], b"\x89PNG", {"datacontenttype": "image/png", "data_base64": PNG}),
    ([], b"\x89PNG", {"data_base64": PNG}),
    ([("CE-Subject", "Euro%20%E2%82%AC"), ("X-Other", "a")], b"", {"subject": "Euro €"}),
    ([("ce-a", "%e2%82%AC%zz%4%"), ("ce-b", "% 1"), ("ce-c", "%FF")], b"", {"a": "€%zz%4%", "b": "% 1", "c": "\ufffd"}),
    # Bytes that nobody encoded: UTF-8 all the same, shown as latin-1; what is not even that is lost.
    ([("ce-a", "\u00e2\u0082\u00ac"), ("ce-b", "€")], b"", {"a": "€", "b": "?"}),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "body", "members"), MESSAGES)
def test_from_binary(fields, body, members):
    """An answer in binary mode is read as a native event; data that is not what its type says is bytes."""
    assert from_binary([*headers(REQUIRED), *fields], body) == {**REQUIRED, **members}


def test_what_is_not_in_binary_mode():
    """Without a version it is no CloudEvent."""
    assert from_binary([("ce-id", "1"), ("content-type", "application/json")], b"{}") is None


def in_headers(event):
    """The attributes of *event* as binary mode can tell them: strings all, and JSON data with its type."""
    attributes = {
        name: value if isinstance(value, str) else json.dumps(value) for name, value in attributes_of(event).items()
    }
    return {**({"datacontenttype": "application/json"} if "data" in event else {}), **attributes}


@settings(deadline=None)
@given(CLOUDEVENTS)
def test_any_valid_event_comes_back(event):
    """Any valid event has no fault; what is read from its binary mode has its attributes, and is written as it was."""
    assert faults(event, strict=True) == []
    content_type, body = binary(event)
    read = from_binary([*headers_of(event), ("content-type", content_type)], body)
    assert attributes_of(read) == in_headers(event)
    assert (headers_of(read), binary(read)) == (headers_of(event), (content_type, body))


def test_unpack():
    """A native event as an object: attributes as they are, data as Python objects, text or bytes."""
    event = unpack({**REQUIRED, "subject": "12", "time": None, "shop": "cork", "n": 1, "data": {"title": "Emma"}})
    assert (event.id, event.source, event.type, event.subject) == ("1", "/books", "book.added", "12")
    assert (event.time, event.datacontenttype, event.dataschema) == (None, None, None)
    assert event.extensions == {"shop": "cork", "n": 1}
    assert event.attributes == {**REQUIRED, "subject": "12", "shop": "cork", "n": 1}
    assert event.data == {"title": "Emma"}
    assert repr(event) == "<CloudEvent of 7 attributes>"


def test_unpack_an_old_event():
    """Version 0.3 spells the schema, and binary data, otherwise."""
    event = unpack(sample("cloudevent__v03"))
    assert event.dataschema == "https://books.example.com/schemas/cover.json"
    assert (event.time, event.datacontenttype) == ("2026-03-14T10:26:53+01:00", "image/png")
    assert event.extensions == {}
    assert event.data == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("members", "data"),
    [
        ({}, None),
        ({"data": None}, None),
        ({"data": ""}, ""),
        ({"data": "Emma", "datacontenttype": "text/plain"}, "Emma"),
        ({"data_base64": "aGk="}, b"hi"),
        ({"data_base64": ""}, b""),
        ({"data_base64": None, "data": 0}, 0),
        ({"data": "aGk=", "datacontentencoding": "base64"}, b"hi"),
        ({"data": "aGk=", "datacontentencoding": "other"}, "aGk="),
    ],
)
def test_data(members, data):
    """Bytes come from base64, all else as it stands."""
    assert unpack({**REQUIRED, **members}).data == data
    assert type(unpack({**REQUIRED, **members}).data) is type(data)


DATA = "its binary data must be a string of base64"
NO_EVENTS = [
    *[({**REQUIRED, "data_base64": value}, DATA) for value in ("aGk", 5)],
    ({**REQUIRED, "data": [], "datacontentencoding": "base64"}, DATA),
    ({**REQUIRED, "id": ""}, ID),
    ({}, f"{ID}; {SOURCE}; {TYPE}; {VERSION}"),
    (5, "it is not an object"),
]


@pytest.mark.parametrize(("event", "message"), NO_EVENTS)
def test_unpack_what_is_not_an_event(event, message):
    """What is malformed is refused, by its fault."""
    with pytest.raises(InvalidEvent) as caught:
        unpack(event)
    assert str(caught.value) == f"malformed CloudEvent: {message}"


LAST = [plane + last for plane in range(0, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF)]
FORBIDDEN = {*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000), *range(0xFDD0, 0xFDF0), *LAST}


def test_forbidden():
    """Of all characters, the control characters, the surrogates and the noncharacters; wherever they stand."""
    assert {code for code in range(0x110000) if forbidden(f"a{chr(code)} b")} == FORBIDDEN
    assert not forbidden("")


DAY, CLOCK = "2026-03-14T{}Z", "{}T09:26:53Z"
TIMES = [
    *[(value, value) for value in ("2026-03-14T09:26:53Z", "2026-03-14T09:26:53.589Z", "2016-12-31T23:59:60Z")],
    *[(f"2026-03-14T09:26:53{zone}", f"2026-03-14T09:26:53{zone}") for zone in (".589000001+05:45", "+23:59")],
    *[(CLOCK.format(day), CLOCK.format(day)) for day in ("2024-02-29", "2000-02-29", "0001-01-01", "2026-12-31")],
    ("2026-03-14t09:26:53z", "2026-03-14T09:26:53Z"),
    ("2026-03-14T09:26:53-00:00", "2026-03-14T09:26:53Z"),
]
# As AWS writes some of its own.
WITHOUT_COLON = [
    ("2026-03-14T09:26:53.589+0000", "2026-03-14T09:26:53.589Z"),
    ("2026-03-14T09:26:53-0330", "2026-03-14T09:26:53-03:30"),
]
NO_TIMES = [
    *(None, 5, True, [], {}, b"2026-03-14T09:26:53Z", "", "Z", "+", "now", "2026-03-14", "09:26:53Z"),
    *("2026-03-14T09:26:53", "2026-03-14 09:26:53Z", "2026-03-14T09:26:53Z\n", " 2026-03-14T09:26:53Z"),
    *map(CLOCK.format, ("2026-3-14", "26-03-14", "+2026-03-14", "2026-W11-6", "2026/03/14", "202\uff16-03-14")),
    *map(CLOCK.format, ("2026-00-14", "2026-13-14", "2026-03-00", "2026-03-32", "2026-04-31", "2026-02-29")),
    *map(CLOCK.format, ("1900-02-29", "2024-02-30", "2026-03-1x", "20260314", "-026-03-14")),
    *map(DAY.format, ("09:26", "9:26:53", "09-26-53", "24:26:53", "09:60:53", "09:26:61", "09:26:5x", "092653")),
    *map(DAY.format, ("09:26:53.", "09:26:53,5", "09:26:53.5x", "09:26:53Z", "09:26:53+01:00", "09:26:535")),
    *map("2026-03-14T09:26:53{}".format, ("+24:00", "+01:60", "+01", "+1:000", "+01:0", "+01::00", "+0a:00", "~01:00")),
]


@pytest.mark.parametrize(("value", "time"), TIMES + WITHOUT_COLON)
def test_times(value, time):
    """A date and time with a zone, the zone with or without a colon."""
    assert rfc3339(value) == time
    assert (faults({**REQUIRED, "time": value}, strict=True) == []) == ((value, time) in TIMES)


@pytest.mark.parametrize("value", NO_TIMES, ids=ascii)
def test_no_times(value):
    """Anything else is not a time."""
    assert rfc3339(value) is None


@settings(deadline=None)
@given(st.datetimes(timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))))
def test_what_datetime_writes_is_a_time(moment):
    """Any time that datetime writes is read as the same time."""
    written = moment.isoformat()
    assert faults({**REQUIRED, "time": written}, strict=True) == []
    assert datetime.fromisoformat(rfc3339(written)) == moment
    assert rfc3339(written[:-3] + written[-2:]) == rfc3339(written)


EPOCHS = [
    (0, 1, "1970-01-01T00:00:00Z"),
    (-1, 1, "1969-12-31T23:59:59Z"),
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


@pytest.mark.parametrize(
    ("value", "per_second", "time"), [*EPOCHS, *((value, 1, None) for value in NO_EPOCHS)], ids=repr
)
def test_from_epoch(value, per_second, time):
    """Seconds or milliseconds since 1970, a number or its digits, to the nearest; None outside of years 1 to 9999."""
    assert from_epoch(value, per_second) == time


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC)))
def test_from_epoch_agrees_with_datetime(moment):
    """Any millisecond is written as datetime writes it."""
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    milliseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert datetime.fromisoformat(from_epoch(milliseconds, 1000)) == moment
