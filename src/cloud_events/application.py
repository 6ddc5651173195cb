"""APPLICATION. A dotted path → the object that it names; an application → the interface that it has."""

import sys

from .errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_COROUTINE = 0x80 | 0x100  # inspect.CO_COROUTINE, CO_ITERABLE_COROUTINE; inspect itself is too dear
_VARARGS = 0x04
_UNKNOWN = -1


def load(path: str, setting: str) -> "Any":
    """The object at *path*, ``module.attribute`` or ``module:attribute``, that the setting named *setting* gives.

    Raises ConfigurationError, chained to what the module raised, that tells whether the module is not there, something
    that it imports is not, it fails for another reason, or it has no such attribute.
    """
    module_name, _, attribute = path.partition(":") if ":" in path else path.rpartition(".")
    names = (*module_name.split("."), *attribute.split("."))
    if path.endswith(".py") or not all(name.isidentifier() for name in names):
        raise ConfigurationError(
            f"{setting}={path!r}: this is no path to an object in a module; write the module, with dots, and the "
            "object, such as 'project.wsgi.application' or 'project.wsgi:application'"
        )
    try:
        __import__(module_name)
        found = sys.modules[module_name]
    except (Exception, SystemExit) as error:
        raise ConfigurationError(f"{setting}={path!r}: {_fault(module_name, attribute, error)}") from error
    for name in attribute.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as error:
            raise ConfigurationError(f"{setting}={path!r}: {_absence(module_name, attribute)}") from error
    return found


def _absence(module_name: str, attribute: str) -> str:
    from importlib.util import find_spec

    below = f"{module_name}.{attribute}"
    if hasattr(sys.modules[module_name], "__path__") and "." not in attribute and find_spec(below):
        return f"{below!r} is a module; name the object in it, such as '{below}.application'"
    return f"module {module_name!r} has no {attribute!r}; what is it called there?"


def _fault(module_name: str, attribute: str, error: BaseException) -> str:
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing is None:
        return f"module {module_name!r} failed while it was imported: {type(error).__name__}: {error}"
    if module_name != missing and not module_name.startswith(f"{missing}."):
        return (
            f"module {module_name!r} was found, but it imports {missing!r}, which was not; is that in your "
            "requirements, and in the deployment package?"
        )
    parent, _, name = missing.rpartition(".")
    if hasattr(sys.modules.get(parent), name):
        rest = f"{module_name}.{attribute}".removeprefix(f"{parent}.")
        return f"{missing!r} is no module, but something in one; write it as '{parent}:{rest}'"
    return f"module {missing!r} not found; is it in the deployment package, and spelled like this?"


def interface_of(application: "Any") -> "str | None":
    """What *application* takes: "wsgi", "asgi", "asgi2" (ASGI 2's two calls) or "factory" (nothing).

    None: it cannot be told.
    """
    count, flags = _signature(application)
    if flags & _VARARGS:
        return "asgi" if flags & _COROUTINE else None
    if flags & _COROUTINE and count:
        return "asgi"
    return {3: "asgi", 2: "wsgi", 1: "asgi2", 0: "factory"}.get(count)


def _signature(application: "Any") -> "tuple[int, int]":
    """(number of arguments that a call of *application* must have, code flags)."""
    if isinstance(application, type):
        function, bound = vars(application).get("__init__"), 1
    elif hasattr(application, "__func__"):  # a method, which shows its function's __code__ too
        function, bound = application.__func__, 1
    elif hasattr(application, "__code__"):
        function, bound = application, 0
    else:
        function, bound = type(application).__call__, 1
    code = getattr(function, "__code__", None)
    if code is None or code.co_flags & _VARARGS:
        return _inspected(application)
    defaults = getattr(function, "__defaults__", None) or ()
    return code.co_argcount - bound - len(defaults), code.co_flags


def _inspected(application: "Any") -> "tuple[int, int]":
    # Compiled, partial and decorated callables have no code of their own to look at.
    import inspect
    from functools import partial

    function = inspect.unwrap(application)
    while isinstance(function, partial):
        function = function.func
    flags = _COROUTINE if inspect.iscoroutinefunction(function) else 0
    try:
        parameters = inspect.signature(application).parameters.values()
    except (TypeError, ValueError, NameError):  # NameError: annotations of Python 3.14
        return _UNKNOWN, flags
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return _UNKNOWN, flags | _VARARGS
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [parameter for parameter in parameters if parameter.default is parameter.empty]
    return sum(parameter.kind in positional for parameter in needed), flags
