"""``cloud-events sample``: an event of each kind, from a builder or, if there is none, from samples.json."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import partial
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

from ..errors import ConfigurationError
from ..testing import events

# By the name of a row; then events inside others.
BUILDERS: dict[str, Callable[..., Any]] = {
    "s3": events.s3, "sqs": events.sqs, "sns": events.sns, "eventbridge": events.eventbridge,
    "kinesis": events.kinesis, "dynamodb": events.dynamodb, "kafka.msk": events.kafka,
    "kafka.selfmanaged": partial(events.kafka, self_managed=True), "cloudevent": events.cloudevent,
    "schedule": events.schedule, "s3_in_sqs": events.s3_in_sqs, "sns_in_sqs": events.sns_in_sqs,
    "s3_in_sns_in_sqs": events.s3_in_sns_in_sqs, "eventbridge_in_sqs": events.eventbridge_in_sqs,
    "cloudevent_in_kafka": events.cloudevent_in_kafka,
}  # fmt: skip
SAMPLES: dict[str, Any] = json.loads(Path(__file__).with_name("samples.json").read_text(encoding="utf-8"))
KINDS = (*BUILDERS, *SAMPLES)
DATA, ITEM = {"order": 7}, {"id": 7, "title": "Emma"}  # the content of an event, unless it is given by options


def options(kind: str) -> dict[str, Parameter]:
    """Return option → parameter of the builder of *kind*: --bucket, and --body for each of *bodies*."""
    found = signature(BUILDERS[kind]).parameters.values() if kind in BUILDERS else ()
    return {f"--{_singular(each).replace('_', '-')}": each for each in found}


def sample(kind: str, words: Sequence[str] = ()) -> Any:
    """Return an event of *kind*. *words*: options as on the command line. Raises ConfigurationError."""
    if kind not in KINDS:
        raise ConfigurationError(f"sample {kind}: no such kind; {_nearest(kind, KINDS)}`cloud-events sample` lists all")
    known = options(kind)
    parser = argparse.ArgumentParser(prog=f"cloud-events sample {kind}", allow_abbrev=False)
    for option, parameter in known.items():
        parser.add_argument(option, dest=parameter.name, default=argparse.SUPPRESS, **_argument(parameter))
    parsed, unknown = parser.parse_known_args(words)
    if unknown:
        option = unknown[0].partition("=")[0]
        listed = f"the options are {', '.join(known)}" if known else f"events of {kind} have no options"
        raise ConfigurationError(f"sample {kind} {option}: no such option; {_nearest(option, known)}{listed}")
    return _built(kind, vars(parsed)) if kind in BUILDERS else SAMPLES[kind]


def _built(kind: str, given: dict[str, Any]) -> Any:
    if kind == "dynamodb" and given.keys().isdisjoint(("new", "old")):
        given["new"] = ITEM
    positional: list[Any] = []
    for each in options(kind).values():
        if each.kind is Parameter.VAR_POSITIONAL:
            positional = given.pop(each.name, [DATA])
        elif each.kind is Parameter.VAR_KEYWORD:
            given |= given.pop(each.name, {})
        elif each.annotation == "Any" and each.default in (None, Parameter.empty):
            given.setdefault(each.name, DATA)
    try:
        return BUILDERS[kind](*positional, **given)
    except ValueError as error:
        raise ConfigurationError(f"sample {kind}: {error}") from None


def _repeats(parameter: Parameter) -> bool:
    return parameter.kind is Parameter.VAR_POSITIONAL or parameter.annotation.startswith(("Sequence", "Iterable"))


def _singular(parameter: Parameter) -> str:
    name = parameter.name
    return name.replace("ies", "y").removesuffix("s") if _repeats(parameter) else name


def _argument(parameter: Parameter) -> dict[str, Any]:
    """Return argparse's keywords for the option of *parameter*."""
    annotation = parameter.annotation
    if annotation == "bool":
        return {"action": "store_true", "help": "a flag"}
    if annotation == "int":
        return {"type": int, "metavar": "NUMBER"}
    if parameter.kind is Parameter.VAR_KEYWORD or annotation.startswith(("dict", "Event")):
        return {"type": _object, "metavar": "JSON", "help": "a JSON object"}
    read = {"type": _json_or_text, "metavar": "JSON|TEXT"} if annotation == "Any" else {"metavar": "TEXT"}
    return {**read, "action": "append", "help": "may be repeated"} if _repeats(parameter) else read


def _json_or_text(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _object(value: str) -> dict[str, Any]:
    found = _json_or_text(value)
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError("it must be a JSON object")
    return found


def _nearest(name: str, known: Sequence[str] | dict[str, Parameter]) -> str:
    close = get_close_matches(name, [*known], 1)
    return f"did you mean {close[0]}? " if close else ""
