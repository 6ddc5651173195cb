"""Applications whose views say that they have begun, and then wait for longer than anybody will."""

import asyncio
import time
from contextlib import asynccontextmanager

from apps.marks import mark


def wsgi(environ, start_response):
    mark("inside")
    time.sleep(60)


@asynccontextmanager
async def lifespan():
    mark("startup")
    yield
    mark("shutdown")


async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        async with lifespan():
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
    else:
        mark("inside")
        await asyncio.sleep(60)
