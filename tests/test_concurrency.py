"""CLOUD_EVENTS_CONCURRENCY: several records at a time, and nothing lost, out of order or left behind for that."""

import asyncio
import json
import logging
import signal
import subprocess
import sys
import threading
import time
import traceback
import tracemalloc
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

import pytest
from flask import Flask, request
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text
from sqlalchemy import event as sqlalchemy_event
from werkzeug.wsgi import ClosingIterator

from cloud_events import EventFailed, OutOfTime, make_handler
from cloud_events.interface.loop import LOOP
from conftest import Context
from envelopes import kafka, sqs
from legs import both_legs
from runtime_api import TESTS, Runtime


def application(leg, view):
    """An application of *leg*. *view* gets event and environ (or scope) and returns a status and seconds."""

    def wsgi(environ, start_response):
        status, seconds = view(environ["aws.event"], environ) or (204, 0)
        time.sleep(seconds)
        start_response(f"{status} Answered", [])
        return []

    async def asgi(scope, receive, send):
        status, seconds = view(scope["aws.event"], scope) or (204, 0)
        await asyncio.sleep(seconds)
        await send({"type": "http.response.start", "status": status})
        await send({"type": "http.response.body"})

    return {"wsgi": wsgi, "asgi": asgi}[leg]


def handler(leg, view, concurrency, response="native"):
    options = {"response": response, "delivery": "record", "lifespan": "off"}
    return make_handler(application(leg, view), concurrency=concurrency, **options)


def body_of(event):
    return event["Records"][0]["body"]


def identifier(event):
    return event["Records"][0]["messageId"]


def failures(*identifiers):
    return {"batchItemFailures": [{"itemIdentifier": each} for each in identifiers]}


def ending(end):
    return Context(lambda: (end - time.monotonic()) * 1000)


@both_legs
class TestTime:
    def test_of_ten_records(self, leg):
        """Ten records that wait take little longer than one: 1.3 times with ten at once, where the machine is idle."""
        handle = handler(leg, lambda *_: (204, 0.1), 10)

        def ratio():
            started = time.perf_counter()
            handle(sqs("one"), Context())
            between = time.perf_counter()
            handle(sqs(*"abcdefghij"), Context())
            return (time.perf_counter() - between) / (between - started)

        assert min(ratio() for _ in range(3)) < 3

    def test_of_groups(self, leg):
        """Different groups wait at the same time, the messages of one after another."""
        started = time.perf_counter()
        handler(leg, lambda *_: (204, 0.1), 4)(sqs(*"abcdefgh", groups="0123" * 2), Context())
        assert 0.2 <= time.perf_counter() - started < 0.6


def batch_of(source, batch):
    """The event of *source* for a batch of numbered records, each with its ordering key."""
    if source != "kafka":
        return sqs(*(number for number, _ in batch), groups=[key for _, key in batch] if source == "fifo" else ())
    event = kafka("value")
    [[record]] = event["records"].values()
    event["records"] = {f"orders-{key}": [] for _, key in batch}
    for number, key in batch:
        event["records"][f"orders-{key}"].append(record | {"partition": int(key), "offset": number})
    return event


def number_of(event):
    [[record]] = event["records"].values() if "records" in event else [event["Records"]]
    return record["offset"] if "offset" in record else int(record["body"])


def named(source, batch, reply):
    """The numbers of the records that the source delivers again."""
    names = [each["itemIdentifier"] for each in reply["batchItemFailures"]]
    return [name["offset"] if source == "kafka" else batch[int(name[1:])][0] for name in names]


# What becomes of the deliveries of one record, until it succeeds: a status or an exception, after so many seconds.
FATE = st.lists(st.tuples(st.sampled_from([500, 404, LookupError()]), st.sampled_from([0, 0.001, 0.003])), max_size=2)


