"""The path rule: which URL an event may ask for, and with which words it is refused."""

from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cloud_events import InvalidEvent, Matcher
from cloud_events.adapter.path import Place, Places, fault_of, route

ROUTES = [
    # Scheme and authority stay, as text; runs of slashes become one.
    ("https://github.com/x", "/https:/github.com/x", ""),
    ("a/b", "/a/b", ""),
    ("//host/p", "/host/p", ""),
    ("/books/catalogue", "/books/catalogue", ""),
    ("///a////b//", "/a/b/", ""),
    ("/", "/", ""),
    ("//", "/", ""),
    ("urn:uuid:1-2", "/urn:uuid:1-2", ""),
    ("aws.s3", "/aws.s3", ""),
    # What follows "#" is dropped; what follows the first "?" is the query string.
    ("https://github.com/cloudevents?a=b#c", "/https:/github.com/cloudevents", "a=b"),
    ("/a#b?c", "/a", ""),
    ("/a#", "/a", ""),
    ("/a?", "/a", ""),
    ("/a?b?c=/d&e", "/a", "b?c=/d&e"),
    ('/a?b c=é"<>\\^`{|}', "/a", "b%20c=%C3%A9%22%3C%3E%5C%5E%60%7B%7C%7D"),
    ("/a?b=%0d%0A&c=%", "/a", "b=%0d%0A&c=%"),
    ("/a?../..", "/a", "../.."),
    # Percent-decoded once: what is still escaped is text.
    ("/Caf%C3%A9%20Noir", "/Café Noir", ""),
    ("/caf%c3%a9", "/café", ""),
    ("/a%2Fb%2f%2Fc", "/a/b/c", ""),
    ("/a%3Fb%23c", "/a?b#c", ""),
    ("/%252e%252e/%2541", "/%2e%2e/%41", ""),
    ("/100%", "/100%", ""),
    ("/%", "/%", ""),
    ("/%4", "/%4", ""),
    ("/%zz%4g%é1% 41%  ", "/%zz%4g%é1% 41%  ", ""),
    ("/%%41", "/%A", ""),
    ("/%4%31", "/%41", ""),
    # Dots and backslashes that make no segment are text, and so is all other Unicode.
    ("/...", "/...", ""),
    ("/.well-known/a..b/..c", "/.well-known/a..b/..c", ""),
    ("\\..\\a", "/\\..\\a", ""),
    ("/a%5C..%5Cb", "/a\\..\\b", ""),
    ("/書籍/😀\u00a0\u2028\ufffe", "/書籍/😀\u00a0\u2028\ufffe", ""),
    (" /a ", "/ /a ", ""),
    # Of any length.
    ("a/" * 50_000, "/" + "a/" * 50_000, ""),
    ("/" * 100_000 + "a", "/a", ""),
    ("%41" * 33_000, "/" + "A" * 33_000, ""),
    ("%" * 100_000, "/" + "%" * 100_000, ""),
    ("/a?" + "é" * 50_000, "/a", "%C3%A9" * 50_000),
]
CONTROL = "the path must not have control characters"
DOTS = "the path must not have '.' or '..' segments"
UTF8 = "the path must not have escapes (or surrogates) that are not UTF-8"
SURROGATES = "the path must not have unpaired surrogates"
EMPTY = "the path must come from a string that is not empty (before any '?' or '#')"
REFUSED = [
    *[(value, EMPTY) for value in ("", "#", "?", "?a=b", "#a", "?a#b")],
    (None, "the path must come from a string, not from null"),
    (True, "the path must come from a string, not from a boolean"),
    (5, "the path must come from a string, not from a number"),
    (0.5, "the path must come from a string, not from a number"),
    (["/a"], "the path must come from a string, not from a list"),
    ({"a": "/a"}, "the path must come from a string, not from an object"),
    (b"/a", "the path must come from a string, not from bytes"),
    *[(value, DOTS) for value in (".", "..", "/.", "/..", "/a/../b", "a/./b", "https://h/../x", "/a/..#b", "/a/..?b")],
    *[(value, DOTS) for value in ("%2e%2e", "/a/%2E./b", "/a%2f..%2fb", "/.%2e", "/%2E", "../" * 33_000)],
    *[(f"/a{control}", CONTROL) for control in ("\0", "\t", "\r\n", "\x1f", "\x7f", "\x80", "\x9f")],
    *[(f"/a{control}", CONTROL) for control in ("%00", "%0d%0a", "%09", "%7F", "%C2%80")],
    *[(value, CONTROL) for value in ("/a?b\r\nHost: c", "/a?\0", "\n", "/" * 100_000 + "\n")],
    *[(value, SURROGATES) for value in ("/\ud800", "/\udfff", "/a?\udc80")],
    # Bytes alone, overlong, of surrogates, beyond Unicode, cut short.
    *[
        (f"/{value}", UTF8)
        for value in ("%FF", "%C3", "%C0%AF", "%C0%AE%C0%AE", "%E0%80%AF", "%ED%A0%80", "%F4%90%80%80")
    ],
    *[(f"/{value}", UTF8) for value in ("%E2%82/x", "%80", "é%A9", "\ud800%41", "%41\udfff")],
]


