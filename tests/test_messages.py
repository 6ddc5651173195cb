"""What travels between the boxes, silent about what is in it."""

import pytest

from cloud_events.messages import Delivery, Request, Response, quote, seconds_left
from conftest import Context

SECRET = "Emma's-card-number"
ATTRIBUTES = {
    "id": SECRET,
    "source": f"/{SECRET}",
    "type": f"com.{SECRET}",
    "subject": f"{SECRET}.jpg",
    "time": "2026-03-14T08:00:00Z",
}


def request(delivery):
    return Request(
        "/aws.s3",
        SECRET,
        SECRET.encode(),
        "application/json",
        [("ce-id", SECRET)],
        {SECRET: SECRET},
        {SECRET: SECRET},
        delivery,
    )


def test_delivery():
    """It has what was matched, where the event went, which record it is, and the CloudEvent attributes by name."""
    delivery = Delivery("s3", "/aws.s3", "record-7", ATTRIBUTES)
    assert (delivery.matcher, delivery.path, delivery.record_id) == ("s3", "/aws.s3", "record-7")
    told = (delivery.event_id, delivery.source, delivery.type, delivery.subject, delivery.time)
    assert told == tuple(ATTRIBUTES.values())
    assert delivery.attributes == ATTRIBUTES


def test_delivery_of_an_event_without_attributes():
    """What the event does not have is None."""
    delivery = Delivery(None, "/")
    told = (delivery.event_id, delivery.source, delivery.type, delivery.subject, delivery.time)
    assert (told, delivery.attributes, delivery.record_id) == ((None,) * 5, {}, None)


def test_silence():
    """No repr shows an event, a body, a header's value or an attribute."""
    delivery = Delivery("s3", "/aws.s3", SECRET, ATTRIBUTES)
    shown = [
        repr(each) for each in (delivery, request(delivery), Response(201, [("X-Secret", SECRET)], SECRET.encode()))
    ]
    assert shown == ["<Delivery s3 '/aws.s3'>", "<Request '/aws.s3', 18 bytes>", "<Response 201, 18 bytes>"]
    assert repr(Delivery(None, "/")) == "<Delivery None '/'>"


def test_header():
    """A header is found however it is spelled; the first of several counts; "" if there is none."""
    response = Response(200, [("Content-TYPE", "text/plain"), ("content-type", "text/html")], b"")
    assert (response.header("content-type"), response.header("location"), response.error) == ("text/plain", "", None)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("/aws.s3", "/aws.s3"),
        ("/https:/a@b;c=d,e!$&'()*+-._~", "/https:/a@b;c=d,e!$&'()*+-._~"),
        ("/a b?c#d%e", "/a%20b%3Fc%23d%25e"),
        ("/à/書", "/%C3%A0/%E6%9B%B8"),
        ('"<>\\^`{|}[]', "%22%3C%3E%5C%5E%60%7B%7C%7D%5B%5D"),
    ],
)
def test_quote(text, quoted):
    """What a path segment may not hold is percent-encoded, by its UTF-8 bytes."""
    assert quote(text) == quoted


@pytest.mark.parametrize(("context", "left"), [(Context(lambda: 1_500), 1.5), (None, None), (object(), None)])
def test_seconds_left(context, left):
    """Lambda's context says how much time is left; others may not."""
    assert seconds_left(context) == left
