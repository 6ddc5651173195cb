"""The tasks that an application spawns while it handles an event: they are waited for, and their failures told."""

import asyncio
import logging
from contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

logger = logging.getLogger("cloud_events")

DRAIN = 10.0  # seconds that they may take where no deadline is known


class Spawned(list["asyncio.Task[Any]"]):
    """The tasks that were spawned, directly or by one another, while one event was handled; none after its end."""

    over = False

    def end(self) -> None:
        # A task that outlives the event still has this list in its context, and would keep all that it spawns.
        self.over = True
        self.clear()

    async def drain(self, deadline: "float | None") -> None:
        """Wait for all until *deadline*, in the loop's time."""
        loop = asyncio.get_running_loop()
        until = loop.time() + DRAIN if deadline is None else deadline
        while pending := [task for task in self if not task.done()]:
            done, _ = await asyncio.wait(pending, timeout=max(0, until - loop.time()))
            if not done:
                names = ", ".join(sorted(task.get_name() for task in pending))
                logger.warning("tasks still pending at the end of the invocation; they go on at the next: %s", names)
                break

    def failures(self) -> "list[Exception]":
        """What they raised and nobody took; SystemExit and its like are raised at once."""
        found = []
        for task in self:
            # asyncio marks so an exception that nobody has looked at.
            if task.done() and not task.cancelled() and getattr(task, "_log_traceback", False):
                failure: Any = task.exception()
                if not isinstance(failure, Exception):
                    raise failure
                found.append(failure)
        return found


NOBODYS = Spawned()
NOBODYS.end()

spawned: "ContextVar[Spawned]" = ContextVar("cloud_events_spawned", default=NOBODYS)


def factory(loop: "asyncio.AbstractEventLoop", coroutine: "Any", **options: "Any") -> "asyncio.Task[Any]":
    """Make a task, as ``loop.create_task`` would, that belongs to the event of the current context."""
    task = asyncio.Task(coroutine, loop=loop, **options)
    tasks = spawned.get()
    if not tasks.over:
        tasks.append(task)
    return task
