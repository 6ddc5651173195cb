"""A website that hears of events, in four frameworks. Views use what belongs to a loop and was made in the lifespan."""

import asyncio
import os
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI
from fastapi import Request as FastAPIRequest
from litestar import Litestar, get, post
from litestar import Request as LitestarRequest
from quart import Quart
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route


class Tools:
    """A client with its pool of connections, a lock and a worker task."""

    def __init__(self):
        self.used = 0
        self.loop = asyncio.get_running_loop()
        self.lock = asyncio.Lock()
        self.orders = asyncio.Queue()
        self.worker = asyncio.create_task(self.work())
        self.client = httpx.AsyncClient(base_url=os.environ["SUPPLIER"], trust_env=False)

    async def work(self):
        while True:
            done = await self.orders.get()
            self.used += 1
            done.set_result(self.used)

    async def order(self):
        async with self.lock:  # which belongs to a loop as soon as somebody waits for it
            done = self.loop.create_future()
            self.orders.put_nowait(done)
            return await done

    async def use(self):
        """How many orders there were, and the port of the client's connection, which the supplier answers."""
        await asyncio.gather(self.order(), self.order())
        return {"used": self.used, "port": (await self.client.get("/")).json()}


@asynccontextmanager
async def opened():
    """The tools, for as long as the lifespan lasts."""
    tools = Tools()
    yield tools
    tools.worker.cancel()
    await tools.client.aclose()


PATHS = ("/used", "/aws.s3")


def fastapi():
    @asynccontextmanager
    async def lifespan(app):
        async with opened() as app.state.tools:
            yield {"tools": app.state.tools}

    app = FastAPI(lifespan=lifespan)

    async def use(request: FastAPIRequest):
        assert request.state.tools is request.app.state.tools
        request.state.tools = None  # it is a copy
        return await request.app.state.tools.use()

    app.get(PATHS[0])(app.post(PATHS[1])(use))
    return app


def starlette():
    @asynccontextmanager
    async def lifespan(app):
        async with opened() as app.state.tools:
            yield {"tools": app.state.tools}

    async def use(request):
        assert request.state.tools is request.app.state.tools
        request.state.tools = None
        return JSONResponse(await request.app.state.tools.use())

    return Starlette(routes=[Route(path, use, methods=["GET", "POST"]) for path in PATHS], lifespan=lifespan)


def litestar():
    @asynccontextmanager
    async def lifespan(app):
        async with opened() as app.state.tools:
            yield

    @get(PATHS[0])
    async def used(request: LitestarRequest) -> dict[str, int]:
        return await request.app.state.tools.use()

    @post(PATHS[1])
    async def uploaded(request: LitestarRequest) -> dict[str, int]:
        return await request.app.state.tools.use()

    return Litestar([used, uploaded], lifespan=[lifespan], logging_config=None)


def quart():
    app = Quart(__name__)

    @app.while_serving
    async def lifespan():
        async with opened() as app.tools:
            yield

    @app.get(PATHS[0])
    @app.post(PATHS[1])
    async def use():
        return await app.tools.use()

    return app


MAKE = {make.__name__: make for make in (fastapi, starlette, litestar, quart)}
application = MAKE[os.environ.get("FRAMEWORK", "fastapi")]()
