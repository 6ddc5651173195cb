"""A WSGI and an ASGI application that answer as the event tells them to, run under the real runtime client.

An event (or its first record) with `"answer": {"status": 500, "body": "...", "type": "text/plain"}` gets that response,
one with `"raise": "why"` an exception, any other the path that it came by. Loading, starting and ending leave marks in
the journal of the Runtime API server.
"""

import json

from apps.marks import mark


class OutOfPaperError(Exception):
    """The application's own exception."""


def obey(path, body):
    """Return the status, the content type and the body that the event in *body*, or its first record, asks for."""
    event = json.loads(body)
    order = event if isinstance(event, dict) else {}
    for record in order.get("Records", [])[:1]:
        order = record | order
    if "raise" in order:
        raise OutOfPaperError(order["raise"])
    answer = {"status": 200, "type": "application/json", "body": json.dumps({"path": path})} | order.get("answer", {})
    return answer["status"], answer["type"], answer["body"].encode()


def wsgi(environ, start_response):
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    status, content_type, content = obey(environ["PATH_INFO"], body)
    start_response(f"{status} As told", [("Content-Type", content_type)])
    return [content]


async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        await live(receive, send)
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    status, content_type, content = obey(scope["path"], body)
    headers = [(b"content-type", content_type.encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def live(receive, send):
    for step in ("startup", "shutdown"):
        assert (await receive())["type"] == f"lifespan.{step}"
        mark(step)
        await send({"type": f"lifespan.{step}.complete"})


mark("loaded")
