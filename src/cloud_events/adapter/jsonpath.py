"""JSONPath → a function from an event to the tuple or list of its matches.

Child and index steps are compiled here to plain look-ups; anything richer (filters, wildcards, slices, descent) is
given to jsonpath-ng, which is imported only when such a path exists. Both give the same answers.
"""

from functools import lru_cache

from ..errors import ConfigurationError, InvalidEvent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Find = Callable[[Any], Sequence[Any]]
    Steps = tuple[str | int, ...]

_RESERVED = {"where", "wherenot"}  # operators of jsonpath-ng's grammar


@lru_cache(256)  # many rows look at the same few places
def parse(path: str) -> "Steps | None":
    """The steps of a path of children and indices: ``"$.a[0]['b-c']"`` → ``("a", 0, "b-c")``; None if it is richer."""
    if path[:2] == "$." and "[" not in path:
        names = path[2:].split(".")
        return (*names,) if all(map(_bare, names)) else None
    if path[:1] != "$":
        return None
    steps: list[str | int] = []
    position = 1
    while position < len(path):
        if path[position] == ".":
            end = position + 1
            while end < len(path) and path[end] not in ".[":
                end += 1
            name = path[position + 1 : end]
            if not _bare(name):
                return None
            steps.append(name)
            position = end
        else:
            end = path.find("]", position)
            inner = path[position + 1 : end]
            if path[position] != "[" or end < 0:
                return None
            if inner.isascii() and inner.isdecimal():
                steps.append(int(inner))
            elif inner[:1] in "'\"" and inner[-1:] == inner[:1] and _plain(inner[1:-1]):
                steps.append(inner[1:-1])
            else:
                return None
            position = end + 1
    return (*steps,)


def _bare(name: str) -> bool:
    return (
        name.isascii()
        and (name.isidentifier() or (name.replace("-", "_").isidentifier() and name[0] != "-"))
        and name not in _RESERVED
    )


def _plain(name: str) -> bool:
    # A quoted "*" is a wildcard to jsonpath-ng, and quotes and backslashes have its own rules.
    return name not in ("", "*") and not any(c in "'\"\\\n" for c in name)


def finder(path: str) -> "Find":
    """Compile *path*. Raises ConfigurationError, quoting it, if it is no JSONPath."""
    steps = parse(path)
    return _rich(path) if steps is None else _compiled(steps)


def _compiled(steps: "Steps") -> "Find":
    if steps and isinstance(steps[-1], int):
        return _item(_compiled(steps[:-1]), steps[-1])

    def find(event: "Any") -> "Sequence[Any]":
        value: Any = event
        try:
            for step in steps:
                value = value[step]  # an index of a string gives a string, but that has no member
        except (LookupError, TypeError):
            return ()
        return (value,)

    return find


def _item(find_all: "Find", index: int) -> "Find":
    def find(event: "Any") -> "Sequence[Any]":
        return [value[index] for value in find_all(event) if isinstance(value, list) and index < len(value)]

    return find


def _rich(path: str) -> "Find":
    from jsonpath_ng.ext.parser import parse as parse_rich

    try:
        expression = parse_rich(path)
    except Exception as error:  # jsonpath-ng raises bare Exceptions, and whatever its lexer trips over
        # Older versions trip over a path that ends too soon.
        reason = "it ends too soon" if isinstance(error, AttributeError) else error
        raise ConfigurationError(f"{path!r} is not a JSONPath: {reason}") from error

    def find(event: "Any") -> "Sequence[Any]":
        try:
            return [match.value for match in expression.find(event)]
        except (TypeError, AttributeError, KeyError, IndexError):
            # A filter or slice applied to a value that it does not fit (a number, null): to us, no match.
            return ()
        except RecursionError:
            raise InvalidEvent(f"the event is nested too deeply for {path!r}") from None

    return find
