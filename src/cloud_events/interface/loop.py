"""The one event loop of the process, which is run by its callers."""

# Theory of operation
#
# The promise. A handler is a plain function that may be called from any thread, from a thread that runs its own loop,
# and from several threads at once. All of these calls run in one asyncio loop, which lives as long as the process. So
# objects that an application binds to its loop (a connection pool, a lock, a worker task of its lifespan) stay valid
# from one event to the next, whichever thread handles it.
#
# Driving. To drive the loop means to run it. The loop has no thread of its own: handing an event to another thread and
# waiting for it would cost several times as much as the event. A call is submitted to the loop, and then waited for. If
# no thread drives the loop, the waiting thread drives it until its own call is done. If another thread drives, the
# waiting thread sleeps until its call is done or the driver leaves; then it takes over. So this works in a view:
#
#     await asyncio.to_thread(handler, event, context)
#
# The thread that drives the view drives the inner event, too. (With one lock around the loop, this would deadlock.) A
# thread that runs its own loop, as in notebooks and pytest-asyncio, cannot drive a second one, so a helper thread waits
# in its place for this one call. A call from inside our loop would wait for itself, so it raises RuntimeError. Between
# two calls no thread drives: tasks that outlive their event are suspended, like the rest of a Lambda function.
#
# So another thread may take over in the middle of a request. asgiref does not allow that: it keeps state by thread, and
# a Django view that calls async_to_sync could wait for itself. Therefore, if asgiref is used, a driver stays until the
# calls that began meanwhile are done, too. It does not stay for calls that views made, which could wait for it, and not
# in Lambda: a function gets one event at a time, and the reply must not wait for what a view has started. (The calls
# for the records of one event are driven by drive_while() in asgi.py.) A loan still moves requests to another thread.
#
# Loans. Mangum and similar adapters for HTTP requests run the current loop of their thread themselves. So the loop is
# lent to them: during the call their thread is the driver, and our loop is the current one there. A thread that drives
# steps aside for that, and takes over afterwards. A borrower cannot step aside: if an HTTP request waited for another
# one that is passed to the handler in another thread, it would wait forever. So that raises RuntimeError.
#
# Context variables. A call runs in a copy of its caller's context: it sees the variables that a custom handler has set,
# and its own changes are not seen by others. Two values are left out of the copy: in these, asgiref notes which thread
# must run synchronous code. That thread would take our loop for its own "main" loop and post to it while no thread
# drives, or it is the very thread that waits for us. Both would hang, for example in Django's async tests. See
# callers_context().
#
# Exceptions. An exception that a call raises is kept for its caller, so SystemExit in a view does not end the thread
# that happens to drive. asyncio also lets SystemExit and KeyboardInterrupt of other tasks escape from the loop. In the
# main thread they are raised to the caller that drives, because they may come from a signal. In another thread they
# come from a task, which keeps them for its event (tasks.py), so the thread goes on driving. A caller that is
# interrupted cancels its call.
#
# The end. close() is called at exit and on SIGTERM. It runs the shutdown functions (lifespan.py), cancels the remaining
# tasks, and closes the loop. If another thread still drives the loop, it is left open, with a warning. The next call
# makes a new loop.
#
# SIGTERM is caught from the first startup on, in the main thread only, and is then passed on to the previous handler,
# or to the default, which ends the process. If the main thread does not drive when the signal arrives, it calls close()
# immediately. If it does drive, in the middle of an event, a helper thread has the shutdown functions run beside the
# event, waits for them for a while, and sends the signal again. A second SIGTERM is not caught.
#
# Fork. A child process has the memory of the loop, but not the threads that drive it, and shares the selector with its
# parent. It forgets the loop without closing it, and the first call in the child makes a new one.
#
# Locks. One lock guards the driver and the submitted calls; it is held for a few steps, never while the loop runs a
# call. It is reentrant, because a signal handler may run between any two steps of the main thread.

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

from .tasks import task_factory

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    Call = Callable[[], Coroutine[Any, Any, Any]]

logger = logging.getLogger("cloud_events")

SHUTDOWN_SECONDS = 1.5  # Lambda gives at most 2: developer guide, "Lambda execution environment lifecycle"


