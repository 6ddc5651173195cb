"""An ASGI application that never answers, and cleans up when it is stopped."""

import asyncio

from apps.marks import mark


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        raise NotImplementedError
    try:
        await asyncio.Event().wait()
    finally:
        mark("cleaned")
