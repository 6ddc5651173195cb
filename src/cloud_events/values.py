"""Values: frozen ones with named fields, and such as are made again and again.

The first are as ``typing.NamedTuple`` makes them, without what importing ``typing`` costs. A ``collections.namedtuple``
compiles code: eight of them are a quarter of what importing this library costs.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any
    from typing import NamedTuple as NamedTuple
else:
    from collections import _tuplegetter

    class NamedTuple(tuple):
        """A tuple whose positions have the names of the class's annotations, in order; defaults are its values."""

        def __init_subclass__(cls):
            cls._fields = (*cls.__annotations__,)
            cls._defaults = {name: vars(cls)[name] for name in cls._fields if name in vars(cls)}
            for position, name in enumerate(cls._fields):
                setattr(cls, name, _tuplegetter(position, None))

        def __new__(cls, *values, **named):
            if named or len(values) != len(cls._fields):
                given = {**cls._defaults, **dict(zip(cls._fields, values, strict=False)), **named}
                if len(values) > len(cls._fields) or given.keys() != {*cls._fields}:
                    raise TypeError(f"{cls.__name__} takes {', '.join(cls._fields)}")
                values = [given[name] for name in cls._fields]
            return tuple.__new__(cls, values)

        def _replace(self, **named):
            return type(self)(**dict(zip(self._fields, self, strict=True)) | named)

        def __getnewargs__(self):
            return (*self,)

        def __repr__(self):
            named = ", ".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
            return f"{type(self).__name__}({named})"


class Remembered(dict):  # type: ignore[type-arg]
    """What *make* makes of the same few keys, over and over; of others, which anybody may send, it keeps few."""

    def __init__(self, make: "Any") -> None:
        self._make = make

    def __missing__(self, key: "Any") -> "Any":
        made = self._make(key)
        if not isinstance(key, str) or len(key) <= 256:  # a path may be as long as an event
            if len(self) >= 256:
                self.clear()
            self[key] = made
        return made
