"""CLOUD_EVENTS_UNWRAP: the event inside a record arrives as itself; whatever is not expected arrives as the record."""

import json

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from apps import looking
from cloud_events import ConfigurationError, Matcher, cloudevent, cloudevents, make_handler
from conftest import Context, sample
from drawn import ANY_JSON
from envelopes import activemq, kafka, kinesis, notification, rabbitmq, s3, sns, sqs, text
from legs import both_legs
from sent import deliver

both_replies = pytest.mark.parametrize("response", ["native", "envelope"])
NAMED = {"delivery": "record", "unwrap": "s3, sns, eventbridge, cloudevent", "sources": "com.example.*,/books/*"}
S3, BUS, TEST, NATIVE = s3("a"), sample("eventbridge"), sample("s3.test"), sample("cloudevent") | {"subject": "Café"}
ATTRIBUTES = {f"ce_{name}": value for name, value in NATIVE.items() if name not in ("data", "datacontenttype")}
BINARY = kafka(NATIVE["data"], **ATTRIBUTES, **{"Content-Type": "application/json", "shop": "dublin"})
ANNOUNCED = {"content-type": " application/CloudEvents+json"}
TOLD = notification("sold out")
# As Lambda gets it from SNS.
RENAMED = {"SigningCertURL": "SigningCertUrl", "UnsubscribeURL": "UnsubscribeUrl"}
AS_SNS = {"Subject": None, "MessageAttributes": {}} | {RENAMED.get(key, key): value for key, value in TOLD.items()}
SNS = {"Records": [{"EventSource": "aws:sns", "Sns": AS_SNS}]}
ACTIVE, OFFSET = activemq(S3), {"partition": "orders-0", "offset": 0}

# (event, via, record_id, path, inner event)
INSIDE = {
    "s3 → sqs": (sqs(S3), ("sqs",), "m0", "/aws.s3", S3),
    "s3 → sns": (sns(S3), ("sns",), sns(S3)["Records"][0]["Sns"]["MessageId"], "/aws.s3", S3),
    "s3 → sns → sqs": (sqs(notification(S3)), ("sqs", "sns"), "m0", "/aws.s3", S3),
    "sns → sqs": (sqs(TOLD), ("sqs",), "m0", "/aws.sns", SNS),
    "eventbridge → sqs": (sqs(BUS), ("sqs",), "m0", "/com.example.orders", BUS),
    "s3 → kinesis": (kinesis(S3), ("kinesis",), "0", "/aws.s3", S3),
    "eventbridge → kafka": (kafka(BUS), ("kafka.msk",), OFFSET, "/com.example.orders", BUS),
    "s3 → activemq": (ACTIVE, ("mq.activemq",), ACTIVE["messages"][0]["messageID"], "/aws.s3", S3),
    "eventbridge → rabbitmq": (rabbitmq(BUS), ("mq.rabbitmq",), "ret-0002", "/com.example.orders", BUS),
    "cloudevent → sns": (sqs(notification(NATIVE)), ("sqs", "sns"), "m0", "/books/catalogue", NATIVE),
    "cloudevent → kinesis": (kinesis(NATIVE), ("kinesis",), "0", "/books/catalogue", NATIVE),
    "cloudevent → kafka": (kafka(NATIVE, ce_specversion="1.0", **ANNOUNCED), ("kafka.msk",), OFFSET,
                           "/books/catalogue", NATIVE),
    "cloudevent → kafka, binary": (BINARY, ("kafka.msk",), OFFSET, "/books/catalogue", NATIVE),
}  # fmt: skip


@both_legs
@both_replies
@pytest.mark.parametrize("mode", ["event", "binary", "structured", "payload"])
@pytest.mark.parametrize("route", INSIDE)
def test_an_event_inside_a_record(leg, response, mode, route):
    """It is the request that it would be without the envelope, but for what says where it came from."""
    event, via, record_id, path, inner = INSIDE[route]
    [seen], told = deliver(event, leg=leg, response=response, content_mode=mode, **NAMED)
    [direct], _ = deliver(inner, leg=leg, response=response, content_mode=mode, **NAMED)
    assert told == {"batchItemFailures": []} or told["status_code"] == "200"
    assert (seen.path, seen.event, seen.delivery.matcher) == (path, inner, direct.delivery.matcher)
    assert seen._replace(delivery=None) == direct._replace(delivery=None)
    assert (seen.found.attributes, seen.found.data) == (direct.found.attributes, direct.found.data)
    [batch] = [value for key, value in event.items() if key in ("Records", "records", "messages", "rmqMessagesByQueue")]
    [record] = batch if isinstance(batch, list) else next(iter(batch.values()))
    assert (seen.delivery.via, seen.delivery.record_id, seen.delivery.record) == (via, record_id, record)
    assert (direct.delivery.via, direct.delivery.record) == ((), None)


