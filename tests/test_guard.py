"""Who may enter: ``is_event``, ``events_only`` and ``EventsOnly``, over real sockets and through the handler."""

import asyncio
import importlib
import json
import re
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated
from urllib.parse import unquote

import bottle
import flask
import pytest
from a2wsgi import ASGIMiddleware, WSGIMiddleware
from apig_wsgi import make_lambda_handler
from asgiref.sync import async_to_sync
from asgiref.wsgi import WsgiToAsgi
from django.test import override_settings
from fastapi import Depends, FastAPI, HTTPException, Request
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from mangum import Mangum
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Mount
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

import served
from apps.guarded import misplaced, shops
from cloud_events import (
    ConfigurationError,
    EventFailed,
    EventsOnly,
    InvalidEvent,
    Matcher,
    events_only,
    is_event,
    make_handler,
)
from cloud_events.adapter.path import route
from cloud_events.messages import Delivery
from cloud_events.unguarded import refuse_unguarded
from conftest import EVENTS, Context, expectations, sample
from legs import Answer, bare, both_legs

CONTEXT = Context()
S3 = sample("s3")
TO = [Matcher("to", {"$.to": str}, "$.to")]  # an event that names its view
NOT_FOUND = (404, "Not Found")


@pytest.fixture(scope="module", autouse=True)
def django():
    """Django with the guarded views, its CSRF check on."""
    importlib.import_module("apps.django_books.wsgi")
    with override_settings(ROOT_URLCONF="apps.guarded.django_urls"):
        yield


def load(name):
    """The application *name*: django (WSGI or ASGI), or a module of apps.guarded."""
    if name.startswith("django_"):
        return importlib.import_module(f"apps.django_books.{name[7:]}").application
    return importlib.import_module(f"apps.guarded.{name}_app").application


DJANGO = (
    *("function", "coroutine", "plain", "async", "wrapped", "wrapped-async"),
    *("rest", "rest-method", "rest-outside", "rest-inside"),
)
VIEWS = [
    *(("django_wsgi", "wsgi", f"/{name}") for name in DJANGO),
    *(("django_asgi", "asgi", f"/{name}") for name in DJANGO),
    *(("flask", "wsgi", f"/{name}") for name in ("function", "coroutine", "parameters/a/b", "method")),
    *(("starlette", "asgi", f"/{name}") for name in ("function", "coroutine", "endpoint", "callable")),
    *(("fastapi", "asgi", f"/{name}") for name in ("function", "coroutine", "request", "model", "dict")),
]


@pytest.mark.parametrize(("name", "leg", "path"), VIEWS)
def test_view_is_found_by_events_only(name, leg, path):
    """A view behind events_only answers an event, and 404 to the same request when it comes over a socket."""
    application = load(name)
    event = {"to": path}
    reply = make_handler(application, matchers=TO)(event, CONTEXT)
    assert (reply["status_code"], reply["body"].strip('"')) == ("200", "in")
    with served.serve[leg](application) as client:
        assert client.post(path, json.dumps(event).encode()).status == 404


@pytest.mark.parametrize("name", ["django_wsgi", "django_asgi"])
def test_csrf_exemption_is_for_events_alone(name):
    """Django's CSRF check lets events pass to a guarded view, and still refuses everybody at one without the guard."""
    application = load(name)
    handler = make_handler(application, matchers=TO, response="native")
    assert handler({"to": "/function"}, CONTEXT) == "in"
    with pytest.raises(EventFailed, match="the application answered 403 at /protected"):
        handler({"to": "/protected"}, CONTEXT)
    with served.serve[name[7:]](application) as client:
        assert client.post("/protected").status == 403
        # Not even 403, which would tell that the view is there.
        assert client.post("/function").status == client.post("/nowhere").status == 404


def test_body_of_others_is_not_looked_at():
    """FastAPI answers others 404, not 422, though their body does not fit the model of the endpoint."""
    with served.asgi(load("fastapi")) as client:
        assert client.post("/model", b'{"to": 1}').status == 404
        assert client.post("/model", b"{").status == 422  # read before any dependency, as the page says


