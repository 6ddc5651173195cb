"""Hostile events: where they may go, what of them becomes a header, and how much of them the library can stand."""

import contextlib
import importlib
import json
import re
import sys
import tracemalloc
from functools import partial
from itertools import product

import falcon
import pytest
from django.core.wsgi import get_wsgi_application
from django.test import override_settings
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pyramid.config import Configurator
from pyramid.response import Response
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse

import cloud_events.handler
from apps.guarded import shops
from cloud_events import CloudEventsError, InvalidEvent, Matcher, make_handler
from cloud_events.adapter import encoding
from cloud_events.adapter.path import route
from conftest import Context, sample
from legs import Answer, answer, application, bare, both_legs

CONTEXT = Context()


@pytest.fixture(scope="module", autouse=True)
def django():
    """Django with a few routes."""
    importlib.import_module("apps.django_books.wsgi")
    with override_settings(ROOT_URLCONF="apps.guarded.django_doors"):
        yield


class Recorder:
    """An application, WSGI or ASGI, that keeps what it is sent."""

    def __init__(self, leg):
        self.leg = leg
        self.requests = []
        self.bodies = []

    def view(self, request, body):
        self.requests.append(request)
        self.bodies.append(body)
        return Answer(200)

    def handler(self, **options):
        return make_handler(bare(self.leg, self.view), lifespan="off", **options)

    def path(self):
        """The path of the last request."""
        seen = self.requests[-1]
        return seen["PATH_INFO"].encode("latin-1").decode() if self.leg == "wsgi" else seen["path"]

    def headers(self):
        """(name, value) of every header of the last request, whatever its leg."""
        seen = self.requests[-1]
        if self.leg == "asgi":
            return sorted((name.decode("ascii"), value.decode("ascii")) for name, value in seen["headers"])
        fields = {key: value for key, value in seen.items() if key[:5] == "HTTP_" or key[:8] == "CONTENT_"}
        return sorted((key.removeprefix("HTTP_").replace("_", "-").lower(), value) for key, value in fields.items())


# The path: test_path.py has the rule itself


SOURCES = {
    "https://github.com/cloudevents": "/https:/github.com/cloudevents",
    "a;b=../c": "/a;b=../c",
    "é/%C3%A9": "/é/é",
    "a?/../b": "/a",
    "x" * 8_000: "/" + "x" * 8_000,
    "a%2F%2e%2e%2Fadmin": "the path must not have '.' or '..' segments",
    "a\r\nHost: evil": "the path must not have control characters",
    "a\ud800": "the path must not have escapes (or surrogates) that are not UTF-8",
}


@both_legs
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: ascii(source)[:20])
def test_source(leg, source):
    """The application sees the path that a source says; one that could mean another path is refused, with its fault."""
    recorder, expected = Recorder(leg), SOURCES[source]
    if expected[0] == "/":
        recorder.handler()({"source": source}, CONTEXT)
        assert recorder.path() == expected
        return
    with pytest.raises(InvalidEvent) as caught:
        recorder.handler()({"source": source}, CONTEXT)
    assert str(caught.value) == f"matcher 'source', $.source: {expected}"
    assert recorder.bodies == []


NAMES = ("/", "/admin", "/aws.s3", "/orders/{key}", "/orders/{key}/admin", "/files/{rest}")


def flask_doors():
    application = Flask("doors", static_folder=None)
    for name in (*NAMES, "/admin/"):
        rule = name.replace("{rest}", "<path:rest>").replace("{key}", "<key>")
        application.add_url_rule(rule, name.replace(".", "_"), partial(name.format), methods=["POST"])
    return application


def starlette_doors():
    application = Starlette()
    for name in (*NAMES, "/admin/"):
        view = shops.endpoint(lambda request, name=name: name.format(**request.path_params), None, PlainTextResponse)
        application.add_route(name.replace("{rest}", "{rest:path}"), view, methods=["POST"])
    return application


def falcon_doors():
    class Door:
        def __init__(self, name):
            self.name = name

        def on_post(self, request, response, **values):
            response.text = self.name.format(**values)

    application = falcon.App()
    for name in NAMES:
        application.add_route(name.replace("{rest}", "{rest:path}"), Door(name))
    return application


