"""An event becomes the request, or the requests, that carry it: matched, split, checked."""

import json
from operator import attrgetter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_events import CloudEventsError, ConfigurationError, InvalidEvent, Matcher
from cloud_events.adapter import Adapter
from cloud_events.adapter.catalog import ROWS
from cloud_events.adapter.path import Places
from cloud_events.adapter.records import BATCHES, records
from conftest import EVENTS, Context, expectations, sample
from drawn import ANY_JSON, HOSTILE, mutated

CONTEXT = Context()
EXPECTED = {file.removesuffix(".json"): (row, path) for file, row, path in expectations(EVENTS)}
REPLIES = {row.name: row.reply for row in ROWS}
MODES = ("event", "binary", "structured")
STRUCTURED = "application/cloudevents+json; charset=utf-8"
BATCHED = "application/cloudevents-batch+json; charset=utf-8"


def requests(adapted, changes=None):
    """Every request of an event that was adapted."""
    return [part.request(changes or {}) for part in adapted.parts] if adapted.parts else [adapted.request]


def paths(adapted):
    """Where they go."""
    return [request.path for request in requests(adapted)]


@pytest.mark.parametrize("name", EXPECTED)
def test_samples(name):
    """A sample gives its row's name and reply, its batch where single records count, one request or one an item."""
    (row, path), event = EXPECTED[name], sample(name)
    adapted = Adapter().adapt(event, CONTEXT)
    assert (adapted.name, adapted.event) == (row or None, event)
    assert adapted.reply == ("http" if path == "http" else REPLIES.get(row, "sync"))
    assert adapted.batch is (BATCHES[row] if adapted.reply == "poll" or row == "pipes" else None)
    if path == "http":
        assert (adapted.request, adapted.parts) == (None, None)
    elif path == "per item":
        assert adapted.request is None
        assert [request.event for request in requests(adapted)] == event
    else:
        assert adapted.parts is None
        assert (adapted.request.path, adapted.request.delivery.matcher) == (path, row or None)
        assert adapted.request.event == json.loads(adapted.request.body) == event


@pytest.mark.parametrize("name", [name for name, (row, _) in EXPECTED.items() if row in BATCHES])
def test_samples_record_by_record(name):
    """Delivered singly, each record is a request of its own to the path of the event, with its lane and name."""
    (row, path), event = EXPECTED[name], sample(name)
    adapted = Adapter(by_record=True).adapt(event, CONTEXT)
    assert (adapted.name, adapted.reply, adapted.batch) == (row, REPLIES[row], BATCHES[row])
    if ".window" in name:  # without a record, the event is sent as it is
        assert (adapted.parts, adapted.request.event) == (None, event)
    else:
        assert adapted.request is None
        assert path in paths(adapted)
        assert len(set(paths(adapted))) == (2 if name == "records__cloudtrail" else 1)
        assert [(part.lane, part.identifier) for part in adapted.parts] == [
            (record.lane, record.identifier) for record in records(BATCHES[row], event)
        ]


@pytest.mark.parametrize(
    "name", ["cloudfront", "kinesis.firehose", "s3.batch", "eventbridge", "cloudwatch.logs", "none__null"]
)
def test_events_that_are_never_split(name):
    """Who reads one answer gets one; an event without records of its own is one."""
    adapted = Adapter(by_record=True).adapt(sample(name), CONTEXT)
    assert (adapted.batch, adapted.parts, adapted.request.event) == (None, None, sample(name))


@pytest.mark.parametrize(("by_record", "content_type"), [(False, BATCHED), (True, STRUCTURED)])
def test_never_split_and_structured(by_record, content_type):
    """In structured mode such an event is a batch of CloudEvents, or one where records are to come singly."""
    adapted = Adapter(content_mode="structured", by_record=by_record).adapt(sample("kinesis.firehose"), CONTEXT)
    assert adapted.request.content_type == content_type