@pytest.mark.parametrize(("value", "path", "query"), ROUTES, ids=lambda value: ascii(value[:30]))
def test_routes(value, path, query):
    """A value gives a path, decoded, and a query string, percent-encoded."""
    assert route(value) == (path, query)


@pytest.mark.parametrize(("value", "message"), REFUSED, ids=lambda value: ascii(value)[:30])
def test_refusals(value, message):
    """What could name another URL to one framework than to the next is refused; the value is not echoed."""
    with pytest.raises(InvalidEvent) as caught:
        route(value)
    assert str(caught.value) == message


PIECES = st.sampled_from(
    ["/", "//", ".", "..", "%2e", "%2F", "%", "?", "#", "\\", "\0", "\x85", "%0a", "%C3%A9", "%ff", "é"]
)


@settings(deadline=None)
@given(st.text() | st.lists(PIECES | st.text(max_size=3)).map("".join))
@example("/%2e%2E")
def test_what_is_let_through_is_harmless(value):
    """Whatever the value, its path is plain, and its query string could be sent over a wire; or it is refused."""
    try:
        path, query = route(value)
    except InvalidEvent:
        return
    assert path[0] == "/"
    assert "//" not in path
    assert not {".", ".."} & set(path.split("/"))
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in path)
    assert path.encode()
    assert all("!" <= c <= "~" and c not in '#"<>\\^`{|}' for c in query)
    assert unquote(query) == unquote(value.partition("#")[0].partition("?")[2])


SEGMENTS = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/"), min_size=1)


@settings(deadline=None)
@given(st.lists(SEGMENTS.filter(lambda segment: segment not in (".", "..")), min_size=1))
def test_every_path_can_be_asked_for(segments):
    """A path that is percent-encoded once arrives as it was."""
    path = "/" + "/".join(segments)
    assert route(quote(path)) == (path, "")


@pytest.mark.parametrize(
    ("path", "fault"), [("/..", "'.' or '..' segments"), ("\n", "control characters"), ("/é ", "")]
)
def test_fault_of(path, fault):
    """The prefix that a setting names is judged by the same rule."""
    assert fault_of(path) == fault
    assert fault_of(path, segments=False) == (fault if path == "\n" else "")


