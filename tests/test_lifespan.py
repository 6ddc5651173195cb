"""ASGI's lifespan: startup once, ``state``, shutdown before the process ends, in whichever way it ends."""

import asyncio
import logging
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path

import pytest
from fastapi import FastAPI, Request

from cloud_events import make_handler
from cloud_events.errors import ProtocolError, StartupFailed
from cloud_events.interface import lifespan as module
from cloud_events.interface.loop import LOOP
from conftest import Context

CONTEXT = Context()


@pytest.fixture(autouse=True)
def closing_time():
    """Every test ends what it started, and gives SIGTERM back."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    LOOP.close()
    LOOP._sigterm = None
    signal.signal(signal.SIGTERM, before)


@asynccontextmanager
async def nothing(state):
    yield


def application_of(lifespan=nothing, view=None):
    """An ASGI application with a lifespan in the manner of Starlette's: what *lifespan* raises is a failure."""

    async def application(scope, receive, send):
        if scope["type"] == "http":
            answer = await view(scope) if view else "ready"
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": str(answer).encode()})
            return
        assert scope == {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        phase = "startup"
        try:
            assert await receive() == {"type": "lifespan.startup"}
            async with lifespan(scope["state"]):
                await send({"type": "lifespan.startup.complete"})
                phase = "shutdown"
                assert await receive() == {"type": "lifespan.shutdown"}
            await send({"type": "lifespan.shutdown.complete"})
        except LookupError as error:
            await send({"type": f"lifespan.{phase}.failed", "message": str(error)})
            raise

    return application


def handler_of(application, **settings):
    handler = make_handler(application, **settings)
    return lambda event=None: handler(event, CONTEXT)["body"]


class TestStartup:
    def test_comes_once_before_the_first_event(self):
        """In each loop, startup comes before the first event, shutdown at the end, each once, on the loop."""
        steps = []

        @asynccontextmanager
        async def lifespan(state):
            steps.append(("startup", asyncio.get_running_loop()))
            yield
            steps.append(("shutdown", asyncio.get_running_loop()))

        async def view(scope):
            steps.append((scope["aws.event"], asyncio.get_running_loop()))

        call = handler_of(application_of(lifespan, view))
        assert steps == []
        for number in (1, 2):
            call(1)
            call(2)
            LOOP.close()
            assert [step for step, _ in steps] == ["startup", 1, 2, "shutdown"] * number
            assert len({loop for _, loop in steps}) == number

    def test_comes_once_for_two_handlers(self):
        """The handlers of one application share its startup, its state, copied for each event, and its shutdown."""
        steps = []

        def lifespan_of(name):
            @asynccontextmanager
            async def lifespan(state):
                steps.append(f"{name} startup")
                state["name"] = name
                yield
                steps.append(f"{name} shutdown")

            return lifespan

        async def view(scope):
            return scope["state"].pop("name")

        books, shelves = (application_of(lifespan_of(name), view) for name in ("books", "shelves"))
        calls = [handler_of(books), handler_of(books, delivery="record"), handler_of(shelves)]
        assert [call() for call in calls * 2] == ["books", "books", "shelves"] * 2
        LOOP.close()
        assert sorted(steps) == ["books shutdown", "books startup", "shelves shutdown", "shelves startup"]

    def test_comes_once_for_16_threads(self):
        """However many first events there are at once, there is one startup, and all wait for it."""
        steps = []

        @asynccontextmanager
        async def lifespan(state):
            steps.append("startup")
            await asyncio.sleep(0.05)
            state["ready"] = True
            yield

        async def view(scope):
            return scope["state"]["ready"]

        call, barrier = handler_of(application_of(lifespan, view)), threading.Barrier(16)
        with ThreadPoolExecutor(16) as executor:
            assert list(executor.map(lambda _: barrier.wait() is None or call(), range(16))) == ["True"] * 16
        assert steps == ["startup"]

    def test_leaves_no_mark_on_events(self):
        """No event sees a context variable that the lifespan has set, or waits for a task that it has spawned."""
        book = ContextVar("book", default="none")

        @asynccontextmanager
        async def lifespan(state):
            book.set("Emma")
            state["task"] = asyncio.create_task(asyncio.Event().wait())
            yield
            state["task"].cancel()

        async def view(scope):
            return book.get(), scope["state"]["task"].done()

        application = application_of(lifespan, view)
        assert make_handler(application)(None, Context(left=lambda: 0))["body"] == "('none', False)"
        assert book.get() == "none"

    def test_leaves_no_mark_on_an_event_around_it(self, caplog):
        """An event that calls another application's handler need not wait for what the startup of that spawns."""

        @asynccontextmanager
        async def lifespan(state):
            task = asyncio.create_task(asyncio.Event().wait())
            yield
            task.cancel()

        async def outer(scope):
            return await asyncio.to_thread(handler_of(application_of(lifespan)))

        handler = make_handler(application_of(view=outer), lifespan="off")
        assert handler(None, Context(left=lambda: 1000))["body"] == "ready"
        assert [record.getMessage() for record in caplog.records if record.name == "cloud_events"] == []

    def test_by_its_own_event_is_refused(self):
        """A startup that calls the handler that waits for it is told that it cannot."""

        @asynccontextmanager
        async def lifespan(state):
            with pytest.raises(RuntimeError, match="the handler was called by the application itself"):
                call()
            yield

        call = handler_of(application_of(lifespan))
        assert call() == "ready"

    def test_with_fastapi(self):
        """FastAPI's lifespan, its state, and a message of its failure are what they are under a server."""
        steps = []

        @asynccontextmanager
        async def lifespan(application):
            steps.append("startup")
            if len(steps) == 1:
                raise LookupError("no such database")
            yield {"pool": "open"}
            steps.append("shutdown")

        application = FastAPI(lifespan=lifespan)

        @application.post("/")
        async def view(request: Request):
            return request.state.pool

        call = handler_of(application)
        with pytest.raises(StartupFailed, match=r"(?s)the application's startup failed: Traceback.*no such database"):
            call()
        assert call() == '"open"'
        LOOP.close()
        assert steps == ["startup", "startup", "shutdown"]


class TestFailure:
    MESSAGE = "the application's startup failed: no such database"

    def test_is_tried_again(self):
        """A failed startup fails the event, with the application's own words, and is tried again at the next."""
        steps = []

        @asynccontextmanager
        async def lifespan(state):
            state["attempt"] = len(steps)
            steps.append("startup")
            if len(steps) < 3:
                raise LookupError("no such database")
            yield

        async def view(scope):
            return scope["state"]

        call = handler_of(application_of(lifespan, view))
        for _ in range(2):
            with pytest.raises(StartupFailed) as caught:
                call()
            assert str(caught.value) == self.MESSAGE
            assert repr(caught.value.__cause__) == "LookupError('no such database')"
        assert call() == "{'attempt': 2}"
        assert call() == "{'attempt': 2}"

    @pytest.mark.parametrize("ends", [True, False])
    def test_of_an_application_that_says_little(self, ends, monkeypatch):
        """A reason may be missing; what the application raises after some time is the cause; it need not even end."""
        steps = []

        async def application(scope, receive, send):
            await send({"type": "lifespan.startup.failed"})
            for _ in range(3):
                await asyncio.sleep(0)
            if ends:
                raise LookupError("cleaned up")
            try:
                await receive()
                await receive()
            finally:
                steps.append("cancelled")

        call = handler_of(application)
        monkeypatch.setattr(module, "CLEANUP_SECONDS", 0.01)
        with pytest.raises(StartupFailed) as caught:
            call()
        assert str(caught.value) == "the application's startup failed: the application gave no reason"
        assert repr(caught.value.__cause__) == ("LookupError('cleaned up')" if ends else "None")
        assert steps == ([] if ends else ["cancelled"])

    @pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
    @pytest.mark.parametrize("mode", ["auto", "on"])
    def test_that_leaves_the_process(self, mode, kind):
        """SystemExit in startup is no sign that there is no lifespan: it is raised."""

        async def application(scope, receive, send):
            raise kind("gone")

        with pytest.raises(kind, match="gone"):
            handler_of(application, lifespan=mode)()


async def raises(scope, receive, send):
    raise ValueError("I know HTTP only")


def raises_at_once(scope, receive, send):
    raise ValueError("I know HTTP only")


async def receives_and_raises(scope, receive, send):
    await receive()
    raise ValueError("I know HTTP only")


async def returns(scope, receive, send):
    pass


async def cancels(scope, receive, send):
    asyncio.current_task().cancel()
    await asyncio.sleep(0)


async def sends_nonsense(scope, receive, send):
    await send({"type": "http.response.start", "status": 200})


async def has_one(scope, receive, send):
    await application_of()(scope, receive, send)


NONE = [raises, raises_at_once, receives_and_raises, returns, cancels, sends_nonsense]


def mixed(lifespan, scopes):
    """An application whose lifespan is *lifespan*, and that notes its scopes."""

    def application(scope, receive, send):
        scopes.append((scope["type"], "state" in scope))
        return (lifespan if scope["type"] == "lifespan" else application_of())(scope, receive, send)

    return application


class TestMode:
    @pytest.mark.parametrize("lifespan", [*NONE, has_one])
    def test_auto(self, lifespan, caplog):
        """An application without a lifespan, however it says so, is fine, is asked once, and has no state."""
        caplog.set_level(logging.INFO, "cloud_events")
        scopes = []
        call = handler_of(mixed(lifespan, scopes), interface="asgi")
        assert [call(), call()] == ["ready"] * 2
        assert scopes == [("lifespan", True)] + [("http", lifespan is has_one)] * 2
        told = [record.getMessage() for record in caplog.records if "lifespan" in record.getMessage()]
        if lifespan is has_one:
            assert told == []
        else:
            [line] = told
            assert line.startswith("the application has no lifespan: ")
            assert ("I know HTTP only" in line) == ("raises" in lifespan.__name__)

    @pytest.mark.parametrize("lifespan", NONE)
    def test_on(self, lifespan):
        """Where a lifespan is said to be, an application without one fails, because of what it raised."""
        assert handler_of(mixed(has_one, []), interface="asgi", lifespan="on")() == "ready"
        call = handler_of(mixed(lifespan, []), interface="asgi", lifespan="on")
        for _ in range(2):
            with pytest.raises(StartupFailed) as caught:
                call()
            assert str(caught.value) == (
                "lifespan='on', but the application ended its lifespan before startup was complete"
            )
            assert (caught.value.__cause__ is None) == (lifespan is returns)

    def test_off(self, monkeypatch):
        """Where it is off an application never hears of it, in Lambda neither."""
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "books")
        scopes = []
        call = handler_of(mixed(has_one, scopes), interface="asgi", lifespan="off")
        assert [call(), call()] == ["ready"] * 2
        assert scopes == [("http", False)] * 2


