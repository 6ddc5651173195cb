"""Texts with look-ups in braces: what they find in a record, in its event, or nowhere."""

import pytest

from cloud_events.adapter.template import MISSING, at, dig, forbidden, found, function, one_of, pieces, sure, text

RECORD = {"a": {"b": "1", "c": 2, "none": None}, "x-y": "z", "empty": "", "list": ["0"]}
EVENT = {"a": {"b": "of the event"}, "arn": "arn:1"}
TEMPLATES = [
    ("fixed", "fixed"),
    ("", None),
    ("{a.b}", "1"),
    ("{a.c}", "2"),
    ("{x-y}", "z"),
    ("{$.a.b}", "of the event"),
    ("<{a.b}>", "<1>"),
    ("{a.b}.{a.c}", "1.2"),
    ("{$.arn}#{a.b}!", "arn:1#1!"),
    ("{missing|a.b}", "1"),
    ("{a.b|x-y}", "1"),
    ("{missing|$.arn}/{empty|a.c}", "arn:1/2"),
    # One look-up that finds nothing, or what is no attribute's value, leaves nothing of the whole.
    *[(template, None) for template in ("{missing}", "{a}", "{a.none}", "{empty}", "{list}", "{list.0}", "{x-y.a}")],
    *[(template, None) for template in ("<{missing}>", "{a.b}.{missing}", "{missing}.{a.b}", "{missing|a.d}", "{arn}")],
    # A callable is given record, event and the key of the record's list.
    (lambda record, event, group: record["x-y"] + event["arn"] + group, "zarn:1queue"),
    (lambda record, event, group: 5, "5"),
    (lambda record, event, group: None, None),
    (lambda record, event, group: ["1"], None),
]


def looked_up(python, record=RECORD, event=EVENT):
    """What an expression finds; None, too, where it raises one of MISSING."""
    try:
        return function("record, event, group", python)(record, event, "queue")
    except MISSING:
        return None


@pytest.mark.parametrize(("template", "value"), TEMPLATES)
def test_templates(template, value):
    """Every look-up in its place, as text; or nothing."""
    assert looked_up(found(template)) == value


@pytest.mark.parametrize("odd", [None, 5, "a", [], {"a": 5}, {"a": None}, {"a": ["b"]}])
def test_odd_records(odd):
    """What is no object has nothing in it."""
    assert looked_up(found("{a.b}"), odd) is None
    assert looked_up(found("{$.a.b}"), event=odd) is None
    assert looked_up(found("{$.a.b|a.b}"), odd, odd) is None
    assert looked_up(at("a.b"), odd) is looked_up(sure("a.b"), odd) is None


def test_paths():
    """What stands at a path, whatever it is; only the sure look-up raises where the last key is missing."""
    for look_up in (at, sure):
        assert looked_up(look_up("a.c")) == 2
        assert looked_up(look_up("$.a")) is EVENT["a"]
        assert looked_up(look_up("x-y")) == "z"
        for nowhere in ("missing.b", "a.b.c", "list.0", "x-y.z"):
            with pytest.raises(MISSING):
                function("record, event, group", look_up(nowhere))(RECORD, EVENT, None)
    assert at("a.b") == "record['a'].get('b')"
    assert sure("$.a.b") == "event['a']['b']"
    with pytest.raises(KeyError):
        function("record", sure("missing"))(RECORD)
    assert function("record", at("missing"))(RECORD) is None


@pytest.mark.parametrize(
    ("template", "parts"),
    [
        ("{a}", [("", "a"), ("", "")]),
        ("fixed", [("fixed", "")]),
        ("<{a.b|c}>", [("<", "a.b|c"), (">", "")]),
        ("{a}.{b}", [("", "a"), (".", "b"), ("", "")]),
        ("", [("", "")]),
    ],
)
def test_pieces(template, parts):
    """Each fixed text, and the look-up behind it."""
    assert pieces(template) == parts


def test_one_of():
    """Templates joined with dots, without those that find nothing."""
    assert looked_up(one_of(("{a.b}", "fixed", "{missing}", lambda *_: None, "{missing.a}", "{a.c}"))) == "1.fixed.2"
    assert looked_up(one_of(("{missing}",))) == ""


@pytest.mark.parametrize(
    ("value", "attribute"),
    [("a b", "a b"), ("é\u00a0\u2028", "é\u00a0\u2028"), (0, "0"), (-(2**70), str(-(2**70)))]
    + [(value, None) for value in ("", "a\n", "\x85", "\ud800", "\ufffe", True, False, None, 0.5, [], {}, b"a")],
)
def test_text(value, attribute):
    """An attribute's value is a string that is not empty, or a whole number written out."""
    assert text(value) == attribute


LAST = [plane + last for plane in range(0, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF)]
FORBIDDEN = {*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000), *range(0xFDD0, 0xFDF0), *LAST}


def test_forbidden():
    """Of all characters, the control characters, the surrogates and the noncharacters; wherever they stand."""
    assert {code for code in range(0x110000) if forbidden(chr(code))} == FORBIDDEN
    assert forbidden("a\x00b")
    assert not forbidden("")


def test_dig():
    """A dict of dicts, as deep as it goes."""
    assert dig(RECORD, "a", "b") == "1"
    assert dig(RECORD) is RECORD
    assert dig(RECORD, "a", "b", "c") is dig(RECORD, "missing", "a") is dig(None, "a") is dig(RECORD, "list", 0) is None
