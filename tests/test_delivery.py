"""Several requests for one event: records delivered singly, lists of events, and the one reply to them all."""

import asyncio
import copy
import json
import tracemalloc
from contextlib import suppress

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
        order = self.orders.pop(0) if self.orders else OK
        if isinstance(order, BaseException):
            raise order
        return order

    def clock(self, *seconds):
        """Lambda's context, on which after so many requests so many milliseconds are left; the last stays."""
        return Context(lambda: seconds[min(len(self.seen), len(seconds) - 1)])


OK, BAD, NO = Answer(204), Answer(500), OutOfPaper("the printer is out of paper")

SQS, FIFO, KINESIS, DYNAMODB = map(sample, ("sqs", "sqs__fifo", "kinesis", "dynamodb"))
MQ, RABBIT, DOCDB, CLOUD_EVENTS = map(sample, ("mq.activemq", "mq.rabbitmq", "docdb", "cloudevents.batch"))
S3, SNS = ({"Records": [copy.deepcopy(sample(name)["Records"][0]) for _ in range(3)]} for name in ("s3", "sns"))
SQS_IDS, FIFO_IDS = ([record["messageId"] for record in event["Records"]] for event in (SQS, FIFO))
KINESIS_IDS = [record["kinesis"]["sequenceNumber"] for record in KINESIS["Records"]]
DYNAMODB_IDS = [record["dynamodb"]["SequenceNumber"] for record in DYNAMODB["Records"]]
OFFSETS = [("orders-0", 7), ("orders-0", 8), ("orders-0", 9), ("orders-1", 31), ("orders-1", 32)]
KAFKA_IDS = [{"partition": partition, "offset": offset} for partition, offset in OFFSETS]
KAFKA = sample("kafka.msk")
KAFKA_RECORD = KAFKA["records"]["orders-0"][0]
KAFKA["records"] = {}
for partition, offset in OFFSETS:
    KAFKA["records"].setdefault(partition, []).append({**KAFKA_RECORD, "offset": offset})

TO_PIPES = [Matcher("pipe", {"$[0].eventSource": str}, "/pipe", "poll")]


def pipe(name, *fields):
    """The event of a pipe with three records, like those of a sample, and what names them."""
    records = [copy.deepcopy(sample(name)[0]) for _ in range(3)]
    for number, record in enumerate(records):
        record.update({field: f"{field}-{number}" for field in fields})
    return records, [record.get(fields[0]) for record in records] if fields else []


PIPE_SQS, PIPE_SQS_IDS = pipe("pipes", "messageId")
PIPE_FIFO, PIPE_FIFO_IDS = pipe("pipes__sqs-fifo", "messageId")
PIPE_KINESIS, PIPE_KINESIS_IDS = pipe("pipes__kinesis", "eventID", "sequenceNumber")
PIPE_DYNAMODB, PIPE_DYNAMODB_IDS = pipe("pipes__dynamodb", "eventID")
PIPE_KAFKA, _ = pipe("pipes__kafka")


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


def report(*identifiers):
    """The answer of a view that names the records that failed."""
    return answer({"batchItemFailures": named(identifiers)})


def by_record(leg, shop, response="envelope", **settings):
    """A handler that delivers records singly; a user's row says that pipes take reports."""
    return handler(leg, shop, delivery="record", response=response, matchers=TO_PIPES, **settings)


def logged(caplog):
    """(level, message, exception) of each line that the library logged."""
    ours = [record for record in caplog.records if record.name == "cloud_events"]
    return [(line.levelname, line.getMessage(), line.exc_info[1] if line.exc_info else None) for line in ours]


