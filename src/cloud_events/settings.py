"""Environment variables and keywords → one immutable Settings. Every fault is named, with its value and its remedy."""

import os

from .adapter.matcher import Matcher
from .adapter.path import Places, fault_of
from .application import interface_of, load
from .errors import ConfigurationError
from .values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

PREFIX = "CLOUD_EVENTS_"

# What each setting that is one of a few words may say; the first is the default.
CHOICES = {
    "response": ("envelope", "native"),
    "delivery": ("batch", "record"),
    "content_mode": ("event", "binary", "structured"),
    "lifespan": ("auto", "on", "off"),
}
OPTIONS = (*CHOICES, "failure_statuses", "matchers", "path_prefix", "sources", "http_handler")
KEYWORDS = ("wsgi_environ", "asgi_scope", *OPTIONS)


class Settings(NamedTuple):
    """What was set, checked and loaded.

    application:  the callable
    interface:    "wsgi", or "asgi"
    base:         the user's environ or scope, a dict
    response:     "envelope" or "native"
    delivery:     "batch" or "record"
    content_mode: "event", "binary" or "structured"
    lifespan:     "auto", "on" or "off"
    failures:     the statuses that count as a failure, a frozenset of int
    matchers:     the user's rows
    places:       where events may go
    http_handler: the Lambda handler of HTTP requests, or None
    """

    application: "Callable[..., Any]"
    interface: str
    base: "dict[str, Any]"
    response: str
    delivery: str
    content_mode: str
    lifespan: str
    failures: "frozenset[int]"
    matchers: "tuple[Matcher, ...]"
    places: Places
    http_handler: "Callable[[Any, Any], Any] | None"

    def __repr__(self) -> str:
        return f"<Settings {self.interface}>"


def from_environment() -> Settings:
    """The settings of ``cloud_events.handler.handler``: all from environment variables.

    Raises ConfigurationError for the first thing that is wrong.
    """
    named = {name: os.environ.get(name, "") for name in ("WSGI_APPLICATION", "ASGI_APPLICATION")}
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
            f"{both} are both set; keep the one that your application is: WSGI with Flask, ASGI with FastAPI, either "
            "with Django"
        )
    name, path = given[0], named[given[0]]
    return resolve(load(path, name), name[:4].lower(), {}, f"{name}={path!r}")


def resolve(
    application: "Any", interface: "str | None", keywords: "Mapping[str, Any]", label: str = "make_handler"
) -> Settings:
    """The settings of one handler: keywords first, then the environment, then the defaults."""
    _refuse_unknown(keywords)
    if not callable(application):
        raise ConfigurationError(
            f"{label}: an application can be called, and a value of type {_kind(application)!r} cannot; give the "
            "object that a server would run, such as project.wsgi.application"
        )
    interface, application = _interface(application, interface, label)
    base_name = "wsgi_environ" if interface == "wsgi" else "asgi_scope"
    base, base_label = _object(base_name, keywords)
    if base is not None and not isinstance(base, dict):
        raise ConfigurationError(f"{base_label}: it must be a dict, not {_kind(base)}")
    chosen = {name: _choice(name, keywords) for name in CHOICES}
    return Settings(
        application,
        interface,
        base or {},
        chosen["response"],
        chosen["delivery"],
        chosen["content_mode"],
        chosen["lifespan"],
        _failures(*_value("failure_statuses", keywords)),
        _matchers(*_object("matchers", keywords)),
        Places("/", _path_prefix(*_value("path_prefix", keywords)), _sources(*_value("sources", keywords))),
        _http_handler(*_object("http_handler", keywords)),
    )


def _interface(application: "Any", interface: "str | None", label: str) -> "tuple[str, Any]":
    """(interface, callable that has it); *interface* is what was said, or None: then it is seen."""
    if interface not in (None, "wsgi", "asgi"):
        raise ConfigurationError(f"{label}: interface={interface!r}; choose 'wsgi' or 'asgi'")
    seen = interface_of(application)
    if seen == "factory":
        raise ConfigurationError(
            f"{label}: it takes no arguments, so it is no application; if it makes one, write app = "
            f"{getattr(application, '__name__', 'make')}() in a module, and give that app"
        )
    if seen is None and interface is None:
        raise ConfigurationError(f"{label}: cannot tell WSGI from ASGI here; say interface='wsgi' or interface='asgi'")
    if seen == "asgi2":
        if interface == "wsgi":
            raise ConfigurationError(
                f"{label}: it takes one argument, and a WSGI application two (PEP 3333); if it makes the application, "
                "write app = … in a module, and give that app"
            )
        from asgiref.compatibility import guarantee_single_callable

        return "asgi", guarantee_single_callable(application)  # type: ignore[no-untyped-call]
    if None not in (seen, interface) and seen != interface:
        other = str(seen).upper()
        path = label.partition("=")[2]
        remedy = f"set {other}_APPLICATION={path} instead" if path else f"say interface={seen!r}"
        raise ConfigurationError(f"{label}: this application speaks {other}; {remedy}")
    return interface or str(seen), application