INSIDE: ContextVar[bool] = ContextVar("cloud_events_inside", default=False)  # whether the current code is a call's
LENT: ContextVar[object] = ContextVar("cloud_events_lent", default=None)  # the loan that the current code belongs to


class Handle:
    """A call that was submitted to the loop, and its result or exception."""

    __slots__ = ("error", "result", "stay", "task")

    result: Any

    def __init__(self) -> None:
        self.stay = False  # whether a thread that drives for it also does so for the calls that began meanwhile
        self.task: asyncio.Task[None] | None = None  # None until the loop is driven
        self.error: BaseException | None = asyncio.CancelledError()  # replaced as soon as its task runs

    @property
    def done(self) -> bool:
        """Whether the call has ended."""
        return self.task is not None and self.task.done()

    async def run(self, call: Call) -> None:
        """Await *call* and keep its result or exception."""
        INSIDE.set(True)
        try:
            self.result = await call()
            self.error = None
        except BaseException as error:
            self.error = error


class SharedLoop:
    """One asyncio loop, driven in turn by the threads that wait for a call."""

    def __init__(self, lock: threading.RLock) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_task_factory(task_factory)
        self.calls: set[asyncio.Task[None]] = set()  # for which the driver may stay
        self.driver: int | None = None  # the thread that drives
        self.borrowers = 0  # the threads that wait for the loop to be lent to them
        self.lent: object | None = None  # marks a loan: other code runs the loop, and must not be stopped
        self.lock = lock
        self.changed = threading.Condition(lock)  # for the driver, and for calls that are done
        self.shutdown_functions: list[Call] = []
        self._shutdowns: list[asyncio.Task[None]] = []

    def submit(self, call: Call, context: Context) -> Handle:
        """Start *call*, in *context*, as soon as the loop is driven."""
        handle = Handle()
        with self.lock:
            # Not at once, but under the driver, which stays for calls that begin while it drives.
            schedule = self.loop.call_soon if self.driver is None else self.loop.call_soon_threadsafe
            schedule(self._begin, handle, call, context)
        return handle

    def _begin(self, handle: Handle, call: Call, context: Context) -> None:
        handle.task = asyncio.Task(handle.run(call), loop=self.loop, name="cloud_events-call", context=context)
        handle.task.add_done_callback(self._end)
        if not context.get(INSIDE, False):
            self.calls.add(handle.task)

    def _end(self, call: asyncio.Task[None]) -> None:
        self.calls.discard(call)
        with self.lock:
            self.changed.notify_all()
        self._stop()  # the driver goes on if it stays for other calls

    def _stop(self) -> None:
        if self.lent is None:
            self.loop.stop()

    def wait(self, handle: Handle, seconds: float | None = None) -> None:
        """Wait until the call is done: by driving the loop, or for *seconds* while another thread drives it."""
        if self.driver == threading.get_ident():
            self._drive_lent(handle)
        while not handle.done and self._take_over(handle, seconds):
            pass

    def _take_over(self, handle: Handle, seconds: float | None) -> bool:
        """Drive as soon as no other thread does; return False if the call is done before, or after *seconds*."""
        thread = threading.get_ident()
        try:
            with self.lock:
                self.changed.wait_for(lambda: handle.done or self._free(), seconds)
                if handle.done or not self._free():
                    return False
                self.driver = thread
                self.calls = set()
            self._drive(lambda: bool(self.borrowers) or (handle.done and not (handle.stay and self._busy())))
            return True
        finally:
            if self.driver == thread:
                self.driver = None  # before anything that Ctrl-C may interrupt
                with self.lock:
                    self.changed.notify_all()

    def _busy(self) -> bool:
        return any(not call.done() for call in self.calls)  # Ctrl-C may have kept _end() from running

    def _free(self) -> bool:
        return self.driver is None and not self.borrowers

    def _drive(self, until: Callable[[], bool]) -> None:
        while not until():
            try:
                self.loop.run_forever()
            except (SystemExit, KeyboardInterrupt):
                if threading.current_thread() is threading.main_thread():
                    raise

    def _drive_lent(self, handle: Handle) -> None:
        """Drive the loop until the call is done, in the thread that it was lent to and that does not run it now."""
        lent, self.lent = self.lent, None
        try:
            self._drive(lambda: handle.done)
        finally:
            self.lent = lent

    def lend(self, function: Callable[..., Any], arguments: tuple[Any, ...], context: Context) -> Any:
        """Call *function* in *context*; it finds the loop as the current one of this thread, and may run it."""
        thread = threading.get_ident()
        if self.driver == thread:  # it was lent to this thread before
            return context.run(function, *arguments)
        before = _current_loop()
        try:
            self._borrow(thread)
            asyncio.set_event_loop(self.loop)
            self.lent = object()
            context.run(LENT.set, self.lent)
            return context.run(function, *arguments)
        finally:
            if self.driver == thread:
                self.driver = self.lent = None  # before anything that Ctrl-C may interrupt
                with self.lock:
                    self.changed.notify_all()
            asyncio.set_event_loop(before)

    def _borrow(self, thread: int) -> None:
        with self.lock:
            self.borrowers += 1
            try:
                self.loop.call_soon_threadsafe(self._stop)
                self.changed.wait_for(lambda: self.driver is None)
                self.driver = thread
            finally:
                self.borrowers -= 1

    async def shut_down(self) -> None:
        """Run the shutdown functions, each once; wait SHUTDOWN_SECONDS for all that have been started."""
        while self.shutdown_functions:
            self._shutdowns.append(asyncio.create_task(self.shutdown_functions.pop()()))
        if self._shutdowns and (await asyncio.wait(self._shutdowns, timeout=SHUTDOWN_SECONDS))[1]:
            logger.warning("the application's shutdown took more than %s s and was left", SHUTDOWN_SECONDS)

    async def end(self) -> None:
        """Shut down, and cancel the remaining tasks."""
        deadline = self.loop.time() + SHUTDOWN_SECONDS
        await self.shut_down()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=max(0, deadline - self.loop.time()))
        await self.loop.shutdown_asyncgens()


