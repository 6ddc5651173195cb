"""Outcomes → what Lambda is told: a return value, or an exception that fails the invocation.

Lambda's developer guide, "Reporting batch item failures" (SQS, Kinesis, DynamoDB, Kafka) and "Asynchronous invocation";
the README's dictionary otherwise. One request and many go the same way.
"""

from __future__ import annotations

import json
import logging
import re
from base64 import b64encode
from collections.abc import Sequence
from os import environ
from typing import Any

from .adapter import Adapted
from .adapter.cloudevent import charset, from_binary, is_json
from .diagnosis import failure
from .errors import CloudEventsError, EventFailed, OutOfTime, ReplyTooLarge
from .messages import Outcome, Part, Request, Response

logger = logging.getLogger("cloud_events")

LIMIT = 6_291_556  # bytes of JSON that Lambda hands on: developer guide, "Lambda quotas"
SURELY_FITS = 500_000  # bytes of bodies and headers; JSON in JSON writes no byte with more than seven
CUT = 100_000  # characters that are left of a body that is too long

# "batchItemFailures" in any spelling.
REPORT = re.compile(r"batch[\W_]*items?[\W_]*failures?", re.IGNORECASE)


class Reply:
    """Knows the settings that decide what Lambda is told.

    native:   whether the sender is told what it understands, rather than the README's dictionary
    failures: the statuses that count as a failure
    """

    def __init__(self, native: bool, failures: frozenset[int]) -> None:
        self._native = native
        self._failures = failures

    def judge(self, adapted: Adapted, part: Part, request: Request, response: Response) -> Outcome:
        """Return what became of *request*, which carried *part*.

        A failure is: its status, a report of failed records that Lambda could not read, or one that names the only
        record of the request; in native mode an exception after the response, too.
        """
        reported, fault = None, ""
        if adapted.reply == "poll" or reports(adapted):
            reported, fault = _report(adapted, part, request, response)
            if reported and adapted.split is not None:
                fault = "The application named the record in its 'batchItemFailures'."
        error: BaseException | None = response.error if self._native else None
        if fault or response.status in self._failures or response.status > 599:
            error = failure(request, response, fault)
            error.__cause__ = response.error
        elif response.status >= 300:
            _warn_of_drop(request, response)
        return Outcome(part, request.path, response, error, reported)

    def tell(self, adapted: Adapted, outcomes: list[Outcome]) -> Any:
        """Return what Lambda is told of the *outcomes* of an event. Raises what fails the invocation."""
        failed = [outcome for outcome in outcomes if outcome.error is not None]
        error = self._unreportable(adapted, outcomes, failed)
        if error is not None:
            raise error
        named = _named(adapted, outcomes, failed)
        state = state_after(outcomes, adapted.window.get("state"))
        window = {"state": state} if adapted.window and state is not None else {}
        by_record = adapted.split == "record" and reports(adapted)
        if self._native and (adapted.reply == "poll" or by_record):
            return {"batchItemFailures": named or [], **window}
        if self._native and adapted.reply == "sync":
            answers = [answer(outcome.response) for outcome in outcomes if outcome.response is not None]
            return _fit(answers if adapted.split else answers[0], adapted, outcomes)
        reply = envelope(outcomes[0].response) if adapted.split is None else _joined(outcomes)
        if failed:
            _warn(adapted, failed, outcomes)
        if named is not None:
            reply["batchItemFailures"] = named
        return _fit(reply | window, adapted, outcomes)

    def _unreportable(self, adapted: Adapted, outcomes: list[Outcome], failed: list[Outcome]) -> BaseException | None:
        """Return a failure that no reply can report, or None."""
        if not failed:
            return None
        if adapted.split is None:
            return failed[0].error if self._native else None
        if adapted.split == "item":
            # In the README's dictionary each answer stands for itself, but an exception has none.
            return next((outcome.error for outcome in failed if self._native or outcome.response is None), None)
        nameless = any(outcome.part.identifier is None for outcome in failed)
        none_succeeded = {outcome.part.position for outcome in failed} == {part.position for part in adapted.parts}
        return failed[0].error if nameless or (self._native and none_succeeded) else None


def reports(adapted: Adapted) -> bool:
    """Whether the sender can be told which records failed."""
    return adapted.kind.records is not None and adapted.kind.records.reports


def state_after(outcomes: list[Outcome], state: Any) -> Any:
    """Return the ``state`` of a tumbling window after the last success among *outcomes*, *state* if none has one."""
    for outcome in outcomes:
        if outcome.error is None and outcome.response is not None:
            answered = outcome.response.json()
            state = answered.get("state", state) if isinstance(answered, dict) else state
    return state


