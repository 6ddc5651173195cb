"""What the documentation shows is true: its code runs, its tables are those of the code, its links lead somewhere."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import types
from importlib.metadata import version
from pathlib import Path

import pytest

from cloud_events.adapter.catalog import ROWS
from cloud_events.adapter.kinds import kind_of
from cloud_events.adapter.path import route
from conftest import sample
from sent import sent

ROOT = Path(__file__).parent.parent
PAGES = sorted([*(ROOT / "docs").glob("*.md"), *(ROOT / "examples").glob("*/README.md"), *ROOT.glob("*.md")])
README = (ROOT / "README.md").read_text(encoding="utf-8")
EVENTS = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")


def rows_of(text):
    """The tables' lines, as lists of cells."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]


def shown_path(row):
    if callable(row.path):
        return "the `eventSource`, `:` as `.`"
    return {"per item": "each item its own", "http": "passed on", None: "none"}.get(row.path, f"`{row.path}`")


def shown_sender(row):
    if row.reply == "poll" and not kind_of(row.name).records.reports:
        return "retries the whole batch"
    return {"sync": "reads the answer", "async": "-", "poll": "reads `batchItemFailures`"}[row.reply]


def test_every_row_is_documented_as_it_is():
    """The page of events lists each row of the registry once, with its path and what its sender does."""
    listed = [tuple(cells[1:]) for cells in rows_of(EVENTS) if re.fullmatch(r"`[\w.]+`", cells[1])]
    assert sorted(listed) == sorted({(f"`{row.name}`", shown_path(row), shown_sender(row)) for row in ROWS})


@pytest.mark.parametrize(("value", "path"), rows_of(EVENTS[EVENTS.index("| value | path |") :])[2:])
def test_values_become_the_paths_that_are_shown(value, path):
    """The rule from a value to a path does what the table says."""
    expected, query = re.fullmatch(r"`([^`]+)`(?:, query string `([^`]+)`)?", path).groups()
    assert route(value.strip("`")) == (expected, query or "")


def test_rows_of_ones_own():
    """The page's rows send events where it says."""
    shown = {}
    exec(re.search(r"```python\n(.*?)```", EVENTS, re.DOTALL)[1], shown)
    schedule = sample("eventbridge__scheduled")
    big = sample("s3")
    big["Records"][0]["s3"]["object"]["size"] = 5_000_000_000
    paths = {
        "/jobs/night": {**schedule, "resources": ["arn:aws:events:eu-west-1:123456789012:rule/night"]},
        "/orders": {"source": "shop.de", "detail": {"order": 1}},
        "/big": big,
        "/acme": {"detail": {"tenant": "acme"}},
        "/steps": {"stepId": 4},
    }
    assert {sent(event, matchers=shown["matchers"])[0].path: event for event in paths.values()} == paths


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    """Every link of a page is to a file that is there, and to a heading that it has, or to the web by https."""
    for link in re.findall(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        headings = re.findall(r"^#+ (.*)", target.read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
        assert not anchor or anchor in [re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings], link


def code_blocks():
    """(page, block) of each Python block of the documentation, but for those that test_operations.py runs."""
    for page in sorted({*(ROOT / "docs").glob("*.md")} - {ROOT / "docs/operations.md"}):
        for block in re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            if not block.startswith("# test_books.py"):
                yield pytest.param(block, id=f"{page.stem}-{block.partition(chr(10))[0][2:]}")


@pytest.mark.parametrize("block", [*code_blocks()])
def test_code_of_the_documentation_runs(block, monkeypatch, mangums_loop):
    """Each Python block can be imported as the file that its first line names, next to the README's applications."""
    major = re.match(r"# with_sdk(\d)", block)
    if major and not version("cloudevents").startswith(major[1]):
        pytest.skip("the other major version of the SDK is installed")
    for name, text in re.findall(r"^```python\n# (\w+)\.py\n(.*?)^```", README, re.MULTILINE | re.DOTALL):
        module = types.ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        if name in ("shop", "depot"):
            exec(text, vars(module))
    exec(compile(block, block.partition("\n")[0], "exec"), {"__name__": "documentation"})


def test_the_django_tests_of_the_page_of_testing_pass(tmp_path):
    """They are run in a copy of the example, by its own test runner."""
    example = shutil.copytree(ROOT / "examples" / "django", tmp_path / "django")
    page = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    block = re.search(r"^```python\n# test_books\.py\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[1]
    (example / "books" / "test_books.py").write_text(block, encoding="utf-8")
    command = [sys.executable, "manage.py", "test", "books.test_books"]
    environ = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(command, cwd=example, env=environ, capture_output=True, text=True)
    assert "Ran 3 tests" in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr


def test_the_requests_that_the_page_of_cloudevents_shows():
    """A native event in binary mode, EventBridge's in structured mode, and S3's headers are as shown."""
    page = (ROOT / "docs" / "cloudevents.md").read_text(encoding="utf-8")
    native = json.loads(re.search(r'\{"specversion": "1.0", "id": "7".*?"merci"\}', page, re.DOTALL)[0])
    [binary], [s3] = sent(native, content_mode="binary"), sent(sample("s3"))
    assert (binary.path, binary.content_type, binary.body) == ("/caisse", "text/plain", b"merci")
    for name, value in [*binary.headers.items(), *s3.headers.items()]:
        assert f"    {name}: {value}\n" in page
    [structured] = sent(sample("eventbridge"), content_mode="structured")
    assert f"content-type: {structured.content_type}\n" in page
    assert [*json.loads(structured.body)] == re.findall(
        r'"(\w+)":', page[page.index('{"specversion":"1.0","id":"…"') :]
    )[:9]


def test_figures_are_those_that_were_measured():
    """The tables of the page of performance are those of benchmarks/results.json."""
    results = json.loads((ROOT / "benchmarks" / "results.json").read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert runpy.run_path(str(ROOT / "benchmarks" / "report.py"))["fill"](page, results) == page
