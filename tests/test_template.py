"""Texts with look-ups in braces: what they find in a record, in its event, or nowhere."""

import pytest

from cloud_events.adapter.template import MISSING, agreed_by, compiled, dig, forbidden, found_by, text, value_at

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


@pytest.mark.parametrize(("template", "found"), TEMPLATES)
def test_templates(template, found):
    """Every look-up in its place, as text; or nothing."""
    assert found_by(compiled(template), RECORD, EVENT, "queue") == found


@pytest.mark.parametrize("odd", [None, 5, "a", [], {"a": 5}, {"a": None}, {"a": ["b"]}])
def test_odd_records(odd):
    """What is no object has nothing in it."""
    assert found_by(compiled("{a.b}"), odd, EVENT, None) is None
    assert found_by(compiled("{$.a.b}"), RECORD, odd, None) is None
    assert found_by(compiled("{$.a.b|a.b}"), odd, odd, None) is None


def test_value_at():
    """What stands at a path, whatever it is; an exception where there is nothing."""
    assert value_at("a.c")(RECORD, EVENT, None) == 2
    assert value_at("$.a")(RECORD, EVENT, None) is EVENT["a"]
    for nowhere in ("missing", "a.b.c", "list.0", "x-y.z"):
        with pytest.raises(MISSING):
            value_at(nowhere)(RECORD, EVENT, None)


@pytest.mark.parametrize(
    ("records", "agreed"),
    [
        ([{"a": 1}] * 3, 1),
        ([{"a": 1}, {"a": 2}], None),
        ([{}, {"a": 1}], None),
        ([{"a": 1}, 5], None),
        ([{"a": None}], None),
    ],
)
def test_agreed_by(records, agreed):
    """What all records have; nothing if one has another, or none."""
    assert agreed_by(value_at("a"), [(record, None) for record in records], EVENT) == agreed


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
