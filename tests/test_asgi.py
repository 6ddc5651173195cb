"""ASGI's HTTP: the scope of every event, and whatever an application may receive and send."""

import asyncio
import traceback
from urllib.parse import unquote

import pytest

from cloud_events import ConfigurationError, make_handler
from cloud_events.errors import ProtocolError
from cloud_events.interface.asgi import DEFAULT_SCOPE, Interface
from cloud_events.interface.loop import LOOP
from conftest import Context
from deliveries import BODY, EVENT, request, scope_of

START = {"type": "http.response.start", "status": 200}
END = {"type": "http.response.body"}


@pytest.fixture(autouse=True)
def closing_time():
    """Every test ends what it started."""
    yield
    LOOP.close()


def check_scope(scope):
    """Assert that *scope* is one of HTTP, by the specification's "HTTP Connection Scope"."""
    assert type(scope) is dict
    assert scope["type"] == "http"
    assert {type(value) for value in scope["asgi"].values()} == {str}
    assert scope["asgi"]["version"] == "3.0"
    assert scope["http_version"] in ("1.0", "1.1", "2")
    for key in ("method", "scheme", "path"):
        assert type(scope[key]) is str
        assert scope[key]
    assert scope["method"] == scope["method"].upper()
    assert type(scope["raw_path"]) is bytes
    assert unquote(scope["raw_path"].decode("ascii"), errors="strict") == scope["path"]
    assert b"?" not in scope["raw_path"]
    assert type(scope["query_string"]) is bytes
    assert scope["query_string"].isascii()
    assert type(scope["root_path"]) is str
    for name, value in scope["headers"]:
        assert (type(name), type(value)) == (bytes, bytes)
        assert name == name.lower()
    for key in ("client", "server"):
        if scope[key] is not None:
            host, port = scope[key]
            assert type(host) is str
            assert port is None or type(port) is int


