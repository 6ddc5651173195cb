"""The silent killers: frameworks misconfigured for real, what `EventFailed` says of it, and that its remedy is one."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cloud_events import EventFailed, make_handler
from cloud_events.interface.loop import LOOP
from conftest import sample

S3 = sample("s3")
HTML = '<!doctype html> <html lang="en"> <head>'

HOST = "Django answers so when 'localhost', the SERVER_NAME of events, is not in ALLOWED_HOSTS: add it."
CSRF = "Django's CSRF check refused the event: decorate the view with @events_only or @csrf_exempt."
SLASH = (
    "The application redirects to the same path with a slash at the end; nobody follows: declare the route without "
    "that slash."
)
HTTPS = (
    "The application redirects to HTTPS (Django: SECURE_SSL_REDIRECT); nobody follows: say that events are secure, "
    "with WSGI_ENVIRON {'wsgi.url_scheme': 'https'} or ASGI_SCOPE {'scheme': 'https'}."
)
LOGIN = "The application redirects (to a login page?); nobody follows: answer the event itself at this path."
CREDENTIALS = "Events carry no credentials: exempt the view of this path from authentication, and let only events in."
ROUTE = "The application has no route for this path: add one for POST {}."
METHOD = "The application has a route for this path, but not for this method: allow POST at {}."
MEDIA_TYPE = (
    "The view does not take the content type of the event, application/json unless set: add a JSON parser, or set "
    "CONTENT_TYPE in WSGI_ENVIRON."
)
MODEL = "The event does not fit the model that the view declares for its body: the whole event is the body."
TRUSTED_HOST = (
    "TrustedHostMiddleware refuses requests without a known Host: send one, ASGI_SCOPE headers=[(b'host', …)]."
)


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Every test ends the lifespans that it started."""
    yield
    LOOP.close()


def event(source: str, **detail: Any) -> dict[str, Any]:
    """An event of EventBridge, whose source is the path that it goes to."""
    return {"version": "0", "id": "1", "source": source, "detail-type": "Stocked", "detail": detail}


def failure(application: Any, event: Any = S3) -> tuple[int, str | None, str, str, str]:
    """What the EventFailed says that *event* ends in: status, matcher, path, the body's first words, and the hint."""
    with pytest.raises(EventFailed) as caught:
        make_handler(application, response="native")(event, None)
    failed = caught.value
    # Case and line ends differ between the releases of a framework.
    words = " ".join(failed.body.replace("<!DOCTYPE", "<!doctype").split())
    return failed.status, failed.matcher, failed.path, words[:39], failed.hint


def status(application: Any, event: Any = S3, **settings: Any) -> str:
    """The status of the reply, once the remedy has been taken."""
    reply: dict[str, str] = make_handler(application, **settings)(event, None)
    return reply["status_code"]


@pytest.fixture(params=["wsgi", "asgi"])
def leg(request: pytest.FixtureRequest) -> str:
    """The interface by which Django is called."""
    name: str = request.param
    return name


@pytest.fixture
def django(leg: str) -> Iterator[Callable[..., Any]]:
    """The Django project of the tests, with the settings that a test changes, as an application of *leg*."""
    importlib.import_module("apps.django_books.wsgi")
    from django.core.asgi import get_asgi_application
    from django.core.wsgi import get_wsgi_application
    from django.test.utils import override_settings

    overrides = []

    def configure(**settings: Any) -> Any:
        override = override_settings(**settings)
        override.enable()
        overrides.append(override)
        return {"wsgi": get_wsgi_application, "asgi": get_asgi_application}[leg]()

    yield configure
    for override in reversed(overrides):
        override.disable()