STATIC = Matcher("orders", {}, "/orders")
DYNAMIC = Matcher("shop", {}, "$.shop")
SEVERAL = Matcher("shops", {}, "$.shops[*]")
CALLABLE = Matcher("title", {}, lambda event: event["title"])
PLACES = [
    (Places(), None, {}, Place(None, "/", "")),
    (Places("/in"), None, {}, Place(None, "/in", "")),
    (Places("/in"), STATIC, {}, Place("orders", "/orders", "")),
    (Places(), DYNAMIC, {"shop": "cork?a=b"}, Place("shop", "/cork", "a=b")),
    (Places(), SEVERAL, {"shops": ["cork", "../.."]}, Place("shops", "/cork", "")),
    (Places(), CALLABLE, {"title": "Emma#2"}, Place("title", "/Emma", "")),
    # The prefix is put before all of them.
    (Places("/in", "/events"), None, {}, Place(None, "/events/in", "")),
    (Places("/", "/events"), STATIC, {}, Place("orders", "/events/orders", "")),
    (Places("/", "/events"), DYNAMIC, {"shop": "//cork?a"}, Place("shop", "/events/cork", "a")),
    (Places("/", "/events"), CALLABLE, {"title": "/"}, Place("title", "/events/", "")),
    # The patterns are for dynamic values alone, for what decides the path.
    (Places("/", "", ("c*",)), None, {}, Place(None, "/", "")),
    (Places("/", "", ("c*",)), STATIC, {}, Place("orders", "/orders", "")),
    (Places("/", "", ("x", "c?r[jk]")), DYNAMIC, {"shop": "cork"}, Place("shop", "/cork", "")),
    (Places("/", "", ("co*k",)), DYNAMIC, {"shop": "c%6Frk?a#b"}, Place("shop", "/cork", "a")),
    (Places("/", "", ("é",)), DYNAMIC, {"shop": "%C3%A9"}, Place("shop", "/é", "")),
    (Places("/", "", ("*",)), CALLABLE, {"title": "a/b\u2028c"}, Place("title", "/a/b\u2028c", "")),
]


@pytest.mark.parametrize(("places", "row", "event", "place"), PLACES)
def test_places(places, row, event, place):
    """Where an event goes, and the name of the row that says so."""
    assert places.find(row, event) == place


FILTER = "the value is not among the patterns of CLOUD_EVENTS_SOURCES"
NO_PLACES = [
    (Places(), DYNAMIC, {}, "matcher 'shop', $.shop: the path must come from a string, not from null"),
    (Places(), DYNAMIC, {"shop": [1]}, "matcher 'shop', $.shop: the path must come from a string, not from a list"),
    (Places(), SEVERAL, {"shops": [".."]}, f"matcher 'shops', $.shops[*]: {DOTS}"),
    (Places("/", "/events"), DYNAMIC, {"shop": "/.."}, f"matcher 'shop', $.shop: {DOTS}"),
    (Places(), CALLABLE, {"title": ""}, f"matcher 'title', its callable path: {EMPTY}"),
    (Places("/", "", ("c*",)), DYNAMIC, {"shop": "Cork"}, f"matcher 'shop', $.shop: {FILTER}"),
    (Places("/", "", ("cork",)), DYNAMIC, {"shop": "/cork"}, f"matcher 'shop', $.shop: {FILTER}"),
    (Places("/", "", ("*dublin",)), DYNAMIC, {"shop": "cork?dublin"}, f"matcher 'shop', $.shop: {FILTER}"),
    (Places("/", "", ("*dublin",)), DYNAMIC, {"shop": "cork#dublin"}, f"matcher 'shop', $.shop: {FILTER}"),
    (Places("/", "", ("c%6Frk",)), DYNAMIC, {"shop": "c%6Frk"}, f"matcher 'shop', $.shop: {FILTER}"),
    (Places("/", "", ("cork", "d*")), CALLABLE, {"title": "xd"}, f"matcher 'title', its callable path: {FILTER}"),
    (Places("/", "", ("*",)), DYNAMIC, {"shop": "a/.."}, f"matcher 'shop', $.shop: {DOTS}"),
]


@pytest.mark.parametrize(("places", "row", "event", "message"), NO_PLACES)
def test_no_place(places, row, event, message):
    """A refusal names the row and where it looked, not what it found."""
    with pytest.raises(InvalidEvent) as caught:
        places.find(row, event)
    assert str(caught.value) == message


def test_a_place_shows_no_query():
    """Its repr is for logs and tracebacks."""
    assert repr(Place("shop", "/cork", "secret")) == "<Place '/cork'>"
