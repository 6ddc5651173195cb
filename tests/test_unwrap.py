"""CLOUD_EVENTS_UNWRAP: the event inside a record arrives as itself; whatever is not expected arrives as the record."""

import json
import logging

import pytest
from django import setup
from django.test import override_settings
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from apps import looking
from cloud_events import ConfigurationError, Matcher, cloudevent, cloudevents, make_handler
from conftest import Context, sample
from drawn import ANY_JSON
from envelopes import activemq, deliver, kafka, kinesis, notification, rabbitmq, s3, sns, sqs
from legs import both_legs

both_replies = pytest.mark.parametrize("response", ["native", "envelope"])
NAMED = {"unwrap": "s3, sns, eventbridge, cloudevent", "sources": "com.example.*,/books/*"}
S3, BUS, NATIVE = s3("a.epub"), sample("eventbridge"), sample("cloudevent")
HEADERS = {f"ce_{name}": value for name, value in NATIVE.items() if name not in ("data", "datacontenttype")}
IN_HEADERS = kafka(NATIVE["data"], headers=HEADERS | {"content-type": "application/json", "shop": "dublin"})
TOLD = notification("sold out")
# As Lambda gets it from SNS; only the ARN of a subscription is not there.
RENAMED = {"SigningCertURL": "SigningCertUrl", "UnsubscribeURL": "UnsubscribeUrl"}
AS_SNS = {"Subject": None, "MessageAttributes": {}} | {RENAMED.get(key, key): value for key, value in TOLD.items()}
SNS = {"Records": [{"EventSource": "aws:sns", "Sns": AS_SNS}]}
ACTIVE, RABBIT = activemq(S3), rabbitmq(BUS)
OFFSET = {"partition": "orders-0", "offset": 0}
TOPIC = sns(S3)["Records"][0]["Sns"]["MessageId"]

INSIDE = {
    "s3 → sqs": (sqs(S3), ("sqs",), "m0", "/aws.s3", S3),
    "s3 → sns": (sns(S3), ("sns",), TOPIC, "/aws.s3", S3),
    "s3 → sns → sqs": (sqs(notification(S3)), ("sqs", "sns"), "m0", "/aws.s3", S3),
    "sns → sqs": (sqs(TOLD), ("sqs",), "m0", "/aws.sns", SNS),
    "eventbridge → sqs": (sqs(BUS), ("sqs",), "m0", "/com.example.orders", BUS),
    "eventbridge → sns → sqs": (sqs(notification(BUS)), ("sqs", "sns"), "m0", "/com.example.orders", BUS),
    "s3 → kinesis": (kinesis(S3), ("kinesis",), "0", "/aws.s3", S3),
    "eventbridge → kafka": (kafka(BUS), ("kafka.msk",), OFFSET, "/com.example.orders", BUS),
    "s3 → activemq": (ACTIVE, ("mq.activemq",), ACTIVE["messages"][0]["messageID"], "/aws.s3", S3),
    "eventbridge → rabbitmq": (RABBIT, ("mq.rabbitmq",), "ret-0002", "/com.example.orders", BUS),
    "cloudevent → sqs": (sqs(NATIVE), ("sqs",), "m0", "/books/catalogue", NATIVE),
    "cloudevent → kinesis": (kinesis(NATIVE), ("kinesis",), "0", "/books/catalogue", NATIVE),
    "cloudevent → kafka, structured": (
        kafka(NATIVE, headers={"content-type": "application/cloudevents+json", "ce_specversion": "1.0"}),
        ("kafka.msk",),
        OFFSET,
        "/books/catalogue",
        NATIVE,
    ),
    "cloudevent → kafka, binary": (IN_HEADERS, ("kafka.msk",), OFFSET, "/books/catalogue", NATIVE),
}


