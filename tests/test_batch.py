"""Several requests for one event: records delivered singly, lists of events, and the one reply to them all."""

import asyncio
import copy
import json

import pytest

from cloud_events import EventFailed, InvalidEvent, Matcher, OutOfTime, ReplyTooLarge, make_handler
from conftest import Context, sample
from legs import JSON, Answer, answer, both_legs, handler

pytestmark = both_legs

MODES = pytest.mark.parametrize("response", ["envelope", "native"])


class OutOfPaper(Exception):
    """The application's own, with a word of its own that is no business of ours."""

    hint = "what was in the event"


class Shop:
    """A view that does as *orders* say to one request after another, and keeps what it saw.

    An order is an Answer or an exception; after the last, all succeed.
    """

    def __init__(self, *orders):
        self.orders = list(orders)
        self.seen = []

    def __call__(self, path, event):
        self.seen.append((path, event))
        order = self.orders.pop(0) if self.orders else Answer(204)
        if isinstance(order, Exception):
            raise order
        return order


OK, BAD, NO = Answer(204), Answer(500), OutOfPaper("the printer is out of paper")

SQS, FIFO, KINESIS, DYNAMODB, KAFKA, S3 = map(
    sample, ("sqs", "sqs__fifo", "kinesis", "dynamodb", "kafka.msk", "s3__multi-object-delete")
)
MQ, RABBIT, DOCDB = map(sample, ("mq.activemq", "mq.rabbitmq", "docdb"))
CUSTOM_BUS, CLOUD_EVENTS = sample("eventbridge.custombus"), sample("cloudevents.batch")
SQS_IDS, FIFO_IDS = ([record["messageId"] for record in event["Records"]] for event in (SQS, FIFO))
KINESIS_IDS = [record["kinesis"]["sequenceNumber"] for record in KINESIS["Records"]]
DYNAMODB_IDS = [record["dynamodb"]["SequenceNumber"] for record in DYNAMODB["Records"]]
KAFKA_IDS = [
    {"partition": partition, "offset": offset}
    for partition, offset in [("orders-0", 7), ("orders-0", 8), ("orders-1", 31)]
]
S3 = {"Records": [copy.deepcopy(S3["Records"][0]) for _ in range(3)]}
SNS = {"Records": sample("sns")["Records"] * 3}


def lists(name, *fields):
    """The event of a pipe with three records, like those of a sample, and what names them."""
    records = [copy.deepcopy(sample(name)[0]) for _ in range(3)]
    for number, record in enumerate(records):
        for field in fields:
            record[field] = f"{field}-{number}"
    return records, [record.get(fields[0]) for record in records] if fields else []


PIPE_SQS, PIPE_SQS_IDS = lists("pipes", "messageId")
PIPE_FIFO, PIPE_FIFO_IDS = lists("pipes__sqs-fifo", "messageId")
PIPE_KINESIS, PIPE_KINESIS_IDS = lists("pipes__kinesis", "eventID", "sequenceNumber")
PIPE_DYNAMODB, PIPE_DYNAMODB_IDS = lists("pipes__dynamodb", "eventID")
PIPE_KAFKA, _ = lists("pipes__kafka")
PIPE_MQ, _ = lists("pipes__activemq")


def single(event, number):
    """*event* with one of its records."""
    if isinstance(event, list):
        return [event[number]]
    [key] = [key for key in ("Records", "records", "messages", "rmqMessagesByQueue", "events") if key in event]
    if isinstance(event[key], list):
        return {**event, key: [event[key][number]]}
    return {**event, key: [{name: [record]} for name, records in event[key].items() for record in records][number]}


def named(identifiers):
    return [{"itemIdentifier": identifier} for identifier in identifiers]


def failure(identifier):
    """The answer of a view that names a record that failed."""
    return answer({"batchItemFailures": named([identifier])})


def logged(caplog):
    """(level, message, exception) of each line that the library logged."""
    ours = [record for record in caplog.records if record.name == "cloud_events"]
    return [(line.levelname, line.getMessage(), line.exc_info[1] if line.exc_info else None) for line in ours]


