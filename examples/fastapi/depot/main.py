"""The ASGI application that ASGI_APPLICATION names."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import BackgroundTasks, FastAPI, Query, Request
from pydantic import BaseModel

from cloud_events import EventsOnly, cloudevent
from depot.carrier import Carrier, connect
from depot.events import CloudEvent, EventBridgeEvent, Order, Weighing


class Label(BaseModel):
    """The label that scales print."""

    scales: int
    order: int
    cents: int


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Carrier]]:
    """Open the connections to the carrier once, for all events and HTTP requests of this process."""
    async with connect() as client:
        yield {"carrier": Carrier(client)}


app = FastAPI(lifespan=lifespan)
# On these paths, HTTP requests get a 404.
app.add_middleware(EventsOnly, paths=("/com.example.shop", "/scales/"))


class Postage(BaseModel):
    """What it costs to send a parcel."""

    grams: int
    cents: int


@app.get("/postage")
async def postage(grams: Annotated[int, Query(gt=0)], request: Request) -> Postage:
    """Answer what it costs to send a parcel. This is the website: an HTTP request, not an event."""
    return Postage(grams=grams, cents=await request.state.carrier.postage(grams))


@app.post("/com.example.shop", status_code=202)
async def ordered(event: EventBridgeEvent[Order], request: Request, after: BackgroundTasks) -> None:
    """Have the parcel of an order fetched, after the answer.

    EventBridge may deliver an event twice. Its source and id are the same then, and the carrier fetches one parcel.
    """
    happened = cloudevent(request)
    after.add_task(request.state.carrier.book, event.detail, key=f"{happened.source} {happened.id}")


@app.post("/scales/{number}")
async def weighed(number: int, event: CloudEvent[Weighing], request: Request) -> Label:
    """Answer the label for a parcel that was weighed."""
    cents = await request.state.carrier.postage(event.data.grams)
    return Label(scales=number, order=event.data.order, cents=cents)
