"""Reads and checks the settings: environment variables and keywords. A message names the fault, value and remedy."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from inspect import signature
from typing import Any, Literal, NamedTuple, TypedDict

from .adapter.matcher import Matcher
from .adapter.path import fault_of
from .application import UNEVALUATED, interface_of, load
from .errors import ConfigurationError
from .unguarded import refuse_unguarded

PREFIX = "CLOUD_EVENTS_"
NEAR_PREFIX = r"CLOUD_?EVENTS?_+(\w+)"


# The package that makes Lambda handlers of HTTP requests for each interface, as CLOUD_EVENTS_HTTP_HANDLER spells it.
HTTP_HANDLERS = {"wsgi": "apig-wsgi", "asgi": "mangum"}


class Keywords(TypedDict, total=False):
    """The keywords of ``make_handler``: objects, or the values that the environment variable of that name may have."""

    wsgi_environ: Mapping[str, Any] | str
    asgi_scope: Mapping[str, Any] | str
    response: Literal["envelope", "native"]
    failure_statuses: str | int
    delivery: Literal["batch", "record"]
    content_mode: Literal["event", "binary", "structured", "payload"]
    matchers: Matcher | Sequence[Matcher] | str
    path_prefix: str
    sources: Sequence[str] | str
    http_handler: Callable[[Any, Any], Any] | str
    lifespan: Literal["auto", "on", "off"]
    unwrap: Sequence[str] | str
    concurrency: int | str


class Settings:
    """The settings of a handler, checked and loaded.

    application:      the callable
    interface:        "wsgi" or "asgi"
    base:             the user's environ or scope, a dict
    response:         "envelope" or "native"
    failure_statuses: the statuses that count as a failure, a frozenset of int
    delivery:         "batch" or "record"
    content_mode:     "event", "binary", "structured" or "payload"
    matchers:         the user's rows
    path_prefix:      the prefix of every path, or ""
    sources:          shell-style patterns of the dynamic values that are accepted; () accepts all
    http_handler:     the Lambda handler of HTTP requests, the name of the package that makes one, or None
    lifespan:         "auto", "on" or "off"
    unwrap:           the names of the rows whose events may arrive inside a record
    concurrency:      how many records of one event are sent at the same time, at most
    """

    application: Callable[..., Any]
    interface: str
    base: dict[str, Any]
    response: str
    failure_statuses: frozenset[int]
    delivery: str
    content_mode: str
    matchers: tuple[Matcher, ...]
    path_prefix: str
    sources: tuple[str, ...]
    http_handler: Callable[[Any, Any], Any] | str | None
    lifespan: str
    unwrap: tuple[str, ...]
    concurrency: int

    def __init__(self, application: Callable[..., Any], interface: str, base: dict[str, Any], options: Any) -> None:
        self.application = application
        self.interface = interface
        self.base = base
        vars(self).update(options)

    def __repr__(self) -> str:
        return f"<Settings {self.interface}>"


def one_of(*choices: str) -> Callable[[Any, str], str]:
    """Return a parser that accepts one of the *choices*."""

    def parse(value: Any, label: str) -> str:
        if value not in choices:
            first = ", ".join(map(repr, choices[:-1]))
            raise ConfigurationError(f"{label}: choose {first} or {choices[-1]!r}")
        return str(value)

    return parse


def parse_statuses(value: Any, label: str) -> frozenset[int]:
    found: set[int] = set()
    for part in str(value).split(","):
        low, dash, high = part.strip().partition("-")
        if not (low.isdecimal() and (high.isdecimal() or not dash)) or not 100 <= int(low) <= int(high or low) <= 599:
            raise ConfigurationError(
                f"{label}: {part.strip()!r} is not a status; write comma-separated codes and ranges, such as "
                "'404,500-599'"
            )
        found.update(range(int(low), int(high or low) + 1))
    return frozenset(found)


def parse_matchers(value: Any, label: str) -> tuple[Matcher, ...]:
    if isinstance(value, Matcher):
        value = (value,)
    if not isinstance(value, (list, tuple)):
        raise ConfigurationError(f"{label}: it must be a list of Matcher rows, not {_kind(value)}")
    for number, row in enumerate(value):
        if not isinstance(row, Matcher):
            raise ConfigurationError(f"{label}: row {number} must be a Matcher, not {_kind(row)}")
    return tuple(value)


def parse_path_prefix(value: Any, label: str) -> str:
    if not isinstance(value, str) or value[:1] != "/":
        raise ConfigurationError(f"{label}: it must begin with '/', such as '/events'")
    fault = fault_of(value) or ("'?', '#' or '//'" if any(mark in value for mark in ("?", "#", "//")) else "")
    if fault:
        raise ConfigurationError(f"{label}: it must not have {fault}")
    return value.rstrip("/")


def parse_sources(value: Any, label: str) -> tuple[str, ...]:
    return _parse_list(value, label, "pattern", "com.example.*,aws.*")


def parse_names(value: Any, label: str) -> tuple[str, ...]:
    return _parse_list(value, label, "name", "s3,sns")


def _parse_list(value: Any, label: str, noun: str, example: str) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not (isinstance(parts, (list, tuple)) and all(isinstance(part, str) for part in parts)):
        raise ConfigurationError(f"{label}: it must be comma-separated {noun}s, such as {example!r}, or a list of them")
    found = tuple(part.strip() for part in parts)
    if not all(found):
        raise ConfigurationError(f"{label}: one {noun} is empty; write comma-separated {noun}s, such as {example!r}")
    return found


def parse_count(value: Any, label: str) -> int:
    if not str(value).isdecimal() or int(value) < 1:
        raise ConfigurationError(f"{label}: it must be a whole number from 1, such as 10")
    return int(value)


def parse_http_handler(value: Any, label: str) -> Callable[[Any, Any], Any] | str:
    if value in HTTP_HANDLERS.values():
        return str(value)
    if not callable(value):
        raise ConfigurationError(
            f"{label}: it must be a Lambda handler, a callable of event and context, not {_kind(value)}"
        )
    handler: Callable[[Any, Any], Any] = value
    return handler


class Option(NamedTuple):
    """One setting: an environment variable with the prefix, or a keyword.

    parse:  (value, label for messages) → the value for Settings; raises ConfigurationError
    dotted: whether a string is the dotted path of the value
    """

    name: str
    parse: Callable[[Any, str], Any]
    default: Any
    dotted: bool = False


OPTIONS = (
    Option("response", one_of("envelope", "native"), "envelope"),
    Option("failure_statuses", parse_statuses, frozenset(range(300, 600))),
    Option("delivery", one_of("batch", "record"), "batch"),
    Option("content_mode", one_of("event", "binary", "structured", "payload"), "event"),
    Option("matchers", parse_matchers, (), dotted=True),
    Option("path_prefix", parse_path_prefix, ""),
    Option("sources", parse_sources, ()),
    Option("http_handler", parse_http_handler, None, dotted=True),
    Option("lifespan", one_of("auto", "on", "off"), "auto"),
    Option("unwrap", parse_names, ()),
    Option("concurrency", parse_count, 1),
)
NAMES = tuple(option.name for option in OPTIONS)


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of ``cloud_events.handler.handler``, all from *environment*, a mapping of variables.

    Raises ConfigurationError for the first fault.
    """
    named = {name: environment.get(name, "") for name in ("WSGI_APPLICATION", "ASGI_APPLICATION")}
    given = [name for name, path in named.items() if path]
    if not given:
        raise ConfigurationError(
            "neither WSGI_APPLICATION nor ASGI_APPLICATION is set; set one to the path of your application, such as "
            "WSGI_APPLICATION='project.wsgi.application' (Django, Flask) or ASGI_APPLICATION='project.main.app' "
            "(FastAPI)"
        )
    if len(given) == 2:
        both = " and ".join(f"{name}={path!r}" for name, path in named.items())
        raise ConfigurationError(
            f"{both} are both set; keep the one that your application speaks: WSGI for Flask, ASGI for FastAPI, either "
            "for Django"
        )
    name, path = given[0], named[given[0]]
    return resolve(load(path, name), name[:4].lower(), {}, f"{name}={path!r}", environment)


