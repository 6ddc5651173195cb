"""A row of the registry: which events its conditions match, and what is wrong with a broken one."""

from enum import StrEnum

import pytest

from cloud_events import ConfigurationError, Matcher
from cloud_events.adapter.matcher import EACH, HTTP
from cloud_events.adapter.registry import Registry

ORDER = {
    "kind": "order",
    "lines": [{"isbn": "9780141439549", "left": 0}, {"isbn": "9780571334650", "left": 7}],
    "paid": True,
}


def positive(value):
    return isinstance(value, int) and value > 0


HOLD = [
    # Presence, not truth.
    ({"$.a": ...}, {"a": None}),
    ({"$": ...}, None),
    # A value.
    ({"$.kind": "order"}, ORDER),
    ({"$.paid": True}, ORDER),
    ({"$.a": 1}, {"a": 1.0}),
    ({"$.a": None}, {"a": None}),
    ({"$": "ping"}, "ping"),
    # A set of values.
    ({"$.kind": {"order", "return"}}, ORDER),
    ({"$.a": frozenset({1, None})}, {"a": None}),
    # A type.
    ({"$.kind": str, "$.lines": list, "$.paid": bool, "$": dict}, ORDER),
    ({"$.a": float}, {"a": 0.5}),
    ({"$.a": type(None)}, {"a": None}),
    # A predicate.
    ({"$.lines[1].left": positive}, ORDER),
    ({"$.lines": len}, ORDER),
    # One of several matches suffices.
    ({"$.lines[*].left": positive}, ORDER),
    ({"$.lines[?(@.left > 5)]": ...}, ORDER),
    # No condition takes every event.
    ({}, None),
]
FAIL = [
    ({"$.a": ...}, {}),
    ({"$.kind": "return"}, ORDER),
    ({"$.kind": "Order"}, ORDER),
    # A string is the whole value, and no number.
    ({"$.kind": "ord"}, ORDER),
    ({"$.a": "1"}, {"a": 1}),
    # JSON's true and false are no numbers.
    ({"$.paid": 1}, ORDER),
    ({"$.paid": {1, 2}}, ORDER),
    ({"$.paid": int}, ORDER),
    ({"$.a": True}, {"a": 1}),
    ({"$.a": bool}, {"a": 1}),
    ({"$.a": float}, {"a": 1}),
    # A set holds values, not parts of them; an empty one holds none; a list is no key of a set.
    ({"$.kind": {"ord"}}, ORDER),
    ({"$.kind": set()}, ORDER),
    ({"$.lines": {"order"}}, ORDER),
    ({"$.lines[0].left": positive}, ORDER),
    ({"$.lines[?(@.left > 7)]": ...}, ORDER),
    # All must hold.
    ({"$.kind": "order", "$.paid": False}, ORDER),
]


@pytest.mark.parametrize(
    ("where", "event", "holds"), [(*case, True) for case in HOLD] + [(*case, False) for case in FAIL]
)
def test_conditions(where, event, holds):
    """A row matches an event where all its conditions hold: presence, a value, a set, a type, a predicate."""
    assert Matcher("a", where, "/a").matches(event) is holds


def test_explain():
    """Each condition comes with what must be there and whether it holds, also after one that does not."""
    where = {"$.kind": "return", "$.lines[*].left": positive, "$.paid": ..., "$.shop": str}
    assert Matcher("a", where, "/a").explain(ORDER) == [
        ("$.kind", "return", False),
        ("$.lines[*].left", positive, True),
        ("$.paid", ..., True),
        ("$.shop", str, False),
    ]


def test_a_predicate_that_fails():
    """What a predicate raises is raised unchanged, or the event would be lost in silence; explain() says "not held"."""
    row = Matcher("a", {"$.kind": str, "$": len}, "/a")
    assert row.explain(5) == [("$.kind", str, False), ("$", len, False)]
    with pytest.raises(TypeError, match=r"^object of type 'int' has no len\(\)$"):
        Matcher("a", {"$": len}, "/a").matches(5)


