"""Texts with look-ups in braces, compiled: how the table of attributes says where an event keeps what.

``{a.b}`` looks in the record, ``{$.a.b}`` in the whole event, ``{a|b}`` finds the first that is there. A callable is
given the record, the event, and the key of the record's list.
"""

from functools import lru_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Field = Callable[[Any, Any, Any], str | None]

MISSING = (LookupError, TypeError)  # what a look-up raises where it leads to nothing


def text(value: "Any") -> "str | None":
    """*value* as the value of an attribute: a non-empty string that spec.md, "Type System", allows, or None."""
    if isinstance(value, str):
        return value if value and (value.isprintable() or not forbidden(value)) else None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def forbidden(value: str) -> bool:
    """Whether *value* holds a control character, a surrogate or a noncharacter."""
    return any(
        c < " "
        or "\x7f" <= c <= "\x9f"
        or "\ud800" <= c <= "\udfff"
        or "\ufdd0" <= c <= "\ufdef"
        or ord(c) & 0xFFFE == 0xFFFE
        for c in value
    )


def dig(value: "Any", *keys: str) -> "Any":
    """What *value*, a dict of dicts, has at *keys*; None if one is missing."""
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def _first(*options: "Callable[[], str | None]") -> "str | None":
    for option in options:
        try:
            found = option()
        except MISSING:
            continue
        if found is not None:
            return found
    return None


def _steps(path: str) -> str:
    """``a.b`` as Python: ``record['a']['b']``."""
    root = "event" if path[:2] == "$." else "record"
    return root + "".join([f"[{key!r}]" for key in path.removeprefix("$.").split(".")])


def _look_up(spec: str) -> str:
    # What is nearly always true is asked here, as a call would cost more.
    options = [
        f"(v if (v := {_steps(path)}).__class__ is str and v.isprintable() and v else text(v))"
        for path in spec.split("|")
    ]
    return options[0] if len(options) == 1 else f"first({', '.join([f'lambda: {option}' for option in options])})"


def _function(expression: str) -> "Callable[[Any, Any, Any], Any]":
    # Python, as namedtuple and dataclass make it: nothing is quicker. It comes from our own table, never from an event.
    made: Callable[[Any, Any, Any], Any] = eval(
        f"lambda record, event, group: {expression}", {"text": text, "first": _first}
    )
    return made


def value_at(path: str) -> "Callable[[Any, Any, Any], Any]":
    """What finds the value at *path*, such as ``a.b``, whatever it is. Raises one of MISSING where there is none."""
    return _function(_steps(path))


@lru_cache(None)  # of templates, which are those of the table
def compiled(template: "Any") -> "Field":
    """Compile a text with look-ups in braces. Where one of them finds nothing: None, or one of MISSING is raised."""
    if callable(template):
        return lambda record, event, group: text(template(record, event, group))
    pieces = template.replace("}", "{").split("{")
    parts = [repr(piece) if number % 2 == 0 else _look_up(piece) for number, piece in enumerate(pieces) if piece]
    return _function(" + ".join(parts) or "None")


def found_by(field: "Field", record: "Any", event: "Any", group: "Any") -> "str | None":
    """What a compiled template finds; None where that is nothing."""
    try:
        return field(record, event, group)
    except MISSING:
        return None


def agreed_by(look: "Callable[[Any, Any, Any], Any]", records: "list[tuple[Any, Any]]", event: "Any") -> "Any":
    """What *look* finds in every one of the *records* (with the keys of their lists); None if that differs."""
    try:
        first = look(records[0][0], event, records[0][1])
        for record, group in records:
            if look(record, event, group) != first:
                return None
    except MISSING:
        return None
    return first
