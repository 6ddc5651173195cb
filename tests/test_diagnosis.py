"""The silent killers: frameworks misconfigured for real, what `EventFailed` says of it, and that its remedy is one."""

import importlib
from contextlib import ExitStack
from typing import Annotated, Literal

import pytest
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.test import override_settings
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from flask import Flask, abort, redirect, request
from litestar import Litestar, post
from litestar.config.allowed_hosts import AllowedHostsConfig
from pydantic import BaseModel, Field
from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from apps import fastapi_books
from cloud_events import EventFailed, make_handler
from cloud_events.diagnosis import excerpt, note
from cloud_events.interface.loop import LOOP
from conftest import sample

ALLOWED_HOSTS = "Django does this when 'localhost', the SERVER_NAME of events, is not in ALLOWED_HOSTS: add it."
TRUSTED_HOSTS = "Flask does this when 'localhost', the SERVER_NAME of events, is not in TRUSTED_HOSTS: add it."
TRUSTED_HOST = (
    "TrustedHostMiddleware (Litestar: AllowedHosts) refuses requests without a known Host: set one with "
    "ASGI_SCOPE {'headers': [(b'host', …)]}."
)
BODY_LIMIT = (
    "The body has 2,800,093 bytes, and Django refuses more than DATA_UPLOAD_MAX_MEMORY_SIZE, 2.5 MB by default: set it "
    "to 6 MB or more."
)
CSRF = "Django's CSRF check refused the event: decorate the view with @events_only or @csrf_exempt."
SLASH = (
    "The application redirects to the same path with a slash at the end, and redirects are not followed: declare the "
    "route without the slash."
)
HTTPS = (
    "The application redirects to HTTPS (Django: SECURE_SSL_REDIRECT), and redirects are not followed: mark events as "
    "secure with WSGI_ENVIRON {'wsgi.url_scheme': 'https'} or ASGI_SCOPE {'scheme': 'https'}."
)
LOGIN = "The application redirects, perhaps to a login page, and redirects are not followed: answer at this path."
CREDENTIALS = "Events carry no credentials: exempt the view at this path from authentication, and let only events in."
ROUTE = (
    "The application has no route for this path, or the view itself answered 404: check that there is a route for "
    "POST /{}."
)
METHOD = "The application has a route for this path, but not for this method: allow POST at /{}."
MEDIA_TYPE = (
    "The view does not accept the content type of the event, application/json by default: add a JSON parser, or set "
    "CONTENT_TYPE in WSGI_ENVIRON or the header content-type in ASGI_SCOPE."
)
MODEL = (
    "The event does not match the model that the view declares for the body: unless CLOUD_EVENTS_CONTENT_MODE says "
    "otherwise, the body is the whole event."
)
PARAMETER = (
    "The view declares a parameter of the query, a header, a cookie or the path, which the request does not have: "
    "declare one for the whole body, such as event: dict."
)
ADDRESS = "Events have no client address: if the application needs one, set {} to one that it does not trust."
CLIENT = ADDRESS.format("ASGI_SCOPE {'client': (…, 0)}")


@pytest.fixture(autouse=True)
def closed():
    """Every test ends the lifespans that it started."""
    yield
    LOOP.close()


def event(where, **detail):
    """An event of S3, or of EventBridge with the path that it goes to as its source."""
    if where == "aws.s3":
        return sample("s3")
    return {"version": "0", "id": "1", "source": where, "detail-type": "Stocked", "detail": detail}


def failed(application, where, **detail):
    """The EventFailed that an event ends in."""
    with pytest.raises(EventFailed) as caught:
        make_handler(application, response="native")(event(where, **detail), None)
    return caught.value


def refused(application, where, **detail):
    """Status and hint of the EventFailed that an event ends in."""
    error = failed(application, where, **detail)
    assert (error.matcher, error.path) == ("s3" if where == "aws.s3" else "eventbridge", f"/{where}")
    return error.status, error.hint


def status(application, where, **settings):
    """The status of the reply, once the remedy has been taken."""
    return make_handler(application, **settings)(event(where), None)["status_code"]


@pytest.fixture(params=["wsgi", "asgi"])
def leg(request):
    """The interface by which Django is called."""
    return request.param


@pytest.fixture
def django(leg):
    """The Django project of the tests, with the settings that a test changes, as an application of *leg*."""
    importlib.import_module("apps.django_books.wsgi")
    with ExitStack() as stack:

        def configure(**settings):
            stack.enter_context(override_settings(**settings))
            return {"wsgi": get_wsgi_application, "asgi": get_asgi_application}[leg]()

        yield configure


