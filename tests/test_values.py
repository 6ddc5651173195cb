"""Frozen values with named fields: what typing.NamedTuple does, of what this library uses; and remembered ones."""

import copy
import pickle
from typing import NamedTuple as Model

import pytest

from cloud_events.values import NamedTuple, Remembered


class Ours(NamedTuple):
    name: "str"
    copies: int = 1
    shelf: "str | None" = None


class Theirs(Model):
    name: str
    copies: int = 1
    shelf: "str | None" = None


both = pytest.mark.parametrize("kind", [Ours, Theirs])


@both
class TestNamedTuple:
    @pytest.mark.parametrize(
        ("values", "named"),
        [
            (("Emma",), {}),
            (("Emma", 7, "A"), {}),
            (("Emma", 7), {"shelf": "A"}),
            ((), {"shelf": "A", "name": "Emma"}),
        ],
    )
    def test_fields(self, kind, values, named):
        """Values come by position, by name, or by default, and are found by position and by name."""
        value = kind(*values, **named)
        assert (value.name, value.copies, value.shelf) == value == tuple(value)
        assert value == Theirs(*values, **named)

    @pytest.mark.parametrize(
        ("values", "named"), [((), {}), (("Emma", 1, "A", 4), {}), (("Emma",), {"title": "Emma"}), ((), {"copies": 1})]
    )
    def test_wrong(self, kind, values, named):
        """One that is missing, or is none of them, is a TypeError."""
        with pytest.raises(TypeError):
            kind(*values, **named)

    def test_replace(self, kind):
        """A changed copy is made; the value itself cannot be changed."""
        value = kind("Emma")
        assert value._replace(copies=7) == ("Emma", 7, None)
        with pytest.raises(AttributeError):
            value.copies = 7
        assert value == ("Emma", 1, None)

    @pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
    def test_copy(self, kind, twin):
        """A copy, by pickle say, is of the same kind and equal."""
        copied = twin(kind("Emma", shelf="A"))
        assert (type(copied), copied) == (kind, ("Emma", 1, "A"))

    def test_repr(self, kind):
        """The repr shows the fields by name."""
        assert repr(kind("Emma")) == f"{kind.__name__}(name='Emma', copies=1, shelf=None)"


def test_remembered():
    """What was made once is not made again, and the memory of what anybody may invent has an end."""
    made = []

    def shout(word):
        made.append(word)
        return word.upper()

    shouted = Remembered(shout)
    assert [shouted["a"], shouted["b"], shouted["a"]] == ["A", "B", "A"]
    assert made == ["a", "b"]
    for number in range(1000):
        assert shouted[f"a{number}"] == f"A{number}"
        assert len(shouted) <= 256
    assert shouted["a"] == "A"
    kept = {**shouted}
    assert shouted["b" * 256] == "B" * 256
    assert shouted["c" * 257] == "C" * 257
    assert shouted == {**kept, "b" * 256: "B" * 256}
