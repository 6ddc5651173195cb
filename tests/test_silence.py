"""Nothing that an event holds is logged, printed, shown by a repr or told by an error; nor what an answer holds."""

import json
import logging
from itertools import product

import pytest

from cloud_events import (
    CloudEventsError,
    ConfigurationError,
    EventFailed,
    EventsOnly,
    InvalidEvent,
    Matcher,
    ReplyTooLarge,
    UnsupportedEvent,
    cloudevents,
    make_handler,
)
from cloud_events.adapter import Adapter
from cloud_events.adapter.path import Target
from cloud_events.messages import Delivery, Outcome, Part, Request, Response
from cloud_events.settings import resolve
from conftest import EVENTS, Context, expectations, sample
from legs import Answer, bare, both_legs
from planted import SECRET, plant, said_by, tells

CONTEXT = Context()
# Interface, content mode, and how records are delivered.
MODES = [("wsgi", "event", "batch"), ("asgi", "event", "record"), ("asgi", "binary", "batch")]
MODES += [("wsgi", "binary", "record"), ("asgi", "structured", "batch"), ("wsgi", "payload", "record")]
# One event of each kind that the library treats in a way of its own.
NAMES = [
    *("s3__multi-object-delete", "sqs", "sqs__fifo", "kinesis__window", "kafka.msk", "mq.rabbitmq", "docdb", "pipes"),
    *("eventbridge", "eventbridge.custombus", "cloudevent", "cloudevent__binary-data", "cloudevents.batch", "config"),
    *("cloudwatch.logs", "lex.v2", "none__object", "sns", "iot.events", "records"),
]


@pytest.fixture(autouse=True)
def all_levels(caplog):
    """Everything is logged that anybody would log."""
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "cloud_events"):
        yield


def error_of(handler, event, context=CONTEXT):
    """The error that *handler* raises for *event*, or None."""
    try:
        handler(event, context)
    except (CloudEventsError, Lost) as error:
        return error
    return None


class Lost(Exception):
    """What an application raises."""


def answering(leg, *given):
    """An application that gives the same answer to every request."""
    return bare(leg, lambda *_: Answer(*given))


