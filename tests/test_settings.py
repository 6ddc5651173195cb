"""Settings: keyword, then environment, then default; and every way to get one wrong, with the whole message."""

import sys
from types import SimpleNamespace

import pytest

from cloud_events import ConfigurationError, Matcher, make_handler
from cloud_events.settings import from_environment, resolve
from conftest import sample
from legs import Answer, answer, application

ROW = Matcher("shop", {"$.shop": ...}, "/shop")


def website(event, context): ...


def made(environ): ...


SHOP = SimpleNamespace(
    __name__="shop",
    wsgi=application("wsgi", lambda *_: Answer(204)),
    asgi=application("asgi", lambda *_: Answer(204)),
    make_app=lambda: None,
    made=made,
    title="Emma",
    environ={"HTTP_ACCEPT": "application/json"},
    scope={"root_path": "/shop"},
    rows=[ROW],
    row=ROW,
    website=website,
)


@pytest.fixture(autouse=True)
def shop(monkeypatch):
    """A module with applications and what else settings may name."""
    monkeypatch.setitem(sys.modules, "shop", SHOP)


# option: what the environment says and gives, what a keyword says and gives, the default, the field
OPTIONS = {
    "response": ("native", "native", "envelope", "envelope", "envelope", "response"),
    "delivery": ("record", "record", "batch", "batch", "batch", "delivery"),
    "content_mode": ("binary", "binary", "structured", "structured", "event", "content_mode"),
    "lifespan": ("on", "on", "off", "off", "auto", "lifespan"),
    "failure_statuses": (
        "500-502, 429",
        frozenset({429, 500, 501, 502}),
        404,
        frozenset({404}),
        frozenset(range(300, 600)),
        "failures",
    ),
    "matchers": ("shop.rows", (ROW,), ROW, (ROW,), (), "matchers"),
    "http_handler": ("shop:website", website, print, print, None, "http_handler"),
    "wsgi_environ": ("shop.environ", SHOP.environ, {"a.b": 1}, {"a.b": 1}, {}, "base"),
    "asgi_scope": ("shop.scope", SHOP.scope, "shop:scope", SHOP.scope, {}, "base"),
    "path_prefix": ("/a/", "/a", "/b/c", "/b/c", "", "places.prefix"),
    "sources": ("a.*, b", ("a.*", "b"), [" c "], ("c",), (), "places.sources"),
}


@pytest.mark.parametrize("name", OPTIONS)
class TestPrecedence:
    @pytest.fixture
    def field(self, name, monkeypatch):
        """What is set in the end, by an environment and by keywords."""

        def read(environment=None, **keywords):
            variable = name.upper() if name in ("wsgi_environ", "asgi_scope") else f"CLOUD_EVENTS_{name.upper()}"
            if environment is not None:
                monkeypatch.setenv(variable, environment)
            found = resolve(SHOP.asgi if name == "asgi_scope" else SHOP.wsgi, None, keywords)
            for step in OPTIONS[name][5].split("."):
                found = getattr(found, step)
            return found

        return read

    def test_default(self, name, field):
        """What is set nowhere, or to nothing, has its default."""
        default = OPTIONS[name][4]
        assert field() == field("") == field(**{name: None}) == default

    def test_environment(self, name, field):
        """The environment variable comes before the default."""
        text, value, *_ = OPTIONS[name]
        assert field(text) == field(text, **{name: None}) == value

    def test_keyword(self, name, field):
        """The keyword comes before the environment variable; it may be an object or text."""
        text, value, keyword, own, *_ = OPTIONS[name]
        assert field(text, **{name: keyword}) == own
        assert field(**{name: text}) == value


@pytest.mark.parametrize(
    ("variable", "path"),
    [("WSGI_APPLICATION", "shop.wsgi"), ("WSGI_APPLICATION", "shop:wsgi"), ("ASGI_APPLICATION", "shop.asgi")],
)
def test_application(variable, path, monkeypatch):
    """The environment names the application and, by the variable, its interface."""
    monkeypatch.setenv(variable, path)
    interface = variable[:4].lower()
    settings = from_environment()
    assert (settings.application, settings.interface) == (getattr(SHOP, interface), interface)