class Loop:
    """The loop of the process: made when first needed, closed at exit and on SIGTERM, and made again after a fork."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # the handler of a signal may come in between, in the same thread
        self._shared: SharedLoop | None = None
        self._sigterm: Any = None  # the handler of SIGTERM before ours
        self._inherited: list[Any] = []

    @property
    def current(self) -> asyncio.AbstractEventLoop | None:
        """The asyncio loop, or None while there is none."""
        return None if self._shared is None else self._shared.loop

    def run(self, function: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any, stay: bool = True) -> Any:
        """Run ``await function(*arguments)`` in a copy of the caller's context; return the result or raise the error.

        Without *stay*, this thread never drives the loop for other calls alone. Raises RuntimeError inside the loop.
        """
        self.refuse_itself()
        with self._lock:
            shared = self._make()
            handle = shared.submit(partial(function, *arguments), callers_context())
        handle.stay = stay and "asgiref.sync" in sys.modules and "AWS_LAMBDA_FUNCTION_NAME" not in os.environ
        try:
            _wait(shared, handle)
        except BaseException:  # Ctrl-C, or SystemExit of a task: the call must not go on during the next one
            with suppress(RuntimeError):  # the loop was closed meanwhile
                shared.loop.call_soon_threadsafe(lambda: handle.task and handle.task.cancel())
            raise
        error, handle.error = handle.error, None  # the frames of its traceback hold the handle
        if error is None:
            return handle.result
        try:
            raise error
        finally:
            del error

    def lend(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call *function* while the loop is the current one of its thread, and of no other; return its result.

        This is for code that runs ``asyncio.get_event_loop()`` itself, such as Mangum. Raises RuntimeError inside the
        loop, and in a thread that such code waits for.
        """
        self.refuse_itself()
        with self._lock:
            shared = self._make()
        if shared.lent is not None and LENT.get() is shared.lent and not self._drives():
            raise RuntimeError(
                "an HTTP request was passed to the handler while the application was answering another one, and that "
                "one waits for it; call the view directly"
            )
        if not _runs_a_loop():
            return shared.lend(function, arguments, callers_context())
        with ThreadPoolExecutor(1, "cloud_events-loop") as helper:
            return helper.submit(shared.lend, function, arguments, callers_context()).result()

    def _make(self) -> SharedLoop:
        if self._shared is None:
            self._shared = Context().run(SharedLoop, self._lock)  # otherwise it would keep the first caller's context
        return self._shared

    def refuse_itself(self) -> None:
        """Raise RuntimeError in the thread that drives the loop, because it would wait for itself."""
        if self._drives() and _runs_a_loop():
            raise RuntimeError(
                "the handler was called by the application itself, inside its event loop; "
                "call it in a thread: await asyncio.to_thread(handler, event, context)"
            )

    def _drives(self) -> bool:
        return self._shared is not None and self._shared.driver == threading.get_ident()

    def on_shutdown(self, function: Call) -> None:
        """Call *function* before the loop is closed: at exit, and on SIGTERM if this is the main thread."""
        with self._lock:
            functions = [] if self._shared is None else self._shared.shutdown_functions  # the loop may be closed by now
            functions.append(function)
        if self._sigterm is None and threading.current_thread() is threading.main_thread():
            # signal() returns None for a handler that was not installed from Python.
            self._sigterm = signal.signal(signal.SIGTERM, self._terminate) or signal.SIG_DFL

    def _terminate(self, number: int, frame: Any) -> None:
        signal.signal(signal.SIGTERM, self._sigterm or signal.SIG_DFL)
        self._sigterm = None
        if self._drives():
            threading.Thread(target=self._terminate_beside, args=(self._shared,), daemon=True).start()
        else:
            self.close()
            signal.raise_signal(signal.SIGTERM)

    def _terminate_beside(self, shared: SharedLoop) -> None:
        try:
            shared.wait(shared.submit(shared.shut_down, Context()), SHUTDOWN_SECONDS + 0.5)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            with suppress(RuntimeError):  # the loop was closed meanwhile
                shared.loop.call_soon_threadsafe(lambda: None)  # a signal alone may come just too early to wake it

    def close(self) -> None:
        """Shut down, cancel the remaining tasks, and close the loop. The next call makes a new one."""
        self.refuse_itself()
        with self._lock:
            shared, self._shared = self._shared, None
            if shared is None:
                return
            handle = shared.submit(shared.end, Context())
        _wait(shared, handle, SHUTDOWN_SECONDS + 0.5)
        with shared.lock:
            if handle.done and shared.changed.wait_for(lambda: shared.driver is None, SHUTDOWN_SECONDS):
                shared.loop.close()
            else:
                logger.warning("the event loop was blocked and could not be closed")

    def forget(self) -> None:
        """Forget the loop, after a fork: it belongs to the parent."""
        if self._shared is not None:
            # Kept, because garbage collection would close the selector, which the parent shares.
            self._inherited.append((self._shared, asyncio.all_tasks(self._shared.loop)))
        self._shared = None
        self._lock = threading.RLock()


