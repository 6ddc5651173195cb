"""APPLICATION. Loads the object at a dotted path, and detects the interface of an application."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from typing import Any

from .errors import ConfigurationError

# Python 3.14 evaluates annotations late, and fails on names that are imported only for type checkers.
UNEVALUATED: dict[str, Any] = (
    {"annotation_format": importlib.import_module("annotationlib").Format.FORWARDREF}
    if sys.version_info >= (3, 14)
    else {}
)


def load(path: str, setting: str) -> Any:
    """Return the object at *path*, ``module.attribute`` or ``module:attribute``, which is the value of *setting*.

    Raises ConfigurationError, chained to the exception of the module. The message says whether the module is missing, a
    module that it imports is missing, it failed for another reason, or it has no such attribute.
    """
    if path != path.strip():
        raise ConfigurationError(f"{setting}={path!r}: remove the white space around the path")
    module_name, _, attribute = path.partition(":") if ":" in path else path.rpartition(".")
    names = (*module_name.split("."), *attribute.split("."))
    if path.endswith(".py") or not all(name.isidentifier() for name in names):
        raise ConfigurationError(
            f"{setting}={path!r}: this is not a path to an object in a module; write the dotted name of the module and "
            "the object, for example 'project.wsgi.application' or 'project.wsgi:application'"
        )
    try:
        found: Any = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise ConfigurationError(f"{setting}={path!r}: {_fault(module_name, attribute, error)}") from error
    for name in attribute.split("."):
        try:
            found = getattr(found, name)
        except AttributeError as error:
            raise ConfigurationError(f"{setting}={path!r}: {_absence(module_name, attribute)}") from error
    return found


def _absence(module_name: str, attribute: str) -> str:
    below = f"{module_name}.{attribute}"
    if hasattr(sys.modules[module_name], "__path__") and "." not in attribute and importlib.util.find_spec(below):
        return f"{below!r} is a module; name the object in it, for example '{below}.application'"
    return f"module {module_name!r} has no {attribute!r}; check the name"


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
        return f"{missing!r} is not a module but an object in one; write '{parent}:{rest}'"
    return f"module {missing!r} not found; is it in the deployment package, and is the name spelled correctly?"


_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def interface_of(application: Any) -> str | None:
    """Detect the interface of *application* from its required arguments.

    Returns "wsgi", "asgi", "asgi2" (ASGI 2 takes two calls), "factory" (no arguments), or None if it is not clear.
    """
    # The signature of a decorator's wrapper counts, unless it is (*args, **kwargs): then that of the wrapped function.
    for follow in (False, True):
        function = inspect.unwrap(application) if follow else application
        coroutine = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)
        try:
            signature = inspect.signature(application, follow_wrapped=follow, **UNEVALUATED)
        except (TypeError, ValueError):  # compiled callables may have no signature
            continue
        parameters = signature.parameters.values()
        if not any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
            needed = sum(
                parameter.default is parameter.empty and parameter.kind in _POSITIONAL for parameter in parameters
            )
            return "asgi" if coroutine and needed else {3: "asgi", 2: "wsgi", 1: "asgi2", 0: "factory"}.get(needed)
    return "asgi" if coroutine else None
