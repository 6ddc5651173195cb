"""An event, or one record of it, as a request: as it came, or as a CloudEvent in a content mode of the HTTP binding."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from cloud_events import Matcher
from conftest import EVENTS, Context, expectations, sample
from drawn import CLOUDEVENTS
from sent import sent

REQUEST = Context.aws_request_id
VALID = Draft202012Validator(json.loads(Path(__file__).with_name("cloudevent.schema.json").read_text()))
JSON = "application/json"
STRUCTURED = "application/cloudevents+json; charset=utf-8"
BATCHED = "application/cloudevents-batch+json; charset=utf-8"
MODES = ("event", "binary", "structured")
DELIVERIES = ("batch", "record")
every_mode = pytest.mark.parametrize("mode", MODES)
NATIVE = [file.removesuffix(".json") for file, row, _ in expectations(EVENTS) if row == "cloudevent"]
ALL = [Matcher("mine", {}, "/to")]


def shown(request):
    """What of a request depends on its mode: content type, headers, body as JSON."""
    return request.content_type, request.headers, json.loads(request.body)


def ce(attributes):
    """*attributes*, whose values need no escape, as headers."""
    return {f"ce-{name}": value for name, value in attributes.items() if name != "datacontenttype"}


S3 = sample("s3")
UPLOAD = {
    "specversion": "1.0",
    "id": "D8B4F7F1315379BE.LnAiiXxHrJDzAW3GnxAiOv+IKjTxqUuWfJOIm2gw4sbT6Wj1JJXkUIzfYKgYlFLx",
    "source": "aws:s3.eu-west-1.books-uploads",
    "type": "com.amazonaws.s3.ObjectCreated:Put",
    "subject": "novels/Caf%C3%A9+Noir+%281%29.epub",
    "time": "2026-03-14T09:26:53.589Z",
    "datacontenttype": JSON,
}
UPLOAD_HEADERS = ce({**UPLOAD, "subject": "novels/Caf%25C3%25A9+Noir+%25281%2529.epub"})
RULE = sample("eventbridge")
ORDERED = {
    "specversion": "1.0",
    "id": "59f8fd74-8380-49f6-8b8e-9b230728871c",
    "source": "com.example.orders",
    "type": "OrderPlaced",
    "time": "2026-03-14T09:26:53Z",
    "region": "eu-west-1",
    "account": "123456789012",
    "datacontenttype": JSON,
}
SQS = sample("sqs__fifo")
QUEUE = {
    "specversion": "1.0",
    "source": "arn:aws:sqs:eu-west-1:123456789012:payments.fifo",
    "type": "com.amazonaws.sqs.message",
    "datacontenttype": JSON,
}
BATCH = {**QUEUE, "id": REQUEST, "type": "com.amazonaws.sqs.batch"}
MESSAGES = [
    {
        **QUEUE,
        "id": f"d3b07384-d113-4ec6-a7d1-1b6c2f4e5a0{number}",
        "time": f"2026-03-14T11:00:01.{number}00Z",
        "partitionkey": group,
    }
    for number, group in enumerate(["customer-ada", "customer-grace", "customer-ada"], 1)
]
PAIRS = [*zip(MESSAGES, SQS["Records"], strict=True)]
LOGS = sample("cloudwatch.logs")
LOGGED = {
    "specversion": "1.0",
    "id": f"{REQUEST}.0",
    "source": "aws:logs",
    "type": "com.amazonaws.logs.batch",
    "datacontenttype": JSON,
}
CHANGES = sample("docdb")
UNSAYABLE = {"specversion": "1.0", "id": "7", "source": "/shop", "type": "\ud800"}
# mode, delivery, event: (content type, headers, body) of each request
WRITTEN = [
    ("event", "batch", S3, [(JSON, UPLOAD_HEADERS, S3)]),
    ("binary", "batch", S3, [(JSON, UPLOAD_HEADERS, S3)]),
    ("binary", "record", S3, [(JSON, UPLOAD_HEADERS, S3["Records"][0])]),
    ("structured", "batch", S3, [(BATCHED, {}, [{**UPLOAD, "data": S3["Records"][0]}])]),
    ("structured", "record", S3, [(STRUCTURED, {}, {**UPLOAD, "data": S3["Records"][0]})]),
    *[(mode, delivery, RULE, [(JSON, ce(ORDERED), RULE)]) for mode in ("event", "binary") for delivery in DELIVERIES],
    *[("structured", delivery, RULE, [(STRUCTURED, {}, {**ORDERED, "data": RULE})]) for delivery in DELIVERIES],
    # Of several records in one request only id, source and type are said.
    *[(mode, "batch", SQS, [(JSON, ce(BATCH), SQS)]) for mode in ("event", "binary")],
    ("structured", "batch", SQS, [(BATCHED, {}, [{**attributes, "data": record} for attributes, record in PAIRS])]),
    # Delivered singly, the record itself is the data; by default the shape of the event stays around it.
    ("event", "record", SQS, [(JSON, ce(attributes), {"Records": [record]}) for attributes, record in PAIRS]),
    ("binary", "record", SQS, [(JSON, ce(attributes), record) for attributes, record in PAIRS]),
    ("structured", "record", SQS, [(STRUCTURED, {}, {**attributes, "data": record}) for attributes, record in PAIRS]),
    # CloudWatch Logs are not opened.
    ("event", "batch", LOGS, [(JSON, ce(LOGGED), LOGS)]),
    ("structured", "batch", LOGS, [(STRUCTURED, {}, {**LOGGED, "data": LOGS})]),
    # A native CloudEvent comes as it is, even if no header could say what is in it.
    ("event", "batch", UNSAYABLE, [(JSON, {}, UNSAYABLE)]),
    # Kinds of events without attributes, and events without a record, come as they are.
    *[(mode, "batch", event, [(JSON, {}, event)]) for mode in MODES
      for event in (sample("pipes"), None, [], "text", sample("kinesis.window"))],
]  # fmt: skip


@pytest.mark.parametrize(("mode", "delivery", "event", "requests"), WRITTEN)
def test_content_modes(mode, delivery, event, requests):
    """An event and its records in each content mode; aws.event has its shape in all of them."""
    seen = sent(event, content_mode=mode, delivery=delivery)
    assert [*map(shown, seen)] == requests
    single = delivery == "record" and isinstance(event, dict) and "Records" in event
    assert [request.event for request in seen] == [
        {**event, "Records": [record]} if single else event for record in (event["Records"] if single else [event])
    ]


def test_a_reader_of_one_answer_gets_one():
    """Firehose is never split: in structured mode it is a batch, or one CloudEvent where records are to come singly."""
    event = sample("kinesis.firehose")
    requests = [sent(event, content_mode="structured", delivery=delivery) for delivery in DELIVERIES]
    assert [request.content_type for [request] in requests] == [BATCHED, STRUCTURED]


def test_a_record_of_documentdb():
    """The data is what the record wraps, also where it wraps nothing."""
    event = {**CHANGES, "events": [*CHANGES["events"][:1], 5]}
    first, second = sent(event, content_mode="binary", delivery="record")
    assert (json.loads(first.body), json.loads(second.body)) == (CHANGES["events"][0]["event"], 5)
    assert first.headers["ce-type"] == "com.amazonaws.docdb.insert"


RECORD_IDS = [
    ("s3", 0, UPLOAD["id"]),
    ("mq.rabbitmq", 0, f"{REQUEST}.0"),
    ("pipes", 1, "5a0e9f3c-7b1d-4e2f-8c6a-1d2e3f4a5b61"),
    ("pipes__kafka", 0, None),
    ("records__capital-e", 0, None),
]


@every_mode
@pytest.mark.parametrize(("name", "index", "record_id"), RECORD_IDS)
def test_delivery(name, index, record_id, mode):
    """A record is named as its sender wants it, else by its event's id; its attributes stand beside the request."""
    rows = [Matcher("mine", {}, "/to", "poll" if name.startswith("pipes") else None)]
    request = sent(sample(name), content_mode=mode, delivery="record", matchers=rows)[index]
    delivery = request.delivery
    assert (request.path, delivery.path, delivery.matcher, delivery.record_id) == ("/to", "/to", "mine", record_id)
    if name == "s3":
        assert delivery.attributes == UPLOAD
    if name.startswith(("pipes", "records")):
        assert shown(request) == (JSON, {}, request.event)
        assert delivery.attributes == {}