# event, where it goes, what the application does with each request, which records are tried, which are reported
REPORTED = {
    "SQS": (SQS, "/aws.sqs", [OK, BAD, OK], [0, 1, 2], [SQS_IDS[1]]),
    "SQS, all well": (SQS, "/aws.sqs", [], [0, 1, 2], []),
    "SQS, an exception": (SQS, "/aws.sqs", [NO, OK, BAD], [0, 1, 2], [SQS_IDS[0], SQS_IDS[2]]),
    # Two groups: the third message waits for the first.
    "FIFO, the first of a group": (FIFO, "/aws.sqs", [BAD], [0, 1], [FIFO_IDS[0], FIFO_IDS[2]]),
    "FIFO, another group": (FIFO, "/aws.sqs", [OK, NO], [0, 1, 2], [FIFO_IDS[1]]),
    "FIFO, the last of a group": (FIFO, "/aws.sqs", [OK, OK, BAD], [0, 1, 2], [FIFO_IDS[2]]),
    "Kinesis": (KINESIS, "/aws.kinesis", [OK, BAD], [0, 1], [KINESIS_IDS[1]]),
    "Kinesis, the last": (KINESIS, "/aws.kinesis", [OK, OK, NO], [0, 1, 2], [KINESIS_IDS[2]]),
    "Kinesis, all well": (KINESIS, "/aws.kinesis", [], [0, 1, 2], []),
    "DynamoDB": (DYNAMODB, "/aws.dynamodb", [OK, NO], [0, 1], [DYNAMODB_IDS[1]]),
    "Kafka, one partition": (KAFKA, "/aws.kafka", [BAD, OK], [0, 2], [KAFKA_IDS[0]]),
    "Kafka, its last": (KAFKA, "/aws.kafka", [OK, NO], [0, 1, 2], [KAFKA_IDS[1]]),
    "Kafka, another": (KAFKA, "/aws.kafka", [OK, OK, BAD], [0, 1, 2], [KAFKA_IDS[2]]),
    "Kafka, both": (KAFKA, "/aws.kafka", [OK, BAD, NO], [0, 1, 2], KAFKA_IDS[1:]),
    "a pipe from SQS": (PIPE_SQS, "/aws.pipes", [BAD, OK, OK], [0, 1, 2], [PIPE_SQS_IDS[0]]),
    "a pipe from FIFO": (PIPE_FIFO, "/aws.pipes", [OK, BAD], [0, 1], PIPE_FIFO_IDS[1:]),
    "a pipe from Kinesis": (PIPE_KINESIS, "/aws.pipes", [OK, BAD], [0, 1], PIPE_KINESIS_IDS[1:]),
    "a pipe from DynamoDB": (PIPE_DYNAMODB, "/aws.pipes", [OK, NO], [0, 1], PIPE_DYNAMODB_IDS[1:]),
    "a pipe, all well": (PIPE_KAFKA, "/aws.pipes", [], [0, 1, 2], []),
}
REPORTED_WHERE = (
    "AWS retries the records named in batchItemFailures, but an event source mapping without ReportBatchItemFailures "
    "takes them as done."
)


@pytest.mark.parametrize("case", REPORTED)
class TestReported:
    def test_in_native(self, leg, case):
        """Each record is a request of its own, as a batch of one; what must come back is reported, and no more."""
        event, path, orders, tried, reported = REPORTED[case]
        shop = Shop(*orders)
        reply = handler(leg, shop, delivery="record", response="native")(event, None)
        assert reply == {"batchItemFailures": named(reported)}
        assert shop.seen == [(path, single(event, number)) for number in tried]

    def test_in_envelope(self, leg, case, caplog):
        """The dictionary has the worst status, the answers as a JSON array, and the same report; and one warning."""
        event, path, orders, tried, reported = REPORTED[case]
        shop = Shop(*orders)
        reply = handler(leg, shop, delivery="record")(event, None)
        assert shop.seen == [(path, single(event, number)) for number in tried]
        padded = [*orders, *[OK] * len(tried)][: len(tried)]
        answers = [
            {"path": path, "status_code": "500" if order is NO else str(order.status), "body": ""} for order in padded
        ]
        assert reply == {
            "status_code": "500" if reported else "204",
            "body": json.dumps(answers),
            "headers": {"content-type": "application/json"},
            **({"batchItemFailures": named(reported)} if reported else {}),
        }
        errors = [("ERROR", "a record or item of the event failed: OutOfPaper", NO)] * orders.count(NO)
        assert [line for line in logged(caplog) if line[0] == "ERROR"] == errors
        warned = [message for level, message, _ in logged(caplog) if level == "WARNING"]
        assert len(warned) == bool(reported)
        assert all(message.endswith(f"; {REPORTED_WHERE}") for message in warned)


