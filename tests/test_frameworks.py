"""Real frameworks: an S3 event arrives at a small bookshop in each of them; what it saw, did and answered."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_plus

import pytest

from apps import shelf
from cloud_events import EventFailed, make_handler
from cloud_events.interface.loop import LOOP
from conftest import Context, sample

CONTEXT = Context()
EVENT: dict[str, Any] = sample("s3")
BOOKS = [
    (record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"]), record["s3"]["object"]["size"])
    for record in EVENT["Records"]
]
LENGTH = str(len(json.dumps(EVENT, separators=(",", ":"))))


def starlette(document: Any) -> str:
    """JSON as Starlette, Litestar and REST framework write it: nothing escaped, no space."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def falcon(document: Any) -> str:
    """JSON as Falcon writes it: nothing escaped."""
    return json.dumps(document, ensure_ascii=False)


def flask(document: Any) -> str:
    """JSON as Flask and Quart write it: no space, and a line's end."""
    return json.dumps(document, separators=(",", ":")) + "\n"


class Shop(NamedTuple):
    """An application, how its framework writes JSON, and how it spells the headers of its answer."""

    application: str
    write: Callable[[Any], str]
    names: tuple[str, str] = ("content-type", "content-length")

    @property
    def target(self) -> Any:
        """The application itself."""
        module, _, name = self.application.rpartition(".")
        return getattr(importlib.import_module(module), name)

    @property
    def reply(self) -> dict[str, Any]:
        """The whole reply that an upload gets."""
        body = self.write({"books": [name for _, name, _ in BOOKS]})
        headers = dict(zip(self.names, ("application/json", str(len(body.encode()))), strict=True))
        return {"status_code": "201", "body": body, "headers": headers}


SHOPS = [
    Shop("apps.flask_books.application", flask, ("Content-Type", "Content-Length")),
    Shop("apps.bottle_books.application", json.dumps, ("Content-Type", "Content-Length")),
    Shop("apps.pyramid_books.application", json.dumps, ("Content-Type", "Content-Length")),
    Shop("apps.falcon_books.application", falcon),
    Shop("apps.falcon_books.asgi_application", falcon),
    Shop("apps.fastapi_books.application", starlette),
    Shop("apps.litestar_books.application", starlette),
    Shop("apps.quart_books.application", flask),
]
every_shop = pytest.mark.parametrize("shop", SHOPS, ids=lambda shop: shop.application.split(".", 1)[1])


@pytest.fixture(autouse=True)
def closing_time() -> Iterator[None]:
    """Every test starts without books and without requests seen, and ends the lifespan that it started."""
    shelf.SEEN.clear()
    shelf.BOOKS.clear()
    yield
    LOOP.close()


def s3_headers() -> dict[str, str]:
    """The headers of the sample's request: its one record makes it a CloudEvent too."""
    [record] = EVENT["Records"]
    ids = record["responseElements"]
    bucket, key = record["s3"]["bucket"]["name"], record["s3"]["object"]["key"]
    printable = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
    return {
        "content-type": "application/json",
        "content-length": LENGTH,
        "ce-specversion": "1.0",
        "ce-id": f"{ids['x-amz-request-id']}.{ids['x-amz-id-2']}",
        "ce-source": f"aws:s3.{record['awsRegion']}.{bucket}",
        "ce-type": f"com.amazonaws.s3.{record['eventName']}",
        "ce-subject": quote(key, safe=printable),
        "ce-time": record["eventTime"],
    }


def saw_the_upload(shop_headers: dict[str, str] | None = None) -> None:
    """Assert that one view saw the sample event, whole, and that its books are on the shelf."""
    [seen] = shelf.SEEN
    assert (seen.method, seen.path, seen.event) == ("POST", "/aws.s3", EVENT)
    assert seen.headers == s3_headers() | (shop_headers or {})
    assert seen.raw["aws.event"] is EVENT
    assert seen.raw["aws.context"] is CONTEXT
    delivery = seen.raw["cloud_events.delivery"]
    assert (delivery.matcher, delivery.path, delivery.record_id) == ("s3", "/aws.s3", None)


@every_shop
class TestUpload:
    def test_becomes_a_request(self, shop: Shop) -> None:
        """An application gets one event after another as its own kind of request, and its answer is the reply."""
        handler = make_handler(shop.target)
        assert handler(EVENT, CONTEXT) == shop.reply
        saw_the_upload(own_headers(shop))
        assert handler(EVENT, CONTEXT) == shop.reply
        assert shelf.BOOKS == BOOKS * 2

    def test_an_unknown_path_is_the_frameworks_own_404(self, shop: Shop) -> None:
        """An event that the application has no route for gets its 404."""
        reply = make_handler(shop.target)({"source": "nobody", "detail-type": "x", "detail": {}}, CONTEXT)
        assert reply["status_code"] == "404"


