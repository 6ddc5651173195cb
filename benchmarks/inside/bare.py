"""The smallest applications that do what one does: read the body, answer with JSON."""

import json


def wsgi(environ, start_response):
    """Answer every request with {}."""
    environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [b"{}"]


async def asgi(scope, receive, send):
    """Answer every request with {}, and take part in the lifespan."""
    if scope["type"] == "lifespan":
        for phase in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{phase}.complete"})
        return
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": b"{}"})


def parsing(environ, start_response):
    """Parse the body, though the event is at hand as environ["aws.event"]."""
    json.loads(environ["wsgi.input"].read())
    start_response("200 OK", [("Content-Type", "application/json")])
    return [b"{}"]