@pytest.mark.parametrize(
    ("path", "found"),
    [("$.kind", ["order"]), ("$.lines[*].left", [0, 7]), ("$.shop", []), ("$", [ORDER]), ("/a", None), (None, None)],
)
def test_dynamic_path(path, found):
    """A path that begins with "$" is looked up in the event; static ones and callables are not."""
    row = Matcher("a", {}, path)
    assert (row.find_path and list(row.find_path(ORDER))) == found


def test_a_row_keeps_what_it_was_given():
    """Name, conditions, path and reply can be read, and are what repr shows."""
    row = Matcher("orders", {"$.kind": "order"}, "/orders", "poll")
    assert (row.name, row.where, row.path, row.reply) == ("orders", {"$.kind": "order"}, "/orders", "poll")
    assert repr(row) == "Matcher('orders', {'$.kind': 'order'}, '/orders', 'poll')"
    assert repr(Matcher("a", {}, "$.b")) == "Matcher('a', {}, '$.b')"


@pytest.mark.parametrize("path", ["/", "$", "$..a", str.lower, None, HTTP, EACH])
def test_good_rows(path):
    """Paths static, dynamic, callable and none, and each kind of reply."""
    assert [Matcher("a", {}, path, reply).path for reply in ("sync", "async", "poll", None)] == [path] * 4


def test_jsonpaths_of_an_enumeration():
    """A member of a StrEnum is a str like any other, as a JSONPath and as a value."""
    order = StrEnum("order", {"KIND": "$.kind", "BOOKS": "order"})
    row = Matcher("a", {order.KIND: order.BOOKS}, "/a")
    assert [Registry([row]).match(event) for event in (ORDER, {"kind": "gift"})] == [row, None]


PATH = (
    "the path must begin with '/' (static) or '$' (a JSONPath), be a callable of the event, or be None "
    "(acknowledged without a request)"
)
SET = "at '$.b': write a set, such as {'a', 'b'}, for one of several values, not a "
REPLY = "reply must be one of 'sync', 'async', 'poll' or None"
WHERE = "'where' must be a dict of JSONPath → what must be there"
NAME = "the name must be a non-empty string"
BROKEN = [
    (("", {}, "/a"), f"Matcher('', {{}}, '/a'): {NAME}"),
    ((5, {}, "/a"), f"Matcher(5, {{}}, '/a'): {NAME}"),
    (("a", None, "/a"), f"Matcher('a', None, '/a'): {WHERE}"),
    (("a", {5: ...}, "/a"), f"Matcher('a', {{5: Ellipsis}}, '/a'): {WHERE}"),
    (("a", {}, "b"), f"Matcher('a', {{}}, 'b'): {PATH}"),
    (("a", {}, 5), f"Matcher('a', {{}}, 5): {PATH}"),
    (("a", {"$.b": ["c"]}, "/a"), f"Matcher('a', {{'$.b': ['c']}}, '/a'): {SET}list"),
    (("a", {"$.b": ("c", "d")}, "/a"), f"Matcher('a', {{'$.b': ('c', 'd')}}, '/a'): {SET}tuple"),
    (("a", {}, "/a", "none"), f"Matcher('a', {{}}, '/a', 'none'): {REPLY}"),
    (("a", {}, "/a", ""), f"Matcher('a', {{}}, '/a', ''): {REPLY}"),
]


@pytest.mark.parametrize(("arguments", "message"), BROKEN)
def test_broken_rows(arguments, message):
    """A row that cannot work is refused as it is made; the message quotes it and says what is wrong."""
    with pytest.raises(ConfigurationError) as caught:
        Matcher(*arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("where", "path"), [({"$.a[": ...}, "/a"), ({"a]": ...}, "/a"), ({}, "$.a["), ({"$.a": ..., "$[?(": 1}, "$.b")]
)
def test_broken_jsonpaths(where, path):
    """A broken JSONPath, of a condition or the path, is refused with the row and the JSONPath."""
    with pytest.raises(ConfigurationError) as caught:
        Matcher("a", where, path)
    (broken,) = {*where, path} & {"$.a[", "a]", "$[?("}
    reason = caught.value.__cause__
    assert str(caught.value) == f"Matcher('a', {where!r}, {path!r}): {reason}"
    # Its words are those of jsonpath-ng, which test_jsonpath.py looks at.
    assert str(reason).startswith(f"{broken!r} is not a JSONPath: ")
