"""What a view may ask about its request: is it an event, and which CloudEvent? Asked in each framework."""

import pytest
from django import setup
from django.test import RequestFactory, override_settings
from flask import Flask
from starlette.requests import Request

from apps import looking
from cloud_events import InvalidEvent, Matcher, cloudevent, cloudevents, is_event, make_handler
from cloud_events.messages import Delivery
from conftest import Context, sample

CONTEXT = Context()
REQUEST = CONTEXT.aws_request_id
APPLICATIONS = [
    *(looking.flask, looking.fastapi, looking.starlette, looking.falcon_wsgi, looking.falcon_asgi),
    *(looking.django_wsgi, looking.django_asgi),
]
MODES = ("event", "binary", "structured")
every_framework = pytest.mark.parametrize("application", APPLICATIONS, ids=lambda application: application.__name__)
every_mode = pytest.mark.parametrize("mode", MODES)


@pytest.fixture(autouse=True, scope="module")
def django():
    """Django finds its view where looking has it."""
    setup()
    with override_settings(ROOT_URLCONF="apps.looking"):
        yield


def asked(application, event, *questions, **settings):
    """The answers to *questions*, each asked of the request in the view, once for each request of *event*."""
    answers = []

    def look(request, headers, body):
        answers.append([question(request) for question in questions])

    reply = make_handler(application(look), lifespan="off", **settings)(event, CONTEXT)
    assert reply["status_code"] == "200"
    return answers


def shown(event):
    """A CloudEvent's attributes and data."""
    return event.attributes, event.data


S3, SQS, NATIVE = sample("s3"), sample("sqs__fifo"), sample("cloudevent__binary-data")
FIXED = {"specversion": "1.0", "datacontenttype": "application/json"}
UPLOAD = {
    **FIXED,
    "id": "D8B4F7F1315379BE.LnAiiXxHrJDzAW3GnxAiOv+IKjTxqUuWfJOIm2gw4sbT6Wj1JJXkUIzfYKgYlFLx",
    "source": "aws:s3.eu-west-1.books-uploads",
    "type": "com.amazonaws.s3.ObjectCreated:Put",
    "subject": "novels/Caf%C3%A9+Noir+%281%29.epub",
    "time": "2026-03-14T09:26:53.589Z",
}
QUEUE = {
    **FIXED,
    "source": "arn:aws:sqs:eu-west-1:123456789012:payments.fifo",
    "type": "com.amazonaws.sqs.message",
}
MESSAGES = [
    {
        **QUEUE,
        "id": f"d3b07384-d113-4ec6-a7d1-1b6c2f4e5a0{number}",
        "time": f"2026-03-14T11:00:01.{number}00Z",
        "partitionkey": group,
    }
    for number, group in enumerate(["customer-ada", "customer-grace", "customer-ada"], 1)
]


RECORDS = [*zip(MESSAGES, SQS["Records"], strict=True)]
ITSELF = ({name: value for name, value in NATIVE.items() if name != "data_base64"}, b"\x89PNG\r\n\x1a\n")


@every_mode
@every_framework
@pytest.mark.parametrize(
    ("event", "delivery", "answers"),
    [
        (S3, "batch", [((UPLOAD, S3), [(UPLOAD, S3["Records"][0])])]),
        # Of a batch as a whole only the source of its first record is said.
        (SQS, "batch", [(({**QUEUE, "id": REQUEST, "type": "com.amazonaws.sqs.batch"}, SQS), RECORDS)]),
        # Delivered singly, the record is the data, and the only CloudEvent there is.
        (SQS, "record", [(record, [record]) for record in RECORDS]),
        # A native CloudEvent is itself, its base64 decoded.
        (NATIVE, "batch", [(ITSELF, [ITSELF])]),
    ],
    ids=["one record", "batch", "records delivered singly", "native"],
)
def test_an_event_and_its_records(application, mode, event, delivery, answers):
    """In every mode an event is a CloudEvent as a whole, and each of its records is one."""
    found = asked(application, event, is_event, cloudevent, cloudevents, content_mode=mode, delivery=delivery)
    assert all(ours for ours, _, _ in found)
    assert [(shown(whole), [*map(shown, records)]) for _, whole, records in found] == answers


def test_an_odd_record():
    """A record of another kind than the first of its batch, delivered singly, is described as the first is."""
    event = {"Records": [SQS["Records"][0], {"messageId": "1"}]}
    [[first], [second]] = asked(looking.flask, event, cloudevent, delivery="record")
    assert shown(first) == (MESSAGES[0], SQS["Records"][0])
    assert shown(second) == ({**FIXED, "id": "1", "source": "aws:sqs", "type": QUEUE["type"]}, {"messageId": "1"})