@both_legs
class TestNothingIsLost:
    @settings(max_examples=40, deadline=None)
    @given(
        source=st.sampled_from(["queue", "fifo", "kafka"]),
        keys=st.lists(st.sampled_from("012"), min_size=1, max_size=12),
        fates=st.lists(FATE, min_size=12, max_size=12),
        count=st.integers(2, 13),
    )
    def test_whatever_fails(self, leg, source, keys, fates, count):
        """An event source that delivers again what was reported gets everything done, in order, and nothing twice."""
        fates = [[*fate] for fate in fates]
        done, tried = [], []

        def view(event, _):
            number = number_of(event)
            tried.append(number)
            fate, seconds = fates[number].pop(0) if fates[number] else (204, 0.001 * (number % 3))
            if fate == 204:
                done.append(number)
            elif isinstance(fate, Exception):
                raise fate
            return fate, seconds

        handle = handler(leg, view, count)
        batch = [*enumerate(keys)] if source != "kafka" else sorted(enumerate(keys), key=lambda each: each[1])
        while batch:
            tried.clear()
            behind = [
                source != "queue" and any(fates[other] for other, another in batch[:place] if another == key)
                for place, (_, key) in enumerate(batch)
            ]
            reported = [n for (n, _), waits in zip(batch, behind, strict=True) if waits or fates[n]]
            attempted = [n for (n, _), waits in zip(batch, behind, strict=True) if not waits]
            try:
                again = named(source, batch, handle(batch_of(source, batch), Context()))
            except (EventFailed, LookupError):  # then the whole batch comes again
                again = [number for number, _ in batch]
            assert (again, sorted(tried)) == (reported, sorted(attempted))
            batch = [each for each in batch if each[0] in again]
        assert sorted(done) == [*range(len(keys))]
        for key in set(keys) if source != "queue" else ():
            assert [n for n in done if keys[n] == key] == [n for n in range(len(keys)) if keys[n] == key]

    def test_the_first_failure_is_raised(self, leg):
        """If no record succeeded: that of the first record, not the one that came first, and where it was raised."""

        def view(event, _):
            time.sleep(0.05 if identifier(event) == "m0" else 0)
            raise LookupError(identifier(event))

        with pytest.raises(LookupError, match="m0") as caught:
            handler(leg, view, 3)(sqs(*"abcdef"), Context())
        assert traceback.extract_tb(caught.tb)[-1].name == "view"

    def test_where_no_thread_can_be_started(self, leg, monkeypatch):
        """The event fails, and the next works."""

        def start(thread):
            raise RuntimeError("can't start new thread")

        handle = handler(leg, lambda *_: None, 3)
        monkeypatch.setattr(threading.Thread, "start", start)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            handle(sqs(*"abc"), Context())
        monkeypatch.undo()
        assert handle(sqs(*"abc"), Context()) == failures()


def fewest_threads(expected):
    """The number of threads, once those that are ending have ended."""
    deadline = time.monotonic() + 5
    while (count := threading.active_count()) > expected and time.monotonic() < deadline:
        time.sleep(0.01)
    return count


@both_legs
class TestLeftovers:
    def test_of_many_batches(self, leg):
        """No more threads than records were sent at a time, and no task, stay behind; each record is sent once."""
        seen, before = Counter(), threading.active_count()
        handle = handler(leg, lambda event, _: seen.update([body_of(event)]), 8)
        for _ in range(20):
            handle(sqs("a", "b"), Context())
        assert fewest_threads(before + 2) <= before + 2
        for batch in range(300):
            handle(sqs(*(f"{batch} {number}" for number in range(10))), Context())
        handle(sqs(*map(str, range(1000))), Context())
        assert fewest_threads(before + 8) <= before + 8
        assert ({seen.pop("a"), seen.pop("b")}, len(seen), {*seen.values()}) == ({20}, 4000, {1})
        assert leg == "wsgi" or asyncio.all_tasks(LOOP.current) == set()

    def test_of_memory(self, leg):
        """Thousands of records need no more than twice the event."""
        event, handle = sqs(*("x" * 400 for _ in range(2_000))), handler(leg, lambda *_: None, 8)
        handle(sqs("one"), Context())
        tracemalloc.start()
        handle(event, Context())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 2 * len(json.dumps(event))


@both_legs
def test_what_is_still_running_at_the_deadline(leg):
    """It is reported in time. ASGI is cancelled; a thread goes on, and the next event waits for that first."""
    steps = []

    def view(event, _):
        steps.append(identifier(event))
        return 204, float(body_of(event))

    handle, end = handler(leg, view, 2), time.monotonic() + 1.2
    assert handle(sqs("1.5", "0", "1.5", "0", "0"), ending(end)) == failures("m0", "m2", "m3", "m4")
    began = time.monotonic()
    assert (sorted(steps), began < end) == (["m0", "m1", "m2"], True)
    assert handle(sqs("0"), Context()) == failures()
    assert (time.monotonic() - began > 0.2) == (leg == "wsgi")
    with pytest.raises(OutOfTime, match=r"^the function's time was nearly over before the record was tried"):
        handle(sqs("0"), Context(lambda: 499))


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), MemoryError()], ids=repr)
@both_legs
def test_what_ends_the_process(leg, error):
    """It is raised when what was running has ended; nothing new is tried."""
    seen = []

    def view(event, _):
        seen.append(identifier(event))
        if seen[-1] == "m1":
            raise error
        return 204, 0.2

    with pytest.raises(type(error)):
        handler(leg, view, 2)(sqs(*"abcdefghi"), Context())
    assert len(seen) < 9