def depot(middleware=False, guard=None):
    """FastAPI with dependencies of every kind, which append their names to the list that is returned with it."""
    ran = []

    def ran_as(name):
        return lambda: ran.append(name)

    application = FastAPI(dependencies=[Depends(guard)] if guard else [])
    if middleware:
        application.add_middleware(EventsOnly, paths="/")

    def opened():
        ran.append("yield")
        yield

    @application.post("/books", dependencies=[Depends(ran_as("route"))])
    @events_only
    async def books(
        annotated: Annotated[None, Depends(ran_as("annotated"))],
        event: dict,
        default: None = Depends(ran_as("default")),
        *,
        generator: None = Depends(opened),
    ):
        return "in"

    return application, ran


def only_events(request: Request):
    if not is_event(request):
        raise HTTPException(404)


@pytest.mark.parametrize(
    ("options", "refused"), [({}, ["route"]), ({"middleware": True}, []), ({"guard": only_events}, [])]
)
def test_dependencies_of_others_do_not_run(options, refused):
    """events_only refuses before FastAPI solves any other dependency of the signature, but not those of the route.

    EventsOnly, and a dependency of the application or router, refuse before all.
    """
    application, ran = depot(**options)
    assert make_handler(application, matchers=TO)({"to": "/books"}, CONTEXT)["body"] == '"in"'
    assert ran == ["route", "annotated", "default", "yield"]
    ran.clear()
    with served.asgi(application) as client:
        assert client.post("/books").status == 404
    assert ran == refused


@pytest.mark.parametrize("name", ["starlette", "fastapi"])
def test_websocket_endpoint_never_opens(name):
    """No event is a websocket, so a guarded websocket endpoint opens for nobody."""
    with served.asgi(load(name)) as client:
        assert client.upgrade("/socket").status == 404


def test_signature_of_an_endpoint_stays():
    """FastAPI describes a guarded endpoint as it would describe it without the guard."""
    shown = load("fastapi").openapi()["paths"]["/model"]["post"]
    assert "parameters" not in shown
    assert shown["requestBody"]["content"] == {"application/json": {"schema": {"$ref": "#/components/schemas/Event"}}}


@pytest.mark.parametrize(
    ("view", "parameters"),
    [
        (lambda request, *more, **options: None, ["cloud_events_request", "request", "more", "options"]),
        (lambda request, /, key=1: None, ["request", "cloud_events_request", "key"]),
    ],
)
def test_any_signature_can_be_guarded(view, parameters):
    """Views of any signature can be guarded in a process that has FastAPI."""
    assert [*events_only(view).__signature__.parameters] == parameters


@pytest.mark.parametrize(("annotation", "evaluated"), [("Matcher", Matcher), ("Missing", "Missing"), ("1 +", "1 +")])
def test_annotations_that_are_text(annotation, evaluated):
    """FastAPI 0.115 would look for the names of text in another module; what has no value is left to it."""

    def view(event):
        raise NotImplementedError

    view.__annotations__ = {"event": annotation}
    assert events_only(view).__signature__.parameters["event"].annotation == evaluated


def test_without_fastapi_nothing_is_asked_for(monkeypatch):
    """A process without FastAPI has its views' signatures left alone."""
    monkeypatch.delitem(importlib.sys.modules, "fastapi")
    assert not hasattr(events_only(lambda request: None), "__signature__")


def test_class_cannot_be_guarded():
    """events_only on a class says what to decorate instead."""
    with pytest.raises(
        ConfigurationError,
        match=r"^events_only: Seen is a class; decorate its methods, in Django with "
        r"@method_decorator\(events_only, name='dispatch'\)$",
    ):
        events_only(Seen)


@pytest.mark.parametrize("arguments", [(), ({"cloud_events.delivery": Delivery(None, "/")},), (bottle.request,)])
@pytest.mark.parametrize("flask_is_there", [True, False])
def test_view_of_another_framework_is_refused(monkeypatch, arguments, flask_is_there):
    """A view that is given no request of a framework that we know fails closed, and says what to do."""
    if not flask_is_there:
        monkeypatch.delitem(importlib.sys.modules, "flask")
    with pytest.raises(
        ConfigurationError,
        match=r"^events_only: no request of Django, Flask, Starlette or FastAPI was passed to the view; ask "
        r"is_event\(request\) in the view, or wrap the application in EventsOnly$",
    ):
        events_only(lambda *given: None)(*arguments)


