"""Response(s) → what Lambda is told: a return value, or an exception that fails the invocation.

Lambda's developer guide, "Reporting batch item failures" (SQS, Kinesis, DynamoDB, Kafka) and "Asynchronous invocation";
the README's dictionary otherwise.
"""

import json
import logging
from collections import namedtuple

from .errors import CloudEventsError, OutOfTime, ReplyTooLarge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .adapter import Adapted
    from .batch import Outcome
    from .messages import Request, Response

logger = logging.getLogger("cloud_events")

LIMIT = 6_291_556  # bytes of JSON that Lambda hands on: developer guide, "Lambda quotas"
_SURELY_FITS = 1_000_000  # bytes of body; JSON writes no byte with more than six
_CUT = 100_000  # characters that are left of a body that is too long


class Reply(namedtuple("Reply", "native failures")):
    """Knows the settings that decide what Lambda is told.

    native:   whether the sender is told what it understands, rather than the README's dictionary
    failures: the statuses that count as a failure
    """

    __slots__ = ()
    native: bool
    failures: "frozenset[int]"

    def judge(self, adapted: "Adapted", request: "Request", response: "Response") -> "Exception | None":
        """What makes *response* a failure: its status, or a list of failed records that cannot be so; None: nothing."""
        fault = _report(adapted, request, response)[1]
        if not fault and response.status not in self.failures and 100 <= response.status < 600:
            return None
        from .diagnosis import failure

        error = failure(request, response, fault)
        error.__cause__ = response.error
        return error

    def one(self, adapted: "Adapted", request: "Request", response: "Response") -> "Any":
        """The reply to an event that one request carried. Raises what fails the invocation."""
        error = self.judge(adapted, request, response)
        if response.error is not None:
            _log_late(request, response.error)
            if self.native and error is None:
                raise response.error
        if self.native:
            if error is not None:
                raise error
            if adapted.reply == "poll":
                return {"batchItemFailures": _report(adapted, request, response)[0] or [], **_window(adapted, response)}
            return _fit(
                _answer(response) if adapted.reply == "sync" else _envelope(response), adapted, len(response.body)
            )
        reply = _envelope(response)
        if error is not None:
            _warn(adapted, error)
        if adapted.batch is not None and adapted.batch.reports:
            failed = _all(adapted) if error is not None else _report(adapted, request, response)[0]
            if failed is not None:
                reply["batchItemFailures"] = failed
            reply.update(_window(adapted, response))
        return _fit(reply, adapted, len(response.body))

    def several(self, adapted: "Adapted", outcomes: "list[Outcome]", state: "Any") -> "Any":
        """The reply to an event that several requests carried. Raises what fails the invocation."""
        late = None
        for outcome in outcomes:
            if outcome.response is not None and outcome.response.error is not None:
                late = late or outcome.response.error
                _log_late(outcome.request, outcome.response.error)
        failed = [outcome for outcome in outcomes if outcome.error is not None]
        if failed:
            self._raise_unreported(adapted, outcomes, failed)
        elif late is not None and self.native:
            raise late
        reports = adapted.batch is not None and adapted.batch.reports
        window = {"state": state} if state is not None else {}
        if self.native and reports:
            return {"batchItemFailures": _failed_ids(adapted, failed), **window}
        size = sum(len(outcome.response.body) for outcome in outcomes if outcome.response is not None)
        if self.native and adapted.reply == "sync":
            return _fit([_answer(outcome.response) for outcome in outcomes], adapted, size)
        reply = _joined(outcomes)
        if failed:
            if reports:
                reply["batchItemFailures"] = _failed_ids(adapted, failed)
            _warn(adapted, failed[0].error)
        reply.update(window)
        return _fit(reply, adapted, size)

    def _raise_unreported(self, adapted: "Adapted", outcomes: "list[Outcome]", failed: "list[Outcome]") -> None:
        """A failed record is reported or raised; a failed item of a list is raised, unless its answer is returned."""
        first = next((o.error for o in failed if o.request is not None), failed[0].error)
        assert first is not None
        if adapted.batch is None:
            unanswered = next((o.error for o in failed if o.response is None), None)
            if self.native or unanswered is not None:
                raise unanswered or first
            return
        reportable = adapted.batch.reports and all(outcome.part.identifier for outcome in failed)
        if not reportable or (self.native and len(failed) == len(outcomes)):
            raise first


