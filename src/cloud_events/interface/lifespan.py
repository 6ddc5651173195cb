"""INTERFACE, ASGI's lifespan (asgi.readthedocs.io, Lifespan 2.0): startup once, ``state``, shutdown at the end."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from ..errors import ProtocolError, StartupFailed
from .loop import LOOP
from .tasks import SPAWNED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

logger = logging.getLogger("cloud_events")

CLEANUP_SECONDS = 1.0  # how long an application may clean up after its startup has failed


class Lifespan:
    """The lifespan of one application. *mode* is auto, on or off; ``state`` is None if there is no lifespan."""

    def __init__(self, application: Callable[..., Any], mode: str) -> None:
        self._application = application
        self._mode = mode
        self._lock = threading.Lock()
        # The loop in which the application has started up. If that loop was closed, or belongs to the parent process,
        # the lifespan is over, too.
        self._loop: asyncio.AbstractEventLoop | None = None
        self.state: dict[str, Any] | None = None

    def start(self) -> None:
        """Run the startup, once. Raises StartupFailed with the application's own message; the next call tries again."""
        if self._mode == "off" or self._started():
            return
        LOOP.refuse_itself()
        with self._lock:
            if not self._started():
                loop, self.state = LOOP.run(self._startup, stay=False)  # others may wait for the lock
                if self.state is not None:
                    LOOP.on_shutdown(self._shutdown)
                self._loop = loop

    def _started(self) -> bool:
        return self._loop is not None and self._loop is LOOP.current

    async def _startup(self) -> tuple[asyncio.AbstractEventLoop, dict[str, Any] | None]:
        SPAWNED.set(None)  # what startup spawns belongs to no event
        loop = asyncio.get_running_loop()
        state: dict[str, Any] = {}
        self._events: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._error: BaseException | None = None
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
        self._task = asyncio.create_task(self._serve(scope), name="cloud_events-lifespan")
        failure = await self._ask("lifespan.startup")
        if failure == "":
            return loop, state
        if failure is not None:
            await asyncio.wait([self._task], timeout=CLEANUP_SECONDS)
            self._task.cancel()
            raise StartupFailed(f"the application's startup failed: {failure}") from self._error
        # An application without lifespan support raises an exception: ASGI, "Lifespan Protocol".
        error = self._error
        if isinstance(error, (SystemExit, KeyboardInterrupt)):
            raise error
        if self._mode == "on":
            raise StartupFailed(
                "lifespan='on', but the application ended its lifespan before startup was complete"
            ) from error
        logger.info("the application has no lifespan: %r", error)
        return loop, None

    async def _shutdown(self) -> None:
        self._loop = None
        failure = await self._ask("lifespan.shutdown")
        if failure or self._error is not None:
            reason = failure or type(self._error).__name__
            logger.error("the application's shutdown failed: %s", reason, exc_info=self._error)

    async def _serve(self, scope: dict[str, Any]) -> None:
        try:
            await self._application(scope, self._events.get, self._send)
        except BaseException as error:
            self._error = error

    async def _ask(self, event: str) -> str | None:
        """Send *event*; return "" if it is complete, the message if it failed, None if the application ended."""
        self._event = event
        self._answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._events.put_nowait({"type": event})
        ends: list[asyncio.Future[Any]] = [self._task, self._answer]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        return self._answer.result() if self._answer.done() else None

    async def _send(self, message: Mapping[str, Any]) -> None:
        kind = message["type"]
        if kind == f"{self._event}.complete" and not self._answer.done():
            self._answer.set_result("")
        elif kind == f"{self._event}.failed" and not self._answer.done():
            self._answer.set_result(message.get("message") or "the application gave no reason")
        else:
            raise ProtocolError(f"the application sent {kind!r} out of order, or no such message exists (ASGI)")


# Two handlers of an application in one process share its lifespan, as two ports of a server do. The values keep their
# applications alive, so that no other application can get the same id.
_lifespans: WeakValueDictionary[tuple[int, str], Lifespan] = WeakValueDictionary()


def lifespan_of(application: Callable[..., Any], mode: str) -> Lifespan:
    """Return the lifespan of *application*, which all of its handlers share."""
    return _lifespans.setdefault((id(application), mode), Lifespan(application, mode))
