"""``cloud-events check``: finds wiring that loses events, without a network connection.

Input: SAM and CloudFormation templates, ``serverless.yml``, and the JSON of ``aws lambda list-event-source-mappings``
and ``get-function-configuration``. All are read as resources in the shape of SAM and CloudFormation; the resources give
facts, and RULES checks the facts. Only literal values are checked: a value that a template computes counts as set, and
functions that do not use the library are skipped.

Sources: AWS SAM specification, "AWS::Serverless::Function" and its event types; CloudFormation,
"AWS::Lambda::EventSourceMapping"; Lambda API, "EventSourceMappingConfiguration"; Lambda developer guide, "Creating and
configuring an Amazon SQS event source mapping"; Serverless Framework, "Serverless.yml reference".
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

from ..errors import ConfigurationError
from ..settings import OPTIONS, PREFIX, combination_fault, variable_fault

OK, FAILED, UNUSABLE = 0, 1, 2  # exit statuses
FUNCTIONS = SAM, LAMBDA, SERVERLESS = "AWS::Serverless::Function", "AWS::Lambda::Function", "serverless.yml"
MAPPING, QUEUE = "AWS::Lambda::EventSourceMapping", "AWS::SQS::Queue"
PERMISSION, INVOKE_CONFIG = "AWS::Lambda::Permission", "AWS::Lambda::EventInvokeConfig"

KEYS = ("Resources", "functions", "EventSourceMappings", "FunctionArn")  # each file has at least one of these
NO_LINES: Mapping[Any, int] = {}

# The kinds of sources, in lower case: the event types of SAM and Serverless, the first word of the principal of a
# permission, and the values of MAPPED.
STREAMS = {"kinesis", "dynamodb", "stream", "msk", "kafka", "selfmanagedkafka"}
REPORTING = {"sqs", *STREAMS}
UNREPORTING = {"mq", "activemq", "rabbitmq", "documentdb"}
RECORDS = {"s3", "sns", "ses", "codecommit"}
EVENTS = {"schedule", "schedulev2", "eventbridge", "eventbridgerule", "cloudwatchevent", "events", "config",
          "cloudwatchlog", "cloudwatchlogs", "logs", "iot", "iotrule"}  # fmt: skip
# Properties that only event source mappings of one kind have; those of SQS have no such property.
MAPPED = {"Topics": "kafka", "Queues": "mq", "DocumentDBEventSourceConfig": "documentdb", "StartingPosition": "stream"}

LOST = "{reporter} reports the records that failed, but Lambda does not read the report here and takes them as done; "
RULES: tuple[tuple[str, str, Callable[[Any], Any], str], ...] = (
    # what it looks at, severity, when it is wrong, the message with the remedy
    ("setting", "error", lambda it: it.fault, "{fault}"),
    ("function", "error", lambda it: it.applications == 0, "neither WSGI_APPLICATION nor ASGI_APPLICATION is set; set one to the path of your application"),
    ("function", "error", lambda it: it.applications == 2, "WSGI_APPLICATION and ASGI_APPLICATION are both set; keep the one that your application speaks"),
    ("source", "error", lambda it: it.kind in REPORTING and it.reporter and it.reports is False, LOST + "add FunctionResponseTypes: [ReportBatchItemFailures] (serverless.yml: functionResponseType: ReportBatchItemFailures)"),
    ("source", "error", lambda it: it.kind == "sqssubscription" and it.reporter and it.reports is not None, LOST + "SqsSubscription cannot change that: declare the queue, and an SQS event with FunctionResponseTypes: [ReportBatchItemFailures]"),
    ("source", "error", lambda it: it.kind in UNREPORTING and it.reports, "this event source does not read which records failed; remove ReportBatchItemFailures"),
    ("function", "warning", lambda it: it.unheard, "with CLOUD_EVENTS_RESPONSE=envelope AWS takes a failure for success ({unheard}); set CLOUD_EVENTS_RESPONSE=native"),
    ("function", "warning", lambda it: it.unsaved, "an event that fails on every attempt is lost ({unsaved}); add a failure destination (SAM: EventInvokeConfig; serverless.yml: destinations) or a dead-letter queue"),
    ("source", "warning", lambda it: it.queue and not it.redrive, "the queue {queue} has no dead-letter queue, so a message that fails on every attempt is lost when it expires; add a RedrivePolicy"),
    ("source", "warning", lambda it: it.queue and it.visibility < it.six_timeouts, "the visibility timeout of the queue {queue}, {visibility} s, is less than six times the function's timeout, so a message may be delivered again while it is being handled; set VisibilityTimeout to {six_timeouts}"),
    ("source", "warning", lambda it: it.kind in STREAMS and not it.saved, "records that Lambda gives up on are lost; add a failure destination: DestinationConfig with OnFailure (serverless.yml: destinations)"),
    ("source", "warning", lambda it: it.kind in STREAMS and all(limit in (None, -1) for limit in it.limits), "a record that fails on every attempt holds up those behind it until it expires; set MaximumRetryAttempts (Kafka: with ProvisionedPollerConfig)"),
    ("source", "warning", lambda it: it.kind in REPORTING and it.concurrency > it.batch_size, "CLOUD_EVENTS_CONCURRENCY={concurrency} is above the {batch_size} records of a batch; lower it, or raise BatchSize"),
)  # fmt: skip


class Computed(NamedTuple):
    """A value that a template computes. resource: the name in !Ref or !GetAtt, "" for another function."""

    resource: str = ""


class Table(dict[Any, Any]):
    """A mapping in a file. lines: key → line number, from 1; empty if the file is JSON."""

    def __init__(self, members: Mapping[Any, Any], lines: Mapping[Any, int] = NO_LINES) -> None:
        super().__init__(members)
        self.lines = lines


class Resource(NamedTuple):
    """A resource of a template, or its equivalent in another file. line: the line number, or None if not known."""

    file: str
    line: int | None
    name: str
    type: str
    properties: Any


def table(members: Mapping[Any, Any], lines: Mapping[Any, int] = NO_LINES) -> Table | Computed:
    """Return a mapping as a Table, or as Computed: {"Ref": …} and {"Fn::…": …} are the long forms of tags."""
    name = str(next(iter(members), ""))
    if len(members) == 1 and (name == "Ref" or name.startswith("Fn::")):
        return intrinsic(name.removeprefix("Fn::"), members[name])
    return Table(members, lines)


def intrinsic(function: str, argument: Any) -> Computed:
    """Return the Computed of *function*. *argument* has values, or YAML nodes, so that nothing is constructed."""
    first = argument[0] if argument and isinstance(argument, list) else argument
    name = getattr(first, "value", first) if function in ("Ref", "GetAtt") else None
    return Computed(name.split(".")[0] if isinstance(name, str) else "")


def at(value: Any, *keys: str) -> Any:
    """Return the value at *keys*; None if there is none, Computed if the template computes it or may add it.

    A key may begin with a lower-case letter in the file: Serverless spells CloudFormation's properties that way.
    """
    for key in keys:
        if isinstance(value, Table):
            added = Computed() if any(str(name).startswith("Fn::") for name in value) else None
            value = value.get(key, value.get(key[:1].lower() + key[1:], added))
        elif not isinstance(value, Computed):
            return None
    return Computed() if isinstance(value, str) and ("${" in value or "{{resolve:" in value) else value


def items(value: Any) -> list[tuple[str, Any, int | None]]:
    """Return (name, value, line) of each member of a mapping; an empty list for anything else."""
    members = value if isinstance(value, Table) else Table({})
    return [(str(name), each, members.lines.get(name)) for name, each in members.items()]


def listed(value: Any) -> list[Any]:
    """Return a list unchanged, and anything else as the only item of a list."""
    return value if isinstance(value, list) else [value]


def merged(common: Any, own: Any) -> Any:
    """Return *own*, with members that only *common* has, at every depth: SAM guide, "Globals section"."""
    if not (isinstance(common, Table) and isinstance(own, Table)):
        return common if own is None else own
    both = {name: merged(common.get(name), value) for name, value in own.items()}
    return Table({**common, **both}, {**common.lines, **own.lines})


def number(value: Any, default: float) -> float:
    """Return a number of a template, or *default* if it is missing; otherwise NaN, for which no comparison holds."""
    return int(value) if str(value).removeprefix("-").isdecimal() else default if value is None else float("nan")


def name_in(value: Any) -> str:
    """Return the name of the resource or function in *value*: a !Ref, !GetAtt, ARN or name; "" for anything else."""
    name = value.resource if isinstance(value, Computed) else value
    return name.split(":function:")[-1].split(":")[0] if isinstance(name, str) else ""


# Files → resources.


def read(file: str) -> list[Resource]:
    """Return the resources in *file*, "-" for standard input. Raises OSError, ValueError or RecursionError."""
    content = (sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()).decode("utf-8-sig")
    is_json = content.lstrip()[:1] in ("{", "[")
    document = json.loads(content, object_hook=table) if is_json else from_yaml(content)
    if not isinstance(document, Table) or document.keys().isdisjoint(KEYS):
        raise ValueError(f"there is nothing to check in it; it needs one of {', '.join(KEYS)} as a key")
    return [Resource(file, *resource) for resource in resources_in(document)]


def from_yaml(content: str) -> Any:
    """Return the document as plain values, Table and Computed; no tag runs code. Raises ValueError."""
    try:
        import yaml
    except ImportError:
        raise ValueError("YAML needs PyYAML: pip install 'cloud-events[check]'; JSON works without it") from None

    def mapping(loader: Any, node: Any) -> Any:
        members = loader.construct_mapping(node, deep=True)
        return table(members, {key.value: key.start_mark.line + 1 for key, _ in node.value})

    # A subclass, so that PyYAML's own loader is not changed.
    loader: Any = type("Loader", (yaml.SafeLoader,), {})
    loader.add_constructor("tag:yaml.org,2002:map", mapping)
    loader.add_multi_constructor("!", lambda _, function, node: intrinsic(function, node.value))
    try:
        return yaml.load(content, loader)
    except yaml.YAMLError as error:
        # Not the text of the error, which quotes the file.
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", "it has odd characters")
        raise ValueError(f"not YAML{f', line {mark.line + 1}' if mark else ''}: {problem}") from None


def resources_in(document: Table) -> Iterator[tuple[int | None, str, str, Any]]:
    """Yield (line, name, type, properties) of each resource, or of its equivalent."""
    for name, resource, line in items(document.get("Resources")):
        kind, properties = str(at(resource, "Type")), at(resource, "Properties")
        yield line, name, kind, merged(at(document, "Globals", "Function"), properties) if kind == SAM else properties
    for functions in listed(document.get("functions")):
        for name, function, line in items(functions):
            yield line, name, SERVERLESS, merged(merged(Table({"timeout": 6}), document.get("provider")), function)
    for part in listed(document.get("resources")):
        yield from resources_in(part) if isinstance(part, Table) else ()
    for mapping in listed(document.get("EventSourceMappings", [])):
        yield None, str(at(mapping, "EventSourceArn") or at(mapping, "UUID")), MAPPING, mapping
    if "FunctionArn" in document:
        yield None, str(at(document, "FunctionName")), LAMBDA, document


# Resources → facts.


def invokers_of(function: Resource, resources: list[Resource]) -> Iterator[Resource]:
    """Yield the sources of *function*, with their kinds as types, and destinations of failed events as "destination"."""
    events = at(function.properties, "Events")
    for name, event, line in items(events):
        given = at(event, "Properties")
        kind = str(at(event, "Type")).lower()
        queue = at(given, "SqsSubscription") if kind == "sns" else None
        yield Resource(function.file, line, name, "sqssubscription" if queue else kind, queue or given)
    for position, entry in enumerate(listed(events)):
        for kind, _, line in items(entry) if function.type == SERVERLESS else ():
            yield Resource(function.file, line, f"events[{position}].{kind}", kind.lower(), at(entry, kind))
    # The logical ID that Serverless gives the function.
    logical_id = f"{function.name[:1].upper()}{function.name[1:]}LambdaFunction"
    names = (function.name, logical_id, at(function.properties, "FunctionName"))
    for other in resources:
        of = other.properties
        mapped = next((kind for name, kind in MAPPED.items() if at(of, name)), "sqs")
        kinds = {MAPPING: mapped, PERMISSION: str(at(of, "Principal")).split(".")[0], INVOKE_CONFIG: "destination"}
        named = at(of, "FunctionName") or at(of, "FunctionArn")
        if other.type in kinds and name_in(named) in names and (isinstance(named, str) or other.file == function.file):
            yield other._replace(type=kinds[other.type])


def settings_of(variables: Any, ready_made: bool) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return (name → value, or Computed if it is not known; (variable, fault) for each fault)."""
    values: dict[str, Any] = {}
    faults = [(name, fault) for name, _, _ in items(variables) if (fault := variable_fault(name))]
    for option in OPTIONS:
        variable = PREFIX + option.name.upper()
        value = at(variables, variable)
        # If another handler calls ours, it may pass the setting to make_handler.
        values[option.name] = option.default if value in (None, "") and ready_made else Computed()
        # Not bool: on and off are true and false to CloudFormation, and words to Serverless.
        if type(value) in (str, int) and value != "" and not option.dotted:
            try:
                values[option.name] = option.parse(str(value), f"{variable}={str(value)!r}")
            except ConfigurationError as error:
                faults.append((variable, str(error)))
    known = {name: value for name, value in values.items() if not isinstance(value, Computed)}
    fault = combination_fault({option.name: option.default for option in OPTIONS} | {"delivery": "record"} | known)
    return values, [*faults, ("", fault)] if fault else faults