def _wait(shared: SharedLoop, handle: Handle, seconds: float | None = None) -> None:
    """Wait for the call, in a helper thread if the current thread already runs a loop."""
    if not _runs_a_loop():
        shared.wait(handle, seconds)
        return
    helper = threading.Thread(target=shared.wait, args=(handle, seconds), name="cloud_events-loop", daemon=True)
    helper.start()
    helper.join()


def _runs_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _current_loop() -> asyncio.AbstractEventLoop | None:
    """Return the loop that was set as the current one of this thread, or None."""
    if threading.current_thread() is threading.main_thread() and sys.version_info < (3, 14):
        # Private names, because get_event_loop() would make a loop, which would stay open.
        return getattr(getattr(asyncio.get_event_loop_policy(), "_local", None), "_loop", None)
    try:
        return asyncio.get_event_loop()
    except RuntimeError:
        return None


def callers_context() -> Context:
    """Return a copy of the current context, without asgiref's notes on its thread and loop."""
    asgiref = sys.modules.get("asgiref.sync")
    if asgiref is None:
        return copy_context()
    context = Context()
    for variable, value in copy_context().items():
        # It names the thread for synchronous code, for example that of a Django request that waits for this very call.
        if variable is not asgiref.SyncToAsync.thread_sensitive_context:
            context.run(variable.set, value)
    # It names the thread that waits for work in async_to_sync.
    context.run(setattr, asgiref.AsyncToSync.executors, "current", None)
    return context


LOOP = Loop()
atexit.register(LOOP.close)
with suppress(AttributeError):  # Windows has no fork
    os.register_at_fork(after_in_child=LOOP.forget)
