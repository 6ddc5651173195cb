"""Ordered rows: the first that matches wins, and the index finds what a scan from the top would."""

from collections import OrderedDict
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_events import Matcher
from cloud_events.adapter import ours
from cloud_events.adapter.catalog import ROWS
from cloud_events.adapter.registry import Registry
from conftest import EVENTS, expectations, sample


def scanned(rows, event):
    """What the index must find: the first of *rows* that matches, tried one by one."""
    return next((row for row in rows if row.matches(event)), None)


LOOSE = Matcher("loose", {"$.kind": ...}, "/loose")
EXACT = Matcher("exact", {"$.kind": "order"}, "/exact")
SEVERAL = Matcher("several", {"$.shop": ..., "$.kind": {"order", "return"}}, "/several")
RICH = Matcher("rich", {"$..isbn": ...}, "/rich")
ALL = Matcher("all", {}, "/all")
LISTED = Matcher("listed", {"$[0].kind": "order"}, "/listed")
SECOND = Matcher("second", {"$[1]": ...}, "/second")
NUMBER = Matcher("number", {"$.kind": {1, 2}}, "/number")
ROOT = Matcher("root", {"$": int}, "/root")
RETURN = Matcher("return", {"$.kind": "return"}, "/return")
MIXED = Matcher("mixed", {"$.kind": {"order", 1}}, "/mixed")
DEEP = Matcher("deep", {"$.shop.town": "cork"}, "/deep")
DEEPER = Matcher("deeper", {"$.shop.town": "kerry"}, "/deeper")
SOMETHING = Matcher("something", {"$.shop.town": ...}, "/something")
TEXT = Matcher("text", {"$.kind": str}, "/text")
OBJECT = Matcher("object", {"$.kind": dict}, "/object")
LETTER = Matcher("letter", {"$.lines[0]": str}, "/letter")
LINE = Matcher("line", {"$.lines[0].isbn": ..., "$.lines[0].price": ...}, "/line")

FIRST = [
    ([LOOSE, EXACT], {"kind": "order"}, LOOSE),
    ([EXACT, LOOSE], {"kind": "order"}, EXACT),
    ([EXACT, LOOSE], {"kind": "other"}, LOOSE),
    ([EXACT, LOOSE], {"sort": "order"}, None),
    ([SEVERAL, EXACT], {"kind": "order", "shop": "cork"}, SEVERAL),
    ([SEVERAL, EXACT], {"kind": "order"}, EXACT),
    ([SEVERAL, EXACT], {"kind": "return", "shop": 0}, SEVERAL),
    ([EXACT, RICH], {"kind": "order", "lines": [{"isbn": 1}]}, EXACT),
    ([RICH, EXACT], {"kind": "order", "lines": [{"isbn": 1}]}, RICH),
    ([EXACT, ALL, LOOSE], {"kind": "other"}, ALL),
    ([EXACT, ALL], None, ALL),
    ([EXACT, LISTED, SECOND], [{"kind": "order"}, 5], LISTED),
    ([SECOND, LISTED], [{"kind": "order"}, 5], SECOND),
    ([SECOND, LISTED], [{"kind": "order"}], LISTED),
    ([SECOND, LISTED], [], None),
    ([EXACT, NUMBER], {"kind": 2}, NUMBER),
    ([EXACT, NUMBER], {"kind": True}, None),
    ([EXACT, NUMBER], {"kind": ["order"]}, None),
    ([EXACT, ROOT], 5, ROOT),
    ([EXACT, ROOT], "kind", None),
    ([], {"kind": "order"}, None),
    # Where several rows look at one place, it is looked at once for all of them.
    ([EXACT, RETURN, LOOSE], {"kind": "return"}, RETURN),
    ([EXACT, RETURN, LOOSE], {"kind": ["order"]}, LOOSE),
    ([EXACT, RETURN, LOOSE], {"kind": None}, LOOSE),
    ([MIXED, EXACT, RETURN], {"kind": 1}, MIXED),
    ([MIXED, EXACT, RETURN], {"kind": "order"}, MIXED),
    ([DEEP, DEEPER, SOMETHING], {"shop": {}}, None),
    ([DEEP, DEEPER, SOMETHING], {"shop": {"town": None}}, SOMETHING),
    ([DEEP, DEEPER, SOMETHING], {"shop": "town"}, None),
    ([TEXT, EXACT, RETURN], {"kind": "order"}, TEXT),
    ([TEXT, EXACT, RETURN], {"kind": "other"}, TEXT),
    ([OBJECT, TEXT, EXACT], {"kind": {"order": 1}}, OBJECT),
    ([OBJECT, TEXT, EXACT], {"kind": ["order"]}, None),
    # A string has items too, but none that a path finds.
    ([LETTER, LINE], {"lines": "text"}, None),
    ([LETTER, LINE], {"lines": ["text"]}, LETTER),
    ([LETTER, LINE], {"lines": [{"isbn": 1, "price": 2}]}, LINE),
]


