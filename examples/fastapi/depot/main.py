"""The ASGI application; ASGI_APPLICATION names it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import BackgroundTasks, FastAPI, Request
from pydantic import BaseModel

from cloud_events import EventsOnly, cloudevent
from depot.carrier import Carrier, connect
from depot.events import CloudEvent, EventBridgeEvent, Order, Weighing


class Label(BaseModel):
    """What scales print."""

    scales: int
    order: int
    cents: int


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Carrier]]:
    """Open the connections to the carrier once, for all the events that this process will see."""
    async with connect() as client:
        yield {"carrier": Carrier(client)}


app = FastAPI(lifespan=lifespan)
app.add_middleware(EventsOnly, paths="/")  # everybody else gets a 404, everywhere


@app.post("/com.example.shop", status_code=202)
async def ordered(event: EventBridgeEvent[Order], request: Request, after: BackgroundTasks) -> None:
    """Somebody ordered: have the parcel fetched, after the answer.

    EventBridge may deliver an event twice. Its source and id are the same then, and the carrier fetches one parcel.
    """
    happened = cloudevent(request)
    after.add_task(request.state.carrier.book, event.detail, key=f"{happened.source} {happened.id}")


@app.post("/scales/{number}")
async def weighed(number: int, event: CloudEvent[Weighing], request: Request) -> Label:
    """A parcel was weighed: answer the label to print."""
    cents = await request.state.carrier.postage(event.data)
    return Label(scales=number, order=event.data.order, cents=cents)