def json_of(response: "Response") -> "Any":
    """The body as JSON; None if it is none."""
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):
        return None


def _report(adapted: "Adapted", request: "Request", response: "Response") -> "tuple[list[Any] | None, str]":
    """(the application's own ``batchItemFailures``, what is wrong with it); None: it sent none."""
    batch = adapted.batch
    folded = b"atchItemFailures" in response.body or b"atch_item_failures" in response.body
    if not folded or adapted.reply not in ("poll", "sync") or (batch is None and adapted.reply == "sync"):
        return None, ""
    answer = json_of(response)
    if not isinstance(answer, dict):
        return None, ""
    for key in answer:
        if key != "batchItemFailures" and key.replace("_", "").lower() == "batchitemfailures":
            return None, "The application's answer spells 'batchItemFailures' otherwise; Lambda would overlook it."
    reported = answer.get("batchItemFailures")
    if reported is None:
        return None, ""
    if not isinstance(reported, list):
        return None, "The application's 'batchItemFailures' must be a list of {'itemIdentifier': …}."
    if batch is None:
        return reported, ""
    if not batch.reports:
        return None, "This sender cannot be told of single records: answer with a failure status instead." * bool(
            reported
        )
    from .adapter.records import identifiers

    known = identifiers(batch, request.event)
    for number, entry in enumerate(reported):
        identifier = entry.get("itemIdentifier") if isinstance(entry, dict) else None
        if not identifier or identifier not in known:
            return None, (
                f"Entry {number} of the application's 'batchItemFailures' must be {{'itemIdentifier': …}} and name a "
                "record of this batch."
            )
    return reported, ""


def _all(adapted: "Adapted") -> "list[dict[str, Any]]":
    from .adapter.records import identifiers

    return [{"itemIdentifier": identifier} for identifier in identifiers(adapted.batch, adapted.event)]


def _failed_ids(adapted: "Adapted", failed: "list[Outcome]") -> "list[dict[str, Any]]":
    lanes: set[Any] = set()
    ids = []
    for outcome in failed:
        lane = outcome.part.lane
        if lane is None or (adapted.batch and adapted.batch.rest) or lane not in lanes:
            ids.append({"itemIdentifier": outcome.part.identifier})
        lanes.add(lane)
    return ids


def _window(adapted: "Adapted", response: "Response") -> "dict[str, Any]":
    """The ``state`` of a tumbling window, which Lambda wants back from each of its invocations."""
    if isinstance(adapted.event, dict) and "isFinalInvokeForWindow" in adapted.event:
        answer = json_of(response)
        if isinstance(answer, dict) and "state" in answer:
            return {"state": answer["state"]}
    return {}


def _envelope(response: "Response") -> "dict[str, Any]":
    """The README's dictionary."""
    reply: dict[str, Any] = {"status_code": str(response.status), "body": "", "headers": {}}
    text = _text(response)
    if text is None:
        reply["body"] = _base64(response.body)
        reply["is_base64_encoded"] = True
    else:
        reply["body"] = text
    headers: dict[str, str] = reply["headers"]
    spelled: dict[str, str] = {}
    cookies = []
    for name, value in response.headers:
        folded = name.lower()
        if folded == "set-cookie":
            cookies.append((name, value))
        elif folded in spelled:
            headers[spelled[folded]] += f", {value}"
        else:
            spelled[folded] = name
            headers[name] = value
    if len(cookies) == 1:
        headers[cookies[0][0]] = cookies[0][1]
    elif cookies:
        reply["cookies"] = [value for _, value in cookies]
    return reply