class TestShutdown:
    def shutdown(self, caplog, *applications):
        """What is logged while *applications* are shut down."""
        for application in applications:
            handler_of(application, interface="asgi")()
        caplog.clear()
        LOOP.close()
        return [(record.getMessage(), record.exc_info and repr(record.exc_info[1])) for record in caplog.records]

    @pytest.mark.parametrize("kind", [LookupError, ValueError])
    def test_that_fails(self, kind, caplog):
        """A failed shutdown is logged with its traceback, and with the application's words if it has any."""

        @asynccontextmanager
        async def lifespan(state):
            yield
            raise kind("no such printer")

        reason = {LookupError: "no such printer", ValueError: "ValueError"}[kind]
        assert self.shutdown(caplog, application_of(lifespan)) == [
            (f"the application's shutdown failed: {reason}", f"{kind.__name__}('no such printer')")
        ]

    def test_that_raises_before(self, caplog):
        """An application that has ended before it was asked is logged with what it raised."""

        async def impatient(scope, receive, send):
            await send({"type": "lifespan.startup.complete"})
            raise ValueError("no such printer")

        assert self.shutdown(caplog, mixed(impatient, [])) == [
            ("the application's shutdown failed: ValueError", "ValueError('no such printer')")
        ]

    @pytest.mark.parametrize("answers", [0, 1, 2])
    def test_that_does_not_end_as_it_should(self, answers, caplog):
        """An application that just ends has ended; one that goes on after its shutdown is cancelled."""
        steps = []

        async def lifespan(scope, receive, send):
            try:
                for _ in range(answers + 1):
                    message = await receive()
                    await send({"type": f"{message['type']}.complete"})
            finally:
                steps.append("ended")

        assert self.shutdown(caplog, mixed(lifespan, [])) == []
        assert steps == ["ended"]

    def test_of_several_applications(self, caplog):
        """Each application of the process is shut down, together with the others, and none hinders another."""
        steps = []

        def lifespan_of(number):
            @asynccontextmanager
            async def lifespan(state):
                yield
                await barrier.wait()
                if number == 1:
                    raise LookupError(number)
                steps.append(number)

            return lifespan

        barrier = asyncio.Barrier(3)
        logged = self.shutdown(caplog, *(application_of(lifespan_of(number)) for number in range(3)))
        assert logged == [("the application's shutdown failed: 1", "LookupError(1)")]
        assert sorted(steps) == [0, 2]

    @pytest.mark.parametrize(
        "messages",
        [
            ["startup.complete"] * 2,
            ["startup.failed"] * 2,
            ["shutdown.complete"],
            ["startup.complete", "shutdown.failed"],
        ],
    )
    def test_messages_out_of_order(self, messages, monkeypatch):
        """An application is told where it says something for the second time, or too early."""
        told = []

        async def application(scope, receive, send):
            try:
                for message in messages:
                    await send({"type": f"lifespan.{message}"})
            except ProtocolError as error:
                told.append(str(error))
                raise

        monkeypatch.setattr(module, "CLEANUP_SECONDS", 0)
        try:
            make_handler(mixed(application, []), "asgi")(None, CONTEXT)
        except StartupFailed:
            assert messages == ["startup.failed"] * 2
        assert told == [
            f"the application sent 'lifespan.{messages[-1]}' out of order, or no such message exists (ASGI)"
        ]


