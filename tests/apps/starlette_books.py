"""The bookshop in Starlette, with a lifespan, a class-based middleware, a task group and a background task."""

from contextlib import asynccontextmanager

import anyio
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Route

from apps.shelf import add_books, note

# What happened, in order: the lifespan's steps and the background tasks that ran.
STEPS = []


class Stamp(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        response = await call_next(request)
        response.headers["x-shelf"] = request.state.shelf
        return response


async def uploaded(request):
    event = await request.json()
    note(request.method, request.url.path, request.headers, event, request.scope)
    names = []

    async def add():
        names.extend(add_books(event))

    async with anyio.create_task_group() as group:
        group.start_soon(add)
    return JSONResponse({"books": names, "url": str(request.url)}, 201, background=BackgroundTask(catalogue, names))


async def catalogue(names):
    await anyio.sleep(0)
    STEPS.append(("catalogued", names))


@asynccontextmanager
async def lifespan(application):
    STEPS.append("startup")
    yield {"shelf": "fiction"}
    STEPS.append("shutdown")


application = Starlette(
    routes=[Route("/aws.s3", uploaded, methods=["POST"])], middleware=[Middleware(Stamp)], lifespan=lifespan
)