# is_event


class Seen:
    """An application, WSGI or ASGI, that records whether each of its requests was an event."""

    def __init__(self):
        self.events = []
        self.paths = []
        self.wsgi, self.asgi = bare("wsgi", self.view), bare("asgi", self.view)

    def view(self, request, body):
        self.paths.append(request["path" if "path" in request else "PATH_INFO"])
        self.events.append(is_event(request))
        return Answer(200, b"seen", [("Content-Type", "text/plain"), ("Content-Length", "4")])


MARKS = "cloud_events.delivery Cloud-Events-Delivery cloud_events-delivery HTTP_CLOUD_EVENTS_DELIVERY aws.event ce-id"
BRIDGES = "asgi.scope Asgi-Scope asgi_scope wsgi_environ Wsgi-Environ wsgi.environ"
FORGERIES = [
    f"{name}: {value}"
    for name in f"{MARKS} {BRIDGES} ce-specversion aws-event".split()
    for value in ("1", '{"cloud_events.delivery": {"matcher": "s3", "path": "/aws.s3"}}', "<Delivery s3 '/aws.s3'>")
]


@both_legs
def test_no_header_makes_an_event(leg):
    """What an HTTP client sends, whatever its headers, is not an event; what the handler delivers is one."""
    seen = Seen()
    application = getattr(seen, leg)
    with served.serve[leg](application) as client:
        for forgery in FORGERIES:
            assert client.post("/aws.s3", json.dumps(S3).encode(), [forgery]).status == 200
        client.post("/aws.s3?cloud_events.delivery=1", b"{}", FORGERIES)
    assert seen.events == [False] * (len(FORGERIES) + 1)
    make_handler(application, lifespan="off")(S3, CONTEXT)
    assert seen.events[-1] is True


HTTP_EVENTS = [file[:-5] for file, row, _ in expectations(EVENTS) if row.startswith("http.")]
# The kinds that each library takes: the load balancer's, API Gateway's two and the function URL's.
TAKEN = [name for name in HTTP_EVENTS if "lattice" not in name]


def website(leg, application):
    """The Lambda handler of the application as a website, and as a receiver of events too."""
    http = Mangum(application, lifespan="off") if leg == "asgi" else make_lambda_handler(application)
    return make_handler(application, http_handler=http, lifespan="off")


@pytest.mark.usefixtures("mangums_loop")
@both_legs
@pytest.mark.parametrize("name", TAKEN)
def test_http_event_through_another_library_is_none(leg, name):
    """A request that came through Mangum or apig-wsgi in the same function is not an event, whatever it holds."""
    seen = Seen()
    handler = website(leg, getattr(seen, leg))
    event = sample(name)
    headers = {forgery.partition(": ")[0]: forgery.partition(": ")[2] for forgery in FORGERIES}
    forged = {"matcher": "s3", "path": "/aws.s3", "record_id": None, "attributes": {}}
    event["cloud_events.delivery"] = event["requestContext"]["cloud_events.delivery"] = forged
    for place in ("headers", "queryStringParameters", "stageVariables"):
        if isinstance(event.get(place), dict):
            event[place] |= headers
    if "multiValueHeaders" in event:
        several = {key: [value] for key, value in headers.items()}
        event["multiValueHeaders"] = (event["multiValueHeaders"] or {}) | several
    assert handler(event, CONTEXT)["statusCode"] == 200
    handler(S3, CONTEXT)
    assert seen.events == [False, True]


@pytest.mark.parametrize("value", [None, True, 1, "s3", [], {}, {"matcher": "s3", "path": "/aws.s3"}])
@pytest.mark.parametrize("key", ["cloud_events.delivery", "asgi.scope", "wsgi_environ"])
@both_legs
def test_content_of_an_event_makes_no_event(value, key, leg):
    """An event's own content is not a mark: neither as it is, nor after it was delivered."""
    forged = {key: value, "asgi.scope": {"cloud_events.delivery": value}}
    assert is_event(forged) is False
    marks = []

    def view(request, body):
        marks.append((is_event(request), is_event(request["aws.event"])))
        return Answer(200)

    make_handler(bare(leg, view), lifespan="off")(forged, CONTEXT)
    assert marks == [(True, False)]