def test_the_state_of_a_window():
    """Each record is told the state that the one before left, in an event of the same shape."""
    event = sample("kinesis__window")
    adapted = Adapter(by_record=True).adapt(event, CONTEXT)
    request = adapted.parts[1].request({"state": {"a": 1}, "isFinalInvokeForWindow": True})
    assert request.event == {
        **event,
        "Records": event["Records"][1:],
        "state": {"a": 1},
        "isFinalInvokeForWindow": True,
    }


# The user's rows.
ORDERS = Matcher("orders", {"$.Records[*].eventSourceARN": lambda arn: arn.endswith(":orders")}, "/orders")
BIG = Matcher("big", {"$.Records[0].body": lambda body: "7002" in body}, "/big")
POLLED = Matcher("polled", {"$.Records[0].eventSource": "aws:s3"}, "/uploads", "poll")
READ = Matcher("read", {"$.Records[0].eventSource": "aws:sqs"}, "/read", "sync")
NUMBERS = Matcher("numbers", {"$": int}, "/numbers", "async")
ALL = Matcher("all", {}, "/all")
ITEM = Matcher("item", {"$.specversion": ...}, lambda event: f"/items/{event['id']}")

ROUTED = [
    # Its path is the user's; its name, its reply and its records stay those of our row.
    ([ORDERS], "sqs", "sqs", "poll", "/orders", "orders"),
    ([ORDERS], "sqs__fifo", "sqs", "poll", "/aws.sqs", "sqs"),
    ([ORDERS, ALL], "sqs", "sqs", "poll", "/orders", "orders"),
    ([ALL, ORDERS], "sqs", "sqs", "poll", "/all", "all"),
    ([ALL], "none__null", None, "sync", "/all", "all"),
    ([ALL], "s3", "s3", "async", "/all", "all"),
    ([ALL], "cloudfront", "cloudfront", "sync", "/all", "all"),
    # Unless the user's row says otherwise.
    ([POLLED], "s3", "s3", "poll", "/uploads", "polled"),
    ([READ], "sqs", "sqs", "sync", "/read", "read"),
    ([NUMBERS], "none__number", None, "async", "/numbers", "numbers"),
    ([NUMBERS], "none__null", None, "sync", "/", None),
]


@pytest.mark.parametrize(("rows", "name", "row", "reply", "path", "matcher"), ROUTED)
def test_user_rows(rows, name, row, reply, path, matcher):
    """A user's row comes before ours."""
    adapted = Adapter(rows).adapt(sample(name), CONTEXT)
    assert (adapted.name, adapted.reply) == (row, reply)
    assert (adapted.request.path, adapted.request.delivery.matcher) == (path, matcher)
    assert adapted.batch is (BATCHES.get(row) if reply == "poll" else None)


def test_user_rows_see_each_record():
    """Delivered singly, each record goes where the user's rows send it, else where our row for the event does."""
    assert paths(Adapter([BIG], by_record=True).adapt(sample("sqs"), CONTEXT)) == ["/aws.sqs", "/big", "/aws.sqs"]
    mixed = {"Records": [*sample("sqs")["Records"], *sample("s3")["Records"], {"specversion": "1.0"}]}
    assert paths(Adapter([BIG], by_record=True).adapt(mixed, CONTEXT)) == ["/aws.sqs", "/big", *["/aws.sqs"] * 3]
    listed = [*sample("pipes"), {"specversion": "1.0"}]
    assert paths(Adapter([NUMBERS], by_record=True).adapt(listed, CONTEXT)) == ["/aws.pipes"] * 3


def test_a_record_that_has_no_path():
    """A record is not looked at before it is its turn: what is wrong with it is its own failure."""
    shop = Matcher("shop", {"$.Records[0].body": ...}, "$.Records[0].body")
    event = sample("sqs__fifo")
    event["Records"][1]["body"] = "../.."
    first, second, third = Adapter([shop], by_record=True).adapt(event, CONTEXT).parts
    assert first.request({}).path == '/{"payment":1,"step":"authorise"}'
    with pytest.raises(InvalidEvent, match=r"^matcher 'shop', \$\.Records\[0\]\.body: the path must not have '\.' or"):
        second.request({})
    assert third.request({}).path == '/{"payment":1,"step":"capture"}'


