"""An ASGI application whose process is about to end. It says, line by line, what happens; an event says what to do."""

import asyncio
import logging
import os
import threading
from contextlib import asynccontextmanager, suppress

from cloud_events import make_handler
from cloud_events.errors import ProtocolError

logging.getLogger("asyncio").setLevel(logging.ERROR)  # not how slow a busy machine is

begun = threading.Event()
# What shutdown does: nothing, "wait" or "block".
shutdown = []
kept = []


def say(word):
    os.write(1, f"{word}\n".encode())


class NoTime:
    """A Lambda context whose time is over."""

    def get_remaining_time_in_millis(self):
        return 0


async def wait():
    say("waiting")
    begun.set()
    try:
        await asyncio.Event().wait()
    finally:
        say("cancelled")


async def spawn():
    kept.append(asyncio.create_task(wait(), name="printing"))


async def block():
    say("waiting")
    begun.set()
    threading.Event().wait()


async def read():
    async def pages():
        try:
            yield 1
        finally:
            say("generator-closed")

    kept.append(pages())
    await anext(kept[-1])


async def leave():
    raise SystemExit(3)


DO = {"wait": wait, "spawn": spawn, "block": block, "read": read, "leave": leave}


@asynccontextmanager
async def lifespan():
    say("startup")
    yield
    say("shutdown")
    for what in shutdown:
        await DO[what]()


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        async with lifespan():
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    say("event")
    if scope["aws.event"] in DO:
        await DO[scope["aws.event"]]()
    await send({"type": "http.response.start", "status": 204})
    await send({"type": "http.response.body"})


handler = make_handler(application)


async def inside(event=None):
    """Call the handler inside a running loop, so that a helper thread drives its own."""
    return handler(event, None)


def attempt(event):
    """Call the handler in a thread, whose failure nobody needs to see."""
    with suppress(ProtocolError):
        handler(event, None)