@pytest.mark.parametrize("interface", [None, "asgi"])
def test_two_callables(interface):
    """An application of ASGI 2, which is called twice, is made one of ASGI 3."""

    class Old:
        def __init__(self, scope):
            self.scope = scope

        async def __call__(self, receive, send):
            await SHOP.asgi(self.scope, receive, send)

    assert make_handler(Old, interface)(sample("s3"), None)["status_code"] == "204"


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_interface_said(interface):
    """Where an application does not show its interface, make_handler is told."""
    inner = application(interface, lambda *_: answer(7))
    assert make_handler(lambda *args: inner(*args), interface)(sample("s3"), None)["body"] == "7"


def test_silence():
    """The repr of the settings shows nothing that was set."""
    settings = resolve(SHOP.wsgi, None, {"wsgi_environ": {"HTTP_AUTHORIZATION": "secret"}})
    assert repr(settings) == "<Settings wsgi>"


NEITHER = (
    "neither WSGI_APPLICATION nor ASGI_APPLICATION is set; set one to the path of your application, such as "
    "WSGI_APPLICATION='project.wsgi.application' (Django, Flask) or ASGI_APPLICATION='project.main.app' (FastAPI)"
)
ONE = "keep the one that your application is: WSGI with Flask, ASGI with FastAPI, either with Django"
CALLED = (
    "an application can be called, and a value of type 'str' cannot; give the object that a server would run, such as "
    "project.wsgi.application"
)
ALL = (
    "there are CLOUD_EVENTS_CONTENT_MODE, CLOUD_EVENTS_DELIVERY, CLOUD_EVENTS_FAILURE_STATUSES, "
    "CLOUD_EVENTS_HTTP_HANDLER, CLOUD_EVENTS_LIFESPAN, CLOUD_EVENTS_MATCHERS, CLOUD_EVENTS_PATH_PREFIX, "
    "CLOUD_EVENTS_RESPONSE, CLOUD_EVENTS_SOURCES"
)
STATUS = "{}: {!r} is no status; write codes and ranges, such as '404,500-599'"
PATTERNS = "it must be patterns by comma, such as 'com.example.*,aws.*', or a list of them"
EMPTY_PATTERN = "an empty pattern; write patterns by comma, such as 'com.example.*,aws.*'"
FACTORY = (
    "it takes no arguments, so it is no application; if it makes one, write app = {}() in a module, and give that app"
)
ONE_ARGUMENT = (
    "it takes one argument, and a WSGI application two (PEP 3333); if it makes the application, write app = … in a "
    "module, and give that app"
)
UNTOLD = "make_handler: cannot tell WSGI from ASGI here; say interface='wsgi' or interface='asgi'"