def facts_of(function: Resource, resources: list[Resource]) -> Iterator[tuple[str, SimpleNamespace]]:
    """Yield (its subject in RULES, facts) for *function*, for each fault of its settings, and for each source.

    Nothing is yielded for a function that does not use the library: it has neither our handler nor a setting of ours.
    """
    of = function.properties
    variables = at(of, "Environment") if function.type == SERVERLESS else at(of, "Environment", "Variables")
    # In a container image the handler is in a command; if an extension's handler calls ours, it is in a variable.
    naming = [at(of, name) for name in ("Handler", "ImageConfig", "ImageConfigResponse", "Image", "Environment")]
    ready_made = "'cloud_events.handler.handler'" in str(naming).replace("/", ".")
    if not (ready_made or any(name.startswith(PREFIX) for name, _, _ in items(variables))):
        return
    values, faults = settings_of(variables, ready_made)
    where = {"file": function.file, "line": function.line, "resource": function.name}
    for variable, fault in faults:
        line = getattr(variables, "lines", NO_LINES).get(variable, function.line)
        yield "setting", SimpleNamespace(where=where | {"line": line}, fault=fault)

    paths = [at(variables, name) for name in ("WSGI_APPLICATION", "ASGI_APPLICATION")]
    known = ready_made and not any(isinstance(path, Computed) for path in paths)
    facts = {"applications": len([*filter(None, paths)]) if known else None}
    invokers = [*invokers_of(function, resources)]
    saved = [at(of, name) for name in ("DeadLetterQueue", "DeadLetterConfig", "OnError")]
    saved += [at(of, "EventInvokeConfig", "DestinationConfig", "OnFailure"), at(of, "Destinations", "OnFailure")]
    saved += [at(each.properties, "DestinationConfig", "OnFailure") for each in invokers if each.type == "destination"]
    unsaved = [each.name for each in invokers if each.type in EVENTS | RECORDS and not any(saved)]
    # With record delivery, a failure that cannot be reported is raised.
    deaf = EVENTS | RECORDS | UNREPORTING if values["delivery"] == "batch" else EVENTS
    unheard = [each.name for each in invokers if each.type in deaf and values["response"] == "envelope"]
    yield "function", SimpleNamespace(where=where, unheard=", ".join(unheard), unsaved=", ".join(unsaved), **facts)

    telling = {"delivery": "record", "response": "envelope"}.items()
    reporters = [f"{PREFIX}{name.upper()}={value}" for name, value in telling if values[name] == value]
    timeout, concurrency = number(at(of, "Timeout"), 3), number(values["concurrency"], 1)
    common = {"reporter": "".join(reporters[:1]), "six_timeouts": 6 * timeout, "concurrency": concurrency}
    for each in invokers:
        at_source = where | {"line": each.line, "resource": f"{function.name}, {each.name}"}
        yield "source", SimpleNamespace(where=at_source, **common, **source_facts(each, resources))