@pytest.mark.parametrize("name", [name for name, (_, path) in EXPECTED.items() if path == "http"])
def test_http_requests_are_never_routed(name):
    """Not even by a user's row that takes everything."""
    adapted = Adapter([ALL], by_record=True).adapt(sample(name), CONTEXT)
    assert (adapted.name, adapted.reply, adapted.request, adapted.parts) == (EXPECTED[name][0], "http", None, None)


@pytest.mark.parametrize("path", ["http", "per item"])
def test_paths_that_are_ours_alone(path):
    """A user's path begins with a slash or is looked up."""
    with pytest.raises(ConfigurationError) as caught:
        Adapter([ALL, Matcher("mine", {"$.a": 1}, path)])
    message = f"Matcher('mine', {{'$.a': 1}}, '{path}'): the path must begin with '/' (static) or '$' (a JSONPath)"
    assert str(caught.value) == message


PLACES = Places("/in", "/events", ("/books/*", "com.example.*"))


@pytest.mark.parametrize(
    ("name", "path"),
    [("s3", "/events/aws.s3"), ("none__null", "/events/in"), ("eventbridge", "/events/com.example.orders")],
)
def test_prefix(name, path):
    """Every path is under the prefix, that of an unmatched event too."""
    assert Adapter(places=PLACES).adapt(sample(name), CONTEXT).request.path == path


def test_sources():
    """What the patterns do not take is refused."""
    with pytest.raises(InvalidEvent) as caught:
        Adapter(places=PLACES).adapt(sample("eventbridge__s3"), CONTEXT)
    message = "matcher 'eventbridge', $.source: the value is not among the patterns of CLOUD_EVENTS_SOURCES"
    assert str(caught.value) == message


def test_a_list_goes_item_by_item():
    """Each item of a custom bus's list is routed by itself, by the user's rows too."""
    event = [*sample("eventbridge.custombus"), sample("s3"), 5, None]
    adapted = Adapter([NUMBERS]).adapt(event, CONTEXT)
    assert (adapted.name, adapted.reply, adapted.batch) == ("eventbridge.custombus", "async", None)
    assert paths(adapted)[-3:] == ["/aws.s3", "/numbers", "/"]
    assert [request.delivery.matcher for request in requests(adapted)][-4:] == ["eventbridge", "s3", "numbers", None]
    assert {(part.lane, part.identifier) for part in adapted.parts} == {(None, None)}


@pytest.mark.parametrize("name", ["http.alb", "pipes", "eventbridge.custombus", "cloudevents.batch"])
def test_items_that_have_no_place(name):
    """HTTP requests and lists of events have no place in a list; a list of records goes as it is."""
    *_, part = Adapter().adapt([*sample("eventbridge.custombus"), sample(name)], CONTEXT).parts
    if name == "pipes":
        assert part.request({}).path == "/aws.pipes"
        return
    with pytest.raises(InvalidEvent) as caught:
        part.request({})
    assert str(caught.value) == "a list of events must hold neither HTTP requests nor further lists"


def test_a_faulty_item():
    """A CloudEvent among other items is checked when it is its turn."""
    *_, part = Adapter().adapt([*sample("eventbridge.custombus"), {"specversion": "9"}], CONTEXT).parts
    with pytest.raises(InvalidEvent, match=r"^malformed CloudEvent: 'id' must be a non-empty string; 'source' must be"):
        part.request({})