def test_a_late_record():
    """The next event fails in time if it must wait too long; one that comes from the late record itself need not. Once
    the late record has ended, records are sent at the same time again."""
    release, together, replies = threading.Event(), threading.Barrier(2), []

    def view(event, _):
        if body_of(event) == "late":
            release.wait(20)
            replies.append(handle(sqs("inner"), None))
        elif body_of(event) == "together":
            together.wait(20)

    handle, end = handler("wsgi", view, 2), time.monotonic() + 0.6
    with pytest.raises(OutOfTime, match=r"^the function's time was nearly over and the application had not answered"):
        handle(sqs("late"), ending(end))
    end = time.monotonic() + 0.5
    with pytest.raises(OutOfTime, match=r"^a record of the previous event is still being handled"):
        handle(sqs("too early"), ending(end))
    assert time.monotonic() < end
    release.set()
    assert handle(sqs("together", "together"), Context()) == failures()
    assert replies == [failures()]


@both_legs
def test_several_events_at_a_time(leg):
    """Of several threads, and from inside views: each is delivered whole, whoever has the threads."""
    seen = Counter()

    def view(event, _):
        seen[body_of(event)] += 1
        if leg == "wsgi" and body_of(event) == "0":
            handle(sqs("inner"), Context())
        return 204, 0.002

    handle = handler(leg, view, 3)
    with ThreadPoolExecutor(4) as executor:
        replies = executor.map(lambda _: handle(sqs(*map(str, range(6))), Context()), range(12))
    assert [*replies] == [failures()] * 12
    assert seen == {str(number): 12 for number in range(6)} | ({"inner": 12} if leg == "wsgi" else {})


TRACE = "00-0af7651916cd43dd8448eb211c80319c-{:016x}-01"


@both_legs
def test_each_record_is_its_own(leg, caplog):
    """What is bound, logged, traced and answered of a record is that record's."""
    caplog.set_level(logging.INFO)
    bound, seen = ContextVar("bound", default="nothing"), {}
    event = sqs(*map(str, range(19)))
    for number, record in enumerate(event["Records"], 1):
        record["messageAttributes"] = {"traceparent": {"stringValue": TRACE.format(number), "dataType": "String"}}

    def view(event, environ):
        trace = environ.get("HTTP_TRACEPARENT") or dict(environ["headers"])[b"traceparent"].decode()
        seen[identifier(event)] = (bound.get(), trace, environ["cloud_events.delivery"].record_id)
        bound.set(identifier(event))
        return 201 + int(body_of(event)), 0.001 * (len(seen) % 3)

    bound.set("the caller's")
    reply = handler(leg, view, 5, "envelope")(event, Context())
    assert [each["status_code"] for each in json.loads(reply["body"])] == [str(201 + n) for n in range(19)]
    assert seen == {f"m{n}": ("the caller's", TRACE.format(n + 1), f"m{n}") for n in range(19)}
    logged = {line.record_id: line.status for line in caplog.records if hasattr(line, "record_id")}
    assert logged == {f"m{n}": 201 + n for n in range(19)}


def test_wsgi():
    """A request is answered and closed in one thread, and hears of the others, whatever WSGI_ENVIRON says."""
    threads = {}

    def application(environ, start_response):
        assert environ["wsgi.multithread"] is True
        start_response("204 No Content", [])
        own = threads[identifier(environ["aws.event"])] = [threading.get_ident()]
        time.sleep(0.01)
        return ClosingIterator([], lambda: own.append(threading.get_ident()))

    environ = {"wsgi.multithread": False}
    make_handler(application, delivery="record", concurrency=3, wsgi_environ=environ)(sqs(*"abcdef"), Context())
    assert [(len(own), len({*own})) for own in threads.values()] == [(2, 1)] * 6
    assert len({own[0] for own in threads.values()}) == 3