class TestSigterm:
    """What ends a process that runs on afterwards, because somebody else had a mind of SIGTERM before."""

    @pytest.fixture
    def steps(self):
        return []

    @pytest.fixture
    def call(self, steps):
        """A handler, where SIGTERM had been caught by somebody else before."""
        signal.signal(signal.SIGTERM, lambda number, frame: steps.append("sigterm"))

        @asynccontextmanager
        async def lifespan(state):
            steps.append("startup")
            yield
            for _ in range(9):
                await asyncio.sleep(0)
            steps.append("shutdown")

        async def view(scope):
            if scope["aws.event"]:
                signal.raise_signal(signal.SIGTERM)
            while scope["aws.event"] == "terminate" and steps[-1] != "sigterm":
                await asyncio.sleep(0)
            steps.append("event")

        return handler_of(application_of(lifespan, view))

    @pytest.mark.parametrize("place", ["main", "thread"])
    def test_between_events(self, place, call, steps):
        """The application is shut down, and whoever caught the signal before has it next."""
        call()
        if place == "thread":
            asyncio.run(asyncio.to_thread(lambda: asyncio.run(asyncio.sleep(0, call()))))
            asyncio.run(self.inside(call))
        events = steps.count("event")
        signal.raise_signal(signal.SIGTERM)
        assert steps == ["startup", *["event"] * events, "shutdown", "sigterm"]

    async def inside(self, call):
        call()

    def test_in_the_midst_of_an_event(self, call, steps):
        """The application is shut down while the event that is being handled goes on."""
        call("terminate")
        assert steps == ["startup", "shutdown", "sigterm", "event"]

    def test_in_an_event_that_ends_before_the_shutdown(self, call, steps):
        """The shutdown comes to its end, and the signal is passed on, though no other event comes."""
        call("terminate at once")
        while steps[-1] != "sigterm":
            time.sleep(0.01)
        assert sorted(steps) == ["event", "shutdown", "sigterm", "startup"]
        assert steps.index("shutdown") < steps.index("sigterm")

    def test_is_caught_again_after_the_next_startup(self, call, steps):
        """A process that lives on starts the application up again, and shuts it down again."""
        call("terminate")
        asyncio.run(self.inside(call))
        signal.raise_signal(signal.SIGTERM)
        assert steps == ["startup", "shutdown", "sigterm", "event", "startup", "event", "shutdown", "sigterm"]

    def test_is_not_caught_without_a_lifespan(self, steps):
        """Where there is nothing to shut down, SIGTERM is left as it was."""
        before = signal.getsignal(signal.SIGTERM)
        handler_of(application_of(), lifespan="off")()
        handler_of(mixed(returns, []), interface="asgi")()
        assert signal.getsignal(signal.SIGTERM) is before

    def test_is_not_caught_by_another_thread(self, steps):
        """Only the main thread can catch a signal; a startup in another shuts down at exit all the same."""
        before = signal.getsignal(signal.SIGTERM)
        with ThreadPoolExecutor(1) as executor:
            assert executor.submit(handler_of(application_of())).result() == "ready"
        assert signal.getsignal(signal.SIGTERM) is before