class TestScope:
    def test_defaults(self):
        """The README's environ as ASGI says it."""
        context = Context()
        scope = scope_of(context=context)
        delivery = scope.pop("cloud_events.delivery")
        assert (delivery.matcher, delivery.path) == ("books", "/books")
        assert scope == {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/books",
            "raw_path": b"/books",
            "root_path": "",
            "query_string": b"",
            "headers": [(b"content-type", b"application/json"), (b"content-length", b"18")],
            "client": None,
            "server": ("localhost", 80),
            "aws.event": EVENT,
            "aws.context": context,
        }
        assert scope["aws.event"] is EVENT

    def test_is_new_for_each_event(self):
        """What an application writes into its scope is not there for the next event, nor in the defaults."""
        seen = []

        async def application(scope, receive, send):
            seen.append((len(scope), len(scope["headers"])))
            scope["headers"].clear()
            scope.clear()
            await send(START)
            await send(END)

        interface = Interface(application, {"headers": {"Accept": "text/html"}}, "off")
        interface.call(request())
        interface.call(request())
        assert seen == [(len(DEFAULT_SCOPE) + 4, 3)] * 2

    JSON, LENGTH = (b"content-type", b"application/json"), (b"content-length", b"18")

    @pytest.mark.parametrize(
        ("user", "asked", "key", "value"),
        [
            # The user's before the default.
            ({"method": "get"}, {}, "method", "GET"),
            ({"asgi": {"spec_version": "2.3"}}, {}, "asgi", {"version": "3.0", "spec_version": "2.3"}),
            ({"http_version": "2"}, {}, "http_version", "2"),
            ({"scheme": "https"}, {}, "scheme", "https"),
            ({"query_string": b"a=1"}, {}, "query_string", b"a=1"),
            ({"query_string": "a=1"}, {}, "query_string", b"a=1"),
            ({"query_string": ""}, {}, "query_string", b""),
            ({"server": ["books.example", 8080]}, {}, "server", ("books.example", 8080)),
            ({"server": ("/run/books.sock", None)}, {}, "server", ("/run/books.sock", None)),
            ({"server": None}, {}, "server", None),
            ({"client": ("192.0.2.1", 0)}, {}, "client", ("192.0.2.1", 0)),
            ({"shop.shelf": ["Emma"]}, {}, "shop.shelf", ["Emma"]),
            ({"headers": [(b"Accept", b"text/html")]}, {}, "headers", [(b"accept", b"text/html"), JSON, LENGTH]),
            ({"headers": {"Accept": "caf\xe9"}}, {}, "headers", [(b"accept", b"caf\xe9"), JSON, LENGTH]),
            ({"headers": [["accept", ""]]}, {}, "headers", [(b"accept", b""), JSON, LENGTH]),
            ({"headers": [(b"a", b"1"), (b"a", b"2")]}, {}, "headers", [(b"a", b"1"), (b"a", b"2"), JSON, LENGTH]),
            ({"headers": {"Content-Type": "text/css"}}, {}, "headers", [(b"content-type", b"text/css"), LENGTH]),
            # The event's before the user's.
            ({"path": "/shop"}, {}, "path", "/books"),
            ({"raw_path": b"/shop"}, {}, "raw_path", b"/books"),
            ({"query_string": b"a=1"}, {"query": "b=%2F"}, "query_string", b"b=%2F"),
            ({"headers": {"content-length": "2"}}, {}, "headers", [JSON, LENGTH]),
            (
                {"headers": {"Content-Type": "text/css"}},
                {"content_type": "text/plain"},
                "headers",
                [(b"content-type", b"text/plain"), LENGTH],
            ),
            ({"headers": {"Content-Type": "text/css"}}, {"content_type": ""}, "headers", [LENGTH]),
            (
                {"headers": {"Ce-Type": "mine", "Accept": "text/html"}},
                {"headers": [("ce-type", "its")]},
                "headers",
                [(b"ce-type", b"its"), (b"accept", b"text/html"), JSON, LENGTH],
            ),
            ({"aws.event": "mine"}, {}, "aws.event", EVENT),
            # What only the event says.
            ({}, {"path": "/b\xfccher/\u2603"}, "path", "/b\xfccher/\u2603"),
            ({}, {"path": "/b\xfccher/\u2603"}, "raw_path", b"/b%C3%BCcher/%E2%98%83"),
            ({}, {"path": "/a b?c%2F"}, "raw_path", b"/a%20b%3Fc%252F"),
            # The path is the whole path.
            ({"root_path": "/shop"}, {}, "root_path", "/shop"),
            ({"root_path": "/shop"}, {}, "path", "/shop/books"),
            ({"root_path": "/b\xfc/"}, {}, "raw_path", b"/b%C3%BC/books"),
            ({"root_path": "/"}, {}, "path", "/books"),
            ({"root_path": ""}, {}, "root_path", ""),
        ],
    )
    def test_merge(self, user, asked, key, value):
        """Defaults, then the user's, then what the event determines; whatever was merged, it is a valid scope."""
        scope = scope_of(user, **asked)
        check_scope(scope)
        assert scope[key] == value
        assert type(scope[key]) is type(value)

    @pytest.mark.parametrize("method", ["get", "HEAD", "Trace", "connect"])
    def test_methods_without_a_body(self, method):
        """A method whose requests have no body sends none."""
        received = []

        async def application(scope, receive, send):
            received.append((scope["method"], dict(scope["headers"])[b"content-length"], await receive()))
            await send(START)
            await send(END)

        Interface(application, {"method": method}, "off").call(request())
        assert received == [(method.upper(), b"0", {"type": "http.request", "body": b"", "more_body": False})]

    PAIRS = "'headers' must be pairs of bytes, such as [(b'accept', b'application/json')]"
    PAIR = "a pair such as ('localhost', 80), not"

    @pytest.mark.parametrize(
        ("user", "fault"),
        [
            ({1: "one"}, "the key 1 must be a str"),
            ({"type": "websocket"}, "'type' must be 'http', not 'websocket'"),
            ({"type": []}, "'type' must be 'http', not []"),
            ({"asgi": None}, "'asgi' must be a dict such as {'version': '3.0'}, not None"),
            ({"method": None}, "'method' must be a str such as 'POST', not None"),
            ({"method": b"POST"}, "'method' must be a str such as 'POST', not b'POST'"),
            ({"method": ""}, "'method' must be a str such as 'POST', not ''"),
            ({"http_version": 1.1}, "'http_version' must be a str such as '1.1', not 1.1"),
            ({"scheme": ""}, "'scheme' must be a str such as 'http', not ''"),
            ({"path": "books"}, "'path' must be a str that begins with '/', not 'books'"),
            ({"path": b"/books"}, "'path' must be a str that begins with '/', not b'/books'"),
            ({"path": "/\ud800"}, "'path' must be a str that begins with '/', not '/\\ud800'"),
            ({"root_path": "shop"}, "'root_path' must be a str that begins with '/', not 'shop'"),
            ({"root_path": 7}, "'root_path' must be a str that begins with '/', not 7"),
            ({"query_string": 7}, "'query_string' must be bytes, not 7"),
            ({"query_string": "\u2603"}, "'query_string' must be bytes, not '\u2603'"),
            ({"headers": [b"accept"]}, PAIRS),
            ({"headers": [("accept", 7)]}, PAIRS),
            ({"headers": {"accept": "\u2603"}}, PAIRS),
            ({"headers": 7}, PAIRS),
            ({"server": "localhost"}, f"'server' must be {PAIR} 'localhost'"),
            ({"server": "ab"}, f"'server' must be {PAIR} 'ab'"),
            ({"server": ("", 80)}, f"'server' must be {PAIR} ('', 80)"),
            ({"server": ("localhost", "80")}, f"'server' must be {PAIR} ('localhost', '80')"),
            ({"client": (b"localhost", 80)}, f"'client' must be {PAIR} (b'localhost', 80)"),
            ({"client": 80}, f"'client' must be {PAIR} 80"),
        ],
    )
    def test_faults(self, user, fault):
        """A scope that no application may be given is refused at once, and the message names the key."""

        async def application(scope, receive, send):
            raise AssertionError

        with pytest.raises(ConfigurationError) as caught:
            make_handler(application, asgi_scope=user)
        assert str(caught.value) == f"ASGI_SCOPE: {fault}"


