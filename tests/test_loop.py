"""The one event loop: called from anywhere, kept for good, waited for, and given back whatever it was handed."""

import asyncio
import gc
import importlib
import itertools
import json
import logging
import os
import signal
import socket
import sys
import threading
import traceback
import unittest
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from functools import partial

import anyio
import django.test
import pytest
from asgiref.sync import ThreadSensitiveContext, async_to_sync, sync_to_async
from django.http import HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import re_path
from django.views.decorators.csrf import csrf_exempt
from fastapi import BackgroundTasks, Body, FastAPI
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from cloud_events import make_handler
from cloud_events.errors import OutOfTime, ProtocolError
from cloud_events.interface import loop as loop_module
from cloud_events.interface import tasks
from cloud_events.interface.loop import LOOP
from cloud_events.testing import EventClient, LambdaContext, events
from conftest import Context

CONTEXT = Context()
NO_TIME = Context(left=lambda: 0)
PENDING = "tasks still pending at the end of the invocation; they go on at the next: {}".format


@pytest.fixture(scope="module", autouse=True)
def only_ours_is_collected():
    """Garbage collection looks at what the tests of this module made, which is quick."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def closing_time():
    """Every test ends what it started and leaves nothing behind: a task, loop or socket warns when it is collected."""
    yield
    LOOP.close()
    gc.collect()


def handler_of(view, **settings):
    """The handler of an ASGI application that answers what the coroutine function *view* returns for an event."""

    async def application(scope, receive, send):
        answer = await view(scope["aws.event"])
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": str(answer).encode()})

    return handler_of_application(application, **{"lifespan": "off"} | settings)


def handler_of_application(application, **settings):
    """What *application* answers to an event."""
    handler = make_handler(application, **settings)
    return lambda event=None, context=CONTEXT: handler(event, context)["body"]


def on_the_main_thread(call, *arguments):
    return call(*arguments)


def in_another_thread(call, *arguments):
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(call, *arguments).result()


def inside_a_running_loop(call, *arguments):
    async def main():
        return call(*arguments)

    return asyncio.run(main())


def after_a_loop_was_closed(call, *arguments):
    asyncio.run(asyncio.sleep(0))
    return call(*arguments)


PLACES = [on_the_main_thread, in_another_thread, inside_a_running_loop, after_a_loop_was_closed]
# Driven by its caller, and by a helper thread.
everywhere = pytest.mark.parametrize("place", [on_the_main_thread, inside_a_running_loop])


def warnings_in(caplog):
    """What the library has warned of."""
    records = [record for record in caplog.records if record.name == "cloud_events"]
    return [record.getMessage() for record in records if record.levelno >= logging.WARNING]


def logged_error(caplog):
    """The one exception that was logged with its traceback."""
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    return record.exc_info[1]


async def name(event):
    """A view that says which thread drives the loop."""
    return threading.current_thread().name


def spawn(coroutine, **options):
    asyncio.create_task(coroutine, **options)  # noqa: RUF006  # it is the loop that is to keep it


async def fail(error=LookupError, *arguments):
    raise error(*arguments)


class TestOneLoop:
    @pytest.mark.parametrize("first", range(4))
    def test_is_the_same_wherever_it_is_called(self, first):
        """From any place, in any order, the loop is one, and the lock that the first event made is good for all."""
        seen = []

        async def view(event):
            if not seen:
                seen.append(asyncio.Lock())
            seen.append(asyncio.get_running_loop())
            # Contended, so that the lock is bound to its loop.
            return await asyncio.gather(hold(1), hold(2))

        async def hold(number):
            async with seen[0]:
                await asyncio.sleep(0)
                return number

        call = handler_of(view)
        order = PLACES[first:] + PLACES[:first]
        assert [place(call) for place in order + order[::-1]] == ["[1, 2]"] * 8
        assert set(seen[1:]) == {LOOP.current}

    def test_serves_16_threads_at_once(self):
        """Events of 16 threads are handled together; each caller has its own result or exception, and its variables."""
        number = ContextVar("number", default=-1)
        barriers = []

        async def view(event):
            if event is None:
                barriers.append(asyncio.Barrier(16))
                return "ready"
            await barriers[0].wait()
            if event % 2:
                raise LookupError(event)
            return number.get()

        call = handler_of(view)
        assert call() == "ready"

        def one(event):
            number.set(event)
            try:
                return call(event)
            except LookupError as error:
                return error.args[0], [frame.name for frame in traceback.extract_tb(error.__traceback__)][-2:]

        with ThreadPoolExecutor(16) as executor:
            raised = ["application", "view"]
            assert list(executor.map(one, range(16))) == [(n, raised) if n % 2 else str(n) for n in range(16)]

    @pytest.mark.parametrize("name", ["", "books"], ids=["elsewhere", "in Lambda"])
    def test_of_two_events(self, name, monkeypatch):
        """The caller that runs the loop for both stays until they are handled: asgiref keeps state by thread. In Lambda
        it returns first if its event is handled first.
        """
        if name:
            monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", name)
        gates, threads = [], []

        async def view(event):
            gates.append(asyncio.Event())
            if event == "short":
                await gates[0].wait()
                return "the first to end"
            gates[0].set()
            await asyncio.sleep(0.2)
            threads.append(threading.current_thread().name)
            return "the last to end"

        def other():
            while not gates:
                pass
            return call("long")

        call = handler_of(view)
        with ThreadPoolExecutor(1, "other") as executor:
            later = executor.submit(other)
            assert call("short") == "the first to end"
            assert threads == ([] if name else ["MainThread"])
            assert later.result() == "the last to end"
        assert threads == ["other_0" if name else "MainThread"]

    @pytest.mark.parametrize("how", ["loop.run_in_executor", "a thread"])
    def test_an_event_of_a_view_after_a_loan(self, how):
        """The thread of an event that a view hands over does not wait for that view, which waits for it."""
        begun = threading.Event()

        async def view(scope):
            if scope["path"] == "/http":
                await asyncio.sleep(0.02)
            elif scope["aws.event"] == "inner":
                begun.set()
                await asyncio.sleep(0.1)
            elif how == "a thread":
                await asyncio.wrap_future(ThreadPoolExecutor(1).submit(call, "inner"))
            else:
                await asyncio.get_running_loop().run_in_executor(None, call, "inner")

        async def application(scope, receive, send):
            await view(scope)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body"})

        handler = make_handler(application, lifespan="off", http_handler="mangum")
        call = partial(handler, context=LambdaContext(20_000))
        for _ in range(5):
            begun.clear()
            with ThreadPoolExecutor(1) as executor:
                outer = executor.submit(call, "outer")
                begun.wait()
                assert call(events.function_url("GET", "/http"))["statusCode"] == 200
                assert outer.result()["status_code"] == "200"

    def test_an_event_of_a_view_during_a_startup(self):
        """The thread of the startup does not wait for other events, which may wait for the startup."""
        begun = threading.Event()

        async def slow(scope, receive, send):
            if scope["type"] == "lifespan":
                await receive()
                begun.set()
                await asyncio.sleep(0.1)
                await send({"type": "lifespan.startup.complete"})
                await receive()
            else:
                await send({"type": "http.response.start", "status": 200})
                await send({"type": "http.response.body"})

        async def view(event):
            return (await asyncio.to_thread(starting, {}, CONTEXT))["status_code"]

        starting, call = make_handler(slow), handler_of(view)
        with ThreadPoolExecutor(1) as executor:
            first = executor.submit(starting, {}, CONTEXT)
            begun.wait()
            assert call() == "200"
            assert first.result()["status_code"] == "200"

    @everywhere
    def test_called_by_the_application_itself(self, place):
        """A handler that is called inside its own loop would wait for itself: it says so, and how to call it."""

        async def view(event):
            with pytest.raises(RuntimeError) as caught:
                inner()
            with pytest.raises(RuntimeError):
                LOOP.close()
            return caught.value

        inner = handler_of(name, lifespan="auto")
        assert place(handler_of(view)) == (
            "the handler was called by the application itself, inside its event loop; "
            "call it in a thread: await asyncio.to_thread(handler, event, context)"
        )

    @everywhere
    def test_called_by_the_application_in_a_thread(self, place):
        """A handler that the application calls in a thread works, while the application waits for it."""

        async def view(event):
            return await asyncio.to_thread(handler_of(double), 21)

        async def double(event):
            await asyncio.sleep(0)
            return event * 2

        assert place(handler_of(view)) == "42"

    @everywhere
    def test_an_application_that_stops_it(self, place):
        """An application that stops the loop stops nothing: neither its own event nor the next one."""

        async def view(event):
            asyncio.get_running_loop().stop()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            return "stopped"

        call = handler_of(view)
        assert [place(call), place(call)] == ["stopped"] * 2

    def test_gives_what_is_ready_its_turn(self):
        """A connection that the application closes last is closed when its reply is there: nothing may come later."""
        ours, theirs = socket.socketpair()

        async def view(event):
            _, writer = await asyncio.open_connection(sock=ours)
            writer.close()

        with theirs:
            handler_of(view)()
            assert ours.fileno() == -1


class TestClosing:
    def test_makes_room_for_a_new_one(self):
        """A loop that was closed is replaced; what was left in the old one was cancelled, what waits included."""
        steps = []

        async def view(event):
            spawn(wait(), name="waiting")
            steps.append(asyncio.get_running_loop())

        async def wait():
            try:
                await asyncio.Event().wait()
            finally:
                steps.append("cancelled")

        handler_of(view)(context=NO_TIME)
        LOOP.close()
        LOOP.close()
        assert LOOP.current is None
        handler_of(view)(context=NO_TIME)
        first, cancelled, second = steps
        assert (first.is_closed(), cancelled) == (True, "cancelled")
        assert second is LOOP.current

    @everywhere
    def test_while_another_thread_drives_it(self, place):
        """What another thread is waiting for is cancelled, and that thread is told."""
        begun, steps = threading.Event(), []

        async def view(event):
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                steps.append("cancelled")

        with ThreadPoolExecutor(1) as executor:
            waiting = executor.submit(handler_of(view))
            begun.wait()
            loop = LOOP.current
            place(LOOP.close)
            with pytest.raises(ProtocolError, match="cancelling itself"):
                waiting.result()
        assert steps == ["cancelled"]
        assert loop.is_closed()

    @pytest.mark.parametrize("kind", [asyncio.Event, threading.Event])
    def test_while_it_is_blocked(self, kind, monkeypatch, caplog):
        """An event that blocks the loop, or refuses to be cancelled, goes on to its end; nobody waits for it."""
        monkeypatch.setattr(loop_module, "SHUTDOWN_SECONDS", 0.01)
        begun, gates = threading.Event(), []

        async def view(event):
            gates.extend((asyncio.get_running_loop(), kind()))
            begun.set()
            if kind is asyncio.Event:
                with pytest.raises(asyncio.CancelledError):
                    await asyncio.Event().wait()
                await gates[1].wait()
            else:
                gates[1].wait()
            return "done"

        with ThreadPoolExecutor(1) as executor:
            waiting = executor.submit(handler_of(view))
            begun.wait()
            LOOP.close()
            assert warnings_in(caplog) == ["the event loop was blocked and could not be closed"]
            assert handler_of(name)() == "MainThread"
            loop, gate = gates
            assert loop is not LOOP.current
            loop.call_soon_threadsafe(gate.set) if kind is asyncio.Event else gate.set()
            assert waiting.result() == "done"
        loop.call_later(0.05, loop.stop)
        loop.run_forever()
        loop.close()


class Leaving(BaseException):
    """An exception that is none of Exception's, as pytest's and Trio's are."""


