"""Several requests for one event: sent in order, lane by lane, while there is time; and the one reply to them all.

Loaded by the first such event.
"""

import json
import logging

from .errors import EventFailed, OutOfTime
from .messages import seconds_left
from .reply import answer, envelope, fit, reports, state_of, warn, windowed
from .values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .adapter import Adapted, Part
    from .messages import Request, Response
    from .reply import Reply

    Call = Callable[[Request], Response]

logger = logging.getLogger("cloud_events")

RESERVE = 0.5  # seconds; with less left before the deadline no further record is tried
_NO_TIME = (
    "the function's time was nearly over before the record was tried; give the function a longer timeout, or the event "
    "source mapping smaller batches"
)


class Outcome(NamedTuple):
    """What became of one part.

    request:  what was sent; None: it was not tried, or could not be made
    response: the application's answer, or None
    error:    why the part failed; None: it succeeded. An answer may be there all the same
    """

    part: "Part"
    request: "Request | None"
    response: "Response | None"
    error: "BaseException | None"


def deliver(adapted: "Adapted", context: "Any", call: "Call", reply: "Reply") -> "Any":
    """Send the parts of *adapted*; return what Lambda is told of them all. Raises what fails the invocation."""
    outcomes, state = _send(adapted, context, call, reply)
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    error = _unreported(adapted, reply.native, outcomes, failed)
    if error is not None:
        raise error
    window = {} if state is None else {"state": state}
    if reply.native and (reports(adapted) or adapted.reply == "poll"):
        return {"batchItemFailures": _named(adapted, failed), **window}
    size = sum(len(outcome.response.body) for outcome in outcomes if outcome.response is not None)
    if reply.native and adapted.reply == "sync":
        # Each has its answer: had one failed, it would have been raised.
        return fit([answer(outcome.response) for outcome in outcomes if outcome.response is not None], adapted, size)
    told = _joined(outcomes)
    if failed:
        if reports(adapted):
            told["batchItemFailures"] = _named(adapted, failed)
        warn(adapted, failed[0].error, len(failed), len(outcomes))
    told.update(window)
    return fit(told, adapted, size)


def _send(adapted: "Adapted", context: "Any", call: "Call", reply: "Reply") -> "tuple[list[Outcome], Any]":
    """What became of each part, in order, and the ``state`` of the tumbling window after the last success.

    After a failure the rest of its lane is not tried.
    """
    parts = adapted.parts or []
    window = windowed(adapted)
    state = adapted.event.get("state") if window else None
    outcomes: list[Outcome] = []
    stopped: dict[Any, BaseException | None] = {}
    for number, part in enumerate(parts):
        left = seconds_left(context)
        changes: dict[str, Any] = {}
        if part.lane in stopped:
            outcome = Outcome(part, None, None, stopped[part.lane])
        elif left is not None and left < RESERVE:
            outcome = Outcome(part, None, None, OutOfTime(_NO_TIME))
        else:
            if window:
                # The window's state goes from record to record, and only the last may close the window.
                last = number == len(parts) - 1
                changes = {"state": state, "isFinalInvokeForWindow": last and adapted.event["isFinalInvokeForWindow"]}
            outcome = _try(part, changes, call, adapted, reply)
        outcomes.append(outcome)
        if outcome.error is not None and part.lane is not None:
            stopped[part.lane] = outcome.error
        elif window and outcome.response is not None:
            state = state_of(outcome.response, state)
    return outcomes, state


def _try(part: "Part", changes: "dict[str, Any]", call: "Call", adapted: "Adapted", reply: "Reply") -> Outcome:
    request = None
    try:
        request = part.request(changes)
        response = call(request)
    except Exception as error:
        logger.exception("a record or item of the event failed: %s", type(error).__name__)
        return Outcome(part, request, None, error)
    return Outcome(part, request, response, reply.judge(adapted, request, response)[0])


def _unreported(
    adapted: "Adapted", native: bool, outcomes: "list[Outcome]", failed: "list[Outcome]"
) -> "BaseException | None":
    """What must be raised: a failure that no reply can tell of."""
    if not failed:
        return None
    if adapted.batch is None:
        # A list of events. In the README's dictionary each answer stands for itself, but an exception has none.
        return next((outcome.error for outcome in failed if native or outcome.response is None), None)
    # Who cannot be told of single records has no name for them.
    nameless = any(outcome.part.identifier is None for outcome in failed)
    if nameless or (native and len(failed) == len(outcomes)):
        return failed[0].error
    return None


def _named(adapted: "Adapted", failed: "list[Outcome]") -> "list[dict[str, Any]]":
    """``batchItemFailures``: each that failed, or the first of each lane where that says it all."""
    rest = adapted.batch is not None and adapted.batch.rest
    lanes: set[Any] = set()
    named = []
    for outcome in failed:
        lane = outcome.part.lane
        if rest or lane not in lanes:
            named.append({"itemIdentifier": outcome.part.identifier})
        lanes.add(lane)
    return named


def _joined(outcomes: "list[Outcome]") -> "dict[str, Any]":
    """The README's dictionary, of several answers: the worst status, the answers as a JSON array."""
    answers = []
    for outcome in outcomes:
        if outcome.request is not None:
            told = {"status_code": str(_status(outcome)), "body": ""}
            if outcome.response is not None:
                told = envelope(outcome.response)
                del told["headers"]
                told.pop("cookies", None)
            answers.append({"path": outcome.request.path, **told})
    worst = max(map(_status, outcomes))
    return {"status_code": str(worst), "body": json.dumps(answers), "headers": {"content-type": "application/json"}}


def _status(outcome: Outcome) -> int:
    if outcome.response is not None:
        return outcome.response.status
    if isinstance(outcome.error, EventFailed):  # of the one before it in its lane
        return outcome.error.status
    return 504 if isinstance(outcome.error, OutOfTime) else 500
