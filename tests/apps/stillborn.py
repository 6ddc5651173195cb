"""An ASGI application whose startup fails, as one does that cannot reach its database."""

from apps.marks import mark


async def application(scope, receive, send):
    assert scope["type"] == "lifespan"
    await receive()
    mark("startup")
    await send({"type": "lifespan.startup.failed", "message": "no database at books.internal"})
