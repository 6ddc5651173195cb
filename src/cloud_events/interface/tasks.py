"""The tasks that an event spawns: they are waited for before the reply, and their failures are reported."""

from __future__ import annotations

import asyncio
import logging
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator

logger = logging.getLogger("cloud_events")

DRAIN_SECONDS = 10.0  # how long to wait for spawned tasks if no deadline is known


class SpawnedTasks:
    """The tasks that were spawned, directly or by one another, while one event was handled."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[Any]] = []
        self._ended = False

    def add(self, task: asyncio.Task[Any]) -> None:
        # A task that outlives its event still has this object in its context. What it spawns then is not waited for.
        if not self._ended:
            self._tasks.append(task)

    async def drain(self, deadline: float | None) -> None:
        """Wait for all tasks until *deadline*, in the time of the loop."""
        loop = asyncio.get_running_loop()
        until = loop.time() + DRAIN_SECONDS if deadline is None else deadline
        while pending := [task for task in self._tasks if not task.done()]:
            done, _ = await asyncio.wait(pending, timeout=max(0, until - loop.time()))
            if not done:
                names = ", ".join(sorted(task.get_name() for task in pending))
                logger.warning("tasks still pending at the end of the invocation; they go on at the next: %s", names)
                break

    def failures(self) -> list[Exception]:
        """Return the tasks' exceptions that nobody has retrieved. Raises SystemExit and KeyboardInterrupt at once."""
        found = []
        for task in self._tasks:
            # A private name: asyncio has no other sign of an exception that nobody has retrieved. Without it a failure
            # that the application has dealt with, by await or gather(return_exceptions=True), would be reported.
            if task.done() and not task.cancelled() and getattr(task, "_log_traceback", False):
                failure: Any = task.exception()
                if not isinstance(failure, Exception):
                    raise failure
                found.append(failure)
        return found

    def end(self) -> None:
        """Release all tasks: the event is over."""
        self._ended = True
        self._tasks.clear()


SPAWNED: ContextVar[SpawnedTasks | None] = ContextVar("cloud_events_spawned", default=None)


def task_factory(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any] | Generator[Any, None, Any], **options: Any
) -> asyncio.Task[Any]:
    """Make a task as ``loop.create_task`` would, and add it to the tasks of the current event."""
    task = asyncio.Task(coroutine, loop=loop, **options)
    spawned = SPAWNED.get()
    if spawned is not None:
        spawned.add(task)
    return task
