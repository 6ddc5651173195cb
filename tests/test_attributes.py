"""The CloudEvent attributes of AWS's events, kind by kind; and that no event makes them invalid, or tells a secret."""

import base64
import csv
import gzip
import json
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from cloud_events.adapter import describe as describing
from cloud_events.adapter.attributes import TABLE
from cloud_events.adapter.catalog import ROWS
from cloud_events.adapter.describe import describe, describe_record, headers, opened
from conftest import EVENTS, Context, expectations, sample
from drawn import mutated

CONTEXT = Context()
REQUEST = CONTEXT.aws_request_id
FIXED = {"specversion": "1.0", "datacontenttype": "application/json"}
VALID = Draft202012Validator(json.loads(Path(__file__).with_name("cloudevent.schema.json").read_text()))
SAMPLES = {
    file.removesuffix(".json"): (row, sample(file.removesuffix(".json")))
    for file, row, _ in expectations(EVENTS)
    if row in TABLE
}


def each(name, event, context=CONTEXT):
    """The attributes of each record of *event*."""
    records, groups, event = opened(name, event)
    return [
        described(describe_record(name, event, record, group, context, index))
        for index, (record, group) in enumerate(zip(records, groups, strict=True))
    ]


def described(found):
    """The attributes that were found; the headers that may come with them say the same."""
    attributes, fields = found
    assert fields is None or dict(fields) == dict(headers(attributes))
    return attributes


def whole(name, event, context=CONTEXT):
    """The attributes of *event* as one CloudEvent."""
    return described(describe(name, event, context))


def expected():
    """sample → record, from "0", or "all" → its attributes: the table beside the samples."""
    found = {}
    with (EVENTS / "attributes.csv").open(newline="", encoding="utf-8") as lines:
        for line in csv.DictReader(lines):
            name, record = line.pop("sample"), line.pop("record")
            line["id"] = line["id"].replace("<request>", REQUEST)
            found.setdefault(name, {})[record] = {**FIXED, **{key: value for key, value in line.items() if value}}
    return found


EXPECTED = expected()


@pytest.mark.parametrize("name", SAMPLES)
def test_samples(name, monkeypatch):
    """Each record has the attributes of its kind; a lone one lends them to its event, several what they agree on."""
    monkeypatch.setenv("AWS_REGION", "us-east-2")
    row, event = SAMPLES[name]
    found = {str(index): attributes for index, attributes in enumerate(each(row, event))}
    found["all" if len(found) > 1 else "0"] = whole(row, event, CONTEXT)
    assert found == EXPECTED[name]
    assert found["0"] == each(row, event)[0]


def test_every_kind_is_tested():
    """A kind of event that is added to the table has a row, and a sample."""
    assert {row for row, _ in SAMPLES.values()} == set(TABLE)
    assert set(TABLE) < {row.name for row in ROWS}


def test_records_that_agree_on_nothing():
    """Where not even the source is one, it is the service."""
    event = {"Records": [{"eventSourceARN": "arn:1", "eventName": "a"}, {"eventSourceARN": "arn:2"}]}
    batch = {"id": REQUEST, "source": "aws:dynamodb", "type": "com.amazonaws.dynamodb.batch"}
    assert whole("dynamodb", event, CONTEXT) == {**FIXED, **batch}


@pytest.mark.parametrize("event", [{"Records": []}, {}, None])
def test_events_without_attributes(event):
    """An event without a record has none, and no headers."""
    assert describe("sqs", event, CONTEXT) == ({}, [])