def source_facts(source: Resource, resources: list[Resource]) -> dict[str, Any]:
    """Return the facts about one source of a function."""
    of = source.properties
    types = listed(at(of, "FunctionResponseTypes") or at(of, "FunctionResponseType"))
    queues = {each.name: each.properties for each in resources if each.type == QUEUE and each.file == source.file}
    keys = ("Queue", "QueueArn", "EventSourceArn", "Arn")
    queue = next((name for key in keys if (name := name_in(at(of, key))) in queues), "")
    return {
        "kind": source.type,
        "reports": None if any(isinstance(each, Computed) for each in types) else "ReportBatchItemFailures" in types,
        "saved": at(of, "DestinationConfig", "OnFailure") or at(of, "Destinations", "OnFailure"),
        "limits": [at(of, name) for name in ("MaximumRetryAttempts", "MaximumRecordAgeInSeconds")],
        "batch_size": number(at(of, "BatchSize"), 10 if source.type == "sqs" else 100),
        "queue": queue,
        "redrive": at(queues.get(queue), "RedrivePolicy"),
        "visibility": number(at(queues.get(queue), "VisibilityTimeout"), 30),
    }


def check(files: Sequence[str], as_json: bool) -> int:
    """Print the faults of the wiring in *files*, as text or as JSON; return the exit status."""
    status, resources = OK, []
    for file in files:
        try:
            resources += read(file)
        except (OSError, ValueError, RecursionError) as error:
            reason = "too deeply nested" if isinstance(error, RecursionError) else getattr(error, "strerror", error)
            print(f"cloud-events: {file}: cannot be checked: {reason}", file=sys.stderr)
            status = UNUSABLE
    facts = [each for one in resources if one.type in FUNCTIONS for each in facts_of(one, resources)]
    findings = [
        {**it.where, "severity": severity, "message": said.format_map(vars(it))}
        for subject, it in facts
        for looks_at, severity, wrong, said in RULES
        if looks_at == subject and wrong(it)
    ]
    lines = ["{file}:{line}: {severity}: {resource}: {message}".format_map(each) for each in findings]
    errors = len([each for each in findings if each["severity"] == "error"])
    checked = len([subject for subject, _ in facts if subject == "function"])
    lines.append(f"functions checked: {checked}; errors: {errors}; warnings: {len(findings) - errors}")
    # Line numbers in JSON files are not known.
    print(json.dumps(findings, indent=2) if as_json else "\n".join(lines).replace(":None: ", ": "))
    return max(status, FAILED if errors else OK)
