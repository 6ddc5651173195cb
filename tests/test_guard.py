"""Who may enter: ``is_event``, ``events_only`` and ``EventsOnly``, over real sockets and through the handler."""

import asyncio
import contextlib
import importlib
import json
import os
import re
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote

import bottle
import falcon
import falcon.asgi
import pytest
from apig_wsgi import make_lambda_handler
from asgiref.sync import async_to_sync
from fastapi import FastAPI
from flask import Flask
from flask import request as flask_request
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from mangum import Mangum
from pyramid.config import Configurator
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from werkzeug.middleware.dispatcher import DispatcherMiddleware

import served
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
from cloud_events.messages import Delivery
from conftest import EVENTS, Context, expectations, sample

CONTEXT = Context()
S3 = sample("s3")

# Where an event says itself which view it is for.
TO = [Matcher("to", {"$.to": str}, "$.to")]


@pytest.fixture(scope="module", autouse=True)
def django():
    """Django with the guarded views, its CSRF check on."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apps.django_books.settings")
    import django
    from django.test import override_settings

    django.setup()
    with override_settings(ROOT_URLCONF="apps.guarded.django_urls"):
        yield


def load(name):
    """The application *name*: django (WSGI or ASGI), or a module of apps.guarded."""
    if name.startswith("django_"):
        return importlib.import_module(f"apps.django_books.{name[7:]}").application
    return importlib.import_module(f"apps.guarded.{name}_app").application


DJANGO = [
    "function",
    "coroutine",
    "plain",
    "async",
    "wrapped",
    "wrapped-async",
    "rest",
    "rest-method",
    "rest-outside",
    "rest-inside",
]
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


def test_keyword_arguments_of_an_endpoint_stay_last():
    """An endpoint that takes **kwargs can be guarded in a process that has FastAPI."""

    @events_only
    def view(request, **options):
        raise NotImplementedError

    assert [*view.__signature__.parameters] == ["request", "cloud_events_request", "options"]


def test_without_fastapi_nothing_is_asked_for(monkeypatch):
    """A process without FastAPI has its views' signatures left alone."""
    monkeypatch.delitem(importlib.sys.modules, "fastapi")

    @events_only
    def view(request):
        raise NotImplementedError

    assert not hasattr(view, "__signature__")


def test_class_cannot_be_guarded():
    """events_only on a class says what to decorate instead."""

    class Uploads:
        pass

    with pytest.raises(
        ConfigurationError,
        match=r"^events_only: Uploads is a class; decorate its methods, in Django with "
        r"@method_decorator\(events_only, name='dispatch'\)$",
    ):
        events_only(Uploads)


@pytest.mark.parametrize("arguments", [(), ({"cloud_events.delivery": Delivery(None, "/")},), (bottle.request,)])
def test_view_of_another_framework_is_refused(arguments):
    """A view that is given no request of a framework that we know fails closed, and says what to do."""

    @events_only
    def view(*given):
        raise NotImplementedError

    with pytest.raises(
        ConfigurationError,
        match=r"^events_only: the view is given no request of Django, Flask, Starlette or FastAPI; "
        r"ask is_event\(request\) in the view, or wrap the application in EventsOnly$",
    ):
        view(*arguments)


def test_without_flask_a_missing_request_is_refused(monkeypatch):
    """In a process without Flask, too, a view without a request fails closed."""
    monkeypatch.delitem(importlib.sys.modules, "flask")
    with pytest.raises(ConfigurationError, match="the view is given no request"):
        events_only(lambda: None)()


# is_event


class Seen:
    """An application, WSGI or ASGI, that tells whether each of its requests was an event."""

    def __init__(self):
        self.events = []
        self.paths = []

    def wsgi(self, environ, start_response):
        self.paths.append(environ["PATH_INFO"])
        self.events.append(is_event(environ))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"seen"]

    async def asgi(self, scope, receive, send):
        self.paths.append(scope["path"])
        self.events.append(is_event(scope))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"seen"})


