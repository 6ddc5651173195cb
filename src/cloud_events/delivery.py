"""The requests of one event, sent in order while there is time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from .adapter import Adapted
from .adapter.writing import Unit
from .errors import OutOfTime
from .messages import Outcome, Part, seconds_left
from .reply import state_after

logger = logging.getLogger("cloud_events")

RESERVE = 0.5  # seconds; with less left before the deadline no further record is tried
NO_TIME = (
    "the function's time was nearly over before the record was tried; give the function a longer timeout, or the event "
    "source mapping smaller batches"
)

Units = Callable[[Adapted, Part, dict[str, Any]], list[Unit]]
Send = Callable[[Adapted, Part, Unit], Outcome]


def deliver(adapted: Adapted, units: Units, send: Send) -> list[Outcome]:
    """Send the parts of *adapted*, which was split; return what became of each request, in order.

    After a failure the parts with the same ordering key are not tried. With too little time left, no part is.
    The application's exceptions are the failure of their part; those that end the process are raised.
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
            # The state goes from record to record, and only the last may close the window.
            last = part is adapted.parts[-1] and adapted.window["isFinalInvokeForWindow"]
            window = {**window, "isFinalInvokeForWindow": last}
        left = seconds_left(adapted.context)
        if left is not None and left < RESERVE:
            tried = [Outcome(part, None, None, OutOfTime(NO_TIME))]
        else:
            tried = _try(part, partial(units, adapted, part, window), partial(send, adapted, part))
        failure = next((outcome.error for outcome in tried if outcome.error is not None), None)
        # Only the first failure may be raised. The tracebacks of the others were logged.
        if failed or failure is None:
            _drop_tracebacks(tried)
        failed = failed or failure is not None
        outcomes += tried
        if failure is not None and part.ordering_key is not None:
            failures[part.ordering_key] = failure
        if window:
            window = {**window, "state": state_after(tried, window["state"])}
    return outcomes


def _try(part: Part, units: Callable[[], list[Unit]], send: Callable[[Unit], Outcome]) -> list[Outcome]:
    """Send all requests of *part*, whatever becomes of the first."""
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


def _drop_tracebacks(outcomes: list[Outcome]) -> None:
    """Let go of the requests that the frames in a traceback keep: 10,000 of them would fill the memory."""
    for outcome in outcomes:
        late = outcome.response.error if outcome.response is not None else None
        for error in (outcome.error, late):
            while error is not None and error.__traceback__ is not None:
                error.__traceback__ = None
                error = error.__cause__ or error.__context__
