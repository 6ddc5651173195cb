"""PEP 3333: the environ of every event, and whatever an application may do with it and to it."""

import io
import sys
import traceback
from enum import StrEnum
from wsgiref.headers import Headers
from wsgiref.validate import validator

import pytest

from cloud_events import ConfigurationError, make_handler
from cloud_events.errors import ProtocolError
from cloud_events.interface.wsgi import DEFAULT_ENVIRON, Interface
from conftest import Context
from deliveries import BODY, EVENT, environ_of, request


class TestEnviron:
    def test_defaults(self):
        """The README's environ, made valid: upper-case method, a body, its length."""
        context = Context()
        environ = environ_of(context=context)
        body, delivery = environ.pop("wsgi.input"), environ.pop("cloud_events.delivery")
        assert body.read() == BODY
        assert (delivery.matcher, delivery.path) == ("books", "/books")
        assert environ == {
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": "18",
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/books",
            "SCRIPT_NAME": "",
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
            "wsgi.run_once": False,
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "aws.event": EVENT,
            "aws.context": context,
        }
        assert environ["aws.event"] is EVENT

    def test_is_new_for_each_event(self):
        """What an application writes into its environ is not there for the next event, nor in the defaults."""
        interface = Interface(None, {"HTTP_ACCEPT": "text/html"})
        first = interface.environ(request())
        first.clear()
        assert interface.environ(request())["HTTP_ACCEPT"] == "text/html"
        assert "HTTP_ACCEPT" not in DEFAULT_ENVIRON

    class Method(StrEnum):
        PUT = "put"

    @pytest.mark.parametrize(
        ("user", "asked", "key", "value"),
        [
            # The user's before the default.
            ({"REQUEST_METHOD": "get"}, {}, "REQUEST_METHOD", "GET"),
            ({"REQUEST_METHOD": Method.PUT}, {}, "REQUEST_METHOD", "PUT"),
            ({"SERVER_PORT": 8080}, {}, "SERVER_PORT", "8080"),
            ({"SERVER_NAME": "books.example"}, {}, "SERVER_NAME", "books.example"),
            ({"HTTP_ACCEPT": "application/vnd.api+json"}, {}, "HTTP_ACCEPT", "application/vnd.api+json"),
            ({"HTTP_X_SHELF": "caf\xe9"}, {}, "HTTP_X_SHELF", "caf\xe9"),
            ({"CONTENT_TYPE": "application/vnd.api+json"}, {}, "CONTENT_TYPE", "application/vnd.api+json"),
            ({"QUERY_STRING": "a=1"}, {}, "QUERY_STRING", "a=1"),
            ({"SCRIPT_NAME": "/shop"}, {}, "SCRIPT_NAME", "/shop"),
            ({"SCRIPT_NAME": "/shop/"}, {}, "SCRIPT_NAME", "/shop"),
            ({"SCRIPT_NAME": "/"}, {}, "SCRIPT_NAME", ""),
            ({"SCRIPT_NAME": "/b\xfccher"}, {}, "SCRIPT_NAME", "/b\xc3\xbccher"),
            ({"wsgi.url_scheme": "https"}, {}, "wsgi.url_scheme", "https"),
            ({"wsgi.multithread": True}, {}, "wsgi.multithread", True),
            ({"wsgi.errors": sys.stdout}, {}, "wsgi.errors", sys.stdout),
            ({"shop.shelf": ["Emma"]}, {}, "shop.shelf", ["Emma"]),
            ({"REMOTE_USER": ""}, {}, "REMOTE_USER", ""),
            # The event's before the user's.
            ({"PATH_INFO": "/shop"}, {}, "PATH_INFO", "/books"),
            ({"CONTENT_LENGTH": 2}, {}, "CONTENT_LENGTH", "18"),
            ({"CONTENT_TYPE": "text/plain"}, {"content_type": "text/css"}, "CONTENT_TYPE", "text/css"),
            ({"QUERY_STRING": "a=1"}, {"query": "b=%2F"}, "QUERY_STRING", "b=%2F"),
            ({"HTTP_CE_TYPE": "mine"}, {"headers": [("ce-type", "its")]}, "HTTP_CE_TYPE", "its"),
            ({"aws.event": "mine"}, {}, "aws.event", EVENT),
            # What only the event says.
            ({}, {"headers": [("x-amzn-trace-id", "Root=1")]}, "HTTP_X_AMZN_TRACE_ID", "Root=1"),
            ({}, {"path": "/b\xfccher/\u2603"}, "PATH_INFO", "/b\xc3\xbccher/\xe2\x98\x83"),
            ({}, {"path": "/a b;c"}, "PATH_INFO", "/a b;c"),
            ({}, {"body": b""}, "CONTENT_LENGTH", "0"),
        ],
    )
    def test_merge(self, user, asked, key, value):
        """Defaults, then the user's, then what the event determines; whatever was merged, it is a valid environ."""

        def application(environ, start_response):
            assert type(environ[key]) is type(value)
            assert environ[key] == value
            start_response("204 Done", [])
            return []

        strict = application if key == "wsgi.errors" else validator(application)
        assert Interface(strict, user).call(request(**asked)).status == 204

    def test_without_a_content_type(self):
        """An empty content type sends none, whatever defaults and settings name."""
        assert "CONTENT_TYPE" not in environ_of({"CONTENT_TYPE": "text/plain"}, content_type="")

    @pytest.mark.parametrize("method", ["get", "HEAD", "Trace", "connect"])
    def test_methods_without_a_body(self, method):
        """A method whose requests have no body sends none."""
        environ = environ_of({"REQUEST_METHOD": method})
        assert (environ["REQUEST_METHOD"], environ["CONTENT_LENGTH"]) == (method.upper(), "0")
        assert environ["wsgi.input"].read() == b""

    def test_standard_error_is_that_of_the_moment(self, monkeypatch):
        """A program may replace its standard error; the application's log goes where it is then."""
        interface = Interface(None)
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        assert interface.environ(request())["wsgi.errors"] is sys.stderr

    @pytest.mark.parametrize(
        ("user", "fault"),
        [
            ({1: "one"}, "the key 1 must be a str"),
            ({b"PATH_INFO": "/"}, "the key b'PATH_INFO' must be a str"),
            (
                {"HTTP_CONTENT_TYPE": "text/plain"},
                "HTTP_CONTENT_TYPE has no place in an environ; write CONTENT_TYPE (PEP 3333)",
            ),
            (
                {"HTTP_CONTENT_LENGTH": "1"},
                "HTTP_CONTENT_LENGTH has no place in an environ; write CONTENT_LENGTH (PEP 3333)",
            ),
            ({"REQUEST_METHOD": None}, "REQUEST_METHOD must be a str (PEP 3333), not NoneType"),
            ({"REQUEST_METHOD": b"POST"}, "REQUEST_METHOD must be a str (PEP 3333), not bytes"),
            ({"REQUEST_METHOD": ""}, "REQUEST_METHOD must not be empty (PEP 3333)"),
            ({"SERVER_NAME": ""}, "SERVER_NAME must not be empty (PEP 3333)"),
            ({"SERVER_PORT": 8080.0}, "SERVER_PORT must be a str (PEP 3333), not float"),
            ({"HTTPS": True}, "HTTPS must be a str (PEP 3333), not bool"),
            ({"PATH_INFO": "books"}, "PATH_INFO='books' must begin with '/'"),
            ({"SCRIPT_NAME": "shop"}, "SCRIPT_NAME='shop' must begin with '/'"),
            ({"PATH_INFO": "/\ud800"}, "PATH_INFO has characters that utf-8 cannot write (PEP 3333)"),
            ({"HTTP_X_SHELF": "\u2603"}, "HTTP_X_SHELF has characters that latin-1 cannot write (PEP 3333)"),
            ({"wsgi.version": [1, 0]}, "wsgi.version must be a tuple, (1, 0) (PEP 3333), not [1, 0]"),
            ({"wsgi.url_scheme": "ftp"}, "wsgi.url_scheme='ftp' must be 'http' or 'https' (PEP 3333)"),
            ({"wsgi.errors": None}, "wsgi.errors must be a stream such as sys.stderr (PEP 3333), not NoneType"),
        ],
    )
    def test_faults(self, user, fault):
        """An environ that no application may be given is refused at once, and the message names the key."""
        with pytest.raises(ConfigurationError) as caught:
            make_handler(lambda environ, start_response: [], wsgi_environ=user)
        assert str(caught.value) == f"WSGI_ENVIRON: {fault}"