class TestFailure:
    @everywhere
    @pytest.mark.parametrize("kind", [LookupError, SystemExit, KeyboardInterrupt, Leaving])
    def test_is_its_callers(self, place, kind):
        """What the application raises, even to leave the process, is raised to its caller, with its traceback."""
        error = kind("gone")

        async def view(event):
            await asyncio.sleep(0)
            raise error

        with pytest.raises(kind) as caught:
            place(handler_of(view))
        assert caught.value is error
        assert traceback.extract_tb(error.__traceback__)[-1].name == "view"
        assert place(handler_of(name))

    def test_of_an_event_that_is_cancelled_before_it_begins(self):
        """What an event has left behind may cancel the next before its first step: its caller is told, and goes on."""
        steps = []

        async def view(event):
            steps.append(event)
            if event == 1:
                loop = asyncio.get_running_loop()
                loop.call_soon(loop.call_soon, loop.call_soon, cancel)

        def cancel():
            steps.extend(task.cancel() for task in asyncio.all_tasks(LOOP.current))

        call = handler_of(view)
        call(1)
        with pytest.raises(asyncio.CancelledError):
            call(2)
        call(3)
        assert steps == [1, True, 3]

    @pytest.mark.parametrize("place", [on_the_main_thread, in_another_thread, inside_a_running_loop])
    @pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
    def test_of_a_task_that_leaves_the_process(self, place, kind):
        """SystemExit in a task of an event is raised to that event's caller, and the next call works."""
        steps = []

        async def view(event):
            spawn(fail(kind, "gone"))
            try:
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            finally:
                steps.append("ended")

        with pytest.raises(kind, match="gone"):
            place(handler_of(view))
        assert place(handler_of(name))
        assert steps == ["ended"]

    def test_of_a_task_of_another_threads_event(self):
        """SystemExit in a task of one event does not touch the event of the thread that drives both."""
        gates = []

        async def view(event):
            if event == "drive":
                gates.append(asyncio.Event())
                await gates[0].wait()
                await asyncio.sleep(0)
                return "driven"
            spawn(fail(SystemExit, "gone"))
            return gates[0].set()

        call = handler_of(view)
        with ThreadPoolExecutor(2) as executor:
            driving = executor.submit(call, "drive")
            while not gates:
                pass
            with pytest.raises(SystemExit, match="gone"):
                executor.submit(call, "leave").result()
            assert driving.result() == "driven"

    def test_leaves_nothing_that_holds_it(self):
        """An exception is freed, with all that it holds, once nobody refers to it: no frame of its traceback does."""

        class Book:
            pass

        async def view(event):
            book = Book()
            books.append(weakref.ref(book))
            raise LookupError(book)

        def attempt(call):
            # A test's own means of catching would keep it.
            try:
                call()
            except LookupError:
                return "raised"

        books = []
        gc.collect()
        gc.disable()
        try:
            for place in (on_the_main_thread, in_another_thread, inside_a_running_loop, on_the_main_thread):
                assert place(attempt, handler_of(view)) == "raised"
                assert books.pop()() is None
        finally:
            gc.enable()