class TestWarning:
    def test_of_an_answer(self, leg, caplog):
        """It counts, and tells of the first failure, with its likely cause."""
        handler(leg, Shop(OK, Answer(404), BAD), delivery="record")(SQS, None)
        assert [message for *_, message, _ in logged(caplog)] == [
            "2 of 3 requests failed, the first so: the application answered 404 at /aws.sqs (sqs); "
            f"{REPORTED_WHERE} The application has no route for this path: add one for POST /aws.sqs."
        ]

    def test_of_an_exception(self, leg, caplog):
        """The words of an application's exception, which may hold what was in the event, are in its traceback only."""
        handler(leg, Shop(NO, BAD), delivery="record")(SQS, None)
        assert logged(caplog) == [
            ("ERROR", "a record or item of the event failed: OutOfPaper", NO),
            (
                "WARNING",
                f"2 of 3 requests failed, the first so: the application raised OutOfPaper; {REPORTED_WHERE}",
                None,
            ),
        ]

    def test_where_nothing_succeeded(self, leg, caplog):
        """Native mode would have failed the invocation; what was not tried is no worse than what stopped it."""
        reply = handler(leg, Shop(Answer(400)), delivery="record")(KINESIS, None)
        assert reply["status_code"] == "400"
        assert [message for _, message, _ in logged(caplog)] == [
            "3 of 3 requests failed, the first so: the application answered 400 at /aws.kinesis (kinesis); "
            f"{REPORTED_WHERE} Set CLOUD_EVENTS_RESPONSE=native to have such an invocation fail."
        ]


NOTHING = {
    "SQS": (SQS, [BAD, NO, BAD], SQS_IDS),
    "FIFO": (FIFO, [BAD, BAD], FIFO_IDS),
    "Kinesis": (KINESIS, [BAD], KINESIS_IDS[:1]),
    "Kafka": (KAFKA, [BAD, NO], [KAFKA_IDS[0], KAFKA_IDS[2]]),
    "a pipe": (PIPE_DYNAMODB, [BAD], PIPE_DYNAMODB_IDS),
}


@pytest.mark.parametrize("case", NOTHING)
def test_nothing_succeeded(leg, case):
    """Where no record succeeded, native mode raises the first failure; envelope mode has everything come back."""
    event, orders, reported = NOTHING[case]
    assert handler(leg, Shop(*orders), delivery="record")(event, None)["batchItemFailures"] == named(reported)
    with pytest.raises(EventFailed, match=r"^the application answered 500 at "):
        handler(leg, Shop(*orders), delivery="record", response="native")(event, None)
    with pytest.raises(OutOfPaper) as caught:
        handler(leg, Shop(*[NO] * 3), delivery="record", response="native")(event, None)
    assert caught.value is NO


NO_REPORT = {
    "ActiveMQ": (MQ, "/aws.mq.activemq", [0, 1]),
    "RabbitMQ": (RABBIT, "/aws.mq.rabbitmq", [0, 1]),
    "DocumentDB": (DOCDB, "/aws.docdb", [0, 1, 2]),
    "a pipe from Kafka": (PIPE_KAFKA, "/aws.pipes", [0, 1, 2]),
    "a pipe from MQ": (PIPE_MQ, "/aws.pipes", [0, 1, 2]),
}