START = """
import asyncio, gc, os, signal, sys, threading, warnings
from apps.ending import *
from cloud_events.interface import loop
"""
CALL = "handler(None, None)\n"
HELPER = "asyncio.run(inside())\n"
# Another thread drives the loop, in the midst of an event.
THREAD = "threading.Thread(target=attempt, args=['wait'], daemon=True).start(); begun.wait()\n"
QUICKLY = "loop.SHUTDOWN_SECONDS = 0.01\n"
NOW = "loop.SHUTDOWN_SECONDS = -0.49\n"  # which leaves a hundredth for a loop that may be blocked
# A signal that comes just before a wait does not end it.
STAY = "while True: threading.Event().wait(0.1)\n"
PAUSE = "say('waiting')\n" + STAY
FORK = """
warnings.simplefilter("ignore")  # to fork, of a process with threads, is what Python warns of
child = os.fork()
if not child:
    say("child"); {}
say("parent:" + str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))
"""


def python(program):
    """A Python in development mode, whose warnings are errors, that runs *program*."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", START + program]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=Path(__file__).parent)


def end(process):
    """(What a process still said, its exit status, what it said of faults); one that does not end is ended."""
    try:
        said, faults = process.communicate(timeout=60)
    finally:
        process.kill()
    return said.split(), process.returncode, faults


def until(process, word):
    """Read what a process says until it says *word*."""
    while (said := process.stdout.readline()) != f"{word}\n":
        assert said, process.communicate()


# What a program does: what it says while it ends, its exit status, and the faults that it tells.
ENDS = {
    "driven by the main thread": (CALL + CALL, "startup event event shutdown", 0, ""),
    "then driven by a helper": (CALL + HELPER, "startup event event shutdown", 0, ""),
    "first driven by a helper": (HELPER + CALL, "startup event event shutdown", 0, ""),
    "closed before": (CALL + "loop.LOOP.close()\n" + CALL, "startup event shutdown startup event shutdown", 0, ""),
    "by SystemExit": (CALL + "raise SystemExit(3)", "startup event shutdown", 3, ""),
    "by SystemExit in an event": ("handler('leave', None)", "startup event shutdown", 3, ""),
    "by SystemExit in a thread": ("asyncio.run(inside('leave'))", "startup event shutdown", 3, ""),
    "with a generator": ("handler('read', None)", "startup event shutdown generator-closed", 0, ""),
    "with a task": (
        "handler('spawn', NoTime())",
        "startup event waiting shutdown cancelled",
        0,
        r"tasks still pending at the end of the invocation; they go on at the next: printing\n",
    ),
    "while another thread drives": (THREAD, "startup event waiting shutdown cancelled", 0, ""),
    "shutdown that takes too long": (
        CALL + QUICKLY + "shutdown.append('wait')",
        "startup event shutdown waiting cancelled",
        0,
        r"the application's shutdown took more than 0\.01 s and was left\n",
    ),
    "forked": (
        CALL + FORK.format("handler(None, None); loop.LOOP.close(); os._exit(0)") + CALL,
        "startup event child startup event shutdown parent:0 event shutdown",
        0,
        "",
    ),
    "forked after a helper drove": (
        HELPER + FORK.format("handler(None, None); gc.collect(); os._exit(0)") + CALL,
        "startup event child startup event parent:0 event shutdown",
        0,
        "",
    ),
    "forked before any event": (
        FORK.format("handler(None, None); sys.exit()") + CALL,
        "child startup event shutdown parent:0 startup event shutdown",
        0,
        "",
    ),
    "forked, and the child ended by SIGTERM": (
        HELPER + FORK.format("signal.raise_signal(signal.SIGTERM)") + CALL,
        "startup event child parent:-15 event shutdown",
        0,
        "",
    ),
}
TERMINATED = {
    "between events": (CALL + PAUSE, "shutdown"),
    "between events, after a helper drove": (HELPER + PAUSE, "shutdown"),
    # The event dies with the process, as it would have anyway.
    "while the main thread drives": ("handler('wait', None)", "shutdown"),
    "while the main thread waits": ("asyncio.run(inside('wait'))", "shutdown cancelled"),
    "while another thread drives": (CALL + THREAD + STAY, "shutdown cancelled"),
    "while an event blocks the main thread": (CALL + NOW + "handler('block', None)", ""),
    "shutdown that takes too long": (
        CALL + QUICKLY + "shutdown.append('wait')\n" + PAUSE,
        "shutdown waiting cancelled",
    ),
}


class TestEnd:
    @pytest.mark.parametrize("way", ENDS)
    def test_of_the_interpreter(self, way):
        """However a program ends, its application is shut down first, and what is left is cancelled."""
        program, said, status, faults = ENDS[way]
        ended = end(python(program))
        assert ended[:2] == (said.split(), status), ended
        assert re.fullmatch(faults, ended[2]), ended

    @pytest.mark.parametrize("when", TERMINATED)
    def test_by_sigterm(self, when):
        """SIGTERM shuts the application down, within bounds, and then ends the process as it always does."""
        program, said = TERMINATED[when]
        process = python(program)
        until(process, "waiting")
        process.terminate()
        assert end(process)[:2] == (said.split(), -signal.SIGTERM)

    @pytest.mark.parametrize("waits", ["handler('wait', None)", CALL + PAUSE])
    def test_by_sigterm_that_the_program_catches(self, waits):
        """The program's own handler comes after the shutdown, in the midst of an event, too, and may leave."""
        process = python("signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\n" + waits)
        until(process, "waiting")
        process.terminate()
        said, status, _ = end(process)
        assert (said[0], status) == ("shutdown", 5)

    def test_by_a_second_sigterm(self):
        """A shutdown that takes long does not keep a second SIGTERM from ending the process."""
        process = python(CALL + "loop.SHUTDOWN_SECONDS = 3600; shutdown.append('wait')\n" + PAUSE)
        until(process, "waiting")
        process.terminate()
        until(process, "waiting")
        process.terminate()
        assert end(process)[:2] == ([], -signal.SIGTERM)
