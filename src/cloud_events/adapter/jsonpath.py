"""Turns a JSONPath into a function that returns the matches in an event.

Paths of names and indices are plain look-ups. Anything else (filters, wildcards, slices, descent) is left to
jsonpath-ng, which is imported only if there is such a path. Both give the same results.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ..errors import ConfigurationError, InvalidEvent

Find = Callable[[Any], Sequence[Any]]
Steps = tuple[str | int, ...]

# A bare name, an index, or a quoted name. jsonpath-ng has its own rules for quotes and backslashes in names.
_STEP = re.compile(r"""\.(?P<bare>[A-Za-z_][\w-]*)|\[(?P<index>\d+)\]|\[(?P<quote>['"])(?P<name>[^'"\\\n]+)(?P=quote)\]""", re.ASCII)  # fmt: skip # noqa: E501
_RESERVED = {"where", "wherenot"}  # operators of jsonpath-ng's grammar


def parse(path: str) -> Steps | None:
    """Return the steps of a path of names and indices: ``"$.a[0]['b-c']"`` → ``("a", 0, "b-c")``; None for others."""
    if path[:1] != "$":
        return None
    steps: list[str | int] = []
    position = 1
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None or step["bare"] in _RESERVED or step["name"] == "*":  # a quoted "*" is a wildcard, too
            return None
        steps.append(int(step["index"]) if step["index"] else step["bare"] or step["name"])
        position = step.end()
    return tuple(steps)


def finder(path: str) -> Find:
    """Return a function that finds *path* in an event. Raises ConfigurationError if *path* is not a JSONPath."""
    steps = parse(path)
    return _rich(path) if steps is None else partial(look_up, steps=steps)


def look_up(event: Any, steps: Steps) -> Sequence[Any]:
    """Return the matches of *steps* in *event*: one value, or none."""
    value: Any = event
    for step in steps:
        if not isinstance(value, dict if isinstance(step, str) else list):
            return ()
        try:
            value = value[step]  # type: ignore[index]  # a dict has keys, a list has indices
        except LookupError:
            return ()
    return (value,)


def _rich(path: str) -> Find:
    from jsonpath_ng.ext.parser import parse as parse_rich

    try:
        expression = parse_rich(path)
    except Exception as error:  # jsonpath-ng raises bare Exceptions, and other errors of its lexer
        # Older versions raise AttributeError for a path that ends too soon.
        reason = "it ends too soon" if isinstance(error, AttributeError) else error
        raise ConfigurationError(f"{path!r} is not a JSONPath: {reason}") from error

    def find(event: Any) -> Sequence[Any]:
        try:
            return [match.value for match in expression.find(event)]
        except (TypeError, AttributeError, KeyError, IndexError):
            # A filter or slice was applied to an unsuitable value (a number, null): that is not a match.
            return ()
        except RecursionError:
            raise InvalidEvent(f"the event is nested too deeply for {path!r}") from None

    return find
