"""Nothing is lost: random batches and random outcomes, by event sources that deliver again exactly what AWS would.

AWS's words, of which ``again`` is the program; each source has ReportBatchItemFailures on if it knows that.

- Lambda developer guide, "Configuring partial batch response with Kinesis Data Streams and Lambda", likewise DynamoDB:
  "If the batchItemFailures array contains multiple items, Lambda uses the record with the lowest sequence number as the
  checkpoint. Lambda then retries all records starting from that checkpoint."
- "Configuring error handling controls for Kafka event sources": "Allow your function to return information about which
  records in a batch failed processing, so Lambda can retry only the failed records." SQS likewise: what is not named is
  deleted from the queue.
- All: an empty list, null, and an empty response are a complete success; "an empty string itemIdentifier", "a null
  itemIdentifier" and "an itemIdentifier with a bad key name" a complete failure; so is, for SQS, "an itemIdentifier
  value with a message ID that doesn't exist".
- "Using Lambda with Amazon MQ" and "with Amazon DocumentDB" know no such report.
- EventBridge user guide, "Amazon EventBridge Pipes batching and concurrency": as Lambda does, of its source.
"""

from collections import namedtuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud_events import Matcher
from conftest import Context
from legs import Answer, answer, both_legs, handler


class Source(namedtuple("Source", "make wrap identify lanes reads")):
    """An event source.

    make:     (number, lane) → a record
    wrap:     [(record, lane)] → an event
    identify: (record, lane) → what names it in a reply; None: nothing does
    lanes:    how many lanes (message groups, partitions) there are; 0: there is no order
    reads:    "named": just what a reply names comes back; "lowest": all from the lowest number on; "": nothing
    """


def queue(number, lane):
    return {"n": number, "messageId": f"m{number}", "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:::orders"}


def fifo(number, lane):
    attributes = {"MessageGroupId": f"group-{lane}"}
    return {**queue(number, lane), "eventSourceARN": "arn:aws:sqs:::orders.fifo", "attributes": attributes}


def kinesis(number, lane):
    return {"n": number, "eventSource": "aws:kinesis", "kinesis": {"sequenceNumber": f"4966{number:04}"}}


def dynamodb(number, lane):
    stream = {"SequenceNumber": f"4421{number:04}"}
    return {"n": number, "eventSource": "aws:dynamodb", "eventID": f"e{number}", "dynamodb": stream}


def kafka(number, lane):
    return {"n": number, "topic": "orders", "partition": lane, "offset": number}


def message(number, lane):
    return {"n": number, "data": ""}


def change(number, lane):
    return {"event": {"_id": {"_data": f"{number:04}"}, "n": number}}


def from_kinesis(number, lane):
    return {
        "n": number,
        "eventSource": "aws:kinesis",
        "eventID": f"shard:{number}",
        "sequenceNumber": f"4966{number:04}",
    }


def records(batch):
    return {"Records": [record for record, _ in batch]}


def bare(batch):
    return [record for record, _ in batch]


def by_partition(batch):
    partitions = {}
    for record, lane in batch:
        partitions.setdefault(f"orders-{lane}", []).append(record)
    return {"eventSource": "aws:kafka", "records": partitions}


def messages(batch):
    return {"eventSource": "aws:mq", "messages": bare(batch)}


def changes(batch):
    return {"eventSource": "aws:docdb", "events": bare(batch)}


def key(*names):
    def look(record, lane):
        for name in names:
            record = record[name]
        return record

    return look


def offset(record, lane):
    return {"partition": f"orders-{lane}", "offset": record["offset"]}


def nameless(record, lane):
    return None


SOURCES = {
    "sqs": Source(queue, records, key("messageId"), 0, "named"),
    "sqs fifo": Source(fifo, records, key("messageId"), 3, "named"),
    "kinesis": Source(kinesis, records, key("kinesis", "sequenceNumber"), 1, "lowest"),
    "dynamodb": Source(dynamodb, records, key("dynamodb", "SequenceNumber"), 1, "lowest"),
    "kafka": Source(kafka, by_partition, offset, 2, "named"),
    "activemq": Source(message, messages, nameless, 1, ""),
    "documentdb": Source(change, changes, nameless, 1, ""),
    "pipe from sqs": Source(queue, bare, key("messageId"), 0, "named"),
    "pipe from sqs fifo": Source(fifo, bare, key("messageId"), 3, "named"),
    "pipe from kinesis": Source(from_kinesis, bare, key("eventID"), 1, "lowest"),
    "pipe from dynamodb": Source(dynamodb, bare, key("eventID"), 1, "lowest"),
}


FAILED = object()


def again(source, batch, reply):
    """What of *batch*, a list of (number, lane), comes back after *reply*; FAILED: the function failed."""
    if reply is FAILED:
        return batch
    named = reply.get("batchItemFailures") if source.reads and isinstance(reply, dict) else None
    if not named:
        return []
    known = [source.identify(source.make(*each), each[1]) for each in batch]
    failed = set()
    for entry in named:
        if entry.get("itemIdentifier") not in known or entry["itemIdentifier"] in ("", None):
            return batch
        failed.add(batch[known.index(entry["itemIdentifier"])])
    if source.reads == "named":
        return [each for each in batch if each in failed]
    return [each for each in batch if each >= min(failed)]


class Broken(Exception):
    """The application's own."""