class TestDjango:
    @pytest.mark.parametrize(("hosts", "debug"), [([], False), (["books.example"], False), (["books.example"], True)])
    def test_allowed_hosts(self, django: Callable[..., Any], hosts: list[str], debug: bool) -> None:
        """A host that is not in ALLOWED_HOSTS is a 400, as a short page or as one for developers."""
        assert failure(django(ALLOWED_HOSTS=hosts, DEBUG=debug)) == (400, "s3", "/aws.s3", HTML, HOST)
        assert status(django(ALLOWED_HOSTS=[*hosts, "localhost"]), event("books.opened")) == "200"

    @pytest.mark.parametrize("debug", [False, True])
    def test_csrf(self, django: Callable[..., Any], debug: bool) -> None:
        """A view that is not exempt from the CSRF protection is a 403."""
        refused = failure(django(DEBUG=debug), event("books.protected"))
        assert refused == (403, "eventbridge", "/books.protected", HTML, CSRF)

    def test_append_slash(self, django: Callable[..., Any]) -> None:
        """A route that ends in a slash, with APPEND_SLASH as it is by default, is a 301."""
        assert failure(django(), event("books.slash")) == (301, "eventbridge", "/books.slash", "", SLASH)

    def test_secure_ssl_redirect(self, django: Callable[..., Any], leg: str) -> None:
        """SECURE_SSL_REDIRECT is a 301; an event that is said to be secure passes."""
        assert failure(django(SECURE_SSL_REDIRECT=True)) == (301, "s3", "/aws.s3", "", HTTPS)
        secure = {"wsgi": {"wsgi_environ": {"wsgi.url_scheme": "https"}}, "asgi": {"asgi_scope": {"scheme": "https"}}}
        assert status(django(SECURE_SSL_REDIRECT=True), event("books.opened"), **secure[leg]) == "200"

    def test_login_required(self, django: Callable[..., Any]) -> None:
        """A view for people who have logged in is a 302."""
        assert failure(django(), event("books.members")) == (302, "eventbridge", "/books.members", "", LOGIN)

    def test_no_route(self, django: Callable[..., Any]) -> None:
        """A path that the URL configuration does not have is a 404."""
        hint = ROUTE.format("/books.nowhere")
        assert failure(django(), event("books.nowhere")) == (404, "eventbridge", "/books.nowhere", HTML, hint)

    def test_no_post(self, django: Callable[..., Any]) -> None:
        """A view that takes GET alone is a 405."""
        hint = METHOD.format("/books.readonly")
        assert failure(django(), event("books.readonly")) == (405, "eventbridge", "/books.readonly", "", hint)

    def test_body_limit(self, django: Callable[..., Any]) -> None:
        """An event longer than DATA_UPLOAD_MAX_MEMORY_SIZE is a 400 of its own, although Lambda allows it."""
        long = event("books.opened", name="Emma" * 700_000)
        length = len(json.dumps(long, separators=(",", ":")))
        hint = (
            f"The body has {length:,} bytes; Django refuses more than DATA_UPLOAD_MAX_MEMORY_SIZE, 2.5 MB unless set: "
            "raise it to 6 MB or more."
        )
        refused = failure(django(), long)
        assert refused == (refused[0], "eventbridge", "/books.opened", refused[3], hint)
        assert status(django(DATA_UPLOAD_MAX_MEMORY_SIZE=6_291_456), long) == "200"


class TestRestFramework:
    def test_media_type(self, django: Callable[..., Any]) -> None:
        """A view that parses forms alone is a 415."""
        refused = failure(django(), event("books.forms"))
        assert refused == (415, "eventbridge", "/books.forms", '{"detail":"Unsupported media type \\"app', MEDIA_TYPE)

    def test_media_type_set(self, django: Callable[..., Any], leg: str) -> None:
        """The content type that the view takes can be set instead."""
        form = "application/x-www-form-urlencoded"
        settings = {
            "wsgi": {"wsgi_environ": {"CONTENT_TYPE": form}},
            "asgi": {"asgi_scope": {"headers": [(b"content-type", form.encode())]}},
        }
        assert status(django(), event("books.forms"), **settings[leg]) == "200"

    def test_permission(self, django: Callable[..., Any]) -> None:
        """A view for people who have logged in is a 403, which is another than that of CSRF."""
        refused = failure(django(), event("books.staff"))
        assert refused == (403, "eventbridge", "/books.staff", '{"detail":"Authentication credentials w', CREDENTIALS)