# event, where it goes, what the application does with each request, which records are tried, which are reported.
# Of Kinesis and DynamoDB, Lambda retries all from the lowest number on; of the others, just what is named.
REPORTED = {
    "SQS": (SQS, "/aws.sqs", [OK, BAD, OK], [0, 1, 2], [SQS_IDS[1]]),
    "SQS, all well": (SQS, "/aws.sqs", [], [0, 1, 2], []),
    "SQS, an exception": (SQS, "/aws.sqs", [NO, OK, BAD], [0, 1, 2], [SQS_IDS[0], SQS_IDS[2]]),
    "SQS, its own report": (SQS, "/aws.sqs", [OK, report(SQS_IDS[1]), report()], [0, 1, 2], [SQS_IDS[1]]),
    "SQS, a report of another": (SQS, "/aws.sqs", [OK, report(SQS_IDS[0])], [0, 1, 2], [SQS_IDS[1]]),
    "SQS, a report not read": (SQS, "/aws.sqs", [OK, answer([{"batchItemFailures": []}])], [0, 1, 2], [SQS_IDS[1]]),
    # Two groups: the third message waits for the first.
    "FIFO, the first of a group": (FIFO, "/aws.sqs", [BAD], [0, 1], [FIFO_IDS[0], FIFO_IDS[2]]),
    "FIFO, its own report": (FIFO, "/aws.sqs", [report(FIFO_IDS[0])], [0, 1], [FIFO_IDS[0], FIFO_IDS[2]]),
    "FIFO, another group": (FIFO, "/aws.sqs", [OK, NO], [0, 1, 2], [FIFO_IDS[1]]),
    "FIFO, the last of a group": (FIFO, "/aws.sqs", [OK, OK, BAD], [0, 1, 2], [FIFO_IDS[2]]),
    "Kinesis": (KINESIS, "/aws.kinesis", [OK, BAD], [0, 1], [KINESIS_IDS[1]]),
    "Kinesis, its own report": (KINESIS, "/aws.kinesis", [OK, report(KINESIS_IDS[1])], [0, 1], [KINESIS_IDS[1]]),
    "Kinesis, the last": (KINESIS, "/aws.kinesis", [OK, OK, NO], [0, 1, 2], [KINESIS_IDS[2]]),
    "DynamoDB": (DYNAMODB, "/aws.dynamodb", [OK, NO], [0, 1], [DYNAMODB_IDS[1]]),
    "Kafka": (KAFKA, "/aws.kafka", [BAD, OK, OK], [0, 3, 4], KAFKA_IDS[:3]),
    "Kafka, one in the middle": (KAFKA, "/aws.kafka", [OK, NO, OK], [0, 1, 3, 4], KAFKA_IDS[1:3]),
    "Kafka, its own report": (KAFKA, "/aws.kafka", [OK, report(KAFKA_IDS[1]), OK], [0, 1, 3, 4], KAFKA_IDS[1:3]),
    "Kafka, both partitions": (KAFKA, "/aws.kafka", [OK, OK, NO, BAD], [0, 1, 2, 3], KAFKA_IDS[2:]),
    "a pipe from SQS": (PIPE_SQS, "/pipe", [BAD, OK, OK], [0, 1, 2], [PIPE_SQS_IDS[0]]),
    "a pipe from FIFO": (PIPE_FIFO, "/pipe", [OK, BAD], [0, 1], PIPE_FIFO_IDS[1:]),
    "a pipe from Kinesis": (PIPE_KINESIS, "/pipe", [OK, BAD], [0, 1], PIPE_KINESIS_IDS[1:]),
    "a pipe from DynamoDB": (PIPE_DYNAMODB, "/pipe", [OK, NO], [0, 1], PIPE_DYNAMODB_IDS[1:]),
    "a pipe, all well": (PIPE_KAFKA, "/pipe", [], [0, 1, 2], []),
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
        assert by_record(leg, shop, "native")(event, None) == {"batchItemFailures": named(reported)}
        assert shop.seen == [(path, single(event, number)) for number in tried]

    def test_in_envelope(self, leg, case, caplog):
        """The dictionary has the worst status, the answers as a JSON array, and the same report; and one warning."""
        event, path, orders, tried, reported = REPORTED[case]
        reply = by_record(leg, Shop(*orders))(event, None)
        answers = []
        for order in [*orders, *[OK] * len(tried)][: len(tried)]:
            status, body = ("500", "") if order is NO else (str(order.status), order.body.decode())
            answers.append({"path": path, "status_code": status, "body": body})
        assert reply == {
            "status_code": max(each["status_code"] for each in answers),
            "body": json.dumps(answers),
            "headers": {"content-type": "application/json"},
            **({"batchItemFailures": named(reported)} if reported else {}),
        }
        errors = [("ERROR", "a record or item of the event failed: OutOfPaper", NO)] * orders.count(NO)
        assert [line for line in logged(caplog) if line[0] == "ERROR"] == errors
        warned = [message for level, message, _ in logged(caplog) if level == "WARNING"]
        assert len(warned) == bool(reported)
        assert all(" records failed, first: the application " in line and REPORTED_WHERE in line for line in warned)


@pytest.mark.parametrize(
    ("orders", "message"),
    [
        (
            (OK, BAD, OK),
            f"1 of 3 records failed, first: the application answered 500 at /aws.sqs (sqs); {REPORTED_WHERE}",
        ),
        # The words of an application's exception, which may hold what was in the event, are in its traceback only.
        ((OK, NO, BAD), f"2 of 3 records failed, first: the application raised OutOfPaper; {REPORTED_WHERE}"),
        (
            (OK, report(SQS_IDS[1]), OK),
            "1 of 3 records failed, first: the application answered 200 at /aws.sqs (sqs); "
            f"{REPORTED_WHERE} The application named the record in 'batchItemFailures'.",
        ),
        (
            (BAD, NO, NO),
            "3 of 3 records failed, first: the application answered 500 at /aws.sqs (sqs); "
            f"{REPORTED_WHERE} Set CLOUD_EVENTS_RESPONSE=native to have such an invocation fail.",
        ),
    ],
)
def test_warning(leg, orders, message, caplog):
    """It counts, names the first failure with the likely cause, and says what native mode would have done."""
    by_record(leg, Shop(*orders))(SQS, None)
    assert [line for level, line, _ in logged(caplog) if level == "WARNING"] == [message]
    caplog.clear()
    if OK in orders:
        by_record(leg, Shop(*orders), "native")(SQS, None)
        assert [line for level, line, _ in logged(caplog) if level == "WARNING"] == [message]


NOTHING = {
    "SQS": (SQS, [BAD, NO, BAD], SQS_IDS),
    "FIFO": (FIFO, [BAD, BAD], FIFO_IDS),
    "Kinesis": (KINESIS, [BAD], KINESIS_IDS[:1]),
    "Kafka": (KAFKA, [BAD, NO], KAFKA_IDS),
    "a pipe": (PIPE_DYNAMODB, [BAD], PIPE_DYNAMODB_IDS),
}


@pytest.mark.parametrize("case", NOTHING)
def test_nothing_succeeded(leg, case):
    """If no record succeeded, native mode raises the first failure; envelope mode has everything come back."""
    event, orders, reported = NOTHING[case]
    reply = by_record(leg, Shop(*orders))(event, None)
    assert (reply["status_code"], reply["batchItemFailures"]) == ("500", named(reported))
    with pytest.raises(EventFailed, match=r"^the application answered 500 at "):
        by_record(leg, Shop(*orders), "native")(event, None)
    with pytest.raises(OutOfPaper) as caught:
        by_record(leg, Shop(*[NO] * 5), "native")(event, None)
    assert caught.value is NO


@MODES
@pytest.mark.parametrize(
    ("event", "path", "tried"),
    [
        (MQ, "/aws.mq.activemq", 2),
        (RABBIT, "/aws.mq.rabbitmq", 2),
        (DOCDB, "/aws.docdb", 3),
        (PIPE_KAFKA, "/pipe", 3),
        # Asynchronous events are tried to the end.
        (S3, "/aws.s3", 3),
        (SNS, "/aws.sns", 3),
        ({"Records": [{**record, "messageId": None} for record in SQS["Records"]]}, "/aws.sqs", 3),
    ],
)
class TestNoReport:
    @pytest.mark.parametrize("orders", [(OK, BAD, NO), (OK, NO, BAD)])
    def test_failure(self, leg, response, event, path, tried, orders):
        """A record that cannot be reported: the first failure fails the invocation; what must wait for it does."""
        shop = Shop(*orders)
        with pytest.raises(OutOfPaper if orders[1] is NO else EventFailed):
            by_record(leg, shop, response)(event, None)
        tried = range(2 if path in ("/aws.mq.activemq", "/aws.mq.rabbitmq", "/aws.docdb", "/pipe") else tried)
        assert shop.seen == [(path, single(event, number)) for number in tried]

    def test_success(self, leg, response, event, path, tried):
        """All tried, in order; who does not read the answer is given the dictionary."""
        shop = Shop()
        reply = by_record(leg, shop, response)(event, None)
        assert shop.seen == [(path, single(event, number)) for number in range(tried)]
        if response == "native" and path not in ("/aws.s3", "/aws.sns"):
            assert reply == {"batchItemFailures": []}
        else:
            answers = json.dumps([{"path": path, "status_code": "204", "body": ""}] * tried)
            headers = {"content-type": "application/json"}
            assert reply == {"status_code": "204", "body": answers, "headers": headers}


ONE_ANSWER = ("kinesis.firehose", "s3.batch", "appsync.batch", "cloudfront", "kinesis.analytics", "ses__waits")


@pytest.mark.parametrize("event", [*map(sample, ONE_ANSWER), PIPE_SQS, PIPE_KINESIS, S3])
def test_one_answer_for_all(leg, event):
    """An event whose sender reads one answer for all of its records is never split; native mode returns that answer.
    A user's row may say that a sender does."""
    shop = Shop(*[answer({"disposition": "STOP_RULE_SET"})] * 3)
    rows = [Matcher("uploads", {"$.Records[0].s3": dict}, "/aws.s3", "sync")]
    reply = handler(leg, shop, delivery="record", response="native", matchers=rows)(event, None)
    assert reply == {"disposition": "STOP_RULE_SET"}
    assert [event for _, event in shop.seen] == [event]


@pytest.mark.parametrize("ending", [SystemExit(3), KeyboardInterrupt(), MemoryError(), GeneratorExit()], ids=repr)
@pytest.mark.parametrize("event", [SQS, KAFKA, S3, MQ])
@MODES
def test_what_ends_the_process_ends_the_invocation(leg, ending, event, response):
    """sys.exit(), Ctrl-C and exhausted memory in one record of several: nothing is tried or returned after that."""
    shop = Shop(OK, ending)
    with pytest.raises(type(ending)):
        by_record(leg, shop, response)(event, None)
    assert len(shop.seen) == 2


def test_memory_that_ends_before_a_record_is_sent(leg):
    """Also where a record is prepared."""

    def exhausted(event):
        raise MemoryError

    with pytest.raises(MemoryError):
        handler(leg, Shop(), delivery="record", matchers=[Matcher("a", {"$.Records": list}, exhausted)])(SQS, None)


NO_TIME = (
    "the function's time was nearly over before the record was tried; give the function a longer timeout, or the event "
    "source mapping smaller batches"
)


class TestTime:
    """Half a second before the deadline, no further record is tried."""

    def test_some(self, leg, caplog):
        """What there is no time for is reported, not tried."""
        shop = Shop()
        reply = by_record(leg, shop)(SQS, shop.clock(500, 500, 499))
        assert len(shop.seen) == 2
        assert reply["status_code"] == "504"
        assert [each["status_code"] for each in json.loads(reply["body"])] == ["204", "204"]
        assert reply["batchItemFailures"] == named(SQS_IDS[2:])
        assert logged(caplog) == [("WARNING", f"1 of 3 records failed, first: {NO_TIME}; {REPORTED_WHERE}", None)]

    @pytest.mark.parametrize(
        ("event", "reported"),
        [(KINESIS, KINESIS_IDS[1:2]), (PIPE_FIFO, PIPE_FIFO_IDS[1:]), (KAFKA, KAFKA_IDS[1:]), (FIFO, FIFO_IDS[1:])],
    )
    def test_what_waits(self, leg, event, reported):
        """What waits for such a record is reported if its sender retries just what is named."""
        shop = Shop()
        reply = by_record(leg, shop, "native")(event, shop.clock(9000, 499))
        assert (reply, len(shop.seen)) == ({"batchItemFailures": named(reported)}, 1)

    def test_a_clock_that_is_put_back(self, leg):
        """It does not have a later record done before an earlier one."""
        shop, later = Shop(), [499, *[9000] * 9]
        context = Context(lambda: later.pop(0) if shop.seen else 9000)
        reply = by_record(leg, shop, "native")(KINESIS, context)
        assert (reply, len(shop.seen)) == ({"batchItemFailures": named(KINESIS_IDS[1:2])}, 1)

    def test_none(self, leg):
        """If there was no time for any, native mode raises, and envelope mode has all come back."""
        shop = Shop()
        with pytest.raises(OutOfTime) as caught:
            by_record(leg, shop, "native")(SQS, shop.clock(499))
        assert str(caught.value) == NO_TIME
        assert by_record(leg, shop)(SQS, shop.clock(499)) == {
            "status_code": "504",
            "body": "[]",
            "headers": {"content-type": "application/json"},
            "batchItemFailures": named(SQS_IDS),
        }
        assert shop.seen == []

    @MODES
    @pytest.mark.parametrize("event", [S3, MQ, sample("eventbridge.custombus") * 3])
    def test_nothing_to_report_to(self, leg, response, event):
        """If single records cannot be reported, the invocation fails."""
        shop = Shop()
        with pytest.raises(OutOfTime):
            by_record(leg, shop, response)(event, shop.clock(9000, 499))


def test_cancelled_record(leg):
    """A record whose ASGI call is cancelled shortly before the deadline is reported as well."""
    if leg == "wsgi":
        pytest.skip("a WSGI call cannot be cancelled")

    async def stuck(scope, receive, send):
        if scope["aws.event"]["Records"][0]["messageId"] == SQS_IDS[1]:
            await asyncio.Event().wait()
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    reply = make_handler(stuck, delivery="record", lifespan="off")(SQS, Context(lambda: 505))
    assert [each["status_code"] for each in json.loads(reply["body"])] == ["204", "504", "204"]
    assert (reply["status_code"], reply["batchItemFailures"]) == ("504", named(SQS_IDS[1:2]))


@pytest.mark.parametrize(("response", "failed"), [("native", SQS_IDS[1:2]), ("envelope", [])])
def test_late_exception(leg, response, failed, caplog):
    """An exception after the complete response to one record is logged; in native mode the record has failed."""
    late = OutOfPaper("after the response")
    reply = by_record(leg, Shop(OK, Answer(200, late=late)), response)({"Records": SQS["Records"][:2]}, None)
    assert reply.get("batchItemFailures", []) == named(failed)
    message = "the application failed after its response at /aws.sqs was complete"
    warning = f"1 of 2 records failed, first: the application raised OutOfPaper; {REPORTED_WHERE}"
    assert logged(caplog) == [("ERROR", message, late), *[("WARNING", warning, None)] * len(failed)]


class TestWindow:
    EVENT = {**sample("kinesis__window"), "isFinalInvokeForWindow": True}
    IDS = [record["kinesis"]["sequenceNumber"] for record in EVENT["Records"]]

    @pytest.mark.parametrize("count", [1, 4])
    def test_state(self, leg, count):
        """The state goes from record to record and back to Lambda, one at a time; only the last closes the window."""
        shop = Shop(answer({"state": {"n": 1}}), OK)
        reply = by_record(leg, shop, "native", concurrency=count)(self.EVENT, None)
        assert reply == {"batchItemFailures": [], "state": {"n": 1}}
        seen = [(event["state"], event["isFinalInvokeForWindow"]) for _, event in shop.seen]
        assert seen == [(self.EVENT["state"], False), ({"n": 1}, True)]

    def test_not_the_end(self, leg):
        """In the midst of a window, no record closes it."""
        shop = Shop()
        by_record(leg, shop)({**self.EVENT, "isFinalInvokeForWindow": False}, None)
        assert [event["isFinalInvokeForWindow"] for _, event in shop.seen] == [False, False]

    def test_no_window(self, leg):
        """Without a window, a state is nothing that Lambda asks for."""
        assert by_record(leg, Shop(answer({"state": 1})), "native")(KINESIS, None) == {"batchItemFailures": []}

    @MODES
    def test_failure(self, leg, response):
        """The state is the one after the last success."""
        shop = Shop(answer({"state": {"n": 1}}), answer({"state": {"n": 2}}, 500))
        reply = by_record(leg, shop, response)(self.EVENT, None)
        assert (reply["batchItemFailures"], reply["state"]) == (named(self.IDS[1:]), {"n": 1})


class TestList:
    """A list of events is one request each, whatever the delivery."""

    EVENTS = [{**sample("eventbridge.custombus")[0], "source": f"shop.{number}"} for number in range(3)]

    def test_envelope(self, leg, caplog):
        """The dictionary has the worst status and all answers, in order; a warning names the first failure."""
        shop = Shop(answer("à", 201), Answer(404, b"\xe0", [JSON, ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]))
        answers = [
            {"path": "/shop.0", "status_code": "201", "body": '"\\u00e0"'},
            {"path": "/shop.1", "status_code": "404", "body": "4A==", "is_base64_encoded": True},
            {"path": "/shop.2", "status_code": "204", "body": ""},
        ]
        headers = {"content-type": "application/json"}
        reply = handler(leg, shop)(self.EVENTS, None)
        assert reply == {"status_code": "404", "body": json.dumps(answers), "headers": headers}
        [(_, message, _)] = logged(caplog)
        first = "1 of 3 events failed, first: the application answered 404 at /shop.1 (eventbridge); AWS takes this as"
        assert message.startswith(f"{first} success and will not retry the event. The application has no route for")
        assert message.endswith(" Set CLOUD_EVENTS_RESPONSE=native to have such an invocation fail.")

    @MODES
    def test_exception(self, leg, response):
        """Each is tried; then the exception is raised, in both modes."""
        shop = Shop(BAD, NO)
        with pytest.raises(EventFailed if response == "native" else OutOfPaper):
            handler(leg, shop, response=response)(self.EVENTS, None)
        assert [path for path, _ in shop.seen] == ["/shop.0", "/shop.1", "/shop.2"]

    def test_answers(self, leg):
        """A list of CloudEvents is answered with a list, since its sender reads the answer; unless one failed."""
        shop = Shop(answer({"seen": 1}), answer(None))
        answers = handler(leg, shop, response="native")(CLOUD_EVENTS, None)
        assert answers == [{"seen": 1}, None, *[None] * (len(CLOUD_EVENTS) - 2)]
        assert [event for _, event in shop.seen] == CLOUD_EVENTS
        with pytest.raises(EventFailed, match=r"^the application answered 500 at "):
            handler(leg, Shop(OK, BAD), response="native")(CLOUD_EVENTS, None)
        with pytest.raises(OutOfPaper):
            handler(leg, Shop(Answer(200, late=NO)), response="native")(CLOUD_EVENTS, None)

    def test_too_large(self, leg):
        """What nobody reads is cut; what somebody reads is an error."""
        long = Answer(200, b'"' + b"a" * 3_200_000 + b'"', [JSON])
        shop = Shop(long, long, long)
        reply = handler(leg, shop)(self.EVENTS, None)
        assert reply["body"].startswith('[{"path": "/shop.0", "status_code": "200", "body": "\\"aaa')
        assert reply["body"].endswith(" characters in all]")
        with pytest.raises(ReplyTooLarge):
            handler(leg, Shop(long, long, long), response="native")(CLOUD_EVENTS, None)

    def test_long_paths(self, leg):
        """Paths count as well."""
        events = [{**self.EVENTS[0], "source": "€" * 8_000} for _ in range(120)]
        reply = handler(leg, Shop())(events, None)
        assert len(json.dumps(reply)) < 6_291_556


class TestRefusedPath:
    """A row of the user's own that reads the path of a record, which no event may have."""

    ROWS = [Matcher("by body", {"$.Records[0].body": str}, "$.Records[0].body")]
    BODIES = ("a", "../admin", "b")
    EVENT = {"Records": [{**record, "body": body} for record, body in zip(SQS["Records"], BODIES, strict=True)]}
    ERROR = "matcher 'by body', $.Records[0].body: the path must not have '.' or '..' segments"

    @MODES
    def test_is_that_records_failure(self, leg, response, caplog):
        """It is not sent, it is reported, and the others are not in its way."""
        shop = Shop()
        reply = handler(leg, shop, delivery="record", matchers=self.ROWS, response=response)(self.EVENT, None)
        assert reply["batchItemFailures"] == named(SQS_IDS[1:2])
        assert [path for path, _ in shop.seen] == ["/a", "/b"]
        [(level, message, error), *warned] = logged(caplog)
        assert (level, message) == ("ERROR", "a record or item of the event failed: InvalidEvent")
        assert (type(error), str(error)) == (InvalidEvent, self.ERROR)
        if response == "envelope":
            assert (reply["status_code"], len(json.loads(reply["body"]))) == ("500", 2)
            assert warned == [("WARNING", f"1 of 3 records failed, first: {self.ERROR}; {REPORTED_WHERE}", None)]


@pytest.mark.parametrize("reply", ["poll", "sync", "async", None])
def test_row_of_ones_own(leg, reply):
    """A user's row says where the records go; what their sender can be told stays what it is."""
    shop = Shop(OK, BAD)
    rows = [Matcher("orders", {"$.Records[0].eventSource": "aws:sqs"}, "/orders", reply)]
    told = handler(leg, shop, delivery="record", response="native", matchers=rows)(SQS, None)
    assert told == {"batchItemFailures": named(SQS_IDS[1:2])}
    assert [path for path, _ in shop.seen] == ["/orders"] * 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("response", "order"),
    [("native", "success"), ("native", "exception"), ("native", "late exception"), ("envelope", "failure")],
)
def test_memory(leg, response, order, monkeypatch):
    """10,000 records by record, as long as Lambda can hand over, need at most two payloads of memory; a dictionary
    with 10,000 failures needs three."""
    monkeypatch.setattr("logging.Logger.callHandlers", lambda *_: None)  # pytest keeps every line
    record = {**SQS["Records"][0], "body": "", "md5OfBody": "", "receiptHandle": ""}
    record["body"] = "x" * (600 - len(json.dumps(record)))
    event = {"Records": [{**record, "messageId": f"{number:032}"} for number in range(10_000)]}

    def view(path, event):
        if order == "exception":
            raise OutOfPaper
        return Answer(500 if order == "failure" else 200, late=OutOfPaper() if order == "late exception" else None)

    handle = handler(leg, view, delivery="record", response=response)
    with suppress(EventFailed, OutOfPaper):
        handle(single(event, 0), None)
    tracemalloc.start()
    with suppress(EventFailed, OutOfPaper):
        handle(event, None)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    payloads = peak / len(json.dumps(event))
    assert payloads < (3 if (order, response) == ("failure", "envelope") else 2)
