"""Ordered rows: the first that matches wins, and the index finds what a scan from the top would."""

from collections import OrderedDict
from enum import StrEnum

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cloud_events import Matcher
from cloud_events.adapter.catalog import ROWS
from cloud_events.adapter.registry import Registry
from conftest import EVENTS, expectations, sample

LOOSE = Matcher("loose", {"$.kind": ...}, "/loose")
EXACT = Matcher("exact", {"$.kind": "order"}, "/exact")
SEVERAL = Matcher("several", {"$.shop": ..., "$.kind": {"order", "return"}}, "/several")
RICH = Matcher("rich", {"$..isbn": ...}, "/rich")
ALL = Matcher("all", {}, "/all")
FIRST = Matcher("first", {"$[0].kind": "order"}, "/first")
SECOND = Matcher("second", {"$[1]": ...}, "/second")
ROOT = Matcher("root", {"$": int}, "/root")

WINS = [
    ([LOOSE, EXACT], {"kind": "order"}, LOOSE),
    ([EXACT, LOOSE], {"kind": "order"}, EXACT),
    ([EXACT, LOOSE], {"kind": ["order"]}, LOOSE),
    ([SEVERAL, EXACT], {"kind": "order", "shop": "cork"}, SEVERAL),
    ([RICH, EXACT], {"kind": "order", "lines": [{"isbn": 1}]}, RICH),
    ([EXACT, ALL, LOOSE], {"kind": "other"}, ALL),
    ([EXACT, ALL], None, ALL),
    ([SECOND, FIRST], [{"kind": "order"}, 5], SECOND),
    ([EXACT, ROOT], 5, ROOT),
    ([], {"kind": "order"}, None),
    # An heir of dict, list or str, of which JSON knows nothing, is what it inherits.
    ([LOOSE, EXACT], OrderedDict(kind=StrEnum("Kind", {"ORDER": "order"}).ORDER), LOOSE),
    ([EXACT], OrderedDict(kind=StrEnum("Kind", {"ORDER": "order"}).ORDER), EXACT),
]


@pytest.mark.parametrize(("rows", "event", "row"), WINS)
def test_the_first_row_wins(rows, event, row):
    """Order alone decides between rows that match, wherever they stand in the index."""
    assert Registry(rows).match(event) is row
    assert Registry(iter(rows)).rows == tuple(rows)


VALUES = st.sampled_from(["order", "return", "", 0, 1, True, None]) | st.lists(st.integers(0, 1), max_size=2)
PATHS = st.sampled_from(["$", "$.a", "$.b", "$.a.b", "$['c']", "$[0]", "$[1].a", "$.a[0]", "$..b", "$.a[*]", "$.*"])
EXPECTED = (
    st.just(...)
    | st.sampled_from(["order", "return", "", 0, None, str, int, dict, list, bool])
    | st.sets(st.sampled_from(["order", "return", 1]))
)
ROW = st.builds(Matcher, st.just("row"), st.dictionaries(PATHS, EXPECTED, max_size=3), st.just("/"))
DOCUMENTS = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner), max_leaves=6
)
SAMPLES = [sample(file.removesuffix(".json")) for file, _, _ in expectations(EVENTS)]
OBJECTS = [event for event in SAMPLES if isinstance(event, dict) and event]


@st.composite
def mixed(draw):
    """An event with the marks of several of our rows, and without some of them."""
    event = {
        key: value
        for one in draw(st.lists(st.sampled_from(OBJECTS), min_size=1, max_size=3))
        for key, value in one.items()
    }
    return {key: event[key] for key in event if key not in draw(st.sets(st.sampled_from(sorted(event)), max_size=3))}


@settings(deadline=None, max_examples=300)
@given(st.tuples(st.lists(ROW, max_size=6), DOCUMENTS) | st.tuples(st.just(ROWS), mixed() | st.sampled_from(SAMPLES)))
@example(([SECOND], [5, 5]))
def test_the_index_agrees_with_a_scan(drawn):
    """Any rows and ours, any event: the index and a scan from the top give the same rows, in the same order."""
    rows, event = drawn
    assert [*Registry(rows).matching(event)] == [row for row in rows if row.matches(event)]
