"""The bodies of events, as pydantic models: two envelopes, and what is in them."""

from datetime import datetime
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, Field, PositiveInt

Content = TypeVar("Content")


class Order(BaseModel):
    """What somebody bought in the shop."""

    number: int
    city: str


class Weighing(BaseModel):
    """What scales say of a parcel."""

    order: int
    grams: PositiveInt


class EventBridgeEvent(BaseModel, Generic[Content]):
    """The envelope of EventBridge; what the sender has to say is its ``detail``."""

    id: str
    source: str
    detail_type: str = Field(alias="detail-type")
    time: datetime
    detail: Content


class CloudEvent(BaseModel, Generic[Content]):
    """The envelope of CloudEvents; what the sender has to say is its ``data``."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    time: datetime | None = None
    data: Content
