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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text
from sqlalchemy import event as sqlalchemy_event

from cloud_events import ConfigurationError, EventFailed, OutOfTime, make_handler
from cloud_events.interface.loop import LOOP
from conftest import Context
from envelopes import kafka, sqs
from legs import both_legs
from runtime_api import TESTS, Runtime


def application(leg, view):
    """An application of *leg*. *view* gets the record and whether it may await: it returns a status, or awaits one."""

    def wsgi(environ, start_response):
        status = view(environ["aws.event"], environ)
        if isinstance(status, tuple):
            status, seconds = status
            time.sleep(seconds)
        start_response(f"{status} Answered", [])
        return []

    async def asgi(scope, receive, send):
        status = view(scope["aws.event"], scope)
        if isinstance(status, tuple):
            status, seconds = status
            await asyncio.sleep(seconds)
        await send({"type": "http.response.start", "status": status})
        await send({"type": "http.response.body"})

    return {"wsgi": wsgi, "asgi": asgi}[leg]


def handler(leg, view, concurrency, **settings):
    keywords = {"response": "native", "delivery": "record", "lifespan": "off", **settings}
    return make_handler(application(leg, view), concurrency=concurrency, **keywords)


def identifier(event):
    return event["Records"][0]["messageId"]


def failures(*identifiers):
    return {"batchItemFailures": [{"itemIdentifier": each} for each in identifiers]}


@both_legs
class TestTime:
    @pytest.mark.parametrize(("count", "ratio"), [(10, 3), (5, 5)])
    def test_of_ten_records(self, leg, count, ratio):
        """Ten records that wait take little longer than one: 1.3 times with ten at once, where the machine is idle."""
        handle = handler(leg, lambda *_: (204, 0.1), count)
        started = time.perf_counter()
        handle(sqs("one"), Context())
        between = time.perf_counter()
        handle(sqs(*"abcdefghij"), Context())
        assert (time.perf_counter() - between) / (between - started) < ratio

    def test_of_groups(self, leg):
        """Different groups wait at the same time, the messages of one after another."""
        handle = handler(leg, lambda *_: (204, 0.1), 4)
        started = time.perf_counter()
        handle(sqs(*range(8), groups="abcd" * 2), Context())
        assert 0.2 <= time.perf_counter() - started < 0.6


# Each of these gives a batch of numbered records with their ordering keys, and reads what comes again.
SOURCES = {
    "queue": lambda batch: sqs(*(number for number, _ in batch)),
    "fifo": lambda batch: sqs(*(number for number, _ in batch), groups=[key for _, key in batch]),
    "kafka": lambda batch: kafka_of(batch),
}


def kafka_of(batch):
    event = kafka()
    [record] = kafka("0")["records"].values()
    event["records"] = {}
    for number, key in batch:
        event["records"].setdefault(f"orders-{key}", []).append(record[0] | {"partition": int(key), "offset": number})
    return event


def number_of(event):
    if "Records" in event:
        return int(event["Records"][0]["body"])
    [[record]] = event["records"].values()
    return record["offset"]


def named(source, batch, reply):
    """The numbers of the records that the source delivers again."""
    if source == "kafka":
        return [each["itemIdentifier"]["offset"] for each in reply["batchItemFailures"]]
    return [batch[int(each["itemIdentifier"][1:])][0] for each in reply["batchItemFailures"]]


# What becomes of the deliveries of one record, until it succeeds: a status or an exception, after so many seconds.
FATE = st.lists(st.tuples(st.sampled_from([500, 404, LookupError()]), st.sampled_from([0, 0.001, 0.003])), max_size=2)


@both_legs
class TestNothingIsLost:
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        source=st.sampled_from([*SOURCES]),
        keys=st.lists(st.sampled_from("012"), min_size=1, max_size=12),
        fates=st.lists(FATE, min_size=12, max_size=12),
        count=st.integers(2, 13),
    )
    def test_whatever_fails(self, leg, source, keys, fates, count):
        """An event source that delivers again what was reported gets everything done, in order, and nothing twice."""
        fates = [[*fate] for fate in fates]
        done, tried, lock = [], [], threading.Lock()

        def view(event, _):
            number = number_of(event)
            with lock:
                tried.append(number)
                fate, seconds = fates[number].pop(0) if fates[number] else (204, 0.001 * (number % 3))
            if isinstance(fate, Exception):
                time.sleep(seconds if leg == "wsgi" else 0)
                raise fate
            if fate == 204:
                time.sleep(seconds if leg == "wsgi" else 0)
                with lock:
                    done.append(number)
                return 204
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
                again = named(source, batch, handle(SOURCES[source](batch), Context()))
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

    def test_threads_that_come_to_an_end(self, leg, monkeypatch):
        """Where no thread can be started the event fails, and the next works."""
        handle = handler(leg, lambda *_: 204, 3)
        with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="can't start"):
            patch.setattr(threading.Thread, "start", no_thread)
            handle(sqs(*"abc"), Context())
        assert handle(sqs(*"abc"), Context()) == failures()


