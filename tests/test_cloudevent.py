"""Native CloudEvents: every fault found, and the HTTP binding to the letter."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_events import InvalidEvent
from cloud_events.adapter.cloudevent import (
    CloudEvent,
    binary,
    charset,
    faults,
    from_binary,
    headers,
    is_json,
    native,
    structured,
    unpack,
)
from conftest import EVENTS, sample
from drawn import CLOUDEVENTS

REQUIRED = {"specversion": "1.0", "id": "1", "source": "/books", "type": "book.added"}
OLD = {**REQUIRED, "specversion": "0.3"}
NATIVE = [sample(path.stem) for path in sorted(EVENTS.glob("cloudevent*.json")) if path.stem.startswith("cloudevent")]
NATIVE = [event for events in NATIVE for event in (events if isinstance(events, list) else [events])]


def test_good_events():
    """The samples of every version have no fault, however strictly one looks."""
    assert len(NATIVE) > 10
    assert [faults(event, strict=True) for event in NATIVE] == [[]] * len(NATIVE)


TOLERATED = [
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
    """Unset attributes, unknown ones, odd but legal values, and data that is not what its type says."""
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
EXTENSION = "an extension attribute must be a string, a boolean or an integer of 32 bits"
CHARACTERS = "{} must not have control characters, surrogates or noncharacters"
UNKNOWN = CHARACTERS.format("an extension attribute")
TIME = "'time' must be an RFC 3339 time, such as '2026-03-01T12:00:00Z'"
MEDIA_TYPE = "'datacontenttype' must be a media type in printable ASCII, such as 'application/json'"
BOTH = "'data' and 'data_base64' must not both be there"
BASE64 = "'data_base64' must be a string of base64"
ENCODING = "'datacontentencoding' must be 'base64', in version 0.3 only"
OLD_BASE64 = "'data' must be a string of base64, as 'datacontentencoding' says"
FILLED = "{} must be a non-empty string"
# Asked of an event that is written anew.
STRICTLY = [
    *[({name: "a"}, [NAMES]) for name in ("Subject", "my_name", "a-b", "é", "", "dataBase64", "a.b", "²")],
    ({"A": "", "_": ""}, [NAMES]),
    *[({"extra": value}, [EXTENSION]) for value in (0.5, 2**31, -(2**31) - 1, [], {}, 1e300)],
    ({"extra": [], "other": {}}, [EXTENSION, EXTENSION]),
    *[({"extra": value}, [UNKNOWN]) for value in ("a\n", "\0", "\x7f", "\x85", "\ud800", "\ufdd0", "\U0002fffe")],
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
    ({"specversion": "0.3", "map": [1]}, [EXTENSION]),
    (
        {"id": "", "A": 0.5, "subject": "", "time": "now", "datacontenttype": "x", "data": 1, "data_base64": "a"},
        [ID, NAMES, EXTENSION, FILLED.format("'subject'"), TIME, MEDIA_TYPE, BOTH, BASE64],
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


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text(st.characters(categories=["Cc", "Cs"])),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
MEMBERS = (*REQUIRED, "subject", "time", "datacontenttype", "dataschema", "schemaurl", "data", "data_base64", "extra")
ANYTHING = st.dictionaries(st.sampled_from([*MEMBERS, "datacontentencoding", "A", ""]), JSON).map(
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
        content_type, fields, _ = binary({**event, "data": None})
        assert all(value.isascii() and value.isprintable() for _, value in [*fields, ("", content_type)])


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


def test_headers():
    """One header for each attribute that is set; the data's own are told otherwise."""
    event = {
        **OLD,
        "subject": None,
        "n": 1,
        "datacontenttype": "a/b",
        "data": 1,
        "data_base64": "",
        "datacontentencoding": "a",
    }
    assert headers(native(event)) == [
        ("ce-specversion", "0.3"),
        ("ce-id", "1"),
        ("ce-source", "/books"),
        ("ce-type", "book.added"),
        ("ce-n", "1"),
    ]


@pytest.mark.parametrize(
    ("content_type", "json_type"),
    [
        *[(content_type, True) for content_type in ("application/json", "text/json", "APPLICATION/JSON", "a/json;b=c")],
        *[(content_type, True) for content_type in ("application/cloudevents+json", "image/SVG+Json", " a/b+json ; c")],
        *[
            (content_type, False)
            for content_type in ("", "text/plain", "application/jsonp", "application/xml; a=/json")
        ],
        *[(content_type, False) for content_type in ("application/json+xml", "application/x-json", "json/a")],
    ],
)
def test_is_json(content_type, json_type):
    """JSON is */json or */*+json, in any case, whatever its parameters."""
    assert is_json(content_type) is json_type


@pytest.mark.parametrize(
    ("content_type", "name"),
    [
        ("text/plain", "utf-8"),
        ("text/plain; charset=", "utf-8"),
        ("text/plain; charset=iso-8859-1", "iso-8859-1"),
        ('text/plain; a=b; Charset = "UTF-16" ; c', "UTF-16"),
    ],
)
def test_charset(content_type, name):
    """The charset that a type names, or UTF-8."""
    assert charset(content_type) == name


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
    expected = [(f"ce-{name}", event[name]) for name in REQUIRED]
    assert binary(event) == (content_type, expected, body)


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
MESSAGES = [
    ([("Content-Type", "application/json")], b"[1]", {"datacontenttype": "application/json", "data": [1]}),
    ([("content-type", "a/b+json")], b"null", {"datacontenttype": "a/b+json", "data": None}),
    ([("content-type", "application/json")], b"{", {"datacontenttype": "application/json", "data_base64": "ew=="}),
    ([("content-type", "application/json")], b"", {"datacontenttype": "application/json"}),
    ([("content-type", "text/plain")], b"\xe2\x82\xac", {"datacontenttype": "text/plain", "data": "€"}),
    (
        [("content-type", "TEXT/plain; charset=latin-1")],
        b"\xe9",
        {"datacontenttype": "TEXT/plain; charset=latin-1", "data": "é"},
    ),
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
    attributes = {name: value if isinstance(value, str) else json.dumps(value) for name, value in native(event).items()}
    return {**({"datacontenttype": "application/json"} if "data" in event else {}), **attributes}


@settings(deadline=None)
@given(CLOUDEVENTS)
def test_any_valid_event_comes_back(event):
    """Any valid event has no fault; what is read from its binary mode has its attributes, and is written as it was."""
    assert faults(event, strict=True) == []
    content_type, fields, body = binary(event)
    read = from_binary([*fields, ("content-type", content_type)], body)
    assert native(read) == in_headers(event)
    assert binary(read) == (content_type, fields, body)


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


@pytest.mark.parametrize(
    "members", [{"data_base64": "aGk"}, {"data_base64": 5}, {"data": [], "datacontentencoding": "base64"}]
)
def test_broken_data(members):
    """Binary data that is no base64 is told, not lost."""
    with pytest.raises(InvalidEvent) as caught:
        unpack({**REQUIRED, **members})
    assert str(caught.value) == "malformed CloudEvent: its binary data must be a string of base64"


def test_an_events_name():
    """The required attributes are strings, whatever they were."""
    event = CloudEvent({"id": 1, "source": 2, "type": 3}, None)
    assert (event.id, event.source, event.type) == ("1", "2", "3")