COGNITO = "eu-west-1:27cac550-3836-465c-9107-51d27ab4a6e1"
SKILL = "aws:alexa.amzn1.ask.skill.9c53c074-d7ac-4a27-a8b6-38ac1f376c5f"
CLICKS = "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks"
CLUSTER = "arn:aws:kafka:eu-west-1:123456789012:cluster/shop/3f0d6a52-8b1e-4c2d-9a7f-5e6b7c8d9e0f-2"
PARTS = "d887db09-649d-4b0d-8395-1d8d5d69b2e7"
CONFIG = {"type": "com.amazonaws.config.event", "time": None, "subject": None}
REVIEW = {"id": f"{REQUEST}.0", "type": "com.amazonaws.docdb.event", "time": None, "subject": None}
REMOVE = object()
# sample, where in its event, what is put there: what becomes of the first record; None: the attribute is left out.
CHANGES = [
    ("s3", "Records.0.awsRegion", REMOVE, {"source": "aws:s3.books-uploads"}),
    ("s3", "Records.0.s3.bucket", REMOVE, {"source": "aws:s3.eu-west-1"}),
    ("s3", "Records.0.s3.bucket.name", "a b/é", {"source": "aws:s3.eu-west-1.a%20b/%C3%A9"}),
    ("s3", "Records.0.responseElements.x-amz-id-2", REMOVE, {"id": f"{REQUEST}.0"}),
    ("s3", "Records.0.eventTime", "2026-03-14T10:25:00", {"time": None}),
    ("s3", "Records.0.eventName", REMOVE, {"type": "com.amazonaws.s3.event"}),
    ("s3", "Records.0.s3.object.key", "a\u00a0 é\u2028", {"subject": "a\u00a0 é\u2028"}),
    *[("s3", "Records.0.s3.object.key", odd, {"subject": None}) for odd in ("", "a\n", "\x7f", "\x9f", True, 0.5, [])],
    *[("s3", "Records.0.s3.object.key", odd, {"subject": None}) for odd in ("\udfff", "\ufdd0", "\U0010ffff")],
    ("sns", "Records.0.Sns.Subject", "", {"subject": None}),
    ("sns", "Records.0.EventSubscriptionArn", 5, {"source": "5"}),
    ("sns", "Records.0.EventSubscriptionArn", "\ud800", {"source": "aws:sns"}),
    ("eventbridge", "detail-type", "", {"type": "com.amazonaws.eventbridge.event"}),
    ("eventbridge", "id", REMOVE, {"id": f"{REQUEST}.0"}),
    ("eventbridge", "account", REMOVE, {"account": None}),
    ("eventbridge", "time", "2026-03-14T09:26:53+0000", {"time": "2026-03-14T09:26:53Z"}),
    ("sqs", "Records.0.attributes.SentTimestamp", "soon", {"time": None}),
    ("kinesis.firehose", "deliveryStreamArn", REMOVE, {"source": CLICKS}),
    ("kinesis.firehose__msk", "deliveryStreamArn", REMOVE, {"source": CLUSTER}),
    ("kafka.msk", "records.orders-0.0.topic", REMOVE, {"source": "aws:kafka"}),
    ("kafka.selfmanaged", "records.stock-0.0.topic", REMOVE, {"source": "aws:kafka"}),
    ("kafka.selfmanaged", "bootstrapServers", [], {"source": "aws:kafka"}),
    ("kafka.selfmanaged", "bootstrapServers", "a:9092", {"source": "//a:9092#stock"}),
    ("mq.activemq", "messages.0.destination", {"physicalName": "a", "physicalname": "b"}, {"subject": "a"}),
    ("mq.rabbitmq", "rmqMessagesByQueue", [{}], {"subject": None}),
    ("docdb", "events.0.event.ns.coll", REMOVE, {"subject": None}),
    ("docdb", "events.0.event", 5, REVIEW),
    ("ses", "Records.0.ses.receipt.action.functionArn", REMOVE, {"source": "aws:ses.us-east-2"}),
    ("ses", "Records.0.ses.receipt.action.functionArn", "a:b:c", {"source": "aws:ses.us-east-2"}),
    ("codecommit", "Records.0.eventId", REMOVE, {"id": f"{REQUEST}.0"}),
    *[("codecommit", "Records.0.codecommit.references", odd, {"subject": None}) for odd in ([], {"0": {}}, [5])],
    ("codecommit__two-parts", "Records.0.eventPartNumber", REMOVE, {"id": PARTS}),
    ("cognito.sync", "region", REMOVE, {"source": f"aws:cognito-sync.us-east-2.{COGNITO}"}),
    ("cognito.sync", "region", {}, {"source": f"aws:cognito-sync.us-east-2.{COGNITO}"}),
    *[("config", "invokingEvent", odd, CONFIG) for odd in (REMOVE, 5, None, "", "{", "5", "[" * 100_000)],
    ("lex.v2", "bot.id", REMOVE, {"source": "aws:lex.us-east-2.OrderBooks"}),
    ("alexa.skill", "context.System", REMOVE, {"source": SKILL}),
    ("alexa.skill", "request.type", REMOVE, {"type": "com.amazonaws.alexa"}),
    ("alexa.smarthome.v2", "header", {}, {"id": f"{REQUEST}.0", "source": "aws:alexa", "type": "com.amazonaws.alexa"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "path", "value", "changes"), CHANGES)
def test_what_aws_leaves_out(name, path, value, changes, monkeypatch):
    """Of a field that is missing or odd the attribute falls back, or is left out; the others stay."""
    monkeypatch.setenv("AWS_REGION", "us-east-2")
    row, event = SAMPLES[name][0], sample(name)
    attributes = {**each(row, event)[0], **changes}
    *steps, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
    place = event
    for step in steps:
        place = place[step]
    if value is REMOVE:
        del place[last]
    else:
        place[last] = value
    assert each(row, event)[0] == {name: value for name, value in attributes.items() if value is not None}


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("iot.events", "aws:iotevents.book-van"),
        ("lex.v1", "aws:lex.OrderBooks"),
        ("cloudwatch.logs", "arn:aws:logs::123456789012:log-group:/aws/lambda/books-api"),
    ],
)
def test_without_a_region(name, source):
    """A region that neither the event nor the environment names is left out."""
    assert whole(*SAMPLES[name], CONTEXT)["source"] == source