FORGERIES = [
    f"{name}: {value}"
    for name in (
        "cloud_events.delivery",
        "Cloud-Events-Delivery",
        "cloud_events-delivery",
        "HTTP_CLOUD_EVENTS_DELIVERY",
        "aws.event",
        "aws-event",
        "ce-id",
        "ce-specversion",
    )
    for value in ("1", '{"matcher": "s3", "path": "/aws.s3"}', "<Delivery s3 '/aws.s3'>")
]


@pytest.mark.parametrize("leg", ["wsgi", "asgi"])
def test_no_header_makes_an_event(leg):
    """What an HTTP client sends, whatever its headers, is no event; what the handler delivers is one."""
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


@pytest.mark.usefixtures("mangums_loop")
@pytest.mark.parametrize("leg", ["wsgi", "asgi"])
@pytest.mark.parametrize("name", TAKEN)
def test_http_event_through_another_library_is_none(leg, name):
    """A request that came through Mangum or apig-wsgi in the same function is no event, whatever it holds."""
    seen = Seen()
    application = getattr(seen, leg)
    http = Mangum(application, lifespan="off") if leg == "asgi" else make_lambda_handler(application)
    handler = make_handler(application, http_handler=http, lifespan="off")
    event = sample(name)
    headers = {forgery.partition(": ")[0]: forgery.partition(": ")[2] for forgery in FORGERIES}
    forged = {"matcher": "s3", "path": "/aws.s3", "record_id": None, "attributes": {}}
    event["cloud_events.delivery"] = event["requestContext"]["cloud_events.delivery"] = forged
    for place in ("headers", "queryStringParameters", "stageVariables"):
        if isinstance(event.get(place), dict):
            event[place] |= headers
    if "multiValueHeaders" in event:
        event["multiValueHeaders"] = (event["multiValueHeaders"] or {}) | {
            key: [value] for key, value in headers.items()
        }
    assert handler(event, CONTEXT)["statusCode"] == 200
    handler(S3, CONTEXT)
    assert seen.events == [False, True]


@pytest.mark.parametrize("value", [None, True, 1, "s3", [], {}, {"matcher": "s3", "path": "/aws.s3"}])
@pytest.mark.parametrize("leg", ["wsgi", "asgi"])
def test_content_of_an_event_makes_no_event(value, leg):
    """An event's own content is no mark: neither as it is, nor after it was delivered."""
    forged = {"cloud_events.delivery": value}
    assert is_event(forged) is False
    marks = []

    def wsgi(environ, start_response):
        marks.append((is_event(environ), is_event(environ["aws.event"])))
        start_response("204 No Content", [])
        return []

    async def asgi(scope, receive, send):
        marks.append((is_event(scope), is_event(scope["aws.event"])))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    make_handler(locals()[leg], lifespan="off")(forged, CONTEXT)
    assert marks == [(True, False)]


@pytest.mark.parametrize("value", [None, 1, "text", [], object(), lambda: None])
def test_what_has_no_environ_is_no_event(value):
    """is_event answers for any object."""
    assert is_event(value) is False


# EventsOnly


def django_shop(leg, folded=False):
    from django.core.asgi import get_asgi_application
    from django.core.wsgi import get_wsgi_application

    return get_wsgi_application() if leg == "wsgi" else get_asgi_application()


def flask_shop():
    application = Flask("shop")
    application.post("/aws.s3", endpoint="reached")(lambda: "reached")
    application.post("/books", endpoint="books")(lambda: "books")
    return application


async def reached(request):
    return PlainTextResponse("reached")


async def books(request):
    return PlainTextResponse("books")


ROUTES = [Route("/aws.s3", reached, methods=["POST"]), Route("/books", books, methods=["POST"])]


def starlette_shop():
    return Starlette(routes=ROUTES)


