"""CLOUD_EVENTS_CONTENT_MODE=payload: the body is what the producer wrote, in each framework's own words."""

import base64
import json

import pytest
from django.test import override_settings

from apps.reading import SEEN, Order, by_django, by_fastapi, by_flask
from cloud_events import InvalidEvent, make_handler
from conftest import Context, sample
from envelopes import activemq, kafka, kinesis, notification, rabbitmq, s3, sns, sqs
from legs import both_legs
from sent import deliver, sent

JSON, TEXT, BYTES = "application/json", "text/plain; charset=utf-8", "application/octet-stream"
NATIVE, PACKED, BUS, LOGS = map(
    sample, ("cloudevent", "cloudevent__binary-data", "eventbridge", "kinesis__cloudwatch-logs")
)
TYPED = {"content-type": "text/csv; header=present"}
GZIP = base64.b64decode(LOGS["Records"][0]["kinesis"]["data"])
DOCS, S3, DYNAMODB, SES = sample("docdb"), s3("a"), sample("dynamodb"), sample("ses")
LISTED = sample("eventbridge.custombus")
CSV = "text/csv; header=present"

# (event, content type, body of the first request; other than bytes: the JSON that it is)
SENT = {
    "an object": (sqs({"order": 7}), JSON, {"order": 7}),
    "an array": (sqs(" [7]"), JSON, b" [7]"),
    "a number is text": (sqs("12345"), TEXT, b"12345"),
    "a string is text": (sqs('"7"'), TEXT, b'"7"'),
    "null is text": (sqs("null"), TEXT, b"null"),
    "nested too deeply": (sqs("[" * 99_999), TEXT, b"[" * 99_999),
    "nearly JSON": (sqs("{order: 7}"), TEXT, b"{order: 7}"),
    "text": (sqs("déjà"), TEXT, "déjà".encode()),
    "empty": (sqs(""), TEXT, b""),
    "a lone surrogate": (sqs("\ud800"), BYTES, b"\xed\xa0\x80"),
    "an attribute": (sqs("{}", **TYPED), CSV, b"{}"),
    "an attribute in capitals": (sqs("{}", **{"Content-Type": CSV}), CSV, b"{}"),
    "no media type": (sqs("{}", **{"content-type": "csv"}), JSON, {}),
    "two lines": (sqs("a", **{"content-type": "text/csv\r\nHost: a"}), TEXT, b"a"),
    "not ASCII": (sqs("a", **{"content-type": "text/é"}), TEXT, b"a"),
    "a CloudEvent's": (sqs("{}", **{"content-type": "application/cloudevents+json"}), JSON, {}),
    "a CloudEvent's, disguised": (sqs("{}", **{"content-type": "  Application/CloudEvents-batch+json"}), JSON, {}),
    "sns": (sns("a", **TYPED), CSV, b"a"),
    "sns, JSON": (sns({"left": 0}), JSON, {"left": 0}),
    "kinesis": (kinesis(b"\x00\xff"), BYTES, b"\x00\xff"),
    "kinesis, JSON": (kinesis({"ms": 84}), JSON, {"ms": 84}),
    "logs by kinesis": (LOGS, BYTES, GZIP),
    "kafka": (kafka("a", **TYPED), CSV, b"a"),
    "kafka, bytes that are not UTF-8": (kafka(b"\xff"), BYTES, b"\xff"),
    "kafka, a tombstone": (kafka(None), TEXT, b""),
    "kafka, empty": (kafka(""), TEXT, b""),
    "activemq": (activemq("<order/>"), TEXT, b"<order/>"),
    "activemq, bytes": (activemq(b"\x89PNG"), BYTES, b"\x89PNG"),
    "rabbitmq": (rabbitmq("a", CSV), CSV, b"a"),
    "rabbitmq, no content type": (rabbitmq({"b": 1}), JSON, {"b": 1}),
    "docdb": (DOCS, JSON, DOCS["events"][0]["event"]),
    "eventbridge": (BUS, JSON, BUS["detail"]),
    "eventbridge, a number": (BUS | {"detail": 7}, TEXT, b"7"),
    "eventbridge, null": (BUS | {"detail": None}, TEXT, b""),
    "eventbridge, a list": (LISTED, JSON, LISTED[0]["detail"]),
    "cloudevent": (NATIVE, JSON, NATIVE["data"]),
    "cloudevent, bytes": (PACKED, PACKED["datacontenttype"], base64.b64decode(PACKED["data_base64"])),
    "s3": (S3, JSON, S3["Records"][0]),
    "dynamodb": (DYNAMODB, JSON, DYNAMODB["Records"][0]),
    "ses": (SES, JSON, SES["Records"][0]),
}


