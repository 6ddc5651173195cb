"""The tasks of an event: its own ends at its deadline; those that it spawns are waited for, and their failures told."""

import asyncio
import logging
from contextvars import Context, ContextVar
from math import inf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .asgi import Exchange

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


class Alarm:
    """The timer of a loop that ends exchanges at their deadlines, one for all of them.

    It is left as it is where it will ring too early, and set anew then: to set one for each and to cancel it would be
    a sixth of what a call costs, and the next deadline is hardly ever sooner than the last.
    """

    def __init__(self, loop: "asyncio.AbstractEventLoop") -> None:
        self.loop = loop
        self._deadlines: dict[Exchange, float] = {}
        self._next = inf
        self._timer: asyncio.TimerHandle | None = None

    def set(self, exchange: "Exchange", seconds: float) -> float:
        """Have *exchange*, which is the current task's, end in *seconds*; return when that is, in the loop's time."""
        exchange.alarm = self
        exchange.task = asyncio.current_task(self.loop)  # type: ignore[assignment]  # there is one
        self._deadlines[exchange] = deadline = self.loop.time() + seconds
        if deadline < self._next:
            self._wind(deadline)
        return deadline

    def unset(self, exchange: "Exchange") -> None:
        """Let it be: it has ended."""
        self._deadlines.pop(exchange, None)

    def _wind(self, deadline: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = deadline
        # In a context of its own, for it may outlive that of the event.
        self._timer = self.loop.call_at(deadline, self._ring, context=Context())

    def _ring(self) -> None:
        self._next = inf
        now = self.loop.time()
        for exchange, deadline in [*self._deadlines.items()]:
            if deadline <= now:
                self.unset(exchange)
                exchange.expire()
        if self._deadlines:
            self._wind(min(self._deadlines.values()))


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
