"""The website in the same function: HTTP requests, answered by the application that events are sent to."""

import asyncio
import copy
import json
import os
import signal
import threading
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import falcon
import pytest
from apig_wsgi import make_lambda_handler
from flask import Flask
from mangum import Mangum
from starlette.applications import Starlette

from apps import website
from cloud_events import ConfigurationError, StartupFailed, UnsupportedEvent, make_handler
from cloud_events.application import interface_of
from cloud_events.interface.loop import LOOP
from conftest import Context, sample
from legs import Answer, answer, application, both_legs
from runtime_api import Runtime

S3 = sample("s3")
PACKAGES = {"wsgi": "apig-wsgi", "asgi": "mangum"}


USED, BROKEN = sample("http.functionurl"), sample("http.functionurl")
USED["requestContext"]["http"]["path"] = USED["rawPath"] = "/used"


class Supplier(BaseHTTPRequestHandler):
    """Answers with the port of the client, by which one connection is told from another, and keeps it open."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = str(self.client_address[1]).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode() + body)


@pytest.fixture(autouse=True)
def supplier(monkeypatch):
    with ThreadingHTTPServer(("127.0.0.1", 0), Supplier) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        monkeypatch.setenv("SUPPLIER", f"http://127.0.0.1:{server.server_port}")
        yield
        LOOP.close()
        server.shutdown()


def uses(replies):
    """How often the tools were used after each request, if it was always the same connection."""
    answers = [json.loads(reply["body"]) for reply in replies]
    assert len({each["port"] for each in answers}) == 1
    return [each["used"] for each in answers]


ORDERS = pytest.mark.parametrize("events", [(S3, USED, S3), (USED, S3, USED)], ids=["event first", "HTTP first"])


@pytest.mark.parametrize("make", website.MAKE.values(), ids=website.MAKE)
class TestOneLifespan:
    @ORDERS
    def test_of_requests_and_events(self, make, events):
        """What was made in the lifespan is used from both sides, wherever they are called."""
        handle = make_handler(make(), http_handler="mangum")
        assert uses(everywhere(handle, events)) == [*range(2, 26, 2)]

    @ORDERS
    @pytest.mark.usefixtures("mangums_loop")
    def test_of_a_handler_of_ones_own(self, make, events):
        """A Mangum of the user's runs the application on the same loop. It does not know the lifespan's state."""
        app = make()
        handle = make_handler(app, http_handler=Mangum(app, lifespan="off"))
        replies = everywhere(handle, events)
        if make in (website.fastapi, website.starlette):
            assert {reply["statusCode"] for reply in replies if "statusCode" in reply} == {500}
            replies = [reply for reply in replies if "statusCode" not in reply]
        assert uses(replies) == [*range(2, 2 * len(replies) + 2, 2)]

    def test_of_a_function(self, make):
        """The same under AWS's own runtime client, which starts the application in its init phase."""
        settings = {"ASGI_APPLICATION": "apps.website.application", "CLOUD_EVENTS_HTTP_HANDLER": "mangum"}
        settings |= {"FRAMEWORK": make.__name__, "SUPPLIER": os.environ["SUPPLIER"]}
        with Runtime("cloud_events.handler.handler", **settings) as runtime:
            replies = [runtime.invoke(event).value for event in (S3, USED) * 3]
            assert runtime.terminate() == -signal.SIGTERM
        assert (uses(replies), runtime.stderr) == ([2, 4, 6, 8, 10, 12], "")


def everywhere(handle, events):
    """The replies to *events*, handed over on this thread, on another, inside a running loop, and after one."""

    async def inside_a_loop(call):
        return call()

    replies = []
    for call in [partial(handle, event, Context()) for event in events]:
        with ThreadPoolExecutor(1) as executor:
            replies += [call(), executor.submit(call).result(), asyncio.run(inside_a_loop(call)), call()]
    return replies


def test_startup_that_fails():
    """A failed startup fails HTTP requests and events alike; each tries again."""
    tries = []

    @asynccontextmanager
    async def lifespan(app):
        tries.append(app)
        raise LookupError("no database")
        yield

    handle = make_handler(Starlette(lifespan=lifespan), http_handler="mangum")
    for event in (USED, S3):
        with pytest.raises(StartupFailed, match="no database"):
            handle(event, Context())
    assert len(tries) == 2


COOKIE = "{}=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT"
HEADERS = [(name, value) for kind in "ab" for name, value in (("X-Kind", kind), ("Set-Cookie", COOKIE.format(kind)))]


