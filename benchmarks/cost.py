"""What a million events cost on Lambda, by memory size, with our handler and with each of the others.

    python benchmarks/cost.py

reads results.json (the end-to-end measurement) and prints a Markdown table. It is a model: the CPU seconds were
measured on one machine, and Lambda's processors are others. So compare the rows with each other, and nothing else.
"""

from __future__ import annotations

import json
from math import ceil
from typing import Any

from peers import HERE, NOTHING

# Prices of x86 functions in US East (N. Virginia), first tier: https://aws.amazon.com/lambda/pricing/
DOLLARS_PER_GB_SECOND = 0.0000166667
DOLLARS_PER_REQUEST = 0.20 / 1_000_000

# A function has one processor at so much memory, and its share of one in proportion below: Lambda's developer guide,
# "Configure Lambda function memory". Our code uses no more than one.
MEGABYTES_OF_A_PROCESSOR = 1_769
MEMORY_SIZES = (128, 256, 512, 1_024, 1_769)

# An assumption: one event in so many meets a cold start. AWS says fewer than 1 %: developer guide, "Understanding the
# Lambda execution environment lifecycle".
EVENTS_PER_COLD_START = 100

EVENTS = 1_000_000


def billed(processor_seconds: float, memory: int) -> float:
    """Return the GB-seconds that are billed for so much work at *memory* megabytes: whole milliseconds, rounded up."""
    seconds = processor_seconds * max(1, MEGABYTES_OF_A_PROCESSOR / memory)
    return ceil(seconds * 1000) / 1000 * memory / 1024


def dollars(took: dict[str, Any], floor: dict[str, Any], memory: int) -> float:
    """Return what EVENTS S3 events cost at *memory* megabytes; init and event *took* so many times the *floor*."""
    init, event = (took[phase]["ratio"] * floor[phase]["seconds"] for phase in ("init", "S3"))
    warm = billed(event, memory) * (EVENTS_PER_COLD_START - 1)
    cold = billed(init + event, memory)
    return EVENTS * ((warm + cold) / EVENTS_PER_COLD_START * DOLLARS_PER_GB_SECOND + DOLLARS_PER_REQUEST)


def table(endtoend: dict[str, Any]) -> str:
    """Return the costs as a Markdown table, each also over that of a handler that does nothing; the least first."""
    floor = endtoend[NOTHING.name]
    lines = [
        "| a million S3 events, with | " + " | ".join(f"{memory:,} MB" for memory in MEMORY_SIZES) + " |",
        "|---" + "|--:" * len(MEMORY_SIZES) + "|",
    ]
    for name, took in sorted(endtoend.items(), key=lambda item: dollars(item[1], floor, MEMORY_SIZES[0])):
        costs = [dollars(took, floor, memory) for memory in MEMORY_SIZES]
        floors = [dollars(floor, floor, memory) for memory in MEMORY_SIZES]
        cells = (f"${cost:.3f} (+{cost / least - 1:.0%})" for cost, least in zip(costs, floors, strict=True))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(json.loads((HERE / "results.json").read_text(encoding="utf-8"))["endtoend"]))
