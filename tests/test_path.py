"""The path rule: which URL an event may ask for, and with which words it is refused."""

from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cloud_events import InvalidEvent, Matcher
from cloud_events.adapter.path import Target, Targets, route

ROUTES = [
    # Scheme and authority stay, as text; runs of slashes become one.
    ("https://github.com/x", "/https:/github.com/x", ""),
    ("//host/p", "/host/p", ""),
    ("///a////b//", "/a/b/", ""),
    ("/", "/", ""),
    ("urn:uuid:1-2", "/urn:uuid:1-2", ""),
    # What follows "#" is dropped; what follows the first "?" is the query string.
    ("https://github.com/cloudevents?a=b#c", "/https:/github.com/cloudevents", "a=b"),
    ("/a#b?c", "/a", ""),
    ("/a?b?c=/d&e", "/a", "b?c=/d&e"),
    ('/a?b c=é"<>\\^`{|}', "/a", "b%20c=%C3%A9%22%3C%3E%5C%5E%60%7B%7C%7D"),
    ("/a?../..", "/a", "../.."),
    ("/a?b=%0d%0A&c=%", "/a", "b=%0d%0A&c=%"),
    # Percent-decoded once: what is still escaped is text.
    ("/Caf%C3%A9%20Noir", "/Café Noir", ""),
    ("/a%2Fb%2f%2Fc", "/a/b/c", ""),
    ("/a%3Fb%23c", "/a?b#c", ""),
    ("/%252e%252e/%2541", "/%2e%2e/%41", ""),
    ("/100%", "/100%", ""),
    ("/%zz%4g%é1% 41%  ", "/%zz%4g%é1% 41%  ", ""),
    ("/%%41", "/%A", ""),
    ("/%4%31", "/%41", ""),
    # Dots and backslashes that make no segment are text, and so is all other Unicode.
    ("/.well-known/a..b/..c", "/.well-known/a..b/..c", ""),
    ("/a%5C..%5Cb", "/a\\..\\b", ""),
    ("/書籍/😀\u00a0\u2028\ufffe", "/書籍/😀\u00a0\u2028\ufffe", ""),
    (" /a ", "/ /a ", ""),
    # Up to 8,192 characters.
    ("a/" * 4_096, "/" + "a/" * 4_096, ""),
    ("%41" * 2_730, "/" + "A" * 2_730, ""),
    ("%" * 8_192, "/" + "%" * 8_192, ""),
    ("/a?" + "é" * 8_189, "/a", "%C3%A9" * 8_189),
]
CONTROL = "the path must not have control characters"
DOTS = "the path must not have '.' or '..' segments"
UTF8 = "the path must not have escapes (or surrogates) that are not UTF-8"
SURROGATES = "the path must not have unpaired surrogates"
LONG = "the path must come from a string of at most 8,192 characters, not 8,193"
EMPTY = "the path must come from a string that is not empty (before any '?' or '#')"
REFUSED = [
    *[(value, EMPTY) for value in ("", "#", "?", "?a=b", "#a", "?a#b")],
    (None, "the path must come from a string, not from null"),
    (True, "the path must come from a string, not from a boolean"),
    *[(value, "the path must come from a string, not from a number") for value in (5, 0.5)],
    (["/a"], "the path must come from a string, not from a list"),
    ({"a": "/a"}, "the path must come from a string, not from an object"),
    (b"/a", "the path must come from a string, not from bytes"),
    *[(value, DOTS) for value in (".", "..", "/.", "/..", "/a/../b", "a/./b", "https://h/../x", "/a/..#b", "/a/..?b")],
    *[(value, DOTS) for value in ("%2e%2e", "/a/%2E./b", "/a%2f..%2fb", "/.%2e", "/%2E", "../" * 2_730)],
    *[(f"/a{control}", CONTROL) for control in ("\0", "\t", "\r\n", "\x1f", "\x7f", "\x80", "\x9f")],
    *[(f"/a{control}", CONTROL) for control in ("%00", "%0d%0a", "%09", "%7F", "%C2%80")],
    *[(value, CONTROL) for value in ("/a?b\r\nHost: c", "/a?\0", "\n", "/" * 8_191 + "\n")],
    *[(value, UTF8) for value in ("/\ud800", "/\udfff")],
    ("/a?\udc80", SURROGATES),
    *[(value, LONG) for value in ("a" * 8_193, "/a?" + "b" * 8_190, "/#" + "b" * 8_191)],
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


STATIC = Matcher("orders", {}, "/orders")
DYNAMIC = Matcher("shop", {}, "$.shop")
SEVERAL = Matcher("shops", {}, "$.shops[*]")
CALLABLE = Matcher("title", {}, lambda event: event["title"])
TARGETS = [
    (Targets("/in"), None, {}, Target(None, "/in", "")),
    (Targets(), DYNAMIC, {"shop": "cork?a=b"}, Target("shop", "/cork", "a=b")),
    (Targets(), SEVERAL, {"shops": ["cork", "../.."]}, Target("shops", "/cork", "")),
    (Targets(), CALLABLE, {"title": "Emma#2"}, Target("title", "/Emma", "")),
    (Targets("/in", "/events"), Matcher("ping", {}, None), {}, Target("ping", "", "", acknowledged=True)),
    # The prefix is put before all of them.
    (Targets("/in", "/events"), None, {}, Target(None, "/events/in", "")),
    (Targets("/", "/events"), STATIC, {}, Target("orders", "/events/orders", "")),
    (Targets("/", "/events"), DYNAMIC, {"shop": "//cork?a"}, Target("shop", "/events/cork", "a")),
    # The patterns are for dynamic values alone, for what decides the path.
    (Targets("/", "", ("c*",)), STATIC, {}, Target("orders", "/orders", "")),
    (Targets("/", "", ("x", "c?r[jk]")), DYNAMIC, {"shop": "cork"}, Target("shop", "/cork", "")),
    (Targets("/", "", ("co*k",)), DYNAMIC, {"shop": "c%6Frk?a#b"}, Target("shop", "/cork", "a")),
    (Targets("/", "", ("é",)), DYNAMIC, {"shop": "%C3%A9"}, Target("shop", "/é", "")),
    (Targets("/", "", ("*",)), CALLABLE, {"title": "a/b\u2028c"}, Target("title", "/a/b\u2028c", "")),
]


@pytest.mark.parametrize(("targets", "row", "event", "target"), TARGETS)
def test_targets(targets, row, event, target):
    """Where an event goes, and the name of the row that says so."""
    assert targets.find(row, event) == target


FILTER = "the value matches none of the patterns of CLOUD_EVENTS_SOURCES"
NO_TARGETS = [
    (Targets(), DYNAMIC, {}, "matcher 'shop', $.shop: the path must come from a string, not from null"),
    (Targets(), SEVERAL, {"shops": [".."]}, f"matcher 'shops', $.shops[*]: {DOTS}"),
    (Targets("/", "/events"), DYNAMIC, {"shop": "/.."}, f"matcher 'shop', $.shop: {DOTS}"),
    (Targets(), CALLABLE, {"title": ""}, f"matcher 'title', its callable path: {EMPTY}"),
    (Targets("/", "", ("c*",)), DYNAMIC, {"shop": "Cork"}, f"matcher 'shop', $.shop: {FILTER}"),
    (Targets("/", "", ("cork",)), DYNAMIC, {"shop": "/cork"}, f"matcher 'shop', $.shop: {FILTER}"),
    (Targets("/", "", ("*dublin",)), DYNAMIC, {"shop": "cork?dublin"}, f"matcher 'shop', $.shop: {FILTER}"),
    (Targets("/", "", ("*dublin",)), DYNAMIC, {"shop": "cork#dublin"}, f"matcher 'shop', $.shop: {FILTER}"),
    (Targets("/", "", ("c%6Frk",)), DYNAMIC, {"shop": "c%6Frk"}, f"matcher 'shop', $.shop: {FILTER}"),
    (Targets("/", "", ("cork", "d*")), CALLABLE, {"title": "xd"}, f"matcher 'title', its callable path: {FILTER}"),
]


@pytest.mark.parametrize(("targets", "row", "event", "message"), NO_TARGETS)
def test_no_target(targets, row, event, message):
    """A refusal names the row and where it looked, not what it found."""
    with pytest.raises(InvalidEvent) as caught:
        targets.find(row, event)
    assert str(caught.value) == message
