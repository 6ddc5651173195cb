"""An event becomes the request, or the requests, that carry it: matched by the user's rows and ours, split, checked."""

import json

import pytest

from cloud_events import ConfigurationError, InvalidEvent, Matcher, UnsupportedEvent
from conftest import EVENTS, Context, expectations, sample
from sent import deliver, sent

MODES = ("event", "binary", "structured")
BATCHED = "application/cloudevents-batch+json; charset=utf-8"
EXPECTED = {file.removesuffix(".json"): (row, path) for file, row, path in expectations(EVENTS)}


def paths(event, **more):
    """Where the requests of *event* go."""
    return [request.path for request in sent(event, **more)]


def refused(event, **more):
    """The words with which *event* is refused; no request is sent."""
    seen, error = deliver(event, **more)
    assert isinstance(error, InvalidEvent)
    assert seen == []
    return str(error)


def expects(event, **more):
    """What the sender of *event* is taken to expect, by what it is told of an empty answer."""
    reply = deliver(event, response="native", **more)[1]
    return "sync" if reply is None else "poll" if "batchItemFailures" in reply else "async"


ORDERS = Matcher("orders", {"$.Records[*].eventSourceARN": lambda arn: arn.endswith(":orders")}, "/orders")
BIG = Matcher("big", {"$.Records[0].body": lambda body: "7002" in body}, "/big")
READ = Matcher("read", {"$.Records[0].eventSource": "aws:sqs"}, "/read", "sync")
TARGET = Matcher("target", {"$[0].eventSource": str}, "/target", "poll")
DOCUMENTS = Matcher("documents", {"$.eventSource": "aws:docdb", "$.events": list}, "/documents", "poll")
NUMBERS = Matcher("numbers", {"$": int}, "/numbers", "async")
ALL = Matcher("all", {}, "/all")
ITEM = Matcher("item", {"$.specversion": ...}, lambda event: f"/items/{event['id']}")

ROUTED = [
    # The path is the user's; what the sender expects, and its records, stay those of our row.
    ([ORDERS], "sqs", "poll", "/orders", "orders"),
    ([ORDERS], "sqs__fifo", "poll", "/aws.sqs", "sqs"),
    ([ORDERS, ALL], "sqs", "poll", "/orders", "orders"),
    ([ALL, ORDERS], "sqs", "poll", "/all", "all"),
    ([ALL], "none__null", "sync", "/all", "all"),
    ([ALL], "s3", "async", "/all", "all"),
    ([ALL], "cloudfront", "sync", "/all", "all"),
    # Unless the user's row says otherwise.
    ([READ], "sqs", "sync", "/read", "read"),
    ([TARGET], "pipes", "poll", "/target", "target"),
    ([DOCUMENTS], "docdb", "poll", "/documents", "documents"),
    ([NUMBERS], "none__number", "async", "/numbers", "numbers"),
    ([NUMBERS], "none__null", "sync", "/", None),
]


@pytest.mark.parametrize(("rows", "name", "reply", "path", "matcher"), ROUTED)
def test_user_rows(rows, name, reply, path, matcher):
    """A user's row comes before ours."""
    [request] = sent(sample(name), matchers=rows)
    assert (request.path, request.delivery.path, request.delivery.matcher) == (path, path, matcher)
    assert request.event == json.loads(request.body) == sample(name)
    assert expects(sample(name), matchers=rows) == reply


def test_user_rows_see_each_record():
    """Delivered singly, each record goes where the user's rows send it, else where our row for the event does."""
    assert paths(sample("sqs"), matchers=[BIG], delivery="record") == ["/aws.sqs", "/big", "/aws.sqs"]


CANNOT = "reply='poll' is for senders that read which records failed, and the sender of {!r} events does not"
# At start, where the row's conditions include those of one of ours; what else is taken is found out by the event.
UNREPORTABLE = [
    ({"$.Records[0].eventSource": "aws:s3"}, "s3", True),
    ({"$.Records[0].eventSource": "aws:s3", "$.Records[0].awsRegion": "eu-west-1"}, "s3", True),
    ({"$.source": "com.example.orders", "$['detail-type']": str, "$.detail": ...}, "eventbridge", False),
    ({"$.identityPoolId": ..., "$.identityId": ...}, "cognito.sync", True),
    ({"$.Records[*].eventSource": "aws:s3"}, "s3", False),
    ({}, "sns", False),
]  # fmt: skip