def _text(response: "Response") -> "str | None":
    """The body as text; None if it is none."""
    if response.header("content-encoding") not in ("", "identity"):
        return None
    content_type = response.header("content-type")
    charset = "utf-8"
    if "charset" in content_type.lower():
        from .adapter.cloudevent import charset as charset_of

        charset = charset_of(content_type)
    try:
        return response.body.decode(charset)
    except (LookupError, ValueError):
        return None


def _base64(body: bytes) -> str:
    import binascii

    return binascii.b2a_base64(body, newline=False).decode("ascii")


def _answer(response: "Any") -> "Any":
    """What the sender reads: the JSON body itself, a CloudEvent in structured form, text, or null."""
    from .adapter.cloudevent import from_binary, is_json

    event = from_binary(response.headers, response.body)
    if event is not None:
        return event
    if not response.body:
        return None
    if is_json(response.header("content-type")):
        try:
            return json.loads(response.body)
        except ValueError:
            pass  # then it is text, whatever it says
    text = _text(response)
    return _base64(response.body) if text is None else text


def _joined(outcomes: "list[Outcome]") -> "dict[str, Any]":
    """The README's dictionary, of several answers: the worst status, the answers as a JSON array."""
    answers = []
    for outcome in outcomes:
        if outcome.request is not None:
            one = _envelope(outcome.response) if outcome.response is not None else {"status_code": "500", "body": ""}
            answers.append({"path": outcome.request.path, "status_code": one["status_code"], "body": one["body"]})
    worst = max((answer["status_code"] for answer in answers), default="504", key=int)
    if any(isinstance(outcome.error, OutOfTime) for outcome in outcomes):
        worst = max(worst, "504", key=int)
    return {"status_code": worst, "body": json.dumps(answers), "headers": {"content-type": "application/json"}}


def _fit(reply: "Any", adapted: "Adapted", size: int) -> "Any":
    """*reply*, if Lambda can hand it on; cut where nobody reads it. Raises ReplyTooLarge where somebody does."""
    if size <= _SURELY_FITS or (written := len(json.dumps(reply))) <= LIMIT:
        return reply
    if adapted.reply == "sync":
        raise ReplyTooLarge(
            f"the answer is {written:,} bytes of JSON, and Lambda hands on {LIMIT:,} at most; answer with less, "
            "such as the S3 key of the whole"
        )
    logger.warning(
        "the answer, %d bytes of JSON, is too long for Lambda; nobody reads it, so it was cut", f"{written:,}"
    )
    return {**reply, "body": f"{reply['body'][:_CUT]}… [cut: {size:,} bytes in all]"}


def _log_late(request: "Request | None", error: BaseException) -> None:
    logger.error("the application failed after its answer at %s was complete", request and request.path, exc_info=error)


_CONSEQUENCES = {
    "async": "AWS takes this as success and will not retry the event",
    "sync": "its sender is given this dictionary, which it may take for an answer",
    "poll": "AWS takes this as success, and the records as done",
}
_REPORTED = (
    "AWS retries the records named in batchItemFailures if the event source mapping has ReportBatchItemFailures, "
    "else it takes them as done"
)


def _warn(adapted: "Adapted", error: "Exception | None") -> None:
    consequence = _REPORTED if adapted.batch is not None and adapted.batch.reports else _CONSEQUENCES[adapted.reply]
    # An application's own exception was logged with its traceback; its words may hold what was in the event.
    ours = isinstance(error, CloudEventsError)
    first_line = str(error).partition("\n")[0] if ours else f"the application raised {type(error).__name__}"
    hint = getattr(error, "hint", "") if ours else ""
    logger.warning(
        "%s; %s. %sSet CLOUD_EVENTS_RESPONSE=native to have such an invocation fail.",
        first_line,
        consequence,
        f"{hint} " if hint else "",
    )