class TestInterrupt:
    @pytest.fixture(autouse=True)
    def heard(self):
        """Where the tests were started in the background, Ctrl-C is ignored."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        signal.signal(signal.SIGINT, before)

    @staticmethod
    def inside_a_running_loop(call):
        """Without asyncio.run, which takes a first Ctrl-C for itself."""

        async def main():
            call()

        loop = asyncio.new_event_loop()
        try:
            loop.run_until_complete(main())
        finally:
            loop.close()

    @pytest.mark.parametrize("place", [on_the_main_thread, inside_a_running_loop])
    def test_of_the_caller(self, place):
        """Ctrl-C is raised to the caller, whichever thread drives; its event does not go on with the next."""
        ended = threading.Event()

        def interrupt():
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

        async def view(event):
            # Late enough for the main thread to wait, where a helper drives.
            asyncio.get_running_loop().call_later(0.1, interrupt)
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        with pytest.raises(KeyboardInterrupt):
            place(handler_of(view))
        assert handler_of(name)()
        assert ended.wait(10)

    def test_of_a_caller_that_drives_for_others(self):
        """Ctrl-C of the caller that drives does not touch another thread's event, which that then drives itself."""
        gates = []

        async def view(event):
            if event == "drive":
                gates.append(threading.Event())
                while len(gates) == 1:
                    await asyncio.sleep(0.001)
                asyncio.get_running_loop().call_later(0.1, signal.raise_signal, signal.SIGINT)
                await asyncio.Event().wait()
            gates.append(asyncio.Event())
            await gates[1].wait()
            return threading.current_thread().name

        def other():
            while not gates:
                pass
            return call("wait")

        call = handler_of(view)
        with ThreadPoolExecutor(1, "other") as executor:
            later = executor.submit(other)
            with pytest.raises(KeyboardInterrupt):
                call("drive")
            LOOP.current.call_soon_threadsafe(gates[1].set)
            assert later.result(10) == "other_0"

    def test_at_any_moment(self):
        """Ctrl-C wherever it may come in the library's own code does not keep the next event from being handled."""
        call = handler_of(name)
        moments = {(loop_module.__file__, "call"), (loop_module.__file__, "c_return"), (threading.__file__, "call")}

        def interrupt(frame, happening, _):
            # Where CPython looks for signals: at the beginning of a function, and behind a call.
            if (frame.f_code.co_filename, happening) in moments and not next(left):
                sys.setprofile(None)
                raise KeyboardInterrupt

        for moment in itertools.count():
            left = itertools.count(-moment)
            sys.setprofile(interrupt)
            try:
                call()
            except KeyboardInterrupt:
                assert call() == "MainThread"
                assert in_another_thread(call) != "MainThread"
            else:
                break
            finally:
                sys.setprofile(None)
        assert moment > 10

    def test_of_a_caller_whose_event_has_not_begun(self):
        """Ctrl-C before the loop has come to the event means that it never does."""
        begun, gate, steps = threading.Event(), threading.Event(), []

        async def block(event):
            begun.set()
            gate.wait()

        async def view(event):
            steps.append("begun")

        interrupt = threading.Timer(0.1, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT))
        with ThreadPoolExecutor(1) as executor:
            blocked = executor.submit(handler_of(block))
            begun.wait()
            interrupt.start()
            with pytest.raises(KeyboardInterrupt):
                handler_of(view)()
            gate.set()
            blocked.result()
        assert handler_of(name)() == "MainThread"
        assert steps == []


