"""What travels: the delivery that marks a request, and Lambda's context. For silent reprs see test_silence.py."""

import pytest

from cloud_events.messages import Delivery, request_id, seconds_left
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


@pytest.mark.parametrize(("context", "left"), [(Context(lambda: 1_500), 1.5), (None, None), (object(), None)])
def test_context(context, left):
    """Lambda's context object says how much time is left, and which invocation this is; others may not."""
    assert seconds_left(context) == left
    assert request_id(context) == (None if left is None else Context.aws_request_id)