def page_of(path, body):
    """A picture, or what the application sees of a request."""
    if path == "/picture":
        return Answer(201, b"\x89PNG\r\n\xff", [("Content-Type", "image/png"), *HEADERS])
    return Answer(201, f"{path} {body}".encode(), [("Content-Type", "text/plain"), *HEADERS])


SHAPES = ["apigw1", "apigw1__http-api", "apigw2", "functionurl", "alb", "alb__multi-value"]
TITLE = '"Émma"'
BODIES = {
    "nothing": {"body": ""},
    "text": {"body": TITLE, "isBase64Encoded": False},
    "base64": {"body": b64encode(TITLE.encode()).decode(), "isBase64Encoded": True},
}


@pytest.mark.usefixtures("mangums_loop")
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("path", ["/picture", "/text"])
@pytest.mark.parametrize("shape", SHAPES)
@both_legs
def test_answers(leg, shape, path, body):
    """Each shape of a request gets what the package alone answers to it, or raises."""
    app = application(leg, page_of)
    event = sample(f"http.{shape}") | BODIES[body] | {"rawPath" if "2" in shape or "url" in shape else "path": path}
    if "http" in event["requestContext"]:
        event["requestContext"]["http"] |= {"method": "POST", "path": path}
    handlers = make_handler(app, http_handler=PACKAGES[leg]), {"wsgi": make_lambda_handler, "asgi": Mangum}[leg](app)
    if (leg, path) == ("wsgi", "/picture") and "apigw1" in shape:
        # apig-wsgi takes the API for one without binary media types.
        for handler in handlers:
            with pytest.raises(UnicodeDecodeError):
                handler(copy.deepcopy(event), Context())
        return
    told = handlers[0](copy.deepcopy(event), Context())
    assert (told["statusCode"], told) == (201, handlers[1](copy.deepcopy(event), Context()))


@pytest.mark.parametrize("name", ["http.lattice1", "http.lattice2"])
@both_legs
def test_lattice(leg, name):
    """VPC Lattice, which no package takes, needs a handler of one's own."""
    sender = f"VPC Lattice, payload {name[-1]}.0"
    view = application(leg, lambda *_: answer("no"))
    with pytest.raises(UnsupportedEvent) as caught:
        make_handler(view, http_handler=PACKAGES[leg])(sample(name), Context())
    assert str(caught.value) == (
        f"this is an HTTP request, from {sender}, which {PACKAGES[leg]} does not support: set "
        "CLOUD_EVENTS_HTTP_HANDLER to the dotted path of a Lambda handler of your own"
    )
    assert make_handler(view, http_handler=lambda event, context: "yes")(sample(name), Context()) == "yes"


def plain(event, context): ...


WRONG = "CLOUD_EVENTS_HTTP_HANDLER: this is an application, not a Lambda handler of event and context; write {!r}, and "
WRONG += "the library makes the handler"


@pytest.mark.parametrize("handler", [plain, partial(plain), print, lambda event, context=None, *more, **options: None])
@both_legs
def test_a_handler(leg, handler):
    """Whatever may be called with event and context is one."""
    make_handler(application(leg, plain), http_handler=handler)


# The parameters of Falcon's have names of their own.
APPLICATIONS = [Flask("shop"), Flask("shop").wsgi_app, falcon.App(), lambda one, two, three: None]
APPLICATIONS += [make() for make in website.MAKE.values()]


@pytest.mark.parametrize("app", APPLICATIONS)
@both_legs
def test_an_application(leg, app, monkeypatch):
    """It is refused, the one of the handler and any other, with the word to write."""
    monkeypatch.setattr(website, "application", app)
    monkeypatch.setenv("CLOUD_EVENTS_HTTP_HANDLER", "apps.website.application")
    applications = [application(leg, plain)] + [app] * (interface_of(app) == leg)
    for keywords in ({"http_handler": app}, {}):
        for served in applications:
            with pytest.raises(ConfigurationError) as caught:
                make_handler(served, **keywords)
            assert str(caught.value) == WRONG.format(PACKAGES[leg])


def test_the_application_itself():
    """It is refused by itself, whatever its parameters are called."""
    with pytest.raises(ConfigurationError) as caught:
        make_handler(plain, "wsgi", http_handler=plain)
    assert str(caught.value) == WRONG.format("apig-wsgi")


@both_legs
def test_the_package_for_the_other_interface(leg, monkeypatch):
    """It is refused with the right one."""
    wrong, right = PACKAGES[{"wsgi": "asgi", "asgi": "wsgi"}[leg]], PACKAGES[leg]
    monkeypatch.setenv("CLOUD_EVENTS_HTTP_HANDLER", wrong)
    with pytest.raises(ConfigurationError) as caught:
        make_handler(application(leg, plain))
    assert str(caught.value) == (
        f"CLOUD_EVENTS_HTTP_HANDLER={wrong!r}: this application speaks {leg.upper()}; write {right!r}"
    )


