"""What we know of each kind of event: its CloudEvent attributes, its records, what names them and which must wait."""

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from cloud_events import Matcher
from cloud_events.adapter.catalog import ROWS
from cloud_events.adapter.kinds import KINDS
from conftest import EVENTS, Context, expectations, sample
from drawn import ANY_JSON, HOSTILE, mutated
from sent import deliver, sent

REQUEST = Context.aws_request_id
FIXED = {"specversion": "1.0", "datacontenttype": "application/json"}
VALID = Draft202012Validator(json.loads(Path(__file__).with_name("cloudevent.schema.json").read_text()))
ROW = {file.removesuffix(".json"): row for file, row, _ in expectations(EVENTS)}


def expected():
    """{sample: [the attributes of each record]}, from the table beside the samples."""
    found = {}
    with (EVENTS / "attributes.csv").open(newline="", encoding="utf-8") as lines:
        for line in csv.DictReader(lines):
            name, _ = line.pop("sample"), line.pop("record")
            line["id"] = line["id"].replace("<request>", REQUEST)
            found.setdefault(name, []).append(FIXED | {key: value for key, value in line.items() if value})
    return found


DESCRIBED = expected()


def whole(event, **more):
    """The attributes of *event* as one CloudEvent."""
    return sent(event, **more)[0].delivery.attributes


def each(event, **more):
    """The attributes of each record of *event*, as structured mode writes them; [] if it has none."""
    request = sent(event, content_mode="structured", **more)[0]
    if request.content_type == "application/json":
        return []
    body = json.loads(request.body)
    return [{key: one[key] for key in one if key != "data"} for one in (body if isinstance(body, list) else [body])]


@pytest.fixture
def region(monkeypatch):
    monkeypatch.setenv("AWS_REGION", "us-east-2")


@pytest.mark.parametrize("name", DESCRIBED)
def test_samples(name, region):
    """Each record has the attributes of its kind. A lone one lends them to its event; several, the first's source."""
    event, attributes = sample(name), DESCRIBED[name]
    assert each(event) == attributes
    if len(attributes) > 1:
        service = attributes[0]["type"].split(".")[2]
        batch = {"id": REQUEST, "source": attributes[0]["source"], "type": f"com.amazonaws.{service}.batch"}
        assert whole(event) == FIXED | batch
    else:
        assert whole(event) == attributes[0]


def test_every_kind_is_tested():
    """Each kind of event has rows, and a sample if it has attributes; the last call of a window has no record."""
    assert {*KINDS} <= {row.name for row in ROWS}
    described = {name for name, kind in KINDS.items() if kind.attributes}
    assert {ROW[name] for name in DESCRIBED} == described - {"kinesis.window", "dynamodb.window"}


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
    ("sns", "Records.0.EventSubscriptionArn", "\ud800", {"source": "arn:aws:sns:eu-west-1:123456789012:stock"}),
    ("eventbridge", "detail-type", "", {"type": "com.amazonaws.eventbridge.event"}),
    ("eventbridge", "id", REMOVE, {"id": f"{REQUEST}.0"}),
    ("eventbridge", "account", REMOVE, {"account": None}),
    ("eventbridge", "time", "2026-03-14T09:26:53+0000", {"time": "2026-03-14T09:26:53Z"}),
    ("sqs", "Records.0.attributes.SentTimestamp", "soon", {"time": None}),
    ("sqs", "Records.0.messageId", 2**70, {"id": str(2**70)}),
    ("kinesis.firehose", "deliveryStreamArn", REMOVE, {"source": CLICKS}),
    ("kinesis.firehose__msk", "deliveryStreamArn", REMOVE, {"source": CLUSTER}),
    ("kafka.msk", "records.orders-0.0.topic", REMOVE, {"source": "aws:kafka"}),
    ("kafka.selfmanaged", "records.stock-0.0.topic", REMOVE, {"source": "aws:kafka"}),
    ("kafka.selfmanaged", "bootstrapServers", [], {"source": "aws:kafka"}),
    ("kafka.selfmanaged", "bootstrapServers", "a:9092", {"source": "//a:9092#stock"}),
    ("mq.activemq", "messages.0.destination", {"physicalName": "a", "physicalname": "b"}, {"subject": "a"}),
    ("docdb", "events.0.event.ns.coll", REMOVE, {"subject": None}),
    ("docdb", "events.0.event", 5, REVIEW),
    ("docdb", "events.0", 5, REVIEW),
    # Other stores than Amazon's send S3's records; the first stands for all.
    ("records", "Records.0.eventSource", "acme:s3", {"source": "acme:s3.books-uploads"}),
    ("records", "Records.1", {"eventSource": "acme"}, {}),
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
    ("alexa.skill", "request.type", "", {"type": "com.amazonaws.alexa"}),
    ("alexa.smarthome.v2", "header", {}, {"id": f"{REQUEST}.0", "source": "aws:alexa", "type": "com.amazonaws.alexa"}),
    *[("cloudwatch.logs", "awslogs.data", odd, {}) for odd in ("", "é", "====", "bm90IHBhY2tlZA==")],
]  # fmt: skip