class Closing:
    """What an application returns: an iterable whose close() is counted, and may raise."""

    def __init__(self, chunks, error=None):
        self.chunks = chunks
        self.error = error
        self.closed = 0

    def __iter__(self):
        return iter(self.chunks)

    def close(self):
        self.closed += 1
        if self.error is not None:
            raise self.error


def call(application):
    """The Response of *application* to one request."""
    return Interface(application).call(request())


def answering(*chunks, status="200 OK", headers=()):
    """An application that returns *chunks*."""

    def application(environ, start_response):
        start_response(status, list(headers))
        return chunks

    return application


def failure():
    """The exc_info of an exception."""
    try:
        raise LookupError("no such book")
    except LookupError:
        return sys.exc_info()


def first_yields_then_starts(environ, start_response):
    yield b""
    start_response("200 OK", [])


def starts_when_iterated(environ, start_response):
    start_response("200 OK", [])
    yield b"ready "
    yield b"steady"


def writes(environ, start_response):
    write = start_response("200 OK", [])
    write(b"ready ")
    write(b"")
    return [b"steady"]


def replaces_its_answer(environ, start_response):
    write = start_response("200 OK", [("X-Shelf", "fiction")])
    write(b"")
    start_response("500 Oops", [("X-Shelf", "none")], failure())
    return [b"ready steady"]