@everywhere
def test_context_variables_of_the_caller_are_seen(place):
    """What a custom handler put into a context variable is seen by the view, by its tasks and by its threads."""
    book = ContextVar("book")

    async def get():
        return book.get()

    async def view(event):
        return [await get(), await asyncio.create_task(get()), await asyncio.to_thread(book.get)]

    def custom_handler(event):
        book.set(event)
        return handler_of(view)(event)

    assert place(custom_handler, "Emma") == "['Emma', 'Emma', 'Emma']"


@everywhere
class TestTasks:
    """The tasks that an event spawns."""

    @pytest.mark.parametrize("fails", [False, True])
    def test_are_waited_for(self, place, fails):
        """Tasks that an event spawns, and those that they spawn, are done when its reply, or failure, is there."""
        steps = []

        async def view(event):
            for number in range(3):
                spawn(work(number))
            steps.append("answered")
            if fails:
                raise LookupError("no such book")

        async def work(number):
            await asyncio.sleep(0)
            steps.append(number)
            if number < 8:
                asyncio.get_running_loop().create_task(work(number + 3), name=f"work {number + 3}")

        if fails:
            with pytest.raises(LookupError, match="no such book"):
                place(handler_of(view))
        else:
            place(handler_of(view))
        assert steps == ["answered", *range(11)]

    def test_that_have_no_time_go_on_with_the_next_event(self, place, caplog):
        """Tasks that are pending at the deadline are named in a warning, and go on when the loop does."""
        work, gates = [], []

        async def view(event):
            if event == "begin":
                gates.append(asyncio.Event())
                work.extend(asyncio.create_task(gates[0].wait(), name=name) for name in ("printing", "binding"))
            elif event == "end":
                gates[0].set()
                return await asyncio.gather(*work)
            return "done"

        call = handler_of(view)
        assert place(call, "begin", NO_TIME) == "done"
        assert warnings_in(caplog) == [PENDING("binding, printing")]
        caplog.clear()
        # Events to which they do not belong need not wait for them.
        assert place(call, "another", NO_TIME) == "done"
        assert place(call, "end") == "[True, True]"
        assert warnings_in(caplog) == []

    def test_that_have_no_deadline(self, place, caplog, monkeypatch):
        """Where no context says how much time is left, they have some seconds."""
        monkeypatch.setattr(tasks, "DRAIN_SECONDS", 0)

        async def view(event):
            spawn(asyncio.Event().wait(), name="printing")

        place(handler_of(view), None, None)
        assert warnings_in(caplog) == [PENDING("printing")]

    def test_of_a_task_that_outlives_its_event_are_its_own(self, place, caplog):
        """What a task goes on to spawn after its event belongs to no event, and is kept by none."""
        kept, gates = [], []

        async def view(event):
            if event == "begin":
                gates.append(asyncio.Queue())
                spawn(keep(), name="keeper")
            elif event == "spawn":
                gates[0].put_nowait("now")
                await asyncio.sleep(0)
                await asyncio.sleep(0)

        async def keep():
            while True:
                await gates[0].get()
                kept.append(weakref.ref(asyncio.create_task(asyncio.sleep(0))))

        call = handler_of(view)
        place(call, "begin", NO_TIME)
        caplog.clear()
        place(call, "spawn")
        place(call, "nothing")
        gc.collect()
        assert [task() for task in kept] == [None]
        assert warnings_in(caplog) == []

    def test_that_fail(self, place, caplog):
        """The failure of a task that nobody took is logged with its traceback; in native mode the event fails."""

        async def view(event):
            spawn(fail(LookupError, "no such printer"))
            return "done"

        assert place(handler_of(view)) == "done"
        assert str(logged_error(caplog)) == "no such printer"
        with pytest.raises(LookupError, match="no such printer"):
            place(handler_of(view, response="native"))

    def test_that_fail_together(self, place):
        """Several failures, the application's own among them, are one group: none hides another."""

        async def application(scope, receive, send):
            spawn(fail(LookupError, 2))
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body"})
            await fail(LookupError, 1)

        handler = make_handler(application, response="native", lifespan="off")
        with pytest.raises(ExceptionGroup) as caught:
            place(handler, None, CONTEXT)
        assert caught.value.message == "raised after the answer was complete"
        assert [error.args for error in caught.value.exceptions] == [(1,), (2,)]

    def test_whose_failure_was_taken(self, place, caplog):
        """A failure that the application dealt with is none, nor is a task that was cancelled."""

        async def view(event):
            awaited, gathered, cancelled = (asyncio.create_task(fail()) for _ in range(3))
            cancelled.cancel()
            with pytest.raises(LookupError):
                await awaited
            await asyncio.gather(gathered, cancelled, return_exceptions=True)
            return "done"

        assert place(handler_of(view)) == "done"
        assert warnings_in(caplog) == []


