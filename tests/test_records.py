"""Where batches keep their records, how each is named in a reply, and which must wait for which."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_events.adapter.records import BATCHES, Record, alone, each, identifiers, records
from conftest import sample

CLICK = "4966107029990286891282607096951880560851603745190000000"
SHARD = f"shardId-000000000002:{CLICK[:-1]}"
BOOK = "4421584500000000017450439"

# sample: (key of the record's list, lane, identifier) of each record
NAMED = {
    # A standard queue knows no order; in a FIFO queue each message group is a lane.
    "sqs": [
        (None, None, "8d2f60b3-5a17-4c9e-b0d4-3f7e91c2a650"),
        (None, None, "7b19c7f0-1d1e-4c7e-9a50-51f0a0c6b2d4"),
        (None, None, "c4a1b6de-93b2-4f0e-8f0b-6d7c1f2e3a45"),
    ],
    "sqs__fifo": [
        (None, "customer-ada", "d3b07384-d113-4ec6-a7d1-1b6c2f4e5a01"),
        (None, "customer-grace", "d3b07384-d113-4ec6-a7d1-1b6c2f4e5a02"),
        (None, "customer-ada", "d3b07384-d113-4ec6-a7d1-1b6c2f4e5a03"),
    ],
    # A batch of a stream comes from one shard.
    "kinesis": [(None, "", CLICK + "1"), (None, "", CLICK + "2"), (None, "", CLICK + "3")],
    "kinesis__window": [(None, "", CLICK + "6"), (None, "", CLICK + "7")],
    "kinesis.window": [],
    "dynamodb": [(None, "", BOOK + "011"), (None, "", BOOK + "012"), (None, "", BOOK + "013")],
    "dynamodb.window": [],
    # Kafka names a record by its partition and offset.
    "kafka.msk": [
        ("orders-0", "orders-0", {"partition": "orders-0", "offset": 7}),
        ("orders-0", "orders-0", {"partition": "orders-0", "offset": 8}),
        ("orders-1", "orders-1", {"partition": "orders-1", "offset": 31}),
    ],
    "kafka.selfmanaged": [
        ("stock-0", "stock-0", {"partition": "stock-0", "offset": 15}),
        ("stock-4", "stock-4", {"partition": "stock-4", "offset": 3}),
        ("stock-4", "stock-4", {"partition": "stock-4", "offset": 4}),
    ],
    # Pipes name the records of queues and streams, not of other sources.
    "pipes": [
        (None, None, "5a0e9f3c-7b1d-4e2f-8c6a-1d2e3f4a5b60"),
        (None, None, "5a0e9f3c-7b1d-4e2f-8c6a-1d2e3f4a5b61"),
    ],
    "pipes__sqs-fifo": [
        (None, "customer-ada", "6c1f0a4d-8c2e-4f30-9d7b-2e3f4a5b6c71"),
        (None, "customer-ada", "6c1f0a4d-8c2e-4f30-9d7b-2e3f4a5b6c72"),
        (None, "customer-grace", "6c1f0a4d-8c2e-4f30-9d7b-2e3f4a5b6c73"),
    ],
    "pipes__kinesis": [(None, "", SHARD + "21"), (None, "", SHARD + "22")],
    "pipes__dynamodb": [
        (None, "", "1d5fbec7c5297136dd775ec35f150333"),
        (None, "", "9d4fa5dd6487a9ebc14512afd70bb0cb"),
    ],
    "pipes__kafka": [(None, "", None), (None, "", None)],
    "pipes__activemq": [(None, "", None)],
    # Brokers and DocumentDB are done in order; nobody can be told which failed.
    "mq.activemq": [(None, "", None), (None, "", None)],
    "mq.rabbitmq": [("shipments::/", "", None), ("returns::europe", "", None)],
    "docdb": [(None, "", None), (None, "", None), (None, "", None)],
    # Of asynchronous events each record is for itself.
    "s3": [(None, None, None)],
    "sns": [(None, None, None)],
    "ses": [(None, None, None)],
    "codecommit__two-parts": [(None, None, None), (None, None, None)],
    "records": [(None, None, None)],
}


def batch_of(file):
    """The event of a sample, and where it keeps its records."""
    return sample(file), BATCHES[file.partition("__")[0]]


def kept(event, at):
    """The records of *event* under its key *at*, as a list."""
    found = event if at is None else event.get(at, [])
    return [record for some in found.values() for record in some] if isinstance(found, dict) else found


@pytest.mark.parametrize(("file", "named"), NAMED.items(), ids=NAMED)
def test_records(file, named):
    """Every record, in order, with the list that it stood in, its lane and its name."""
    event, batch = batch_of(file)
    assert records(batch, event) == [
        Record(value, group, index, lane, identifier)
        for index, (value, (group, lane, identifier)) in enumerate(zip(kept(event, batch.at), named, strict=True))
    ]
    assert identifiers(batch, event) == [identifier or "" for _, _, identifier in named]
    assert each(batch.at, event) == (kept(event, batch.at), [group for group, *_ in named])


def test_every_kind_of_batch_is_tested():
    """A kind of batch that is added gets a sample here."""
    assert {file.partition("__")[0] for file in NAMED} == set(BATCHES)


REPORTING = {
    "sqs",
    "kinesis",
    "kinesis.window",
    "dynamodb",
    "dynamodb.window",
    "kafka.msk",
    "kafka.selfmanaged",
    "pipes",
}


def test_who_can_be_told():
    """Which senders read batchItemFailures, and which of them want the whole rest of a failed lane."""
    assert {row for row, batch in BATCHES.items() if batch.reports} == REPORTING
    assert {row for row, batch in BATCHES.items() if batch.rest} == {"sqs", "pipes"}
    assert {row: batch.within for row, batch in BATCHES.items() if batch.within} == {"docdb": "event"}


@pytest.mark.parametrize("file", NAMED)
def test_alone(file):
    """A record alone stands in the shape of its batch: the same keys beside it, the same list around it."""
    event, batch = batch_of(file)
    for record in records(batch, event):
        single = alone(batch, event, record)
        assert kept(single, batch.at) == [record.value]
        if batch.at is None:
            assert single == [record.value]
        else:
            assert {**single, batch.at: event[batch.at]} == event
            assert single[batch.at] == ([record.value] if record.group is None else {record.group: [record.value]})
    assert event == sample(file)


FIFO = "arn:aws:sqs:eu-west-1:123456789012:payments.fifo"
ODD = [
    ("sqs", {"Records": [5, None, [], {}]}, [None] * 4, [""] * 4),
    ("sqs", {"Records": {"a": [{"messageId": "1"}], "b": 5}}, [None], ["1"]),
    ("sqs", {"Records": 5}, [], []),
    ("sqs", {}, [], []),
    ("sqs", [], [], []),
    ("sqs", {"Records": [{"eventSourceARN": FIFO}]}, [""], [""]),
    ("sqs", {"Records": [{"eventSourceARN": FIFO, "attributes": {"MessageGroupId": ["a"]}}]}, [""], [""]),
    ("sqs", {"Records": [{"eventSourceARN": [FIFO], "attributes": {"MessageGroupId": "a"}}]}, [None], [""]),
    ("sqs", {"Records": [{"eventSourceARN": FIFO[:-5], "attributes": {"MessageGroupId": "a"}}]}, [None], [""]),
    ("kinesis", {"Records": [{"kinesis": 5}]}, [""], [""]),
    ("kafka.msk", {"records": {"a-0": [{"offset": 0}, {}]}}, ["a-0"] * 2, [{"partition": "a-0", "offset": 0}, ""]),
    ("pipes", [{"eventSource": ["aws:sqs"]}, {"eventSource": {}}, 5], ["", "", ""], ["", "", ""]),
    ("pipes", [{"eventSource": "aws:sqs"}, {"eventSource": "aws:kinesis"}], [None, ""], ["", ""]),
]


@pytest.mark.parametrize(("row", "event", "lanes", "names"), ODD)
def test_odd_batches(row, event, lanes, names):
    """A record that lacks its name is "" in a reply, which fails the whole batch; the same without a message group."""
    assert [record.lane for record in records(BATCHES[row], event)] == lanes
    assert identifiers(BATCHES[row], event) == names


JSON = st.recursive(
    st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)
FIELDS = st.sampled_from(
    ["eventSource", "eventSourceARN", "attributes", "MessageGroupId", "kinesis", "dynamodb", "offset"]
)
RECORDS = st.dictionaries(FIELDS, JSON | st.sampled_from([FIFO, "aws:sqs"]) | st.dictionaries(FIELDS, JSON)) | JSON


@settings(deadline=None)
@given(
    st.sampled_from(sorted(BATCHES)), st.lists(RECORDS) | st.dictionaries(st.text(), st.lists(RECORDS) | JSON) | JSON
)
def test_any_batch(row, kept):
    """Whatever stands where records should: each is found once, and its lane can be told from others."""
    batch = BATCHES[row]
    event = kept if batch.at is None else {batch.at: kept}
    found = records(batch, event)
    assert [record.position for record in found] == list(range(len(found)))
    assert len({record.lane for record in found}) <= len(found)
    assert [kept_alone.value for record in found for kept_alone in records(batch, alone(batch, event, record))] == [
        record.value for record in found
    ]
