"""What an application is sent for an event, and what Lambda is told, seen at its WSGI or ASGI interface."""

from typing import Any, NamedTuple

from cloud_events import cloudevent, make_handler
from cloud_events.messages import Delivery
from conftest import Context


class Sent(NamedTuple):
    """One request. *headers* are those that the event has made, by lower-case name; *event* is environ's."""

    path: str
    query: str
    content_type: str | None
    headers: dict[str, str]
    body: bytes
    event: Any
    delivery: Delivery

    @property
    def found(self):
        """The CloudEvent that a view finds in the request."""
        return cloudevent({"aws.event": self.event, "aws.context": None, "cloud_events.delivery": self.delivery})


def deliver(event, status=200, context=Context(), leg="wsgi", **settings):  # noqa: B008  # nobody changes it
    """([Sent, …], the reply or the error) of an application that answers each request with *status*.

    status: an int, or a function of the body that returns one
    """
    seen = []

    def see(path, query, headers, body, carrier):
        content_type = headers.pop("content-type", None)
        facts = carrier["aws.event"], carrier["cloud_events.delivery"]
        seen.append(Sent(path, query, content_type, headers, body, *facts))
        return status(body) if callable(status) else status

    def wsgi(environ, start_response):
        headers = {name[5:].lower().replace("_", "-"): value for name, value in environ.items() if name[:5] == "HTTP_"}
        headers |= {"content-type": environ["CONTENT_TYPE"]} if "CONTENT_TYPE" in environ else {}
        path = environ["PATH_INFO"].encode("latin-1").decode()
        answered = see(path, environ["QUERY_STRING"], headers, environ["wsgi.input"].read(), environ)
        start_response(f"{answered} Answered", [])
        return []

    async def asgi(scope, receive, send):
        headers = {name.decode(): value.decode() for name, value in scope["headers"] if name != b"content-length"}
        body = (await receive())["body"]
        answered = see(scope["path"], scope["query_string"].decode(), headers, body, scope)
        await send({"type": "http.response.start", "status": answered, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    handler = make_handler({"wsgi": wsgi, "asgi": asgi}[leg], leg, **{"lifespan": "off", **settings})
    try:
        return seen, handler(event, context)
    except Exception as error:
        return seen, error


def sent(event, *more, **settings):
    """The requests alone; raises the error."""
    seen, reply = deliver(event, *more, **settings)
    if isinstance(reply, Exception):
        raise reply
    return seen