SECRET_HEADERS = [("Content-Type", "text/plain"), ("Set-Cookie", f"a={SECRET}"), (f"X-{SECRET}", SECRET)]
ANSWERS = {
    "success": (200, SECRET.encode(), SECRET_HEADERS),
    "json": (200, json.dumps({SECRET: SECRET}).encode(), [("Content-Type", "application/json")]),
    "no route": (404, SECRET.encode(), SECRET_HEADERS),
    "redirect": (302, b"", [("Location", f"https://{SECRET}/{SECRET}")]),
    "failure": (500, SECRET.encode(), SECRET_HEADERS),
    "false report": (200, json.dumps({"batchItemFailures": [{"itemIdentifier": SECRET}]}).encode(), []),
    "misspelled report": (200, json.dumps({"batch_item_failures": [SECRET]}).encode(), []),
    "misplaced report": (200, json.dumps([{"batchItemFailures": [SECRET]}]).encode(), []),
    "odd status": (999, SECRET.encode(), []),
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize(("leg", "mode", "delivery"), MODES)
def test_delivery_tells_nothing(caplog, capfd, leg, mode, answer, delivery):
    """Success, failure and warning tell neither what is in the event nor what is in the answer, but for the excerpt."""
    application = answering(leg, *ANSWERS[answer])
    for response, name in product(("envelope", "native"), NAMES):
        handler = make_handler(application, content_mode=mode, delivery=delivery, response=response, lifespan="off")
        error = error_of(handler, plant(sample(name)))
        if error is not None:
            # The beginning of the answer is what this error is for; nothing else is in it.
            assert type(error) is EventFailed
            assert error.body == ANSWERS[answer][1].decode()
            assert not tells(str(error).replace(error.body or "nothing", ""))
    assert caplog.records != []
    assert not tells(caplog.text)
    assert not tells("".join(capfd.readouterr()))


NATIVE = {"specversion": "1.0", "id": "1", "type": "t", "source": "shop"}
REFUSED = [
    {"source": f"../{SECRET}"},
    {"source": f"{SECRET}\r\n"},
    {"source": f"{SECRET}%ff"},
    {"source": f"?{SECRET}"},
    {"specversion": "1.0", "source": {SECRET: SECRET}, "id": [SECRET], "type": None},
    {"specversion": SECRET, "source": "shop", "id": "1", "type": "t"},
    NATIVE | {f"X {SECRET}": "x"},
    NATIVE | {f"x{SECRET}" * 3: "x"},
    NATIVE | {"extra": {SECRET: SECRET}, "subject": [SECRET], "time": SECRET, "dataschema": ""},
    NATIVE | {"subject": f"{SECRET}\x00"},
    NATIVE | {"datacontenttype": SECRET, "data": SECRET},
    NATIVE | {"datacontenttype": f"text/plain; charset={SECRET}", "data": SECRET},
    NATIVE | {"data": SECRET, "data_base64": f"{SECRET}!"},
    NATIVE | {"data": SECRET, "datacontentencoding": SECRET},
    [NATIVE, NATIVE | {"source": f"{SECRET}/.."}, {"specversion": SECRET}, SECRET],
    [{"specversion": "1.0"}, [SECRET], {SECRET: SECRET}],
    {"Records": [{"eventSource": f"../{SECRET}"}]},
    {"event": {"eventName": f"{SECRET}\n"}},
    {"call": f"{SECRET}/./"},
    {"key": object(), SECRET: SECRET},
    {SECRET: {(SECRET,): SECRET}},
    {SECRET: {SECRET}},
    *(sample(file[:-5]) for file, row, _ in expectations(EVENTS) if row.startswith("http.")),
]


@pytest.mark.parametrize(("leg", "mode", "delivery"), MODES)
def test_refusal_tells_nothing(caplog, capfd, leg, mode, delivery):
    """An event that is refused is refused without being quoted, and its error keeps nothing of it."""
    rows = [Matcher("called", {"$.call": str}, lambda event: event["call"])]
    refused = 0
    for event, extra in product(REFUSED, ({}, {"sources": "com.example.*"})):
        handler = make_handler(
            answering(leg, 200), content_mode=mode, delivery=delivery, matchers=rows, lifespan="off", **extra
        )
        http = isinstance(event, dict) and "requestContext" in event
        error = error_of(handler, plant(event) if http else event)
        if error is not None:
            assert type(error) in (InvalidEvent, UnsupportedEvent)
            assert not tells(said_by(error))
            refused += 1
    assert refused > len(REFUSED) // 2
    assert not tells(caplog.text)
    assert not tells("".join(capfd.readouterr()))


@pytest.mark.parametrize("delivery", ["batch", "record"])
@both_legs
def test_exception_tells_nothing(caplog, capfd, leg, delivery):
    """Where the application raises, what the library adds to its traceback tells nothing of the event."""

    def view(request, body):
        raise Lost

    for response, name in product(("envelope", "native"), NAMES):
        handler = make_handler(bare(leg, view), delivery=delivery, response=response, lifespan="off")
        error = error_of(handler, plant(sample(name)))
        assert error is None or (type(error) is Lost and not tells(said_by(error)))
    assert not tells(caplog.text)
    assert not tells("".join(capfd.readouterr()))


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_answer_that_is_too_long_tells_nothing(caplog, kind):
    """An answer that Lambda cannot hand on is cut or refused without being quoted."""
    handler = make_handler(answering("wsgi", 200, SECRET.encode() * 700_000), response="native")
    error = error_of(handler, plant(sample("lex.v2" if kind == "sync" else "s3")))
    assert type(error) is (ReplyTooLarge if kind == "sync" else type(None))
    assert error is None or not tells(said_by(error))
    assert ("more than Lambda accepts" in caplog.text) is (kind == "async")
    assert not tells(caplog.text)


@pytest.mark.parametrize(
    "keywords",
    [
        {"wsgi_environ": {"HTTP_AUTHORIZATION": [SECRET], "HTTP_X": SECRET}},
        {"wsgi_environ": {"HTTP_AUTHORIZATION": f"{SECRET}€"}},
        {"wsgi_environ": [SECRET]},
        {"matchers": [{SECRET: SECRET}]},
        {"http_handler": [SECRET]},
    ],
    ids=str,
)
def test_configuration_error_tells_no_object(keywords):
    """An error about a setting quotes what was written as the setting, and no object that it names."""
    with pytest.raises(ConfigurationError) as caught:
        make_handler(answering("wsgi", 200), **keywords)
    assert not tells(said_by(caught.value))


def test_reprs_tell_nothing():
    """The repr of each object that holds an event, an answer or a header shows its outline only."""
    event = plant(sample("sqs"))
    delivery = Delivery("sqs", "/aws.sqs", SECRET, {"id": SECRET, SECRET: SECRET})
    request = Request("/aws.sqs", SECRET, SECRET.encode(), SECRET, [("ce-id", SECRET)], event, CONTEXT, delivery)
    response = Response(500, [(SECRET, SECRET)], SECRET.encode(), None)
    adapter, part = Adapter(by_record=True), Part(event, SECRET, 2, SECRET, SECRET)
    adapted = adapter.adapt(event, CONTEXT)
    application = answering("wsgi", 200)
    settings = resolve(application, None, {"wsgi_environ": {"HTTP_AUTHORIZATION": SECRET}})
    shown = {
        delivery: "<Delivery sqs '/aws.sqs'>",
        Delivery(None, "/"): "<Delivery None '/'>",
        request: "<Request '/aws.sqs', 11 bytes>",
        response: "<Response 500, 11 bytes>",
        settings: "<Settings wsgi>",
        part: "<Part 2>",
        Outcome(part, SECRET, response, ValueError(SECRET)): "<Outcome of <Part 2>>",
        Target("source", "/shop", SECRET): "<Target '/shop'>",
        adapted: "<Adapted sqs, poll>",
        adapter.units(adapted, adapted.parts[0], {})[0]: "<Unit <Target '/aws.sqs'>>",
    }
    assert [*map(repr, shown)] == [*shown.values()]
    assert not tells(repr(EventsOnly(application)) + repr(make_handler(application)))


def test_reprs_of_cloud_events_tell_nothing():
    """A CloudEvent's repr shows neither its attributes nor its data."""
    shown = []

    def view(environ, body):
        shown.extend(map(repr, cloudevents(environ)))
        return Answer(200)

    for name in ("sqs", "cloudevent", "cloudevents.batch", "eventbridge"):
        make_handler(bare("wsgi", view))(plant(sample(name)), CONTEXT)
    assert len(shown) > 4
    assert not any(tells(one) for one in shown)
    assert {one.partition(" of ")[0] for one in shown} == {"<CloudEvent"}


def test_watch_keeps_what_it_hears(ear):
    """A log line with the secret, or with a text of a sample, does not escape the watch."""
    logger = logging.getLogger("cloud_events.watched")
    logger.propagate = False
    logger.addHandler(ear)
    key = sample("s3")["Records"][0]["responseElements"]["x-amz-id-2"]
    for line in ("nothing", SECRET, key):
        logger.warning("told: %s", line)
    assert ear.told == [f"cloud_events.watched WARNING told: {line}" for line in (SECRET, key)]
    ear.told.clear()