def call(application):
    """The Response of *application* to one request."""
    return Interface(application, None, "off").call(request())


def sending(*messages):
    """An application that sends *messages*."""

    async def application(scope, receive, send):
        for message in messages:
            await send(message)

    return application


def body(chunk, **rest):
    return {"type": "http.response.body", "body": chunk, **rest}


class TestAnswer:
    @pytest.mark.parametrize(
        ("messages", "answer"),
        [
            ([START, END], (200, [], b"")),
            ([START, body(b"ready")], (200, [], b"ready")),
            ([START, body(b"ready", more_body=False)], (200, [], b"ready")),
            (
                [START, *(body(part, more_body=True) for part in (b"ready", b"", b" steady")), END],
                (200, [], b"ready steady"),
            ),
            ([START, body(bytearray(b"ready"))], (200, [], b"ready")),
            ([START, body(memoryview(b"ready"))], (200, [], b"ready")),
            ([START | {"headers": [(b"A", b"1"), [b"A", b"\xe9"]]}, END], (200, [("A", "1"), ("A", "\xe9")], b"")),
            ([START | {"headers": iter([(b"A", b"1")]), "trailers": False}, END], (200, [("A", "1")], b"")),
            ([START | {"status": 999}, END], (999, [], b"")),
        ],
    )
    def test_is_taken_whole(self, messages, answer):
        """Whichever way an application sends its answer, its status, headers and body are taken."""
        response = call(sending(*messages))
        assert (response.status, response.headers, response.body) == answer
        assert response.error is None

    ORDER = "the application sent {!r} out of order, or no such message exists (ASGI)".format
    NOT_BYTES = "the application's body must be bytes (ASGI), not {}".format
    HEADERS = "the application's headers must be pairs of bytes (ASGI)"
    STATUS = "the application's status must be an int such as 200 (ASGI), not {!r}".format
    INCOMPLETE = "the application returned without having completed its response (ASGI)"

    @pytest.mark.parametrize(
        ("messages", "fault"),
        [
            ([], INCOMPLETE),
            ([START], INCOMPLETE),
            ([START, body(b"ready", more_body=True)], INCOMPLETE),
            ([END], ORDER("http.response.body")),
            ([START, START], ORDER("http.response.start")),
            ([{"type": "http.response.push", "path": "/"}], ORDER("http.response.push")),
            ([{"type": "websocket.accept"}], ORDER("websocket.accept")),
            ([START, body("text")], NOT_BYTES("str")),
            ([START, body(None)], NOT_BYTES("NoneType")),
            ([START | {"headers": [("a", "1")]}], HEADERS),
            ([START | {"headers": [(b"a", 1)]}], HEADERS),
            ([START | {"headers": [b"a"]}], HEADERS),
            ([START | {"headers": None}], HEADERS),
            ([{"type": "http.response.start"}], STATUS(None)),
            ([START | {"status": "200"}], STATUS("200")),
            ([START | {"status": 99}], STATUS(99)),
            ([START | {"status": 1000}], STATUS(1000)),
        ],
    )
    def test_against_the_rules(self, messages, fault):
        """An application that breaks ASGI's rules is told which one, and the event fails."""
        with pytest.raises(ProtocolError) as caught:
            call(sending(*messages))
        assert str(caught.value) == fault

    @pytest.mark.parametrize("message", [START, END])
    def test_is_complete_once(self, message):
        """What is sent after the end of the answer is an error after the answer, which stands."""
        response = call(sending(START, END, message))
        assert response.status == 200
        assert isinstance(response.error, ProtocolError)
        assert str(response.error) == self.ORDER(message["type"])

    def test_of_an_application_in_two_calls(self):
        """An application of ASGI 2, called with the scope and then with receive and send, is called so."""

        class Application:
            def __init__(self, scope):
                self.scope = scope

            async def __call__(self, receive, send):
                message = await receive()
                await send(START)
                await send(body(self.scope["path"].encode() + message["body"]))

        reply = make_handler(Application, lifespan="off")({"source": "books"}, None)
        assert reply == {"status_code": "200", "body": '/books{"source":"books"}', "headers": {}}