def pyramid_doors():
    with Configurator() as config:
        for name in (*NAMES, "/admin/"):
            config.add_route(name, name.replace("{rest}", "{rest:.*}"))
            config.add_view(lambda request, name=name: Response(name.format(**request.matchdict)), route_name=name)
        return config.make_wsgi_app()


DOORS = {
    "django": get_wsgi_application,
    "flask": flask_doors,
    "starlette": starlette_doors,
    "falcon": falcon_doors,
    "pyramid": pyramid_doors,
}


@pytest.fixture(params=DOORS)
def doors(request):
    """A handler of an application whose routes answer what they are called, in each framework."""
    return make_handler(DOORS[request.param](), lifespan="off")


def entered(handler, source):
    """(path that *source* says, path by which the route is called that answered); None for what was not there."""
    try:
        reply = handler({"source": source}, CONTEXT)
    except InvalidEvent:
        return None, None
    return route(source)[0], reply["body"] if reply["status_code"] == "200" else None


PLAIN = {"/": "/", "admin": "/admin", "/admin": "/admin", "aws.s3": "/aws.s3", "orders/7": "/orders/7"}


def test_routes_are_found(doors):
    """The routes of each framework answer the paths that they are called by."""
    assert {source: entered(doors, source)[1] for source in PLAIN} == PLAIN


PIECES = [
    *("/", "//", "\\", ".", "..", "...", ";", ":", "?", "#", "&", "=", "@", "~", "+", " ", "\t", "\u2028", "\ufeff"),
    *("%2f", "%5c", "%2e", "%2E%2e", "%00", "%0a", "%20", "%25", "%252f", "%252e%252e", "%3f", "%23", "%3B", "%ff"),
    *("%c0%ae", "%c3%a9", "é", "\uff0e", "\uff0f", "\ud800", "admin", "ADMIN", "aws.s3", "orders", "files", "7", "a"),
]
MEANINGS = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@MEANINGS
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join))
@example("orders/%2561dmin")
@example("orders/7%2fadmin")
@example("x/../admin")
@example("admin%20")
@example("admin;/")
@example("\\admin")
@example("/admin//")
def test_no_event_reaches_another_route_than_its_path_names(doors, source):
    """In each framework the route that answers is the one that the event's path, as text, names."""
    path, name = entered(doors, source)
    assert name in (path, None)


# The lock


DYNAMIC = {
    "cloudevent": {"specversion": "1.0", "id": "1", "type": "t", "source": "admin"},
    "eventbridge": {"detail-type": "t", "source": "admin", "detail": {}},
    "iot.events": {"event": {"eventName": "admin"}},
    "records": {"Records": [{"eventSource": "admin"}]},
    "source": {"source": "admin"},
    "mine": {"my": "admin"},
}


@pytest.mark.parametrize("name", DYNAMIC)
@pytest.mark.parametrize("delivery", ["batch", "record"])
def test_sources_lock_holds_for_every_dynamic_row(monkeypatch, name, delivery):
    """Whatever names the path in an event is measured by CLOUD_EVENTS_SOURCES; static rows are not touched by it."""
    monkeypatch.setenv("CLOUD_EVENTS_SOURCES", "com.example.*")
    recorder = Recorder("wsgi")
    rows = [Matcher("mine", {"$.my": str}, lambda event: event["my"])]
    handler = recorder.handler(matchers=rows, delivery=delivery, response="native")
    with pytest.raises(InvalidEvent, match=f"matcher '{name}', .*CLOUD_EVENTS_SOURCES"):
        handler(DYNAMIC[name], CONTEXT)
    assert recorder.requests == []
    handler(sample("s3"), CONTEXT)
    assert recorder.path() == "/aws.s3"


@both_legs
def test_prefix_confines_all(leg):
    """With path_prefix no event, of whatever row or of none, reaches a path outside of it."""
    recorder = Recorder(leg)
    rows = [Matcher("mine", {"$.my": str}, lambda event: event["my"])]
    handler = recorder.handler(matchers=rows, path_prefix="/events")
    events = [*DYNAMIC.values(), sample("s3"), {}, None, [], [DYNAMIC["cloudevent"]], sample("pipes")]
    for number, event in enumerate([*events, {"source": "//events/x"}], 1):
        handler(event, CONTEXT)
        assert (len(recorder.bodies), recorder.path()[:8]) == (number, "/events/")


# Headers


