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


BY_RECORD = {"delivery": "record"}
# setting: what the environment says and gives, what a keyword says and gives, the default, what else must be set
OPTIONS = {
    "response": ("native", "native", "envelope", "envelope", "envelope"),
    "delivery": ("record", "record", "batch", "batch", "batch"),
    "content_mode": ("payload", "payload", "structured", "structured", "event", BY_RECORD),
    "lifespan": ("on", "on", "off", "off", "auto"),
    "failure_statuses": ("500-502, 429", {429, 500, 501, 502}, 404, {404}, {*range(300, 600)}),
    "matchers": ("shop.rows", (ROW,), ROW, (ROW,), ()),
    "http_handler": ("shop:website", website, max, max, None),
    "wsgi_environ": ("shop.environ", SHOP.environ, {"a.b": 1}, {"a.b": 1}, {}),
    "asgi_scope": ("shop.scope", SHOP.scope, "shop:scope", SHOP.scope, {}),
    "path_prefix": ("/a/", "/a", "/b/c", "/b/c", ""),
    "sources": ("a.*, b", ("a.*", "b"), [" c "], ("c",), ()),
    "unwrap": ("s3, sns", ("s3", "sns"), ["sns"], ("sns",), (), BY_RECORD),
    "concurrency": ("10", 10, 1, 1, 1, BY_RECORD),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_precedence(name, monkeypatch):
    """The keyword, an object or text, comes before the environment variable, and that before the default; what is set
    to nothing is not set."""
    text, value, keyword, own, default, *more = OPTIONS[name]
    variable = name.upper() if name in ("wsgi_environ", "asgi_scope") else f"CLOUD_EVENTS_{name.upper()}"

    def found(environment=None, **keywords):
        if environment is not None:
            monkeypatch.setenv(variable, environment)
        application = SHOP.asgi if name == "asgi_scope" else SHOP.wsgi
        settings = resolve(application, None, dict(*more) | keywords)
        return getattr(settings, "base" if name in ("wsgi_environ", "asgi_scope") else name)

    assert found() == found(**{name: None}) == found("") == default
    assert found(**{name: text}) == value
    assert found(text) == found(text, **{name: None}) == value
    assert found(text, **{name: keyword}) == own


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


def test_two_callables():
    """An application of ASGI 2, which is called twice, is made one of ASGI 3, also where the interface is said."""

    class Old:
        def __init__(self, scope):
            self.scope = scope

        async def __call__(self, receive, send):
            await SHOP.asgi(self.scope, receive, send)

    assert make_handler(Old, "asgi")(sample("s3"), None)["status_code"] == "204"


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_interface_said(interface):
    """If an application does not show its interface, make_handler is given it."""
    inner = application(interface, lambda *_: answer(7))
    assert make_handler(lambda *args: inner(*args), interface)(sample("s3"), None)["body"] == "7"


NEITHER = (
    "neither WSGI_APPLICATION nor ASGI_APPLICATION is set; set one to the path of your application, such as "
    "WSGI_APPLICATION='project.wsgi.application' (Django, Flask) or ASGI_APPLICATION='project.main.app' (FastAPI)"
)
BOTH = (
    "WSGI_APPLICATION='shop.wsgi' and ASGI_APPLICATION='shop.asgi' are both set; keep the one that your application "
    "speaks: WSGI for Flask, ASGI for FastAPI, either for Django"
)
CALLABLE = (
    "an application must be callable; this is a str. Name the object that a server would run, such as "
    "project.wsgi.application"
)
ALL = (
    "the settings are CLOUD_EVENTS_CONCURRENCY, CLOUD_EVENTS_CONTENT_MODE, CLOUD_EVENTS_DELIVERY, "
    "CLOUD_EVENTS_FAILURE_STATUSES, CLOUD_EVENTS_HTTP_HANDLER, CLOUD_EVENTS_LIFESPAN, CLOUD_EVENTS_MATCHERS, "
    "CLOUD_EVENTS_PATH_PREFIX, CLOUD_EVENTS_RESPONSE, CLOUD_EVENTS_SOURCES, CLOUD_EVENTS_UNWRAP"
)
STATUS = "{!r} is not a status; write comma-separated codes and ranges, such as '404,500-599'"
PATTERNS = "it must be comma-separated patterns, such as 'com.example.*,aws.*', or a list of them"
EMPTY = "one pattern is empty; write comma-separated patterns, such as 'com.example.*,aws.*'"
SLASH = "it must begin with '/', such as '/events'"
FACTORY = (
    "it takes no arguments, so it is not an application; if it is a factory, assign app = <lambda>() in a module, and "
    "name that app"
)
ONE_ARGUMENT = (
    "it takes one argument, and a WSGI application takes two (PEP 3333); if it is a factory, assign app = … in a "
    "module, and name that app"
)
LAMBDA = "it must be a Lambda handler, a callable of event and context, not a"
HANDLER = "CLOUD_EVENTS_HTTP_HANDLER: this is an application, not a Lambda handler of event and context; "
MADE = "and the library makes the handler"
SINGLY = "this needs one request per record; set CLOUD_EVENTS_DELIVERY=record"
MISSING = "module 'shop' has no 'none'; check the name"

# The variable that is wrong, the value, and the message; the others are right. "=" stands for the variable and value.
VARIABLES = [
    ("WSGI_APPLICATION", "", NEITHER),
    ("ASGI_APPLICATION", "shop.asgi", BOTH),
    ("WSGI_APPLICATION", "shop.none", f"=: {MISSING}"),
    ("WSGI_APPLICATION", "shop.title", f"=: {CALLABLE}"),
    ("WSGI_APPLICATION", "shop.make_app", f"=: {FACTORY}"),
    ("WSGI_APPLICATION", "shop.made", f"=: {ONE_ARGUMENT}"),
    ("WSGI_APPLICATION", "shop.asgi", "=: this application speaks ASGI; set ASGI_APPLICATION='shop.asgi' instead"),
    ("CLOUD_EVENTS_DEBUG", "1", f"CLOUD_EVENTS_DEBUG: no such setting; {ALL}"),
    ("CLOUD_EVENTS_RESPONSE", "navite", "=: choose 'envelope' or 'native'"),
    ("CLOUD_EVENTS_DELIVERY", "Record", "=: choose 'batch' or 'record'"),
    ("CLOUD_EVENTS_CONTENT_MODE", "json", "=: choose 'event', 'binary', 'structured' or 'payload'"),
    ("CLOUD_EVENTS_CONTENT_MODE", "payload", f"=: {SINGLY}"),
    ("CLOUD_EVENTS_LIFESPAN", "true", "=: choose 'auto', 'on' or 'off'"),
    ("CLOUD_EVENTS_FAILURE_STATUSES", "5xx", f"=: {STATUS.format('5xx')}"),
    ("CLOUD_EVENTS_FAILURE_STATUSES", "404,", f"=: {STATUS.format('')}"),
    ("CLOUD_EVENTS_FAILURE_STATUSES", "99", f"=: {STATUS.format('99')}"),
    ("CLOUD_EVENTS_FAILURE_STATUSES", "600", f"=: {STATUS.format('600')}"),
    ("CLOUD_EVENTS_FAILURE_STATUSES", "599-500", f"=: {STATUS.format('599-500')}"),
    ("CLOUD_EVENTS_FAILURE_STATUSES", "500-", f"=: {STATUS.format('500-')}"),
    ("CLOUD_EVENTS_PATH_PREFIX", "events", f"=: {SLASH}"),
    ("CLOUD_EVENTS_PATH_PREFIX", "/a/../b", "=: it must not have '.' or '..' segments"),
    ("CLOUD_EVENTS_PATH_PREFIX", "/a\n", "=: it must not have control characters"),
    ("CLOUD_EVENTS_PATH_PREFIX", "/a?b=c", "=: it must not have '?', '#' or '//'"),
    ("CLOUD_EVENTS_PATH_PREFIX", "//a", "=: it must not have '?', '#' or '//'"),
    ("CLOUD_EVENTS_SOURCES", "a,,b", f"=: {EMPTY}"),
    ("CLOUD_EVENTS_CONCURRENCY", "0", "=: it must be a whole number from 1, such as 10"),
    ("CLOUD_EVENTS_CONCURRENCY", "many", "=: it must be a whole number from 1, such as 10"),
    ("CLOUD_EVENTS_CONCURRENCY", "8", f"CLOUD_EVENTS_CONCURRENCY=8: {SINGLY}"),
    ("CLOUD_EVENTS_UNWRAP", "s3", f"CLOUD_EVENTS_UNWRAP: {SINGLY}"),
    ("CLOUD_EVENTS_UNWRAP", "s3,", "=: one name is empty; write comma-separated names, such as 's3,sns'"),
    ("WSGI_ENVIRON", "shop.rows", "=: it must be a dict, not a list"),
    ("CLOUD_EVENTS_MATCHERS", "shop.environ", "=: it must be a list of Matcher rows, not a dict"),
    ("CLOUD_EVENTS_HTTP_HANDLER", "shop.title", f"=: {LAMBDA} str"),
]


@pytest.mark.parametrize(("name", "value", "message"), VARIABLES)
def test_wrong_variable(name, value, message, monkeypatch):
    """The message names the variable, the value, and what to write."""
    monkeypatch.setenv("WSGI_APPLICATION", "shop.wsgi")
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        from_environment()
    said = message.replace("=:", f"{name}={value!r}:", 1) if message.startswith("=:") else message
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("CLOUD_EVENTS_SOURCE", "SOURCES"),
        ("CLOUD_EVENTS__DELIVERY", "DELIVERY"),
        ("CLOUDEVENTS_RESPONSE", "RESPONSE"),
        ("CLOUDEVENT_FAILURE_STATUS", "FAILURE_STATUSES"),
        ("cloud_events_delivery", "DELIVERY"),
        ("CLOUDEVENTS_CONTENTMODE", "CONTENT_MODE"),
        ("CLOUD_EVENT_SOURCE_ARN", None),
        ("CLOUD_EVENT_", None),
        ("MY_CLOUD_EVENTS_RESPONSE", None),
        ("CLOUDY_EVENTS_RESPONSE", None),
    ],
)
def test_misspelled_variable(variable, meant, monkeypatch):
    """A name that is nearly ours is refused, with the nearest, in make_handler too; an application's own is not."""
    monkeypatch.setenv(variable, "")
    if meant is None:
        make_handler(SHOP.wsgi)
        return
    with pytest.raises(ConfigurationError) as caught:
        make_handler(SHOP.wsgi)
    assert str(caught.value) == f"{variable}: no such setting; did you mean CLOUD_EVENTS_{meant}?"


