"""Texts with look-ups in braces, turned into Python: how the table of attributes says where an event keeps what.

``{a.b}`` looks in the record, ``{$.a.b}`` in the whole event, ``{a|b}`` finds the first that is there. A callable is
given the record, the event, and the key of the record's list. What is turned into Python comes from our own table,
never from an event; it is compiled as namedtuple and dataclass compile theirs, for nothing is quicker.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MISSING = (LookupError, TypeError, AttributeError)  # what a look-up raises where it leads to nothing


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


def _dotted(*parts: "Callable[[], str | None]") -> str:
    return ".".join(filter(None, map(_first, parts)))


_NAMES: "dict[str, Any]" = {"text": text, "first": _first, "dotted": _dotted}


def bound(function: "Any") -> str:
    """The name of *function* in what ``function`` compiles."""
    name = f"f{len(_NAMES)}"
    _NAMES[name] = function
    return name


def function(arguments: str, expression: str) -> "Callable[..., Any]":
    """Compile an *expression* of Python."""
    made: Callable[..., Any] = eval(f"lambda {arguments}: {expression}", _NAMES)
    return made


def defined(name: str, source: str) -> "Callable[..., Any]":
    """Compile the function *name* that *source* defines."""
    made: dict[str, Any] = {}
    exec(source, _NAMES, made)
    return made[name]  # type: ignore[no-any-return]


def at(path: str) -> str:
    """``a.b`` as Python: ``record['a'].get('b')``. Where it leads to nothing: None, or one of MISSING is raised."""
    above, _, last = sure(path).rpartition("[")
    return f"{above}.get({last[:-1]})"


def sure(path: str) -> str:
    """``a.b`` as the Python that is quicker where there is something: ``record['a']['b']``."""
    root = "event" if path[:2] == "$." else "record"
    return root + "".join([f"[{key!r}]" for key in path.removeprefix("$.").split(".")])


def pieces(template: "Any") -> "list[tuple[str, str]]":
    """A template, no callable, as (a fixed text, the look-up behind it) pairs; either may be ""."""
    parts = template.replace("}", "{").split("{")
    return [*zip(parts[::2], [*parts[1::2], ""], strict=True)]


def found(template: "Any") -> str:
    """A template as Python that makes its text, or None, or raises one of MISSING, where a look-up finds nothing."""
    if callable(template):
        return f"text({bound(template)}(record, event, group))"
    words = []
    for fixed, spec in pieces(template):
        options = [f"text({at(path)})" for path in spec.split("|")] if spec else []
        if len(options) > 1:
            options = [f"first({', '.join([f'lambda: {option}' for option in options])})"]
        words += [repr(fixed)] * bool(fixed) + options
    return " + ".join(words) or "None"


def one_of(template: "tuple[Any, ...]") -> str:
    """Templates as Python that joins with "." what they find, without those that find nothing."""
    return f"dotted({', '.join([f'lambda: {found(part)}' for part in template])})"