@both_legs
@both_replies
@pytest.mark.parametrize("mode", ["event", "binary", "structured", "payload"])
@pytest.mark.parametrize("route", INSIDE)
def test_an_event_inside_a_record(leg, response, mode, route):
    """It is the request that it would be without the envelope, but for what says where it came from."""
    event, via, record_id, path, inner = INSIDE[route]
    settings = {**NAMED, "response": response, "content_mode": mode}
    told, [seen] = deliver(leg, event, **settings)
    _, [direct] = deliver(leg, inner, **settings)
    assert told == {"batchItemFailures": []} or told["status_code"] == "200"
    assert (seen.path, seen.event, seen.delivery.matcher) == (path, inner, direct.delivery.matcher)
    assert seen._replace(delivery=None, found=None) == direct._replace(delivery=None, found=None)
    assert (seen.found.attributes, seen.found.data) == (direct.found.attributes, direct.found.data)
    [batch] = [value for key, value in event.items() if key in ("Records", "records", "messages", "rmqMessagesByQueue")]
    [record] = batch if isinstance(batch, list) else next(iter(batch.values()))
    assert (seen.delivery.via, seen.delivery.record_id, seen.delivery.record) == (via, record_id, record)
    assert (direct.delivery.via, direct.delivery.record) == ((), None)


@both_legs
@both_replies
def test_one_verdict(leg, response):
    """All records of an S3 event are tried; they are one message, which fails with any of them."""
    batch = sqs(notification(s3("a", "b", "c")), "text", {"foreign": 1}, notification(s3("d")))
    told, seen = deliver(leg, batch, lambda seen: 500 if b'"b"' in seen.body else 200, response=response, **NAMED)
    paths = [*["/aws.s3"] * 3, "/aws.sqs", "/aws.sqs", "/aws.s3"]
    assert [request.path for request in seen] == paths
    assert [request.delivery.record_id for request in seen] == ["m0", "m0", "m0", "m1", "m2", "m3"]
    ids = {request.found.id for request in seen[:3]}
    assert len(ids) == 3
    assert told["batchItemFailures"] == [{"itemIdentifier": "m0"}]
    if response == "envelope":
        answers = [(answer["path"], answer["status_code"]) for answer in json.loads(told["body"])]
        assert answers == [*zip(paths, ["200", "500", "200", "200", "200", "200"], strict=True)]


ORDERED = {
    # (event, the requests that are sent, the identifiers that are reported)
    "fifo": (sqs(s3("x", "b"), s3("c"), s3("d"), groups=["g", "h", "g"]), ["x", "b", "c"], ["m0", "m2"]),
    "kinesis": (kinesis(s3("a"), s3("x", "b"), s3("c")), ["a", "x", "b"], ["1"]),
    "kafka": (kafka(s3("a"), s3("x"), s3("c")), ["a", "x"], [OFFSET | {"offset": n} for n in (1, 2)]),
}


@both_legs
@both_replies
@pytest.mark.parametrize("queue", ORDERED)
def test_the_order_is_the_outer_one(leg, response, queue):
    """Behind a failure, no message of the same group, shard or partition is opened."""
    event, keys, failed = ORDERED[queue]
    told, seen = deliver(leg, event, lambda seen: 500 if b'"x"' in seen.body else 200, response=response, **NAMED)
    assert [request.event["Records"][0]["s3"]["object"]["key"] for request in seen] == keys
    assert told["batchItemFailures"] == [{"itemIdentifier": identifier} for identifier in failed]


