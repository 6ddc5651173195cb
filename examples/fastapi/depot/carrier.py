"""The carrier that takes the parcels, as its API has it."""

import os

from httpx import ASGITransport, AsyncClient

from depot import pretended
from depot.events import Order


class Carrier:
    """The carrier's API, called through a client that keeps its connections open."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def book(self, order: Order, key: str) -> None:
        """Have the parcel of an order fetched. A repeated key means the same parcel."""
        response = await self._client.post("/parcels", json=order.model_dump(), headers={"Idempotency-Key": key})
        response.raise_for_status()

    async def postage(self, grams: int) -> int:
        """Return what it costs to send a parcel, in cents."""
        response = await self._client.get("/postage", params={"grams": grams})
        response.raise_for_status()
        return response.json()["cents"]


def connect() -> AsyncClient:
    """Return a client of the carrier at CARRIER_URL, or of the simulated one if that variable is not set."""
    if "CARRIER_URL" in os.environ:
        return AsyncClient(base_url=os.environ["CARRIER_URL"])
    return AsyncClient(base_url="http://carrier", transport=ASGITransport(pretended.app))