@MODES
@pytest.mark.parametrize("case", NO_REPORT)
class TestNoReport:
    @pytest.mark.parametrize(("order", "raised"), [(BAD, EventFailed), (NO, OutOfPaper)])
    def test_failure(self, leg, response, case, order, raised):
        """A sender that cannot be told of single records: the first failure ends it, and fails the invocation."""
        event, path, _ = NO_REPORT[case]
        shop = Shop(OK, order)
        with pytest.raises(raised):
            handler(leg, shop, delivery="record", response=response)(event, None)
        assert shop.seen == [(path, single(event, number)) for number in (0, 1)]

    def test_success(self, leg, response, case):
        """All tried, in order."""
        event, path, tried = NO_REPORT[case]
        shop = Shop()
        reply = handler(leg, shop, delivery="record", response=response)(event, None)
        assert shop.seen == [(path, single(event, number)) for number in tried]
        if response == "native":
            assert reply == {"batchItemFailures": []}
        else:
            assert (reply["status_code"], len(json.loads(reply["body"]))) == ("204", len(tried))


@MODES
@pytest.mark.parametrize(("event", "path"), [(S3, "/aws.s3"), (SNS, "/aws.sns")], ids=["S3", "SNS"])
class TestAsynchronous:
    @pytest.mark.parametrize("orders", [[BAD, NO], [NO, BAD], [OK, OK, NO]])
    def test_failure(self, leg, response, event, path, orders):
        """Each record of an asynchronous event is tried; then the first failure is raised."""
        shop = Shop(*orders)
        with pytest.raises(OutOfPaper if orders[0] is not BAD else EventFailed):
            handler(leg, shop, delivery="record", response=response)(event, None)
        assert shop.seen == [(path, single(event, number)) for number in range(3)]

    def test_success(self, leg, response, event, path):
        """In both modes the dictionary, which nobody reads."""
        reply = handler(leg, Shop(), delivery="record", response=response)(event, None)
        answers = [{"path": path, "status_code": "204", "body": ""}] * 3
        assert reply == {
            "status_code": "204",
            "body": json.dumps(answers),
            "headers": {"content-type": "application/json"},
        }


@pytest.mark.parametrize("name", ["kinesis.firehose", "s3.batch", "appsync.batch", "cloudfront", "kinesis.analytics"])
def test_one_answer_for_all(leg, name):
    """An event whose sender reads one answer for all of its records is never split."""
    shop = Shop()
    handler(leg, shop, delivery="record")(sample(name), None)
    assert [event for _, event in shop.seen] == [sample(name)]


class TestOwnReport:
    """A view that names the records that failed may be asked for one record at a time."""

    HINT = "The application named the record in its 'batchItemFailures'."

    def test_named(self, leg, caplog):
        """The record that it names has failed, though the status says otherwise."""
        shop = Shop(OK, failure(SQS_IDS[1]), answer({"batchItemFailures": []}))
        assert handler(leg, shop, delivery="record")(SQS, None)["batchItemFailures"] == named(SQS_IDS[1:2])
        [(_, message, _)] = logged(caplog)
        first = "1 of 3 requests failed, the first so: the application answered 200 at /aws.sqs (sqs)"
        assert message == f"{first}; {REPORTED_WHERE} {self.HINT}"

    @MODES
    @pytest.mark.parametrize(
        ("event", "identifiers", "which", "reported"),
        [
            (FIFO, FIFO_IDS, 0, [0, 2]),
            (KINESIS, KINESIS_IDS, 1, [1]),
            (KAFKA, KAFKA_IDS, 0, [0]),
            (PIPE_FIFO, PIPE_FIFO_IDS, 1, [1, 2]),
        ],
    )
    def test_lanes(self, leg, response, event, identifiers, which, reported):
        """What comes after it in its group, shard or partition waits for it."""
        shop = Shop(*[OK] * which, failure(identifiers[which]))
        reply = handler(leg, shop, delivery="record", response=response)(event, None)
        assert reply["batchItemFailures"] == named([identifiers[number] for number in reported])

    def test_alone(self, leg):
        """Where nothing else succeeded, native mode raises, and says so."""
        with pytest.raises(EventFailed) as caught:
            handler(leg, failure(SQS_IDS[0]), delivery="record", response="native")(single(SQS, 0), None)
        assert (caught.value.status, caught.value.hint) == (200, self.HINT)

    def test_another_record(self, leg):
        """A name that is not that of the one record is a fault."""
        shop = Shop(OK, failure(SQS_IDS[0]))
        reply = handler(leg, shop, delivery="record", response="native")(SQS, None)
        assert reply == {"batchItemFailures": named(SQS_IDS[1:2])}