class TestDeadline:
    @everywhere
    def test_ends_the_application(self, place, caplog):
        """Shortly before the deadline the application is cancelled, cleans up, and the event fails for that reason."""
        steps = []

        async def view(event):
            spawn(asyncio.Event().wait(), name="printing")
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                steps.append("cleaned up")

        with pytest.raises(OutOfTime) as caught:
            place(handler_of(view), None, NO_TIME)
        assert str(caught.value) == (
            "the application was cancelled shortly before the function's deadline; "
            "give the function a longer timeout, or the application less to do"
        )
        assert isinstance(caught.value, TimeoutError)
        assert steps == ["cleaned up"]
        assert warnings_in(caplog) == [PENDING("printing")]
        assert place(handler_of(name))

    @pytest.mark.parametrize(("left", "until"), [(30, 29.5), (1.5, 1), (1, 0.5), (0.2, 0.1)])
    def test_leaves_half_a_second_for_cleaning_up(self, left, until):
        """Half a second is left, or half of what there was."""
        steps = []

        async def view(event):
            loop = asyncio.get_running_loop()
            if event == "set the clock":
                loop.time = lambda: clock[0]
                return
            try:
                for clock[0] in (start + until - 0.001, start + until + 0.001):
                    await asyncio.sleep(0)
                    await asyncio.sleep(0)
                    steps.append(clock[0])
            finally:
                steps.append("cancelled")

        clock = [start := 1_000_000.0]
        call = handler_of(view)
        call("set the clock")
        with pytest.raises(OutOfTime):
            call(None, Context(left=lambda: left * 1000))
        assert steps == [start + until - 0.001, "cancelled"]

    def test_after_the_answer(self, caplog):
        """An application that is cancelled after its answer has failed after it: the answer stands."""

        async def application(scope, receive, send):
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body"})
            await asyncio.Event().wait()

        reply = make_handler(application, lifespan="off")(None, NO_TIME)
        assert reply == {"status_code": "200", "body": "", "headers": {}}
        assert isinstance(logged_error(caplog), OutOfTime)

    @pytest.mark.parametrize("answer", ["too late", LookupError("no such book")])
    def test_of_an_application_that_makes_something_of_it(self, answer):
        """An application that answers, or raises something else, when it is cancelled has answered or raised that."""

        async def view(event):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if isinstance(answer, Exception):
                    raise answer from None
                return answer

        call = handler_of(view)
        if isinstance(answer, Exception):
            with pytest.raises(LookupError, match="no such book"):
                call(None, NO_TIME)
        else:
            assert call(None, NO_TIME) == answer

    def test_of_an_application_with_timeouts_of_its_own(self):
        """What the application's own timeouts raise is the application's."""

        async def view(event):
            async with asyncio.timeout(0):
                await asyncio.Event().wait()

        with pytest.raises(TimeoutError) as caught:
            handler_of(view)()
        assert type(caught.value) is TimeoutError

    def test_of_an_application_that_is_in_time(self):
        """An application that is in time is not cancelled later."""

        async def view(event):
            steps.append(asyncio.current_task())

        steps = []
        handler_of(view)(context=NO_TIME)
        handler_of(view)()
        assert [task.cancelled() or task.cancelling() for task in steps] == [0, 0]

    def test_of_several_events(self):
        """Each of the events that are handled at once has its own deadline."""

        async def view(event):
            if event == "inner":
                await asyncio.Event().wait()
            with pytest.raises(OutOfTime):
                await asyncio.to_thread(call, "inner", NO_TIME)
            return "in time"

        call = handler_of(view)
        assert call("outer") == "in time"

    @everywhere
    def test_that_is_far_away_keeps_nothing_of_an_event(self, place):
        """What a custom handler put into a context variable is freed with the event, long before its deadline."""

        class Book:
            pass

        async def view(event):
            if event is None:
                asyncio.get_running_loop().call_later(20, print)  # behind which asyncio keeps what is cancelled

        book, kept, call = ContextVar("book"), [], handler_of(view)
        call()

        def custom_handler(event):
            book.set(Book())
            kept.append(weakref.ref(book.get()))
            call(event)

        for event in range(9):
            copy_context().run(place, custom_handler, event)
        assert [reference() for reference in kept] == [None] * 9


