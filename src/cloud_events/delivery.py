"""Sends the records or items of one event while there is time: in order, or several records at once."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from .adapter import Adapted
from .adapter.writing import Unit
from .errors import OutOfTime
from .messages import Outcome, Part, seconds_left
from .reply import state_after
from .workers import Job, Workers

logger = logging.getLogger("cloud_events")

RESERVE = 0.5  # seconds; if less is left before the deadline, no further record is tried
LAST_MOMENT = 0.2  # seconds before the deadline; records that are still being handled then are reported as failed
NO_TIME = (
    "the function's time was nearly over before the record was tried; give the function a longer timeout, or the event "
    "source mapping smaller batches"
)
STILL_RUNNING = (
    "the function's time was nearly over and the application had not answered; give the function a longer timeout, or "
    "the application less to do"
)

Units = Callable[[Adapted, Part, dict[str, Any]], list[Unit]]
Send = Callable[[Adapted, Part, Unit], Outcome]


def deliver(adapted: Adapted, units: Units, send: Send) -> list[Outcome]:
    """Send the parts of *adapted*, a split event, one at a time; return the outcome of each request, in order.

    After a failure the parts with the same ordering key are not tried: their outcomes have no path, and the error of
    the failed part. If too little time is left, no further part is tried: the error is OutOfTime. Neither is logged
    here; the warning in reply.py counts them.

    An exception of the application is the failure of its part; one that ends the process is raised.
    """
    outcomes: list[Outcome] = []
    failures: dict[Any, BaseException] = {}  # by ordering key
    window = adapted.window
    failed = False
    for part in adapted.parts:
        if part.ordering_key in failures:
            outcomes.append(Outcome(part, None, None, failures[part.ordering_key]))
            continue
        if window:
            # The state is passed from record to record, and only the last record may close the window.
            last = part is adapted.parts[-1] and adapted.window["isFinalInvokeForWindow"]
            window = {**window, "isFinalInvokeForWindow": last}
        if _has_time(adapted):
            tried = _try(part, partial(units, adapted, part, window), partial(send, adapted, part))
        else:
            tried = [Outcome(part, None, None, OutOfTime(NO_TIME))]
        failure = _failure(tried)
        # Only the first failure may be raised later. The tracebacks of the others have been logged.
        if failed or failure is None:
            _drop_tracebacks(tried)
        failed = failed or failure is not None
        outcomes += tried
        if failure is not None and part.ordering_key is not None:
            failures[part.ordering_key] = failure
        if window:
            window = {**window, "state": state_after(tried, window["state"])}
    return outcomes


def deliver_at_once(adapted: Adapted, units: Units, send: Send, workers: Workers) -> list[Outcome]:
    """As ``deliver``, with as many parts at a time as there are *workers*. Parts with one ordering key go in order.

    While another event has the workers, the parts are sent one at a time. An exception that ends the process is raised
    once no other part is running. A part that is still running shortly before the deadline is reported as a failure.
    """
    if not workers.take():
        return deliver(adapted, units, send)
    ready, waiting = _queues(adapted.parts)
    found = {part.position: [Outcome(part, None, None, OutOfTime(NO_TIME))] for part in adapted.parts}
    running: dict[int, Job] = {}
    results: SimpleQueue[tuple[Part, list[Outcome] | BaseException]] = SimpleQueue()
    fatal: BaseException | None = None
    first: list[Outcome] = []  # the outcomes of the failed part that comes first in the event
    try:
        while True:
            while ready and len(running) < workers.count and fatal is None and _has_time(adapted):
                part = ready.popleft()
                call = partial(_result, part, partial(units, adapted, part, {}), partial(send, adapted, part))
                job = Job(partial(copy_context().run, call), results)
                workers.submit(job, len(running))
                running[part.position] = job
                found[part.position] = [Outcome(part, None, None, OutOfTime(STILL_RUNNING))]
            finished = _next(results, adapted) if running else None
            if finished is None:
                break
            part, result = finished
            del running[part.position]
            if isinstance(result, BaseException):
                fatal = fatal or result
                continue
            followers, failure = waiting[part.ordering_key], _failure(result)
            found[part.position] = result
            # As in deliver(): only the first failure keeps its traceback.
            if failure is None or (first and first[0].part.position < part.position):
                _drop_tracebacks(result)
            else:
                _drop_tracebacks(first)
                first = result
            if failure is not None:
                found |= {each.position: [Outcome(each, None, None, failure)] for each in followers}
            elif followers:
                ready.append(followers.popleft())
    finally:
        workers.give_back(running.values())
    if fatal is not None:
        raise fatal
    return [outcome for outcomes in found.values() for outcome in outcomes]


def _queues(parts: list[Part]) -> tuple[deque[Part], dict[Any, deque[Part]]]:
    """Return the parts that need not wait, and, by ordering key, those that must wait for their predecessor."""
    ready: deque[Part] = deque()
    waiting: dict[Any, deque[Part]] = {}
    for part in parts:
        follows = part.ordering_key is not None and part.ordering_key in waiting
        followers = waiting.setdefault(part.ordering_key, deque())
        (followers if follows else ready).append(part)
    return ready, waiting


def _next(results: SimpleQueue[Any], adapted: Adapted) -> Any:
    """Return the next result, or None if there is none by the last moment before the deadline."""
    left = seconds_left(adapted.context)
    try:
        return results.get(timeout=None if left is None else max(0, left - LAST_MOMENT))
    except Empty:
        return None


def _result(
    part: Part, units: Callable[[], list[Unit]], send: Callable[[Unit], Outcome]
) -> tuple[Part, list[Outcome] | BaseException]:
    try:
        return part, _try(part, units, send)
    except BaseException as error:  # the waiting thread raises it
        return part, error


def _has_time(adapted: Adapted) -> bool:
    """Whether enough is left before the deadline to try another part."""
    left = seconds_left(adapted.context)
    return left is None or left >= RESERVE


def _try(part: Part, units: Callable[[], list[Unit]], send: Callable[[Unit], Outcome]) -> list[Outcome]:
    """Send all requests of *part*, even if one fails."""
    try:
        prepared = units()
    except MemoryError:
        raise
    except Exception as error:
        return [_failed(part, None, error)]
    outcomes = []
    for unit in prepared:
        try:
            outcomes.append(send(unit))
        except MemoryError:
            raise
        except Exception as error:
            outcomes.append(_failed(part, unit.target.path, error))
    return outcomes


def _failed(part: Part, path: str | None, error: Exception) -> Outcome:
    logger.exception("a record or item of the event failed: %s", type(error).__name__)
    return Outcome(part, path, None, error)


def _failure(outcomes: list[Outcome]) -> BaseException | None:
    return next((outcome.error for outcome in outcomes if outcome.error is not None), None)


def _drop_tracebacks(outcomes: list[Outcome]) -> None:
    """Let go of the requests that the frames in a traceback keep: 10,000 of them would fill the memory."""
    for outcome in outcomes:
        late = outcome.response.error if outcome.response is not None else None
        for error in (outcome.error, late):
            while error is not None and error.__traceback__ is not None:
                error.__traceback__ = None
                error = error.__cause__ or error.__context__
