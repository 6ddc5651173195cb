"""A simulated carrier, for this machine and for the tests: it fetches nothing."""

from typing import Annotated, Any

from fastapi import FastAPI, Header, HTTPException

app = FastAPI()

parcels: dict[str, Any] = {}
on_strike = False


@app.post("/parcels", status_code=201)
async def fetch(order: dict[str, Any], idempotency_key: Annotated[str, Header()]) -> None:
    """Note which parcel is to be fetched."""
    if on_strike:
        raise HTTPException(503)
    parcels[idempotency_key] = order


@app.get("/postage")
async def postage(grams: int) -> dict[str, int]:
    """Charge 3.90, and one cent for every 10 g."""
    return {"cents": 390 + grams // 10}
