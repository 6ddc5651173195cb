"""The function as Lambda calls it: with events, and the settings of template.yaml and serverless.yml."""

import asyncio

import pytest
from httpx import ASGITransport, AsyncClient

from cloud_events.testing import EventClient, cloudevent, eventbridge
from depot import main, pretended


@pytest.fixture
def function(monkeypatch):
    """The function, with a pretended carrier that has no parcels yet."""
    monkeypatch.setattr(pretended, "parcels", {})
    with EventClient(main.app, response="native", sources="com.example.shop,/scales/*") as client:
        yield client


def order(**detail):
    """What EventBridge sends of an order."""
    return eventbridge("com.example.shop", "Order Placed", {"number": 42, "city": "Ghent", **detail})


def weighing(**data):
    """What scales send of a parcel: a CloudEvent, in a direct call of the function."""
    return cloudevent({"order": 42, "grams": 815, **data}, "com.example.parcel.weighed", "/scales/3")


def test_the_parcel_of_an_order_is_fetched(function):
    """It is booked when the function returns, though in the background of the answer."""
    sent = function.send(order())

    assert (sent.status, sent.next) == (202, "done")
    assert [*pretended.parcels.values()] == [{"number": 42, "city": "Ghent"}]


def test_an_event_that_comes_twice_is_one_parcel(function):
    """EventBridge promises each event at least once, not exactly once."""
    event = order()

    function.send(event)
    function.send(event)

    assert [*pretended.parcels] == [f"com.example.shop {event['id']}"]


def test_an_order_is_not_lost_when_the_carrier_fails(function, monkeypatch):
    """The answer was 202, yet the function fails, so that Lambda tries again, and at last sets the event aside."""
    monkeypatch.setattr(pretended, "on_strike", True)

    sent = function.send(order())

    assert (sent.status, sent.next) == (202, "retry")
    assert type(sent.raised).__name__ == "HTTPStatusError"


def test_scales_are_answered_with_a_label(function):
    """It is the JSON of the view itself, and the number of the scales is that of the event's source."""
    sent = function.send(weighing())

    assert sent.next == "answer"
    assert sent.reply == {"scales": 3, "order": 42, "cents": 471}


def test_an_event_that_does_not_fit_its_model_fails(function):
    """The one that called the function is told so."""
    sent = function.send(weighing(grams=-1))

    assert (sent.status, sent.next) == (422, "error")
    assert sent.raised.path == "/scales/3"


def test_the_connections_are_opened_once(function, monkeypatch):
    """However many events there are, before the first."""
    opened, connect = [], main.connect
    monkeypatch.setattr(main, "connect", lambda: opened.append(connect()) or opened[-1])

    function.send(order())
    function.send(weighing())

    assert len(opened) == 1


def test_a_source_cannot_choose_another_url(function):
    """CLOUD_EVENTS_SOURCES has those that may."""
    sent = function.send(cloudevent(source="/openapi.json"))

    assert (sent.status, sent.next) == (None, "error")
    assert str(sent.raised).endswith("the value matches none of the patterns of CLOUD_EVENTS_SOURCES")


def test_nobody_but_aws_can_send_events():
    """Over HTTP their URLs are not there."""

    async def post(path, event):
        async with AsyncClient(transport=ASGITransport(main.app), base_url="http://depot") as client:
            return await client.post(path, json=event)

    assert asyncio.run(post("/com.example.shop", order())).status_code == 404
    assert asyncio.run(post("/scales/3", weighing())).status_code == 404