ID = "'id' must be a non-empty string"
SOURCE = "'source' must be a non-empty string"
DOTS = "matcher 'cloudevent', $.source: the path must not have '.' or '..' segments"
FILTERED = "matcher 'cloudevent', $.source: the value is not among the patterns of CLOUD_EVENTS_SOURCES"
EVENT = sample("cloudevent")
REFUSED = [
    ({"id": 5}, f"malformed CloudEvent: {ID}"),
    ({"source": None}, f"malformed CloudEvent: {SOURCE}"),
    ({"source": {}, "id": ""}, f"malformed CloudEvent: {ID}; {SOURCE}"),
    ({"source": "a/../secret"}, f"malformed CloudEvent: {DOTS}"),
    ({"source": "/books/..", "id": None}, f"malformed CloudEvent: {ID}; {DOTS}"),
    ({"source": "/secret"}, f"malformed CloudEvent: {FILTERED}"),
    ({"specversion": "2.0"}, "malformed CloudEvent: 'specversion' must be '1.0' or '0.3'"),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("members", "message"), REFUSED)
def test_malformed_cloudevents(members, message, mode):
    """A CloudEvent that cannot be routed, or told from others, is refused in every mode, with all its faults."""
    with pytest.raises(InvalidEvent) as caught:
        Adapter(places=PLACES, content_mode=mode).adapt({**EVENT, **members}, CONTEXT)
    assert str(caught.value) == message


FAULTY = {**EVENT, "source": "\n", "time": "soon", "data_base64": ""}


@pytest.mark.parametrize("mode", ["binary", "structured"])
def test_faults_that_only_writing_anew_brings_out(mode):
    """What would not survive the mode is refused in it, and delivered as it is by default."""
    with pytest.raises(InvalidEvent) as caught:
        Adapter(content_mode=mode).adapt(FAULTY, CONTEXT)
    assert str(caught.value) == (
        "malformed CloudEvent: 'source' must not have control characters, surrogates or noncharacters; 'time' must be "
        "an RFC 3339 time, such as '2026-03-01T12:00:00Z'; 'data' and 'data_base64' must not both be there"
    )
    event = {**FAULTY, "source": "/a"}
    assert Adapter().adapt(event, CONTEXT).request.event == event


def test_a_users_row_for_cloudevents():
    """The user's row sends it elsewhere; it is checked all the same."""
    assert paths(Adapter([ITEM]).adapt({**EVENT, "source": "/.."}, CONTEXT)) == ["/items/b7f3c1de-0001"]
    with pytest.raises(InvalidEvent, match=rf"^malformed CloudEvent: {SOURCE}$"):
        Adapter([ITEM]).adapt({**EVENT, "source": ""}, CONTEXT)
    with pytest.raises(InvalidEvent) as caught:
        Adapter([ITEM]).adapt({**EVENT, "id": ".."}, CONTEXT)
    message = "malformed CloudEvent: matcher 'item', its callable path: the path must not have '.' or '..' segments"
    assert str(caught.value) == message


SENT = attrgetter("path", "query", "body", "content_type", "headers", "event")
BATCH = sample("cloudevents.batch__mixed-versions")
TO_TWO_PLACES = sample("cloudevents.batch")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("by_record", [False, True])
@pytest.mark.parametrize("events", [BATCH, TO_TWO_PLACES, BATCH[:1]])
def test_a_list_of_cloudevents(mode, by_record, events):
    """One request each, in order, in the mode set; but one batch in structured mode where all go to one place."""
    adapted = Adapter(content_mode=mode, by_record=by_record).adapt(events, CONTEXT)
    assert (adapted.name, adapted.reply, adapted.batch) == ("cloudevents.batch", "sync", None)
    if mode == "structured" and not by_record and events is not TO_TWO_PLACES:
        assert adapted.parts is None
        assert (adapted.request.path, adapted.request.delivery.matcher) == ("/books/catalogue", "cloudevent")
        assert (adapted.request.content_type, json.loads(adapted.request.body)) == (BATCHED, events)
        assert (adapted.request.event, adapted.request.headers) == (events, [])
    else:
        assert adapted.request is None
        alone = [Adapter(content_mode=mode).adapt(event, CONTEXT).request for event in events]
        assert [*map(SENT, requests(adapted))] == [*map(SENT, alone)]
        assert paths(adapted) == [event["source"] for event in events]


