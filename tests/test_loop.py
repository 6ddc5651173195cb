"""The one event loop: called from anywhere, kept for good, waited for, and given back whatever it was handed."""

import asyncio
import gc
import importlib
import itertools
import json
import logging
import os
import signal
import socketserver
import sys
import threading
import traceback
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anyio
import httpx
import litestar
import litestar.background_tasks
import pytest
import quart
from django.http import HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import re_path
from django.views.decorators.csrf import csrf_exempt
from fastapi import BackgroundTasks, Body, FastAPI
from litestar.concurrency import sync_to_thread
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
from conftest import Context

CONTEXT = Context()
NO_TIME = Context(left=lambda: 0)


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
    assert "cloud_events-loop" not in [thread.name for thread in threading.enumerate()]
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
# Driven by its caller, and in a thread of its own.
everywhere = pytest.mark.parametrize("place", [on_the_main_thread, inside_a_running_loop])


class Echo(socketserver.StreamRequestHandler):
    """A server that gives back each line, and counts its connections."""

    def handle(self):
        self.server.connections.append(self.client_address)
        for line in self.rfile:
            self.wfile.write(line)


class Page(BaseHTTPRequestHandler):
    """An HTTP server with one page, which counts its connections."""

    protocol_version = "HTTP/1.1"  # which keeps them open

    def setup(self):
        super().setup()
        self.server.connections.append(self.client_address)

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"ready")

    def log_message(self, *arguments):
        pass