@pytest.mark.parametrize(
    ("settings", "where", "code", "hint"),
    [
        ({"ALLOWED_HOSTS": []}, "aws.s3", 400, ALLOWED_HOSTS),
        ({"ALLOWED_HOSTS": ["books.example"]}, "aws.s3", 400, ALLOWED_HOSTS),
        ({"ALLOWED_HOSTS": ["books.example"], "DEBUG": True}, "aws.s3", 400, ALLOWED_HOSTS),
        ({}, "books.protected", 403, CSRF),
        ({"DEBUG": True}, "books.protected", 403, CSRF),
        ({}, "books.staff", 403, CREDENTIALS),
        ({}, "books.slash", 301, SLASH),
        ({"SECURE_SSL_REDIRECT": True}, "aws.s3", 301, HTTPS),
        ({}, "books.members", 302, LOGIN),
        ({}, "books.nowhere", 404, ROUTE),
        ({}, "books.readonly", 405, METHOD),
        ({}, "books.forms", 415, MEDIA_TYPE),
    ],
)
def test_django(django, settings, where, code, hint):
    """Django and its REST framework: settings, guarded views, routes."""
    assert refused(django(**settings), where) == (code, hint.format(where) if "{}" in hint else hint)


@pytest.mark.parametrize("debug", [False, True])
def test_django_body_limit(django, debug):
    """An event longer than DATA_UPLOAD_MAX_MEMORY_SIZE is refused, although Lambda allows it."""
    long = {"name": "Emma" * 700_000}
    code, hint = refused(django(DEBUG=debug), "books.opened", **long)
    assert (code in (400, 413), hint) == (True, BODY_LIMIT)
    application = django(DATA_UPLOAD_MAX_MEMORY_SIZE=6_291_456)
    assert make_handler(application)(event("books.opened", **long), None)["status_code"] == "200"


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("changed", "where", "wsgi", "asgi"),
    [
        ({"ALLOWED_HOSTS": ["books.example", "localhost"]}, "books.opened", {}, {}),
        ({"SECURE_SSL_REDIRECT": True}, "books.opened", {"wsgi.url_scheme": "https"}, {"scheme": "https"}),
        ({}, "books.forms", {"CONTENT_TYPE": FORM}, {"headers": [(b"content-type", FORM.encode())]}),
    ],
)
def test_django_remedies(django, leg, changed, where, wsgi, asgi):
    """What the hints say helps."""
    settings = {"wsgi": {"wsgi_environ": wsgi}, "asgi": {"asgi_scope": asgi}}[leg]
    assert status(django(**changed), where, **settings) == "200"


@pytest.fixture
def flask():
    """Routes: with a slash, for GET alone, to a login page, for forms, one that asks for a password, two broken."""
    application = Flask(__name__)
    application.post("/slash/", endpoint="slash")(lambda: "")
    application.get("/readonly", endpoint="readonly")(lambda: "")
    application.post("/login", endpoint="login")(lambda: redirect("/", 303))
    application.post("/form", endpoint="form")(lambda: request.form["name"])
    application.post("/password", endpoint="password")(lambda: abort(401))
    application.post("/broken", endpoint="broken")(lambda: abort(500))
    application.post("/address", endpoint="address")(lambda: request.environ["REMOTE_ADDR"])
    return application


class Sold(BaseModel):
    kind: Literal["sold"]


class Lent(BaseModel):
    kind: Literal["lent"]


class Stocked(BaseModel):
    detail: Annotated[Sold | Lent, Field(discriminator="kind")]
    shop: str


async def show_body(request, error):
    """The handler that FastAPI's page "Handling Errors" shows."""
    assert isinstance(error, RequestValidationError)
    return JSONResponse({"detail": error.errors(), "body": error.body}, 422)


@pytest.fixture
def fastapi():
    """A route with a slash, one for GET alone, two for models, one that asks who its client is, one for a query."""

    async def endpoint(): ...

    async def stocked(event: Stocked): ...

    async def address(request: Request):
        return request.client.host

    async def query(order: int): ...

    application = FastAPI()
    application.post("/slash/")(endpoint)
    application.get("/readonly")(endpoint)
    application.post("/s3")(fastapi_books.uploaded)
    application.post("/stocked")(stocked)
    application.post("/address")(address)
    application.post("/query")(query)
    return application


@pytest.mark.parametrize(
    ("framework", "where", "code", "hint"),
    [
        ("flask", "slash", 308, SLASH),
        ("flask", "login", 303, LOGIN),
        ("flask", "readonly", 405, METHOD.format("readonly")),
        ("flask", "password", 401, CREDENTIALS),
        ("flask", "form", 400, ""),
        ("flask", "broken", 500, ""),
        ("fastapi", "slash", 307, SLASH),
        ("fastapi", "nowhere", 404, ROUTE.format("nowhere")),
        ("fastapi", "s3", 422, MODEL),
        ("fastapi", "query", 422, PARAMETER),
        ("fastapi", "address", 500, CLIENT),
    ],
)
def test_hints(request, framework, where, code, hint):
    """Flask and FastAPI; where the cause cannot be told from outside, nothing is claimed."""
    assert refused(request.getfixturevalue(framework), where) == (code, hint)