@both_legs
def test_contexts(leg):
    """An HTTP request and an event see what their caller has bound, and nothing that another has."""
    variable, found = ContextVar("variable", default="nothing"), []

    def view(path, event):
        found.append(variable.get())
        variable.set("a view's")
        return answer("done")

    handle = make_handler(application(leg, view), http_handler=PACKAGES[leg])
    for bound in ("nothing", "the caller's"):
        variable.set(bound)
        for event in (USED, S3, USED):
            handle(event | {"body": "null", "isBase64Encoded": False}, Context())
        assert variable.get() == bound
    assert found == ["nothing"] * 3 + ["the caller's"] * 3


class TestLoan:
    """Somebody else's code runs the loop of the process, which is the current one of its thread meanwhile."""

    def test_is_given_back(self):
        """What was current before is again; where there was none, none is made."""
        during = []

        def handler(event, context):
            during.append(asyncio.get_event_loop())
            assert during[-1].run_until_complete(asyncio.sleep(0, "done")) == "done"
            if event is BROKEN:
                raise LookupError

        handle = make_handler(application("asgi", page_of), http_handler=handler)
        asyncio.set_event_loop(None)
        handle(USED, Context())
        with pytest.raises(RuntimeError):
            asyncio.get_event_loop()
        with asyncio.Runner() as runner:
            asyncio.set_event_loop(runner.get_loop())
            with pytest.raises(LookupError):
                handle(BROKEN, Context())
            assert asyncio.get_event_loop() is runner.get_loop()
        assert during == [LOOP.current] * 2

    @pytest.mark.parametrize("inner", [S3, USED], ids=["event", "HTTP"])
    @pytest.mark.parametrize("outer", [S3, USED], ids=["event", "HTTP"])
    def test_inside_a_view(self, outer, inner):
        """A view may hand the handler an event or a request in a thread. Only HTTP inside HTTP would never end."""
        replies = []

        async def view():
            if not replies:
                replies.append(None)
                replies.append(status(await asyncio.to_thread(handle, inner, Context())))

        handle = served(view)
        answered = status(handle(outer, Context()))
        assert (answered, replies[1:]) == ((500, []) if outer is inner is USED else (204, [204]))

    def test_of_a_handler_that_passes_a_request_on(self):
        """A handler may call ours again, outside of the loop, and the same thread goes on with the loan."""

        def handler(event, context):
            if event is USED:
                return handle(BROKEN, context)
            return asyncio.get_event_loop().run_until_complete(asyncio.sleep(0, "done"))

        handle = make_handler(application("asgi", page_of), http_handler=handler)
        assert [handle(USED, Context()), handle(BROKEN, Context())] == ["done"] * 2

    def test_of_a_handler_that_delivers_events(self):
        """A handler of one's own may hand on what it has made of a request."""
        handle = make_handler(application("asgi", page_of), http_handler=lambda event, context: handle(S3, context))
        assert status(handle(USED, Context())) == 201

    def test_that_is_waited_for_in_vain(self):
        """Ctrl-C ends the wait for the loop, which stays with the thread that runs it."""
        begun, gate = threading.Event(), threading.Event()

        async def view():
            begun.set()
            gate.wait()

        handle, before = served(view), signal.signal(signal.SIGINT, signal.default_int_handler)
        interrupt = threading.Timer(0.1, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT))
        try:
            with ThreadPoolExecutor(1) as executor:
                reply = executor.submit(handle, S3, Context())
                begun.wait()
                interrupt.start()
                with pytest.raises(KeyboardInterrupt):
                    handle(USED, Context())
                gate.set()
                assert status(reply.result()) == 204
        finally:
            signal.signal(signal.SIGINT, before)
        assert status(handle(USED, Context())) == 204

    def test_at_the_same_time(self):
        """Requests and events of several threads are all answered, in one loop."""
        loops = set()

        async def view():
            loops.add(asyncio.get_running_loop())
            await asyncio.sleep(0.002)

        handle = served(view)
        with ThreadPoolExecutor(8) as executor:
            replies = [*executor.map(lambda number: handle((S3, USED)[number % 2], Context()), range(200))]
        assert ({*map(status, replies)}, loops) == ({204}, {LOOP.current})


def served(view):
    async def app(scope, receive, send):
        await view()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    return make_handler(app, lifespan="off", http_handler="mangum")


def status(reply):
    return reply["statusCode"] if "statusCode" in reply else int(reply["status_code"])
