"""Hostile events: where they may go, what of them becomes a header, and how much of them the library can stand."""

import contextlib
import json
import os
import re
import sys
import tracemalloc
from itertools import product

import bottle
import falcon
import falcon.asgi
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


# The path


WORKED = {
    "com.my.event": "/com.my.event",
    "https://github.com/cloudevents": "/https:/github.com/cloudevents",
    "//host/p": "/host/p",
    "a/b": "/a/b",
    "/a//b///c/": "/a/b/c/",
    "a%2Fb": "/a/b",
    "a%2f%2Fb": "/a/b",
    "%252e%252e/a": "/%2e%2e/a",
    "a%": "/a%",
    "a%4": "/a%4",
    "a%zz": "/a%zz",
    "a\\..\\b": "/a\\..\\b",
    "a%5C..%5cb": "/a\\..\\b",
    "..a/b..": "/..a/b..",
    ".../a": "/.../a",
    "a;b=../c": "/a;b=../c",
    "é/%C3%A9": "/é/é",
    "a b": "/a b",
    "\uff0e\uff0e/a": "/\uff0e\uff0e/a",
    "a#/../b": "/a",
    "a?/../b": "/a",
    "a#?\x00"[:2]: "/a",
    "x" * 100_000: "/" + "x" * 100_000,
    "/" * 100_000 + "a": "/a",
    "%41" * 33_000: "/" + "A" * 33_000,
}

DOTS = "'.' or '..' segments"
CONTROLS = "control characters"
REFUSED = {
    "..": DOTS,
    ".": DOTS,
    "../admin": DOTS,
    "a/../admin": DOTS,
    "a/./b": DOTS,
    "a/..": DOTS,
    "%2e%2e/admin": DOTS,
    "%2E./admin": DOTS,
    "a%2f..%2fadmin": DOTS,
    "a%2F%2e%2e%2Fadmin": DOTS,
    "//../a": DOTS,
    "a\r\nHost: evil": CONTROLS,
    "a%0d%0aHost:%20evil": CONTROLS,
    "a\x00": CONTROLS,
    "a%00": CONTROLS,
    "a\x7f": CONTROLS,
    "a\x85b": CONTROLS,
    "a%C2%85": CONTROLS,
    "a?b\r\nc": CONTROLS,
    "a?\x00": CONTROLS,
    "a\ud800": "unpaired surrogates",
    "a?\udfff": "unpaired surrogates",
    "%C0%AE%C0%AE/a": "escapes (or surrogates) that are not UTF-8",
    "%C0%AFadmin": "escapes (or surrogates) that are not UTF-8",
    "%E0%80%AFadmin": "escapes (or surrogates) that are not UTF-8",
    "%FF": "escapes (or surrogates) that are not UTF-8",
    "%ED%A0%80": "escapes (or surrogates) that are not UTF-8",
    "%41\ud800": "escapes (or surrogates) that are not UTF-8",
}


@pytest.mark.parametrize("leg", LEGS)
def test_source_becomes_the_path_that_it_says(leg):
    """Every worked example of the path rule, as the application sees it."""
    recorder = Recorder()
    handler = recorder.handler(leg)
    paths = []
    for source in WORKED:
        handler({"source": source}, CONTEXT)
        seen = (recorder.environs or recorder.scopes)[-1]
        paths.append(seen["PATH_INFO"].encode("latin-1").decode() if leg == "wsgi" else seen["path"])
    assert paths == list(WORKED.values())


@pytest.mark.parametrize("source", REFUSED, ids=ascii)
def test_source_that_could_mean_another_path_is_refused(source):
    """What one framework might read as another path is refused, with its fault, and reaches no application."""
    recorder = Recorder()
    with pytest.raises(InvalidEvent) as caught:
        recorder.handler("wsgi")({"source": source}, CONTEXT)
    assert str(caught.value) == f"matcher 'source', $.source: the path must not have {REFUSED[source]}"
    assert recorder.environs == []


@pytest.mark.parametrize("source", ["?", "#a", "?/admin", "#"])
def test_source_without_a_path_is_refused(source):
    """A query or a fragment alone is no path."""
    with pytest.raises(
        InvalidEvent,
        match=r"^matcher 'source', \$\.source: the path must come from a string that is not empty "
        r"\(before any '\?' or '#'\)$",
    ):
        Recorder().handler("wsgi")({"source": source}, CONTEXT)


def says(name):
    """The path that a route is called by, filled with what it took from the path."""
    return lambda **values: name.format(**values)


def flask_doors():
    application = Flask("doors", static_folder=None)
    for name in ("/", "/admin", "/admin/", "/aws.s3", "/orders/<key>", "/orders/<key>/admin", "/files/<path:rest>"):
        text = re.sub("<(path:)?([a-z]+)>", r"{\2}", name)
        application.add_url_rule(name, name.replace(".", "_"), says(text), methods=["POST"])
    return application


def bottle_doors():
    application = bottle.Bottle()
    for name in ("/", "/admin", "/admin/", "/aws.s3", "/orders/<key>", "/orders/<key>/admin", "/files/<rest:path>"):
        application.route(name, "POST", says(re.sub("<([a-z]+)(:path)?>", r"{\1}", name)))
    return application


