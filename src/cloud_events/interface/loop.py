"""The one event loop. It lives as long as the process, so that pools and locks bound to it stay good.

It is driven by whoever calls, which costs no thread. When a second thread calls at the same time, or one with a running
loop of its own, the same loop moves to a background thread and stays there.
"""

import asyncio
import atexit
import logging
import os
import signal
import threading
from concurrent.futures import Future
from contextlib import suppress
from contextvars import Context

from .tasks import factory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

logger = logging.getLogger("cloud_events")

SHUTDOWN_SECONDS = 1.5  # Lambda gives at most 2: developer guide, "Lambda execution environment lifecycle"


class Call:
    """``await function(*arguments)``, and what became of it."""

    __slots__ = ("_arguments", "_function", "error", "result", "task")

    task: "asyncio.Task[None]"

    def __init__(self, function: "Callable[..., Any]", *arguments: "Any") -> None:
        self._function = function
        self._arguments = arguments
        self.error: BaseException | None = None

    async def make(self, then: "Callable[[], None] | None" = None) -> None:
        """Await it, then call *then*.

        Nothing is raised: SystemExit would end the thread that runs the loop, and all that waits there.
        """
        try:
            self.result = await self._function(*self._arguments)
        except BaseException as error:
            self.error = error
        if then is not None:
            then()


class Driven(asyncio.Task[None]):
    """A task whose coroutine stops the loop at its end, for nothing else would be done then."""

    def cancel(self, msg: "Any" = None) -> bool:
        """Cancel it, and stop the loop: the coroutine, if it has not begun, will not."""
        self.get_loop().stop()
        return super().cancel(msg)


class Engine:
    """One asyncio loop, and what runs it: its callers, one at a time, or a thread of its own."""

    def __init__(self, lock: "threading.RLock") -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_task_factory(factory)
        self._ready: Any = getattr(self.loop, "_ready", True)  # what it has to do at once; True: unknown
        self._lock = lock
        self._driver: int | None = None  # the thread of the caller that runs it at this moment
        self._shared = False  # by several callers at a time, once and for all
        self._thread: threading.Thread | None = None
        self._over = False
        self.last: asyncio.Task[None] | None = None  # what must come to its end, whoever runs the loop by then

    def begin(self, call: Call, context: "Context", seconds: "float | None" = None) -> "Callable[[Call], None]":
        """Have *call* made in *context*; return what waits for that, to be given *call*. The lock is held.

        *seconds*: the call is the last, and not to be waited for longer than that if another thread runs the loop.
        """
        thread = threading.get_ident()
        if asyncio._get_running_loop() is None and self._driver in (None, thread) and not self._shared:
            self._driver = thread
            call.task = Driven(call.make(self.loop.stop), loop=self.loop, name="cloud_events-event", context=context)
            return self._drive
        self._shared = True
        self._move()
        return self._post(call, context, seconds)

    def _drive(self, call: Call) -> None:
        try:
            self._run(call.task)
            if self.last is not None:
                # At exit no thread can be started that would run it, and after SIGTERM there may be no other event.
                self.last.add_done_callback(lambda _: self.loop.stop())
                self._run(self.last)
        except BaseException:
            # Ctrl-C, or the SystemExit of another task. This one must not go on with the next event.
            call.task.cancel()
            raise
        finally:
            self._driver = None
            if self._shared or self._over:  # whoever says so from now on sees that there is no driver
                self._leave()

    def _run(self, task: "asyncio.Task[None]") -> None:
        """Run the loop until *task* is done, and what is ready then, such as its callbacks, has had its turn."""
        while not task.done():  # whoever stops the loop meanwhile
            self.loop.run_forever()
        if self._ready:  # nearly never, and to run it once more is a third of what a call costs
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()

    def _leave(self) -> None:
        with self._lock:
            if self._over and self._driver is None:
                self.loop.close()
            elif self.last is None:
                self._move()

    def _post(self, call: Call, context: "Context", seconds: "float | None") -> "Callable[[Call], None]":
        over: Future[None] = Future()

        def start() -> None:
            call.task = asyncio.Task(call.make(), loop=self.loop, context=context)
            call.task.add_done_callback(lambda _: over.set_result(None))
            if seconds is not None:
                self.last = call.task

        def wait(call: Call) -> None:
            try:
                over.result(seconds)
            except BaseException:  # Ctrl-C, or too late
                self.loop.call_soon_threadsafe(lambda: call.task.cancel())
                raise

        self.loop.call_soon_threadsafe(start)
        return wait

    def _move(self) -> None:
        """Give the loop a thread of its own, as soon as no caller drives it. The lock is held."""
        if self._thread is None and self._driver is None:
            thread = threading.Thread(target=self._live, name="cloud_events-loop", daemon=True)
            thread.start()
            self._thread = thread

    def _live(self) -> None:
        while not self._over:
            # Raised in a task, which keeps it for whoever waits for that; the other tasks go on.
            with suppress(SystemExit, KeyboardInterrupt):
                self.loop.run_forever()
        self.loop.close()

    def stop(self) -> None:
        """Have nothing run the loop any more, and close it: whoever runs it does."""
        with self._lock:
            if self._thread is None:
                self._over = True
                if self._driver is None:
                    self.loop.close()
                return
        self.loop.call_soon_threadsafe(self._halt)
        self._thread.join(SHUTDOWN_SECONDS)

    def _halt(self) -> None:
        self._over = True
        self.loop.stop()


