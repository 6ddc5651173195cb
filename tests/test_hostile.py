"""Hostile events: where they may go, what of them becomes a header, and how much of them the library can stand."""

import contextlib
import json
import os
import re
import sys
import tracemalloc
from itertools import product

import falcon
import pytest
from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pyramid.config import Configurator
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import cloud_events.handler
from cloud_events import CloudEventsError, InvalidEvent, Matcher, make_handler
from cloud_events.adapter import encoding
from cloud_events.adapter.jsonpath import finder
from cloud_events.adapter.path import route
from conftest import Context, sample

CONTEXT = Context()
LEGS = ["wsgi", "asgi"]


@pytest.fixture(scope="module", autouse=True)
def django():
    """Django with a few routes."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apps.django_books.settings")
    import django
    from django.test import override_settings

    django.setup()
    with override_settings(ROOT_URLCONF="apps.guarded.django_doors"):
        yield


class Recorder:
    """An application, WSGI or ASGI, that keeps what it is sent."""

    def __init__(self):
        self.environs = []
        self.scopes = []
        self.bodies = []

    def wsgi(self, environ, start_response):
        self.environs.append(environ)
        self.bodies.append(environ["wsgi.input"].read())
        start_response("200 OK", [])
        return []

    async def asgi(self, scope, receive, send):
        self.scopes.append(scope)
        self.bodies.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    def handler(self, leg, **options):
        return make_handler(getattr(self, leg), lifespan="off", **options)

    def headers(self):
        """(name, value) of every header of the last request, whatever its leg."""
        if self.scopes:
            return sorted((name.decode("ascii"), value.decode("ascii")) for name, value in self.scopes[-1]["headers"])
        fields = {key: value for key, value in self.environs[-1].items() if key[:5] == "HTTP_" or key[:8] == "CONTENT_"}
        return sorted((key.removeprefix("HTTP_").replace("_", "-").lower(), value) for key, value in fields.items())


# The path: test_path.py has the rule itself


SOURCES = {
    "https://github.com/cloudevents": "/https:/github.com/cloudevents",
    "//host/p": "/host/p",
    "/a//b///c/": "/a/b/c/",
    "a%2f%2Fb": "/a/b",
    "%252e%252e/a": "/%2e%2e/a",
    "a%5C..%5cb": "/a\\..\\b",
    "a;b=../c": "/a;b=../c",
    "é/%C3%A9": "/é/é",
    "\uff0e\uff0e/a": "/\uff0e\uff0e/a",
    "a#/../b": "/a",
    "a?/../b": "/a",
    "x" * 8_000: "/" + "x" * 8_000,
    "x" * 8_193: "the path must come from a string of at most 8,192 characters, not 8,193",
    "../admin": "the path must not have '.' or '..' segments",
    "a%2F%2e%2e%2Fadmin": "the path must not have '.' or '..' segments",
    "a\r\nHost: evil": "the path must not have control characters",
    "a%0d%0aHost:%20evil": "the path must not have control characters",
    "a\ud800": "the path must not have escapes (or surrogates) that are not UTF-8",
    "%C0%AE%C0%AE/a": "the path must not have escapes (or surrogates) that are not UTF-8",
    "?/admin": "the path must come from a string that is not empty (before any '?' or '#')",
}


@pytest.mark.parametrize("leg", LEGS)
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: ascii(source)[:20])
def test_source(leg, source):
    """The application sees the path that a source says; one that could mean another path is refused, with its fault."""
    recorder, expected = Recorder(), SOURCES[source]
    handler = recorder.handler(leg)
    if expected[0] == "/":
        handler({"source": source}, CONTEXT)
        seen = (recorder.environs or recorder.scopes)[-1]
        assert (seen["PATH_INFO"].encode("latin-1").decode() if leg == "wsgi" else seen["path"]) == expected
        return
    with pytest.raises(InvalidEvent) as caught:
        handler({"source": source}, CONTEXT)
    assert str(caught.value) == f"matcher 'source', $.source: {expected}"
    assert recorder.bodies == []


def says(name):
    """The path that a route is called by, filled with what it took from the path."""
    return lambda **values: name.format(**values)


NAMES = ("/", "/admin", "/aws.s3", "/orders/<key>", "/orders/<key>/admin", "/files/<path:rest>")


def braced(name):
    """A route as most frameworks write it, and what its view answers."""
    return re.sub("<(path:)?([a-z]+)>", r"{\2}", name)


def flask_doors():
    application = Flask("doors", static_folder=None)
    for name in (*NAMES, "/admin/"):
        application.add_url_rule(name, name.replace(".", "_"), says(braced(name)), methods=["POST"])
    return application


def starlette_doors():
    def endpoint(text):
        async def answer(request):
            return PlainTextResponse(text.format(**request.path_params))

        return answer

    names = [braced(name) for name in (*NAMES, "/admin/")]
    return Starlette(
        routes=[Route(name.replace("{rest}", "{rest:path}"), endpoint(name), methods=["POST"]) for name in names]
    )


def falcon_doors():
    class Door:
        def __init__(self, name):
            self.name = name

        def on_post(self, request, response, **values):
            response.text = self.name.format(**values)

    application = falcon.App()
    for name in map(braced, NAMES):
        application.add_route(name.replace("{rest}", "{rest:path}"), Door(name))
    return application


def pyramid_doors():
    from pyramid.response import Response

    def view(text):
        return lambda request: Response(text.format(**request.matchdict))

    with Configurator() as config:
        for name in map(braced, (*NAMES, "/admin/")):
            config.add_route(name, name.replace("{rest}", "{rest:.*}"))
            config.add_view(view(name), route_name=name)
        return config.make_wsgi_app()


def django_doors():
    from django.core.wsgi import get_wsgi_application

    return get_wsgi_application()


DOORS = {
    "django": django_doors,
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
        path, _ = route(source)
    except InvalidEvent:
        path = None
    try:
        reply = handler({"source": source}, CONTEXT)
    except InvalidEvent:
        return path, None
    return path, reply["body"] if reply["status_code"] == "200" else None


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


LOCKS = [
    # (patterns, source, whether it is accepted)
    ("com.example.*", "com.example.orders", True),
    ("com.example.*", "com.other", False),
    ("com.example.*,aws.*", "aws.ec2", True),
    (" com.example.* , aws.* ", "aws.ec2", True),
    ("com.example.*", "COM.EXAMPLE.orders", False),
    ("com.example.orders", "com.example.orders?copy=1", True),
    ("com.example.orders", "com.example.orders#1", True),
    ("*.example.com", "admin?.example.com", False),
    ("*.example.com", "admin#.example.com", False),
    ("*.example.com", "shop.example.com", True),
    ("https://github.com/*", "https://github.com/cloudevents", True),
    ("orders-[!x]*", "orders-%78", False),
    ("orders-[!x]*", "orders-%79", True),
    ("orders/?", "orders/%37", True),
    ("orders", "/orders", False),
]


@pytest.mark.parametrize(("patterns", "source", "accepted"), LOCKS)
def test_sources_lock(monkeypatch, patterns, source, accepted):
    """CLOUD_EVENTS_SOURCES lets in what its patterns describe as far as it decides the path, and nothing else."""
    monkeypatch.setenv("CLOUD_EVENTS_SOURCES", patterns)
    recorder = Recorder()
    handler = recorder.handler("wsgi")
    if accepted:
        handler({"source": source}, CONTEXT)
        assert len(recorder.environs) == 1
        return
    with pytest.raises(
        InvalidEvent,
        match=r"^matcher 'source', \$\.source: the value matches none of the patterns of CLOUD_EVENTS_SOURCES$",
    ):
        handler({"source": source}, CONTEXT)
    assert recorder.environs == []


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
    recorder = Recorder()
    rows = [Matcher("mine", {"$.my": str}, lambda event: event["my"])]
    handler = recorder.handler("wsgi", matchers=rows, delivery=delivery, response="native")
    with pytest.raises(InvalidEvent, match=f"matcher '{name}', .*CLOUD_EVENTS_SOURCES"):
        handler(DYNAMIC[name], CONTEXT)
    assert recorder.environs == []
    handler(sample("s3"), CONTEXT)
    assert recorder.environs[-1]["PATH_INFO"] == "/aws.s3"


@pytest.mark.parametrize("leg", LEGS)
def test_prefix_confines_all(monkeypatch, leg):
    """With CLOUD_EVENTS_PATH_PREFIX no event, of whatever row or of none, reaches a path outside of it."""
    monkeypatch.setenv("CLOUD_EVENTS_PATH_PREFIX", "/events")
    recorder = Recorder()
    handler = recorder.handler(leg, matchers=[Matcher("mine", {"$.my": str}, lambda event: event["my"])])
    events = [*DYNAMIC.values(), sample("s3"), {}, None, [], [DYNAMIC["cloudevent"]], sample("pipes")]
    events += [{"source": source} for source in SOURCES]
    for event in events:
        try:
            handler(event, CONTEXT)
        except InvalidEvent:
            continue
        seen = (recorder.environs or recorder.scopes)[-1]
        path = seen["PATH_INFO" if leg == "wsgi" else "path"]
        assert path.startswith("/events/")
        assert {".", ".."}.isdisjoint(path.split("/"))
    assert len(recorder.bodies) == len(DYNAMIC) + 6 + sum(path[0] == "/" for path in SOURCES.values())


# Headers


NATIVE = {"specversion": "1.0", "id": "1", "type": "t", "source": "shop"}
PLANTS = ["host", "cookie", "authorization", "xforwardedfor", "xforwardedhost", "remoteuser", "contenttype", "httphost"]
TYPED = ("content-length", "content-type")


@pytest.mark.parametrize(("leg", "mode"), [*product(LEGS, ["event", "binary", "structured"])])
def test_nothing_but_attributes_becomes_a_header(leg, mode):
    """A CloudEvent with attributes that are named like headers has them under ce-*, or nowhere."""
    recorder = Recorder()
    event = NATIVE | dict.fromkeys(PLANTS, "evil") | {"data": {"headers": {"Host": "evil"}, "HTTP_HOST": "evil"}}
    recorder.handler(leg, content_mode=mode)(event, CONTEXT)
    names = {f"ce-{name}" for name in [*NATIVE, *PLANTS]} if mode == "binary" else set()
    assert {name for name, _ in recorder.headers()} == names | set(TYPED)
    if leg == "wsgi":
        assert "REMOTE_USER" not in recorder.environs[-1]
        assert recorder.environs[-1]["SERVER_NAME"] == "localhost"


LINE_ENDS = ["\r\nHost: evil", "\n", "\r", "\x00", "\x0b", "\x85", "\x7f"]


@pytest.mark.parametrize(("leg", "mode", "end"), [*product(LEGS, ["event", "binary"], LINE_ENDS)], ids=ascii)
def test_line_end_in_an_event_of_aws_is_left_out(leg, mode, end):
    """What no attribute may be is none: an S3 key with a line's end has no ce-subject."""
    recorder = Recorder()
    event = sample("s3")
    event["Records"][0]["s3"]["object"]["key"] = f"key{end}"
    event["Records"][0]["s3"]["bucket"]["name"] = f"bucket{end}"
    event["Records"][0]["eventName"] = f"Name{end}"
    recorder.handler(leg, content_mode=mode)(event, CONTEXT)
    headers = recorder.headers()
    assert "ce-subject" not in dict(headers)
    assert all(re.fullmatch("[!-~]+", value) for name, value in headers if name not in TYPED)


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
MODES = [*product(LEGS, ["event", "binary", "structured"], ["batch", "record"])]


