"""Finds views that a router calls without their guard, because ``@events_only`` is above the route's decorator."""

from __future__ import annotations

from collections.abc import Iterator
from types import MethodType
from typing import Any
from weakref import WeakValueDictionary

from .errors import ConfigurationError

# The functions that guards wrap, by id. If a router calls one of these, it does not call the guard.
_wrapped: WeakValueDictionary[int, Any] = WeakValueDictionary()


def remember(view: Any) -> None:
    """Remember *view*, and the functions that it wraps, as functions that a guard wraps."""
    while view is not None:
        try:
            _wrapped[id(view)] = view
        except TypeError:  # an instance of a class with __slots__, which cannot have weak references
            break
        view = getattr(view, "__wrapped__", None)


def refuse_unguarded(application: Any, label: str) -> None:
    """Raise ConfigurationError if a router of *application* calls a view without its guard.

    Searches applications of Flask, Quart, Starlette and FastAPI, also inside middleware and mounted in one another.

    label: the beginning of the message, for example a setting and its value
    """
    for found in _reachable(application) if _wrapped else ():
        if id(found) in _wrapped:
            name = f"{getattr(found, '__module__', '')}.{getattr(found, '__qualname__', type(found).__qualname__)}"
            raise ConfigurationError(
                f"{label}: @events_only is above the decorator of the route, so it does not guard the view {name}; put "
                "it directly above `def`, below the decorator of the route"
            )


# The attributes that lead from an application to its views: through middleware (application: WhiteNoise;
# wsgi_application: asgiref), dispatchers, mounts, and the routers that FastAPI includes, to the routes.
_INNER = (
    *("app", "_app", "wsgi_app", "asgi_app", "application", "wsgi_application", "router", "original_router"),
    *("mounts", "routes", "view_functions", "endpoint"),
)


def _reachable(application: Any) -> Iterator[Any]:
    """Yield every object that these attributes lead to, without running properties or other code of the application."""
    seen: dict[int, Any] = {}  # keeps the objects alive, so that no two have the same id
    waiting = [application]
    while waiting:
        found = waiting.pop()
        if id(found) in seen:
            continue
        seen[id(found)] = found
        yield found
        if isinstance(found, MethodType):
            waiting.append(found.__self__)
        elif isinstance(found, dict):
            waiting.extend(found.values())
        elif isinstance(found, (list, tuple)):
            waiting.extend(found)
        else:
            try:
                attributes = vars(found)
                waiting.extend(attributes[name] for name in _INNER if name in attributes)
            except Exception:  # it has no attributes, or is a proxy of an object that does not exist yet
                continue