def _report(adapted: Adapted, part: Part, request: Request, response: Response) -> tuple[list[Any] | None, str]:
    """Return (the application's own ``batchItemFailures``, what keeps Lambda from reading it); None if it sent none."""
    if response.body and response.header("content-encoding").lower() not in ("", "identity"):
        return None, "The answer is compressed, which nobody asked for: Lambda could not read it. Send it as it is."
    # What UTF-16 and UTF-32 write of ASCII is ASCII and zeros.
    if not REPORT.search(response.body.replace(b"\0", b"").decode("utf-8", "replace")):
        return None, ""
    answered = response.json()
    keys = answered if isinstance(answered, dict) else ()
    if any(REPORT.fullmatch(key) and key != "batchItemFailures" for key in keys):
        return None, "Spell it 'batchItemFailures': Lambda overlooks any other spelling."
    if "batchItemFailures" in keys:
        return _checked_report(adapted, part, answered["batchItemFailures"])
    if REPORT.search(request.body.decode("utf-8", "replace")) and not _holds_report(answered):
        return None, ""  # an echo of what came
    shape: dict[type, str] = {
        dict: "under another key",
        list: "in a list",
        str: "in a JSON string, as if written by json.dumps() twice",
    }
    return None, (
        "'batchItemFailures' must be a key of the JSON object that the application answers; here it is "
        f"{shape.get(type(answered), 'in an answer that is not JSON in UTF-8')}, where Lambda does not look."
    )


def _holds_report(answered: Any) -> bool:
    """Whether *answered* is JSON in a JSON string, of an object that reports."""
    try:
        inner = json.loads(answered) if isinstance(answered, str) else None
    except (ValueError, RecursionError):
        return False
    return isinstance(inner, dict) and any(map(REPORT.fullmatch, inner))


def _checked_report(adapted: Adapted, part: Part, reported: Any) -> tuple[list[Any] | None, str]:
    if reported is None:
        return None, ""
    if not isinstance(reported, list):
        return None, "The application's 'batchItemFailures' must be a list of {'itemIdentifier': …}."
    if adapted.kind.records is None or not reported:
        return reported, ""
    if not reports(adapted):
        return None, "This sender cannot be told of single records: answer with a failure status instead."
    identifiers = adapted.identifiers if adapted.split is None else [part.identifier]
    known = {json.dumps(identifier, sort_keys=True) for identifier in identifiers}  # Kafka's are objects
    for number, entry in enumerate(reported):
        identifier = entry.get("itemIdentifier") if isinstance(entry, dict) else None
        if not identifier or json.dumps(identifier, sort_keys=True) not in known:
            return None, (
                f"Entry {number} of the application's 'batchItemFailures' must be {{'itemIdentifier': …}} and name a "
                "record of this batch."
            )
    return reported, ""


def _named(adapted: Adapted, outcomes: list[Outcome], failed: list[Outcome]) -> list[Any] | None:
    """Return the ``batchItemFailures`` of a reply; None if it needs none."""
    if adapted.split is None and not failed:
        return outcomes[0].reported
    if not failed or not reports(adapted):
        return None
    if adapted.split is None:
        return [{"itemIdentifier": identifier} for identifier in adapted.identifiers]
    checkpoint = adapted.kind.records is not None and adapted.kind.records.checkpoint
    parts = {outcome.part.position: outcome.part for outcome in failed}
    if checkpoint:
        # The first failure of each shard says it all.
        parts = {part.ordering_key: part for part in reversed(parts.values())}
    return [{"itemIdentifier": part.identifier} for part in parts.values()]


def envelope(response: Response | None) -> dict[str, Any]:
    """Return the README's dictionary; of no response, what stands for it among several."""
    if response is None:
        return {"status_code": "500", "body": "", "headers": {}}
    headers: dict[str, str] = {}
    spelled: dict[str, str] = {}  # lower-case name → the spelling that came first
    cookies = []
    for name, value in response.headers:
        if name.lower() == "set-cookie":
            cookies.append((name, value))
            continue
        first = spelled.setdefault(name.lower(), name)
        headers[first] = f"{headers[first]}, {value}" if first in headers else value
    text = _text(response)
    reply: dict[str, Any] = {
        "status_code": str(response.status),
        "body": b64encode(response.body).decode("ascii") if text is None else text,
        "headers": headers,
    }
    if text is None:
        reply["is_base64_encoded"] = True
    if len(cookies) == 1:
        headers.update(cookies)
    elif cookies:
        # A cookie's expiry date has a comma of its own: RFC 9110, section 5.3.
        reply["cookies"] = [value for _, value in cookies]
    return reply


def _text(response: Response) -> str | None:
    """Return the body as text; None if it is not text."""
    if response.header("content-encoding") not in ("", "identity"):
        return None
    try:
        return response.body.decode(charset(response.header("content-type")))
    except (LookupError, ValueError):
        return None


