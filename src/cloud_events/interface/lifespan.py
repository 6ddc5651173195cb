"""INTERFACE, ASGI's lifespan (asgi.readthedocs.io, Lifespan 2.0): startup once, ``state``, shutdown at the end."""

import asyncio
import logging
import threading
from contextvars import copy_context
from weakref import WeakValueDictionary

from ..errors import ProtocolError, StartupFailed
from .loop import LOOP, Call
from .tasks import NOBODYS, spawned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

logger = logging.getLogger("cloud_events")

_NEVER = object()
GRACE = 1.0  # seconds that an application may take to clean up after its startup failed


class Lifespan:
    """The lifespan of one application. *mode* is auto, on or off; ``state`` is None where there is no lifespan."""

    def __init__(self, application: "Callable[..., Any]", mode: str) -> None:
        self._application = application
        self._mode = mode
        self._lock = threading.Lock()
        # The loop that the application has started up in. One that was closed, or was that of the process that this one
        # was forked from, took the lifespan with it.
        self._loop: Any = _NEVER
        self.state: dict[str, Any] | None = None

    def start(self) -> None:
        """Run startup, once. Raises StartupFailed, with the application's own message; the next call tries again."""
        if self._loop is LOOP.current or self._mode == "off":
            return
        LOOP.refuse_itself()
        with self._lock:
            if self._loop is LOOP.current:
                return
            context = copy_context()
            context.run(spawned.set, NOBODYS)
            loop = LOOP.run(context, self._startup)
            if self.state is not None:
                LOOP.at_exit(loop, self._shutdown)
            self._loop = loop

    async def _startup(self) -> "asyncio.AbstractEventLoop":
        self._life = life = Life(self._application)
        failure = await life.ask("lifespan.startup")
        if failure:
            await life.end()
            raise StartupFailed(f"the application's startup failed: {failure}") from life.call.error
        if failure is None:
            # The application knows no lifespan, and says so by raising: ASGI, "Lifespan Protocol".
            error = life.call.error
            if isinstance(error, (SystemExit, KeyboardInterrupt)):
                raise error
            if self._mode == "on":
                raise StartupFailed(
                    "lifespan='on', but the application ended its lifespan before startup was complete"
                ) from error
            logger.info("the application has no lifespan: %r", error)
        self.state = None if failure is None else life.state
        return asyncio.get_running_loop()

    async def _shutdown(self) -> None:
        self._loop = _NEVER
        failure = await self._life.ask("lifespan.shutdown")
        error = self._life.call.error
        if failure or error is not None:
            logger.error("the application's shutdown failed: %s", failure or type(error).__name__, exc_info=error)


# Two handlers of an application in one process share what its startup has opened, as two ports of a server do. The
# values hold their applications, so that no other can have the same id meanwhile.
_lifespans: "WeakValueDictionary[tuple[int, str], Lifespan]" = WeakValueDictionary()


def lifespan_of(application: "Callable[..., Any]", mode: str) -> Lifespan:
    """The lifespan of *application*, one for all of its handlers."""
    return _lifespans.setdefault((id(application), mode), Lifespan(application, mode))


class Life:
    """One run of an application's lifespan, in the running loop."""

    def __init__(self, application: "Callable[..., Any]") -> None:
        self.state: dict[str, Any] = {}
        self._messages: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        self.call = Call(application, scope, self._messages.get, self._send)
        self._task = asyncio.create_task(self.call.make(), name="cloud_events-lifespan")

    async def ask(self, question: str) -> "str | None":
        """Send *question*: "" if it is complete, the message if it failed, None if the application ended instead."""
        self._question = question
        self._answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._messages.put_nowait({"type": question})
        ends: list[asyncio.Future[Any]] = [self._task, self._answer]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        return self._answer.result() if self._answer.done() else None

    async def _send(self, message: "Mapping[str, Any]") -> None:
        kind = message["type"]
        if kind == f"{self._question}.complete" and not self._answer.done():
            self._answer.set_result("")
        elif kind == f"{self._question}.failed" and not self._answer.done():
            self._answer.set_result(message.get("message") or "the application gave no reason")
        else:
            raise ProtocolError(f"the application sent {kind!r} out of order, or no such message exists (ASGI)")

    async def end(self) -> None:
        """Wait a little, then end it."""
        await asyncio.wait([self._task], timeout=GRACE)
        self._task.cancel()