class Clock:
    """The milliseconds that are left, one reading after another; the last stays."""

    def __init__(self, *readings):
        self.readings = list(readings)

    def __call__(self):
        return self.readings.pop(0) if len(self.readings) > 1 else self.readings[0]


NO_TIME = (
    "the function's time was nearly over before the record was tried; give the function a longer timeout, or the event "
    "source mapping smaller batches"
)


class TestTime:
    """Half a second before the deadline, no further record is tried."""

    # An ASGI call reads the clock as well, for the deadline of its own.
    CLOCKS = {"wsgi": (500, 500, 499), "asgi": (500, 9000, 500, 9000, 499)}

    def test_some(self, leg, caplog):
        """What there is no time for is reported, not tried."""
        shop = Shop()
        reply = handler(leg, shop, delivery="record")(SQS, Context(Clock(*self.CLOCKS[leg])))
        assert len(shop.seen) == 2
        assert reply["status_code"] == "504"
        assert [answer["status_code"] for answer in json.loads(reply["body"])] == ["204", "204"]
        assert reply["batchItemFailures"] == named(SQS_IDS[2:])
        assert logged(caplog) == [
            ("WARNING", f"1 of 3 requests failed, the first so: {NO_TIME}; {REPORTED_WHERE}", None)
        ]

    @pytest.mark.parametrize(("event", "reported"), [(KINESIS, KINESIS_IDS[1:2]), (PIPE_FIFO, PIPE_FIFO_IDS[1:])])
    def test_stops_its_lane(self, leg, event, reported):
        """A clock that is put back does not have a later record done before an earlier one."""
        shop = Shop()
        clock = Clock(*self.CLOCKS[leg][2 * (leg == "asgi") + (leg == "wsgi") :], 9000)
        reply = handler(leg, shop, delivery="record", response="native")(event, Context(clock))
        assert reply == {"batchItemFailures": named(reported)}
        assert len(shop.seen) == 1

    def test_none(self, leg):
        """Where there was no time for any, native mode raises, and envelope mode has all come back."""
        shop = Shop()
        with pytest.raises(OutOfTime) as caught:
            handler(leg, shop, delivery="record", response="native")(SQS, Context(Clock(499)))
        assert str(caught.value) == NO_TIME
        reply = handler(leg, shop, delivery="record")(SQS, Context(Clock(499)))
        assert reply == {
            "status_code": "504",
            "body": "[]",
            "headers": {"content-type": "application/json"},
            "batchItemFailures": named(SQS_IDS),
        }
        assert shop.seen == []

    def test_during_one(self, leg):
        """A record whose ASGI call is cancelled shortly before the deadline is reported as well."""
        if leg == "wsgi":
            pytest.skip("a WSGI call cannot be cancelled")

        async def stuck(scope, receive, send):
            if scope["aws.event"]["Records"][0]["messageId"] == SQS_IDS[1]:
                await asyncio.Event().wait()
            await send({"type": "http.response.start", "status": 204})
            await send({"type": "http.response.body"})

        handle = make_handler(stuck, delivery="record", lifespan="off")
        reply = handle(SQS, Context(lambda: 505))
        assert [answer["status_code"] for answer in json.loads(reply["body"])] == ["204", "504", "204"]
        assert (reply["status_code"], reply["batchItemFailures"]) == ("504", named(SQS_IDS[1:2]))

    @MODES
    @pytest.mark.parametrize("event", [S3, MQ, CUSTOM_BUS * 3])
    def test_nothing_to_report_to(self, leg, response, event):
        """Where single records cannot be reported, the invocation fails."""
        with pytest.raises(OutOfTime):
            handler(leg, Shop(), delivery="record", response=response)(
                event, Context(Clock(*self.CLOCKS[leg][-2 if leg == "wsgi" else -3 :]))
            )