def own_headers(shop: Shop) -> dict[str, str]:
    """The headers that a framework adds to each request by itself."""
    if "quart" in shop.application:
        return {"remote-addr": "<local>"}
    return {}


def test_stream_of_flask_is_closed() -> None:
    """A generator that Flask streams is run to its end, and what was to happen at the close happens."""
    from flask import Flask, Response

    application = Flask(__name__)
    steps = []

    @application.post("/aws.s3")
    def upload() -> Response:
        def lines() -> Iterator[str]:
            try:
                yield "one\n"
                yield "two\n"
            finally:
                steps.append("generator")

        response = Response(lines(), mimetype="text/plain")
        response.call_on_close(lambda: steps.append("closed"))
        return response

    @application.teardown_request
    def teardown(error: BaseException | None) -> None:
        steps.append("teardown")

    assert make_handler(application)(EVENT, CONTEXT) == {
        "status_code": "200",
        "body": "one\ntwo\n",
        "headers": {"Content-Type": "text/plain; charset=utf-8"},
    }
    assert sorted(steps) == ["closed", "generator", "teardown"]


class TestStarlette:
    def test_lifespan_middleware_and_background_task(self) -> None:
        """Startup happens once, its state reaches a class-based middleware, and the background task is waited for."""
        from apps import starlette_books

        starlette_books.STEPS.clear()
        handler = make_handler(starlette_books.application)
        replies = [handler(EVENT, CONTEXT), handler(EVENT, CONTEXT)]
        names = [name for _, name, _ in BOOKS]
        body = starlette({"books": names, "url": "http://localhost/aws.s3"})
        headers = {"content-type": "application/json", "content-length": str(len(body.encode())), "x-shelf": "fiction"}
        assert replies == [{"status_code": "201", "body": body, "headers": headers}] * 2
        steps = ["startup", ("catalogued", names), ("catalogued", names)]
        assert steps == starlette_books.STEPS
        assert shelf.BOOKS == BOOKS * 2

    @pytest.mark.parametrize("where", ["endpoint", "background"])
    def test_failure_after_the_answer(self, where: str, caplog: pytest.LogCaptureFixture) -> None:
        """Starlette raises again after its 500 and after its 202: logged once, and a failure in native mode."""
        from starlette.applications import Starlette
        from starlette.background import BackgroundTask
        from starlette.responses import Response
        from starlette.routing import Route

        class TornError(Exception):
            """The application's own."""

        async def tear() -> None:
            raise TornError("the page tore")

        async def uploaded(request: Any) -> Response:
            if where == "endpoint":
                await tear()
            return Response(status_code=202, background=BackgroundTask(tear))

        application = Starlette(routes=[Route("/aws.s3", uploaded, methods=["POST"])])
        status = {"endpoint": "500", "background": "202"}[where]
        assert make_handler(application)(EVENT, CONTEXT)["status_code"] == status
        [record] = [record for record in caplog.records if record.levelname == "ERROR"]
        assert record.getMessage() == "the application failed after its response at /aws.s3 was complete"
        assert record.exc_info is not None
        assert record.exc_info[0] is TornError
        with pytest.raises({"endpoint": EventFailed, "background": TornError}[where]) as caught:
            make_handler(application, response="native")(EVENT, CONTEXT)
        failed: BaseException | None = caught.value
        assert TornError in (type(failed), type(failed.__cause__))