def starts_with_a_failure(environ, start_response):
    start_response("500 Oops", [("X-Shelf", "none")], failure())
    return [b"ready steady"]


class TestAnswer:
    @pytest.mark.parametrize(
        ("application", "answer"),
        [
            (answering(b"ready steady"), (200, [], b"ready steady")),
            (answering(b"ready", b"", b" ", b"steady", b""), (200, [], b"ready steady")),
            (answering(), (200, [], b"")),
            (answering(b"", status="204 No Content"), (204, [], b"")),
            (answering(status="999"), (999, [], b"")),
            (answering(headers=[("A", "1"), ("A", "2")]), (200, [("A", "1"), ("A", "2")], b"")),
            (answering(headers=Headers([("A", "1")]).items()), (200, [("A", "1")], b"")),
            (starts_when_iterated, (200, [], b"ready steady")),
            (writes, (200, [], b"ready steady")),
            (replaces_its_answer, (500, [("X-Shelf", "none")], b"ready steady")),
            (starts_with_a_failure, (500, [("X-Shelf", "none")], b"ready steady")),
            (lambda environ, start: [start("200 OK", []), b"ready steady"][1:], (200, [], b"ready steady")),
        ],
    )
    def test_is_taken_whole(self, application, answer):
        """Whichever way an application gives its answer, its status, headers and body are taken."""
        response = call(application)
        assert (response.status, response.headers, response.body) == answer
        assert response.error is None

    def test_headers_are_those_of_the_moment(self):
        """A list of headers that the application changes later does not change what it answered."""
        headers = [("A", "1")]

        def application(environ, start_response):
            start_response("200 OK", headers)
            headers.clear()
            return []

        assert call(application).headers == [("A", "1")]

    NOT_BYTES = "the application's body must be bytes, such as 'done'.encode() (PEP 3333), not {}".format
    NOT_ITERABLE = "the application must return an iterable of bytes, such as [b'done'] (PEP 3333), not {}".format
    STATUS = "the application's status must be a str such as '200 OK' (PEP 3333)"
    HEADERS = "the application's headers must be pairs of str (PEP 3333)"

    @pytest.mark.parametrize(
        ("application", "fault"),
        [
            (answering("text"), NOT_BYTES("str")),
            (answering(b"text", ""), NOT_BYTES("str")),
            (answering(None), NOT_BYTES("NoneType")),
            (answering(bytearray(b"text")), NOT_BYTES("bytearray")),
            (lambda environ, start: [start("200 OK", [])("text")], NOT_BYTES("str")),
            (lambda environ, start: start("200 OK", []) and None, NOT_ITERABLE("NoneType")),
            (lambda environ, start: start("200 OK", []) and "text", NOT_ITERABLE("str")),
            (lambda environ, start: start("200 OK", []) and b"text", NOT_ITERABLE("bytes")),
            (lambda environ, start: start("200 OK", []) and {"books": 7}, NOT_ITERABLE("dict")),
            (lambda environ, start: start("200 OK", []) and 7, NOT_ITERABLE("int")),
            (
                lambda environ, start: [],
                "the application returned without having called start_response() (PEP 3333)",
            ),
            (
                first_yields_then_starts,
                "the application sent its body before it had called start_response() (PEP 3333)",
            ),
            (
                lambda environ, start: [start("200 OK", []), start("200 OK", [])],
                "the application called start_response() twice, without exc_info (PEP 3333)",
            ),
            (answering(status=200), STATUS),
            (answering(status=b"200 OK"), STATUS),
            (answering(status="OK"), STATUS),
            (answering(status=""), STATUS),
            (answering(status="20"), STATUS),
            (answering(headers=["A: 1"]), HEADERS),
            (answering(headers=["AB"] * 2 + [("A", 1)]), HEADERS),
            (answering(headers=[(b"A", b"1")]), HEADERS),
            (lambda environ, start: [start("200 OK", None)], HEADERS),
        ],
    )
    def test_against_the_rules(self, application, fault):
        """An application that breaks PEP 3333 is told which rule, and the event fails."""
        with pytest.raises(ProtocolError) as caught:
            call(application)
        assert str(caught.value) == fault

    def test_of_an_asynchronous_application(self):
        """An ASGI application that was taken for the other kind is told so, and leaves no coroutine behind."""

        async def application(environ, start_response):
            raise AssertionError

        with pytest.raises(ProtocolError) as caught:
            call(application)
        assert str(caught.value) == self.NOT_ITERABLE("coroutine")