ANNOUNCED = sqs("{}", **{"content-type": " application/CloudEvents+json"})
NESTED = sqs(sqs(sqs(sqs(S3))))
NOT_OPENED = {
    # (settings, event, path, via)
    "text": ({}, sqs("text"), "/aws.sqs", ()),
    "nothing": ({}, sqs(""), "/aws.sqs", ()),
    "a number": ({}, sqs("12345"), "/aws.sqs", ()),
    "null": ({}, sqs("null"), "/aws.sqs", ()),
    "foreign JSON": ({}, sqs({"order": 7}), "/aws.sqs", ()),
    "a list of CloudEvents": ({}, sqs([NATIVE]), "/aws.sqs", ()),
    "a list of envelopes": ({}, sqs([BUS]), "/aws.sqs", ()),
    "an HTTP request": ({}, sqs(sample("http.apigw2")), "/aws.sqs", ()),
    "a row that is not named": ({"unwrap": "sns"}, sqs(S3), "/aws.sqs", ()),
    "an envelope that is not named": ({"unwrap": "s3"}, sqs(notification(S3)), "/aws.sqs", ()),
    "no records": ({}, sqs({"Records": []}), "/aws.sqs", ()),
    "text in the inner envelope": ({}, sqs(TOLD), "/aws.sns", ("sqs",)),
    "four envelopes": ({"unwrap": "sqs,s3"}, NESTED, "/aws.sqs", ("sqs", "sqs", "sqs")),
    "no base64": ({}, {"Records": [kinesis("")["Records"][0] | {"kinesis": {"data": "{}"}}]}, "/aws.kinesis", ()),
    "a tombstone": ({}, kafka(None), "/aws.kafka", ()),
    "headers of a CloudEvent, which is not named": ({"unwrap": "s3"}, IN_HEADERS, "/aws.kafka", ()),
    "a content type of CloudEvents, which are not named": ({"unwrap": "s3"}, ANNOUNCED, "/aws.sqs", ()),
    "an S3 event of EventBridge's detail": ({}, BUS | {"detail": S3}, "/com.example.orders", ()),
    "a document": ({}, sample("docdb") | {"events": [{"event": S3}]}, "/aws.docdb", ()),
    "another Type": ({}, sqs(TOLD | {"Type": "SubscriptionConfirmation"}), "/aws.sqs", ()),
    "a notification outside of SQS": ({}, kinesis(TOLD), "/aws.kinesis", ()),
}


@both_legs
@both_replies
@pytest.mark.parametrize("case", NOT_OPENED)
def test_what_is_not_opened(leg, response, case):
    """It is delivered as the innermost event that could be opened, the record itself at the least."""
    settings, event, path, via = NOT_OPENED[case]
    _, [seen] = deliver(leg, event, response=response, **{**NAMED, **settings})
    assert (seen.path, seen.delivery.via) == (path, via)
    assert json.loads(seen.body) == seen.event
    if not via:
        assert (seen.event, seen.delivery.record) == (event, None)


def keyed(name, key, path, reply=None):
    return Matcher(name, {"$.Records[0].s3.object.key": key}, path, reply)


ORDER = Matcher("order", {"$.order": int}, "/orders")
USERS = {
    # (rows, names, body of the message, paths)
    "named": ([ORDER], "order", {"order": 7}, ["/orders"]),
    "not named": ([ORDER], "s3", {"order": 7}, ["/aws.sqs"]),
    "asked before ours": ([keyed("photo", "a", "/photos")], "s3,photo", s3("a", "b"), ["/photos", "/aws.s3"]),
    "not named, and before ours": ([keyed("photo", "a", "/photos")], "s3", s3("a"), ["/aws.sqs"]),
    "not named, for a later record": ([keyed("photo", "b", "/photos")], "s3", s3("a", "b"), ["/aws.sqs"]),
    "ours not named": ([keyed("photo", "a", "/photos")], "photo", s3("a", "b"), ["/aws.sqs"]),
    "for the outer record": ([Matcher("queue", {"$.Records[0].messageId": "m0"}, "/queue")], "s3", S3, ["/queue"]),
    "for the inner envelope": (
        [Matcher("topic", {"$.Records[0].Sns": dict}, "/topic")],
        "s3,topic",
        notification(S3),
        ["/topic"],
    ),
    "acknowledged": ([keyed("photo", "a", None)], "s3,photo", s3("a", "b"), ["/aws.s3"]),
    "no HTTP request": ([Matcher("web", {"$.routeKey": ...}, "/web")], "web", sample("http.apigw2"), ["/aws.sqs"]),
    "no list": ([Matcher("list", {"$[0]": ...}, "/list")], "list", [1], ["/aws.sqs"]),
}


@both_legs
@both_replies
@pytest.mark.parametrize("case", USERS)
def test_rows_of_the_user(leg, response, case):
    """They may be named, and are asked first; one that is not named opens nothing, whatever stands beside it."""
    rows, names, body, paths = USERS[case]
    told, seen = deliver(leg, sqs(body), response=response, matchers=rows, unwrap=names)
    assert [request.path for request in seen] == paths
    assert told.get("batchItemFailures", []) == []