# EventsOnly


@pytest.fixture(params=shops.SHOPS)
def shop(request):
    """(leg, application) of a bookshop whose views have no guard of their own, in each framework."""
    leg, build = shops.SHOPS[request.param]
    with override_settings(ROOT_URLCONF="apps.guarded.django_shop"):
        yield leg, build()


def test_events_only_answers_404_to_others(shop):
    """Behind EventsOnly an event's path answers the event, 404 to others; all other paths answer everybody.

    The view of another path may ask is_event itself, in any framework.
    """
    leg, application = shop
    handler = make_handler(EventsOnly(application), matchers=TO)
    assert handler(S3, CONTEXT)["body"] == "reached"
    assert handler({"to": "/books"}, CONTEXT)["body"] == "True"
    with served.serve[leg](application) as client:
        assert client.post("/aws.s3") == (200, "reached")
    with served.serve[leg](EventsOnly(application)) as client:
        assert client.post("/aws.s3") == NOT_FOUND
        assert client.post("/books") == (200, "False")
        assert client.post("/aws").status == client.post("/nowhere").status == 404


# The same path, spelled so that a router and a guard might not read it alike.
SPELLINGS = """
//aws.s3 ///aws.s3 /aws.s3/ /aws.s3// /%61ws.s3 /aws%2Es3 /%2Faws.s3 /%2faws.s3 %2Faws.s3 /%252Faws.s3
/./aws.s3 /%2E/aws.s3 /../aws.s3 /books/../aws.s3 /books/%2E%2E/aws.s3 /books//../aws.s3 /books/./../aws.s3
/../../books/../aws.s3 /..;/aws.s3 /;/aws.s3 /aws.s3;a=b /aws.s3. /aws.s3.. /aws.s3%20 /%20aws.s3 /aws.s3%00 /%00aws.s3
/\\aws.s3 \\aws.s3 /%5Caws.s3 /AWS.S3 /Aws.s3 /aws.%E1%BA%9E3 /aws.\u017fns /%FFaws.s3 /aw%FFs.s3 /%C0%AFaws.s3
/aws.s3%FF %FFaws.s3 /%EF%BC%8Faws.s3 /%EF%BB%BFaws.s3 aws.s3 ./aws.s3 */../aws.s3
http://localhost/aws.s3 http://localhost//aws.s3 http:/aws.s3 HTTP://books@localhost:80/books/../aws.s3 ://x/aws.s3
//localhost/aws.s3 /aws.s3?/books /aws.s3? /aws.s3#/books /books?/../aws.s3
""".split()  # noqa: SIM905
# What a proxy may say of the path, and a router may believe.
PATH_HEADERS = (
    *("X-Vhm-Root", "X-Script-Name", "X-Forwarded-Prefix", "X-Forwarded-Path", "X-Original-URL", "X-Rewrite-URL"),
    *("Script-Name", "Path-Info"),
)


def test_no_spelling_passes(shop):
    """Over a real socket no other spelling of a guarded path reaches its view, in any framework; no header names it."""
    leg, application = shop
    with served.serve[leg](EventsOnly(application)) as client:
        assert client.post("/books") == (200, "False")
        assert [target for target in SPELLINGS if client.post(target).body == "reached"] == []
        for name in PATH_HEADERS:
            for root, target in (("/aws.s3", "/"), ("/aws.s3", "/books"), ("/books/..", "/aws.s3")):
                assert client.post(target, headers=[f"{name}: {root}"]).body != "reached"


def environ_of(target, **more):
    """The environ that wsgiref makes of a request's target."""
    path, _, query = target.partition("?")
    environ = {"PATH_INFO": unquote(path, "iso-8859-1"), "QUERY_STRING": query, "REQUEST_METHOD": "POST"}
    return (
        {"SCRIPT_NAME": "", "SERVER_NAME": "localhost", "SERVER_PORT": "80", "wsgi.url_scheme": "http"} | environ | more
    )


