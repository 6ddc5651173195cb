"""The same tiny application by either interface, so that a test is written once and run on both legs."""

import json
from collections import namedtuple

import pytest

from cloud_events import make_handler

both_legs = pytest.mark.parametrize("leg", ["wsgi", "asgi"])

JSON = ("Content-Type", "application/json")


class Answer(namedtuple("Answer", "status body headers late", defaults=(b"", (), None))):
    """What a view answers; *late* is raised when the answer is complete."""


def answer(value, status=200, late=None):
    """*value* as JSON."""
    return Answer(status, json.dumps(value).encode(), [JSON], late)


def application(leg, view):
    """An application of *leg*; *view* gives the Answer to each request, of its path and its body as Python objects."""

    def wsgi(environ, start_response):
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        path = environ["PATH_INFO"].encode("latin-1").decode()
        given = view(path, json.loads(body or "null"))
        start_response(f"{given.status} Answered", [*given.headers])
        return Body(given)

    async def asgi(scope, receive, send):
        assert scope["type"] == "http"
        given = view(scope["path"], json.loads((await receive())["body"] or "null"))
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in given.headers]
        await send({"type": "http.response.start", "status": given.status, "headers": headers})
        await send({"type": "http.response.body", "body": given.body})
        if given.late is not None:
            raise given.late

    return {"wsgi": wsgi, "asgi": asgi}[leg]


def bare(leg, view):
    """An application of *leg*; *view* gives the Answer to each request, of its environ or scope and its raw body."""

    def wsgi(environ, start_response):
        given = view(environ, environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        start_response(f"{given.status} Answered", [*given.headers])
        return [given.body]

    async def asgi(scope, receive, send):
        given = view(scope, (await receive())["body"])
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in given.headers]
        await send({"type": "http.response.start", "status": given.status, "headers": headers})
        await send({"type": "http.response.body", "body": given.body})

    return {"wsgi": wsgi, "asgi": asgi}[leg]


class Body(list):
    """The body of a WSGI response, whose close() may fail."""

    def __init__(self, given):
        super().__init__([given.body])
        self.late = given.late

    def close(self):
        if self.late is not None:
            raise self.late


def handler(leg, view, **settings):
    """The Lambda handler for an application of *leg*; an Answer for *view* is the answer to all requests."""
    return make_handler(application(leg, (lambda *_: view) if isinstance(view, Answer) else view), **settings)
