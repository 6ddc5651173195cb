"""An event as JSON bytes: by json, or by orjson where it is installed; the same values either way."""

import json
import sys
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_events import InvalidEvent
from cloud_events.adapter import encoding


@pytest.fixture(params=["json", "json of another Python", "orjson"])
def encode(request, monkeypatch):
    """encode(), with orjson and without, and where json has not the encoder that we know."""
    monkeypatch.setattr(encoding, "_quick", None)
    if request.param == "json of another Python":
        monkeypatch.setattr(json.encoder, "c_make_encoder", None)
        monkeypatch.setattr(encoding, "_parts", encoding._encoder())
    if request.param == "orjson":
        pytest.importorskip("orjson")
        encoding.use_orjson()
    return encoding.encode


def nested(depth):
    """A list of a list of …"""
    event = []
    for _ in range(depth):
        event = [event]
    return event


EVENTS = [
    None,
    *(True, 0, -1.5, "", "text", [], {}),
    {"a": [{"b": None}], "é": "€ 😀\x00\x7f\u2028", "": ""},
    # What orjson refuses: integers over 64 bits, unpaired surrogates, deep nesting.
    {"a": 2**64, "b": -(2**80)},
    {"a": "\ud800", "\udfff": 1},
    nested(500),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: ascii(event)[:30])
def test_the_same_values(encode, event):
    """The bytes hold the event, without a space."""
    body = encode(event)
    assert json.loads(body) == event
    assert body.decode() == json.dumps(event, separators=(",", ":"), ensure_ascii=body.isascii())


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"a": {1, 2}}, "the event is not JSON: Object of type set is not JSON serializable"),
        ({"a": b"secret"}, "the event is not JSON: Object of type bytes is not JSON serializable"),
        ({(1, 2): 3}, "the event is not JSON: keys must be str, int, float, bool or None, not tuple"),
        (nested(200_000), "the event is nested too deeply to be written as JSON"),
    ],
    ids=["set", "bytes", "key", "deep"],
)
def test_refusals(encode, event, message):
    """What is no JSON is refused without being quoted."""
    with pytest.raises(InvalidEvent) as caught:
        encode(event)
    assert str(caught.value) == message


def test_without_orjson(monkeypatch):
    """Where orjson is not installed, json does the work."""
    monkeypatch.setattr(encoding, "_quick", None)
    monkeypatch.setitem(sys.modules, "orjson", None)
    encoding.use_orjson()
    with pytest.raises(InvalidEvent, match=r"^the event is not JSON: Object of type date is not JSON serializable$"):
        encoding.encode(date(2026, 3, 14))
    assert encoding.encode({"a": "é"}) == b'{"a":"\\u00e9"}'


def test_with_orjson(monkeypatch):
    """Where orjson is installed, it does the work."""
    orjson = pytest.importorskip("orjson")
    monkeypatch.setattr(encoding, "_quick", None)
    encoding.use_orjson()
    assert encoding.encode({"a": "é"}) == orjson.dumps({"a": "é"})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(deadline=None)
@given(event=JSON)
def test_any_event_comes_back(event):
    """Any JSON value is what its bytes say."""
    assert json.loads(encoding.encode(event)) == event
