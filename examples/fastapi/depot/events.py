"""The bodies of events, as pydantic models: two envelopes, and their contents."""

from datetime import datetime
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, Field, PositiveInt

Content = TypeVar("Content")


class Order(BaseModel):
    """An order of the shop."""

    number: int
    city: str


class Weighing(BaseModel):
    """A weight that the scales measured."""

    order: int
    grams: PositiveInt


class EventBridgeEvent(BaseModel, Generic[Content]):
    """The envelope of EventBridge; the content is its ``detail``."""

    id: str
    source: str
    detail_type: str = Field(alias="detail-type")
    time: datetime
    detail: Content


class CloudEvent(BaseModel, Generic[Content]):
    """The envelope of CloudEvents; the content is its ``data``."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    time: datetime | None = None
    data: Content