class TestLateException:
    def test_in_native(self, leg, caplog):
        """An exception after the complete answer to one record is that record's failure."""
        late = OutOfPaper("after the answer")
        shop = Shop(OK, Answer(200, late=late))
        reply = handler(leg, shop, delivery="record", response="native")(SQS, None)
        assert reply == {"batchItemFailures": named(SQS_IDS[1:2])}
        message = "the application failed after its answer at /aws.sqs was complete"
        assert logged(caplog) == [("ERROR", message, late)]

    def test_in_envelope(self, leg, caplog):
        """In envelope mode it is logged, and no more."""
        late = OutOfPaper("after the answer")
        reply = handler(leg, Shop(OK, Answer(200, late=late)), delivery="record")(SQS, None)
        assert (reply["status_code"], "batchItemFailures" in reply) == ("204", False)
        assert [error for _, _, error in logged(caplog)] == [late]


class TestWindow:
    EVENT = {**sample("kinesis__window"), "isFinalInvokeForWindow": True}
    IDS = [record["kinesis"]["sequenceNumber"] for record in EVENT["Records"]]

    def test_state(self, leg):
        """The state goes from record to record and back to Lambda; only the last record closes the window."""
        shop = Shop(answer({"state": {"n": 1}}), OK)
        reply = handler(leg, shop, delivery="record", response="native")(self.EVENT, None)
        assert reply == {"batchItemFailures": [], "state": {"n": 1}}
        assert [(event["state"], event["isFinalInvokeForWindow"]) for _, event in shop.seen] == [
            (self.EVENT["state"], False),
            ({"n": 1}, True),
        ]

    def test_not_the_end(self, leg):
        """In the midst of a window, no record closes it."""
        shop = Shop()
        handler(leg, shop, delivery="record")({**self.EVENT, "isFinalInvokeForWindow": False}, None)
        assert [event["isFinalInvokeForWindow"] for _, event in shop.seen] == [False, False]

    def test_no_window(self, leg):
        """Without a window, a state is nothing that Lambda asks for."""
        reply = handler(leg, answer({"state": 1}), delivery="record", response="native")(KINESIS, None)
        assert reply == {"batchItemFailures": []}

    def test_failure(self, leg):
        """The state is the one after the last success, in both modes."""
        for response in ("envelope", "native"):
            shop = Shop(answer({"state": {"n": 1}}), answer({"state": {"n": 2}}, 500))
            reply = handler(leg, shop, delivery="record", response=response)(self.EVENT, None)
            assert (reply["batchItemFailures"], reply["state"]) == (named(self.IDS[1:]), {"n": 1})


class TestList:
    """A list of events is one request each, whatever the delivery."""

    @pytest.fixture
    def events(self):
        """Three events of a custom bus, each with a path of its own, as Lambda hands them over."""
        return [{**CUSTOM_BUS[0], "source": f"shop.{number}"} for number in range(3)]

    def test_envelope(self, leg, events, caplog):
        """The dictionary has the worst status and all answers, in order; a warning tells of the first failure."""
        shop = Shop(answer("à", 201), Answer(404, b"\xe0", [JSON, ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]))
        assert handler(leg, shop)(events, None) == {
            "status_code": "404",
            "body": json.dumps(
                [
                    {"path": "/shop.0", "status_code": "201", "body": '"\\u00e0"'},
                    {"path": "/shop.1", "status_code": "404", "body": "4A==", "is_base64_encoded": True},
                    {"path": "/shop.2", "status_code": "204", "body": ""},
                ]
            ),
            "headers": {"content-type": "application/json"},
        }
        assert [message for _, message, _ in logged(caplog)] == [
            "1 of 3 requests failed, the first so: the application answered 404 at /shop.1 (eventbridge); "
            "AWS takes this as success and will not retry the event. The application has no route for this path: add "
            "one for POST /shop.1. Set CLOUD_EVENTS_RESPONSE=native to have such an invocation fail."
        ]

    @MODES
    def test_exception(self, leg, response, events):
        """Each is tried; then the exception is raised, in both modes."""
        shop = Shop(BAD, NO)
        with pytest.raises(EventFailed if response == "native" else OutOfPaper):
            handler(leg, shop, response=response)(events, None)
        assert [path for path, _ in shop.seen] == ["/shop.0", "/shop.1", "/shop.2"]

    def test_answers(self, leg):
        """A list of CloudEvents is answered with a list, where its sender reads the answer."""
        shop = Shop(answer({"seen": 1}), answer(None))
        answers = handler(leg, shop, response="native")(CLOUD_EVENTS, None)
        assert answers == [{"seen": 1}, None, *[None] * (len(CLOUD_EVENTS) - 2)]
        assert [event for _, event in shop.seen] == CLOUD_EVENTS

    def test_failure_among_the_answers(self, leg):
        """One that failed fails the invocation."""
        with pytest.raises(EventFailed, match=r"^the application answered 500 at "):
            handler(leg, Shop(OK, BAD), response="native")(CLOUD_EVENTS, None)

    def test_late_exception(self, leg, events):
        """An exception after a complete answer fails the invocation, where the sender is told."""
        with pytest.raises(OutOfPaper):
            handler(leg, Shop(Answer(200, late=NO)), response="native")(events, None)

    def test_too_large(self, leg, events):
        """What nobody reads is cut; what somebody reads is an error."""
        long = Answer(200, b'"' + b"a" * 3_200_000 + b'"', [JSON])
        reply = handler(leg, long)(events, None)
        assert reply["body"].startswith('[{"path": "/shop.0", "status_code": "200", "body": "\\"aaa')
        assert reply["body"].endswith("… [cut: 9,600,006 bytes in all]")
        with pytest.raises(ReplyTooLarge):
            handler(leg, long, response="native")(CLOUD_EVENTS, None)


