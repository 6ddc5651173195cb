"""What an application is sent for an event, and what Lambda is told, seen at its WSGI interface."""

from typing import Any, NamedTuple

from cloud_events import make_handler
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


def deliver(event, status=200, context=Context(), **settings):  # noqa: B008  # nobody changes it
    """([Sent, …], the reply or the error) of an application that answers each request with *status*."""
    seen = []

    def application(environ, start_response):
        headers = {name[5:].lower().replace("_", "-"): value for name, value in environ.items() if name[:5] == "HTTP_"}
        path = environ["PATH_INFO"].encode("latin-1").decode()
        body = environ["wsgi.input"].read()
        facts = environ["aws.event"], environ["cloud_events.delivery"]
        seen.append(Sent(path, environ["QUERY_STRING"], environ.get("CONTENT_TYPE"), headers, body, *facts))
        start_response(f"{status} Answered", [])
        return []

    handler = make_handler(application, **settings)
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
