"""FastAPI: endpoints of every kind behind ``events_only``."""

from typing import Any

from fastapi import Depends, FastAPI, Request, WebSocket
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from cloud_events import events_only

application = FastAPI(default_response_class=PlainTextResponse)


class Event(BaseModel):
    to: str


def lent() -> dict[str, Any]:
    return {"cloud_events.delivery": "a dependency may be a dict"}


@application.post("/function")
@events_only
def function():
    return "in"


@application.post("/coroutine")
@events_only
async def coroutine():
    return "in"


@application.post("/request")
@events_only
async def with_request(request: Request):
    assert request.url.path == "/request"
    return "in"


@application.post("/model")
@events_only
async def with_model(event: Event):
    assert event.to == "/model"
    return "in"


@application.post("/dict")
@events_only
def with_dict(event: dict[str, Any], other: dict[str, Any] = Depends(lent), late: str = ""):  # noqa: B008
    return "in"


@application.websocket("/socket")
@events_only
async def socket(websocket: WebSocket):
    await websocket.accept()