class Application:
    """Does with each record as *plan* (number → outcomes, one after another; then success) says; keeps the books.

    Of a whole batch it stops at the first failure, or, if it *reports*, names what failed and what must wait for it.
    """

    def __init__(self, source, plan, lane_of, reports, late_is_success):
        self.source = source
        self.plan = {number: list(outcomes) for number, outcomes in plan.items()}
        self.lane_of = lane_of
        self.reports = reports
        self.late_is_success = late_is_success
        self.done = {}  # number → how often
        self.hasty = set()  # what was not done yet when a record that must wait for it was tried
        self.left = 30_000

    def __call__(self, path, event):
        numbers = [*found(event)]
        if len(numbers) == 1:
            return self.answer(numbers[0], self.do(numbers[0]))
        failed, stopped = [], set()
        for number in numbers:
            lane = self.lane_of[number]
            outcome = None if lane in stopped else self.do(number)
            if outcome in ("ok", "slow") or (outcome == "late" and self.late_is_success):
                continue
            if outcome == "late" or not self.reports:
                return self.answer(number, 500 if outcome == "own" else outcome)
            failed.append(number)
            stopped |= {lane} if self.source.lanes else set()
        return self.report(failed)

    def do(self, number):
        """What the plan has for the record of this *number*."""
        lane = self.lane_of[number]
        if self.source.lanes:
            earlier = [other for other in self.lane_of if self.lane_of[other] == lane and other < number]
            self.hasty |= {other for other in earlier if not self.done.get(other)}
        outcomes = self.plan[number]
        outcome = outcomes.pop(0) if outcomes else "ok"
        if outcome in ("ok", "slow") or (outcome == "late" and self.late_is_success):
            self.done[number] = self.done.get(number, 0) + 1
        if outcome == "slow":
            self.left = 100
        return outcome

    def answer(self, number, outcome):
        if outcome == "exception":
            raise Broken
        if outcome == "own":
            return self.report([number])
        return Answer(outcome if isinstance(outcome, int) else 200, late=Broken() if outcome == "late" else None)

    def report(self, numbers):
        names = [self.source.identify(self.source.make(n, self.lane_of[n]), self.lane_of[n]) for n in numbers]
        return answer({"batchItemFailures": [{"itemIdentifier": name} for name in names]})


def found(event):
    """The numbers of all records in *event*, in order."""
    if isinstance(event, dict) and "n" in event:
        yield event["n"]
    elif isinstance(event, (dict, list)):
        for each in event.values() if isinstance(event, dict) else event:
            yield from found(each)


PIPE = Matcher("pipe", {"$[0].eventSource": str}, "/pipe", "poll")
OUTCOMES = st.sampled_from(["ok", 404, 500, "exception", "slow", "late", "own"])


@both_legs
@pytest.mark.parametrize("name", SOURCES)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), response=st.sampled_from(["envelope", "native"]), delivery=st.sampled_from(["batch", "record"]))
def test_nothing_lost(leg, name, caplog, data, response, delivery):
    """A record leaves its queue only when it was processed; none of a standard queue comes back after that, where
    single records are reported; none is tried before those that it must wait for; and the queue is emptied in the end.

    The one way to lose a record is the README's dictionary to a sender that reads none, and there a warning says so.
    """
    source = SOURCES[name]
    plans = data.draw(st.lists(st.lists(OUTCOMES, max_size=3), min_size=1, max_size=8), label="outcomes of each record")
    if not source.reads:
        plans = [[500 if outcome == "own" else outcome for outcome in plan] for plan in plans]
    lanes = [data.draw(st.integers(0, source.lanes - 1)) if source.lanes else 0 for _ in plans]
    reports = bool(source.reads) and data.draw(st.booleans(), label="the application reports by itself")
    lossy = not source.reads and (response, delivery) == ("envelope", "batch")
    application = Application(source, dict(enumerate(plans)), dict(enumerate(lanes)), reports, response == "envelope")
    # What is still running when time is up comes back, whatever becomes of it: that would be a matter of chance.
    chance = delivery == "batch" or any("slow" in plan for plan in plans)
    at_once = 1 if chance else data.draw(st.integers(1, 3), label="records at a time")
    handle = handler(leg, application, response=response, delivery=delivery, matchers=[PIPE], concurrency=at_once)
    waiting = [*enumerate(lanes)]
    for _ in range(1 + sum(map(len, plans)) + len(plans)):
        if not waiting:
            break
        size = data.draw(st.integers(1, len(waiting)), label="records in the batch")
        batch, waiting = waiting[:size], waiting[size:]
        application.left, before = 30_000, dict(application.done)
        caplog.clear()
        try:
            event = source.wrap([(source.make(*each), each[1]) for each in batch])
            reply = handle(event, Context(lambda: application.left))
        except Exception:
            reply = FAILED
        back = again(source, batch, reply)
        waiting = back + waiting
        lost = [number for number, lane in batch if (number, lane) not in back and not application.done.get(number)]
        assert not lost or (lossy and [line.levelname for line in caplog.records].count("WARNING") == 1)
        if lossy:
            application.done.update(dict.fromkeys(lost, 1))
        if delivery == "record" and not source.lanes:
            succeeded = {number for number in application.done if number not in before}
            assert succeeded.isdisjoint(number for number, _ in back)
    assert waiting == []
    assert application.hasty == set()
    if delivery == "record" and not source.lanes:
        assert set(application.done.values()) == {1}