def no_thread(thread):
    raise RuntimeError("can't start new thread")


@both_legs
class TestLeftovers:
    def test_of_many_batches(self, leg):
        """No more threads than records were sent at a time, and no task, stay behind; each record is sent once."""
        seen, before = Counter(), threading.active_count()
        handle = handler(leg, lambda event, _: seen.update([event["Records"][0]["body"]]) or 204, 8)
        for _ in range(20):
            handle(sqs("a", "b"), Context())
        assert threading.active_count() - before <= 2
        for batch in range(300):
            handle(sqs(*(f"{batch} {number}" for number in range(10))), Context())
        handle(sqs(*map(str, range(1000))), Context())
        assert threading.active_count() - before <= 8
        assert ({seen.pop("a"), seen.pop("b")}, len(seen), {*seen.values()}) == ({20}, 4000, {1})
        if leg == "asgi":
            assert asyncio.all_tasks(LOOP.current) == set()

    def test_of_memory(self, leg):
        """10,000 records need no more than twice the event."""
        event = sqs(*("x" * 400 for _ in range(10_000)))
        handle = handler(leg, lambda *_: 204, 8)
        handle(sqs("one"), Context())
        tracemalloc.start()
        handle(event, Context())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 2 * len(json.dumps(event))


@both_legs
class TestDeadline:
    def test_of_what_is_still_running(self, leg):
        """It is reported in time. ASGI is cancelled; a thread goes on, and the next event waits for that first."""
        steps = []

        def view(event, _):
            steps.append(identifier(event))
            return (204, 0 if identifier(event) == "m1" else 1.5) if event["Records"][0]["body"] == "slow" else 204

        handle, end = handler(leg, view, 2), time.monotonic() + 1.2
        assert handle(sqs(*["slow"] * 5), Context(lambda: (end - time.monotonic()) * 1000)) == failures(
            "m0", "m2", "m3", "m4"
        )
        assert time.monotonic() < end
        assert steps == ["m0", "m1", "m2"]
        began = time.monotonic()
        assert handle(sqs("fast"), Context()) == failures()
        assert (time.monotonic() - began > 0.2) == (leg == "wsgi")

    def test_of_an_event_that_must_wait(self, leg):
        """An event for which there is no time after that fails while it can still say so."""
        release = threading.Event()
        handle = handler(leg, lambda *_: release.wait(20) and 204, 2)
        end = time.monotonic() + 0.6
        ending = Context(lambda: (end - time.monotonic()) * 1000)
        with pytest.raises(OutOfTime):
            handle(sqs("one"), ending)
        end = time.monotonic() + 0.5
        with pytest.raises(OutOfTime, match="^a record of the event before is still being handled"):
            handle(sqs("two"), ending)
        assert time.monotonic() < end
        release.set()
        assert handle(sqs("three"), Context()) == failures()


def test_a_late_record_that_delivers_an_event():
    """It does not wait for itself, nor does the next event wait forever."""
    release, replies = threading.Event(), []

    def view(event, _):
        if event["Records"][0]["body"] == "late":
            release.wait(20)
            replies.append(handle(sqs("inner", "inner"), None))
        return 204

    handle, end = handler("wsgi", view, 2), time.monotonic() + 0.6
    assert handle(sqs("on time", "late"), Context(lambda: (end - time.monotonic()) * 1000)) == failures("m1")
    release.set()
    assert handle(sqs("next"), Context()) == failures()
    assert replies == [failures()]


@both_legs
def test_several_events_at_a_time(leg):
    """Of several threads, and from inside views: each is delivered whole, whoever has the threads."""
    seen = Counter()

    def view(event, _):
        body = event["Records"][0]["body"]
        seen[body] += 1
        if leg == "wsgi" and body == "0":
            handle(sqs("inner"), Context())
        return 204, 0.002

    handle = handler(leg, view, 3)
    with ThreadPoolExecutor(4) as executor:
        replies = executor.map(lambda _: handle(sqs(*map(str, range(6))), Context()), range(12))
    assert [*replies] == [failures()] * 12
    assert seen == Counter({**dict.fromkeys(map(str, range(6)), 12)} | ({"inner": 12} if leg == "wsgi" else {}))


TRACE = "00-0af7651916cd43dd8448eb211c80319c-{:016x}-01"