class Loop:
    """Runs coroutine functions to their end, called from any thread."""

    def __init__(self) -> None:
        self.current: asyncio.AbstractEventLoop | None = None
        self._engine: Engine | None = None
        self._lock = threading.RLock()  # a signal's handler may come in between, in the same thread
        self._farewells: dict[Any, list[Callable[[], Coroutine[Any, Any, None]]]] = {}
        self._sigterm: Any = None  # what was to happen before we came
        self._inherited: list[Any] = []

    def run(self, context: "Context", function: "Callable[..., Any]", *arguments: "Any") -> "Any":
        """What ``await function(*arguments)`` returns in *context*; what it raises, with its traceback."""
        if asyncio._get_running_loop() is not None:
            self.refuse_itself()
        call = Call(function, *arguments)
        with self._lock:
            if self._engine is None:
                self._engine = Engine(self._lock)
                self.current = self._engine.loop
                atexit.register(self.close)
            wait = self._engine.begin(call, context)
        wait(call)
        if call.task.cancelled():  # before its first step
            raise asyncio.CancelledError
        error, call.error = call.error, None  # whose frames hold the call
        if error is None:
            return call.result
        try:
            raise error
        finally:
            del error

    def refuse_itself(self) -> None:
        """Raise RuntimeError in the loop's own thread, which would wait for itself."""
        running = asyncio._get_running_loop()
        if running is not None and running is self.current:
            raise RuntimeError(
                "the handler was called by the application itself, inside its event loop; "
                "call it in a thread: await asyncio.to_thread(handler, event, context)"
            )

    def at_exit(self, loop: "asyncio.AbstractEventLoop", farewell: "Callable[[], Coroutine[Any, Any, None]]") -> None:
        """Run *farewell* in *loop* before the process ends: at exit, and on SIGTERM if called in the main thread."""
        self._farewells.setdefault(loop, []).append(farewell)
        if self._sigterm is None and threading.current_thread() is threading.main_thread():
            # None: not from Python.
            self._sigterm = signal.signal(signal.SIGTERM, self._terminate) or signal.SIG_DFL

    def _terminate(self, number: int, frame: "Any") -> None:
        # A second SIGTERM is not caught; and in the end the process dies of it, or not, as if nobody had caught it.
        signal.signal(signal.SIGTERM, self._sigterm or signal.SIG_DFL)
        self._sigterm = None
        running = asyncio._get_running_loop()
        if running is not None and running is self.current:
            # In the midst of an event, by the thread that drives the loop. call_soon would not wake it.
            late = threading.Timer(SHUTDOWN_SECONDS + 0.5, os.kill, (os.getpid(), signal.SIGTERM))
            late.daemon = True
            late.start()
            running.call_soon_threadsafe(self._terminate_soon, self._engine, late, context=Context())
        else:
            self.close()
            signal.raise_signal(signal.SIGTERM)

    def _terminate_soon(self, engine: "Any", late: threading.Timer) -> None:
        def terminate(task: "asyncio.Task[None]") -> None:
            late.cancel()
            engine.last = None
            signal.raise_signal(signal.SIGTERM)

        engine.last = engine.loop.create_task(self._say_farewell())
        engine.last.add_done_callback(terminate)

    async def _say_farewell(self) -> None:
        farewells = self._farewells.pop(asyncio.get_running_loop(), [])
        tasks = [asyncio.create_task(farewell()) for farewell in farewells]
        if tasks and (await asyncio.wait(tasks, timeout=SHUTDOWN_SECONDS))[1]:
            logger.warning("the application's shutdown took more than %s s and was left", SHUTDOWN_SECONDS)

    def close(self) -> None:
        """Say farewell, cancel what is left, and close the loop. The next run has a new one."""
        self.refuse_itself()
        with self._lock:
            engine, self._engine, self.current = self._engine, None, None
            if engine is None:
                return
            call = Call(self._end)
            wait = engine.begin(call, Context(), SHUTDOWN_SECONDS + 0.5)
        atexit.unregister(self.close)
        try:
            wait(call)
        except TimeoutError:
            logger.warning("the event loop was blocked and could not be closed")
        else:
            engine.stop()

    async def _end(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + SHUTDOWN_SECONDS
        await self._say_farewell()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=max(0, deadline - loop.time()))
        await loop.shutdown_asyncgens()

    def forget(self) -> None:
        """After a fork: the loop and its thread are the parent's."""
        if self.current is not None:
            # Not to be collected: that would close what they share with the parent's.
            self._inherited.append((self.current, asyncio.all_tasks(self.current)))
        self._engine = self.current = None
        self._lock = threading.RLock()
        self._farewells.clear()


LOOP = Loop()
# Windows knows no fork.
getattr(os, "register_at_fork", dict)(after_in_child=LOOP.forget)