def resolve(
    application: Any,
    interface: str | None,
    keywords: Mapping[str, Any],
    label: str = "make_handler",
    environment: Mapping[str, str] = os.environ,
) -> Settings:
    """Return the settings of one handler: from keywords, otherwise from environment variables, otherwise the defaults.

    Raises ConfigurationError for the first fault.
    """
    _refuse_unknown(keywords, environment)
    if not callable(application):
        raise ConfigurationError(
            f"{label}: an application must be callable; this is {_kind(application)}. Name the object that a server "
            "would run, such as project.wsgi.application"
        )
    refuse_unguarded(application, label)
    interface, application = _interface(application, interface, label)
    base_name = "wsgi_environ" if interface == "wsgi" else "asgi_scope"
    base, base_label = _value(base_name, True, keywords, environment)
    if base is not None and not isinstance(base, dict):
        raise ConfigurationError(f"{base_label}: it must be a dict, not {_kind(base)}")
    parsed = {}
    for option in OPTIONS:
        value, value_label = _value(option.name, option.dotted, keywords, environment)
        parsed[option.name] = option.default if value is None else option.parse(value, value_label)
    refuse_http_handler(parsed["http_handler"], application, interface)
    fault = combination_fault(parsed)
    if fault:
        raise ConfigurationError(fault)
    return Settings(application, interface, base or {}, parsed)


def refuse_http_handler(handler: Any, application: Any, interface: str) -> None:
    """Raise ConfigurationError if *handler* is an application, or the name of the package for the other interface."""
    word = HTTP_HANDLERS[interface]
    if isinstance(handler, str):
        if handler != word:
            raise ConfigurationError(
                f"CLOUD_EVENTS_HTTP_HANDLER={handler!r}: this application speaks {interface.upper()}; write {word!r}"
            )
    elif handler is not None and (handler is application or interface_of(handler) == "asgi" or _is_wsgi(handler)):
        raise ConfigurationError(
            f"CLOUD_EVENTS_HTTP_HANDLER: this is an application, not a Lambda handler of event and context; write "
            f"{word!r}, and the library makes the handler"
        )