def test_flask_trusted_hosts(flask):
    """A host that is not in TRUSTED_HOSTS is a 400."""
    flask.config["TRUSTED_HOSTS"] = ["books.example"]
    assert refused(flask, "aws.s3") == (400, TRUSTED_HOSTS)


def test_client_address(flask, fastapi):
    """The note on an exception for want of a client address names the setting, which helps; other errors get none."""
    flask.testing = True
    with pytest.raises(KeyError) as caught:
        make_handler(flask)(event("address"), None)
    assert note(caught.value) == ADDRESS.format("WSGI_ENVIRON {'REMOTE_ADDR': …}")
    assert status(flask, "address", wsgi_environ={"REMOTE_ADDR": "192.0.2.1"}) == "200"
    assert note(failed(fastapi, "address").__cause__) == CLIENT
    assert status(fastapi, "address", asgi_scope={"client": ("192.0.2.1", 0)}) == "200"
    others = KeyError("HTTP_HOST"), AttributeError("host"), AttributeError(name="host", obj=flask), ValueError(), None
    assert [note(error) for error in others] == [""] * 5


@post("/aws.s3")
async def uploaded() -> None: ...


HOSTS = ["books.example"]
HOST = {"headers": [(b"host", b"books.example")]}


@pytest.mark.parametrize(
    ("application", "code", "hint", "scope"),
    [
        (TrustedHostMiddleware(fastapi_books.application, allowed_hosts=HOSTS), 400, TRUSTED_HOST, HOST),
        (Litestar([uploaded], allowed_hosts=AllowedHostsConfig(HOSTS), logging_config=None), 400, TRUSTED_HOST, HOST),
        (HTTPSRedirectMiddleware(fastapi_books.application), 307, HTTPS, {"scheme": "https"}),
    ],
)
def test_middleware(application, code, hint, scope):
    """Starlette's and Litestar's middleware, until the scope is what it wants."""
    assert refused(application, "aws.s3") == (code, hint)
    assert status(application, "aws.s3", asgi_scope=scope) == "201"


@pytest.mark.parametrize("name", ["bottle", "pyramid", "falcon", "starlette", "litestar", "quart"])
def test_no_route(name):
    """Every framework answers 404 where it has no route, and the hint is the same for all."""
    application = importlib.import_module(f"apps.{name}_books").application
    assert refused(application, "books.nowhere") == (404, ROUTE.format("books.nowhere"))


MISSING = '{"detail": [{"type": "missing", "loc": ["body", "Records"], "msg": "Field required"}]}'
TAG = (
    '{"detail": [{"type": "union_tag_invalid", "loc": ["body", "detail"]}, '
    '{"type": "missing", "loc": ["body", "shop"], "msg": "Field required"}]}'
)


@pytest.mark.parametrize("handled", [False, True])
@pytest.mark.parametrize(("where", "body"), [("s3", MISSING), ("stocked", TAG)])
def test_the_event_is_not_repeated(fastapi, handled, where, body):
    """FastAPI's answers to an event that its models do not fit repeat it; the error does not, whole as it may be."""
    if handled:
        fastapi.add_exception_handler(RequestValidationError, show_body)
    error = failed(fastapi, where, kind="<style>secret" * 10_000)
    assert error.body == body


@pytest.mark.parametrize(
    ("settings", "where", "body"),
    [
        (
            {"ALLOWED_HOSTS": ["books.example"]},
            "aws.s3",
            "DisallowedHost at /aws.s3: Invalid HTTP_HOST header: 'localhost'. You may need to add 'localhost' to "
            "ALLOWED_HOSTS.",
        ),
        ({}, "books.protected", "403 Forbidden"),
        ({}, "books.nowhere", "Page not found at /books.nowhere"),
        ({}, "books.plain", "TypeError at /books.plain: Book() got unexpected keyword arguments: 'colour'"),
    ],
)
def test_pages(django, settings, where, body):
    """Of Django's DEBUG pages an error shows the title and the exception, without the style sheet before them."""
    assert failed(django(DEBUG=True, **settings), where, colour="blue").body == body


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        *[(same, same) for same in ["", "no", "<h1>no</h1>", "<style></style>no", "[1]", "{", '{"detail":"no"}', "{}"]],
        ('{"detail":["é",{"input":1,"ctx":{},"code":2}]}', '{"detail": ["é", {"code": 2}]}'),
        ('{"detail":' + "[" * 100_000, ""),
    ],
)
def test_other_answers(body, shown):
    """Other answers are shown as they are; what is nested too deeply to be looked at is not."""
    assert excerpt(body.encode()) == shown
    assert excerpt(b"\xff") == "\ufffd"