MIXED = sqs(notification(s3("a", "bad", "c")), "text", {"foreign": 1}, S3)
FAILING = {
    # (event, the requests that are sent, the identifiers that are reported)
    "a mixed batch": (MIXED, ["a", "bad", "c", "sqs", "sqs", "a"], ["m0"]),
    "fifo": (sqs(s3("bad", "b"), s3("c"), s3("d"), groups=["g", "h", "g"]), ["bad", "b", "c"], ["m0", "m2"]),
    "kinesis": (kinesis(S3, s3("bad", "b"), S3), ["a", "bad", "b"], ["1"]),
    "kafka": (kafka(S3, s3("bad"), S3), ["a", "bad"], [OFFSET | {"offset": number} for number in (1, 2)]),
}


@both_legs
@both_replies
@pytest.mark.parametrize("case", FAILING)
def test_a_failure(leg, response, case):
    """All records of an inner event are tried, and are one verdict; what waits for what is the outer batch's to say."""
    event, keys, failed = FAILING[case]

    def status(body):
        if b'"bad"' in body and response == "native":
            raise RuntimeError
        return 500 if b'"bad"' in body else 200

    seen, told = deliver(event, status, leg=leg, response=response, **NAMED)
    found = [one.event["Records"][0].get("s3", {"object": {"key": "sqs"}})["object"]["key"] for one in seen]
    assert found == keys
    assert len({(f"{one.delivery.record_id}", one.found.id) for one in seen}) == len(seen)
    assert told["batchItemFailures"] == [{"itemIdentifier": identifier} for identifier in failed]


def keyed(name, key, path):
    return Matcher(name, {"$.Records[0].s3.object.key": key}, path)


NO_BASE64 = {"Records": [kinesis("")["Records"][0] | {"kinesis": {"data": "{}"}}]}
BOTH, QUEUE, WEB = s3("a", "b"), sqs(S3)["Records"][0], sample("http.apigw2")
ROWS = [keyed("photo", "b", "/photos"), keyed("dropped", "c", None), Matcher("order", {"$.order": int}, "/orders")]
ROWS += [Matcher("web", {"$.routeKey": ...}, "/web"), Matcher("list", {"$[0]": 1}, "/list")]
ROWS += [Matcher("own", {"$.Records[0].messageId": "own"}, "/own"), Matcher("topic", {"$.Records[0].Sns.X": 1}, "/own")]
OPENED = {
    # (names, event, paths, via of the last)
    "text": ("", sqs("text", "", "12345", "null", '{"a":' * 99_999), ["/aws.sqs"] * 5, ()),
    "foreign JSON": ("", sqs({"foreign": 1}), ["/aws.sqs"], ()),
    "lists": ("list", sqs([NATIVE], [BUS], [1]), ["/aws.sqs"] * 3, ()),
    "HTTP requests": ("web", sqs(WEB), ["/aws.sqs"], ()),
    "no records": ("", sqs({"Records": []}), ["/aws.sqs"], ()),
    "a row that is not named": ("sns", sqs(S3), ["/aws.sqs"], ()),
    "an envelope that is not named": ("s3", sqs(notification(S3)), ["/aws.sqs"], ()),
    "text in the inner envelope": ("", sqs(TOLD), ["/aws.sns"], ("sqs",)),
    "three envelopes": ("sqs,s3", sqs(sqs(sqs(S3))), ["/aws.s3"], ("sqs",) * 3),
    "four envelopes": ("sqs,s3", sqs(sqs(sqs(sqs(S3)))), ["/aws.sqs"], ("sqs",) * 3),
    "no base64": ("", NO_BASE64, ["/aws.kinesis"], ()),
    "a tombstone": ("", kafka(None), ["/aws.kafka"], ()),
    "a CloudEvent, not named": ("s3", BINARY, ["/aws.kafka"], ()),
    "a CloudEvent of an S3 event, not named": ("s3", kafka(S3, **ATTRIBUTES), ["/aws.s3"], ("kafka.msk",)),
    "a CloudEvent's content type, not named": ("s3", sqs("{}", **ANNOUNCED), ["/aws.sqs"], ()),
    "a detail": ("", BUS | {"detail": S3}, ["/com.example.orders"], ()),
    "a document": ("", sample("docdb") | {"events": [{"event": S3}]}, ["/aws.docdb"], ()),
    "another Type": ("", sqs(TOLD | {"Type": "SubscriptionConfirmation"}), ["/aws.sqs"], ()),
    "a notification outside of SQS": ("", kinesis(TOLD), ["/aws.kinesis"], ()),
    "the test event": ("", sqs(TEST, notification(TEST), S3), ["/aws.s3"], ("sqs",)),
    "the user's": ("order", sqs({"order": 7}), ["/orders"], ("sqs",)),
    "the user's, asked first": ("s3,photo", sqs(BOTH), ["/aws.s3", "/photos"], ("sqs",)),
    "the user's, acknowledged": ("s3,dropped", sqs(s3("c", "a")), ["/aws.s3"], ("sqs",)),
    "the user's, not named": ("s3", sqs({"order": 7}, s3("b"), BOTH), ["/aws.sqs"] * 3, ()),
    "ours, not named": ("photo", sqs(BOTH), ["/aws.sqs"], ()),
    "the user's, for the record": ("s3", {"Records": [QUEUE | {"messageId": "own"}]}, ["/own"], ()),
    "the user's, for the inner envelope": ("s3,topic", sqs(notification(S3) | {"X": 1}), ["/own"], ("sqs",)),
}  # fmt: skip