def scope_of(target, **more):
    """The scope that uvicorn makes of a request's target."""
    path, _, query = target.partition("?")
    scope = {"type": "http", "method": "POST", "path": unquote(path), "raw_path": path.encode(), "root_path": ""}
    common = {"asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "server": ("localhost", 80)}
    common |= {"query_string": query.encode(), "headers": [(b"host", b"localhost")], "client": None}
    return common | scope | more


def reaches(leg, application, request):
    """Whether the view of /aws.s3 answers *request*, an environ or a scope."""
    if leg == "wsgi":
        body = application({**request, "wsgi.input": BytesIO(), "wsgi.errors": None}, lambda *_: None)
        return b"".join(body) == b"reached"
    sent = []
    body = [{"type": "http.request", "body": b"", "more_body": False}]
    over = False

    async def receive():
        while not body and not over:
            await asyncio.sleep(0)
        return body.pop() if body else {"type": "http.disconnect"}

    async def send(message):
        nonlocal over
        sent.append(message.get("body", b""))
        over = message["type"] == "http.response.body" and not message.get("more_body", False)

    async_to_sync(application)(request, receive, send)
    return b"".join(sent) == b"reached"


PIECES = r"""
/ // . .. %2f %2F %2e ; \ %5c %FF %C0 %00 %20 %09 A a books aws.s3 aws. s3 S3 http: :// localhost ? # % %25 %252f ~ @ @@
""".split()  # noqa: SIM905
pieces = st.lists(st.sampled_from(PIECES), max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(pieces, st.lists(st.sampled_from(PIECES), max_size=3), st.one_of(st.none(), pieces))
@example(["/", "%FF"], [], None)
@example(["/", "books", "/", "..", "/"], [], None)
@example(["http:", "//", "localhost", "/"], [], None)
@example(["/", "@@"], [], None)
@example([], [], None)
@example([], [], ["/", "books"])
@example(["/", "@@"], ["/"], ["/"])
def test_no_invented_spelling_passes(shop, before, after, rest):
    """What reaches the view of a guarded path, however it is spelled, does so for events alone.

    rest: the path of the request, where its header X-Vhm-Root has the path of the view
    """
    leg, application = shop
    spelled = "".join([*before, "aws.s3", *after])
    target = spelled if rest is None else f"/{''.join(rest)}"
    root = "" if rest is None else unquote(spelled, "iso-8859-1")
    if leg == "wsgi":
        request = environ_of(target, **({"HTTP_X_VHM_ROOT": root} if root else {}))
    else:
        request = scope_of(target, headers=[(b"x-vhm-root", root.encode("latin-1"))] if root else [])
    try:
        reached = reaches(leg, EventsOnly(application), dict(request))
    except Exception:  # what a framework cannot stand, it does not serve
        reached = False
    assert not reached


@pytest.mark.parametrize(
    ("root", "target"), [("/aws.s3", "/"), ("aws.s3", ""), ("/@@aws.s3", "/x"), ("/", "/aws.s3"), ("/x/../aws.s3", "/")]
)
@pytest.mark.parametrize("bridge", [None, WSGIMiddleware])
def test_virtual_root_of_pyramid_is_a_mount_point(bridge, root, target):
    """Pyramid's traversal begins at X-Vhm-Root, which any client can send: EventsOnly reads it as a mount point."""
    application = shops.pyramid(traversal=True)
    if bridge:
        application = bridge(application)
        leg, request = "asgi", scope_of(target, headers=[(b"x-vhm-root", root.encode())])
    else:
        leg, request = "wsgi", environ_of(target, HTTP_X_VHM_ROOT=root)
    assert reaches(leg, application, dict(request))
    assert not reaches(leg, EventsOnly(application), dict(request))
    assert not reaches(leg, EventsOnly(application, ("/nothing", "/aws.s3")), dict(request))


class FromHeader(misplaced.Outer):
    """A middleware as some proxies need it: the path is what a header says."""

    def __call__(self, environ, start_response):
        return self.application({**environ, "PATH_INFO": environ["HTTP_X_ORIGINAL_URL"]}, start_response)


@pytest.mark.parametrize(
    ("middleware", "environ"),
    [
        (FromHeader, environ_of("/", HTTP_X_ORIGINAL_URL="/aws.s3")),
        (lambda inner: ProxyFix(inner, x_prefix=1), environ_of("/aws.s3", HTTP_X_FORWARDED_PREFIX="/books")),
    ],
)
def test_middleware_that_believes_a_header(middleware, environ):
    """EventsOnly inside a middleware that changes the path guards the changed path; ProxyFix may be inside as well."""
    assert reaches("wsgi", middleware(shops.flask()), dict(environ))
    assert not reaches("wsgi", middleware(EventsOnly(shops.flask())), dict(environ))
    inside = EventsOnly(ProxyFix(shops.flask(), x_prefix=1))
    for target, prefix in (("/", "/aws.s3"), ("/books", "/aws.s3"), ("/aws.s3", "/books")):
        assert not reaches("wsgi", inside, environ_of(target, HTTP_X_FORWARDED_PREFIX=prefix))


def mounted_flask(paths="/aws."):
    return DispatcherMiddleware(flask.Flask("root"), {"/api": EventsOnly(shops.flask(), paths)})


def mounted_starlette():
    return Starlette(routes=[Mount("/api", EventsOnly(shops.starlette()))])


def inside_fastapi():
    application = shops.fastapi()
    application.add_middleware(EventsOnly)
    return application


def inside_flask():
    application = shops.flask()
    application.wsgi_app = EventsOnly(application.wsgi_app)
    return application


# uvicorn puts its root_path before the path; a proxy that does not take it off leaves it there twice.
API = {"root_path": "/api"}


@pytest.mark.parametrize(
    ("leg", "build", "options", "target", "answer"),
    [
        ("wsgi", mounted_flask, {}, "/api/aws.s3", "Not Found"),
        ("wsgi", lambda: mounted_flask("/api/aws."), {}, "/api/aws.s3", "Not Found"),
        ("wsgi", mounted_flask, {}, "/api/books", "False"),
        ("wsgi", inside_flask, {}, "/aws.s3", "Not Found"),
        ("asgi", mounted_starlette, {}, "/api/aws.s3", "Not Found"),
        ("asgi", mounted_starlette, {}, "/api/books", "False"),
        ("asgi", inside_fastapi, {}, "/aws.s3", "Not Found"),
        ("asgi", lambda: EventsOnly(shops.starlette()), API, "/aws.s3", "Not Found"),
        ("asgi", lambda: EventsOnly(shops.starlette()), API, "/books", "False"),
        ("asgi", lambda: EventsOnly(shops.quart()), API, "/aws.s3", "Not Found"),
        ("asgi", lambda: EventsOnly(shops.starlette(), paths="/api/aws."), API, "/aws.s3", "Not Found"),
    ],
)
def test_mount_point_makes_no_difference(leg, build, options, target, answer):
    """An application is guarded wherever it is mounted, by a server or by another application."""
    with served.serve[leg](build(), **options) as client:
        assert client.post(target).body == answer


@pytest.mark.filterwarnings("ignore:The `root_path` parameter is deprecated")
@pytest.mark.parametrize("wrap", [lambda app: app, CORSMiddleware], ids=["alone", "wrapped"])
def test_mount_point_of_fastapi_itself(wrap):
    """FastAPI takes a root_path of its own off the path, which no server has named."""
    application = shops.fastapi(root_path="/stage")
    assert reaches("asgi", application, scope_of("/stage/aws.s3"))
    guarded = EventsOnly(wrap(application))
    assert not reaches("asgi", guarded, scope_of("/stage/aws.s3"))
    assert not reaches("asgi", guarded, scope_of("/stage//aws.s3"))


def test_without_django_there_is_no_setting(monkeypatch):
    """In a process without Django EventsOnly looks for no setting of it."""
    guarded = EventsOnly(shops.starlette())
    monkeypatch.delitem(importlib.sys.modules, "django.conf")
    assert not reaches("asgi", guarded, scope_of("/aws.s3"))


def test_mount_point_of_django_itself():
    """Django on ASGI takes FORCE_SCRIPT_NAME off the path, which no server has named."""
    with override_settings(ROOT_URLCONF="apps.guarded.django_shop", FORCE_SCRIPT_NAME="/stage"):
        application = shops.SHOPS["django-asgi"][1]()
        assert reaches("asgi", application, scope_of("/stage/aws.s3"))
        assert not reaches("asgi", EventsOnly(application), scope_of("/stage/aws.s3"))


REQUEST = {"wsgi": environ_of, "asgi": scope_of}
INSIDE = (
    *("/events", "/events/", "/EVENTS", "/events/x", "/events//x"),
    *("/x/../events", "events", "/events/../books", "/@@events"),
)


@pytest.mark.parametrize("target", INSIDE)
@pytest.mark.parametrize("paths", [("/events/",), "/events", ["/nothing", "/Events"], "/@@events", "/"])
@both_legs
def test_paths_are_prefixes(leg, paths, target):
    """A path guards all that begins with it, in any case of letters; "/" guards all, "/events/" "/events" too."""
    seen = Seen()
    assert not reaches(leg, EventsOnly(getattr(seen, leg), paths), REQUEST[leg](target))
    assert seen.events == []


@pytest.mark.parametrize("target", ["/", "/event", "/my/events", "/aws.s3", "/events.html", "/event/s"])
@both_legs
def test_all_other_paths_are_open(leg, target):
    """What begins with no guarded path is none of EventsOnly's business."""
    seen = Seen()
    reaches(leg, EventsOnly(getattr(seen, leg), ("/events/",)), REQUEST[leg](target))
    assert seen.events == [False]


def test_websocket_is_closed():
    """A websocket at a guarded path is closed before it opens; elsewhere the application has it."""
    application = EventsOnly(load("starlette"))
    with served.asgi(application) as client:
        assert client.upgrade("/aws.s3") == (403, "")
    sent = []

    async def send(message):
        sent.append(message)

    with pytest.raises(StopIteration):
        application(scope_of("/aws.s3", type="websocket"), None, send).send(None)
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_lifespan_passes():
    """What has no path, such as the lifespan, goes to the application."""
    scopes = []

    async def application(scope, receive, send):
        scopes.append(scope["type"])

    with pytest.raises(StopIteration):
        EventsOnly(application)({"type": "lifespan"}, None, None).send(None)
    assert scopes == ["lifespan"]


def test_interface_that_cannot_be_detected():
    """EventsOnly asks for the interface where the application does not show it, and takes it."""

    def anything(*arguments):
        return arguments

    with pytest.raises(
        ConfigurationError,
        match=r"^EventsOnly: cannot detect the interface; pass interface='wsgi' or interface='asgi'$",
    ):
        EventsOnly(anything)
    environ = environ_of("/books")
    assert EventsOnly(anything, interface="wsgi")(environ, None) == (environ, None)


@pytest.mark.parametrize("paths", [(), "aws.", ("/aws.", "events"), "//aws.", ("",)])
def test_path_that_guards_nothing(paths):
    """Paths that no request could have are refused, with their value."""
    with pytest.raises(
        ConfigurationError,
        match=re.escape(
            f"EventsOnly: paths={paths!r}: name one or more prefixes, each beginning with one '/', for example '/aws.'"
        ),
    ):
        EventsOnly(Seen().wsgi, paths)


# Behind a2wsgi's bridges


def in_fastapi(application):
    """*application*, WSGI, mounted in FastAPI."""
    outside = FastAPI()
    outside.mount("/inner", WSGIMiddleware(application))
    return outside


def in_flask(application):
    """*application*, ASGI, mounted in Flask."""
    return DispatcherMiddleware(flask.Flask("outside"), {"/inner": ASGIMiddleware(application)})


@pytest.mark.parametrize(
    ("leg", "build", "path", "answer"),
    [
        ("asgi", lambda: in_fastapi(load("flask")), "/inner/function", "in"),
        ("asgi", lambda: in_fastapi(load("django_wsgi")), "/inner/function", "in"),
        ("wsgi", lambda: in_flask(load("starlette")), "/inner/function", "in"),
        ("wsgi", lambda: in_flask(load("fastapi")), "/inner/model", "in"),
        ("asgi", lambda: in_fastapi(in_flask(load("fastapi"))), "/inner/inner/function", "in"),
        ("asgi", lambda: in_fastapi(EventsOnly(shops.flask())), "/inner/aws.s3", "reached"),
        ("wsgi", lambda: in_flask(EventsOnly(shops.starlette())), "/inner/aws.s3", "reached"),
    ],
)
def test_behind_a_bridge(leg, build, path, answer):
    """Guards know an event behind a2wsgi's middlewares, and nobody else, whatever headers they send."""
    application = build()
    to = [Matcher("to", {"$.to": str}, path)]
    assert make_handler(application, matchers=to)({"to": path.removeprefix("/inner")}, CONTEXT)["body"] == answer
    with served.serve[leg](application) as client:
        for headers in ([], FORGERIES):
            assert client.post(path, b'{"to": "/model"}', headers).status == 404


def test_bridge_that_carries_nothing():
    """asgiref's WsgiToAsgi does not pass the scope on: behind it nothing is an event, so a guard refuses all."""
    reply = make_handler(WsgiToAsgi(load("flask")), matchers=TO, interface="asgi", lifespan="off")
    assert reply({"to": "/function"}, CONTEXT)["status_code"] == "404"


# @events_only above the decorator of the route


@pytest.mark.parametrize("build", misplaced.BUILDERS.values(), ids=misplaced.BUILDERS)
def test_view_that_is_registered_past_its_guard(build):
    """A router that would call a view past its guard is found wherever it is, and the view named."""
    with pytest.raises(
        ConfigurationError,
        match=r"^WSGI_APPLICATION='shop\.app': @events_only is above the decorator of the route, so it does not guard "
        r"the view apps\.guarded\.misplaced\.misplaced\.<locals>\.uploaded; put it directly above `def`, below the "
        r"decorator of the route$",
    ):
        refuse_unguarded(build(), "WSGI_APPLICATION='shop.app'")


class Slots:
    __slots__ = ("app",)

    async def __call__(self, request):
        raise NotImplementedError


class Odd:
    """An application that no attribute may be asked of."""

    def __init__(self):
        self.app = self

    @property
    def __dict__(self):
        raise RuntimeError("not yet")

    def __getattr__(self, name):
        raise RuntimeError(name)


def test_other_applications_start():
    """Guarded views, and applications of any other kind, are not refused, nor is a view that has no weak reference."""
    guarded = [load(name) for name in ("django_wsgi", "django_asgi", "flask", "starlette", "fastapi")]
    events_only(Slots())
    twice = flask.Flask("twice")
    events_only(twice.post("/aws.s3")(events_only(lambda: "in")))
    odd = [flask.current_app, Slots(), Odd(), SimpleNamespace(app=0, routes=7), print, None, [[]]]
    for application in (*guarded, twice, *odd):
        cycle = SimpleNamespace(app=application)
        cycle.routes = [cycle]
        refuse_unguarded(cycle, "make_handler")


PAGE = (Path(__file__).parent.parent / "docs" / "security.md").read_text(encoding="utf-8")


def test_page_of_security_shows_what_sources_do():
    """The paths and refusals that the page shows are those of the handler."""
    rows = re.findall(
        r"^\| `(?P<sources>[^|]+)` \| (?P<shown>.+) \|$", PAGE[PAGE.index("| `source` |") :], re.MULTILINE
    )
    assert len(rows) == 7
    for sources, shown in rows:
        for source in sources.split("`, `"):
            if shown.startswith("refused: "):
                with pytest.raises(InvalidEvent, match=re.escape(shown[9:].replace("`", "'"))):
                    route(source)
            else:
                assert route(source)[0] == shown.split("`")[1]


@both_legs
def test_two_line_lock(monkeypatch, leg):
    """The page's two lines: events reach nothing outside the prefix, and nobody else gets inside it."""
    monkeypatch.setenv("CLOUD_EVENTS_PATH_PREFIX", "/events")
    assert "CLOUD_EVENTS_PATH_PREFIX=/events\n" in PAGE
    assert 'application = EventsOnly(app, paths=("/events/",))\n' in PAGE
    seen = Seen()
    application = EventsOnly(getattr(seen, leg), paths=("/events/",))
    handler = make_handler(application, lifespan="off")
    for event in (S3, {"source": "admin"}, {"source": "/"}):
        handler(event, CONTEXT)
    assert seen.events == [True] * 3
    assert all(path.startswith("/events/") for path in seen.paths)
    with served.serve[leg](application) as client:
        assert client.post("/events/aws.s3") == client.post("/EVENTS") == NOT_FOUND
        assert client.post("/books") == (200, "seen")
