"""Starlette: endpoints of every kind behind ``events_only``."""

from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute

from cloud_events import events_only


@events_only
def function(request):
    return PlainTextResponse("in")


@events_only
async def coroutine(request):
    return PlainTextResponse("in")


class Endpoint(HTTPEndpoint):
    @events_only
    async def post(self, request):
        return PlainTextResponse("in")


class Callable:
    async def __call__(self, request):
        return PlainTextResponse("in")


@events_only
async def socket(websocket):
    await websocket.accept()


application = Starlette(
    routes=[
        Route("/function", function, methods=["POST"]),
        Route("/coroutine", coroutine, methods=["POST"]),
        Route("/endpoint", Endpoint),
        Route("/callable", events_only(Callable()), methods=["POST"]),
        WebSocketRoute("/socket", socket),
    ]
)