@both_legs
@pytest.mark.parametrize("case", SENT)
def test_body(leg, case):
    """The body is the message; beside it stands the CloudEvent that the message is the data of."""
    event, content_type, body = SENT[case]
    seen, *_ = sent(event, leg=leg, content_mode="payload", delivery="record")
    other, *_ = sent(event, leg=leg, content_mode="binary", delivery="record")
    assert seen.content_type == content_type
    assert (seen.body if isinstance(body, bytes) else json.loads(seen.body)) == body
    assert seen.headers == other.headers
    assert {**seen.found.attributes} == {**other.found.attributes, "datacontenttype": content_type}
    expected = json.loads(seen.body) if content_type == JSON else seen.body.decode() if content_type in (TEXT, CSV) \
        else seen.body  # fmt: skip
    assert seen.found.data == (expected if seen.body else None)


@both_legs
@pytest.mark.parametrize("name", ["kinesis.firehose", "cloudwatch.logs", "kinesis.window", "none__object"])
def test_what_is_never_split(leg, name):
    """It goes as in the mode "binary"."""
    [seen], [other] = (
        sent(sample(name), leg=leg, content_mode=mode, delivery="record") for mode in ("payload", "binary")
    )
    assert seen[:-1] == other[:-1]


@both_legs
def test_an_event_inside(leg):
    """What was opened is the message: the S3 record of S3 → SNS → SQS, the text that a topic sent to a queue."""
    event = sqs(notification(S3), notification("sold out", **TYPED), BUS)
    settings = {"content_mode": "payload", "unwrap": "s3,sns,eventbridge", "sources": "com.*", "delivery": "record"}
    seen = sent(event, leg=leg, **settings)
    paths = ["/aws.s3", "/aws.sns", "/com.example.orders"]
    assert [(each.path, each.content_type) for each in seen] == [*zip(paths, [JSON, CSV, JSON], strict=True)]
    assert [each.body for each in seen][1] == b"sold out"
    assert [json.loads(seen[number].body) for number in (0, 2)] == [S3["Records"][0], BUS["detail"]]


@both_legs
def test_data_that_is_not_base64(leg):
    """It fails its record alone; nothing of it is shown."""
    event = kinesis("a", "b", "c")
    event["Records"][1]["kinesis"]["data"] = "YQ==!"
    seen, told = deliver(event, leg=leg, content_mode="payload", delivery="record", response="native")
    assert (told, [each.body for each in seen]) == ({"batchItemFailures": [{"itemIdentifier": "1"}]}, [b"a"])
    broken = activemq("a")
    broken["messages"][0]["data"] = 7
    seen, told = deliver(broken, leg=leg, content_mode="payload", delivery="record")
    assert (type(told), str(told), seen) == (InvalidEvent, "the data of the record is not base64", [])


FRAMEWORKS = [
    (by_fastapi, sqs({"order": 7}), Order(order=7)),
    (by_flask, sqs({"order": 7}), {"order": 7}),
    (by_flask, sqs("sold out"), "sold out"),
    (by_django, sqs({"order": 7}), {"order": 7}),
    (by_django, sns("sold out"), "sold out"),
]


@pytest.mark.parametrize(("application", "event", "expected"), FRAMEWORKS)
def test_frameworks(application, event, expected):
    """A view reads the message as it reads what a client posts."""
    SEEN.clear()
    with override_settings(ROOT_URLCONF="apps.reading"):
        make_handler(application, delivery="record", content_mode="payload", response="native")(event, Context())
    assert [*SEEN] == [expected]