@pytest.fixture(scope="module")
def django(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The Django project, with its tables in a database file of its own."""
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    import apps.django_books.asgi
    import apps.django_books.wsgi

    # Every thread's connection takes its parameters from this dictionary; Django's own test runner does the same.
    settings.DATABASES["default"]["NAME"] = tmp_path_factory.mktemp("django") / "books.sqlite3"
    call_command("migrate", run_syncdb=True, verbosity=0)
    connection.close()
    return apps.django_books


@pytest.fixture(params=["wsgi", "asgi"])
def bookshop(request: pytest.FixtureRequest, django: Any) -> Iterator[Any]:
    """The handler of Django's WSGI or ASGI application, and nothing on the shelf."""
    from django.db import connection

    from apps.django_books import models, views

    models.Book.objects.all().delete()
    connection.close()
    views.CONNECTIONS.clear()
    yield make_handler(getattr(django, request.param).application)
    connection.close()


@pytest.fixture
def finished(django: Any) -> Iterator[list[str]]:
    """Django's own signals of a request's start and end, as they come."""
    from django.core.signals import request_finished, request_started

    steps: list[str] = []

    def start(**_: Any) -> None:
        steps.append("started")

    def finish(**_: Any) -> None:
        steps.append("finished")

    request_started.connect(start)
    request_finished.connect(finish)
    yield steps
    request_started.disconnect(start)
    request_finished.disconnect(finish)


def books() -> list[tuple[str, str, int]]:
    """What is in Django's database."""
    from django.db import connection

    from apps.django_books.models import Book

    rows = list(Book.objects.order_by("id").values_list("bucket", "name", "size"))
    connection.close()
    return rows


def eventbridge(source: str, **detail: Any) -> dict[str, Any]:
    """An event of EventBridge, whose source is the path that it goes to."""
    return {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": "Stocked",
        "source": source,
        "account": "111122223333",
        "time": "2026-01-02T03:04:05Z",
        "region": "us-east-2",
        "resources": [],
        "detail": detail,
    }


DJANGO_HEADERS = {
    "X-Shelf": "fiction",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
NOVEL = {"bucket": "novels", "name": "Emma", "size": 9}


class TestDjango:
    def test_an_s3_event_becomes_rows(self, bookshop: Any) -> None:
        """REST framework parses the event, the serializer stores its books, and the reply is the view's, whole."""
        reply = bookshop(EVENT, CONTEXT)
        body = starlette([{"bucket": bucket, "name": name, "size": size} for bucket, name, size in BOOKS])
        assert reply == {
            "status_code": "201",
            "body": body,
            "headers": DJANGO_HEADERS
            | {
                "Content-Type": "application/json",
                "Content-Length": str(len(body.encode())),
                "Vary": "Accept, Cookie",
                "Allow": "POST, OPTIONS",
            },
        }
        saw_the_upload()
        assert books() == BOOKS

    def test_the_request_ends(self, bookshop: Any, finished: list[str]) -> None:
        """`request_finished` fires once for each event: that is where Django's own cleaning up hangs."""
        bookshop(EVENT, CONTEXT)
        bookshop(eventbridge("books.plain", **NOVEL), CONTEXT)
        assert finished == ["started", "finished"] * 2

    @pytest.mark.parametrize("event", [EVENT, eventbridge("books.plain", **NOVEL)], ids=["rest", "plain"])
    def test_the_database_connection_is_closed(self, bookshop: Any, event: Any) -> None:
        """The connection that a view used is closed when the reply is there, as CONN_MAX_AGE=0 wants it."""
        from apps.django_books import views

        bookshop(event, CONTEXT)
        [used] = views.CONNECTIONS
        assert used.connection is None

    def test_a_failing_view_closes_its_connection(self, bookshop: Any, finished: list[str]) -> None:
        """A view's exception is Django's own 500, after which nothing stays open."""
        from apps.django_books import views

        assert bookshop(eventbridge("books.failing"), CONTEXT)["status_code"] == "500"
        [used] = views.CONNECTIONS
        assert used.connection is None
        assert finished == ["started", "finished"]

    @pytest.mark.parametrize("view", ["plain", "asynchronous"])
    def test_sync_and_async_views(self, bookshop: Any, view: str) -> None:
        """Either kind of view runs on either leg, below a middleware that can only run synchronously."""
        reply = bookshop(eventbridge(f"books.{view}", **NOVEL), CONTEXT)
        assert reply == {
            "status_code": "200",
            "body": '{"count": 1}',
            "headers": DJANGO_HEADERS | {"Content-Type": "application/json", "Content-Length": "12"},
        }
        assert books() == [("novels", "Emma", 9)]

    @pytest.mark.parametrize(("leg", "view"), [("wsgi", "stream"), ("asgi", "asynchronous.stream")])
    def test_streaming(self, leg: str, view: str, django: Any, finished: list[str]) -> None:
        """A streaming response is collected to its end, reading the database on the way, and then closed."""
        handler = make_handler(getattr(django, leg).application)
        for name in ("Emma", "Ada"):
            handler(eventbridge("books.plain", bucket="novels", name=f"{leg} {name}", size=1), CONTEXT)
        finished.clear()
        reply = handler(eventbridge(f"books.{view}"), CONTEXT)
        names = sorted(name for _, name, _ in books())
        assert f"{leg} Ada" in names
        assert reply == {
            "status_code": "200",
            "body": "".join(f"{name}\n" for name in names),
            "headers": DJANGO_HEADERS | {"Content-Type": "text/plain"},
        }
        assert finished == ["started", "finished"]

    def test_the_host_of_an_event_is_localhost(self, bookshop: Any, django: Any) -> None:
        """ALLOWED_HOSTS needs no more than localhost; where Django redirects to a slash, that is the reply."""
        reply = bookshop(eventbridge("books.slash", **NOVEL), CONTEXT)
        assert (reply["status_code"], reply["headers"]["Location"]) == ("301", "/books.slash/")
        assert books() == []

    def test_events_in_turn_do_not_mix(self, bookshop: Any) -> None:
        """Ten events are ten rows, in their order."""
        for number in range(10):
            bookshop(eventbridge("books.plain", bucket="novels", name=str(number), size=number), CONTEXT)
        assert books() == [("novels", str(number), number) for number in range(10)]