def changed(name, path, value):
    """The sample *name* with *value* at the dotted *path*, or nothing there."""
    event = place = sample(name)
    *steps, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
    for step in steps:
        place = place[step]
    if value is REMOVE:
        del place[last]
    elif isinstance(place, list):
        place[last:] = [value]
    else:
        place[last] = value
    return event


@pytest.mark.parametrize(("name", "path", "value", "changes"), CHANGES)
def test_what_aws_leaves_out(name, path, value, changes, region):
    """Of a field that is missing or odd the attribute falls back, or is left out; the others stay."""
    attributes = DESCRIBED[name][0] | changes
    assert each(changed(name, path, value))[0] == {key: found for key, found in attributes.items() if found is not None}


UNDESCRIBED = [
    {"Records": [], "isFinalInvokeForWindow": True, "eventSourceARN": CLICKS},
    {"Records": [{"eventSource": "acme:s4"}, {"eventSource": "acme:s3"}]},
    {"Records": [{"EventSource": "acme:s3"}]},
    {"eventSource": "aws:mq", "messages": []},
]


@pytest.mark.parametrize("event", UNDESCRIBED)
@pytest.mark.parametrize("mode", ["event", "binary", "structured"])
def test_no_attributes(event, mode):
    """An event without a record, or of a source that we do not know, comes as it is."""
    [request] = sent(event, content_mode=mode)
    assert (request.headers, request.delivery.attributes, json.loads(request.body)) == ({}, {}, event)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("iot.events", "aws:iotevents.book-van"),
        ("lex.v1", "aws:lex.OrderBooks"),
        ("cloudwatch.logs", "aws:logs"),
    ],
)
def test_without_a_region(name, source):
    """A region that neither the event nor the environment names is left out."""
    assert whole(sample(name))["source"] == source


class Later(Context):
    aws_request_id = "1a2b3c4d-0000-0000-0000-000000000000"


@pytest.mark.parametrize("name", DESCRIBED)
def test_a_retry_has_the_same_ids(name):
    """A retry gives the same ids; another invocation gives its own where AWS has none. No two are the same."""
    ids = [one["id"] for one in each(sample(name))]
    assert [one["id"] for one in each(sample(name))] == ids
    assert [one["id"] for one in each(sample(name), context=Later())] == [
        one.replace(REQUEST, Later.aws_request_id) for one in ids
    ]
    assert len({(one["source"], one["id"]) for one in each(sample(name))}) == len(ids)


@pytest.mark.parametrize("name", ["cloudwatch.alarm", "sqs"])
@pytest.mark.parametrize("context", [None, object()])
def test_without_a_context(name, context):
    """Outside of Lambda an event without an id, and a batch, gets a new one each time."""
    ids = {whole(sample(name), context=context)["id"] for _ in range(3)}
    assert {len(one) for one in ids} == {36}
    assert len(ids) == 3


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", "a.1", "a.2", "a.1.2", f"{REQUEST}.0", ""]), min_size=1))
def test_ids_are_unique_whatever_the_sender_says(ids):
    """Also where one natural id looks like the name given to another; in a batch and singly alike."""
    event = {"Records": [{"eventSource": "aws:sqs", "messageId": natural} for natural in ids]}
    found = [one["id"] for one in each(event)]
    assert len({*found}) == len(ids)
    assert [request.delivery.event_id for request in sent(event, delivery="record")] == found


def test_ids_of_items():
    """In a list of events, too, what has no natural id is told apart."""
    event = {key: value for key, value in sample("eventbridge").items() if key != "id"}
    assert [request.delivery.event_id for request in sent([event] * 2)] == [f"{REQUEST}.0", f"{REQUEST}.1"]


SECRETS = {"receiptHandle", "resultToken", "accessToken", "token", "correlationToken", "userName"}
SECRETS |= {"userId", "body", "data"}