@pytest.fixture
def serve():
    """A function that serves on the loopback interface, by threads."""
    servers = []

    def start(kind, handler):
        server = kind(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        server.connections = []
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        servers.append((server, thread))
        return server

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


class Pool:
    """A pool of one connection, as database drivers have them: opened when it is first needed, given in turn."""

    def __init__(self, address):
        self.address = address
        self.lock = asyncio.Lock()
        self.streams = None

    async def ask(self, line):
        async with self.lock:
            self.streams = self.streams or await asyncio.open_connection(*self.address)
            reader, writer = self.streams
            writer.write(line)
            await writer.drain()
            return await reader.readline()

    async def close(self):
        _, writer = self.streams
        writer.close()
        await writer.wait_closed()


def warnings_in(caplog):
    """What the library has warned of."""
    records = [record for record in caplog.records if record.name == "cloud_events"]
    return [record.getMessage() for record in records if record.levelno >= logging.WARNING]


class TestOneLoop:
    @pytest.mark.parametrize("order", list(itertools.permutations(PLACES)))
    def test_is_the_same_wherever_it_is_called(self, order):
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
        assert [place(call) for place in order * 2] == ["[1, 2]"] * 8
        assert set(seen[1:]) == {LOOP.current}

    def test_pool_of_connections(self, serve):
        """The connection that the first event opened serves the next, wherever that comes from."""
        server, pool = serve(socketserver.ThreadingTCPServer, Echo), []

        async def view(event):
            if event is None:
                return await pool[0].close()
            if not pool:
                pool.append(Pool(server.server_address))
            return await pool[0].ask(b"%d\n" % event)

        call = handler_of(view)
        assert [place(call, number) for number, place in enumerate(PLACES)] == [rf"b'{n}\n'" for n in range(4)]
        with ThreadPoolExecutor(16) as executor:
            assert list(executor.map(call, range(16))) == [rf"b'{n}\n'" for n in range(16)]
        call()
        assert len(server.connections) == 1

    def test_http_client(self, serve):
        """httpx's client keeps its connection from one event to the next."""
        server, clients = serve(ThreadingHTTPServer, Page), []
        url = "http://{}:{}/".format(*server.server_address)

        async def view(event):
            if event is None:
                return await clients[0].aclose()
            if not clients:
                clients.append(httpx.AsyncClient(trust_env=False))
            return (await clients[0].get(url)).text

        call = handler_of(view)
        assert [place(call, 1) for place in PLACES] == ["ready"] * 4
        call()
        assert len(server.connections) == 1

    @pytest.mark.parametrize("first", PLACES)
    def test_serves_16_threads_at_once(self, first):
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
        assert first(call) == "ready"

        def one(event):
            number.set(event)
            try:
                return call(event)
            except LookupError as error:
                return error.args[0], [frame.name for frame in traceback.extract_tb(error.__traceback__)][-2:]

        with ThreadPoolExecutor(16) as executor:
            raised = ["application", "view"]
            assert list(executor.map(one, range(16))) == [(n, raised) if n % 2 else str(n) for n in range(16)]

    def test_moves_when_a_second_thread_needs_it(self):
        """A loop that its first caller drives is handed over while it runs: nobody waits for an event to come."""
        driven, gate, rest = threading.Event(), [], []

        async def first(event):
            gate.append(asyncio.Event())
            driven.set()
            await gate[0].wait()
            return threading.current_thread().name

        async def second(event):
            rest.append(asyncio.Event())
            gate[0].set()
            await rest[0].wait()
            return threading.current_thread().name

        with ThreadPoolExecutor(1) as executor:
            later = executor.submit(lambda: driven.wait() and handler_of(second)())
            assert handler_of(first)() == threading.main_thread().name
            LOOP.current.call_soon_threadsafe(rest[0].set)
            assert later.result() == "cloud_events-loop"
        assert handler_of(name)() == "cloud_events-loop"

    def test_is_not_the_current_loop_of_the_caller(self):
        """Whoever asks for the running loop, or runs one, next to the handler is not disturbed."""
        handler_of(name)()
        assert asyncio._get_running_loop() is None
        assert asyncio.run(asyncio.sleep(0, "undisturbed")) == "undisturbed"

    @everywhere
    def test_called_by_the_application_itself(self, place):
        """A handler that is called inside its own loop would wait for itself: it says so, and how to call it."""

        async def view(event):
            with pytest.raises(RuntimeError) as caught:
                inner()
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

    def test_gives_what_is_ready_its_turn(self, serve):
        """A connection that the application closes last is closed when its reply is there: nothing may come later."""
        server, writers = serve(socketserver.ThreadingTCPServer, Echo), []

        async def view(event):
            _, writer = await asyncio.open_connection(*server.server_address)
            writers.append(writer)
            writer.close()

        handler_of(view)()
        [writer] = writers
        assert writer.get_extra_info("socket").fileno() == -1

    def test_after_its_end_there_is_a_new_one(self):
        """A loop that was closed is replaced; what was left in the old one was cancelled, what waits included."""
        steps = []

        async def view(event):
            asyncio.create_task(wait(), name="waiting")  # noqa: RUF006
            steps.append(asyncio.get_running_loop())

        async def wait():
            try:
                await asyncio.Event().wait()
            finally:
                steps.append("cancelled")

        handler_of(view)(context=NO_TIME)
        LOOP.close()
        LOOP.close()
        handler_of(view)(context=NO_TIME)
        first, cancelled, second = steps
        assert first.is_closed()
        assert cancelled == "cancelled"
        assert second is not first
        assert second is LOOP.current

    def test_closing_while_another_thread_drives_it(self):
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
            LOOP.close()
            with pytest.raises(ProtocolError, match="cancelling itself"):
                waiting.result()
        assert steps == ["cancelled"]
        assert loop.is_closed()

    def test_closing_while_another_thread_drives_it_on(self, monkeypatch):
        """What does not let itself be cancelled goes on to its end, in the loop that is then closed."""
        monkeypatch.setattr(loop_module, "SHUTDOWN_SECONDS", 0)
        begun, gates = threading.Event(), []

        async def view(event):
            gates.append((asyncio.get_running_loop(), asyncio.Event()))
            begun.set()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.Event().wait()
            await gates[0][1].wait()
            return "done"

        with ThreadPoolExecutor(1) as executor:
            waiting = executor.submit(handler_of(view))
            begun.wait()
            LOOP.close()
            assert handler_of(name)() == threading.main_thread().name
            loop, gate = gates[0]
            assert loop is not LOOP.current
            loop.call_soon_threadsafe(gate.set)
            assert waiting.result() == "done"
        assert loop.is_closed()

    def test_closing_while_it_is_blocked(self, monkeypatch, caplog):
        """A loop that an application blocks is not waited for any longer than it may be."""
        monkeypatch.setattr(loop_module, "SHUTDOWN_SECONDS", -0.5)
        begun, gate = threading.Event(), threading.Event()

        async def view(event):
            begun.set()
            gate.wait()
            return "done"

        inside_a_running_loop(handler_of(name))
        engine = LOOP._engine
        with ThreadPoolExecutor(1) as executor:
            waiting = executor.submit(handler_of(view))
            begun.wait()
            LOOP.close()
            assert warnings_in(caplog) == ["the event loop was blocked and could not be closed"]
            gate.set()
            assert waiting.result() == "done"
        monkeypatch.undo()
        engine.stop()

    def test_closing_without_anything_to_end(self):
        """A loop in which nothing is left is closed as well."""
        handler_of(name)()
        loop = LOOP.current
        LOOP.close()
        assert loop.is_closed()
        assert LOOP.current is None

    def test_closing_inside_itself(self):
        """The loop cannot be closed by what runs in it."""

        async def view(event):
            with pytest.raises(RuntimeError):
                LOOP.close()
            return "open"

        assert handler_of(view)() == "open"


async def name(event):
    """A view that tells who runs the loop."""
    return threading.current_thread().name


def main_thread_waits():
    """Whether the main thread has posted its call and waits for the outcome."""
    frame = sys._current_frames()[threading.main_thread().ident]
    if frame.f_code is not threading.Condition.wait.__code__:
        return False
    while frame is not None and frame.f_code.co_qualname != "Engine._post.<locals>.wait":
        frame = frame.f_back
    return frame is not None


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

    def test_of_an_event_that_another_cancels(self):
        """An application that cancels all tasks there are does not leave another thread waiting."""

        async def view(event):
            begun.set()
            while not (others := asyncio.all_tasks() - {asyncio.current_task()}):
                await asyncio.sleep(0)
            for task in others:
                task.cancel()

        begun = threading.Event()
        inside_a_running_loop(handler_of(name))
        with ThreadPoolExecutor(1) as executor:
            cancelling = executor.submit(handler_of(view))
            begun.wait()
            with pytest.raises(asyncio.CancelledError):
                handler_of(name)()
            cancelling.result()

    def test_of_an_event_that_is_cancelled_before_it_begins(self):
        """What an event has left behind may cancel the next before its first step: its caller is told, and goes on."""
        steps = []

        async def view(event):
            steps.append(event)
            if event == 1:
                loop = asyncio.get_running_loop()
                loop.call_soon(loop.call_soon, cancel)

        def cancel():
            steps.extend(task.cancel() for task in asyncio.all_tasks(LOOP.current))

        call = handler_of(view)
        call(1)
        with pytest.raises(asyncio.CancelledError):
            call(2)
        call(3)
        assert steps == [1, True, 3]

    @everywhere
    @pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
    def test_of_a_task_that_leaves_the_process(self, place, kind):
        """SystemExit in a task of an event is raised to that event's caller, and no other call is lost."""
        steps = []

        async def view(event):
            asyncio.create_task(leave())  # noqa: RUF006
            try:
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            finally:
                steps.append("ended")

        async def leave():
            raise kind("gone")

        with pytest.raises(kind, match="gone"):
            place(handler_of(view))
        assert place(handler_of(name))
        assert steps == ["ended"]

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

    def test_of_the_caller_that_drives(self):
        """Ctrl-C is raised to the caller; its event does not go on with the next."""
        steps = []

        async def view(event):
            asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)
            try:
                await asyncio.Event().wait()
            finally:
                steps.append("ended")

        with pytest.raises(KeyboardInterrupt):
            handler_of(view)()
        assert handler_of(name)() == threading.main_thread().name
        assert steps == ["ended"]

    def test_at_the_worst_moment(self):
        """Ctrl-C between taking the loop and running it does not keep the next event from running it."""

        def interrupt(frame, happening, _):
            if happening == "call" and frame.f_code is Engine._drive.__code__:
                sys.setprofile(None)
                raise KeyboardInterrupt

        sys.setprofile(interrupt)
        with pytest.raises(KeyboardInterrupt):
            handler_of(name)()
        assert handler_of(name)() == threading.main_thread().name

    def test_of_the_caller_whose_event_has_not_begun(self):
        """Ctrl-C before the loop has come to the event means that it never does."""
        begun, gate, steps = threading.Event(), threading.Event(), []

        async def block(event):
            begun.set()
            while not main_thread_waits():
                pass
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            gate.wait()

        async def view(event):
            steps.append("begun")

        in_another_thread(inside_a_running_loop, handler_of(name))
        with ThreadPoolExecutor(1) as executor:
            blocked = executor.submit(handler_of(block))
            begun.wait()
            with pytest.raises(KeyboardInterrupt):
                handler_of(view)()
            gate.set()
            blocked.result()
        assert handler_of(name)() == "cloud_events-loop"
        assert steps == []

    def test_of_the_caller_that_waits(self):
        """Ctrl-C ends the wait for the loop's own thread, and the event there."""
        ended = threading.Event()

        async def view(event):
            while not main_thread_waits():
                await asyncio.sleep(0)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        in_another_thread(inside_a_running_loop, handler_of(name))
        with pytest.raises(KeyboardInterrupt):
            handler_of(view)()
        assert ended.wait(10)