# The variable that is wrong, its value, and the message; the others are right.
VARIABLES = [
    ("WSGI_APPLICATION", "", NEITHER),
    (
        "ASGI_APPLICATION",
        "shop.asgi",
        "WSGI_APPLICATION='shop.wsgi' and ASGI_APPLICATION='shop.asgi' are both set; " + ONE,
    ),
    (
        "WSGI_APPLICATION",
        "wsgi",
        "WSGI_APPLICATION='wsgi': this is not a path to an object in a module; write the dotted name of the "
        "module and the object, for example 'project.wsgi.application' or 'project.wsgi:application'",
    ),
    (
        "WSGI_APPLICATION",
        "shop.app",
        "WSGI_APPLICATION='shop.app': module 'shop' has no 'app'; what is it called there?",
    ),
    ("WSGI_APPLICATION", "shop.title", f"WSGI_APPLICATION='shop.title': {CALLED}"),
    ("WSGI_APPLICATION", "shop.make_app", "WSGI_APPLICATION='shop.make_app': " + FACTORY.format("<lambda>")),
    ("WSGI_APPLICATION", "shop.made", f"WSGI_APPLICATION='shop.made': {ONE_ARGUMENT}"),
    (
        "WSGI_APPLICATION",
        "shop.asgi",
        "WSGI_APPLICATION='shop.asgi': this application speaks ASGI; set ASGI_APPLICATION='shop.asgi' instead",
    ),
    ("CLOUD_EVENTS_RESPONES", "native", "CLOUD_EVENTS_RESPONES: no such setting; did you mean CLOUD_EVENTS_RESPONSE?"),
    ("CLOUD_EVENTS_SOURCE", "", "CLOUD_EVENTS_SOURCE: no such setting; did you mean CLOUD_EVENTS_SOURCES?"),
    ("CLOUD_EVENTS_DEBUG", "1", f"CLOUD_EVENTS_DEBUG: no such setting; {ALL}"),
    ("CLOUD_EVENTS_RESPONSE", "navite", "CLOUD_EVENTS_RESPONSE='navite': choose 'envelope' or 'native'"),
    ("CLOUD_EVENTS_DELIVERY", "Record", "CLOUD_EVENTS_DELIVERY='Record': choose 'batch' or 'record'"),
    (
        "CLOUD_EVENTS_CONTENT_MODE",
        "json",
        "CLOUD_EVENTS_CONTENT_MODE='json': choose 'event' or 'binary' or 'structured'",
    ),
    ("CLOUD_EVENTS_LIFESPAN", "true", "CLOUD_EVENTS_LIFESPAN='true': choose 'auto' or 'on' or 'off'"),
    *(
        ("CLOUD_EVENTS_FAILURE_STATUSES", text, STATUS.format(f"CLOUD_EVENTS_FAILURE_STATUSES={text!r}", part))
        for text, part in [
            ("5xx", "5xx"),
            ("404,", ""),
            ("404;500", "404;500"),
            ("99", "99"),
            ("600", "600"),
            ("599-500", "599-500"),
            ("500-", "500-"),
            ("-500", "-500"),
            ("500-599-600", "500-599-600"),
            (" 404 , all", "all"),
        ]
    ),
    (
        "CLOUD_EVENTS_PATH_PREFIX",
        "events",
        "CLOUD_EVENTS_PATH_PREFIX='events': it must begin with '/', such as '/events'",
    ),
    *(
        ("CLOUD_EVENTS_PATH_PREFIX", text, f"CLOUD_EVENTS_PATH_PREFIX={text!r}: it must not have {fault}")
        for text, fault in [
            ("/a/../b", "'.' or '..' segments"),
            ("/./a", "'.' or '..' segments"),
            ("/a\n", "control characters"),
            ("/a?b=c", "'?', '#' or '//'"),
            ("/a#b", "'?', '#' or '//'"),
            ("//a", "'?', '#' or '//'"),
        ]
    ),
    ("CLOUD_EVENTS_SOURCES", "a,,b", f"CLOUD_EVENTS_SOURCES='a,,b': {EMPTY_PATTERN}"),
    ("WSGI_ENVIRON", "shop.rows", "WSGI_ENVIRON='shop.rows': it must be a dict, not list"),
    ("WSGI_ENVIRON", "shop.none", "WSGI_ENVIRON='shop.none': module 'shop' has no 'none'; what is it called there?"),
    (
        "CLOUD_EVENTS_MATCHERS",
        "shop.environ",
        "CLOUD_EVENTS_MATCHERS='shop.environ': it must be a list of Matcher rows, not dict",
    ),
    (
        "CLOUD_EVENTS_HTTP_HANDLER",
        "shop.title",
        "CLOUD_EVENTS_HTTP_HANDLER='shop.title': it must be a Lambda handler, of event and context, not str",
    ),
]


@pytest.mark.parametrize(("name", "value", "message"), VARIABLES)
def test_wrong_variable(name, value, message, monkeypatch):
    """The message names the variable, its value, and what to write."""
    monkeypatch.setenv("WSGI_APPLICATION", "shop.wsgi")
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        from_environment()
    assert str(caught.value) == message