@pytest.mark.parametrize(("rows", "event", "row"), FIRST)
def test_the_first_row_wins(rows, event, row):
    """Order alone decides between rows that match, wherever they stand in the index."""
    assert Registry(rows).match(event) is row
    assert Registry(iter(rows)).rows == tuple(rows)


@pytest.mark.parametrize("event", [None, True, 0, 1.5, "", "text", [], [[]], [None], {}, {"": ""}, {"Records": []}])
def test_no_event_is_too_odd(event):
    """Lists, strings, numbers and null match no row of ours, and break none."""
    assert ours().match(event) is None


def test_our_rows_are_built_once():
    """All that ask share one registry."""
    assert ours() is ours()
    assert ours().rows == ROWS


VALUES = st.sampled_from(["order", "return", "", 0, 1, True, None]) | st.lists(st.integers(0, 1), max_size=2)
PATHS = st.sampled_from(["$", "$.a", "$.b", "$.a.b", "$['c']", "$[0]", "$[1].a", "$.a[0]", "$..b", "$.a[*]", "$.*"])
EXPECTED = (
    st.just(...)
    | st.sampled_from(["order", "return", "", 0, None, str, int, dict, list, bool])
    | st.sets(st.sampled_from(["order", "return", 1]))
    | st.sets(st.sampled_from(["order", "return"]), min_size=1)
)
ROW = st.builds(Matcher, st.just("row"), st.dictionaries(PATHS, EXPECTED, max_size=3), st.just("/"))
DOCUMENTS = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner), max_leaves=6
)


@settings(deadline=None)
@given(st.lists(ROW, max_size=6), DOCUMENTS)
def test_the_index_agrees_with_a_scan(rows, event):
    """Any rows, any event: the index and a scan from the top give the same row."""
    assert Registry(rows).match(event) is scanned(rows, event)


def test_heirs():
    """An heir of dict, list or str, of which JSON knows nothing, is what it inherits."""

    class Text(str):
        __slots__ = ()

    class Lines(list):
        pass

    registry = Registry([LISTED, EXACT, RETURN, Matcher("kinds", {"$.a": dict, "$.b": list, "$.c": str}, "/kinds")])
    assert registry.match(OrderedDict(kind=Text("order"))) is EXACT
    assert registry.match(Lines([OrderedDict(kind="order")])) is LISTED
    assert registry.match({"a": OrderedDict(), "b": Lines(), "c": Text()}) is registry.rows[3]
    assert registry.match({"a": {}, "b": {}, "c": ""}) is None


def test_memory_has_an_end():
    """What is remembered of the shapes of events does not grow without end, whatever anybody sends."""
    rows = [Matcher(f"row {number}", {f"$.a.k{number}": ..., f"$.b.k{number}": ...}, "/") for number in range(7)]
    registry = Registry(rows)
    subsets = [[bit for bit in range(7) if number >> bit & 1] for number in range(2**7)]
    sizes = []
    for first, second in product(subsets, repeat=2):
        event = {"a": {f"k{bit}": None for bit in first}, "b": {f"k{bit}": None for bit in second}}
        assert registry.match(event) is next((rows[bit] for bit in first if bit in second), None)
        sizes.append(remembered(registry._first))
    assert max(sizes) == 512
    assert max(sizes[len(sizes) // 2 :]) > 500  # it fills again


def remembered(question):
    """How many answers the tree has."""
    place, _, answers, _ = question
    return sum(1 + remembered(following) for following in answers.values()) if place is not None else 0


SAMPLES = [sample(file.removesuffix(".json")) for file, _, _ in expectations(EVENTS)]
ENVELOPES = [event for event in SAMPLES if isinstance(event, dict) and event]


@settings(deadline=None)
@given(st.lists(st.sampled_from(ENVELOPES), min_size=1, max_size=3), st.data())
def test_the_index_agrees_with_a_scan_of_our_rows(events, data):
    """An event with the marks of several of our rows, and without some of them, goes where the order says."""
    event = {key: value for each in events for key, value in each.items()}
    for key in data.draw(st.sets(st.sampled_from(sorted(event)), max_size=3)):
        del event[key]
    assert ours().match(event) is scanned(ROWS, event)