def leaves(value, under=""):
    """(key, leaf) of everything in *value*."""
    if isinstance(value, dict):
        return [leaf for key, inner in value.items() for leaf in leaves(inner, key)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner, under)]
    return [(under, value)]


@pytest.mark.parametrize("name", DESCRIBED)
def test_no_secret_is_an_attribute(name):
    """Handles, tokens, names and contents stay in the body, where a header would put them into logs."""
    secrets = {leaf for key, leaf in leaves(sample(name)) if key in SECRETS and isinstance(leaf, str) and len(leaf) > 9}
    secrets |= {"Where is my book?", "ada@example.org"}  # SES
    said = str([sent(sample(name))[0].headers, each(sample(name))])
    assert not [secret for secret in secrets if secret in said]


URI = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/?#[]@!$&'()*+,;=%")


def assert_valid(event):
    """Assert that every CloudEvent in *event* is one by the rules of spec.md, its source a URI reference."""
    for attributes in [*each(event), *filter(None, [whole(event)])]:
        assert not [error.message for error in VALID.iter_errors(attributes)]
        assert URI.issuperset(attributes["source"])


@pytest.mark.parametrize("name", DESCRIBED)
def test_valid(name):
    """Every sample, and each of its records, is a valid CloudEvent."""
    assert_valid(sample(name))


def test_public_samples_are_valid(corpus):
    """So is every public sample."""
    for file, row, _ in expectations(corpus):
        if row in KINDS and KINDS[row].attributes:
            assert_valid(json.loads((corpus / file).read_text(encoding="utf-8-sig")))


STATIC = [Matcher("all", {}, "/all")]


@settings(deadline=None, max_examples=300)
@given(mutated([name for name in DESCRIBED if ROW[name] != "eventbridge"]))
def test_no_event_makes_them_invalid(drawn):
    """Whatever is missing or of another type: no crash, and attributes that every SDK takes, or none."""
    for delivery in ("batch", "record"):
        for request in sent(drawn[1], matchers=STATIC, delivery=delivery, content_mode="structured"):
            if request.content_type != "application/json":
                body = json.loads(request.body)
                for one in body if isinstance(body, list) else [body]:
                    assert not [error.message for error in VALID.iter_errors(one)]
                    assert drawn[0].startswith("cloudevent") or URI.issuperset(one["source"])


CLICK = "4966107029990286891282607096951880560851603745190000000"
SHARD = f"shardId-000000000002:{CLICK[:-1]}"
BOOK = "4421584500000000017450439"
POLLED = Matcher("polled", {"$[0].eventSource": ...}, "/polled", "poll")
# sample: what names each record in a reply, and the positions that are tried by record where all fail.
RECORDS = {
    # A standard queue has no order; in a FIFO queue those of a message group wait for one another.
    "sqs": ([f"{one}" for one in ("8d2f60b3-5a17-4c9e-b0d4-3f7e91c2a650", "7b19c7f0-1d1e-4c7e-9a50-51f0a0c6b2d4",
                                  "c4a1b6de-93b2-4f0e-8f0b-6d7c1f2e3a45")], [0, 1, 2]),
    "sqs__fifo": ([f"d3b07384-d113-4ec6-a7d1-1b6c2f4e5a0{number}" for number in (1, 2, 3)], [0, 1]),
    # A batch of a stream comes from one shard.
    "kinesis": ([CLICK + "1", CLICK + "2", CLICK + "3"], [0]),
    "kinesis__window": ([CLICK + "6", CLICK + "7"], [0]),
    "dynamodb": ([BOOK + "011", BOOK + "012", BOOK + "013"], [0]),
    # Kafka names a record by its partition and offset.
    "kafka.msk": ([{"partition": partition, "offset": offset} for partition, offset in
                   (("orders-0", 7), ("orders-0", 8), ("orders-1", 31))], [0, 2]),
    "kafka.selfmanaged": ([{"partition": partition, "offset": offset} for partition, offset in
                           (("stock-0", 15), ("stock-4", 3), ("stock-4", 4))], [0, 1]),
    # Pipes name the records of queues and streams, by their own ids, and those of no other source.
    "pipes": ([f"5a0e9f3c-7b1d-4e2f-8c6a-1d2e3f4a5b6{number}" for number in (0, 1)], [0, 1]),
    "pipes__sqs-fifo": ([f"6c1f0a4d-8c2e-4f30-9d7b-2e3f4a5b6c7{number}" for number in (1, 2, 3)], [0, 2]),
    "pipes__kinesis": ([SHARD + "21", SHARD + "22"], [0]),
    "pipes__dynamodb": (["1d5fbec7c5297136dd775ec35f150333", "9d4fa5dd6487a9ebc14512afd70bb0cb"], [0]),
    "pipes__kafka": (["", ""], None),
    "pipes__activemq": ([""], None),
    # Nobody can be told which record of a broker, of DocumentDB or of an asynchronous event failed.
    "mq.activemq": (None, [0]),
    "mq.rabbitmq": (None, [0]),
    "docdb": (None, [0]),
    "codecommit__two-parts": (None, [0, 1]),
    "s3__multi-object-delete": (None, [0, 1]),
    "sns": (None, [0]),
    "records": (None, [0]),
    "ses": (None, [0]),
}  # fmt: skip