NATIVE = {"specversion": "1.0", "id": "1", "type": "t", "source": "shop"}
PLANTS = ["host", "cookie", "authorization", "xforwardedfor", "xforwardedhost", "remoteuser", "contenttype", "httphost"]
TYPED = ("content-length", "content-type")


@both_legs
@pytest.mark.parametrize("mode", ["event", "binary", "structured"])
def test_nothing_but_attributes_becomes_a_header(leg, mode):
    """A CloudEvent with attributes that are named like headers has them under ce-*, or nowhere."""
    recorder = Recorder(leg)
    event = NATIVE | dict.fromkeys(PLANTS, "evil") | {"data": {"headers": {"Host": "evil"}, "HTTP_HOST": "evil"}}
    recorder.handler(content_mode=mode)(event, CONTEXT)
    names = {f"ce-{name}" for name in [*NATIVE, *PLANTS]} if mode == "binary" else set()
    assert {name for name, _ in recorder.headers()} == names | set(TYPED)
    assert leg == "asgi" or "REMOTE_USER" not in recorder.requests[-1]


@both_legs
@pytest.mark.parametrize("end", ["\r\nHost: evil", "\n", "\r", "\x00", "\x0b", "\x85", "\x7f"], ids=ascii)
def test_line_end_in_an_event_of_aws_is_left_out(leg, end):
    """What no attribute may be is none: an S3 key with a line's end has no ce-subject."""
    recorder = Recorder(leg)
    event = sample("s3")
    event["Records"][0]["s3"]["object"]["key"] = f"key{end}"
    event["Records"][0]["s3"]["bucket"]["name"] = f"bucket{end}"
    event["Records"][0]["eventName"] = f"Name{end}"
    recorder.handler()(event, CONTEXT)
    assert "ce-subject" not in dict(recorder.headers())
    assert all(re.fullmatch("[!-~]+", value) for name, value in recorder.headers() if name not in TYPED)


# How much


@pytest.fixture(params=["orjson", "json"])
def writer(request, monkeypatch):
    """The writer of JSON: the quick one where it is installed, and the standard library's."""
    if request.param == "json":
        monkeypatch.setattr(cloud_events.handler, "use_orjson", lambda: None)
        monkeypatch.setattr(encoding, "_orjson", None)
    return request.param


def deepest():
    """How deep lists may be nested for the JSON parser of this Python to take them, from this test's place."""
    low, high = 100, 1_000_000
    while high - low > 1:
        middle = (low + high) // 2
        try:
            json.loads("[" * middle + "]" * middle)
            low = middle
        except RecursionError:
            high = middle
    return low


def nested(depth, kind):
    inner = 0
    for _ in range(depth):
        inner = [inner] if kind == "list" else {"deep": inner}
    return inner


PLACES = {
    "alone": lambda deep: deep,
    "unmatched": lambda deep: {"a": deep},
    "sqs": lambda deep: {"Records": [{"messageId": "1", "eventSource": "aws:sqs", "attributes": {"a": deep}}]},
    "source": lambda deep: {"source": deep},
    "native": lambda deep: NATIVE | {"data": deep},
    "extension": lambda deep: NATIVE | {"specversion": "0.3", "extra": {"a": deep}},
    "config": lambda deep: {"configRuleId": "1", "invokingEvent": "[" * 50_000 + "]" * 50_000, "a": deep},
}
MODES = [("wsgi", "event", "batch"), ("asgi", "binary", "batch"), ("wsgi", "structured", "batch")]
MODES += [("asgi", "event", "record"), ("wsgi", "binary", "record")]


@pytest.mark.parametrize("place", PLACES)
def test_nesting_is_delivered_or_refused(writer, place):
    """An event nested as deeply as the JSON parser can read, or deeper, is delivered whole or refused, on each leg."""
    limit = deepest()
    rows = [Matcher("descent", {"$..nothing": ...}, "/nothing")]
    for depth, (leg, content_mode, delivery) in product((limit - 10, limit, 20_000), MODES):
        matchers = rows if (leg, content_mode) == ("wsgi", "event") else []
        recorder = Recorder(leg)
        kind = "dict" if delivery == "batch" else "list"
        event = PLACES[place](nested(depth, kind))
        handler = recorder.handler(content_mode=content_mode, delivery=delivery, matchers=matchers, response="native")
        refusal = ""
        try:
            handler(event, CONTEXT)
        except InvalidEvent as error:
            refusal = str(error)
        if refusal:
            assert re.search("nested too deeply|must be a|must come from a string", refusal)
            assert recorder.bodies == []
        else:
            assert len(recorder.bodies) == 1
            sent = f"{recorder.bodies[0].decode()} {recorder.headers()}".replace("%22", '"')
            assert sent.count("[" if kind == "list" else '{"deep"') >= depth


