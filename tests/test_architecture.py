"""How the library is put together: imports run one way, at the top; nothing is generated; functions are of a size."""

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

# From the ground up, by the first part of a module's name: a module may import what is further down, and what is in its
# own folder. What is not here may import anything, and nothing here imports it.
LAYERS = [
    {"errors"},
    {"messages"},
    {"application"},
    {"adapter", "interface", "unguarded"},
    {"diagnosis", "view", "workers"},
    {"reply", "guard"},
    {"delivery", "settings"},
    {"handler"},
    {"testing"},
    {"cli"},
]
LAYER = {name: number for number, names in enumerate(LAYERS) for name in names}
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


def ours(module):
    """The modules of ours that *module* imports; the entrance has a version besides names."""
    names = {name.removeprefix("cloud_events.") for name, _ in imports(module) if name.startswith("cloud_events.")}
    return names - {""}


NAMES = sorted(name for name in MODULES if name)


@pytest.mark.parametrize("module", NAMES)
def test_arrows_run_one_way(module):
    """A module imports only from layers below its own, or from its own folder; not the entrance, which names all."""
    top = module.partition(".")[0]
    below = {name for name, layer in LAYER.items() if layer < LAYER.get(top, len(LAYERS))} | {top}
    assert top not in LAYER or {name for name in ours(module) if name.partition(".")[0] not in below} == set()


def test_no_circles():
    """Inside folders, too: what is imported can be imported first."""
    left = {name: ours(name) - {name} for name in NAMES}
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


@pytest.mark.parametrize("file", sorted(TREES))
class TestEveryModule:
    def test_annotations(self, file):
        """Annotations are not evaluated, so none is quoted."""
        body = [node for node in TREES[file].body if not isinstance(node, ast.Expr)]
        if any(isinstance(node, (ast.ClassDef, *FUNCTIONS)) for node in body):
            assert ast.unparse(body[0]) == "from __future__ import annotations"
        notes = [getattr(node, name, None) for node in ast.walk(TREES[file]) for name in ("annotation", "returns")]
        assert [ast.unparse(note) for note in notes if isinstance(note, ast.Constant) and note.value is not None] == []

    def test_nothing_is_generated(self, file):
        """No source code is made at run time."""
        calls = [node.func for node in ast.walk(TREES[file]) if isinstance(node, ast.Call)]
        called = {function.id for function in calls if isinstance(function, ast.Name)}
        assert called.isdisjoint({"exec", "eval", "compile"})

    def test_parameters(self, file):
        """No function takes more than five, but for constructors of values and the public builders of events."""
        if file.startswith("testing"):
            return
        found = []
        for node in ast.walk(TREES[file]):
            if isinstance(node, FUNCTIONS) and node.name != "__init__":
                arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                found += [node.name] if len([one for one in arguments if one.arg not in ("self", "cls")]) > 5 else []
        assert found == []

    def test_length(self, file):
        """No function has more than 45 lines of code."""
        lines = [line.strip() for line in (SRC / file).read_text(encoding="utf-8").splitlines()]
        found = []
        for node in ast.walk(TREES[file]):
            if isinstance(node, FUNCTIONS):
                first = node.body[0].end_lineno if ast.get_docstring(node) else node.lineno
                code = [line for line in lines[first : node.end_lineno] if line and line[0] != "#"]
                found += [node.name] if len(code) > 45 else []
        assert found == []

    def test_docstrings(self, file):
        """Every module, and every public class and function in it, says what it is, unless its name says all."""
        tree = TREES[file]
        public = [node for node in tree.body if isinstance(node, (ast.ClassDef, *FUNCTIONS)) and node.name[0] != "_"]
        missing = [node.name for node in public if not ast.get_docstring(node) and node.end_lineno - node.lineno > 20]
        assert (missing, bool(ast.get_docstring(tree))) == ([], True)


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
        script = """
from cloud_events import make_handler
import cloud_events
from cloud_events import handler
assert handler is cloud_events.handler is sys.modules["cloud_events.handler"], handler
assert callable(handler.handler)
"""
        run(script)

    def test_unknown(self):
        """A name that is not there is an AttributeError like any module's."""
        with pytest.raises(AttributeError, match=r"^module 'cloud_events' has no attribute 'nobody'$"):
            _ = cloud_events.nobody