class TestFailure:
    @pytest.mark.parametrize("kind", [LookupError, SystemExit, KeyboardInterrupt])
    def test_in_the_midst_of_the_body(self, kind):
        """What a generator raises is raised, unchanged, and the response is closed."""
        error = kind("the page tore")

        def pages():
            yield b"one"
            raise error

        response = Closing(pages())

        def application(environ, start_response):
            start_response("200 OK", [])
            return response

        with pytest.raises(kind) as caught:
            call(application)
        assert caught.value is error
        assert response.closed == 1

    @pytest.mark.parametrize("chunks", [[b"one"], [], ["text"]])
    @pytest.mark.parametrize("starts", [True, False])
    def test_close_is_called_once(self, chunks, starts):
        """The response is closed once, whatever it holds, and if it was never started, too."""
        response = Closing(chunks)

        def application(environ, start_response):
            if starts:
                start_response("200 OK", [])
            return response

        if starts and chunks != ["text"]:
            assert call(application).body == b"".join(chunks)
        else:
            with pytest.raises(ProtocolError):
                call(application)
        assert response.closed == 1

    def test_in_close_after_a_failure(self):
        """What close() raises does not hide what went wrong before: it is a note there."""
        error = LookupError("the page tore")

        def pages():
            raise error
            yield

        def application(environ, start_response):
            start_response("200 OK", [])
            return Closing(pages(), ValueError("no such connection"))

        with pytest.raises(LookupError) as caught:
            call(application)
        assert caught.value is error
        assert error.__notes__ == ["close() of the response then raised ValueError"]

    def test_close_that_leaves(self):
        """SystemExit is not taken for a failure of the answer."""

        def application(environ, start_response):
            start_response("200 OK", [])
            return Closing([b"one"], SystemExit(3))

        with pytest.raises(SystemExit):
            call(application)

    @pytest.mark.parametrize("through", ["write", "yield"])
    def test_after_output(self, through):
        """Once there is output, start_response() with exc_info raises that exception, with its traceback."""
        info = failure()

        def application(environ, start_response):
            write = start_response("200 OK", [])
            if through == "write":
                write(b"ready")
            else:
                yield b"ready"
            start_response("500 Oops", [], info)
            yield b"never"

        with pytest.raises(LookupError) as caught:
            call(application)
        assert caught.value is info[1]
        assert "failure" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
