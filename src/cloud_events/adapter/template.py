"""Texts with look-ups in braces, compiled: how the table of attributes says where an event keeps what.

``{a.b}`` looks in the record, ``{$.a.b}`` in the whole event, ``{a|b}`` finds the first that is there. A callable is
given the record, the event, and the key of the record's list.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Field = Callable[[Any, Any, Any], str | None]


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


def _look_up(spec: str) -> "Field":
    whole = spec[:2] == "$."
    *way, last = spec.removeprefix("$.").split(".")

    def look(record: "Any", event: "Any", group: "Any") -> "str | None":
        value = event if whole else record
        try:
            for key in way:
                value = value[key]
            value = value[last]
        except (KeyError, TypeError):  # it is not there, or its place is no object
            return None
        return text(value)

    return look


def _first_of(fields: "list[Field]") -> "Field":
    def look(record: "Any", event: "Any", group: "Any") -> "str | None":
        return next(filter(None, (field(record, event, group) for field in fields)), None)

    return look


def _within(before: str, field: "Field", after: str) -> "Field":
    def fill(record: "Any", event: "Any", group: "Any") -> "str | None":
        value = field(record, event, group)
        return None if value is None else f"{before}{value}{after}"

    return fill


def compiled(template: "Any") -> "Field":
    """Compile a text with look-ups in braces; None where one of them finds nothing."""
    if callable(template):
        return lambda record, event, group: text(template(record, event, group))
    literals, fields = [], []
    for number, piece in enumerate(template.replace("}", "{").split("{")):
        if number % 2 == 0:
            literals.append(piece)
        else:
            found = [_look_up(spec) for spec in piece.split("|")]
            fields.append(found[0] if len(found) == 1 else _first_of(found))
    if not fields:
        return lambda record, event, group: str(template) or None
    if len(fields) == 1:
        return fields[0] if literals == ["", ""] else _within(literals[0], fields[0], literals[1])

    def fill(record: "Any", event: "Any", group: "Any") -> "str | None":
        filled: str = literals[0]
        for field, literal in zip(fields, literals[1:], strict=True):
            value = field(record, event, group)
            if value is None:
                return None
            filled += value + literal
        return filled

    return fill