@pytest.mark.parametrize("place", PLACES)
def test_nesting_is_delivered_or_refused(writer, place):
    """An event nested as deeply as the JSON parser can read, or deeper, is delivered whole or refused, on each leg."""
    limit = deepest()
    rows = [Matcher("descent", {"$..nothing": ...}, "/nothing")]
    modes = [("wsgi", "event", "batch"), ("asgi", "binary", "batch"), ("wsgi", "structured", "batch")]
    modes += [("asgi", "event", "record"), ("wsgi", "binary", "record")]
    for depth, (leg, content_mode, delivery) in product((limit - 10, limit, 20_000), modes):
        matchers = rows if (leg, content_mode) == ("wsgi", "event") else []
        recorder = Recorder()
        kind = "dict" if delivery == "batch" else "list"
        event = PLACES[place](nested(depth, kind))
        handler = recorder.handler(
            leg, content_mode=content_mode, delivery=delivery, matchers=matchers, response="native"
        )
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


def test_rich_path_that_finds_no_room_on_the_stack():
    """Where jsonpath-ng runs out of stack the event is refused; it is not taken for one that has no match."""
    find = finder("$..nothing")

    def deeper():
        try:
            return deeper()
        except RecursionError:
            return find({"a": [1]})

    with pytest.raises(InvalidEvent, match=r"^the event is nested too deeply for '\$\.\.nothing'$"):
        deeper()


