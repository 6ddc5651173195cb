"""Batches by record: how long one takes whose view waits, and how much memory many records take."""

from typing import Any

from costs import MAKE, RUNTIME
from measure import Job, Step, run

WAITING = {
    "wsgi": """
import bare, time
def application(environ, start_response):
    time.sleep(0.1)
    return bare.wsgi(environ, start_response)
""",
    "asgi": """
import asyncio, bare
async def application(scope, receive, send):
    if scope["type"] == "http":
        await asyncio.sleep(0.1)
    await bare.asgi(scope, receive, send)
""",
}
POWERTOOLS = {
    "Powertools BatchProcessor": """
import time
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
processor = BatchProcessor(EventType.SQS)
def handler(event, context):
    return process_partial_response(event, lambda record: time.sleep(0.1), processor, context)
""",
    "Powertools AsyncBatchProcessor": """
import asyncio
from aws_lambda_powertools.utilities.batch import AsyncBatchProcessor, EventType, async_process_partial_response
processor = AsyncBatchProcessor(EventType.SQS)
async def waits(record):
    await asyncio.sleep(0.1)
def handler(event, context):
    return async_process_partial_response(event, waits, processor, context)
""",
}
HANDLER = "handler = make_handler(application, delivery='record', concurrency={})"


def ten_waiting_records() -> dict[str, float]:
    """Return for each handler the time of ten SQS records whose view waits 100 ms, over that of one."""
    setups = {
        f"cloud-events {interface.upper()}, concurrency {n}": MAKE + application + HANDLER.format(n)
        for interface, application in WAITING.items()
        for n in (1, 5, 10)
    } | {name: RUNTIME + setup for name, setup in POWERTOOLS.items()}
    found = {}
    for name, setup in setups.items():
        steps = [Step("", setup), Step("", "one, ten = events.sqs(1, 600), events.sqs(10, 600); handler(ten, context)")]
        steps += [Step("one", "handler(one, context)"), Step("ten", "handler(ten, context)")] * 3
        costs = run(Job(name, steps))
        least = {step: min(cost["seconds"] for cost in costs if cost["name"] == step) for step in ("one", "ten")}
        found[name] = least["ten"] / least["one"]
    return found


PEAK = """
tracemalloc.start()
handler(event, context)
value = tracemalloc.get_traced_memory()[1] / len(json.dumps(event))
"""


def memory() -> dict[str, Any]:
    """Return the most memory that an event takes beside itself, in payloads: bytes of the event as JSON."""
    cases = {
        "10,000 records, one by one": ("events.sqs(10_000, 600)", "delivery='record'"),
        "10,000 records, eight at a time": ("events.sqs(10_000, 600)", "delivery='record', concurrency=8"),
        "an event of 5.5 MB": ("events.sqs(22, 250_000)", ""),
    }
    found = {}
    for interface in WAITING:
        for title, (event, settings) in cases.items():
            setup = f"{MAKE}import tracemalloc\nfrom bare import {interface} as application\n"
            setup += f"handler = make_handler(application, {settings})\nhandler(events.sqs(2, 600), context)"
            job = Job(f"memory, {title}", [Step("", f"{setup}\nevent = {event}"), Step("peak", PEAK)])
            found[f"{title}, {interface.upper()}"] = run(job)[0]["value"]
    return found
