"""Cold start: what importing a handler, and its first event, add to a process that has started the runtime client.

The application is imported before the handler is, so that its own cost is not in the difference; on top of a
framework, that is there before as well. Without bytecode means: what the peer adds to the runtime client has none, as
in a package built without it for a read-only disk; the standard library and the runtime client keep theirs.
"""

from __future__ import annotations

from statistics import median
from typing import Any

import venvs
from measure import Job, Step, counted, least, timed
from peers import ADAPTERS, ASYNCIO, BATCH, TOOLKITS, Peer, chosen

BARE = (*ADAPTERS, *TOOLKITS, BATCH, ASYNCIO)
ON_TOP = {
    "Flask": ("flask_app", "wsgi"),
    "Django": ("django_app", "wsgi"),
    "FastAPI": ("fastapi_app", "asgi"),
}

# In a quick run; each takes five times as long as with it.
WITHOUT_BYTECODE = ("cloud-events WSGI", "aws-wsgi")

PREPARE = "import events\ncontext, event = events.Context(), events.s3()"
AS_SOURCES = "import sys\nsys.path.insert(0, {folder!r})\nsys.dont_write_bytecode = True"
FIRST_EVENT = {"event": "handler(event, context)", "http": "handler(request, context)"}
REQUEST = "request = events.http(event)"


def job(peer: Peer, module: str = "bare", name: str = "", bytecode: bool = True) -> Job:
    """Return the steps that start *peer* for an application of *module*: runtime client, import, first event."""
    name = name or peer.interface or "wsgi"
    floor = [f"from {module} import {name} as application", "import awslambdaric.bootstrap"]
    if module != "bare":
        floor.append(f"import sys\nsys.path.insert(0, {str(venvs.FRAMEWORKS_FOLDER)!r})")
    prepare = [PREPARE]
    if not bytecode:
        prepare.append(AS_SOURCES.format(folder=str(venvs.without_bytecode(peer.environment))))
    steps = [
        Step("floor", "\n".join(reversed(floor))),
        Step("", "\n".join(prepare)),
        Step("import", peer.setup),
        Step("", REQUEST),
        Step("first event", FIRST_EVENT[peer.takes]),
    ]
    settings = {f"{peer.interface.upper()}_APPLICATION": f"{module}.{name}"} if peer.interface else {}
    return Job(peer.name, peer.environment, steps, settings)


def measure(rounds: int, quick: bool) -> dict[str, Any]:
    """Return for each base ("bare", "Flask", …) and each peer what its import and first event add."""
    found = {"bare": bare(chosen(BARE, quick), rounds, WITHOUT_BYTECODE if quick else None)}
    if not quick:
        for framework, (module, interface) in ON_TOP.items():
            found[framework] = {
                peer.name: instructions(job(peer, module, "application"))
                for peer in ADAPTERS
                if peer.interface == interface and peer.name != "mangum, lifespan"
            }
    return found


def bare(peers: tuple[Peer, ...], rounds: int, sources: tuple[str, ...] | None) -> dict[str, Any]:
    """Return everything about each of *peers* over the bare runtime client; *sources*: who is run without bytecode."""
    times = timed(map(job, peers), rounds)
    return {
        peer.name: {
            **instructions(job(peer)),
            "import without bytecode": (
                instructions(job(peer, bytecode=False))["import"] if sources is None or peer.name in sources else None
            ),
            "cpu": median(added_time(costs, ["import"]) for costs in times[peer.name]),
            "cpu with first event": median(added_time(costs, ["import", "first event"]) for costs in times[peer.name]),
            "memory": least(times[peer.name], "import", "grown"),
            "modules": least(times[peer.name], "import", "modules"),
            "installed": venvs.installed_size(peer.environment),
        }
        for peer in peers
    }


def instructions(measured: Job) -> dict[str, float | None]:
    """Return the instructions of the floor, which begins with the process, of the import, and of the first event."""
    costs = counted(measured)
    start, floor = costs.pop("start"), costs["floor"]
    return costs | {"floor": None if start is None or floor is None else start + floor}


def added_time(costs: dict[str, Any], steps: list[str]) -> float:
    """Return the CPU time of *steps* over that of the floor since the process began."""
    floor = costs["floor"]["started"] + costs["floor"]["seconds"]
    return sum(costs[step]["seconds"] for step in steps) / floor