def starlette_doors():
    def endpoint(text):
        async def answer(request):
            return PlainTextResponse(text.format(**request.path_params))

        return answer

    names = ("/", "/admin", "/admin/", "/aws.s3", "/orders/{key}", "/orders/{key}/admin", "/files/{rest:path}")
    return Starlette(routes=[Route(name, endpoint(name.replace(":path", "")), methods=["POST"]) for name in names])


def falcon_doors(leg):
    class Door:
        def __init__(self, name):
            self.name = name

        def on_post(self, request, response, **values):
            response.text = self.name.format(**values)

    class AsyncDoor(Door):
        async def on_post(self, request, response, **values):
            response.text = self.name.format(**values)

    application = falcon.App() if leg == "wsgi" else falcon.asgi.App()
    for name in ("/", "/admin", "/aws.s3", "/orders/{key}", "/orders/{key}/admin", "/files/{rest:path}"):
        door = (Door if leg == "wsgi" else AsyncDoor)(name.replace(":path", ""))
        application.add_route(name, door)
    return application


def pyramid_doors():
    from pyramid.response import Response

    def view(text):
        return lambda request: Response(text.format(**request.matchdict))

    with Configurator() as config:
        for name in ("/", "/admin", "/admin/", "/aws.s3", "/orders/{key}", "/orders/{key}/admin", r"/files/{rest:.*}"):
            config.add_route(name, name)
            config.add_view(view(name.replace(":.*", "")), route_name=name)
        return config.make_wsgi_app()


def django_doors(leg):
    from django.core.asgi import get_asgi_application
    from django.core.wsgi import get_wsgi_application

    return get_wsgi_application() if leg == "wsgi" else get_asgi_application()


DOORS = {
    "django": lambda: django_doors("wsgi"),
    "django-asgi": lambda: django_doors("asgi"),
    "flask": flask_doors,
    "starlette": starlette_doors,
    "falcon": lambda: falcon_doors("wsgi"),
    "falcon-asgi": lambda: falcon_doors("asgi"),
    "pyramid": pyramid_doors,
    "bottle": bottle_doors,
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
    *(
        "%c0%ae",
        "%c3%a9",
        "é",
        "\uff0e",
        "\uff0f",
        "\ud800",
        "admin",
        "ADMIN",
        "aws.s3",
        "orders",
        "files",
        "7",
        "a",
        "http:",
    ),
]
MEANINGS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
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
        match=r"^matcher 'source', \$\.source: the value is not among the patterns of CLOUD_EVENTS_SOURCES$",
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
    events += [{"source": source} for source in [*WORKED, *REFUSED]]
    for event in events:
        try:
            handler(event, CONTEXT)
        except InvalidEvent:
            continue
        seen = (recorder.environs or recorder.scopes)[-1]
        path = seen["PATH_INFO" if leg == "wsgi" else "path"]
        assert path.startswith("/events/")
        assert {".", ".."}.isdisjoint(path.split("/"))
    assert len(recorder.bodies) == len(DYNAMIC) + 6 + len(WORKED)


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
        assert not {"HTTP_HOST", "HTTP_COOKIE", "HTTP_AUTHORIZATION", "REMOTE_USER", "HTTP_X_FORWARDED_FOR"} & {
            *recorder.environs[-1]
        }
        assert recorder.environs[-1]["SERVER_NAME"] == "localhost"


@pytest.mark.parametrize("name", ["Host", "x-forwarded-for", "a_b", "a b", "a\r\nHost", "é", "", "content-type", "a:"])
def test_name_that_is_no_attribute_is_refused(name):
    """An attribute whose name could end a header's name, or be another's, is refused before it is written."""
    with pytest.raises(
        InvalidEvent, match=r"^malformed CloudEvent: every attribute's name must be of a-z and 0-9 only$"
    ):
        Recorder().handler("wsgi", content_mode="binary")(NATIVE | {name: "x"}, CONTEXT)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a b", "a%20b"),
        ("Euro € 😀", "Euro%20%E2%82%AC%20%F0%9F%98%80"),
        ('"quoted"', "%22quoted%22"),
        ("50%", "50%25"),
        ("a%0d%0aHost: x", "a%250d%250aHost:%20x"),
        ("\u2028\u2029\xa0", "%E2%80%A8%E2%80%A9%C2%A0"),
        (True, "true"),
        (-7, "-7"),
    ],
)
@pytest.mark.parametrize("leg", LEGS)
def test_value_of_an_attribute_is_percent_encoded(leg, value, written):
    """A header that carries an attribute holds printable ASCII only, without space, quote or bare per cent sign."""
    recorder = Recorder()
    recorder.handler(leg, content_mode="binary")(NATIVE | {"extra": value}, CONTEXT)
    assert dict(recorder.headers())["ce-extra"] == written


LINE_ENDS = ["\r\nHost: evil", "\n", "\r", "\x00", "\x0b", "\x85", "\x7f"]