# The application, the keywords, and the message
KEYWORDS = [
    (None, {}, "make_handler: " + CALLABLE.replace("a str", "None")),
    ("shop.title", {}, f"make_handler: {CALLABLE}"),
    (SHOP.make_app, {}, f"make_handler: {FACTORY}"),
    (SHOP.made, {"interface": "wsgi"}, f"make_handler: {ONE_ARGUMENT}"),
    (SHOP.wsgi, {"interface": "asgi"}, "make_handler: this application speaks WSGI; pass interface='wsgi'"),
    (SHOP.asgi, {"interface": "wsgi"}, "make_handler: this application speaks ASGI; pass interface='asgi'"),
    (SHOP.asgi, {"interface": 3}, "make_handler: interface=3; choose 'wsgi' or 'asgi'"),
    (lambda *args: None, {}, "make_handler: cannot detect the interface; pass interface='wsgi' or interface='asgi'"),
    (SHOP.wsgi, {"respones": "native"}, "make_handler(respones=…): no such setting; did you mean response?"),
    (
        SHOP.wsgi,
        {"debug": True},
        "make_handler(debug=…): no such setting; the settings are asgi_scope, concurrency, content_mode, delivery, "
        "failure_statuses, http_handler, lifespan, matchers, path_prefix, response, sources, unwrap, wsgi_environ",
    ),
    (SHOP.wsgi, {"response": True}, "response=True: choose 'envelope' or 'native'"),
    (SHOP.wsgi, {"failure_statuses": 4}, f"failure_statuses=4: {STATUS.format('4')}"),
    (SHOP.wsgi, {"path_prefix": b"/a"}, f"path_prefix=b'/a': {SLASH}"),
    (SHOP.wsgi, {"sources": ["a", ""]}, f"sources=['a', '']: {EMPTY}"),
    (SHOP.wsgi, {"sources": 5}, f"sources=5: {PATTERNS}"),
    (SHOP.wsgi, {"sources": ["a", None]}, f"sources=['a', None]: {PATTERNS}"),
    (SHOP.wsgi, {"concurrency": True, **BY_RECORD}, "concurrency=True: it must be a whole number from 1, such as 10"),
    (SHOP.wsgi, {"wsgi_environ": [("a", "b")]}, "wsgi_environ: it must be a dict, not a list"),
    (SHOP.asgi, {"asgi_scope": "shop.title"}, "asgi_scope='shop.title': it must be a dict, not a str"),
    (SHOP.wsgi, {"matchers": iter([ROW])}, "matchers: it must be a list of Matcher rows, not a list_iterator"),
    (SHOP.wsgi, {"matchers": [ROW, 7]}, "matchers: row 1 must be a Matcher, not an int"),
    (SHOP.wsgi, {"http_handler": {}}, f"http_handler: {LAMBDA} dict"),
    (SHOP.wsgi, {"http_handler": SHOP.wsgi}, f"{HANDLER}write 'apig-wsgi', {MADE}"),
    (SHOP.wsgi, {"http_handler": lambda environ, start_response: None}, f"{HANDLER}write 'apig-wsgi', {MADE}"),
    (SHOP.asgi, {"http_handler": SHOP.asgi}, f"{HANDLER}write 'mangum', {MADE}"),
    (
        SHOP.asgi,
        {"http_handler": "apig-wsgi"},
        "CLOUD_EVENTS_HTTP_HANDLER='apig-wsgi': this application speaks ASGI; write 'mangum'",
    ),
]


@pytest.mark.parametrize(("app", "keywords", "message"), KEYWORDS)
def test_wrong_keyword(app, keywords, message):
    """The message names the keyword, the value, and what to write."""
    with pytest.raises(ConfigurationError) as caught:
        make_handler(app, **keywords)
    assert str(caught.value) == message


def test_broken_row(tmp_path, monkeypatch):
    """A row that cannot be right is refused at start: the message names the setting, the module, and the row itself."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "rows", raising=False)
    (tmp_path / "rows.py").write_text("from cloud_events import Matcher\nROWS = [Matcher('', {}, '/a')]\n")
    monkeypatch.setenv("WSGI_APPLICATION", "shop.wsgi")
    monkeypatch.setenv("CLOUD_EVENTS_MATCHERS", "rows.ROWS")
    with pytest.raises(ConfigurationError) as caught:
        from_environment()
    label = "CLOUD_EVENTS_MATCHERS='rows.ROWS': module 'rows' failed while it was imported: ConfigurationError: "
    assert str(caught.value) == f"{label}Matcher('', {{}}, '/a'): the name must be a non-empty string"