@both_legs
def test_each_record_is_its_own(leg, caplog):
    """What is bound, logged and traced of a record is that record's."""
    caplog.set_level(logging.INFO)
    bound, seen = ContextVar("bound", default="nothing"), {}
    event = sqs(*map(str, range(1, 20)))
    for number, record in enumerate(event["Records"], 1):
        record["messageAttributes"] = {"traceparent": {"stringValue": TRACE.format(number), "dataType": "String"}}

    def view(event, environ):
        headers = dict(environ.get("headers", ()))
        trace = environ.get("HTTP_TRACEPARENT") or headers[b"traceparent"].decode()
        seen[identifier(event)] = (bound.get(), trace, environ["cloud_events.delivery"].record_id)
        bound.set(identifier(event))
        return 200 + int(event["Records"][0]["body"]), 0.001 * (len(seen) % 3)

    bound.set("the caller's")
    handler(leg, view, 5)(event, Context())
    assert seen == {f"m{n}": ("the caller's", TRACE.format(n + 1), f"m{n}") for n in range(19)}
    logged = {line.record_id: line.status for line in caplog.records if hasattr(line, "record_id")}
    assert logged == {f"m{n}": 201 + n for n in range(19)}


class Body(list):
    """A response that notes the threads that it goes through."""

    def __iter__(self):
        self.threads.append(threading.get_ident())
        return super().__iter__()

    def close(self):
        self.threads.append(threading.get_ident())


def test_wsgi():
    """A request is answered, read and closed in one thread, and hears of the others, whatever WSGI_ENVIRON says."""
    bodies = []

    def application(environ, start_response):
        assert environ["wsgi.multithread"] is True
        start_response("204 No Content", [])
        body = Body()
        body.threads = [threading.get_ident()]
        bodies.append(body)
        time.sleep(0.01)
        return body

    environ = {"wsgi.multithread": False}
    make_handler(application, delivery="record", concurrency=3, wsgi_environ=environ)(sqs(*"abcdef"), Context())
    assert [(len(body.threads), len({*body.threads})) for body in bodies] == [(3, 1)] * 6
    assert len({body.threads[0] for body in bodies}) == 3


DJANGO = """
import json, sys, threading, time
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
wrappers = {id(each): each for each in made}.values()
open_ = [each for each in wrappers if each.connection is not None]
print(json.dumps([reply, len(made), len(wrappers), len(open_), sum(each.connection.in_transaction for each in open_)]))
"""


@pytest.mark.parametrize(("age", "made", "kept"), [(0, 36, 0), (60, 3, 3)])
def test_django(age, made, kept, tmp_path):
    """Django has one connection a thread, closed or kept as CONN_MAX_AGE says, and none in a transaction."""
    command = [sys.executable, "-c", DJANGO, tmp_path / "books.sqlite3", str(age)]
    event = json.dumps(sqs(*["good", "bad", "good"] * 3))
    run = subprocess.run(command, input=event, stdout=subprocess.PIPE, text=True, check=True)
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
            return "", 500 if request.json["Records"][0]["body"] == "bad" else 204

    handle = make_handler(app, delivery="record", response="native", concurrency=3)
    for _ in range(4):
        assert handle(sqs(*["good", "bad", "good"] * 3), Context()) == failures("m1", "m4", "m7")
    assert (engine.pool.checkedout(), len(made), [each.in_transaction for each in made]) == (0, 3, [False] * 3)
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


@pytest.mark.parametrize(
    "place", [{}, {"AWS_LAMBDA_FUNCTION_NAME": None, "_HANDLER": None}], ids=["Lambda", "elsewhere"]
)
@both_legs
def test_sigterm(leg, place):
    """A function that is taken away while records are sent ends at once, and its lifespan is shut down."""
    name = {f"{leg.upper()}_APPLICATION": f"apps.waiting.{leg}"}
    by_three = {"CLOUD_EVENTS_DELIVERY": "record", "CLOUD_EVENTS_CONCURRENCY": "3"}
    with Runtime("cloud_events.handler.handler", **name, **by_three, **place) as runtime:
        with ThreadPoolExecutor(1) as executor:
            invoked = executor.submit(runtime.invoke, sqs(*"abcdef"))
            runtime.wait_for(lambda: runtime.journal.count("inside") == 3)
            began = time.monotonic()
            assert runtime.terminate() == -signal.SIGTERM
            assert time.monotonic() - began < 2
            with pytest.raises(AssertionError, match="ended with status"):
                invoked.result()
    assert runtime.journal.count("shutdown") == (leg == "asgi")
    assert runtime.stderr == ""


@pytest.mark.parametrize("value", [0, -1, "many", "2.5", True, "", None])
def test_a_number_that_is_none(value):
    """It is refused with what to write; nothing at all means one at a time."""
    if value in ("", None):
        make_handler(application("wsgi", None), concurrency=value)
        return
    with pytest.raises(ConfigurationError) as caught:
        make_handler(application("wsgi", None), delivery="record", concurrency=value)
    assert str(caught.value) == f"concurrency={value!r}: it must be a whole number from 1, such as 10"


def test_without_record():
    """More than one at a time needs records that are delivered singly."""
    assert make_handler(application("wsgi", None), concurrency=1)
    with pytest.raises(ConfigurationError) as caught:
        make_handler(application("wsgi", None), concurrency="10")
    assert str(caught.value) == (
        "CLOUD_EVENTS_CONCURRENCY=10: records must be delivered singly for that; set CLOUD_EVENTS_DELIVERY=record"
    )