LOG_EVENT = {
    "messageType": "DATA_MESSAGE",
    "owner": "123456789012",
    "logGroup": "books",
    "logStream": "a",
    "logEvents": [{"id": "1", "timestamp": 0, "message": "sold out"}],
}


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_packed_logs(pack):
    """CloudWatch Logs are unpacked to be described, gzip or zlib."""
    event = {"awslogs": {"data": base64.b64encode(pack(json.dumps(LOG_EVENT).encode())).decode()}}
    assert opened("cloudwatch.logs", event) == (LOG_EVENT["logEvents"], [None], LOG_EVENT)
    assert whole("cloudwatch.logs", event, CONTEXT) == {
        **FIXED,
        "id": "1",
        "source": "arn:aws:logs::123456789012:log-group:books",
        "type": "com.amazonaws.logs.DATA_MESSAGE",
        "subject": "a",
        "time": "1970-01-01T00:00:00Z",
    }


def bomb():
    """64 MiB of JSON in a few kB."""
    return zlib.compress(b'{"logEvents": [{"id": "1"}], "a": "' + b" " * 2**26 + b'"}')


PACKED = [b"{", b"\xff", b"5", b"[" * 100_000, b'{"logEvents": 5}']
BROKEN_LOGS = [
    *("", "é", "====", "bm90IHBhY2tlZA==", 5, None, []),
    *map(base64.b64encode, [bomb(), *map(gzip.compress, PACKED)]),
]


@pytest.mark.parametrize("data", BROKEN_LOGS, ids=lambda data: ascii(data)[:20])
def test_broken_logs(data):
    """Logs that cannot be unpacked, or would fill the memory, have no attributes."""
    assert whole("cloudwatch.logs", {"awslogs": {"data": data}}, CONTEXT) == {}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_retry_has_the_same_ids(name):
    """A retry gives the same attributes; another invocation gives an id of its own where AWS has none."""
    row, event = SAMPLES[name]
    later = Context()
    later.aws_request_id = "1a2b3c4d-0000-0000-0000-000000000000"
    assert each(row, event) == each(row, sample(name))
    assert whole(row, event, CONTEXT) == whole(row, sample(name), Context())
    for one, other in zip(each(row, event), each(row, event, later), strict=True):
        assert one["id"].replace(REQUEST, later.aws_request_id) == other["id"]


def test_without_a_context():
    """Outside of Lambda an event without an id gets a new one each time."""
    row, event = SAMPLES["cloudwatch.alarm"]
    first, second = whole(row, event, None)["id"], whole(row, event, object())["id"]
    assert len(first) == len(second) == 36
    assert first != second
    row, batch = SAMPLES["sqs"]
    assert whole(row, batch, None)["id"] != whole(row, batch, None)["id"]


SECRETS = {
    "receiptHandle",
    "resultToken",
    "accessToken",
    "token",
    "correlationToken",
    "userName",
    "userId",
    "body",
    "data",
}


def leaves(value, under=""):
    """(key, leaf) of everything in *value*."""
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in leaves(inner, key)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner, under)]
    return [(under, value)]


@pytest.mark.parametrize("name", SAMPLES)
def test_no_secret_is_an_attribute(name):
    """Handles, tokens, names and contents stay in the body, where a header would put them into logs."""
    row, event = SAMPLES[name]
    secrets = {leaf for key, leaf in leaves(event) if key in SECRETS and isinstance(leaf, str) and len(leaf) > 9}
    if row == "ses":
        secrets |= {"Where is my book?", "ada@example.org"}
    told = " ".join(map(str, [*whole(row, event, CONTEXT).values(), *each(row, event)]))
    assert not [secret for secret in secrets if secret in told]


URI = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/?#[]@!$&'()*+,;=%")


def assert_valid(attributes):
    """By the rules of spec.md, and with a source that is a URI reference."""
    assert not [error.message for error in VALID.iter_errors(attributes)]
    assert URI.issuperset(attributes["source"])