@pytest.mark.parametrize(("where", "name", "at_start"), UNREPORTABLE)
def test_senders_that_cannot_be_told_which_records_failed(where, name, at_start):
    """They are refused as a mistake of the row, not of the event."""
    row = Matcher("polled", where, "/polled", "poll")
    with pytest.raises(ConfigurationError) as caught:
        sent(None if at_start else sample(name), matchers=[row])
    assert str(caught.value) == f"{row!r}: {CANNOT.format(name)}"


NOTHING = {"status_code": "204", "body": "", "headers": {}}
PING = Matcher("ping", {"$.Records[0].body": "ping"}, None)
BEAT = Matcher("beat", {"$.beat": ...}, None)
FIRST = Matcher("first", {"$[0].id": "1"}, None)
PINGS = {"Records": [{"eventSource": "aws:sqs", "messageId": f"{number}", "body": "ping"} for number in range(2)]}
MIXED = {"Records": [PINGS["Records"][0], {"eventSource": "aws:sqs", "messageId": "1", "body": "order"}]}
EVENT = sample("cloudevent")
RULE = {"detail-type": "order", "source": "shop", "detail": {}}


@pytest.mark.parametrize("delivery", ["batch", "record"])
@pytest.mark.parametrize(
    ("event", "native"),
    [
        (PINGS, {"batchItemFailures": []}),
        ({"beat": 1}, None),
        (EVENT | {"beat": 1}, None),
        (sample("eventbridge") | {"beat": 1}, NOTHING),
    ],
)
def test_events_that_need_no_request(event, native, delivery, caplog):
    """A row without a path acknowledges: the sender is told what success looks like, the log that nothing was sent."""
    rows = [PING, BEAT]
    caplog.set_level("INFO", "cloud_events")
    assert deliver(event, matchers=rows, delivery=delivery, response="native") == ([], native)
    assert {line.getMessage().partition(": ")[2] for line in caplog.records} == {"acknowledged without a request"}
    seen, reply = deliver(event, matchers=rows, delivery=delivery)
    assert seen == []
    if delivery == "batch" or event is not PINGS:
        assert reply == NOTHING
    assert deliver(event, matchers=[ALL, *rows], delivery=delivery)[0] != []


@pytest.mark.parametrize(
    ("event", "rows", "singly"),
    [
        (MIXED, [PING], ["/aws.sqs"]),
        (MIXED, [PING, ALL], ["/all"]),
        ([RULE | {"id": "1"}, RULE | {"id": "2"}], [FIRST], ["/shop", "/shop"]),
        ([EVENT | {"id": "1"}, EVENT | {"id": "2"}], [FIRST], [EVENT["source"]] * 2),
    ],
)
def test_of_several_each_must_need_none(event, rows, singly):
    """Of several records or items in one request the row is passed over unless each, alone, matches it."""
    assert [request.event for request in sent(event, matchers=rows)] == ([event] if isinstance(event, dict) else event)
    assert paths(event, matchers=rows, delivery="record") == singly
    assert sent([{**one, "id": "1"} for one in event] if isinstance(event, list) else PINGS, matchers=rows) == []


@pytest.mark.parametrize("name", [name for name, (_, path) in EXPECTED.items() if path == "http"])
def test_http_requests_are_never_routed(name):
    """Not even by a user's row that takes everything."""
    seen, error = deliver(sample(name), matchers=[ALL], delivery="record")
    assert (seen, type(error)) == ([], UnsupportedEvent)


@pytest.mark.parametrize("path", ["http", "per item"])
def test_paths_that_are_ours_alone(path):
    """A user's path begins with a slash or is looked up."""
    with pytest.raises(ConfigurationError) as caught:
        sent(None, matchers=[ALL, Matcher("mine", {"$.a": 1}, path)])
    message = f"Matcher('mine', {{'$.a': 1}}, '{path}'): the path must begin with '/' (static) or '$' (a JSONPath)"
    assert str(caught.value) == message


LIMITS = {"path_prefix": "/events", "sources": "/books/*, com.example.*", "wsgi_environ": {"PATH_INFO": "/in"}}
FILTER = "the value matches none of the patterns of CLOUD_EVENTS_SOURCES"