def fastapi_shop(**options):
    application = FastAPI(**options)
    application.post("/aws.s3", response_class=PlainTextResponse)(lambda: "reached")
    application.post("/books", response_class=PlainTextResponse)(lambda: "books")
    return application


def falcon_shop(leg):
    class Says:
        def __init__(self, text):
            self.text = text

        def on_post(self, request, response):
            response.text = self.text

    class AsyncSays(Says):
        async def on_post(self, request, response):
            response.text = self.text

    application = falcon.App() if leg == "wsgi" else falcon.asgi.App()
    kind = Says if leg == "wsgi" else AsyncSays
    application.req_options.strip_url_path_trailing_slash = True
    application.add_route("/aws.s3", kind("reached"))
    application.add_route("/books", kind("books"))
    return application


def bottle_shop():
    application = bottle.Bottle()
    application.post("/aws.s3")(lambda: "reached")
    application.post("/books")(lambda: "books")
    return application


def pyramid_shop(traversal):
    from pyramid.response import Response

    with Configurator() as config:
        for name, answer in (("aws.s3", "reached"), ("books", "books")):
            where = {"name": name} if traversal else {"route_name": name}
            if not traversal:
                config.add_route(name, f"/{name}")
            config.add_view(lambda request, answer=answer: Response(answer), request_method="POST", **where)
        return config.make_wsgi_app()


def quart_shop():
    from quart import Quart

    application = Quart("shop")

    async def reached():
        return "reached"

    async def books():
        return "books"

    application.post("/aws.s3")(reached)
    application.post("/books")(books)
    return application


def litestar_shop():
    from litestar import Litestar, post

    @post("/aws.s3", sync_to_thread=False, media_type="text/plain", status_code=200)
    def reached() -> str:
        return "reached"

    @post("/books", sync_to_thread=False, media_type="text/plain", status_code=200)
    def books() -> str:
        return "books"

    return Litestar([reached, books], logging_config=None)


SHOPS = {
    "django": ("wsgi", lambda: django_shop("wsgi")),
    "django-asgi": ("asgi", lambda: django_shop("asgi")),
    "flask": ("wsgi", flask_shop),
    "bottle": ("wsgi", bottle_shop),
    "pyramid": ("wsgi", lambda: pyramid_shop(False)),
    "pyramid-traversal": ("wsgi", lambda: pyramid_shop(True)),
    "falcon": ("wsgi", lambda: falcon_shop("wsgi")),
    "falcon-asgi": ("asgi", lambda: falcon_shop("asgi")),
    "starlette": ("asgi", starlette_shop),
    "fastapi": ("asgi", fastapi_shop),
    "quart": ("asgi", quart_shop),
    "litestar": ("asgi", litestar_shop),
}


@pytest.fixture(params=SHOPS)
def shop(request):
    """(leg, application) of a bookshop whose views have no lock of their own, in each framework."""
    from django.test import override_settings

    leg, build = SHOPS[request.param]
    with override_settings(ROOT_URLCONF="apps.guarded.django_shop"):
        yield leg, build()


def test_events_only_answers_404_to_others(shop):
    """Behind EventsOnly an event's path answers the event, 404 to others; all other paths answer everybody."""
    leg, application = shop
    handler = make_handler(EventsOnly(application))
    assert handler(S3, CONTEXT)["body"] == "reached"
    with served.serve[leg](application) as client:
        assert client.post("/aws.s3") == (200, "reached")
    with served.serve[leg](EventsOnly(application)) as client:
        assert client.post("/aws.s3") == (404, "Not Found")
        assert client.post("/books") == (200, "books")
        assert client.post("/aws").status == client.post("/nowhere").status == 404