PATTERNS = "the value matches none of the patterns of CLOUD_EVENTS_SOURCES"
REFUSED = {
    "source": (sqs(BUS | {"source": "admin"}, S3), f"matcher 'eventbridge', $.source: {PATTERNS}"),
    "path": (sqs(BUS | {"source": "com.example.a/../b"}, S3), "matcher 'eventbridge', $.source: the path must not have "
             "'.' or '..' segments"),
    "CloudEvent": (sqs(NATIVE | {"id": "", "type": 1}, S3), "malformed CloudEvent: 'id' must be a non-empty string; "
                   "'type' must be a non-empty string"),
    "CloudEvent's source": (sqs(NATIVE | {"source": "admin"}, S3), "malformed CloudEvent: matcher 'cloudevent', "
                            f"$.source: {PATTERNS}"),
    "announced": ({"Records": [*ANNOUNCED["Records"], *sqs(S3)["Records"]]}, "malformed CloudEvent: the "
                  "content type of the message is a CloudEvent's, the message is not"),
    "header": (kafka(NATIVE["data"], headers=HEADERS | {"ce_id": ""}), "malformed CloudEvent: 'id' must be a non-empty "
               "string"),
}  # fmt: skip


@both_legs
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(leg, case, caplog):
    """A path that the event may not have, and a malformed CloudEvent, fail their record alone."""
    event, words = REFUSED[case]
    told, seen = deliver(leg, event, **NAMED)
    assert [request.path for request in seen] == ["/aws.s3"] * len(event.get("Records", [0])[1:])
    assert told["batchItemFailures"] == [{"itemIdentifier": "m0" if "Records" in event else OFFSET}]
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == [words]


@both_legs
@both_replies
@pytest.mark.parametrize("body", [sample("s3.test"), notification(sample("s3.test"))])
def test_the_test_event_of_a_bucket(leg, response, body, caplog):
    """It needs no request: the message is done."""
    caplog.set_level(logging.INFO, "cloud_events")
    told, seen = deliver(leg, sqs(body, S3), response=response, **NAMED)
    assert [request.path for request in seen] == ["/aws.s3"]
    assert told.get("batchItemFailures", []) == []
    assert "s3.test: acknowledged without a request" in caplog.messages


def test_ids_of_events_without_one():
    """Each has its own, whichever record it stands in: a wrong duplicate would be lost."""
    bare = s3("a", "b")
    for record in bare["Records"]:
        del record["responseElements"]
    twice = {"Records": [*sns(bare)["Records"], *sns(bare)["Records"]]}
    _, seen = deliver("wsgi", sqs(bare, bare, twice), **NAMED)
    request_id = Context.aws_request_id
    positions = ["0.0", "0.1", "1.0", "1.1", "2.0.0", "2.0.1", "2.1.0", "2.1.1"]
    assert [request.found.id for request in seen] == [f"{request_id}.{position}" for position in positions]
    _, seen = deliver("wsgi", sqs(bare, bare), context=None, **NAMED)
    assert len({request.found.id for request in seen}) == 4


WAITS = "events of this row are not sent through queues and streams: somebody waits for the answer"
CHOOSES = ("whoever writes to the queue would choose the path; say which sources are accepted, such as "
           "CLOUD_EVENTS_SOURCES='com.example.*'")  # fmt: skip
WRONG = {
    "s4": "no row has this name; did you mean 's3'?",
    "qqqq": "no row has this name; `cloud-events routes` lists the rows",
    "http.apigw2": WAITS,
    "lex.v1": WAITS,
    "cloudevents.batch": WAITS,
    "waiting": WAITS,
    "eventbridge": CHOOSES,
    "cloudevent": CHOOSES,
    "records": CHOOSES,
    "called": CHOOSES,
}


@pytest.mark.parametrize("name", WRONG)
def test_names_that_cannot_be(name):
    """They are refused at the start, with the remedy."""
    rows = [Matcher("waiting", {"$.a": 1}, "/a", "sync"), Matcher("called", {"$.b": 1}, str)]
    with pytest.raises(ConfigurationError) as raised:
        deliver_nothing(matchers=rows, delivery="record", unwrap=["s3", name])
    assert str(raised.value) == f"CLOUD_EVENTS_UNWRAP: {name!r}: {WRONG[name]}"