def test_a_faulty_list_of_cloudevents():
    """All are checked before the first is sent."""
    events = [EVENT, {**EVENT, "id": "", "source": "a/.."}, {"specversion": None}, 5, {**EVENT, "type": 1}]
    with pytest.raises(InvalidEvent) as caught:
        Adapter().adapt(events, CONTEXT)
    no_event = "malformed CloudEvent: it is no object with a 'specversion'"
    assert str(caught.value) == (
        f"item 1: malformed CloudEvent: {ID}; {DOTS}; item 2: {no_event}; item 3: {no_event}; "
        "item 4: malformed CloudEvent: 'type' must be a non-empty string"
    )


def test_a_users_row_for_lists():
    """A row of the user's own may take the list of CloudEvents as one event, or each of its items."""
    whole = Matcher("whole", {"$[0].specversion": ...}, "/whole")
    adapted = Adapter([whole]).adapt(BATCH, CONTEXT)
    assert (adapted.parts, adapted.request.path, adapted.request.event) == (None, "/whole", BATCH)
    assert paths(Adapter([ITEM]).adapt(BATCH, CONTEXT)) == ["/items/b7f3c1de-0013", "/items/b7f3c1de-0014"]


@pytest.mark.parametrize("depth", [100_000])
def test_deep_nesting(depth):
    """An event that JSON cannot be written of is refused."""
    event = []
    for _ in range(depth):
        event = [event]
    with pytest.raises(InvalidEvent, match=r"^the event is nested too deeply to be written as JSON$"):
        Adapter().adapt(event, CONTEXT)


def test_reprs_tell_no_content():
    """What holds an event shows nothing of it to a log or a traceback."""
    adapted = Adapter(by_record=True).adapt(sample("sqs"), CONTEXT)
    assert (repr(adapted), repr(adapted.parts[0])) == ("<Adapted sqs, poll>", "<Part>")
    assert repr(records(BATCHES["sqs"], sample("sqs"))[2]) == "<Record 2>"


def leaves(value):
    """Every string in *value*, keys and what is in JSON strings aside."""
    if isinstance(value, dict):
        value = [*value.values()]
    return [leaf for inner in value for leaf in leaves(inner)] if isinstance(value, list) else [value]


USERS = [ALL, Matcher("a", {"$..a": str}, "$..a"), Matcher("detail", {"$.detail.title": ...}, "$.detail.title")]
ADAPTERS = st.builds(
    Adapter,
    st.lists(st.sampled_from(USERS), max_size=2),
    st.sampled_from([Places(), Places("/in", "/events")]),
    st.sampled_from(MODES),
    st.booleans(),
)


@settings(deadline=None, max_examples=500)
@given(ADAPTERS, mutated(sorted(EXPECTED)).map(lambda drawn: drawn[1]) | ANY_JSON | HOSTILE)
def test_any_event(adapter, event):
    """Whatever the event: requests that any server could have received, or an error of ours that quotes none of it."""
    try:
        adapted = adapter.adapt(event, CONTEXT)
        found = requests(adapted) if adapted.reply != "http" else []
    except CloudEventsError as error:
        told = str(error)
        assert not [leaf for leaf in leaves(event) if isinstance(leaf, str) and len(leaf) > 9 and leaf in told]
        return
    for request in found:
        assert request.path[0] == "/"
        assert request.query.isascii()
        assert request.content_type is None or (request.content_type.isascii() and request.content_type.isprintable())
        assert all(name[:3] == "ce-" and name[3:].isalnum() and name.isascii() for name, _ in request.headers)
        assert all(value.isascii() and value.isprintable() and " " not in value for _, value in request.headers)
