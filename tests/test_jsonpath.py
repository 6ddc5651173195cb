"""JSONPath: looked up here, with jsonpath-ng's own answers, or given to jsonpath-ng, or refused."""

import re
import subprocess
import sys
from functools import partial

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from jsonpath_ng.ext.parser import parse as parse_rich

from cloud_events import ConfigurationError, InvalidEvent
from cloud_events.adapter.jsonpath import finder

BOOKS = {"books": [{"title": "Emma", "sold": 3, "tags": None}, {"title": "Ulysses", "sold": 12}, {"title": "Milkman"}]}
ANSWERS = [
    ("$", None, [None]),
    ("$.a", {"a": None}, [None]),
    ("$.a", [{"a": 1}], []),
    ("$.a", None, []),
    ("$.a.b", {"a": [{"b": 1}]}, []),
    ("$[1]", [1, ""], [""]),
    ("$[0]", [], []),
    ("$[0]", "text", []),
    ("$.a[0].b", {"a": [{"b": False}, {"b": 1}]}, [False]),
    ("$.books[*].title", BOOKS, ["Emma", "Ulysses", "Milkman"]),
    ("$.books[1:].title", BOOKS, ["Ulysses", "Milkman"]),
    ("$.books[?(@.sold > 5)].title", BOOKS, ["Ulysses"]),
    ("$.books[?(@.title == 'Emma')].sold", BOOKS, [3]),
    ("$..sold", BOOKS, [3, 12]),
    ("$['books','magazines']", {"magazines": 1, "books": 2}, [2, 1]),
    # What jsonpath-ng itself trips over matches nothing.
    ("$.a.`sorted`", {"a": [2, "b", 1]}, []),
    ("$.a.`sub(/b/, c)`", {"a": 5}, []),
]


@pytest.mark.parametrize(("path", "document", "values"), ANSWERS)
def test_answers(path, document, values):
    """A path gives every value that it matches, in order, whatever the document; what is absent is no value."""
    assert list(finder(path)(document)) == values


@pytest.mark.parametrize("path", [path for path, document, _ in ANSWERS if document is BOOKS])
@pytest.mark.parametrize(
    "document", [None, True, 5, "books", [], [[]], {"books": 5}, {"books": None}, {"books": "Emma"}]
)
def test_a_rich_path_never_fails(path, document):
    """A filter, slice or wildcard on a document that it does not fit matches nothing."""
    assert list(finder(path)(document)) == []


@pytest.mark.parametrize("path", ["$.a[", "$.", "$['a'", "$[?(", "$.a b", "a]b"])
def test_a_broken_path_is_refused(path):
    """The message quotes the path and gives jsonpath-ng's reason."""
    with pytest.raises(ConfigurationError) as caught:
        finder(path)
    # Older versions of jsonpath-ng trip over the end of a path.
    found = {AttributeError: "it ends too soon"}.get(type(caught.value.__cause__), caught.value.__cause__)
    assert str(caught.value) == f"{path!r} is not a JSONPath: {found}"


def test_an_event_that_is_too_deep_for_a_path():
    """An event on which jsonpath-ng runs out of stack is refused: a silent miss would lose it."""
    deep = [[], []]
    for _ in range(100_000):
        deep = [[deep[0]], [deep[1]]]
    with pytest.raises(InvalidEvent, match=r"^the event is nested too deeply for '\$\.a\.`sorted`'$"):
        finder("$.a.`sorted`")({"a": deep})


def test_jsonpath_ng_is_imported_late():
    """Only rows that need jsonpath-ng import it."""
    script = (
        "import sys, cloud_events.handler; from cloud_events import Matcher;"
        "Matcher('a', {'$.a[0]': 1}, '$.b'); print('jsonpath_ng' in sys.modules);"
        "Matcher('a', {'$..a': 1}, '/b'); print('jsonpath_ng' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


PATHS = [
    *("$", "$.a", "$.detail-type", "$._a9.B", "$[0]", "$[0][1]", "$.a[0].b", "$['detail-type']", '$.a["b c"][3].d'),
    *("$['é']['0']['where']", "$.*", "$[*]", "$['*']", "$..a", "$.a..b", "$[-1]", "$[1:2]", "$[:]", "$['a','b']"),
    *("$.a[?(@.b == 'c')]", "$.where", "$.a.wherenot", "$.a.`len`", "$.é", "$.", "$.a.", "$.-a", "$.a b", "$[]"),
    *("$['']", "$['a\"b']", "$['a\\b']", "$['a\nb']", "$[0", "$['a'", "$['a\"]", "$a", "$[²]", "$[0]a", "$[0].a b"),
    *("", "a.b", "@.a", "$.9a", "$.a-", "$.a-b", "$. a", "$ .a", "$.a[ 0 ]", "$[00]", "$['a' ]", "$.$", "$.a.$"),
]
SHELVES = [
    {"a": {"b": "c", "": 0, "where": 1}, "detail-type": 2, "é": {"0": {"where": 3}}, "*": 4, "9a": 5, "where": 6},
    {"a": [{"b": "c"}, {"b": "d"}], "a-": 8, "a-b": 9, "a b": 10, 'a"b': 11, "a\\b": 12, "": 13, "0": 14, "$": 15},
    [{"a": 16, "*": 17}, [18, 19]],
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_odd_paths(path):
    """Whatever could be written as a path: jsonpath-ng's answers, or its refusal."""
    try:
        expression = parse_rich(path)
    except Exception:
        with pytest.raises(ConfigurationError):
            finder(path)
    else:
        assert [[*finder(path)(document)] for document in SHELVES] == [*map(partial(answers, expression), SHELVES)]


def answers(expression, document):
    """What jsonpath-ng finds; where an old release takes an index for a key, nothing."""
    try:
        return [match.value for match in expression.find(document)]
    except KeyError:
        return []


KEYS = ("a", "b_2", "detail-type", "e f", "a.b", "0", "é", "$", "]", "where")
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
# Releases of old take an index for a key or a letter too, and break on numbers.
INDICES_ARE_FOR_LISTS = not parse_rich("$[0]").find("text")


@st.composite
def documents_with_a_path(draw):
    """A document, and a path of children and indices that mostly follows it."""
    document = value = draw(DOCUMENTS)
    path = "$"
    for _ in range(draw(st.integers(0, 4))):
        there = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
        step = draw(st.sampled_from([*there, *there, *KEYS, 0, 1]))
        if isinstance(step, int):
            assume(INDICES_ARE_FOR_LISTS or value is None or isinstance(value, list))
            path += f"[{step}]"
        elif re.fullmatch(r"[a-z][a-z0-9_-]*", step) and step != "where" and draw(st.booleans()):
            path += f".{step}"
        else:
            path += draw(st.sampled_from(["['{}']", '["{}"]'])).format(step)
        value = value[step] if step in there else None
    return document, path


@settings(deadline=None)
@given(documents_with_a_path())
@example(({"a": [{"detail-type": None}]}, "$.a[0]['detail-type']"))
def test_the_same_answers_either_way(drawn):
    """The look-up and jsonpath-ng agree on any document."""
    document, path = drawn
    assert list(finder(path)(document)) == [match.value for match in parse_rich(path).find(document)]
