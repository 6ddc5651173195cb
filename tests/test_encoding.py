"""An event as JSON bytes: by json, or by orjson where it is installed; the same values either way."""

import json
import sys

import pytest
from hypothesis import given, settings

from cloud_events import InvalidEvent
from cloud_events.adapter import encoding
from drawn import ANY_JSON


@pytest.fixture(params=["json", "orjson"])
def encode(request, monkeypatch):
    """encode(), with orjson and without."""
    monkeypatch.setattr(encoding, "_orjson", None)
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
    """What is not JSON is refused without being quoted."""
    with pytest.raises(InvalidEvent) as caught:
        encode(event)
    assert str(caught.value) == message


@pytest.mark.parametrize(("installed", "body"), [(True, '{"a":"é"}'.encode()), (False, b'{"a":"\\u00e9"}')])
def test_with_and_without_orjson(installed, body, monkeypatch):
    """Where orjson is installed, it does the work, else json."""
    monkeypatch.setattr(encoding, "_orjson", None)
    if installed:
        pytest.importorskip("orjson")
    else:
        monkeypatch.setitem(sys.modules, "orjson", None)
    encoding.use_orjson()
    assert encoding.encode({"a": "é"}) == body


@settings(deadline=None)
@given(event=ANY_JSON)
def test_any_event_comes_back(event):
    """Any JSON value is what its bytes say."""
    assert json.loads(encoding.encode(event)) == event