def test_ids_that_repeat():
    """S3's deletions of several objects have one id; record by record the view is told them apart, either way."""
    event = sample("s3__multi-object-delete")
    [[batch]] = asked(looking.flask, event, cloudevents)
    answers = asked(looking.flask, event, cloudevent, cloudevents, delivery="record")
    assert [one.id for one, _ in answers] == [one.id for _, [one] in answers] == [one.id for one in batch]
    assert len({one.id for one in batch}) == 2


@every_mode
@pytest.mark.parametrize("delivery", ["batch", "record"])
def test_native_events_in_a_list(mode, delivery):
    """Of a list each request has its CloudEvent; those that come as one batch are told apart."""
    events = sample("cloudevents.batch__mixed-versions")
    answers = asked(looking.flask, events, cloudevents, content_mode=mode, delivery=delivery)
    assert [shown(event) for [found] in answers for event in found] == [(event, None) for event in events]
    assert len(answers) == (1 if (mode, delivery) == ("structured", "batch") else 2)


def test_where_a_users_row_sends_it():
    """What an event is does not depend on where it goes."""
    rows = [Matcher("mine", {}, "/mine")]
    [[whole, path]] = asked(looking.flask, S3, cloudevent, lambda request: request.path, matchers=rows)
    assert (shown(whole), path) == ((UPLOAD, S3), "/mine")
    answers = asked(looking.flask, SQS, cloudevent, matchers=rows, delivery="record")
    assert [shown(event) for [event] in answers] == RECORDS
    events = sample("cloudevents.batch__mixed-versions")
    [[found]] = asked(looking.flask, events, cloudevents, matchers=rows)
    assert [*map(shown, found)] == [(event, None) for event in events]
    [[fault]] = asked(looking.flask, [*events, 5], refusal, matchers=rows)
    assert fault == "malformed CloudEvent: it is not an object"


def refusal(request):
    """The words with which cloudevents() refuses *request*."""
    with pytest.raises(InvalidEvent) as caught:
        cloudevents(request)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("docdb", lambda event: event["events"][0]["event"]),
        ("mq.rabbitmq", lambda event: event["rmqMessagesByQueue"]["shipments::/"][0]),
        ("kafka.msk", lambda event: event["records"]["orders-0"][0]),
    ],
)
def test_records_that_lie_deep(name, first):
    """The data of a record is the record, also where it is wrapped, or one of several lists."""
    [[events]] = asked(looking.flask, sample(name), cloudevents)
    assert events[0].data == first(sample(name))
    assert len({event.id for event in events}) == len(events) > 1


NO_EVENT = "this request is not an event: an HTTP client sent it"


def http_requests():
    """Requests of HTTP clients, forged ones among them, and things that are not requests."""
    with Flask(__name__).test_request_context("/aws.s3", environ_base={"cloud_events.delivery": "forged"}) as context:
        yield context.request
    scope = {"type": "http", "method": "POST", "path": "/aws.s3", "headers": [(b"cloud_events.delivery", b"forged")]}
    yield Request(scope)
    yield scope
    yield RequestFactory().post("/aws.s3", headers={"cloud_events.delivery": "forged"})
    yield {"HTTP_CLOUD_EVENTS.DELIVERY": "forged"}
    yield from ({}, None, "request", object(), [Delivery("s3", "/aws.s3")])


def test_requests_of_http_clients():
    """A request of an HTTP client is not an event, whatever the client sends, and has no CloudEvent."""
    for request in http_requests():
        assert not is_event(request)
        for question in (cloudevent, cloudevents):
            with pytest.raises(InvalidEvent) as caught:
                question(request)
            assert str(caught.value) == NO_EVENT


@pytest.mark.parametrize(
    ("name", "settings", "kind"),
    [
        ("none__null", {}, "no matcher"),
        ("pipes", {"delivery": "record"}, "pipes"),
        ("records__capital-e", {}, "records"),
        ("records__capital-e", {"delivery": "record"}, "records"),
        ("kinesis.window", {}, "kinesis.window"),
        ("cloudwatch.widget", {"matchers": [Matcher("mine", {}, "/mine")]}, "cloudwatch.widget"),
    ],
)
def test_events_that_are_no_cloudevents(name, settings, kind):
    """Kinds of events that have no attributes are told by their name."""

    def question(request):
        assert is_event(request)
        for ask in (cloudevent, cloudevents):
            with pytest.raises(InvalidEvent) as caught:
                ask(request)
            assert str(caught.value) == f"events of {kind} have no CloudEvent attributes"

    assert asked(looking.flask, sample(name), question, **settings)