# The same path, spelled so that a router and a lock might not read it alike.
SPELLINGS = [
    "//aws.s3",
    "///aws.s3",
    "/aws.s3/",
    "/aws.s3//",
    "/%61ws.s3",
    "/aws%2Es3",
    "/%2Faws.s3",
    "/%2faws.s3",
    "%2Faws.s3",
    "/%252Faws.s3",
    "/./aws.s3",
    "/%2E/aws.s3",
    "/../aws.s3",
    "/books/../aws.s3",
    "/books/%2E%2E/aws.s3",
    "/books//../aws.s3",
    "/books/./../aws.s3",
    "/../../books/../aws.s3",
    "/..;/aws.s3",
    "/;/aws.s3",
    "/aws.s3;a=b",
    "/aws.s3.",
    "/aws.s3..",
    "/aws.s3%20",
    "/%20aws.s3",
    "/aws.s3%00",
    "/%00aws.s3",
    "/\\aws.s3",
    "\\aws.s3",
    "/%5Caws.s3",
    "/AWS.S3",
    "/Aws.s3",
    "/aws.%E1%BA%9E3",
    "/aws.\u017fns",
    "/%FFaws.s3",
    "/aw%FFs.s3",
    "/%C0%AFaws.s3",
    "/aws.s3%FF",
    "%FFaws.s3",
    "/%EF%BC%8Faws.s3",
    "/%EF%BB%BFaws.s3",
    "aws.s3",
    "./aws.s3",
    "*/../aws.s3",
    "http://localhost/aws.s3",
    "http://localhost//aws.s3",
    "http:/aws.s3",
    "HTTP://books@localhost:80/books/../aws.s3",
    "://x/aws.s3",
    "//localhost/aws.s3",
    "/aws.s3?/books",
    "/aws.s3?",
    "/aws.s3#/books",
    "/books?/../aws.s3",
]


def test_no_spelling_passes(shop):
    """Over a real socket no other spelling of a guarded path reaches its view, in any framework."""
    leg, application = shop
    with served.serve[leg](EventsOnly(application)) as client:
        assert client.post("/books") == (200, "books")
        assert [target for target in SPELLINGS if client.post(target).body == "reached"] == []


def environ_of(target):
    """The environ that wsgiref makes of a request's target."""
    path, _, query = target.partition("?")
    environ = {"PATH_INFO": unquote(path, "iso-8859-1"), "QUERY_STRING": query, "REQUEST_METHOD": "POST"}
    return {"SCRIPT_NAME": "", "SERVER_NAME": "localhost", "SERVER_PORT": "80", "wsgi.url_scheme": "http"} | environ


def scope_of(target):
    """The scope that uvicorn makes of a request's target."""
    path, _, query = target.partition("?")
    scope = {"type": "http", "method": "POST", "path": unquote(path), "raw_path": path.encode(), "root_path": ""}
    common = {"asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "server": ("localhost", 80)}
    return common | scope | {"query_string": query.encode(), "headers": [(b"host", b"localhost")], "client": None}


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


PIECES = [
    "/",
    "//",
    ".",
    "..",
    "%2f",
    "%2F",
    "%2e",
    ".",
    ";",
    "\\",
    "%5c",
    "%FF",
    "%C0",
    "%00",
    "%20",
    "%09",
    "A",
    "a",
    "books",
    "aws.s3",
    "aws.",
    "s3",
    "S3",
    "http:",
    "://",
    "localhost",
    "?",
    "#",
    "%",
    "%25",
    "%252f",
    "~",
    "@",
    "@@",
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=6), st.lists(st.sampled_from(PIECES), max_size=3))
@example(["/", "%FF"], [])
@example(["/", "books", "/", "..", "/"], [])
@example(["http:", "//", "localhost", "/"], [])
@example(["/", "@@"], [])
@example([], [])
def test_no_invented_spelling_passes(shop, before, after):
    """What reaches the view of a guarded path, however it is spelled, does so for events alone."""
    leg, application = shop
    target = "".join([*before, "aws.s3", *after])
    request = (environ_of if leg == "wsgi" else scope_of)(target)
    try:
        reached = reaches(leg, EventsOnly(application), dict(request))
    except Exception:  # what a framework cannot stand, it does not serve
        reached = False
    assert not reached