@both_legs
@pytest.mark.parametrize("case", OPENED)
def test_what_is_opened(leg, case):
    """Only what is named, whatever stands beside it; else the innermost event that could be, or the record."""
    names, event, paths, via = OPENED[case]
    seen, told = deliver(event, leg=leg, matchers=ROWS, **(NAMED | ({"unwrap": names} if names else {})))
    assert ([one.path for one in seen], seen[-1].delivery.via) == (paths, via)
    assert all(json.loads(one.body) == one.event for one in seen)
    assert "batchItemFailures" not in told
    assert via or seen[-1].delivery.record is None


PATTERNS = "the value matches none of the patterns of CLOUD_EVENTS_SOURCES"
REFUSED = [
    (sqs(BUS | {"source": "admin"}, S3), f"matcher 'eventbridge', $.source: {PATTERNS}"),
    (sqs(NATIVE | {"source": "a", "id": ""}, S3), "malformed CloudEvent: 'id' must be a non-empty string; matcher "
     f"'cloudevent', $.source: {PATTERNS}"),
    ({"Records": sqs("{}", **ANNOUNCED)["Records"] + sqs("a", S3)["Records"][1:]}, "malformed CloudEvent: the "
     "content type of the message is that of a CloudEvent, but the message is not one"),
    (kafka("{}", **(ATTRIBUTES | {"ce_id": ""})), "malformed CloudEvent: 'id' must be a non-empty string"),
]  # fmt: skip


@both_legs
@pytest.mark.parametrize(("event", "words"), REFUSED)
def test_what_is_refused(leg, event, words, caplog):
    """A path that the event may not have, and a malformed CloudEvent, fail their record alone."""
    seen, told = deliver(event, leg=leg, **NAMED)
    assert [one.path for one in seen] == ["/aws.s3" for _ in event.get("Records", ())][1:]
    assert told["batchItemFailures"] == [{"itemIdentifier": "m0" if "Records" in event else OFFSET}]
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == [words]


def test_ids_of_events_without_one():
    """Each has its own, whichever record it stands in: a wrong duplicate would be lost."""
    bare = s3("a", "b")
    for record in bare["Records"]:
        del record["responseElements"]
    batch = sqs(bare, bare, {"Records": sns(bare)["Records"] * 2})
    positions = ["0.0", "0.1", "1.0", "1.1", "2.0.0", "2.0.1", "2.1.0", "2.1.1"]
    seen, _ = deliver(batch, **NAMED)
    assert [one.found.id for one in seen] == [f"{Context.aws_request_id}.{position}" for position in positions]
    seen, _ = deliver(batch, context=None, **NAMED)
    assert len({one.found.id for one in seen}) == len(positions)


