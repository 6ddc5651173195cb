"""What must never be said: a secret that tests plant in events; and the watch over what the suite logs and prints."""

import json
import logging
import traceback
from pathlib import Path

import pytest

SECRET = "hUsh-5b1d9c"

# What a log or a message might make of it.
SPELLINGS = (SECRET, SECRET.lower(), SECRET.upper(), SECRET.encode().hex(), "aFVzaC01YjFkOWM")


def tells(text):
    """Whether *text* gives the secret away."""
    return any(spelling in text for spelling in SPELLINGS)


# What decides the row and the path of an event, or must have a form of its own.
_LEFT = {
    *("eventSource", "EventSource", "eventSourceARN", "eventSourceArn", "source", "specversion", "detail-type"),
    *("detailType", "eventName", "eventType", "version", "type", "data", "value", "data_base64", "datacontenttype"),
    "datacontentencoding",
}
# Paths and the identifiers of records are logged, and what they are made of with them.
_LOGGED = {"source", "eventSource", "EventSource", "eventName", "messageId", "messageID", "sequenceNumber"}


def plant(value, key=None):
    """*value* with the secret in every object, as a key and as a value, and at the end of nearly every text."""
    if isinstance(value, dict) and "specversion" in value:  # whose other attributes have rules of their own
        return {name: plant(inner, name) if name in ("id", "subject") else inner for name, inner in value.items()} | (
            {"data": plant(value["data"])} if isinstance(value.get("data"), dict) else {}
        )
    if isinstance(value, dict):
        return {name: plant(inner, name) for name, inner in value.items()} | {SECRET: SECRET}
    if isinstance(value, list):
        return [plant(inner, key) for inner in value]
    return f"{value}{SECRET}" if isinstance(value, str) and key not in _LEFT else value


def said_by(error):
    """Everything that printing *error* could show: its words, its repr, its notes, and those of what it came from."""
    seen = "".join(traceback.format_exception(error, limit=0))
    return "\n".join([seen, str(error), repr(error), json.dumps([str(value) for value in error.args])])


def _leaves(value, key=None):
    """(key, text) of every text in *value*."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, key)
    elif isinstance(value, str):
        yield key, value


def _content():
    """Every longer text that the samples hold: a log that shows one shows what was in an event."""
    events = [json.loads(file.read_text()) for file in Path(__file__).with_name("events").glob("*.json")]
    leaves = [leaf for event in events for leaf in _leaves(event)]
    named = "\n".join(text for key, text in leaves if key in _LOGGED)
    return sorted({text for _, text in leaves if len(text) > 23 and text not in named})


class Ear(logging.Handler):
    """Hears all that the library logs, and keeps what tells the secret, or anything that a sample holds."""

    def __init__(self):
        super().__init__(logging.NOTSET)
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
        self.told = []
        self._content = _content()

    def emit(self, record):
        line = self.format(record)
        if tells(line) or any(text in line for text in self._content):
            self.told.append(line)


@pytest.fixture(scope="session")
def ear():
    """Listens to the library's logger for as long as the tests run."""
    ear = Ear()
    logging.getLogger("cloud_events").addHandler(ear)
    yield ear
    logging.getLogger("cloud_events").removeHandler(ear)


@pytest.fixture(autouse=True)
def silence(ear, request):
    """No test makes the library log what is in an event."""
    ear.told.clear()
    yield
    assert ear.told == [] or request.node.get_closest_marker("listens")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """No test has the secret printed, to standard output or standard error, or logged by anybody."""
    report = yield
    for name, text in report.sections:
        if tells(text) and not item.get_closest_marker("listens"):
            report.outcome = "failed"
            report.longrepr = f"{name} tells the planted secret"
    return report