BIG = 6 * 1024 * 1024


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES, ids="-".join)
def test_six_megabytes_are_delivered(mode):
    """An event as long as Lambda can hand over reaches the application, in one text or in many."""
    leg, content_mode, delivery = mode
    for event in (
        {"a": "x" * BIG},
        NATIVE | {"data": "é" * (BIG // 2)},
        {"Records": [{"eventSource": "aws:sqs", "messageId": str(n), "body": "x" * 10_000} for n in range(620)]},
    ):
        recorder = Recorder(leg)
        recorder.handler(content_mode=content_mode, delivery=delivery)(event, CONTEXT)
        assert sum(map(len, recorder.bodies)) > BIG * 0.95


def of_records(name, count):
    """The sample *name* with *count* records, each with an identifier of its own."""
    event = sample(name)
    if name == "kafka.msk":
        partition, records = next(iter(event["records"].items()))
        return event | {"records": {partition: [{**records[0], "offset": n} for n in range(count)]}}
    at = {"mq.activemq": "messages", "docdb": "events"}.get(name, "Records")
    records = []
    for number in range(count):
        record = json.loads(json.dumps(event[at][0]))
        for inner, key in ((record, "messageId"), (record.get("kinesis"), "sequenceNumber")):
            if isinstance(inner, dict):
                inner[key] = Counted(number)
        records.append(record)
    return event | {at: records}


class Counted(str):
    """An identifier that counts how often it is compared, hashed aside."""

    compared = 0
    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other):
        Counted.compared += 1
        return str.__eq__(self, other)


def work(handler, event):
    """How many calls (of Python functions and of built-in ones) and comparisons delivering *event* takes."""
    calls = 0

    def count(frame, what, argument):
        nonlocal calls
        calls += what in ("call", "c_call")

    Counted.compared = 0
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        handler(event, CONTEXT)
    except CloudEventsError:
        pass
    finally:
        sys.setprofile(before)
    return calls + Counted.compared


KINDS = ["sqs", "sqs__fifo", "kinesis", "dynamodb", "kafka.msk", "s3", "sns", "mq.activemq", "docdb"]


@pytest.mark.slow
@pytest.mark.parametrize(("content_mode", "delivery"), [("event", "record"), ("structured", "batch")])
@pytest.mark.parametrize("name", KINDS)
def test_work_grows_with_the_records_and_no_faster(name, content_mode, delivery):
    """Four times the records take four times the work, whether all succeed or all are reported as failed."""

    def view(path, body):
        records = body.get("Records", []) if isinstance(body, dict) else []
        failed = [{"itemIdentifier": record["messageId"]} for record in records if "messageId" in record]
        return answer({"batchItemFailures": failed * reporting})

    handler = make_handler(application("wsgi", view), content_mode=content_mode, delivery=delivery)
    reporting = False
    for reporting in (False, True):  # noqa: B007  # the application reads it
        work(handler, of_records(name, 10))  # what only the first event needs
        small, large = (work(handler, of_records(name, count)) for count in (250, 1000))
        assert large < 4.2 * small


@pytest.mark.parametrize(
    ("mode", "event"),
    [
        ("event", lambda text: {"source": text, "detail-type": "t", "detail": {}, "id": text, "region": text}),
        ("binary", lambda text: NATIVE | {"datacontenttype": f"text/plain; charset={text}", "data": "x"}),
        ("binary", lambda text: NATIVE | {"source": text, "subject": text}),
    ],
)
def test_nothing_of_an_event_is_kept(mode, event):
    """Three hundred long texts leave nothing behind in the process."""
    handler = make_handler(bare("wsgi", lambda *_: Answer(200)), content_mode=mode)

    def deliver(number):
        with contextlib.suppress(InvalidEvent):
            handler(event(f"{number}" + "x" * 20_000), CONTEXT)

    deliver(0)
    tracemalloc.start()
    for number in range(1, 300):
        deliver(number)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 500_000