class TestFlask:
    @pytest.fixture
    def application(self) -> Any:
        """A route with a slash, one for GET alone, one for forms, one that asks for a password, one that is broken."""
        from flask import Flask, abort, request

        application = Flask(__name__)
        application.post("/books.slash/", endpoint="slash")(lambda: "")
        application.get("/books.readonly", endpoint="readonly")(lambda: "")
        application.post("/books.form", endpoint="form")(lambda: request.form["name"])
        application.post("/books.password", endpoint="password")(lambda: abort(401))
        application.post("/books.broken", endpoint="broken")(lambda: abort(500))
        return application

    def test_slash(self, application: Any) -> None:
        """A route that ends in a slash is a 308."""
        page = "<!doctype html> <html lang=en> <title>R"
        assert failure(application, event("books.slash")) == (308, "eventbridge", "/books.slash", page, SLASH)

    def test_no_route(self, application: Any) -> None:
        """A path without a route is a 404."""
        page = "<!doctype html> <html lang=en> <title>4"
        assert failure(application) == (404, "s3", "/aws.s3", page, ROUTE.format("/aws.s3"))

    def test_no_post(self, application: Any) -> None:
        """A route for GET alone is a 405."""
        page = "<!doctype html> <html lang=en> <title>4"
        hint = METHOD.format("/books.readonly")
        assert failure(application, event("books.readonly")) == (405, "eventbridge", "/books.readonly", page, hint)

    def test_password(self, application: Any) -> None:
        """A view that asks for a password is a 401."""
        page = "<!doctype html> <html lang=en> <title>4"
        refused = failure(application, event("books.password"))
        assert refused == (401, "eventbridge", "/books.password", page, CREDENTIALS)

    @pytest.mark.parametrize(("name", "code"), [("form", 400), ("broken", 500)])
    def test_no_hint(self, application: Any, name: str, code: int) -> None:
        """Where the cause cannot be told from outside, nothing is claimed."""
        refused = failure(application, event(f"books.{name}"))
        assert (refused[0], refused[4]) == (code, "")

    def test_message(self, application: Any) -> None:
        """The text of the exception, as Lambda's log and a dead-letter queue show it: what, why, and the body."""
        with pytest.raises(EventFailed) as caught:
            make_handler(application, response="native")(event("books.slash"), None)
        first, hint, *body = str(caught.value).splitlines()
        assert (first, hint) == ("the application answered 308 at /books.slash (eventbridge)", SLASH)
        assert "\n".join(body) == caught.value.body.rstrip("\n")
        assert "You should be redirected automatically" in caught.value.body

    def test_warning(self, application: Any, caplog: pytest.LogCaptureFixture) -> None:
        """In the README's mode, where the same answer is a success to AWS, one warning says as much."""
        make_handler(application)(event("books.slash"), None)
        [record] = [record for record in caplog.records if record.levelname == "WARNING"]
        assert record.getMessage() == (
            "the application answered 308 at /books.slash (eventbridge); "
            f"AWS takes this as success and will not retry the event. {SLASH} "
            "Set CLOUD_EVENTS_RESPONSE=native to have such an invocation fail."
        )


class TestFastApi:
    @pytest.fixture
    def application(self) -> Any:
        """A route with a slash, one for GET alone, and one for a model that only S3's events fit."""
        from fastapi import FastAPI

        from apps import fastapi_books

        async def endpoint() -> None: ...

        application = FastAPI()
        application.post("/books.slash/")(endpoint)
        application.get("/books.readonly")(endpoint)
        application.post("/books.modelled")(fastapi_books.uploaded)
        return application

    def test_slash(self, application: Any) -> None:
        """A route that ends in a slash is a 307."""
        assert failure(application, event("books.slash")) == (307, "eventbridge", "/books.slash", "", SLASH)

    def test_no_route(self, application: Any) -> None:
        """A path without a route is a 404."""
        assert failure(application) == (404, "s3", "/aws.s3", '{"detail":"Not Found"}', ROUTE.format("/aws.s3"))

    def test_no_post(self, application: Any) -> None:
        """A route for GET alone is a 405."""
        refused = failure(application, event("books.readonly"))
        body, hint = '{"detail":"Method Not Allowed"}', METHOD.format("/books.readonly")
        assert refused == (405, "eventbridge", "/books.readonly", body, hint)

    def test_body_model(self, application: Any) -> None:
        """A model of another shape than the event's is a 422."""
        refused = failure(application, event("books.modelled"))
        assert refused == (422, "eventbridge", "/books.modelled", '{"detail":[{"type":"missing","loc":["bo', MODEL)


class TestStarlette:
    def test_trusted_host(self) -> None:
        """TrustedHostMiddleware is a 400, until events have a host that it knows."""
        from starlette.middleware.trustedhost import TrustedHostMiddleware

        from apps.fastapi_books import application

        guarded = TrustedHostMiddleware(application, allowed_hosts=["books.example"])
        assert failure(guarded) == (400, "s3", "/aws.s3", "Invalid host header", TRUSTED_HOST)
        assert status(guarded, asgi_scope={"headers": [(b"host", b"books.example")]}) == "201"

    def test_https_redirect(self) -> None:
        """HTTPSRedirectMiddleware is a 307, until events are said to be secure."""
        from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware

        from apps.fastapi_books import application

        guarded = HTTPSRedirectMiddleware(application)
        assert failure(guarded) == (307, "s3", "/aws.s3", "", HTTPS)
        assert status(guarded, asgi_scope={"scheme": "https"}) == "201"


@pytest.mark.parametrize(
    "name",
    [
        "bottle_books.application",
        "pyramid_books.application",
        "falcon_books.application",
        "falcon_books.asgi_application",
        "starlette_books.application",
        "litestar_books.application",
        "quart_books.application",
    ],
)
def test_no_route(name: str) -> None:
    """Every framework answers 404 where it has no route, and the hint is the same for all."""
    module, _, attribute = name.partition(".")
    application = getattr(importlib.import_module(f"apps.{module}"), attribute)
    code, matcher, path, _, hint = failure(application, event("books.nowhere"))
    assert (code, matcher, path, hint) == (404, "eventbridge", "/books.nowhere", ROUTE.format("/books.nowhere"))