@pytest.mark.parametrize("name", RECORDS)
def test_who_is_told_which_records_failed(name):
    """Where a whole batch fails, each record is named; "", which fails the batch, stands for a name it lacks."""
    identifiers, _ = RECORDS[name]
    reply = deliver(sample(name), 500)[1]
    assert reply.get("batchItemFailures") == (identifiers and [{"itemIdentifier": one} for one in identifiers])


def singles(event, key):
    """*event* with each of its records alone, in the same shape."""
    kept = event if key is None else event[key]
    if key is None:
        return [[record] for record in kept]
    if isinstance(kept, dict):
        return [{**event, key: {group: [record]}} for group, records in kept.items() for record in records]
    return [{**event, key: [record]} for record in kept]


@pytest.mark.parametrize("name", [name for name, (_, tried) in RECORDS.items() if tried])
def test_which_records_wait_for_which(name):
    """By record, what has the ordering key of a failure is not tried; each comes alone, in the shape of its batch."""
    event, (identifiers, tried) = sample(name), RECORDS[name]
    rows = [POLLED] if name.startswith("pipes") else []
    events = singles(event, KINDS[ROW[name]].records.key)
    seen = deliver(event, 500, delivery="record", matchers=rows)[0]
    assert [request.event for request in seen] == [events[position] for position in tried]
    assert [json.loads(request.body) for request in seen] == [request.event for request in seen]
    if identifiers:
        assert [request.delivery.record_id for request in seen] == [identifiers[position] for position in tried]
    assert [request.event for request in sent(event, delivery="record", matchers=rows)] == events
    assert event == sample(name)


def test_every_kind_of_batch_is_tested():
    """A kind of batch that is added gets a sample here; Firehose and CloudFront read one answer and are never split."""
    batches = {name for name, kind in KINDS.items() if kind.records}
    assert batches - {ROW[name] for name in RECORDS} == {
        "kafka", "kinesis.window", "dynamodb.window", "kinesis.firehose", "cloudfront"
    }  # fmt: skip


FIFO = "arn:aws:sqs:eu-west-1:123456789012:payments.fifo"
# records of SQS without their source: the positions that are tried by record where all fail.
ODD = [
    ([{"eventSourceARN": FIFO}] * 2, [0]),
    ([{"eventSourceARN": FIFO, "attributes": {"MessageGroupId": ["a"]}}] * 2, [0]),
    ([{"eventSourceARN": [FIFO], "attributes": {"MessageGroupId": "a"}}] * 2, [0, 1]),
    ([{"eventSourceARN": FIFO[:-5], "attributes": {"MessageGroupId": "a"}}] * 2, [0, 1]),
    ([{}, 5, None, [], "a"], [0, 1, 2, 3, 4]),
]


@pytest.mark.parametrize(("records", "tried"), ODD)
def test_odd_records(records, tried):
    """In a FIFO queue those without a message group wait for one another; one that lacks a name fails all."""
    records = [{**records[0], "eventSource": "aws:sqs"}, *records[1:]]
    seen, reply = deliver({"Records": records}, 500, delivery="record")
    assert [request.event for request in seen] == [{"Records": [records[position]]} for position in tried]
    assert type(reply).__name__ == "EventFailed"
    assert deliver({"Records": records}, 500)[1]["batchItemFailures"] == [{"itemIdentifier": ""}] * len(records)


@settings(deadline=None)
@given(st.lists(ANY_JSON | HOSTILE | st.dictionaries(st.sampled_from(["messageId", "attributes"]), ANY_JSON)))
def test_any_records(records):
    """Whatever stands where records should: by record each is sent once, in order."""
    records = [{"eventSource": "aws:sqs"}, *records]
    assert [request.event["Records"] for request in sent({"Records": records}, delivery="record")] == [
        [record] for record in records
    ]
