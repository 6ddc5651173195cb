"""What every test may ask for: the project's own samples, the public corpus where it is there, a Lambda context."""

import asyncio
import csv
import io
import json
import logging
import os
import sys
from pathlib import Path

import pytest

from cloud_events.cli import main
from planted import ear, pytest_runtest_makereport, silence  # noqa: F401  # for every test

EVENTS = Path(__file__).parent / "events"


def sample(name):
    """The event of ``tests/events/<name>.json``."""
    return json.loads((EVENTS / f"{name}.json").read_text())


def expectations(folder):
    """(file, row, path) of each sample that a folder's expected.csv lists."""
    with (folder / "expected.csv").open(newline="") as lines:
        return [(line["file"], line["row"], line["path"]) for line in csv.DictReader(lines)]


def forget(folder):
    """Have the modules of *folder* imported anew."""
    for name, module in [*sys.modules.items()]:
        if str(getattr(module, "__file__", None)).startswith(f"{folder}{os.sep}"):
            del sys.modules[name]


class Context:
    """Lambda's context object, as far as a handler reads it; *left* is called for the milliseconds that remain."""

    aws_request_id = "8f5d2c1e-0b7a-4c3d-9e6f-1a2b3c4d5e6f"
    function_name = "books"

    def __init__(self, left=lambda: 30_000):
        self.get_remaining_time_in_millis = left


@pytest.fixture
def mangums_loop():
    """A loop for Mangum, which takes the thread's own, makes one where there is none, and closes neither."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture
def context():
    return Context()


@pytest.fixture
def command(tmp_path, capsys):
    """Run ``cloud-events`` in tmp_path, in this process: (exit status, standard output, standard error)."""

    def run(*words, given=b"", **settings):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path)
            patch.setattr(sys, "path", [*sys.path])
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
            for logger in (logging.root, logging.getLogger("cloud_events")):
                patch.setattr(logger, "handlers", [])
            unset = {"WSGI_APPLICATION": "", "ASGI_APPLICATION": "", "COLUMNS": "120"}
            for name, value in {**unset, **settings}.items():
                patch.setenv(name, value)
            try:
                status = main([*map(str, words)])
            except SystemExit as ended:  # argparse's way
                status = ended.code
        forget(tmp_path)
        return status, *capsys.readouterr()

    return run


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    """No test sees settings of the machine, of Lambda, or of another test."""
    for name in list(os.environ):
        if name.startswith(("CLOUD_EVENTS_", "AWS_LAMBDA_", "WSGI_", "ASGI_")) or name in (
            "_HANDLER",
            "AWS_REGION",
            "_X_AMZN_TRACE_ID",
        ):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def corpus():
    """The folder of public samples that EVENT_CORPUS names."""
    folder = os.environ.get("EVENT_CORPUS")
    if not folder or not Path(folder, "expected.csv").is_file():
        pytest.skip("EVENT_CORPUS names no folder of public samples")
    return Path(folder)