def deliver_nothing(**settings):
    return make_handler(lambda environ, start_response: [], "wsgi", **settings)


SINGLY = "records must be delivered singly for that; set CLOUD_EVENTS_DELIVERY=record"
SHAPE = "it must be comma-separated names, such as 's3,sns', or a list of them"
COMBINATIONS = [
    ({"unwrap": "s3"}, f"CLOUD_EVENTS_UNWRAP: {SINGLY}"),
    ({"content_mode": "payload"}, f"CLOUD_EVENTS_CONTENT_MODE='payload': {SINGLY}"),
    ({"unwrap": ["s3"], "content_mode": "payload"}, f"CLOUD_EVENTS_CONTENT_MODE='payload' and CLOUD_EVENTS_UNWRAP: "
                                                    f"{SINGLY}"),
    ({"unwrap": 3, "delivery": "record"}, f"unwrap=3: {SHAPE}"),
    ({"unwrap": "s3,,sns", "delivery": "record"}, "unwrap='s3,,sns': one name is empty; write comma-separated names, "
                                                  "such as 's3,sns'"),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "words"), COMBINATIONS)
def test_settings_that_cannot_be(settings, words):
    """What needs records one by one says what to set."""
    with pytest.raises(ConfigurationError) as raised:
        deliver_nothing(**settings)
    assert str(raised.value) == words


@pytest.mark.parametrize("application", [looking.flask, looking.fastapi, looking.django_wsgi, looking.django_asgi])
def test_frameworks(application):
    """A view asks for the CloudEvent, and gets that of the inner event."""
    setup()
    found = []

    def look(request, headers, body):
        found.append((cloudevent(request), cloudevents(request)))

    with override_settings(ROOT_URLCONF="apps.looking"):
        handler = make_handler(application(look), lifespan="off", delivery="record", response="native", **NAMED)
        assert handler(sqs(notification(s3("a", "b")), NATIVE), Context()) == {"batchItemFailures": []}
    records = s3("a", "b")["Records"]
    assert [one.data for one, _ in found] == [*records, NATIVE["data"]]
    assert [(each.attributes, each.data) for _, [each] in found] == [(one.attributes, one.data) for one, _ in found]


# Anything, and what is nearly an event.
PIECES = st.sampled_from(
    [S3, BUS, NATIVE, TOLD, sample("s3.test"), {"Records": [S3, None, 5]}, {"Records": [{"s3": 1}]}]
)
NEARLY = st.builds(lambda base, over: base | over, PIECES, st.dictionaries(
    st.sampled_from(["Records", "source", "detail", "specversion", "id", "Type", "Message", "traceparent"]), ANY_JSON
))  # fmt: skip
ANYTHING = st.text() | st.binary() | ANY_JSON.map(json.dumps) | NEARLY.map(json.dumps)
ALLOWED = {"traceparent", "tracestate", "content-type"}


@hypothesis_settings(deadline=None)
@given(ANYTHING, st.dictionaries(st.sampled_from([*HEADERS, "content-type", "traceparent", "tracestate"]), st.text()))
def test_anything(value, fields):
    """Whatever a message is, it is delivered or fails its record; no header is made of it but those of the contract."""
    as_text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    safe = {name: field.encode("utf-8", "replace").decode() for name, field in fields.items()}
    value = value.encode("utf-8", "replace") if isinstance(value, str) else value
    for event in (sqs(as_text, **fields), sns(as_text, **fields), kafka(value, headers=safe)):
        told, seen = deliver("asgi", event, content_mode="payload", **NAMED)
        assert isinstance(told, dict) or (event["Records"][0].get("Sns") and isinstance(told, ValueError))
        for request in seen:
            assert {name for name in request.headers if name[:3] != "ce-"} <= ALLOWED
            assert all(each.isascii() and each.isprintable() for each in request.headers.values())
            assert not (request.content_type or "").strip().lower().startswith("application/cloudevents")