def mounted_flask(paths="/aws."):
    return DispatcherMiddleware(Flask("root"), {"/api": EventsOnly(flask_shop(), paths)})


def mounted_starlette():
    return Starlette(routes=[Mount("/api", EventsOnly(starlette_shop()))])


def inside_fastapi():
    application = fastapi_shop()
    application.add_middleware(EventsOnly)
    return application


def inside_flask():
    application = flask_shop()
    application.wsgi_app = EventsOnly(application.wsgi_app)
    return application


@pytest.mark.parametrize(
    ("leg", "build", "options", "target", "answer"),
    [
        ("wsgi", mounted_flask, {}, "/api/aws.s3", "Not Found"),
        ("wsgi", lambda: mounted_flask("/api/aws."), {}, "/api/aws.s3", "Not Found"),
        ("wsgi", mounted_flask, {}, "/api/books", "books"),
        ("wsgi", inside_flask, {}, "/aws.s3", "Not Found"),
        ("asgi", mounted_starlette, {}, "/api/aws.s3", "Not Found"),
        ("asgi", mounted_starlette, {}, "/api/books", "books"),
        ("asgi", inside_fastapi, {}, "/aws.s3", "Not Found"),
        # uvicorn puts its root_path before the path; a proxy that does not take it off leaves it there twice.
        ("asgi", lambda: EventsOnly(starlette_shop()), {"root_path": "/api"}, "/aws.s3", "Not Found"),
        ("asgi", lambda: EventsOnly(starlette_shop()), {"root_path": "/api"}, "/books", "books"),
        ("asgi", lambda: EventsOnly(quart_shop()), {"root_path": "/api"}, "/aws.s3", "Not Found"),
        (
            "asgi",
            lambda: EventsOnly(starlette_shop(), paths="/api/aws."),
            {"root_path": "/api"},
            "/aws.s3",
            "Not Found",
        ),
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
    application = fastapi_shop(root_path="/stage")
    assert reaches("asgi", application, scope_of("/stage/aws.s3"))
    guarded = EventsOnly(wrap(application))
    assert not reaches("asgi", guarded, scope_of("/stage/aws.s3"))
    assert not reaches("asgi", guarded, scope_of("/stage//aws.s3"))


def test_without_django_there_is_no_setting(monkeypatch):
    """In a process without Django EventsOnly looks for no setting of it."""
    guarded = EventsOnly(starlette_shop())
    monkeypatch.delitem(importlib.sys.modules, "django.conf")
    assert not reaches("asgi", guarded, scope_of("/aws.s3"))


def test_mount_point_of_django_itself():
    """Django on ASGI takes FORCE_SCRIPT_NAME off the path, which no server has named."""
    from django.test import override_settings

    with override_settings(ROOT_URLCONF="apps.guarded.django_shop", FORCE_SCRIPT_NAME="/stage"):
        application = django_shop("asgi")
        assert reaches("asgi", application, scope_of("/stage/aws.s3"))
        assert not reaches("asgi", EventsOnly(application), scope_of("/stage/aws.s3"))


@pytest.mark.parametrize(
    "target",
    [
        "/events",
        "/events/",
        "/EVENTS",
        "/events/x",
        "/events//x",
        "/x/../events",
        "events",
        "/events/../books",
        "/@@events",
    ],
)
@pytest.mark.parametrize("paths", [("/events/",), "/events", ["/nothing", "/Events"], "/@@events"])
@pytest.mark.parametrize("leg", ["wsgi", "asgi"])
def test_paths_are_prefixes(leg, paths, target):
    """A path guards all that begins with it, in any case of letters; "/events/" guards "/events" too."""
    seen = Seen()
    assert not reaches(leg, EventsOnly(getattr(seen, leg), paths), (environ_of if leg == "wsgi" else scope_of)(target))
    assert seen.events == []


@pytest.mark.parametrize("target", ["/", "/event", "/my/events", "/aws.s3", "/events.html", "/event/s"])
@pytest.mark.parametrize("leg", ["wsgi", "asgi"])
def test_all_other_paths_are_open(leg, target):
    """What begins with no guarded path is none of EventsOnly's business."""
    seen = Seen()
    reaches(leg, EventsOnly(getattr(seen, leg), ("/events/",)), (environ_of if leg == "wsgi" else scope_of)(target))
    assert seen.events == [False]


def test_everything_may_be_guarded():
    """With "/" an application is for events alone."""
    seen = Seen()
    with served.wsgi(EventsOnly(seen.wsgi, "/")) as client:
        assert client.post("/") == client.post("/books") == (404, "Not Found")
    assert make_handler(EventsOnly(seen.wsgi, "/"))(S3, CONTEXT)["body"] == "seen"
    assert seen.events == [True]


def test_websocket_is_closed():
    """A websocket at a guarded path is closed before it opens; elsewhere the application has it."""
    application = EventsOnly(load("starlette"), ("/function", "/aws."))
    with served.asgi(application) as client:
        assert client.upgrade("/aws.s3") == (403, "")
        assert client.upgrade("/function").status == 403
    sent = []

    async def send(message):
        sent.append(message)

    coroutine = application({**scope_of("/aws.s3"), "type": "websocket"}, None, send)
    with pytest.raises(StopIteration):
        coroutine.send(None)
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_lifespan_passes():
    """What has no path, such as the lifespan, goes to the application."""
    scopes = []

    async def application(scope, receive, send):
        scopes.append(scope["type"])

    with pytest.raises(StopIteration):
        EventsOnly(application)({"type": "lifespan"}, None, None).send(None)
    assert scopes == ["lifespan"]


@pytest.mark.parametrize(
    "name", [name for name in TAKEN if name in ("http.apigw1", "http.apigw2", "http.alb", "http.functionurl")]
)
@pytest.mark.usefixtures("mangums_loop")
@pytest.mark.parametrize("leg", ["wsgi", "asgi"])
def test_http_event_through_another_library_is_kept_out(leg, name):
    """An API Gateway or load balancer request for an event's path is answered 404 in the function that serves both."""
    seen = Seen()
    application = EventsOnly(getattr(seen, leg))
    http = Mangum(application, lifespan="off") if leg == "asgi" else make_lambda_handler(application)
    handler = make_handler(application, http_handler=http, lifespan="off")
    event = sample(name)
    path = re.compile(re.escape(json.dumps(event.get("rawPath") or event["path"])))
    event = json.loads(path.sub('"/aws.s3"', json.dumps(event)))
    assert handler(event, CONTEXT)["statusCode"] == 404
    assert handler(S3, CONTEXT)["status_code"] == "200"
    assert seen.events == [True]


def test_interface_that_cannot_be_told():
    """EventsOnly asks for the interface where the application does not show it, and takes it."""

    class Anything:
        def __call__(self, *arguments):
            return arguments

    with pytest.raises(
        ConfigurationError,
        match=r"^EventsOnly: cannot tell WSGI from ASGI here; say interface='wsgi' or interface='asgi'$",
    ):
        EventsOnly(Anything())
    environ = environ_of("/books")
    assert EventsOnly(Anything(), interface="wsgi")(environ, None) == (environ, None)


@pytest.mark.parametrize("paths", [(), "aws.", ("/aws.", "events"), "//aws.", ("",)])
def test_path_that_guards_nothing(paths):
    """Paths that no request could have are refused, with their value."""
    with pytest.raises(
        ConfigurationError,
        match=re.escape(f"EventsOnly: paths={paths!r}; name one or more, each from '/' on, such as '/aws.'"),
    ):
        EventsOnly(Seen().wsgi, paths)


def bottle_asked():
    application = bottle.Bottle()
    application.post("/asked")(lambda: str(is_event(bottle.request)))
    return application


def pyramid_asked():
    from pyramid.response import Response

    with Configurator() as config:
        config.add_route("asked", "/asked")
        config.add_view(lambda request: Response(str(is_event(request))), route_name="asked")
        return config.make_wsgi_app()


def falcon_asked(leg):
    class Asked:
        def on_post(self, request, response):
            response.text = str(is_event(request))

    class AsyncAsked:
        async def on_post(self, request, response):
            response.text = str(is_event(request))

    application = falcon.App() if leg == "wsgi" else falcon.asgi.App()
    application.add_route("/asked", Asked() if leg == "wsgi" else AsyncAsked())
    return application


def quart_asked():
    from quart import Quart, request

    application = Quart("asked")

    async def asked():
        return str(is_event(request))

    application.post("/asked")(asked)
    return application


def litestar_asked():
    import litestar

    async def asked(request: litestar.Request) -> str:
        return str(is_event(request))

    handler = litestar.post("/asked", media_type="text/plain", status_code=200)(asked)
    return litestar.Litestar([handler], logging_config=None)


def werkzeug_asked():
    application = Flask("asked")
    application.post("/asked")(lambda: str(is_event(flask_request)))
    return application


@pytest.mark.parametrize(
    ("leg", "build"),
    [
        ("wsgi", bottle_asked),
        ("wsgi", pyramid_asked),
        ("wsgi", lambda: falcon_asked("wsgi")),
        ("asgi", lambda: falcon_asked("asgi")),
        ("asgi", quart_asked),
        ("asgi", litestar_asked),
        ("wsgi", werkzeug_asked),
    ],
)
def test_any_framework_may_ask(leg, build):
    """is_event knows the requests of frameworks that events_only has no answer for."""
    application = build()
    assert make_handler(application, matchers=TO)({"to": "/asked"}, CONTEXT)["body"] == "True"
    with served.serve[leg](application) as client:
        assert client.post("/asked") == (200, "False")


PAGE = (Path(__file__).parent.parent / "docs" / "security.md").read_text(encoding="utf-8")


def test_page_of_security_shows_what_sources_do():
    """The paths and refusals that the page shows are those of the handler."""
    seen = Seen()
    rows = re.findall(
        r"^\| `(?P<sources>[^|]+)` \| (?P<shown>.+) \|$", PAGE[PAGE.index("| `source` |") :], re.MULTILINE
    )
    assert len(rows) == 7
    handler = make_handler(seen.wsgi)
    for sources, shown in rows:
        for source in sources.split("`, `"):
            if shown.startswith("refused: "):
                with pytest.raises(InvalidEvent, match=re.escape(shown[9:].replace("`", "'"))):
                    handler({"source": source}, CONTEXT)
            else:
                handler({"source": source}, CONTEXT)
                assert seen.paths[-1] == shown.split("`")[1]


@pytest.mark.parametrize("leg", ["wsgi", "asgi"])
def test_two_line_lock(monkeypatch, leg):
    """The page's two lines: events reach nothing outside of the prefix, and nobody else gets inside of it."""
    monkeypatch.setenv("CLOUD_EVENTS_PATH_PREFIX", "/events")
    assert "CLOUD_EVENTS_PATH_PREFIX=/events\n" in PAGE
    assert 'application = EventsOnly(app, paths=("/events/",))\n' in PAGE
    seen = Seen()
    application = EventsOnly(getattr(seen, leg), paths=("/events/",))
    handler = make_handler(application, lifespan="off")
    for event in (S3, {"source": "admin"}, {"source": "//events/../x"}, {}, None, [], {"source": "/"}):
        with contextlib.suppress(InvalidEvent):
            handler(event, CONTEXT)
    assert seen.events == [True] * 6
    assert all(path.startswith("/events/") for path in seen.paths)
    with served.serve[leg](application) as client:
        assert client.post("/events/aws.s3") == client.post("/EVENTS") == (404, "Not Found")
        assert client.post("/books") == (200, "seen")
