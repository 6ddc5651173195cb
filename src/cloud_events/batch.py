"""Several requests for one event: in order, lane by lane, as long as there is time. Loaded by the first such event."""

import logging
from collections import namedtuple

from .errors import OutOfTime
from .messages import seconds_left

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .adapter import Adapted, Part
    from .messages import Request, Response

logger = logging.getLogger("cloud_events")

RESERVE = 0.5  # seconds; with less left before the deadline no further record is tried


class Outcome(namedtuple("Outcome", "part request response error")):
    """What became of one part.

    response: the application's answer, or None
    error:    why the part failed; None: it succeeded. An answer may be there all the same
    """

    __slots__ = ()
    part: "Part"
    request: "Request | None"
    response: "Response | None"
    error: "Exception | None"


def run(
    adapted: "Adapted",
    context: "Any",
    call: "Callable[[Request], Response]",
    judge: "Callable[[Request, Response], Exception | None]",
) -> "tuple[list[Outcome], Any]":
    """Try the parts of *adapted* in order. Returns what became of each, and the last ``state`` of a tumbling window.

    *judge* says what is wrong with an answer. After a failure the rest of its lane is not tried.
    """
    parts = adapted.parts or []
    windowed = isinstance(adapted.event, dict) and "isFinalInvokeForWindow" in adapted.event
    state = adapted.event.get("state") if windowed else None
    outcomes: list[Outcome] = []
    stopped: dict[Any, Exception] = {}
    for number, part in enumerate(parts):
        left = seconds_left(context)
        if left is not None and left < RESERVE:
            outcomes.append(Outcome(part, None, None, OutOfTime(_NO_TIME)))
            continue
        if part.lane in stopped:
            outcomes.append(Outcome(part, None, None, stopped[part.lane]))
            continue
        changes: dict[str, Any] = {}
        if windowed:
            # The window's state goes from record to record, and only the last may close the window.
            last = number == len(parts) - 1
            changes = {"state": state, "isFinalInvokeForWindow": last and adapted.event["isFinalInvokeForWindow"]}
        outcome = _try(part, changes, call, judge)
        outcomes.append(outcome)
        if outcome.error is not None and part.lane is not None:
            stopped[part.lane] = outcome.error
        elif windowed and outcome.response is not None:
            state = _state(outcome.response, state)
    return outcomes, state


_NO_TIME = (
    "the function's time was nearly over before the record was tried; give the function a longer timeout, or the event "
    "source mapping smaller batches"
)


def _try(part: "Part", changes: "dict[str, Any]", call: "Any", judge: "Any") -> Outcome:
    request = None
    try:
        request = part.request(changes)
        response = call(request)
    except Exception as error:
        logger.exception("a record or item of the event failed: %s", type(error).__name__)
        return Outcome(part, request, None, error)
    return Outcome(part, request, response, judge(request, response))


def _state(response: "Response", before: "Any") -> "Any":
    from .reply import json_of

    answer = json_of(response)
    return answer.get("state", before) if isinstance(answer, dict) else before