def _variable(name: str) -> str:
    return name.upper() if name in ("wsgi_environ", "asgi_scope") else PREFIX + name.upper()


def _value(name: str, keywords: "Mapping[str, Any]") -> "tuple[Any, str]":
    """(value, how to name it in a message) of a setting; the value is None where it is not set, or set to nothing."""
    if keywords.get(name) is not None:
        return keywords[name], f"{name}={keywords[name]!r}"
    value = os.environ.get(_variable(name)) or None
    return value, f"{_variable(name)}={value!r}"


def _object(name: str, keywords: "Mapping[str, Any]") -> "tuple[Any, str]":
    value, label = _value(name, keywords)
    if isinstance(value, str):
        value = load(value, name if keywords.get(name) is not None else _variable(name))
    else:
        label = name  # an object's repr says nothing to a reader, and may say too much
    return value, label


def _choice(name: str, keywords: "Mapping[str, Any]") -> str:
    value, label = _value(name, keywords)
    if value is None:
        return CHOICES[name][0]
    if value not in CHOICES[name]:
        raise ConfigurationError(f"{label}: choose {' or '.join(map(repr, CHOICES[name]))}")
    return str(value)


def _refuse_unknown(keywords: "Mapping[str, Any]") -> None:
    # A typing error in a name would otherwise lose events without a word.
    known = [PREFIX + name.upper() for name in OPTIONS]
    for name in [key for key in os.environ if key.startswith(PREFIX) and key not in known]:
        raise ConfigurationError(f"{name}: no such setting; {_nearest(name, known, PREFIX)}")
    for name in keywords:
        if name not in KEYWORDS:
            raise ConfigurationError(f"make_handler({name}=…): no such setting; {_nearest(name, KEYWORDS)}")


def _nearest(name: str, known: "Any", prefix: str = "") -> str:
    from difflib import get_close_matches

    # The prefix alone would make any two names alike.
    close = get_close_matches(name.removeprefix(prefix), [each.removeprefix(prefix) for each in known], 1)
    return f"did you mean {prefix}{close[0]}?" if close else f"there are {', '.join(sorted(known))}"


def _failures(value: "Any", label: str) -> "frozenset[int]":
    if value is None:
        return frozenset(range(300, 600))
    found: set[int] = set()
    for part in str(value).split(","):
        low, dash, high = part.strip().partition("-")
        if not (low.isdecimal() and (high.isdecimal() or not dash)) or not 100 <= int(low) <= int(high or low) <= 599:
            raise ConfigurationError(
                f"{label}: {part.strip()!r} is no status; write codes and ranges, such as '404,500-599'"
            )
        found.update(range(int(low), int(high or low) + 1))
    return frozenset(found)


def _matchers(value: "Any", label: str) -> "tuple[Matcher, ...]":
    if value is None:
        return ()
    if isinstance(value, Matcher):
        value = (value,)
    if not isinstance(value, (list, tuple)):
        raise ConfigurationError(f"{label}: it must be a list of Matcher rows, not {_kind(value)}")
    for number, row in enumerate(value):
        if not isinstance(row, Matcher):
            raise ConfigurationError(f"{label}: row {number} must be a Matcher, not {_kind(row)}")
    return tuple(value)


def _path_prefix(value: "Any", label: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or value[:1] != "/":
        raise ConfigurationError(f"{label}: it must begin with '/', such as '/events'")
    fault = fault_of(value) or ("'?', '#' or '//'" if any(mark in value for mark in ("?", "#", "//")) else "")
    if fault:
        raise ConfigurationError(f"{label}: it must not have {fault}")
    return value.rstrip("/")


def _sources(value: "Any", label: str) -> "tuple[str, ...]":
    if value is None:
        return ()
    parts = value.split(",") if isinstance(value, str) else value
    if not (isinstance(parts, (list, tuple)) and all(isinstance(part, str) for part in parts)):
        raise ConfigurationError(
            f"{label}: it must be patterns by comma, such as 'com.example.*,aws.*', or a list of them"
        )
    patterns = tuple(part.strip() for part in parts)
    if not all(patterns):
        raise ConfigurationError(f"{label}: an empty pattern; write patterns by comma, such as 'com.example.*,aws.*'")
    return patterns


def _http_handler(value: "Any", label: str) -> "Any":
    if value is not None and not callable(value):
        raise ConfigurationError(f"{label}: it must be a Lambda handler, of event and context, not {_kind(value)}")
    return value


def _kind(value: "Any") -> str:
    return type(value).__name__
