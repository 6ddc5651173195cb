"""What travels: the delivery that marks a request, and the answer to it. For silent reprs see test_silence.py."""

import pytest

from cloud_events.messages import Delivery, Response, request_id, seconds_left
from conftest import Context

ATTRIBUTES = {
    "id": "1",
    "source": "/books",
    "type": "com.example.sold",
    "subject": "Emma",
    "time": "2026-03-14T08:00:00Z",
}


def named(delivery):
    """The CloudEvent attributes by name."""
    return delivery.event_id, delivery.source, delivery.type, delivery.subject, delivery.time


def test_delivery():
    """It says what matched, where the event went, which record it is, and the CloudEvent attributes by name."""
    delivery = Delivery("s3", "/aws.s3", "record-7", ATTRIBUTES)
    assert (delivery.matcher, delivery.path, delivery.record_id) == ("s3", "/aws.s3", "record-7")
    assert (named(delivery), delivery.attributes) == (tuple(ATTRIBUTES.values()), ATTRIBUTES)


def test_delivery_of_an_event_without_attributes():
    """What the event does not have is None."""
    delivery = Delivery(None, "/")
    assert (named(delivery), delivery.attributes, delivery.record_id) == ((None,) * 5, {}, None)
    assert (delivery.kind, delivery.via, delivery.record, delivery.payload) == (None, (), None, None)


def test_header():
    """A header is found however it is spelled; the first of several counts; "" if there is none."""
    response = Response(200, [("Content-TYPE", "text/plain"), ("content-type", "text/html")], b"")
    assert (response.header("content-type"), response.header("location"), response.error) == ("text/plain", "", None)


@pytest.mark.parametrize(
    ("body", "value"),
    [(b"[1]", [1]), (b"\xef\xbb\xbf{}", {}), (b"", None), (b"{", None), (b"\xff", None), (b"[" * 100_000, None)],
)
def test_json(body, value):
    """A body as JSON in UTF-8, or None."""
    assert Response(200, [], body).json() == value


@pytest.mark.parametrize(("context", "left"), [(Context(lambda: 1_500), 1.5), (None, None), (object(), None)])
def test_context(context, left):
    """Lambda's context object says how much time is left, and which invocation this is; others may not."""
    assert seconds_left(context) == left
    assert request_id(context) == (None if left is None else Context.aws_request_id)