def _is_wsgi(handler: Any) -> bool:
    try:
        names = list(signature(handler, **UNEVALUATED).parameters)
    except (TypeError, ValueError):
        return False
    return names[-1:] == ["start_response"]  # PEP 3333; some call the environ "env"


def combination_fault(parsed: Mapping[str, Any]) -> str:
    """Return the fault of a combination of valid settings, a dict *parsed* by name; "" if there is none."""
    needs_record = {
        "CLOUD_EVENTS_CONTENT_MODE='payload'": parsed["content_mode"] == "payload",
        "CLOUD_EVENTS_UNWRAP": bool(parsed["unwrap"]),
        f"CLOUD_EVENTS_CONCURRENCY={parsed['concurrency']}": parsed["concurrency"] > 1,
    }
    named = [setting for setting, needed in needs_record.items() if needed]
    if named and parsed["delivery"] != "record":
        return f"{' and '.join(named)}: this needs one request per record; set CLOUD_EVENTS_DELIVERY=record"
    return ""


def _interface(application: Any, interface: str | None, label: str) -> tuple[str, Any]:
    """Return (interface, callable with that interface); if *interface* is None, it is detected."""
    if interface not in (None, "wsgi", "asgi"):
        raise ConfigurationError(f"{label}: interface={interface!r}; choose 'wsgi' or 'asgi'")
    detected = interface_of(application)
    if detected == "factory":
        raise ConfigurationError(
            f"{label}: it takes no arguments, so it is not an application; if it is a factory, assign app = "
            f"{getattr(application, '__name__', 'make')}() in a module, and name that app"
        )
    if detected is None and interface is None:
        raise ConfigurationError(f"{label}: cannot detect the interface; pass interface='wsgi' or interface='asgi'")
    if detected == "asgi2":
        if interface == "wsgi":
            raise ConfigurationError(
                f"{label}: it takes one argument, and a WSGI application takes two (PEP 3333); if it is a factory, "
                "assign app = … in a module, and name that app"
            )
        from asgiref.compatibility import guarantee_single_callable

        return "asgi", guarantee_single_callable(application)  # type: ignore[no-untyped-call]
    if None not in (detected, interface) and detected != interface:
        other = str(detected).upper()
        path = label.partition("=")[2]
        remedy = f"set {other}_APPLICATION={path} instead" if path else f"pass interface={detected!r}"
        raise ConfigurationError(f"{label}: this application speaks {other}; {remedy}")
    return interface or str(detected), application


def _variable(name: str) -> str:
    return name.upper() if name in ("wsgi_environ", "asgi_scope") else PREFIX + name.upper()


def _value(name: str, dotted: bool, keywords: Mapping[str, Any], environment: Mapping[str, str]) -> tuple[Any, str]:
    """Return (value, label for messages) of a setting; the value is None if it is unset or empty."""
    keyword = keywords.get(name) is not None
    value = keywords[name] if keyword else environment.get(_variable(name)) or None
    label = name if keyword else _variable(name)
    if dotted and not isinstance(value, str):
        return value, label  # the repr of an object does not help a reader, and may reveal a secret
    path = dotted and value not in HTTP_HANDLERS.values()
    return (load(str(value), label) if path else value), f"{label}={value!r}"


def variable_fault(variable: str) -> str:
    """Return the fault in the name of an environment variable; "" if it is a setting, or not meant to be one."""
    known = [name.upper() for name in NAMES]
    if variable.startswith(PREFIX):
        name = variable.removeprefix(PREFIX)
        return "" if name in known else f"{variable}: no such setting; {_nearest(name, known, PREFIX)}"
    near = re.fullmatch(NEAR_PREFIX, variable, re.IGNORECASE)
    # Only if the rest is nearly one of our names: CLOUD_EVENT_BUS_NAME may be a variable of the application.
    close = get_close_matches(near[1].upper(), known, 1, 0.8) if near else []
    return f"{variable}: no such setting; did you mean {PREFIX}{close[0]}?" if close else ""


def _refuse_unknown(keywords: Mapping[str, Any], environment: Mapping[str, str]) -> None:
    """Raise ConfigurationError for a misspelled name, which would otherwise lose events silently."""
    for variable in environment:
        if fault := variable_fault(variable):
            raise ConfigurationError(fault)
    keywords_known = ("wsgi_environ", "asgi_scope", *NAMES)
    for name in keywords:
        if name not in keywords_known:
            raise ConfigurationError(f"make_handler({name}=…): no such setting; {_nearest(name, keywords_known)}")


def _nearest(name: str, known: Iterable[str], prefix: str = "") -> str:
    close = get_close_matches(name, [*known], 1)
    return (
        f"did you mean {prefix}{close[0]}?"
        if close
        else f"the settings are {', '.join(prefix + one for one in sorted(known))}"
    )


def _kind(value: Any) -> str:
    name = type(value).__name__
    return "None" if value is None else f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