class TestRefusedPath:
    """A row of the user's own that reads the path of a record, which no event may have."""

    ROWS = [Matcher("by body", {"$.Records[0].body": "../admin"}, "$.Records[0].body")]
    EVENT = {
        "Records": [
            {**record, "body": body} for record, body in zip(SQS["Records"], ("a", "../admin", "b"), strict=True)
        ]
    }
    ERROR = "matcher 'by body', $.Records[0].body: the path must not have '.' or '..' segments"

    @MODES
    def test_is_that_records_failure(self, leg, response, caplog):
        """It is not sent, it is reported, and the others are not in its way."""
        shop = Shop()
        reply = handler(leg, shop, delivery="record", matchers=self.ROWS, response=response)(self.EVENT, None)
        assert reply["batchItemFailures"] == named(SQS_IDS[1:2])
        assert [event["Records"][0]["body"] for _, event in shop.seen] == ["a", "b"]
        error = logged(caplog)[0]
        assert error[:2] == ("ERROR", "a record or item of the event failed: InvalidEvent")
        assert (type(error[2]), str(error[2])) == (InvalidEvent, self.ERROR)
        if response == "envelope":
            assert reply["status_code"] == "500"
            assert len(json.loads(reply["body"])) == 2
            message = f"1 of 3 requests failed, the first so: {self.ERROR}; {REPORTED_WHERE}"
            assert logged(caplog)[1:] == [("WARNING", message, None)]

    def test_alone(self, leg):
        """Where it is all there is, native mode raises it."""
        with pytest.raises(InvalidEvent) as caught:
            handler(leg, Shop(), delivery="record", matchers=self.ROWS, response="native")(single(self.EVENT, 1), None)
        assert str(caught.value) == self.ERROR


def test_nameless_record(leg):
    """A record without an identifier cannot be reported: its failure fails the invocation."""
    event = {"Records": [{**record, "messageId": None} for record in SQS["Records"]]}
    with pytest.raises(EventFailed):
        handler(leg, Shop(OK, BAD), delivery="record")(event, None)


@pytest.mark.parametrize(("reply", "told"), [("poll", {"batchItemFailures": []}), ("sync", {"batchItemFailures": []})])
def test_row_of_ones_own(leg, reply, told):
    """A user's row says where the records go; what their sender can be told stays what it is."""
    shop = Shop()
    rows = [
        Matcher(
            "orders", {"$.Records[0].eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:orders"}, "/orders", reply
        )
    ]
    assert handler(leg, shop, delivery="record", response="native", matchers=rows)(SQS, None) == told
    assert [path for path, _ in shop.seen] == ["/orders"] * 3
