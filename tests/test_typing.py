"""What type checkers say of code that uses the library: tests/typed/application.py marks each line that is an error."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cloud_events

FILE = Path(__file__).parent / "typed" / "application.py"
MARKED = {number for number, line in enumerate(FILE.read_text().splitlines(), 1) if line.endswith("# error")}


@pytest.mark.parametrize(
    ("checker", "command"),
    [
        ("mypy", ["mypy", "--strict", "--no-incremental"]),
        ("basedpyright", ["basedpyright", "--level", "error", "--pythonpath", sys.executable]),
    ],
)
def test_only_what_is_wrong_is_an_error(checker, command, tmp_path):
    pytest.importorskip(checker)
    copy = tmp_path / FILE.name  # away from the project's own settings
    copy.write_text(FILE.read_text())
    settings = {"typeCheckingMode": "standard", "extraPaths": [str(Path(cloud_events.__file__).parents[1])]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    done = subprocess.run([sys.executable, "-m", *command, copy.name], cwd=tmp_path, capture_output=True, text=True)
    lines = {int(number) for number in re.findall(rf"{FILE.name}:(\d+)(?::\d+)?(?: -)?:? error", done.stdout)}
    assert lines == MARKED, done.stdout + done.stderr