# The application, the keywords, and the message
KEYWORDS = [
    (None, {}, "make_handler: " + CALLED.replace("'str'", "'NoneType'")),
    ("shop.title", {}, "make_handler: " + CALLED),
    (SHOP.make_app, {}, "make_handler: " + FACTORY.format("<lambda>")),
    (SHOP.made, {"interface": "wsgi"}, f"make_handler: {ONE_ARGUMENT}"),
    (SHOP.wsgi, {"interface": "asgi"}, "make_handler: this application speaks WSGI; say interface='wsgi'"),
    (SHOP.asgi, {"interface": "wsgi"}, "make_handler: this application speaks ASGI; say interface='asgi'"),
    (SHOP.asgi, {"interface": "asgi2"}, "make_handler: interface='asgi2'; choose 'wsgi' or 'asgi'"),
    (SHOP.asgi, {"interface": 3}, "make_handler: interface=3; choose 'wsgi' or 'asgi'"),
    (lambda *args: None, {}, UNTOLD),
    (SHOP.wsgi, {"respones": "native"}, "make_handler(respones=…): no such setting; did you mean response?"),
    (
        SHOP.wsgi,
        {"debug": True},
        "make_handler(debug=…): no such setting; there are asgi_scope, content_mode, delivery, failure_statuses, "
        "http_handler, lifespan, matchers, path_prefix, response, sources, wsgi_environ",
    ),
    (SHOP.wsgi, {"response": True}, "response=True: choose 'envelope' or 'native'"),
    (SHOP.wsgi, {"delivery": ["record"]}, "delivery=['record']: choose 'batch' or 'record'"),
    (SHOP.wsgi, {"failure_statuses": 4}, STATUS.format("failure_statuses=4", "4")),
    (SHOP.wsgi, {"failure_statuses": ""}, STATUS.format("failure_statuses=''", "")),
    (SHOP.wsgi, {"path_prefix": b"/a"}, "path_prefix=b'/a': it must begin with '/', such as '/events'"),
    (SHOP.wsgi, {"sources": ["a", ""]}, f"sources=['a', '']: {EMPTY_PATTERN}"),
    (SHOP.wsgi, {"sources": 5}, f"sources=5: {PATTERNS}"),
    (SHOP.wsgi, {"sources": ["a", None]}, f"sources=['a', None]: {PATTERNS}"),
    (SHOP.wsgi, {"wsgi_environ": [("a", "b")]}, "wsgi_environ: it must be a dict, not list"),
    (SHOP.asgi, {"asgi_scope": "shop.title"}, "asgi_scope='shop.title': it must be a dict, not str"),
    (SHOP.wsgi, {"matchers": iter([ROW])}, "matchers: it must be a list of Matcher rows, not list_iterator"),
    (SHOP.wsgi, {"matchers": [ROW, ("shop", {}, "/")]}, "matchers: row 1 must be a Matcher, not tuple"),
    (SHOP.wsgi, {"http_handler": {}}, "http_handler: it must be a Lambda handler, of event and context, not dict"),
    (
        SHOP.wsgi,
        {"http_handler": "shop.app"},
        "http_handler='shop.app': module 'shop' has no 'app'; what is it called there?",
    ),
]


@pytest.mark.parametrize(("app", "keywords", "message"), KEYWORDS)
def test_wrong_keyword(app, keywords, message):
    """The message names the keyword, its value, and what to write."""
    with pytest.raises(ConfigurationError) as caught:
        make_handler(app, **keywords)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("Matcher('', {}, '/a')", "Matcher('', {}, '/a'): the name must be a non-empty string"),
        (
            "Matcher('a', [], '/a')",
            "Matcher('a', [], '/a'): 'where' must be a dict of JSONPath → what must be there",
        ),
        (
            "Matcher('a', {'$.b': 1}, 'a')",
            "Matcher('a', {'$.b': 1}, 'a'): the path must begin with '/' (static) or '$' (a JSONPath), or be a "
            "callable of the event",
        ),
        (
            "Matcher('a', {}, '/a', 'later')",
            "Matcher('a', {}, '/a', 'later'): reply must be one of 'sync', 'async', 'poll' or None",
        ),
    ],
)
def test_broken_row(row, fault, tmp_path, monkeypatch):
    """A row that cannot be right is told at the start: the setting, the module, and the row itself."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "rows.py").write_text(f"from cloud_events import Matcher\nROWS = [{row}]\n", encoding="utf-8")
    monkeypatch.setenv("WSGI_APPLICATION", "shop.wsgi")
    monkeypatch.setenv("CLOUD_EVENTS_MATCHERS", "rows.ROWS")
    with pytest.raises(ConfigurationError) as caught:
        from_environment()
    assert str(caught.value) == (
        "CLOUD_EVENTS_MATCHERS='rows.ROWS': module 'rows' failed while it was imported: ConfigurationError: " + fault
    )
