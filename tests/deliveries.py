"""A request as the adapter makes them, and what becomes of it on one leg, without the rest of the journey."""

from cloud_events.interface import asgi, wsgi
from cloud_events.messages import Delivery, Request

EVENT = {"books": ["Emma"]}
BODY = b'{"books":["Emma"]}'


def request(path="/books", query="", body=BODY, content_type=None, headers=(), event=EVENT, context=None):
    """The Request that carries *event*; whatever else a test wants of it."""
    return Request(path, query, body, content_type, list(headers), event, context, Delivery("books", path))


def environ_of(user=None, **asked):
    """The environ that an application gets whose WSGI_ENVIRON is *user*."""
    return wsgi.Interface(None, user).environ(request(**asked))


def scope_of(user=None, **asked):
    """The scope that an application gets whose ASGI_SCOPE is *user*."""
    seen = []

    async def application(scope, receive, send):
        seen.append(scope)
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    asgi.Interface(application, user, "off").call(request(**asked))
    return seen[0]
