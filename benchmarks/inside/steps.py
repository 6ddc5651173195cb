"""Run steps of Python in this process, one after another, and print what each of them took.

Standard input is a JSON list of steps: a name, the marshalled code in hexadecimal, and how often that runs. A step
without a name prepares another. The steps share their variables as the lines of a module do. Each that has a name lies
between two calls of os.getppid(), which does nothing: callgrind is told to write its counter down whenever that is
called, so that one process gives the instructions of every step by itself.

The module imports only what the runtime client has, and compiles nothing: the first compile() of a process is dear, and
belongs to the first import that has no bytecode.
"""

import json
import marshal
import os
import sys
import time


def memory():
    """Return the resident memory now and its highest mark since the last reset, in bytes; nothing outside Linux."""
    try:
        with open("/proc/self/smaps_rollup") as rollup, open("/proc/self/status") as status:
            now = next(line for line in rollup if line.startswith("Rss:"))
            highest = next(line for line in status if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return None, None
    return 1024 * int(now.split()[1]), 1024 * int(highest.split()[1])


def forget_highest_mark():
    """Let the highest mark start again from what is resident now (proc_pid_clear_refs(5))."""
    try:
        with open("/proc/self/clear_refs", "w") as refs:
            refs.write("5")
    except OSError:
        pass


def run():
    """Run the steps of standard input and print a JSON list of what they took, in their order."""
    namespace, costs = {}, []
    for name, marshalled, times in json.load(sys.stdin):
        code = marshal.loads(bytes.fromhex(marshalled))
        if not name:
            exec(code, namespace)
            continue
        forget_highest_mark()
        before, _ = memory()
        modules = len(sys.modules)
        start = time.process_time()
        os.getppid()
        exec(code, namespace)
        os.getppid()
        seconds = time.process_time() - start
        after, highest = memory()
        costs.append(
            {
                "name": name,
                "times": times,
                "started": start,
                "seconds": seconds / times,
                "grown": None if after is None else after - before,
                "peak": None if after is None else highest - before,
                "modules": len(sys.modules) - modules,
            }
        )
    json.dump(costs, sys.stdout)
