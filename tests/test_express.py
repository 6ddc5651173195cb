"""An event, or one record of it, as a request: as it came, or as a CloudEvent in a content mode of the HTTP binding."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from cloud_events.adapter.attributes import TABLE
from cloud_events.adapter.describe import opened
from cloud_events.adapter.express import each_attributes, natives, one, whole
from cloud_events.adapter.path import Place
from cloud_events.adapter.records import BATCHES, alone, records
from conftest import EVENTS, Context, expectations, sample
from drawn import CLOUDEVENTS

CONTEXT = Context()
REQUEST = CONTEXT.aws_request_id
PLACE = Place("mine", "/to", "a=b")
VALID = Draft202012Validator(json.loads(Path(__file__).with_name("cloudevent.schema.json").read_text()))
STRUCTURED = "application/cloudevents+json; charset=utf-8"
BATCHED = "application/cloudevents-batch+json; charset=utf-8"
MODES = ("event", "binary", "structured")
SAMPLES = {file.removesuffix(".json"): row for file, row, _ in expectations(EVENTS)}
NATIVE = [name for name, row in SAMPLES.items() if row == "cloudevent"]


def sent(request):
    """What of a request depends on its mode: content type, headers, body as JSON."""
    return request.content_type, sorted(request.headers), json.loads(request.body)


def ce(attributes):
    """*attributes*, whose values need no escape, as headers."""
    return sorted((f"ce-{name}", value) for name, value in attributes.items() if name != "datacontenttype")


S3 = sample("s3")
UPLOAD = {
    "specversion": "1.0",
    "id": "D8B4F7F1315379BE.LnAiiXxHrJDzAW3GnxAiOv+IKjTxqUuWfJOIm2gw4sbT6Wj1JJXkUIzfYKgYlFLx",
    "source": "aws:s3.eu-west-1.books-uploads",
    "type": "com.amazonaws.s3.ObjectCreated:Put",
    "subject": "novels/Caf%C3%A9+Noir+%281%29.epub",
    "time": "2026-03-14T09:26:53.589Z",
    "datacontenttype": "application/json",
}
UPLOAD_HEADERS = ce({**UPLOAD, "subject": "novels/Caf%25C3%25A9+Noir+%25281%2529.epub"})
RULE = sample("eventbridge")
PLACED = {
    "specversion": "1.0",
    "id": "59f8fd74-8380-49f6-8b8e-9b230728871c",
    "source": "com.example.orders",
    "type": "OrderPlaced",
    "time": "2026-03-14T09:26:53Z",
    "region": "eu-west-1",
    "account": "123456789012",
    "datacontenttype": "application/json",
}
SQS = sample("sqs__fifo")
ORDER = {
    "specversion": "1.0",
    "source": "arn:aws:sqs:eu-west-1:123456789012:payments.fifo",
    "type": "com.amazonaws.sqs.message",
}
QUEUED = {**ORDER, "id": REQUEST, "datacontenttype": "application/json"}
MESSAGES = [
    {
        **ORDER,
        "id": f"d3b07384-d113-4ec6-a7d1-1b6c2f4e5a0{number}",
        "time": f"2026-03-14T11:00:01.{number}00Z",
        "partitionkey": group,
        "datacontenttype": "application/json",
        "data": SQS["Records"][number - 1],
    }
    for number, group in enumerate(["customer-ada", "customer-grace", "customer-ada"], 1)
]
WHOLE = [
    ("event", "s3", True, None, UPLOAD_HEADERS, S3),
    ("binary", "s3", True, "application/json", UPLOAD_HEADERS, S3),
    ("structured", "s3", True, BATCHED, [], [{**UPLOAD, "data": S3["Records"][0]}]),
    ("structured", "s3", False, STRUCTURED, [], {**UPLOAD, "data": S3}),
    ("event", "eventbridge", True, None, ce(PLACED), RULE),
    ("binary", "eventbridge", True, "application/json", ce(PLACED), RULE),
    ("structured", "eventbridge", True, STRUCTURED, [], {**PLACED, "data": RULE}),
    ("event", "sqs__fifo", True, None, ce(QUEUED), SQS),
    ("binary", "sqs__fifo", True, "application/json", ce(QUEUED), SQS),
    ("structured", "sqs__fifo", True, BATCHED, [], MESSAGES),
    ("structured", "sqs__fifo", False, STRUCTURED, [], {**QUEUED, "data": SQS}),
    # Kinds of events without attributes, and events without a record, come as they are.
    *[(mode, "pipes", True, None, [], sample("pipes")) for mode in MODES],
    *[(mode, "none__null", True, None, [], None) for mode in MODES],
    *[(mode, "kinesis.window", True, None, [], sample("kinesis.window")) for mode in MODES],
]


@pytest.mark.parametrize(("mode", "name", "batched", "content_type", "fields", "body"), WHOLE)
def test_whole(mode, name, batched, content_type, fields, body):
    """A whole event in each content mode; structured mode may write one CloudEvent a record."""
    request = whole(mode, SAMPLES[name], sample(name), CONTEXT, PLACE, batched)
    assert sent(request) == (content_type, fields, body)
    assert (request.path, request.query, request.event, request.context) == ("/to", "a=b", sample(name), CONTEXT)
    assert (request.delivery.matcher, request.delivery.path, request.delivery.record_id) == ("mine", "/to", None)


@pytest.mark.parametrize("mode", MODES)
def test_what_a_delivery_tells(mode):
    """The attributes stand beside the request in every mode, also where they are in no header."""
    delivery = whole(mode, "s3", S3, CONTEXT, PLACE, True).delivery
    assert delivery.attributes == UPLOAD
    assert (delivery.event_id, delivery.type, delivery.source) == (UPLOAD["id"], UPLOAD["type"], UPLOAD["source"])
    assert (delivery.subject, delivery.time) == (UPLOAD["subject"], UPLOAD["time"])
    assert whole(mode, "sqs", SQS, CONTEXT, PLACE, True).delivery.attributes == QUEUED
    assert whole(mode, "pipes", sample("pipes"), CONTEXT, PLACE, True).delivery.attributes == {}


@pytest.mark.parametrize("mode", MODES)
def test_logs_that_cannot_be_unpacked(mode):
    """An event whose records are not to be had comes as it is, rather than as an empty batch."""
    event = {"awslogs": {"data": "broken"}}
    assert sent(whole(mode, "cloudwatch.logs", event, CONTEXT, PLACE, True)) == (None, [], event)


def single(mode, name, index):
    """The request of one record of a sample, and its event."""
    row, event = SAMPLES[name], sample(name)
    record = records(BATCHES[row], event)[index]
    event = alone(BATCHES[row], event, record)
    return one(mode, row, BATCHES[row], record, event, CONTEXT, PLACE, set()), event


@pytest.mark.parametrize("index", [0, 1, 2])
def test_one_record(index):
    """Delivered singly, the record itself is the data; the default mode keeps the shape of the event around it."""
    attributes = {name: value for name, value in MESSAGES[index].items() if name != "data"}
    data, fields = SQS["Records"][index], ce(attributes)
    for mode, expected in {
        "event": (None, fields, {"Records": [data]}),
        "binary": ("application/json", fields, data),
        "structured": (STRUCTURED, [], MESSAGES[index]),
    }.items():
        request, event = single(mode, "sqs__fifo", index)
        assert sent(request) == expected
        assert request.event == event == {"Records": [data]}
        assert (request.delivery.record_id, request.delivery.attributes) == (attributes["id"], attributes)


RECORD_IDS = [
    ("kafka.msk", 2, {"partition": "orders-1", "offset": 31}),
    ("s3", 0, UPLOAD["id"]),
    ("mq.rabbitmq", 0, f"{REQUEST}.0"),
    ("dynamodb", 1, "4421584500000000017450439012"),
    ("pipes", 1, "5a0e9f3c-7b1d-4e2f-8c6a-1d2e3f4a5b61"),
    ("pipes__kafka", 0, None),
    ("records", 0, None),
]


@pytest.mark.parametrize(("name", "index", "record_id"), RECORD_IDS)
@pytest.mark.parametrize("mode", MODES)
def test_record_ids(mode, name, index, record_id):
    """A record is named as its sender wants it, or else by its event's id; without either it comes as it is."""
    request, event = single(mode, name, index)
    assert request.delivery.record_id == record_id
    if SAMPLES[name] not in TABLE:
        assert sent(request) == (None, [], event)


