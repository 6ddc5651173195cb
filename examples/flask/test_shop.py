"""The function as Lambda calls it: with events, and the settings of template.yaml and serverless.yml."""

import pytest

from cloud_events.testing import EventClient, sqs
from shop import create_app


@pytest.fixture
def app(tmp_path):
    """The application, with a database of its own: 12 of coffee, 40 of tea."""
    return create_app(DATABASE=tmp_path / "shop.sqlite3")


@pytest.fixture
def function(app):
    """The function."""
    return EventClient(app, response="native", delivery="record")


def test_only_the_message_that_failed_comes_back(function):
    """The reply names it, so that SQS deletes the other."""
    event = sqs({"article": "tea", "quantity": 2}, {"article": "coffee", "quantity": 50})

    sent = function.send(event)

    assert sent.next == "retry-some"
    assert sent.reply == {"batchItemFailures": [{"itemIdentifier": event["Records"][1]["messageId"]}]}
    assert function.send({}).reply == {"stock": {"coffee": 12, "tea": 38}, "orders": 1}


def test_a_message_that_comes_twice_is_served_once(function):
    """SQS promises each message at least once, not exactly once."""
    event = sqs({"article": "tea", "quantity": 2})

    assert function.send(event).next == "done"
    assert function.send(event).next == "done"
    assert function.send({}).reply == {"stock": {"coffee": 12, "tea": 38}, "orders": 1}


@pytest.mark.parametrize("message", ["tea, please", {"article": "tea"}, {"article": "tea", "quantity": -2}])
def test_a_message_that_makes_no_sense_takes_nothing(function, message):
    """It comes back, and goes to the dead-letter queue after the fifth time."""
    assert function.send(sqs(message)).next == "retry"
    assert function.send({}).reply == {"stock": {"coffee": 12, "tea": 40}, "orders": 0}


def test_people_see_the_shelf_and_cannot_send_messages(app):
    """Over HTTP the URL of the queue is not there."""
    client = app.test_client()

    assert client.get("/").json == {"stock": {"coffee": 12, "tea": 40}, "orders": 0}
    assert client.post("/aws.sqs", json=sqs({"article": "tea", "quantity": 2})).status_code == 404
