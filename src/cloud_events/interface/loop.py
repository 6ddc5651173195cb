"""The one event loop. It lives as long as the process, so that pools and locks bound to it stay good.

It is driven by whoever calls first, which costs no thread. When a second thread calls, or one with a running loop of
its own, the same loop moves to a background thread and stays there.
"""

import asyncio
import atexit
import logging
import signal
import threading
from concurrent.futures import Future
from contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextvars import Context
    from typing import Any

logger = logging.getLogger("cloud_events")

SHUTDOWN_SECONDS = 1.5  # Lambda gives at most 2 seconds: developer guide, "Lambda execution environment lifecycle"

# The tasks spawned while the event of this context was handled; None outside of any.
spawned: "ContextVar[set[asyncio.Task[Any]] | None]" = ContextVar("cloud_events_spawned", default=None)


def _task(loop: "asyncio.AbstractEventLoop", coroutine: "Any", **options: "Any") -> "asyncio.Task[Any]":
    task = asyncio.Task(coroutine, loop=loop, **options)
    tasks = spawned.get()
    if tasks is not None:
        tasks.add(task)
    return task


class Loop:
    """Runs coroutines to their end, called from any thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._driven = False  # by a caller, at this moment
        self._wanted = False  # by more callers than one
        self._thread: threading.Thread | None = None
        self._farewells: list[Callable[[], Coroutine[Any, Any, None]]] = []

    def run(self, coroutine: "Coroutine[Any, Any, Any]", context: "Context") -> "Any":
        """The result of *coroutine*, run in *context*; what it raises is raised here, with its traceback."""
        running = asyncio._get_running_loop()
        if running is not None and running is self._loop:
            coroutine.close()
            raise RuntimeError(
                "the handler was called by the application itself, inside its event loop; "
                "call it in a thread: await asyncio.to_thread(handler, event, context)"
            )
        with self._lock:
            if self._loop is None:
                self._loop = self._new()
            drive = running is None and not (self._driven or self._wanted)
            if drive:
                self._driven = True
            else:
                self._wanted = True
                self._move()
        outcome = _outcome(coroutine)
        result, error = self._drive(outcome, context) if drive else self._post(outcome, context)
        if error is not None:
            try:
                raise error
            finally:
                del error  # the traceback holds this frame
        return result

    def _new(self) -> "asyncio.AbstractEventLoop":
        loop = asyncio.new_event_loop()
        loop.set_task_factory(_task)
        atexit.register(self.close)
        return loop

    def _drive(self, outcome: "Coroutine[Any, Any, Any]", context: "Context") -> "Any":
        assert self._loop is not None
        try:
            return self._loop.run_until_complete(self._loop.create_task(outcome, context=context))
        finally:
            with self._lock:
                self._driven = False
                if self._wanted:
                    self._move()

    def _move(self) -> None:
        """Give the loop a thread of its own, as soon as nobody drives it. The lock is held."""
        if self._thread is None and not self._driven and self._loop is not None:
            self._thread = threading.Thread(target=self._loop.run_forever, name="cloud_events-loop", daemon=True)
            self._thread.start()

    def _post(self, outcome: "Coroutine[Any, Any, Any]", context: "Context") -> "Any":
        future: Future[Any] = Future()
        loop = self._loop
        assert loop is not None

        def start() -> None:
            loop.create_task(outcome, context=context).add_done_callback(lambda task: future.set_result(task.result()))

        loop.call_soon_threadsafe(start)
        return future.result()

    def at_exit(self, farewell: "Callable[[], Coroutine[Any, Any, None]]") -> None:
        """Run *farewell* before the process ends: at exit, and on SIGTERM where that can be caught."""
        if not self._farewells and threading.current_thread() is threading.main_thread():
            before = signal.getsignal(signal.SIGTERM)
            signal.signal(signal.SIGTERM, lambda number, frame: self._terminate(before))
        self._farewells.append(farewell)

    def _terminate(self, before: "Any") -> None:
        def again() -> None:
            # As if nobody had caught it: the exit status tells the truth.
            signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
            signal.raise_signal(signal.SIGTERM)

        running = asyncio._get_running_loop()
        if running is not None and running is self._loop:
            # Caught in the midst of an event, by the thread that drives the loop.
            task = running.create_task(self._say_farewell())
            task.add_done_callback(lambda _: again())
        else:
            self.close()
            again()

    async def _say_farewell(self) -> None:
        farewells, self._farewells = self._farewells, []
        tasks = [asyncio.ensure_future(farewell()) for farewell in farewells]
        if tasks:
            done, late = await asyncio.wait(tasks, timeout=SHUTDOWN_SECONDS)
            for task in done:
                if not task.cancelled() and task.exception() is not None:
                    logger.error("the application's shutdown failed", exc_info=task.exception())
            if late:
                logger.warning("the application's shutdown took more than %s s and was left", SHUTDOWN_SECONDS)

    def close(self) -> None:
        """Say farewell, cancel what is left, and close the loop. The next run has a new one."""
        from contextvars import Context

        loop = self._loop
        if loop is None or loop.is_closed() or self._driven:
            return
        self.run(self._end(), Context())
        with self._lock:
            thread, self._thread, self._loop, self._wanted = self._thread, None, None, False
        if thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(SHUTDOWN_SECONDS)
        if not loop.is_running():
            loop.close()
        atexit.unregister(self.close)

    async def _end(self) -> None:
        await self._say_farewell()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=SHUTDOWN_SECONDS)
        await asyncio.get_running_loop().shutdown_asyncgens()


async def _outcome(coroutine: "Coroutine[Any, Any, Any]") -> "tuple[Any, BaseException | None]":
    # An exception is handed over as a value: SystemExit raised in a task would end the thread that runs the loop, and
    # with it every call that waits.
    try:
        return await coroutine, None
    except BaseException as error:
        return None, error


LOOP = Loop()