def test_prefix_and_sources():
    """Every path is under the prefix, that of an unmatched event too; dynamic values must match a pattern."""
    names = ("s3", "none__null", "eventbridge", "s3__multi-object-delete")
    assert [paths(sample(name), delivery="record", **LIMITS) for name in names] == [
        ["/events/aws.s3"], ["/events/in"], ["/events/com.example.orders"], ["/events/aws.s3"] * 2
    ]  # fmt: skip
    assert refused(sample("eventbridge__s3"), **LIMITS) == f"matcher 'eventbridge', $.source: {FILTER}"


BUS = sample("eventbridge.custombus")


def test_a_list_goes_item_by_item():
    """Each item of a custom bus's list is routed by itself, by the user's rows too."""
    event = [*BUS, sample("s3"), sample("sqs"), sample("pipes"), 5, None]
    seen = sent(event, matchers=[NUMBERS])
    assert [request.event for request in seen] == event
    assert [(request.path, request.delivery.matcher) for request in seen[len(BUS) - 1 :]] == [
        (f"/{BUS[-1]['source']}", "eventbridge"),
        ("/aws.s3", "s3"),
        ("/aws.sqs", "sqs"),
        ("/aws.pipes", "pipes"),
        ("/numbers", "numbers"),
        ("/", None),
    ]
    assert {request.delivery.record_id for request in seen} == {None}


@pytest.mark.parametrize("name", ["http.alb", "eventbridge.custombus", "cloudevents.batch"])
def test_items_that_cannot_be_delivered(name):
    """HTTP requests and lists of events have no place in a list; the items before them are sent."""
    seen, error = deliver([*BUS, sample(name)])
    assert str(error) == "a list of events must hold neither HTTP requests nor further lists"
    assert [request.event for request in seen] == BUS


def test_a_faulty_item():
    """A CloudEvent among other items is checked when it is its turn."""
    seen, error = deliver([*BUS, {"specversion": "9"}])
    assert str(error).startswith("malformed CloudEvent: 'id' must be a non-empty string; 'source' must be")
    assert len(seen) == len(BUS)


ID = "'id' must be a non-empty string"
SOURCE = "'source' must be a non-empty string"
DOTS = "matcher 'cloudevent', $.source: the path must not have '.' or '..' segments"
MALFORMED = [
    ({"id": 5}, ID),
    ({"source": None}, SOURCE),
    ({"source": {}, "id": ""}, f"{ID}; {SOURCE}"),
    ({"source": "a/../secret"}, DOTS),
    ({"source": "/books/..", "id": None}, f"{ID}; {DOTS}"),
    ({"source": "/secret"}, f"matcher 'cloudevent', $.source: {FILTER}"),
    ({"specversion": "2.0"}, "'specversion' must be '1.0' or '0.3'"),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("members", "message"), MALFORMED)
def test_malformed_cloudevents(members, message, mode):
    """A CloudEvent that cannot be routed, or told from others, is refused in every mode, with all its faults."""
    assert refused(EVENT | members, content_mode=mode, **LIMITS) == f"malformed CloudEvent: {message}"


FAULTY = {**EVENT, "source": "\n", "time": "soon", "data_base64": "", "myExt": "secret"}


@pytest.mark.parametrize("mode", ["binary", "structured"])
def test_faults_that_only_writing_anew_brings_out(mode):
    """What would not survive the mode is refused in it, by the attributes' names; by default it comes as it is."""
    assert refused(FAULTY, content_mode=mode) == (
        "malformed CloudEvent: 'source' must not have control characters, surrogates or noncharacters; 'time' must be "
        "an RFC 3339 time, such as '2026-03-01T12:00:00Z'; every attribute's name must be of a-z and 0-9 only; "
        "'data' and 'data_base64' must not both be present"
    )
    event = {**FAULTY, "source": "/a"}
    assert sent(event)[0].event == event


def test_a_users_row_for_cloudevents():
    """The user's row sends it elsewhere; it is checked all the same."""
    assert paths({**EVENT, "source": "/.."}, matchers=[ITEM]) == ["/items/b7f3c1de-0001"]
    assert refused({**EVENT, "source": ""}, matchers=[ITEM]) == f"malformed CloudEvent: {SOURCE}"
    dots = "matcher 'item', its callable path: the path must not have '.' or '..' segments"
    assert refused({**EVENT, "id": ".."}, matchers=[ITEM]) == f"malformed CloudEvent: {dots}"


