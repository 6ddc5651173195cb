"""One request, two legs: whatever arrives by WSGI arrives by ASGI, and what is answered is replied, just the same."""

import os
from collections import namedtuple
from contextvars import ContextVar, copy_context
from operator import attrgetter

import falcon
import falcon.asgi
import pytest

from cloud_events import EventFailed, make_handler
from cloud_events.interface.loop import LOOP
from conftest import EVENTS, Context, expectations, sample

SAMPLES = [file.removesuffix(".json") for file, _, path in expectations(EVENTS) if path not in ("http", "")]
CONTEXT = Context()
book = ContextVar("book", default="none")
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
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    assert len(headers) == len(scope["headers"])
    assert not message["more_body"]
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


def twins(seen, status=200, headers=(), chunks=(b"",), error=None, late=None):
    """A WSGI and an ASGI application that answer the same, and append what they have seen to *seen*."""

    class Body(list):
        def close(self):
            if late is not None:
                raise late

    def wsgi(environ, start_response):
        seen.append(seen_by_wsgi(environ))
        if error is not None:
            raise error
        start_response(f"{status} Told", list(headers))
        return Body(chunks)

    async def asgi(scope, receive, send):
        seen.append(seen_by_asgi(scope, await receive()))
        if error is not None:
            raise error
        pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body"})
        if late is not None:
            raise late

    return wsgi, asgi


def outcome(handler, event):
    """The reply to *event*, or what was raised instead, in words."""
    try:
        return handler(event, CONTEXT)
    except Exception as error:
        return repr(error)


class TestRequest:
    @pytest.mark.parametrize("delivery", ["batch", "record"])
    @pytest.mark.parametrize("mode", ["event", "binary", "structured"])
    def test_of_every_sample(self, mode, delivery):
        """Method, path, query, headers, body and delivery of every event, and the reply, are the same on both legs."""
        seen, answer = [], {"headers": [("Content-Type", "application/json")], "chunks": [b"{}"]}
        wsgi, asgi = (
            make_handler(application, content_mode=mode, delivery=delivery, lifespan="off")
            for application in twins(seen, **answer)
        )
        for name in SAMPLES:
            replies = [wsgi(sample(name), CONTEXT), asgi(sample(name), CONTEXT)]
            half = len(seen) // 2
            assert half
            assert (replies[0], seen[:half]) == (replies[1], seen[half:]), name
            seen.clear()

    @pytest.mark.parametrize(
        ("environ", "scope"),
        [
            ({}, {}),
            ({"REQUEST_METHOD": "get"}, {"method": "get"}),
            ({"PATH_INFO": "/shop"}, {"path": "/shop"}),
            ({"SCRIPT_NAME": "/b\xfccher/"}, {"root_path": "/b\xfccher/"}),
            ({"QUERY_STRING": "a=1"}, {"query_string": b"a=1"}),
            ({"CONTENT_TYPE": "text/css"}, {"headers": [(b"Content-Type", b"text/css")]}),
            ({"CONTENT_LENGTH": "2"}, {"headers": [(b"Content-Length", b"2")]}),
            ({"HTTP_ACCEPT": "*/*", "HTTP_CE_ID": "mine"}, {"headers": {"Accept": "*/*", "Ce-Id": "mine"}}),
            ({"SERVER_NAME": "books.example", "SERVER_PORT": 8080}, {"server": ("books.example", 8080)}),
            ({"wsgi.url_scheme": "https"}, {"scheme": "https"}),
        ],
    )
    @pytest.mark.parametrize("event", [EVENT, {"no": "row"}, sample("s3"), sample("cloudevent")])
    def test_of_every_setting(self, environ, scope, event):
        """What WSGI_ENVIRON says of a request, ASGI_SCOPE can say, with the same effect."""
        seen = []
        wsgi, asgi = twins(seen)
        make_handler(wsgi, wsgi_environ=environ)(event, CONTEXT)
        make_handler(asgi, asgi_scope=scope, lifespan="off")(event, CONTEXT)
        assert seen[0] == seen[1]