def answer(response: Response) -> Any:
    """Return what the sender reads: the JSON body itself, a CloudEvent in structured form, text, or None."""
    event = from_binary(response.headers, response.body)
    if event is not None:
        return event
    if not response.body:
        return None
    if is_json(response.header("content-type")):
        try:
            return json.loads(response.body)
        except (ValueError, RecursionError):
            pass  # then it is text, whatever the content type says
    text = _text(response)
    return b64encode(response.body).decode("ascii") if text is None else text


def _joined(outcomes: list[Outcome]) -> dict[str, Any]:
    """Return the README's dictionary of several answers: the worst status, the answers as a JSON array."""
    answers: list[dict[str, Any]] = []
    for outcome in outcomes:
        if outcome.path is not None:
            told = envelope(outcome.response)
            kept = {name: value for name, value in told.items() if name not in ("headers", "cookies")}
            answers.append({"path": outcome.path, **kept, "status_code": str(_status(outcome))})
    worst = max(map(_status, outcomes))
    return {"status_code": str(worst), "body": json.dumps(answers), "headers": {"content-type": "application/json"}}


def _status(outcome: Outcome) -> int:
    if outcome.response is not None:
        return outcome.response.status
    if isinstance(outcome.error, EventFailed):  # of the one before it with its ordering key
        return outcome.error.status
    return 504 if isinstance(outcome.error, OutOfTime) else 500


def _fit(reply: Any, adapted: Adapted, outcomes: Sequence[Outcome]) -> Any:
    """Return *reply* if Lambda can hand it on, else cut it if nobody reads it. Raises ReplyTooLarge if not."""
    size = sum(map(_size, outcomes))
    if size <= SURELY_FITS or (written := _written(reply)) <= LIMIT:
        return reply
    if adapted.reply == "sync":
        raise ReplyTooLarge(
            f"the answer is {written:,} bytes of JSON, and Lambda hands on {LIMIT:,} at most; answer with less, "
            "such as the S3 key of the whole"
        )
    logger.warning(
        "the answer, %s bytes of JSON, is too long for Lambda; nobody reads it, so it was cut", f"{written:,}"
    )
    cut = {**reply, "body": f"{reply['body'][:CUT]}… [cut: {size:,} bytes in all]"}
    return cut if _written(cut) <= LIMIT else {**cut, "headers": {}, "cookies": []}


def _size(outcome: Outcome) -> int:
    response = outcome.response
    return (
        0 if response is None else len(response.body) + sum(len(name) + len(value) for name, value in response.headers)
    )


def _written(reply: Any) -> int:
    # Lambda's runtime client for Python 3.11, and outside of Lambda's own images, escapes all that is not ASCII.
    escaped = environ.get("AWS_EXECUTION_ENV", "AWS_Lambda_python3.11") == "AWS_Lambda_python3.11"
    return len(json.dumps(reply, ensure_ascii=escaped).encode("utf-8", "surrogatepass"))


_CONSEQUENCES = {
    "async": "AWS takes this as success and will not retry the event",
    "sync": "the sender gets this dictionary, which it may take for an answer",
    "poll": "AWS takes this as success, and the records as done",
}
_REPORTED = (
    "AWS retries the records named in batchItemFailures, but an event source mapping without ReportBatchItemFailures "
    "takes them as done"
)


def _warn(adapted: Adapted, failed: list[Outcome], outcomes: list[Outcome]) -> None:
    """Log what AWS will do about the failures, now that nothing is raised, and the likely cause of the first."""
    error = failed[0].error
    share = f"{len(failed)} of {len(outcomes)} requests failed, the first: " if len(outcomes) > 1 else ""
    # An application's own exception was logged with its traceback; its words may hold what was in the event.
    ours = isinstance(error, CloudEventsError)
    first_line = str(error).partition("\n")[0] if ours else f"the application raised {type(error).__name__}"
    hint = getattr(error, "hint", "") if ours else ""
    # Single records are reported in native mode likewise.
    alike = reports(adapted) and len(failed) < len(outcomes)
    logger.warning(
        "%s%s; %s.%s%s",
        share,
        first_line,
        _REPORTED if reports(adapted) else _CONSEQUENCES[adapted.reply],
        f" {hint}" if hint else "",
        "" if alike else " Set CLOUD_EVENTS_RESPONSE=native to have such an invocation fail.",
    )


def _warn_of_drop(request: Request, response: Response) -> None:
    # Lambda's default log level hides INFO.
    delivery = request.delivery
    record = "" if delivery.record_id is None else f", record {delivery.record_id}"
    logger.warning(
        "%s: %s answered %d%s; CLOUD_EVENTS_FAILURE_STATUSES does not count this as a failure, so it is not retried",
        delivery.matcher,
        request.path,
        response.status,
        record,
    )