@pytest.mark.parametrize("name", SAMPLES)
def test_valid(name):
    """Every sample, and each of its records, is a valid CloudEvent."""
    row, event = SAMPLES[name]
    for attributes in [whole(row, event, CONTEXT), *each(row, event)]:
        assert_valid(attributes)


def test_public_samples_are_valid(corpus):
    """So is every public sample."""
    described = 0
    for file, row, _ in expectations(corpus):
        if row in TABLE:
            event = json.loads((corpus / file).read_text(encoding="utf-8-sig"))
            for attributes in [*filter(None, [whole(row, event, CONTEXT)]), *each(row, event)]:
                assert_valid(attributes)
                described += 1
    assert described > 150


@settings(deadline=None, max_examples=300)
@given(mutated(sorted(SAMPLES)))
def test_no_event_makes_them_invalid(drawn):
    """Whatever is missing or of another type: no crash, and attributes that every SDK takes, or none."""
    row, event = SAMPLES[drawn[0]][0], drawn[1]
    for attributes in [*filter(None, [whole(row, event, CONTEXT)]), *each(row, event)]:
        assert_valid(attributes)


class TestAtOnce:
    """Nearly every record is described at once, by a function of its row; the rest, attribute by attribute."""

    ODD = {
        # No id, or none that is always there.
        *("alexa.skill", "alexa.skill__audio-player", "alexa.skill__intent", "alexa.skill__no-system"),
        *("alexa.smarthome.v2", "alexa.smarthome.v2__empty-payload", "alexa.smarthome.v3"),
        *("alexa.smarthome.v3__discovery", "alexa.smarthome.v3__empty-payload", "cloudformation__response"),
        *("cloudwatch.alarm", "cloudwatch.alarm__composite", "cognito.sync", "cognito.userpool"),
        *("cognito.userpool__empty-trigger", "cognito.userpool__sms-sender", "cognito.userpool__token-v2"),
        *("config", "config__oversized", "config__scheduled", "iot.events__custom-payload"),
        *("lex.v1", "lex.v2", "s3__no-response-elements"),
        # Numbers in the id, a second place for a value, a value that is missing.
        *("kafka.msk", "kafka.msk__tombstone", "kafka.selfmanaged", "kafka.selfmanaged__aws-prefix"),
        *("mq.activemq", "mq.rabbitmq", "eventbridge__camel-case", "kinesis.firehose__direct-put"),
        *("kinesis.firehose__msk", "kinesis.firehose__records-alone", "kinesis.firehose__sqs"),
        *("cloudwatch.logs__control-message", "codecommit__several-references", "dynamodb__no-creation-time"),
    }

    @pytest.mark.parametrize("name", SAMPLES)
    def test_samples(self, name, monkeypatch):
        """Both ways say the same in the same order, and the samples that go the slow way are known."""
        monkeypatch.setenv("AWS_REGION", "us-east-2")
        row, event = SAMPLES[name]
        records, groups, opened_event = opened(row, event)
        quick = describing._at_once(row)
        slow = []
        for record, group in zip(records, groups, strict=True):
            try:
                slow.append(not (quick and quick(record, opened_event, group)))
            except (LookupError, TypeError, AttributeError):
                slow.append(True)
        assert any(slow) == (name in self.ODD)
        at_once = [*map(list, map(dict.items, each(row, event)))]
        monkeypatch.setattr(describing, "_at_once", lambda name: None)
        assert [*map(list, map(dict.items, each(row, event)))] == at_once

    @settings(deadline=None, max_examples=300)
    @given(mutated(sorted(set(SAMPLES) - ODD)))
    def test_any_event(self, drawn):
        """Both ways say the same of what is missing, empty, of another type, or of other characters."""
        row, event = SAMPLES[drawn[0]][0], drawn[1]
        with pytest.MonkeyPatch.context() as patch:
            at_once = each(row, event)
            patch.setattr(describing, "_at_once", lambda name: None)
            assert each(row, event) == at_once


@pytest.mark.parametrize(
    ("values", "agreed"),
    [
        (["a"] * 3, "a"),
        (["a", "b", "a"], None),
        (["a", "a", "b"], None),
        (["b", "a", "a"], None),
        ([None] * 2, None),
        ([["a"]] * 2, None),
        ([""] * 2, None),
        ([1] * 2, "1"),
        (["a", None, "a"], None),
    ],
)
def test_agreement(values, agreed):
    """A batch has what all of its records have; nothing if one of them, wherever it is, has another, or none."""
    records = [{"attributes": {} if value is None else {"MessageGroupId": value}} for value in values]
    assert whole("sqs", {"Records": records}).get("partitionkey") == agreed
    broken = [*records[:1], {"attributes": 5}, *records[1:]]
    assert "partitionkey" not in whole("sqs", {"Records": broken})