def test_a_record_of_documentdb():
    """Its data is what the record wraps."""
    request, event = single("binary", "docdb", 1)
    assert json.loads(request.body) == event["events"][0]["event"]
    assert dict(request.headers)["ce-type"] == "com.amazonaws.docdb.update"
    row, event = SAMPLES["docdb"], {"events": [5]}
    record = records(BATCHES[row], event)[0]
    assert json.loads(one("binary", row, BATCHES[row], record, event, CONTEXT, PLACE, set()).body) == 5


@pytest.mark.parametrize("name", NATIVE)
def test_native(name):
    """A native CloudEvent: unchanged by default, without headers; else as its mode says."""
    event = sample(name)
    attributes = {key: value for key, value in event.items() if key[:4] != "data" or key == "datacontenttype"}
    requests = {mode: whole(mode, "cloudevent", event, CONTEXT, PLACE, True) for mode in MODES}
    assert sent(requests["event"]) == (None, [], event)
    assert sent(requests["structured"]) == (STRUCTURED, [], event)
    assert {key for key, _ in requests["binary"].headers} == {f"ce-{key}" for key in attributes} - {
        "ce-datacontenttype"
    }
    assert all(request.delivery.attributes == attributes for request in requests.values())


def test_native_binary():
    """In binary mode non-ASCII is percent-encoded in headers, and data is the body, of no type where it has none."""
    request = whole("binary", "cloudevent", sample("cloudevent__encoded-source"), CONTEXT, PLACE, True)
    assert (request.content_type, request.body) == ("application/json", b"null")
    assert dict(request.headers)["ce-subject"] == "Euro%20%E2%82%AC%20%F0%9F%98%80"
    assert dict(request.headers)["ce-source"] == "//b%25C3%25BCcher//Caf%25C3%25A9%2520Noir"
    request = whole("binary", "cloudevent", sample("cloudevent__binary-data"), CONTEXT, PLACE, True)
    assert (request.content_type, request.body) == ("image/png", b"\x89PNG\r\n\x1a\n")
    untyped = {**sample("cloudevent__binary-data"), "datacontenttype": None}
    assert whole("binary", "cloudevent", untyped, CONTEXT, PLACE, True).content_type == ""


