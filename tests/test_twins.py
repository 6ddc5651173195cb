"""One request, two legs: whatever arrives by WSGI arrives by ASGI, just the same."""

import os
from collections import namedtuple
from operator import attrgetter
from wsgiref.validate import validator

import pytest

from cloud_events import make_handler
from cloud_events.interface.loop import LOOP
from conftest import EVENTS, Context, expectations, sample
from legs import Answer, both_legs, handler
from test_asgi import check_scope

SAMPLES = [file.removesuffix(".json") for file, _, path in expectations(EVENTS) if path not in ("http", "")]
CONTEXT = Context()
EVENT = {"source": "com.example.b\xfccher/a%20b?c=%2F&d", "detail-type": "Stocked", "detail": {}}


@pytest.fixture(autouse=True)
def closing_time():
    """Every test ends what it started."""
    yield
    LOOP.close()


class Seen(namedtuple("Seen", "method url_path root query headers scheme server body event delivery")):
    """A request, in the words of neither interface."""


def seen_by_wsgi(environ):
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name[:5] == "HTTP_"}
    headers |= {
        name.replace("_", "-").lower(): environ[name] for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if name in environ
    }
    root = environ["SCRIPT_NAME"].encode("latin-1").decode()
    return Seen(
        environ["REQUEST_METHOD"],
        root + environ["PATH_INFO"].encode("latin-1").decode(),
        root,
        environ["QUERY_STRING"],
        headers,
        environ["wsgi.url_scheme"],
        (environ["SERVER_NAME"], int(environ["SERVER_PORT"])),
        environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])),
        environ["aws.event"],
        marks(environ["cloud_events.delivery"]),
    )


def seen_by_asgi(scope, message):
    check_scope(scope)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    assert len(headers) == len(scope["headers"])
    assert (type(message["body"]), message["more_body"]) == (bytes, False)
    return Seen(
        scope["method"],
        scope["path"],
        scope["root_path"],
        scope["query_string"].decode(),
        headers,
        scope["scheme"],
        scope["server"],
        message["body"],
        scope["aws.event"],
        marks(scope["cloud_events.delivery"]),
    )


def marks(delivery):
    """All that a Delivery says."""
    return attrgetter("matcher", "path", "record_id", "event_id", "type", "source", "subject", "time")(delivery)


def twins(seen):
    """A WSGI and an ASGI application that answer the same, and append what they have seen to *seen*."""

    def wsgi(environ, start_response):
        seen.append(seen_by_wsgi(environ))
        start_response("200 Told", [("Content-Type", "application/json")])
        return [b"{}"]

    async def asgi(scope, receive, send):
        seen.append(seen_by_asgi(scope, await receive()))
        pairs = [(b"Content-Type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": pairs})
        await send({"type": "http.response.body", "body": b"{}"})

    return validator(wsgi), asgi


@pytest.mark.parametrize("delivery", ["batch", "record"])
@pytest.mark.parametrize("mode", ["event", "binary", "structured"])
def test_every_sample(mode, delivery):
    """Method, path, query, headers, body and delivery of every event, and the reply, are the same, and valid."""
    seen = []
    wsgi, asgi = (
        make_handler(application, interface, content_mode=mode, delivery=delivery, lifespan="off")
        for application, interface in zip(twins(seen), ("wsgi", "asgi"), strict=True)
    )
    for name in SAMPLES:
        replies = [wsgi(sample(name), CONTEXT), asgi(sample(name), CONTEXT)]
        half = len(seen) // 2
        assert half
        assert (replies[0], seen[:half]) == (replies[1], seen[half:]), name
        seen.clear()


@both_legs
@pytest.mark.parametrize(("named", "expected"), [("", "/"), ("/ü", "/ü")])
def test_path_of_what_nothing_matches(leg, named, expected):
    """An event that no row matches goes to the path of the user's environ or scope, which is text."""
    paths = []

    def view(path, event):
        paths.append(path)
        return Answer(204)

    settings = {"wsgi": {"wsgi_environ": {"PATH_INFO": named}}, "asgi": {"asgi_scope": {"path": named}}}
    handler(leg, view, **settings[leg])({"no": "row"}, None)
    assert paths == [expected]


@pytest.fixture
def django_twins():
    """Django's two kinds of application, with a single view for everything, and what that has seen."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apps.django_books.settings")
    from django.http import JsonResponse
    from django.test import override_settings
    from django.urls import re_path
    from django.views.decorators.csrf import csrf_exempt

    import apps.django_books.asgi
    import apps.django_books.wsgi

    seen = []

    @csrf_exempt
    def view(request):
        url = request.build_absolute_uri()
        seen.append((request.method, url, request.path, request.path_info, dict(request.headers), request.body))
        return JsonResponse({"url": url})

    with override_settings(ROOT_URLCONF=(re_path("", view),)):
        yield apps.django_books.wsgi.application, apps.django_books.asgi.application, seen


PLAIN = ({}, {})
ROOT = ({"SCRIPT_NAME": "/b\xfccher"}, {"root_path": "/b\xfccher"})
SERVER = (
    {"SERVER_NAME": "localhost", "SERVER_PORT": "8080", "wsgi.url_scheme": "https"},
    {"server": ("localhost", 8080), "scheme": "https"},
)


@pytest.mark.parametrize(("environ", "scope"), [PLAIN, ROOT, SERVER])
def test_django(django_twins, environ, scope):
    """Django makes the same request and the same reply of an event, whichever leg it comes by."""
    wsgi, asgi, seen = django_twins
    by_wsgi, by_asgi = make_handler(wsgi, wsgi_environ=environ), make_handler(asgi, asgi_scope=scope)
    for event in (EVENT, sample("s3"), sample("sqs")):
        replies = [by_wsgi(event, CONTEXT), by_asgi(event, CONTEXT)]
        assert replies[0] == replies[1]
        assert replies[0]["status_code"] == "200"
        assert seen[0] == seen[1]
        seen.clear()
