"""The house plan: which room may look into which, what a cold start imports, what has a name and an explanation."""

import ast
import importlib
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import cloud_events
from conftest import EVENTS

SRC = Path(cloud_events.__file__).parent
ROOMS = {path.relative_to(SRC).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in SRC.rglob("*.py")}

# From the ground up: a room may look into those below it, and into those on its own floor only if it is of their house.
FLOORS = [
    {"errors", "values"},
    {"messages"},
    {"application", "unguarded"},
    {"adapter", "interface"},
    {"diagnosis", "view"},
    {"reply", "guard"},
    {"batch", "settings"},
    {"handler"},
    {"invocation", "explanation"},
    {"report", "testing"},
    {"cli", "pytest_plugin"},
    {"__main__"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def imports(tree):
    """(module, level, what is taken of it, whether it happens while the file is imported) of each import in *tree*."""
    late = {
        id(inner)
        for outer in ast.walk(tree)
        if isinstance(outer, (ast.FunctionDef, ast.AsyncFunctionDef)) or is_for_types(outer)
        for inner in ast.walk(outer)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, 0, [], id(node) not in late
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node.level, [alias.name for alias in node.names], id(node) not in late


def is_for_types(node):
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def rooms_seen(file, tree):
    """The rooms of this library that *file* imports, for types or not."""
    depth = file.count("/") + 1
    for module, level, names, _ in imports(tree):
        first = module.partition(".")[0]
        if level == depth:
            yield from [first] if first else [name for name in names if name in FLOOR]
        elif level == 0 and first == "cloud_events":
            yield module.split(".")[1]


def room_of(file):
    return file.partition("/")[0].removesuffix(".py")


def test_every_room_has_its_floor():
    """No room stands outside of the plan, and none of the plan is missing."""
    assert {room_of(file) for file in ROOMS} - {"__init__"} == set(FLOOR)


@pytest.mark.parametrize("file", sorted(ROOMS))
def test_arrows_run_one_way(file):
    """A room looks only into rooms below it, of which nobody looks back; the entrance names all, late."""
    if file == "__init__.py":
        assert not [module for module, *_, at_once in imports(ROOMS[file]) if at_once]
    else:
        above = {room for room in rooms_seen(file, ROOMS[file]) if FLOOR.get(room, 99) >= FLOOR[room_of(file)]}
        assert above - {room_of(file)} == set()


def test_who_may_import_what():
    """asyncio is the interface's, asgiref and jsonpath-ng have one place each, and that imports them when it must."""
    found = {}
    for file, tree in ROOMS.items():
        for module, level, _, at_once in imports(tree):
            top = module.partition(".")[0]
            if not level and top in ("asyncio", "asgiref", "jsonpath_ng", "orjson", "snapshot_restore_py"):
                found.setdefault((top, at_once), set()).add(file)
    loops = found.pop(("asyncio", True))
    assert found.pop(("asyncio", False)) == {"testing.py"}  # of a test that has a loop running
    assert loops == {file for file in loops if file.startswith("interface/")}
    assert "interface/wsgi.py" not in loops
    assert found == {
        ("asgiref", False): {"settings.py"},
        ("jsonpath_ng", False): {"adapter/jsonpath.py"},
        ("orjson", False): {"adapter/encoding.py"},
        ("snapshot_restore_py", False): {"handler.py"},
    }


# The standard library in a process of its own, without what site-packages' .pth files import.
BEFORE = "import json, logging, sys; before = set(sys.modules)\n"
AFTER = "\nprint(json.dumps(sorted(set(sys.modules) - before)))"
WSGI = f"""
sys.path.insert(0, {str(SRC.parent)!r})
import cloud_events.handler
def application(environ, start_response):
    start_response("204 No Content", [])
    return [b""]
handle = cloud_events.handler.make_handler(application)
"""
S3 = f"event = json.load(open({str(EVENTS / 's3.json')!r}, encoding='utf-8'))\n"
IMPORTED = [
    "cloud_events",
    "cloud_events.adapter",
    "cloud_events.adapter.encoding",
    "cloud_events.adapter.jsonpath",
    "cloud_events.adapter.matcher",
    "cloud_events.adapter.path",
    "cloud_events.application",
    "cloud_events.errors",
    "cloud_events.handler",
    "cloud_events.interface",
    "cloud_events.interface.wsgi",
    "cloud_events.messages",
    "cloud_events.reply",
    "cloud_events.settings",
    "cloud_events.values",
]
FIRST_EVENT = [
    "cloud_events.adapter.attributes",
    "cloud_events.adapter.catalog",
    "cloud_events.adapter.describe",
    "cloud_events.adapter.express",
    "cloud_events.adapter.records",
    "cloud_events.adapter.registry",
    "cloud_events.adapter.rfc3339",
    "cloud_events.adapter.template",
]


def new_modules(script):
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))}
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", BEFORE + script + AFTER],
        capture_output=True,
        check=True,
        text=True,
        env=environ,
    )
    return json.loads(run.stdout)


@pytest.mark.skipif(find_spec("orjson") is not None, reason="orjson is imported where it is installed")
class TestColdStart:
    def test_import(self):
        """For a WSGI application the handler imports nothing that json and logging have not, except its own rooms."""
        assert new_modules(WSGI) == IMPORTED

    def test_first_event(self):
        """Its first event brings a few rooms more, and nothing else."""
        assert new_modules(WSGI + S3 + "handle(event, None)") == sorted(IMPORTED + FIRST_EVENT)

    def test_package(self):
        """Importing the package imports nothing."""
        assert new_modules(f"sys.path.insert(0, {str(SRC.parent)!r})\nimport cloud_events") == ["cloud_events"]


class TestPublicNames:
    def test_resolve(self):
        """Every public name is there, is what its room has, and shows in dir()."""
        for name in cloud_events.__all__:
            found = getattr(cloud_events, name)
            assert found.__name__ == name
            assert getattr(importlib.import_module(found.__module__), name) is found
        assert {*cloud_events.__all__, "__version__"} <= {*dir(cloud_events)}

    def test_for_types(self):
        """Type checkers are told of the same names, in the same rooms."""
        told = {
            name: f"cloud_events.{module}"
            for module, level, names, at_once in imports(ROOMS["__init__.py"])
            for name in names
            if level and not at_once
        }
        assert told == {name: getattr(cloud_events, name).__module__ for name in cloud_events.__all__}

    def test_handler_is_the_module(self):
        """cloud_events.handler is the module that Lambda's handler string names, however one comes to it."""
        script = """
import sys
from cloud_events import make_handler
import cloud_events
from cloud_events import handler
assert handler is cloud_events.handler is sys.modules["cloud_events.handler"], handler
assert callable(handler.handler)
"""
        subprocess.run([sys.executable, "-c", script], check=True)

    def test_unknown(self):
        """A name that is not there is an AttributeError like any module's."""
        with pytest.raises(AttributeError, match=r"^module 'cloud_events' has no attribute 'nobody'$"):
            _ = cloud_events.nobody


@pytest.mark.parametrize("file", sorted(ROOMS))
class TestEveryRoom:
    def test_docstrings(self, file):
        """Every room, and every public class and function in it, says what it is."""
        tree = ROOMS[file]
        kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        public = [node for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]
        assert [getattr(node, "name", file) for node in [tree, *public] if not ast.get_docstring(node)] == []

    def test_size(self, file):
        """No room is larger than can be looked over."""
        assert len((SRC / file).read_text(encoding="utf-8").splitlines()) <= 300
