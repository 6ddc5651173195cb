"""How the library is put together: imports run one way, at the top, and few when it starts."""

import ast
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import cloud_events
from conftest import EVENTS

SRC = Path(cloud_events.__file__).parent
TREES = {path.relative_to(SRC).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in SRC.rglob("*.py")}
MODULES = {file.removesuffix(".py").removesuffix("__init__").strip("/").replace("/", "."): file for file in TREES}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

# Imported inside a function: by most functions on Lambda never. guard.py looks at frameworks that the application uses.
LATE = {"asyncio", "asgiref", "jsonpath_ng", "orjson", "mangum", "apig_wsgi", "snapshot_restore_py", "yaml"}
LATE_OF_OURS = {"interface.asgi", "cli", "testing"}
FRAMEWORKS = {"starlette", "fastapi", "django", "flask", "bottle", "falcon", "pyramid", "litestar", "quart"}


def imports(module):
    """(what is imported, absolute or as a module of ours, whether in a function) of each import of a *module*."""
    tree = TREES[MODULES[module]]
    inside = {id(inner) for outer in ast.walk(tree) if isinstance(outer, FUNCTIONS) for inner in ast.walk(outer)}
    package = module.split(".") if MODULES[module].endswith("__init__.py") else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module, id(node) in inside
        elif isinstance(node, ast.ImportFrom):
            start = ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])
            for alias in node.names:
                name = ".".join(filter(None, [start, alias.name]))
                yield f"cloud_events.{name if name in MODULES else start}", id(node) in inside


NAMES = sorted(name for name in MODULES if name)


def test_imports_run_one_way():
    """What is imported can be imported first."""
    imported = {name: {other.removeprefix("cloud_events.") for other, _ in imports(name)} for name in NAMES}
    left = {name: (others & {*NAMES}) - {name} for name, others in imported.items()}
    while ready := [name for name, needed in left.items() if not needed]:
        for name in ready:
            del left[name]
        for needed in left.values():
            needed.difference_update(ready)
    assert left == {}


@pytest.mark.parametrize("module", NAMES)
def test_late_imports(module):
    """Imports are at the top of a module, but for what most functions on Lambda never need."""
    late = {name.removeprefix("cloud_events.") for name, is_late in imports(module) if is_late}
    allowed = LATE_OF_OURS | (FRAMEWORKS if module in ("guard", "unguarded") else set())
    assert {name for name in late if name.partition(".")[0] not in LATE | allowed and name not in allowed} == set()
    early = {name.partition(".")[0] for name, is_late in imports(module) if not is_late}
    outside = LATE - {"asyncio"} if module.startswith(("interface.", "testing", "cli")) else LATE
    assert early & outside == set()


def run(script):
    """What *script* prints in a process of its own, without what site-packages' .pth files import."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))}
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(SRC.parent)!r})\n{script}"]
    return subprocess.run(command, capture_output=True, check=True, text=True, env=environ).stdout


FIRST_EVENT = f"""
import json, sys
import cloud_events.handler
def application(environ, start_response):
    start_response("204 No Content", [])
    return [b""]
handle = cloud_events.handler.make_handler(application)
before = {{*sys.modules}}
assert handle(json.load(open({str(EVENTS / "s3.json")!r}, encoding="utf-8")), None)["status_code"] == "204"
print(json.dumps([sorted({{*sys.modules}} - before), "asyncio" in sys.modules]))
"""


def test_cold_start():
    """What an event of a WSGI application needs is loaded with the handler, in the init phase; not asyncio."""
    assert json.loads(run(FIRST_EVENT)) == [[], False]


def test_package():
    """Importing the package imports no module of it; importing the test kit, no other package."""
    assert run("import cloud_events; print(*[name for name in sys.modules if name[:13] == 'cloud_events.'])") == "\n"
    assert run("import cloud_events.testing") == ""


class TestPublicNames:
    def test_resolve(self):
        """Every public name is there, is what its module has, and shows in dir()."""
        for name in cloud_events.__all__:
            found = getattr(cloud_events, name)
            assert found.__name__ == name
            assert getattr(importlib.import_module(found.__module__), name) is found
        assert {*cloud_events.__all__, "__version__"} <= {*dir(cloud_events)}

    def test_for_types(self):
        """Type checkers are shown the same names, in the same modules."""
        imported = [node for node in ast.walk(TREES["__init__.py"]) if isinstance(node, ast.ImportFrom) and node.level]
        shown = {alias.name: f"cloud_events.{node.module}" for node in imported for alias in node.names}
        assert shown == {name: getattr(cloud_events, name).__module__ for name in cloud_events.__all__}

    def test_handler_is_the_module(self):
        """cloud_events.handler is the module that Lambda's handler string names, however one comes to it."""
        script = (
            "from cloud_events import make_handler; import cloud_events as ours; from cloud_events import handler; "
        )
        run(f"{script} assert handler is ours.handler is sys.modules['cloud_events.handler']; handler.handler")

    def test_unknown(self):
        """A name that is not there is an AttributeError like any module's."""
        with pytest.raises(AttributeError, match=r"^module 'cloud_events' has no attribute 'nobody'$"):
            _ = cloud_events.nobody
