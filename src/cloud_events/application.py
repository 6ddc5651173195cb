"""APPLICATION. A dotted path → the object that it names; an application → the interface that it has."""

import sys

from .errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_COROUTINE = 0x80 | 0x100  # inspect.CO_COROUTINE, CO_ITERABLE_COROUTINE; inspect itself is too dear
_VARARGS = 0x04


def load(path: str, setting: str) -> "Any":
    """The object at *path*, ``module.attribute`` or ``module:attribute``, that the setting named *setting* gives.

    Raises ConfigurationError, chained to what the module raised, that tells whether the module is not there, something
    that it imports is not, it fails for another reason, or it has no such attribute.
    """
    module_name, _, attribute = path.partition(":") if ":" in path else path.rpartition(".")
    if not all(part.isidentifier() for part in (*module_name.split("."), *attribute.split("."))):
        raise ConfigurationError(
            f"{setting}={path!r}: this is no path to an object in a module; write it as 'project.wsgi.application' "
            "or 'project.wsgi:application'"
        )
    try:
        __import__(module_name)
        found = sys.modules[module_name]
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if module_name == missing or module_name.startswith(f"{missing}."):
            message = f"module {missing!r} not found; is it in the deployment package, and spelled like this?"
        else:
            message = (
                f"module {module_name!r} is there, but it imports {missing!r}, which is not; add that to the package"
            )
        raise ConfigurationError(f"{setting}={path!r}: {message}") from error
    except Exception as error:
        raise ConfigurationError(
            f"{setting}={path!r}: module {module_name!r} failed while it was imported: {type(error).__name__}: {error}"
        ) from error
    for name in attribute.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as error:
            raise ConfigurationError(
                f"{setting}={path!r}: module {module_name!r} has no {attribute!r}; what is it called there?"
            ) from error
    return found


def interface_of(application: "Any") -> "str | None":
    """What *application* takes: "wsgi", "asgi" or "asgi2" (ASGI 2's two calls); None: it cannot be told."""
    count, flags = _signature(application)
    if flags & _COROUTINE:
        return "asgi"
    return {3: "asgi", 2: "wsgi", 1: "asgi2"}.get(count) if not flags & _VARARGS else None


def _signature(application: "Any") -> "tuple[int, int]":
    """(number of positional arguments without ``self``, code flags) of a call of *application*."""
    if isinstance(application, type):
        function, bound = vars(application).get("__init__"), 1
    elif hasattr(application, "__code__"):
        function, bound = application, 0
    elif hasattr(application, "__func__"):
        function, bound = application.__func__, 1
    else:
        function, bound = type(application).__call__, 1
    code = getattr(function, "__code__", None)
    if code is None or code.co_flags & _VARARGS:
        return _inspected(application)
    return code.co_argcount - bound, code.co_flags


def _inspected(application: "Any") -> "tuple[int, int]":
    # Compiled, partial and decorated callables have no code of their own to look at.
    import inspect

    function = inspect.unwrap(application)
    while hasattr(function, "func"):
        function = function.func
    flags = _COROUTINE if inspect.iscoroutinefunction(function) else 0
    try:
        parameters = inspect.signature(application).parameters.values()
    except (TypeError, ValueError):
        return 0, flags
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return 0, flags | _VARARGS
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(parameter.kind in positional for parameter in parameters), flags
