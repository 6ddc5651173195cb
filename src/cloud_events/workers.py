"""Threads that send records at the same time (``CLOUD_EVENTS_CONCURRENCY``).

They are kept for the process, so that what an application keeps for each thread, such as a database connection, is
opened once. They are daemons: a view that never returns must not keep the process from ending, as it would in a
``ThreadPoolExecutor``.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import SimpleQueue
from time import monotonic
from typing import Any


class Job:
    """A call in a worker: what it does, and whether it has ended."""

    def __init__(self, function: Callable[[], Any], results: SimpleQueue[Any]) -> None:
        self._function = function
        self._results = results
        self.ended = threading.Event()

    def run(self) -> None:
        """Call the function, which raises nothing, and put what it returns into the results."""
        result = self._function()
        self.ended.set()
        self._results.put(result)


class Workers:
    """At most *count* daemon threads, started when they are first needed. After a fork the child starts its own."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._forget()
        with suppress(AttributeError):  # Windows has no fork
            os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._free = threading.Lock()
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._late: list[Job] = []

    def take(self) -> bool:
        """Take all of them for one event; False if another event has them, which may be waiting for this one."""
        if not self._free.acquire(blocking=False):
            return False
        self._late = [job for job in self._late if not job.ended.is_set()]
        if self._late:
            self._free.release()
        return not self._late

    def give_back(self, late: Iterable[Job]) -> None:
        """Let the next event have them; *late* are the jobs that have not ended."""
        self._late += late
        self._free.release()

    def submit(self, job: Job, running: int) -> None:
        """Have a thread run *job*, while *running* others, fewer than there may be threads, are running."""
        if len(self._threads) == running:
            thread = threading.Thread(target=self._work, args=(self._jobs,), name="cloud_events-worker", daemon=True)
            thread.start()
            self._threads.append(thread)
        self._jobs.put(job)

    @staticmethod
    def _work(jobs: SimpleQueue[Job]) -> None:
        while True:
            jobs.get().run()

    def wait_for_late(self, seconds: float | None) -> bool:
        """Wait until the jobs that were late have ended, *seconds* at most; return whether they have.

        A job that calls the handler itself does not wait, for it would wait for itself.
        """
        if threading.current_thread() in self._threads:
            return True
        deadline = None if seconds is None else monotonic() + seconds
        return all(
            job.ended.wait(None if deadline is None else max(0, deadline - monotonic())) for job in [*self._late]
        )