WAITS = "events of this row are not sent through queues and streams: their sender waits for the answer"
CHOOSES = ("the author of a message would choose the path; set the sources that are accepted, such as "
           "CLOUD_EVENTS_SOURCES='com.example.*'")  # fmt: skip
WRONG = [
    ("s4", "no row has this name; did you mean 's3'?"),
    ("qqqq", "no row has this name; `cloud-events routes` lists the rows"),
    *((name, WAITS) for name in ("http.apigw2", "lex.v1", "cloudevents.batch", "waiting")),
    *((name, CHOOSES) for name in ("eventbridge", "cloudevent", "records", "called")),
]
SINGLY = "this needs one request per record; set CLOUD_EVENTS_DELIVERY=record"
FAULTS = [
    *(({"delivery": "record", "unwrap": ["s3", name]}, f"CLOUD_EVENTS_UNWRAP: {name!r}: {why}") for name, why in WRONG),
    ({"unwrap": "s3"}, f"CLOUD_EVENTS_UNWRAP: {SINGLY}"),
    ({"content_mode": "payload"}, f"CLOUD_EVENTS_CONTENT_MODE='payload': {SINGLY}"),
    ({"unwrap": 3}, "unwrap=3: it must be comma-separated names, such as 's3,sns', or a list of them"),
    ({"unwrap": "s3,"}, "unwrap='s3,': one name is empty; write comma-separated names, such as 's3,sns'"),
]


@pytest.mark.parametrize(("settings", "words"), FAULTS)
def test_settings_that_cannot_be(settings, words):
    """They are refused at the start, with the remedy."""
    rows = [Matcher("waiting", {"$.a": 1}, "/a", "sync"), Matcher("called", {"$.b": 1}, str)]
    with pytest.raises(ConfigurationError) as raised:
        make_handler(lambda environ, start_response: [], matchers=rows, **settings)
    assert str(raised.value) == words


@pytest.mark.parametrize("application", [looking.flask, looking.fastapi, looking.django_wsgi, looking.django_asgi])
def test_frameworks(application):
    """A view asks for the CloudEvent, and gets that of the inner event."""
    found = []

    def look(request, headers, body):
        found.append((cloudevent(request), cloudevents(request)))

    with override_settings(ROOT_URLCONF="apps.looking"):
        make_handler(application(look), lifespan="off", **NAMED)(sqs(BOTH, NATIVE), Context())
    assert [one.data for one, _ in found] == [*BOTH["Records"], NATIVE["data"]]
    assert [(each.attributes, each.data) for _, [each] in found] == [(one.attributes, one.data) for one, _ in found]


# Anything, and what is nearly an event.
EVENTS = st.sampled_from([S3, BUS, NATIVE, TOLD, TEST, {"Records": [S3, None, 5]}, {"Records": [{"s3": 1}]}])
KEYS = st.sampled_from(["Records", "source", "detail", "specversion", "id", "Type", "Message", "traceparent"])
NEARLY = st.builds(lambda event, changed: event | changed, EVENTS, st.dictionaries(KEYS, ANY_JSON))
FIELDS = st.dictionaries(st.sampled_from([*ATTRIBUTES, "content-type", "traceparent", "tracestate"]), st.text())


@hypothesis_settings(deadline=None)
@given(st.text() | st.binary() | ANY_JSON | NEARLY, FIELDS)
def test_anything(value, fields):
    """Whatever a message is, it is delivered or fails its record; no header is made of it but those of the contract."""
    as_text = value.decode("utf-8", "replace") if isinstance(value, bytes) else text(value)
    as_bytes = value if isinstance(value, bytes) else as_text.encode("utf-8", "replace")
    safe = {name: field.encode("utf-8", "replace").decode() for name, field in fields.items()}
    for event in (sqs(as_text, **fields), sns(as_text, **fields), kafka(as_bytes, **safe)):
        seen, told = deliver(event, leg="asgi", content_mode="payload", **NAMED)
        assert isinstance(told, (dict, ValueError))
        for one in seen:
            assert {name for name in one.headers if name[:3] != "ce-"} <= {"traceparent", "tracestate"}
            assert all(each.isascii() and each.isprintable() for each in one.headers.values())
            assert not (one.content_type or "").strip().lower().startswith("application/cloudevents")
