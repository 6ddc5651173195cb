"""The pytest fixture ``event_client``, available wherever cloud-events is installed. PYTEST_DONT_REWRITE

pytest imports this module at every start, so it imports no other module of the library until a test uses the fixture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .testing import EventClient


@pytest.fixture
def event_client() -> Iterator[Callable[..., EventClient]]:
    """``event_client(application, **settings)``: a client whose ``send(event)`` does what Lambda would do.

    The arguments are those of ``make_handler``. After the test, the lifespans of its ASGI applications end.
    """
    from .testing import EventClient

    with ExitStack() as clients:

        def make(application: Any, interface: Any = None, **settings: Any) -> EventClient:
            return clients.enter_context(EventClient(application, interface, **settings))

        yield make