@pytest.mark.parametrize("name", NATIVE)
def test_native(name):
    """A native CloudEvent: unchanged by default, without headers; else as its mode says."""
    event = sample(name)
    attributes = {key: value for key, value in event.items() if key[:4] != "data" or key == "datacontenttype"}
    plain, binary, structured = (sent(event, content_mode=mode)[0] for mode in MODES)
    assert shown(plain) == (JSON, {}, event)
    assert shown(structured) == (STRUCTURED, {}, event)
    assert {*binary.headers} == {f"ce-{key}" for key in attributes} - {"ce-datacontenttype"}
    for request in (plain, binary, structured):
        assert (request.delivery.attributes, request.delivery.record_id) == (attributes, None)


def test_native_binary():
    """In binary mode non-ASCII is percent-encoded in headers, and data is the body, of no type where it has none."""
    [request] = sent(sample("cloudevent__encoded-source"), content_mode="binary")
    assert (request.content_type, request.body) == (JSON, b"null")
    assert request.headers["ce-subject"] == "Euro%20%E2%82%AC%20%F0%9F%98%80"
    assert request.headers["ce-source"] == "//b%25C3%25BCcher//Caf%25C3%25A9%2520Noir"
    event = sample("cloudevent__binary-data")
    for content_type in ("image/png", None):
        [request] = sent({**event, "datacontenttype": content_type}, content_mode="binary")
        assert (request.content_type, request.body) == (content_type, b"\x89PNG\r\n\x1a\n")


def test_nulls_are_not_sent():
    """Null means unset: an event that is written anew goes without it; by default nothing is written anew."""
    event = {**sample("cloudevent"), "subject": None, "data": None}
    lean = {name: value for name, value in event.items() if name != "subject"}
    assert shown(sent(event, content_mode="structured")[0])[2] == lean
    assert shown(sent([event, event], content_mode="structured")[0]) == (BATCHED, {}, [lean, lean])
    assert shown(sent(event)[0])[2] == event


TRACE = "Root=1-69b52b3d-5f84c6a1d0e94b27a3f1c852;Parent=0b00c5b00c5b00c5;Sampled=1"


@every_mode
@pytest.mark.parametrize(
    ("trace_id", "sent_on"), [(TRACE, TRACE), ("", None), ("Root=1\r\nHost: a", None), ("é", None)]
)
def test_trace_id(mode, trace_id, sent_on, monkeypatch):
    """The trace of the invocation goes on in the application; what cannot be a header does not."""
    monkeypatch.setenv("_X_AMZN_TRACE_ID", trace_id)
    assert sent(S3, content_mode=mode)[0].headers.get("x-amzn-trace-id") == sent_on


@settings(deadline=None)
@given(CLOUDEVENTS)
def test_any_valid_event_comes_back(event):
    """Any valid native event is in the body as it was, by default and in structured mode, and valid there."""
    for mode in ("event", "structured"):
        [request] = sent(event, content_mode=mode, matchers=ALL)
        assert json.loads(request.body) == event
        assert not [error.message for error in VALID.iter_errors(event)]
