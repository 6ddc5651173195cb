"""Threads that send records at the same time (``CLOUD_EVENTS_CONCURRENCY``).

They live as long as the process, so that a resource per thread, such as a database connection, is opened once. They are
daemon threads: in a ``ThreadPoolExecutor``, a view that never returns would keep the process from ending.
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
    """A function to call in a worker, and whether it has ended."""

    def __init__(self, function: Callable[[], Any], results: SimpleQueue[Any]) -> None:
        self._function = function
        self._results = results
        self.ended = threading.Event()

    def run(self) -> None:
        """Call the function, which must not raise, and put its return value into the results."""
        result = self._function()
        self.ended.set()
        self._results.put(result)


class Workers:
    """At most *count* daemon threads, each started when it is first needed. After a fork, the child starts its own."""

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
        """Reserve all workers for one event. Return False if another event, which may wait for this one, has them."""
        if not self._free.acquire(blocking=False):
            return False
        self._late = [job for job in self._late if not job.ended.is_set()]
        if self._late:
            self._free.release()
        return not self._late

    def give_back(self, late: Iterable[Job]) -> None:
        """Release the workers for the next event; *late* are the jobs that have not ended."""
        self._late += late
        self._free.release()

    def submit(self, job: Job, running: int) -> None:
        """Run *job* in a thread, while *running* other jobs, fewer than *count*, are running."""
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
        """Wait at most *seconds* for the late jobs to end; return whether they have ended.

        If a job calls the handler itself, this does not wait, because the job would wait for itself.
        """
        if threading.current_thread() in self._threads:
            return True
        deadline = None if seconds is None else monotonic() + seconds
        return all(
            job.ended.wait(None if deadline is None else max(0, deadline - monotonic())) for job in [*self._late]
        )
