"""The function as Lambda invokes it: with events and HTTP requests, and the settings of the templates."""

import pytest

from cloud_events.testing import EventClient, cloudevent, eventbridge
from depot import main, pretended


@pytest.fixture
def function(monkeypatch):
    """The function, with a simulated carrier that has no parcels yet."""
    monkeypatch.setattr(pretended, "parcels", {})
    settings = {"response": "native", "sources": "com.example.shop,/scales/*", "http_handler": "mangum"}
    with EventClient(main.app, **settings) as client:
        yield client


def order(**detail):
    """The event that EventBridge sends for an order."""
    return eventbridge("com.example.shop", "Order Placed", {"number": 42, "city": "Ghent", **detail})


def weighing(**data):
    """The CloudEvent that the scales send for a parcel, by invoking the function."""
    return cloudevent({"order": 42, "grams": 815, **data}, "com.example.parcel.weighed", "/scales/3")


def test_the_parcel_of_an_order_is_fetched(function):
    """It is booked when the function returns, although a background task does it."""
    sent = function.send(order())

    assert (sent.status, sent.next) == (202, "done")
    assert [*pretended.parcels.values()] == [{"number": 42, "city": "Ghent"}]


def test_an_event_that_comes_twice_is_one_parcel(function):
    """EventBridge delivers each event at least once, not exactly once."""
    event = order()

    function.send(event)
    function.send(event)

    assert [*pretended.parcels] == [f"com.example.shop {event['id']}"]


def test_an_order_is_not_lost_when_the_carrier_fails(function, monkeypatch):
    """The answer was 202, yet the function fails, so that Lambda retries it, and finally sends it to the queue."""
    monkeypatch.setattr(pretended, "on_strike", True)

    sent = function.send(order())

    assert (sent.status, sent.next) == (202, "retry")
    assert type(sent.raised).__name__ == "HTTPStatusError"


def test_scales_are_answered_with_a_label(function):
    """The reply is the JSON of the view itself. The number of the scales is in the source of the event."""
    sent = function.send(weighing())

    assert sent.next == "answer"
    assert sent.reply == {"scales": 3, "order": 42, "cents": 471}


def test_an_event_that_does_not_fit_its_model_fails(function):
    """The caller of the function gets the error."""
    sent = function.send(weighing(grams=-1))

    assert (sent.status, sent.next) == (422, "error")
    assert sent.raised.path == "/scales/3"


def test_the_connections_are_opened_once(function, monkeypatch):
    """Events and HTTP requests share them, however many there are."""
    opened, connect = [], main.connect
    monkeypatch.setattr(main, "connect", lambda: opened.append(connect()) or opened[-1])

    function.send(order())
    assert function.http("GET", "/postage?grams=815").status == 200
    function.send(weighing())

    assert len(opened) == 1


def test_a_source_cannot_choose_another_url(function):
    """CLOUD_EVENTS_SOURCES lists the sources that may."""
    sent = function.send(cloudevent(source="/openapi.json"))

    assert (sent.status, sent.next) == (None, "error")
    assert str(sent.raised).endswith("the value matches none of the patterns of CLOUD_EVENTS_SOURCES")


def test_the_website_answers_the_postage(function):
    """An HTTP request is answered by the same application, through the same connections."""
    answered = function.http("GET", "/postage?grams=815")

    assert (answered.status, answered.json()) == (200, {"grams": 815, "cents": 471})


def test_nobody_but_aws_can_send_events(function):
    """For HTTP requests the URLs of events do not exist."""
    assert [function.http("POST", path, "{}").status for path in ("/com.example.shop", "/scales/3")] == [404, 404]