DJANGO = """
import json, sys, time
from django.conf import settings
database = {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1], "CONN_MAX_AGE": int(sys.argv[2])}
settings.configure(DATABASES={"default": database}, ROOT_URLCONF="__main__", ALLOWED_HOSTS=["localhost"])
from django.core.wsgi import get_wsgi_application
from django.db import connection, transaction
from django.db.backends.signals import connection_created
from django.http import HttpResponse
from django.urls import path
from cloud_events import make_handler
made = []
connection_created.connect(lambda connection, **_: made.append(connection), weak=False)
def view(request):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        time.sleep(0.005)
        if json.loads(request.body)["Records"][0]["body"] == "bad":
            raise LookupError
    return HttpResponse(status=204)
urlpatterns = [path("aws.sqs", view)]
handle = make_handler(get_wsgi_application(), delivery="record", response="native", concurrency=3)
event = json.load(sys.stdin)
for _ in range(4):
    reply = handle(event, None)
threads = {id(each): each for each in made}.values()
kept = [each for each in threads if each.connection is not None]
print(json.dumps([reply, len(made), len(threads), len(kept), sum(each.connection.in_transaction for each in kept)]))
"""


@pytest.mark.parametrize(("age", "made", "kept"), [(0, 36, 0), (60, 3, 3)])
def test_django(age, made, kept, tmp_path):
    """Django has one connection a thread, closed or kept as CONN_MAX_AGE says, and none in a transaction."""
    command = [sys.executable, "-c", DJANGO, tmp_path / "books.sqlite3", str(age)]
    event = json.dumps(sqs(*["good", "bad", "good"] * 3))
    run = subprocess.run(command, input=event, capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == [failures("m1", "m4", "m7"), made, 3, kept, 0]


def test_sqlalchemy(tmp_path):
    """Its pool has no more connections than records were sent at a time, and each was given back."""
    engine, made = create_engine(f"sqlite:///{tmp_path}/books.sqlite3"), []
    sqlalchemy_event.listen(engine, "connect", lambda connection, _: made.append(connection))
    app = Flask(__name__)

    @app.post("/aws.sqs")
    def view():
        with engine.begin() as connection:
            connection.execute(text("SELECT 1"))
            time.sleep(0.005)
            return "", 500 if body_of(request.json) == "bad" else 204

    handle = make_handler(app, delivery="record", response="native", concurrency=3)
    for _ in range(4):
        assert handle(sqs(*["good", "bad", "good"] * 3), Context()) == failures("m1", "m4", "m7")
    assert (engine.pool.checkedout(), len(made) <= 3, {each.in_transaction for each in made}) == (0, True, {False})
    engine.dispose()


FORK = """
import os, sys
from test_concurrency import Context, failures, handler, sqs
handle = handler(sys.argv[1], lambda *_: (204, 0.01), 3)
for _ in range(2):
    assert handle(sqs(*"abcdef"), Context()) == failures()
    child = os.fork()
    if not child:
        assert handle(sqs(*"abcdef"), Context()) == failures()
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
"""


@both_legs
def test_fork(leg):
    """A child has threads of its own."""
    subprocess.run([sys.executable, "-c", FORK, leg], cwd=TESTS, check=True, timeout=60)


@pytest.mark.parametrize("name", [{}, {"AWS_LAMBDA_FUNCTION_NAME": None}], ids=["Lambda", "elsewhere"])
@both_legs
def test_sigterm(leg, name):
    """A function that is taken away while records are sent ends at once, and its lifespan is shut down."""
    application = {f"{leg.upper()}_APPLICATION": f"apps.waiting.{leg}"}
    options = {"CLOUD_EVENTS_DELIVERY": "record", "CLOUD_EVENTS_CONCURRENCY": "3"}
    with Runtime("cloud_events.handler.handler", **application, **options, **name) as runtime:
        runtime.api.put(json.dumps(sqs(*"abcdef")).encode(), {"Lambda-Runtime-Deadline-Ms": str(2**42)})
        runtime.wait_for(lambda: runtime.journal.count("inside") == 3)
        began = time.monotonic()
        assert runtime.terminate() == -signal.SIGTERM
        assert time.monotonic() - began < 2
    assert runtime.journal.count("shutdown") == (leg == "asgi")
