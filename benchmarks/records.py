"""Many records and large events: what a record costs that gets a request of its own, and whether cost stays linear.

A cost is linear if a record, or a byte, of a large event costs what it costs in a small one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from measure import Job, Step, counted, least, ratio, timed
from peers import BATCH

MANY = 10_000
HANDLERS = {
    "batch": "make_handler(application)",
    "record": "make_handler(application, delivery='record', response='native')",
    "structured": "make_handler(application, content_mode='structured')",
}


class Growth(NamedTuple):
    """Events of growing size: what grows, the source of an event by its size, the sizes, and the ways to deliver it."""

    unit: str
    event: str
    sizes: tuple[int, ...]
    deliveries: tuple[str, ...]


GROWTH = (
    Growth("records", "events.sqs({}, 500)", (1_000, MANY), ("batch", "record", "structured")),
    Growth("bytes", "events.sqs(10, {} // 10)", (1_000_000, 3_000_000, 6_000_000), ("batch",)),
    Growth("characters of source", "events.cloudevent({})", (10_000, 100_000), ("batch",)),
)
SETUP = "import awslambdaric.bootstrap, json, events\nfrom bare import wsgi as application\ncontext = events.Context()"
OURS = SETUP + "\nfrom cloud_events import make_handler\n"


def measure(quick: bool) -> dict[str, Any]:
    """Return the throughput of single records, ours and of Powertools' batch processor, and how costs grow."""
    return {"throughput": throughput(1_000 if quick else MANY), "growth": {} if quick else growth()}


def throughput(records: int) -> dict[str, Any]:
    """Return for each way through a batch the CPU time of one record, also over that of json.dumps of it."""
    ways = {
        "cloud-events, a request each": ("cloud-events", f"{OURS}handler = {HANDLERS['record']}"),
        "cloud-events, one request": ("cloud-events", f"{OURS}handler = {HANDLERS['batch']}"),
        "Powertools batch, no request": (BATCH.environment, f"{SETUP}\n{BATCH.setup}"),
    }
    jobs = [Job(name, environment, through(setup, records)) for name, (environment, setup) in ways.items()]
    times = timed(jobs, 3)
    found = {}
    for job in jobs:
        # A tenth of the records is enough where each costs the same to a thousandth.
        instructions = counted(replace(job, steps=through(ways[job.title][1], records // 10)))
        rounds = times[job.title]
        found[job.title] = {
            "seconds": least(rounds, "batch", "seconds") / records,
            "cpu": ratio(rounds, "batch", "dumps"),
            "ratio": None if instructions["batch"] is None else instructions["batch"] / instructions["dumps"],
        }
    return found


def through(setup: str, records: int) -> list[Step]:
    """Return the steps that serialise the records of a batch, and deliver it; the imports of a first time are over."""
    return [
        Step("", setup),
        Step("", "handler(events.sqs(2, 500), context)"),
        Step("", f"event = events.sqs({records}, 500)"),
        Step("dumps", "for record in event['Records']: json.dumps(record)"),
        Step("batch", "handler(event, context)"),
    ]


def growth() -> dict[str, dict[int, float]]:
    """Return for each row of GROWTH and delivery what a unit of an event costs, over what it costs in the smallest."""
    found = {}
    for unit, event, sizes, deliveries in GROWTH:
        steps = [Step("", OURS + "\n".join(f"{name} = {HANDLERS[name]}" for name in deliveries))]
        steps += [Step("", f"event = {event.format(sizes[0])}")]
        steps += [Step("", f"{name}(event, context)") for name in deliveries]
        for size in sizes:
            steps += [Step("", f"event = {event.format(size)}")]
            steps += [Step(f"{name} {size}", f"{name}(event, context)") for name in deliveries]
        job = Job(f"growth of {unit}", "cloud-events", steps)
        costs = counted(job)
        if costs["start"] is None:
            costs = {step: cost["seconds"] for step, cost in timed([job], 1)[job.title][0].items()}
        for name in deliveries:
            each = {size: costs[f"{name} {size}"] / size for size in sizes}
            found[f"{unit}, {name}"] = {size: cost / each[sizes[0]] for size, cost in each.items()}
    return found