def test_nulls_are_not_sent():
    """Null means unset: an event that is written anew goes without it; by default nothing is written anew."""
    event = {**sample("cloudevent"), "subject": None, "data": None}
    lean = {name: value for name, value in event.items() if name != "subject"}
    assert sent(whole("structured", "cloudevent", event, CONTEXT, PLACE, True))[2] == lean
    assert sent(natives([event, event], CONTEXT, PLACE)) == (BATCHED, [], [lean, lean])
    assert sent(whole("event", "cloudevent", event, CONTEXT, PLACE, True))[2] == event


@pytest.mark.parametrize(
    ("trace_id", "goes_on"),
    [
        ("Root=1-69b52b3d-5f84c6a1d0e94b27a3f1c852;Parent=0b00c5b00c5b00c5;Sampled=1", True),
        ("", False),
        ("Root=1\r\nHost: a", False),
        ("é", False),
    ],
)
@pytest.mark.parametrize("mode", MODES)
def test_trace_id(mode, trace_id, goes_on, monkeypatch):
    """The trace of the invocation goes on in the application; what cannot be a header does not."""
    plain = sorted(whole(mode, "s3", S3, CONTEXT, PLACE, True).headers)
    monkeypatch.setenv("_X_AMZN_TRACE_ID", trace_id)
    with_trace = sorted(whole(mode, "s3", S3, CONTEXT, PLACE, True).headers)
    assert with_trace == plain + [("x-amzn-trace-id", trace_id)] * goes_on