class TestReceive:
    def test_gives_the_body_then_waits_for_the_end(self):
        """After the body, ``receive`` waits until the response is complete, and then says that nobody listens."""
        steps = []

        async def application(scope, receive, send):
            async def listen():
                steps.append(await receive())
                steps.append(await receive())

            listener = asyncio.create_task(listen())
            await asyncio.sleep(0)
            await send(START)
            await send(body(b"ready", more_body=True))
            steps.append("still listening")
            await asyncio.sleep(0)
            await send(END)
            steps.append("complete")
            await listener
            steps.append(await receive())

        call(application)
        assert steps == [
            {"type": "http.request", "body": BODY, "more_body": False},
            "still listening",
            "complete",
            {"type": "http.disconnect"},
            {"type": "http.disconnect"},
        ]

    def test_several_may_wait(self):
        """Whoever waits in ``receive`` is woken; one that was cancelled meanwhile is no hindrance."""
        woken = []

        async def application(scope, receive, send):
            await receive()
            waiting = [asyncio.create_task(receive()) for _ in range(3)]
            await asyncio.sleep(0)
            waiting[0].cancel()
            await send(START)
            await send(END)
            woken.extend(await asyncio.gather(*waiting[1:]))

        assert call(application).error is None
        assert woken == [{"type": "http.disconnect"}] * 2

    def test_an_application_that_returns_early_leaves_nobody_waiting(self):
        """Who waits in ``receive`` when the application has returned without an answer is woken, too."""
        woken = []

        async def application(scope, receive, send):
            async def listen():
                await receive()
                woken.append(await receive())
                woken.append(await receive())

            asyncio.create_task(listen())  # noqa: RUF006
            await asyncio.sleep(0)

        with pytest.raises(ProtocolError):
            call(application)
        assert woken == [{"type": "http.disconnect"}] * 2


class TestFailure:
    def test_before_the_answer_is_complete(self):
        """What the application raises is raised, unchanged, with its traceback."""
        error = LookupError("no such book")

        async def application(scope, receive, send):
            await send(START)
            await send(body(b"ready", more_body=True))
            raise error

        with pytest.raises(LookupError) as caught:
            call(application)
        assert caught.value is error
        assert traceback.extract_tb(error.__traceback__)[-1].name == "application"
        assert error.__context__ is None

    @pytest.mark.parametrize("complete", [False, True])
    def test_cancelling_itself(self, complete):
        """An application that cancels itself fails; CancelledError itself would end Lambda's process."""

        async def application(scope, receive, send):
            if complete:
                await send(START)
                await send(END)
            asyncio.current_task().cancel()
            await asyncio.sleep(0)

        if complete:
            error = call(application).error
        else:
            with pytest.raises(ProtocolError) as caught:
                call(application)
            error = caught.value
        assert str(error) == "the application ended by cancelling itself"
        assert isinstance(error.__cause__, asyncio.CancelledError)

    def test_of_a_plain_function(self):
        """An application that is no coroutine function, but returns an awaitable, is as good as one."""
        assert call(lambda scope, receive, send: sending(START, END)(scope, receive, send)).status == 200

    def test_of_what_cannot_be_awaited(self):
        """An application that returns nothing to await fails as Python says."""
        with pytest.raises(TypeError, match=r"can't be (used in 'await' expression|awaited)"):
            call(lambda scope, receive, send: None)