def starlette_application(done):
    """A class-based middleware, a task group, a stream and a background task."""

    class Middleware(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            return await call_next(request)

    async def view(request):
        number, lines = await request.json(), []

        async def add(line):
            await anyio.sleep(0)
            lines.append(line)

        async def stream():
            async with anyio.create_task_group() as group:
                group.start_soon(add, "number")
            yield f"{lines.pop()} "
            yield str(number)

        return StreamingResponse(stream(), background=BackgroundTask(done.append, number))

    return Starlette(routes=[Route("/", view, methods=["POST"])], middleware=[(Middleware, (), {})])


def fastapi_application(done):
    """A plain function, run in a thread, and a background task, an asynchronous one."""
    application = FastAPI()

    @application.post("/", response_class=PlainTextResponse)
    def view(tasks: BackgroundTasks, number: int = Body()):
        async def after():
            await asyncio.sleep(0)
            done.append(number)

        tasks.add_task(after)
        return f"number {number}"

    return application


def django_application(done):
    """Below a middleware that can only run synchronously, a view that is asynchronous, and streams."""

    async def view(request):
        number = json.loads(request.body)

        async def stream():
            yield "number "
            yield str(number)

        await asyncio.to_thread(done.append, number)
        return StreamingHttpResponse(stream())

    return django_answering(view)


def django_application_with_threads(done):
    """Below the same middleware, an asynchronous view that calls synchronous code, as Django's models do."""

    async def view(request):
        number = json.loads(request.body)
        await asyncio.sleep(number % 4 / 100)
        await sync_to_async(done.append)(number)
        return HttpResponse(f"number {number}")

    return django_answering(view)


def plain_django_application(done):
    """A plain view, which Django runs in a thread."""

    def view(request):
        number = json.loads(request.body)
        done.append(number)
        return HttpResponse(f"number {number}")

    return django_answering(view)


def django_answering(view):
    """Django's ASGI application, with *view* as its only one."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apps.django_books.settings")
    application = importlib.import_module("apps.django_books.asgi").application
    settings = override_settings(ROOT_URLCONF=(re_path("", csrf_exempt(view)),))
    settings.enable()
    application.restore = settings.disable
    return application


FRAMEWORKS = [
    starlette_application,
    fastapi_application,
    django_application,
    django_application_with_threads,
    plain_django_application,
]


@pytest.mark.parametrize("make", FRAMEWORKS)
def test_frameworks_in_16_threads(make):
    """What frameworks do in tasks, in threads and after the response is done for each of many events at once."""
    done = []
    application = make(done)
    call = handler_of_application(application)
    try:
        assert call(-1) == "number -1"
        with ThreadPoolExecutor(16) as executor:
            assert list(executor.map(call, range(32))) == [f"number {number}" for number in range(32)]
    finally:
        getattr(application, "restore", lambda: None)()
    assert sorted(done) == list(range(-1, 32))


async def asend(handler, application, event):
    return (await EventClient(application).asend(event, CONTEXT)).text


async def directly(handler, application, event):
    return handler(event)


async def to_thread(handler, application, event):
    return await asyncio.to_thread(handler, event)


async def sync_to_async_thread(handler, application, event):
    return await sync_to_async(handler)(event)


async def in_a_request_of_djangos(handler, application, event):
    async with ThreadSensitiveContext():
        return await sync_to_async(handler)(event)


@pytest.mark.parametrize("send", [asend, directly, to_thread, sync_to_async_thread, in_a_request_of_djangos])
@pytest.mark.parametrize("make", [django_application, plain_django_application])
def test_in_asynchronous_tests_of_djangos(send, make):
    """An event in one asynchronous test of Django's neither hangs nor disturbs the next: asgiref's threads stay its."""
    application = make([])
    deliver = partial(send, handler_of_application(application), application)

    class Tests(django.test.SimpleTestCase):
        async def test_one(self):
            assert [await deliver(1), await deliver(2)] == ["number 1", "number 2"]

        async def test_two(self):
            assert await deliver(3) == "number 3"

        def test_what_is_synchronous(self):
            assert asyncio.run(deliver(4)) == "number 4"

    result = unittest.TestResult()
    try:
        unittest.defaultTestLoader.loadTestsFromTestCase(Tests).run(result)
    finally:
        application.restore()
    assert (result.testsRun, result.failures, result.errors) == (3, [], [])


def test_django_views_that_call_asynchronous_code():
    """Several records at once: asgiref keeps what belongs to a request by thread, so one thread drives the loop."""

    async def look_up(seconds):
        await asyncio.sleep(seconds)
        return await sync_to_async(int)("204")

    def view(request):
        number = int(json.loads(request.body)["Records"][0]["body"])
        return HttpResponse(status=async_to_sync(look_up)(number / 100))

    application = django_answering(view)
    try:
        handle = make_handler(application, delivery="record", concurrency=4, response="native")
        assert handle(events.sqs(*range(8)), LambdaContext(60_000)) == {"batchItemFailures": []}
    finally:
        application.restore()
