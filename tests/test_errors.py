"""The errors: one base, types that say something to Python too, and what an EventFailed carries."""

import copy
import pickle

import pytest

from cloud_events import errors
from cloud_events.errors import CloudEventsError, EventFailed

BASES = {"CloudEventsError": (Exception,), "InvalidEvent": (CloudEventsError, ValueError)}
BASES |= {"OutOfTime": (CloudEventsError, TimeoutError)}
NAMES = ("ConfigurationError", "UnsupportedEvent", "ProtocolError", "StartupFailed", "ReplyTooLarge", "EventFailed")


def test_one_base():
    """All that this library raises of its own accord is a CloudEventsError."""
    classes = {name: value.__bases__ for name, value in vars(errors).items() if isinstance(value, type)}
    assert classes == BASES | dict.fromkeys(NAMES, (CloudEventsError,))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((500, "/aws.s3", "s3"), "the application answered 500 at /aws.s3 (s3)"),
        ((500, "/", None), "the application answered 500 at / (no matcher)"),
        ((500, "/aws.s3", "s3", "sold out"), "the application answered 500 at /aws.s3 (s3)\nsold out"),
        ((404, "/aws.s3", "s3", "", "Add it."), "the application answered 404 at /aws.s3 (s3)\nAdd it."),
        (
            (404, "/aws.s3", "s3", "sold out", "Add it."),
            "the application answered 404 at /aws.s3 (s3)\nAdd it.\nsold out",
        ),
    ],
)
class TestEventFailed:
    def test_message(self, arguments, text):
        """The first line is stable; the likely cause and the beginning of the answer follow where there are any."""
        assert str(EventFailed(*arguments)) == text

    @pytest.mark.parametrize("twin", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
    def test_copy(self, arguments, text, twin):
        """A copy, by pickle say, says and has the same."""
        copied = twin(EventFailed(*arguments))
        told = (copied.status, copied.path, copied.matcher, copied.body, copied.hint)
        assert (str(copied), told) == (text, (*arguments, "", "")[:5])


def test_excerpt():
    """Of the application's answer an EventFailed carries 1,000 characters, wherever one looks."""
    error = EventFailed(500, "/aws.s3", "s3", "a" * 1_001)
    assert error.body == "a" * 1_000
    assert "a" * 1_001 not in f"{error}{error!r}{error.args}"
