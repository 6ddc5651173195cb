"""The virtual environments: one for each of peers.ENVIRONMENTS, made once and kept until what it needs changes."""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import distributions
from pathlib import Path

from peers import ENVIRONMENTS, FRAMEWORKS, HERE, PACKAGE, RUNTIME_CLIENT

CACHE = Path(os.environ.get("TOX_ENV_DIR", HERE.parent / ".tox" / "bench")) / "peers"
FRAMEWORKS_FOLDER = CACHE / "frameworks"


def python(environment: str) -> Path:
    """Return the interpreter of *environment*."""
    return CACHE / environment / "bin" / "python"


def site_packages(environment: str) -> Path:
    """Return the folder that *environment* imports from."""
    return next((CACHE / environment / "lib").glob("python*")) / "site-packages"


def without_bytecode(environment: str) -> Path:
    """Return a folder with what *environment* adds to the runtime client, as sources alone."""
    return CACHE / environment / "sources"


def pip(*arguments: str) -> None:
    """Run this interpreter's pip, which shows errors but no warnings: they would be about other environments."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-qq", *arguments]
    subprocess.run(command, check=True)


def prepare(environments: list[str]) -> None:
    """Make the *environments*, and the folder of the frameworks, that are missing or out of date."""
    CACHE.mkdir(parents=True, exist_ok=True)
    build(CACHE / "frameworks.stamp", FRAMEWORKS_FOLDER, FRAMEWORKS, make_frameworks)
    for name in environments:
        build(CACHE / f"{name}.stamp", CACHE / name, (RUNTIME_CLIENT, *ENVIRONMENTS[name]), partial(make, name))


def build(stamp: Path, folder: Path, needs: tuple[str, ...], action: Callable[[tuple[str, ...]], None]) -> None:
    """Call *action* unless *stamp* says that it was called for the same needs and the same Python before."""
    wanted = "\n".join((sys.version, *needs, *(str(age(need)) for need in needs)))
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"installing {folder.name}: {', '.join(needs)}", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    action(needs)
    stamp.write_text(wanted)


def age(need: str) -> float:
    """Return when our own wheel was built, for it is what a run is about; 0 for everything else."""
    return Path(need).stat().st_mtime if need == PACKAGE else 0


def make_frameworks(needs: tuple[str, ...]) -> None:
    """Install the frameworks into a folder of their own, to be put before the imports of any environment."""
    pip("install", "--target", str(FRAMEWORKS_FOLDER), *needs)


def make(name: str, needs: tuple[str, ...]) -> None:
    """Make the environment *name*, with bytecode and, for what was added to the floor, once more without."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(CACHE / name)], check=True)
    pip("--python", str(python(name)), "install", *needs)
    if name == "original":
        shutil.copy(HERE / "inside" / "original_cloud_events.py", site_packages(name))
    compileall.compile_dir(site_packages(name), quiet=2)
    for entry in added(name):
        target = without_bytecode(name) / entry.name
        if entry.is_dir():
            shutil.copytree(entry, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.parent.mkdir(exist_ok=True)
            shutil.copy(entry, target)


def added(name: str) -> list[Path]:
    """Return what environment *name* has beside the runtime client, top level only."""
    floor = {entry.name for entry in site_packages("floor").iterdir()}
    return sorted(entry for entry in site_packages(name).iterdir() if entry.name not in floor)


def installed_size(name: str) -> int:
    """Return how many bytes environment *name* adds to a package that has the runtime client, bytecode apart."""
    files = (file for entry in added(name) for file in (entry.rglob("*") if entry.is_dir() else [entry]))
    return sum(file.stat().st_size for file in files if file.is_file() and file.suffix != ".pyc")


def versions(environments: list[str]) -> dict[str, str]:
    """Return every installed distribution with its version."""
    folders = [str(FRAMEWORKS_FOLDER), *(str(site_packages(name)) for name in environments)]
    return {found.name: found.version for found in sorted(distributions(path=folders), key=lambda found: found.name)}