@pytest.mark.parametrize("end", LINE_ENDS, ids=ascii)
def test_line_end_in_a_native_attribute_is_refused(end):
    """A control character in an attribute of a native CloudEvent is a fault."""
    with pytest.raises(InvalidEvent, match="must not have control characters, surrogates or noncharacters"):
        Recorder().handler("wsgi", content_mode="binary")(NATIVE | {"subject": f"a{end}"}, CONTEXT)


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


@pytest.mark.parametrize(
    "content_type",
    ["text/html", "application/xml; charset=utf-8", 'multipart/mixed; boundary="a, b"', "image/svg+xml;a=%0d%0a"],
)
@pytest.mark.parametrize("leg", LEGS)
def test_content_type_is_verbatim(leg, content_type):
    """The content type of a native event in binary mode is its datacontenttype, character by character."""
    recorder = Recorder()
    recorder.handler(leg, content_mode="binary")(NATIVE | {"datacontenttype": content_type, "data": "x"}, CONTEXT)
    assert dict(recorder.headers())["content-type"] == content_type


@pytest.mark.parametrize(
    "content_type",
    ["text/html\r\nHost: evil", "text/html\n", "text", "text/", "/html", "te xt/html", "text/html é", "", 7, "a/b\x00"],
    ids=ascii,
)
def test_content_type_that_is_none_is_refused(content_type):
    """A datacontenttype that is no media type in printable ASCII is a fault."""
    event = NATIVE | {"datacontenttype": content_type, "data": "x"}
    with pytest.raises(InvalidEvent, match="'datacontenttype' must be a media type in printable ASCII"):
        Recorder().handler("wsgi", content_mode="binary")(event, CONTEXT)


TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"


@pytest.mark.parametrize("leg", LEGS)
def test_trace_id_comes_from_the_environment_alone(monkeypatch, leg):
    """x-amzn-trace-id is Lambda's own, whatever an event says; without Lambda's there is none."""
    event = sample("sqs__one-record")
    event["Records"][0]["attributes"]["AWSTraceHeader"] = "evil"
    event |= {"x-amzn-trace-id": "evil", "_X_AMZN_TRACE_ID": "evil", "headers": {"x-amzn-trace-id": "evil"}}
    recorder = Recorder()
    recorder.handler(leg)(event, CONTEXT)
    assert "x-amzn-trace-id" not in dict(recorder.headers())
    monkeypatch.setenv("_X_AMZN_TRACE_ID", TRACE)
    recorder.handler(leg)(event, CONTEXT)
    assert dict(recorder.headers())["x-amzn-trace-id"] == TRACE
    for bad in (f"{TRACE}\r\nHost: evil", f"{TRACE}é"):
        monkeypatch.setenv("_X_AMZN_TRACE_ID", bad)
        recorder.handler(leg)(event, CONTEXT)
        assert "x-amzn-trace-id" not in dict(recorder.headers())


# How much


@pytest.fixture(params=["orjson", "json"])
def writer(request, monkeypatch):
    """The writer of JSON: the quick one where it is installed, and the standard library's."""
    if request.param == "json":
        monkeypatch.setattr(encoding, "use_orjson", lambda: None)
        monkeypatch.setattr(cloud_events.handler, "use_orjson", lambda: None, raising=False)
        monkeypatch.setattr(encoding, "_quick", None)
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
    for depth, (leg, content_mode, delivery) in product((limit - 10, limit, 20_000), MODES):
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


@pytest.mark.parametrize("delivery", ["batch", "record"])
@pytest.mark.parametrize("leg", LEGS)
def test_ten_thousand_records(leg, delivery):
    """The longest batch of SQS is delivered, in one request or in ten thousand, and its failures are reported."""
    recorder = Recorder()
    event = of_records("sqs", 10_000)
    reply = recorder.handler(leg, delivery=delivery, response="native")(event, CONTEXT)
    assert reply == {"batchItemFailures": []}
    assert len(recorder.bodies) == (10_000 if delivery == "record" else 1)
    assert sum(body.count(b'"messageId"') for body in recorder.bodies) == 10_000


@pytest.mark.parametrize(
    "charset", ["idna", "punycode", "PunyCode", "punycode!", "-idna-", "x" * 41, "rot13", "undefined"]
)
def test_charset_that_is_none_is_refused(charset):
    """Of Python's codecs those that are no charset are refused; two of them take the square of a text's length."""
    event = NATIVE | {"datacontenttype": f"text/plain; charset={charset}", "data": "é" * 1_000_000}
    with pytest.raises(
        InvalidEvent,
        match=r"^malformed CloudEvent: 'data' must be text in the charset that 'datacontenttype' names$",
    ):
        Recorder().handler("wsgi", content_mode="binary")(event, CONTEXT)


@pytest.mark.parametrize("charset", ["utf-8", "UTF-16", "iso-8859-1", "windows-1252", "koi8-u", "shift_jis"])
def test_charset_that_is_one_is_used(charset):
    """Text is written in the charset that its type names."""
    recorder = Recorder()
    event = NATIVE | {"datacontenttype": f"text/plain; charset={charset}", "data": "abc"}
    recorder.handler("wsgi", content_mode="binary")(event, CONTEXT)
    assert recorder.bodies == ["abc".encode(charset)]


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