class TestReply:
    @pytest.mark.parametrize("response", ["envelope", "native"])
    @pytest.mark.parametrize("name", ["s3", "sqs", "lex.v1", "cloudevent"])
    @pytest.mark.parametrize(
        "answer",
        [
            {},
            {"status": 204},
            {"status": 201, "headers": [("Content-Type", "application/json")], "chunks": [b'{"a"', b"", b": 1}"]},
            {"headers": [("Content-Type", "text/plain; charset=latin-1")], "chunks": [b"caf\xe9"]},
            {"headers": [("Content-Type", "image/png")], "chunks": [b"\x89PNG"]},
            {"headers": [("Vary", "Accept"), ("vary", "Cookie"), ("X-Shelf", "caf\xe9")]},
            {"headers": [("Set-Cookie", "a=1")]},
            {"headers": [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]},
            {"status": 302, "headers": [("Location", "/there")]},
            {"status": 404, "chunks": [b"no such page"]},
            {"status": 503, "chunks": [b"busy"]},
            {"error": LookupError("no such book")},
            {"late": LookupError("no such book")},
        ],
    )
    def test_of_every_answer(self, answer, name, response):
        """The same answer is the same reply, or the same exception, to every kind of sender."""
        wsgi, asgi = (
            outcome(make_handler(application, response=response, lifespan="off"), sample(name))
            for application in twins([], **answer)
        )
        assert wsgi == asgi

    @pytest.mark.parametrize("application", twins([], status=503, late=LookupError("no such book")))
    def test_of_a_failure_twice_over(self, application):
        """A failed answer after which the application raises is one EventFailed, caused by that exception."""
        with pytest.raises(EventFailed) as caught:
            make_handler(application, response="native", lifespan="off")(sample("s3"), CONTEXT)
        assert repr(caught.value.__cause__) == "LookupError('no such book')"


class TestContextVariables:
    """What an event binds, and what it sees, is the same on both legs."""

    @pytest.fixture(params=["wsgi", "asgi"])
    def call(self, request):
        """A handler that answers the caller's *book* and binds it anew, from the first line to the last."""
        seen = self.seen = []

        class Body(list):
            def close(self):
                seen.append(book.get())

        def wsgi(environ, start_response):
            start_response("200 Told", [])
            before = book.get()
            book.set("Persuasion")
            return Body([before.encode()])

        async def asgi(scope, receive, send):
            before = book.get()
            book.set("Persuasion")
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": before.encode()})
            seen.append(book.get())

        handler = make_handler({"wsgi": wsgi, "asgi": asgi}[request.param], lifespan="off")
        return lambda: handler({"source": "books"}, CONTEXT)["body"]

    def test_of_one_event_never_reach_the_next(self, call):
        """What an event binds lasts until its end, that of close() too, and is gone at the next event."""
        assert [call(), call(), book.get()] == ["none", "none", "none"]
        assert self.seen == ["Persuasion"] * 2

    def test_of_the_caller_are_seen(self, call):
        """What a custom handler has bound before is seen, and stays as it was."""

        def custom_handler():
            book.set("Emma")
            return call(), book.get()

        assert copy_context().run(custom_handler) == ("Emma", "Emma")


@pytest.fixture
def falcon_twins():
    """Falcon's two kinds of application, which answer everything, and what they make of the requests."""
    seen = []

    def note(request, response, body):
        # It spells headers as each interface does.
        headers = {name.lower(): value for name, value in request.headers.items()}
        seen.append((request.method, request.url, request.path, request.query_string, headers, body))
        response.media = {"url": request.url}

    def sink(request, response):
        note(request, response, request.bounded_stream.read())

    async def asynchronous_sink(request, response):
        note(request, response, await request.stream.read())

    wsgi, asgi = falcon.App(), falcon.asgi.App()
    wsgi.add_sink(sink)
    asgi.add_sink(asynchronous_sink)
    return wsgi, asgi, seen


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


class TestFrameworks:
    PLAIN = ({}, {})
    ROOT = ({"SCRIPT_NAME": "/b\xfccher"}, {"root_path": "/b\xfccher"})
    SERVER = (
        {"SERVER_NAME": "localhost", "SERVER_PORT": "8080", "wsgi.url_scheme": "https"},
        {"server": ("localhost", 8080), "scheme": "https"},
    )

    @pytest.mark.parametrize(
        ("framework", "settings"),
        [
            ("django_twins", PLAIN),
            ("django_twins", ROOT),
            ("django_twins", SERVER),
            ("falcon_twins", PLAIN),
            # No ROOT: Falcon's ASGI side puts it before a path that has it, as from any server.
            ("falcon_twins", SERVER),
        ],
    )
    def test_see_the_same(self, framework, settings, request):
        """Falcon and Django make the same request and the same reply of an event, whichever leg it comes by."""
        *applications, seen = request.getfixturevalue(framework)
        wsgi, asgi = (
            make_handler(application, **{keyword: base})
            for application, keyword, base in zip(applications, ("wsgi_environ", "asgi_scope"), settings, strict=True)
        )
        for event in (EVENT, sample("s3"), sample("sqs")):
            replies = [wsgi(event, CONTEXT), asgi(event, CONTEXT)]
            assert replies[0] == replies[1]
            assert replies[0]["status_code"] == "200"
            assert seen[0] == seen[1]
            seen.clear()