@everywhere
class TestContextVariables:
    def test_of_one_event_never_reach_the_next(self, place):
        """What an event, or its tasks, put into a context variable is seen by no other event, nor by the caller."""
        book = ContextVar("book", default="none")

        async def view(event):
            seen = book.get()
            book.set("Emma")
            await asyncio.create_task(asyncio.sleep(0))
            return seen

        call = handler_of(view)
        assert [place(call), place(call), book.get()] == ["none"] * 3

    def test_of_the_caller_are_seen(self, place):
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

    def test_are_waited_for(self, place):
        """Tasks that an event spawns, and those that they spawn, are done when its reply is there."""
        steps = []

        async def view(event):
            for number in range(3):
                asyncio.create_task(work(number))  # noqa: RUF006
            steps.append("answered")

        async def work(number):
            await asyncio.sleep(0)
            steps.append(number)
            if number < 8:
                asyncio.get_running_loop().create_task(work(number + 3), name=f"work {number + 3}")

        place(handler_of(view))
        assert steps == ["answered", *range(11)]

    def test_are_waited_for_when_the_application_fails(self, place):
        """They are waited for even if the application has failed, and do not hide why."""
        steps = []

        async def view(event):
            asyncio.create_task(work())  # noqa: RUF006
            raise LookupError("no such book")

        async def work():
            await asyncio.sleep(0)
            steps.append("done")

        with pytest.raises(LookupError, match="no such book"):
            place(handler_of(view))
        assert steps == ["done"]

    def test_that_have_no_time_go_on_with_the_next_event(self, place, caplog):
        """Tasks that are pending at the deadline are named in a warning, and go on when the loop does."""
        work, gates = [], []

        async def view(event):
            if event == "begin":
                gates.append(asyncio.Event())
                work.extend(asyncio.create_task(gates[0].wait(), name=name) for name in ("printing", "binding"))
                await asyncio.sleep(0)
            elif event == "end":
                gates[0].set()
                return await asyncio.gather(*work)
            return "done"

        call = handler_of(view)
        # Time is up when the application has answered.
        left = iter([0])
        assert place(call, "begin", Context(left=lambda: next(left))) == "done"
        assert warnings_in(caplog) == [
            "tasks still pending at the end of the invocation; they go on at the next: binding, printing"
        ]
        caplog.clear()
        # Events to which they do not belong need not wait for them.
        assert place(call, "another", NO_TIME) == "done"
        assert place(call, "end") == "[True, True]"
        assert warnings_in(caplog) == []

    def test_that_have_no_deadline(self, place, caplog, monkeypatch):
        """Where no context says how much time is left, they have some seconds."""
        monkeypatch.setattr(tasks, "DRAIN_SECONDS", 0)

        async def view(event):
            asyncio.create_task(asyncio.Event().wait(), name="printing")  # noqa: RUF006

        place(handler_of(view), None, None)
        assert warnings_in(caplog) == [
            "tasks still pending at the end of the invocation; they go on at the next: printing"
        ]

    def test_of_a_task_that_outlives_its_event_are_its_own(self, place, caplog):
        """What a task goes on to spawn after its event belongs to no event, and is kept by none."""
        kept, gates = [], []

        async def view(event):
            if event == "begin":
                gates.append(asyncio.Queue())
                asyncio.create_task(keep(), name="keeper")  # noqa: RUF006
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
            asyncio.create_task(fail())  # noqa: RUF006
            return "done"

        async def fail():
            raise LookupError("no such printer")

        assert place(handler_of(view)) == "done"
        [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert str(record.exc_info[1]) == "no such printer"
        with pytest.raises(LookupError, match="no such printer"):
            place(handler_of(view, response="native"))

    def test_that_fail_together(self, place):
        """Several failures, the application's own among them, are one group: none hides another."""

        async def application(scope, receive, send):
            for number in (2, 3):
                asyncio.create_task(fail(number))  # noqa: RUF006
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body"})
            await fail(1)

        async def fail(number):
            raise LookupError(number)

        handler = make_handler(application, response="native", lifespan="off")
        with pytest.raises(ExceptionGroup) as caught:
            place(handler, None, CONTEXT)
        assert caught.value.message == "raised after the answer was complete"
        assert [error.args for error in caught.value.exceptions] == [(1,), (2,), (3,)]

    def test_whose_failure_was_taken(self, place, caplog):
        """A failure that the application dealt with, and a task that was cancelled, are no failures."""

        async def view(event):
            awaited, gathered, cancelled = (asyncio.create_task(fail()) for _ in range(3))
            cancelled.cancel()
            with pytest.raises(LookupError):
                await awaited
            await asyncio.gather(gathered, cancelled, return_exceptions=True)
            return "done"

        async def fail():
            raise LookupError("no such printer")

        assert place(handler_of(view)) == "done"
        assert warnings_in(caplog) == []


class TestDeadline:
    @everywhere
    def test_ends_the_application(self, place):
        """Shortly before the deadline the application is cancelled, cleans up, and the event fails for that reason."""
        steps = []

        async def view(event):
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
        assert isinstance(caught.value.__cause__, asyncio.CancelledError)
        assert steps == ["cleaned up"]
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
        [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert isinstance(record.exc_info[1], OutOfTime)

    def test_of_an_application_that_answers_it(self):
        """An application that makes an answer of its cancellation has answered."""

        async def view(event):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                return "too late"

        assert handler_of(view)(context=NO_TIME) == "too late"

    def test_of_an_application_that_raises_its_own(self):
        """An application that raises something else of its cancellation has raised that."""

        async def view(event):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise LookupError("no such book") from None

        with pytest.raises(LookupError, match="no such book"):
            handler_of(view)(context=NO_TIME)

    def test_names_the_tasks_that_are_left(self, caplog):
        """Tasks that an application leaves behind when it is cancelled are named, too."""

        async def view(event):
            asyncio.create_task(asyncio.Event().wait(), name="printing")  # noqa: RUF006
            await asyncio.Event().wait()

        with pytest.raises(OutOfTime):
            handler_of(view)(context=NO_TIME)
        assert warnings_in(caplog) == [
            "tasks still pending at the end of the invocation; they go on at the next: printing"
        ]

    def test_of_an_application_that_is_in_time(self):
        """An application that is in time is not cancelled later."""

        async def view(event):
            steps.append(asyncio.current_task())

        steps = []
        handler_of(view)(context=NO_TIME)
        handler_of(view)()
        assert [task.cancelled() or task.cancelling() for task in steps] == [0, 0]

    def test_in_a_new_loop(self):
        """Deadlines come in a loop that follows one that was closed, too."""

        async def view(event):
            await asyncio.Event().wait()

        call = handler_of(view)
        for _ in range(2):
            with pytest.raises(OutOfTime):
                call(None, NO_TIME)
            LOOP.close()

    def test_of_several_events(self):
        """Each of the events that are handled at once has its own deadline, whichever begins first."""
        clock, begun, ended = [start := 1_000_000.0], threading.Semaphore(0), []

        async def view(event):
            if event == "set the clock":
                asyncio.get_running_loop().time = lambda: clock[0]
            elif event == "let it pass":
                while len(ended) < 3:
                    clock[0] += 0.25
                    for _ in range(3):
                        await asyncio.sleep(0)
            else:
                begun.release()
                try:
                    await asyncio.Event().wait()
                finally:
                    ended.append((event, clock[0] - start))

        def attempt(seconds):
            with pytest.raises(OutOfTime):
                call(seconds, Context(left=lambda: seconds * 1000))

        call = handler_of(view)
        inside_a_running_loop(call, "set the clock")
        with ThreadPoolExecutor(3) as executor:
            attempts = []
            for seconds in (30, 10, 20):
                attempts.append(executor.submit(attempt, seconds))
                begun.acquire()
            call("let it pass", Context(left=lambda: 1_000_000))
        assert [attempt.result() for attempt in attempts] == [None] * 3
        assert ended == [(10, 9.5), (20, 19.5), (30, 29.5)]

    @everywhere
    @pytest.mark.parametrize(("step", "times"), [(0, 1), (1, 1), (-1, 9)])
    def test_is_watched_by_one_timer(self, step, times, place):
        """A timer is set only for a deadline that is sooner than those before, and keeps nothing of an event."""

        class Book:
            pass

        book, timers, kept = ContextVar("book"), [], []

        async def view(event):
            loop = asyncio.get_running_loop()
            if event is None:
                loop.call_at = lambda *arguments, **rest: timers.append(set_timer(*arguments, **rest)) or timers[-1]
                set_timer = type(loop).call_at.__get__(loop)

        def custom_handler(event):
            book.set(Book())
            kept.append(weakref.ref(book.get()))
            call(event, Context(left=lambda: 30_000 + 1000 * step * event))

        call = handler_of(view)
        call(None, None)
        for event in range(9):
            copy_context().run(place, custom_handler, event)
        assert [timer.cancelled() for timer in timers] == [True] * (times - 1) + [False]
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


def litestar_application(done):
    """A background task, and a function that it runs in a thread."""

    def after(number):
        done.append(number)

    @litestar.post("/", status_code=200)
    async def view(request: litestar.Request) -> litestar.Response[str]:
        number = await request.json()
        task = litestar.background_tasks.BackgroundTask(sync_to_thread, after, number)
        return litestar.Response(f"number {number}", media_type="text/plain", background=task)

    return litestar.Litestar([view], logging_config=None)


def quart_application(done):
    """A stream, and a background task in a thread."""
    application = quart.Quart("books")

    @application.post("/")
    async def view():
        number = await quart.request.get_json()

        async def stream():
            yield b"number "
            yield str(number).encode()

        application.add_background_task(done.append, number)
        return stream(), {"Content-Type": "text/plain"}

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


def plain_django_application(done):
    """A plain view, and the signal of the request's end."""

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


@pytest.mark.parametrize(
    "make",
    [
        starlette_application,
        fastapi_application,
        litestar_application,
        quart_application,
        django_application,
        plain_django_application,
    ],
)
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


@everywhere
def test_a_background_task_of_starlette_that_fails(place, caplog):
    """A failing background task does not take the answer back; it is logged, and in native mode the event fails."""

    async def view(request):
        return PlainTextResponse("done", background=BackgroundTask(fail))

    async def fail():
        raise LookupError("no such printer")

    application = Starlette(routes=[Route("/", view, methods=["POST"])])
    assert place(handler_of_application(application)) == "done"
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert str(record.exc_info[1]) == "no such printer"
    with pytest.raises(LookupError, match="no such printer"):
        place(handler_of_application(application, response="native"))