def payload_ids(row, event):
    """(source, id) of each record of *event*."""
    return [(attributes["source"], attributes["id"]) for attributes, _ in each_attributes(row, event, CONTEXT)]


def assert_unique(row, event):
    found = payload_ids(row, event)
    assert len(set(found)) == len(found) == len(opened(row, event)[0])


@pytest.mark.parametrize("name", [name for name, row in SAMPLES.items() if row in TABLE])
def test_ids_are_unique(name):
    """No two records of a sample have the same source and id."""
    assert_unique(SAMPLES[name], sample(name))


def test_ids_of_public_samples_are_unique(corpus):
    """Nor do two of a public sample."""
    for file, row, _ in expectations(corpus):
        if row in TABLE:
            assert_unique(row, json.loads((corpus / file).read_text(encoding="utf-8-sig")))


def test_one_deletion_of_several_objects():
    """S3 repeats its ids within one deletion; all but the first get their place in the event, singly or in a batch."""
    event, row = sample("s3__multi-object-delete"), SAMPLES["s3__multi-object-delete"]
    for record in event["Records"]:
        record["s3"]["object"]["key"] = "a"  # of which nothing is to be escaped
    natural = "245B98ADE3B47E45.8mxVk+wGZMVB3rZmKQHvB9fpMgusnDHW6tgr87WRyXx4YvxbILnyy0/itNMCzM6l"
    assert payload_ids(row, event) == [(UPLOAD["source"], natural), (UPLOAD["source"], f"{natural}.1")]
    seen = set()
    requests = [
        one("event", row, BATCHES[row], record, alone(BATCHES[row], event, record), CONTEXT, PLACE, seen)
        for record in records(BATCHES[row], event)
    ]
    assert [request.delivery.event_id for request in requests] == [natural, f"{natural}.1"]
    assert [request.delivery.record_id for request in requests] == [natural, f"{natural}.1"]
    assert [dict(request.headers)["ce-id"] for request in requests] == [natural, f"{natural}.1"]


@given(st.lists(st.sampled_from(["a", "a.1", "a.2", "a.1.2", f"{REQUEST}.0", ""])))
def test_ids_are_unique_whatever_the_sender_says(ids):
    """Also where one natural id looks like the name given to another."""
    assert_unique("sqs", {"Records": [{"messageId": natural} for natural in ids]})


@pytest.mark.parametrize("name", SAMPLES)
def test_structured_bodies_are_valid(name):
    """Every structured body is what the JSON format says, alone or in a batch."""
    row = SAMPLES[name]
    for batched in (True, False):
        content_type, _, body = sent(whole("structured", row, sample(name), CONTEXT, PLACE, batched))
        assert (content_type is None) == (row not in TABLE and row != "cloudevent")
        if content_type and "v03" not in name:
            for event in body if content_type == BATCHED else [body]:
                assert not [error.message for error in VALID.iter_errors(event)]


@pytest.mark.parametrize("name", [name for name, row in SAMPLES.items() if row in BATCHES])
def test_structured_records_are_valid(name):
    """So is that of every record that is delivered singly."""
    for index in range(len(records(BATCHES[SAMPLES[name]], sample(name)))):
        request, _ = single("structured", name, index)
        if request.content_type is not None:
            assert not [error.message for error in VALID.iter_errors(json.loads(request.body))]


@settings(deadline=None)
@given(CLOUDEVENTS)
def test_any_valid_event_comes_back(event):
    """Any valid native event is in the body as it was, by default and in structured mode, and valid there."""
    for mode in ("event", "structured"):
        body = json.loads(whole(mode, "cloudevent", event, CONTEXT, PLACE, True).body)
        assert body == event
        assert not [error.message for error in VALID.iter_errors(body)]