def test_shallow_nesting_is_delivered(writer):
    """Nesting that people use is no reason to refuse an event."""
    recorder = Recorder()
    recorder.handler("wsgi")({"a": nested(90, "dict")}, CONTEXT)
    assert json.loads(recorder.bodies[0]) == {"a": nested(90, "dict")}


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
        recorder = Recorder()
        recorder.handler(leg, content_mode=content_mode, delivery=delivery)(event, CONTEXT)
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
@pytest.mark.parametrize("delivery", ["batch", "record"])
@pytest.mark.parametrize("content_mode", ["event", "structured"])
@pytest.mark.parametrize("name", KINDS)
def test_work_grows_with_the_records_and_no_faster(name, content_mode, delivery):
    """Four times the records take four times the work, whether all succeed or all are reported as failed."""

    def application(environ, start_response):
        body = json.loads(environ["wsgi.input"].read())
        records = body.get("Records", []) if isinstance(body, dict) else []
        failed = [{"itemIdentifier": record["messageId"]} for record in records if "messageId" in record]
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps({"batchItemFailures": failed * reporting}).encode()]

    handler = make_handler(application, content_mode=content_mode, delivery=delivery)
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

    def application(environ, start_response):
        start_response("200 OK", [])
        return []

    handler = make_handler(application, content_mode=mode)

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
