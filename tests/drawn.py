"""What hypothesis draws: any JSON, samples in which a few things are changed, and valid native CloudEvents."""

import base64

from hypothesis import strategies as st

from conftest import sample

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)

# What a sender, or somebody in its place, may put where something else is expected.
ODD = ["", "\r\nHost: a", "\x7f", "\ud800", "\uffff", "é €", "../..", "a" * 300, -1, 2**70, 1e300, 0.5, True, None]
HOSTILE = st.recursive(
    st.sampled_from(ODD) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "Records", "header"]), inner),
    max_leaves=3,
)


@st.composite
def mutated(draw, names):
    """(name, the sample of that name in which up to four values were replaced or taken away)."""
    name = draw(st.sampled_from(names))
    event = sample(name)
    for _ in range(draw(st.integers(1, 4))):
        place, key, inner = None, None, event
        while isinstance(inner, (dict, list)) and inner and (place is None or draw(st.integers(0, 3))):
            place, key = inner, draw(st.sampled_from(list(inner) if isinstance(inner, dict) else range(len(inner))))
            inner = place[key]
        if place is not None and draw(st.booleans()):
            place[key] = draw(HOSTILE)
        elif place is not None:
            del place[key]
    return name, event


# CloudEvents, spec.md, "Type System": what a string may not hold.
LAST_TWO = [plane + last for plane in range(0, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF)]
NONCHARACTERS = "".join(map(chr, [*range(0xFDD0, 0xFDF0), *LAST_TWO]))
STRING = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters=NONCHARACTERS), min_size=1)
JSON_TYPES = st.sampled_from(["application/json", "text/json; charset=utf-8", "application/vnd.books.v1+json"])
TEXT_TYPES = st.sampled_from(["text/plain", "text/html; charset=utf-16", "application/xml"])
REQUIRED = {"id": STRING, "source": STRING, "type": STRING, "specversion": st.just("1.0")}
OPTIONAL = {"subject": STRING, "dataschema": STRING, "time": st.just("2026-03-14T09:26:53.589+01:00")}
EXTENSIONS = st.dictionaries(
    st.text("abc019", min_size=1).map(lambda name: f"x{name}"),
    STRING | st.booleans() | st.integers(-(2**31), 2**31 - 1),
)
DATA = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"data": ANY_JSON}, optional={"datacontenttype": JSON_TYPES}),
    st.fixed_dictionaries({"data": STRING, "datacontenttype": TEXT_TYPES}),
    st.fixed_dictionaries(
        {"data_base64": st.binary(min_size=1).map(lambda data: base64.b64encode(data).decode())},
        optional={"datacontenttype": st.just("image/png")},
    ),
)
CLOUDEVENTS = st.builds(
    lambda *parts: {name: value for part in parts for name, value in part.items()},
    EXTENSIONS,
    st.fixed_dictionaries(REQUIRED, optional=OPTIONAL),
    DATA,
)