BATCH = sample("cloudevents.batch__mixed-versions")
TO_TWO = sample("cloudevents.batch")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("delivery", ["batch", "record"])
@pytest.mark.parametrize("events", [BATCH, TO_TWO, BATCH[:1]])
def test_a_list_of_cloudevents(mode, delivery, events):
    """One request each, in order, in the mode set; but one batch in structured mode where all go to one path."""
    seen = sent(events, content_mode=mode, delivery=delivery)
    if mode == "structured" and delivery == "batch" and events is not TO_TWO:
        [request] = seen
        assert (request.path, request.delivery.matcher) == ("/books/catalogue", "cloudevent")
        assert (request.content_type, json.loads(request.body), request.headers) == (BATCHED, events, {})
        assert request.event == events
    else:
        alone = [sent(event, content_mode=mode)[0] for event in events]
        assert [request[:6] for request in seen] == [request[:6] for request in alone]
        assert [request.path for request in seen] == [event["source"] for event in events]


def test_a_faulty_list_of_cloudevents():
    """All are checked before the first is sent."""
    events = [EVENT, {**EVENT, "id": "", "source": "a/.."}, {"specversion": None}, 5, {**EVENT, "type": 1}]
    other = "malformed CloudEvent: it is not an object with a 'specversion'"
    assert refused(events) == (
        f"item 1: malformed CloudEvent: {ID}; {DOTS}; item 2: {other}; item 3: {other}; "
        "item 4: malformed CloudEvent: 'type' must be a non-empty string"
    )


WHOLE = Matcher("whole", {"$[0].specversion": ...}, "/whole")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "events", [BATCH, TO_TWO, [EVENT, 5], [EVENT, {"specversion": None}], [EVENT, {**EVENT, "A": ""}]]
)
def test_a_users_row_for_lists(events, mode):
    """A row of the user's own may take the list of CloudEvents as one event, whatever is in it."""
    [request] = sent(events, matchers=[WHOLE], content_mode=mode)
    assert (request.path, request.event, json.loads(request.body)) == ("/whole", events, events)
    batched = mode == "structured" and events in (BATCH, TO_TWO)
    assert request.content_type == (BATCHED if batched else "application/json")


def test_a_users_row_for_items():
    """Or each of its items."""
    assert paths(BATCH, matchers=[ITEM]) == ["/items/b7f3c1de-0013", "/items/b7f3c1de-0014"]


class Tool(Context):
    """The context of a call by Amazon Bedrock AgentCore Gateway."""

    def __init__(self, name):
        super().__init__()
        self.client_context = type("ClientContext", (), {"custom": {"bedrockAgentCoreToolName": name}})


ARGUMENTS = [{"isbn": 1}, {"source": "/admin"}, EVENT, BATCH, sample("sqs"), sample("http.alb"), None]


@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_tools(arguments):
    """The tool, without its target's name, is the path, whatever the arguments are; only the prefix applies."""
    settings = {**LIMITS, "matchers": [ALL], "delivery": "record", "content_mode": "structured"}
    [request] = sent(arguments, context=Tool("shop___order_book"), **settings)
    assert (request.path, request.delivery.matcher) == ("/events/aws.bedrock.agentcore/order_book", "bedrock.agentcore")
    assert (request.event, json.loads(request.body), request.headers) == (arguments, arguments, {})
    assert expects(arguments, context=Tool("order"), **settings) == "sync"


SEGMENT = "the name of a tool must not have '/', '?', '#' or '%'"
TOOLS = [
    ("a___b/c", SEGMENT),
    *[(f"a___b{mark}c", SEGMENT) for mark in "?#%"],
    ("a___..", "the path must not have '.' or '..' segments"),
    ("a___b\n", "the path must not have control characters"),
    ("", "the path must come from a string that is not empty (before any '?' or '#')"),
]


@pytest.mark.parametrize(("name", "message"), TOOLS)
def test_tools_that_are_not_a_segment(name, message):
    """A tool's name is one segment of a path."""
    assert refused({}, context=Tool(name)) == message


@pytest.mark.parametrize("name", [None, 5])
def test_contexts_that_name_no_tool(name):
    """Other clients' contexts do not matter; a name without a target's is the tool's."""
    assert paths({}, context=Tool(name)) == ["/"]
    assert paths({}, context=Tool("order")) == ["/aws.bedrock.agentcore/order"]
