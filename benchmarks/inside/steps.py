"""Run steps of Python in this process, one after another, and print what each of them took.

Standard input is a JSON list of steps: a name, marshalled code in hexadecimal, and how often that runs. A step without
a name prepares another. The steps share their variables as the lines of a module do. Each step with a name lies between
two calls of os.getppid(), which does nothing: callgrind writes its counter down whenever that is called.
It compiles nothing: the first compile() of a process is slow, and belongs to the first import without bytecode.
"""

import json
import marshal
import os
import sys
import time


def run():
    """Run the steps of standard input; print a JSON list of their seconds, and of the variable `value` after each."""
    namespace, costs = {"value": None}, []
    for name, marshalled, times in json.load(sys.stdin):
        code = marshal.loads(bytes.fromhex(marshalled))
        if not name:
            exec(code, namespace)
            continue
        start = time.perf_counter()
        os.getppid()
        exec(code, namespace)
        os.getppid()
        seconds = (time.perf_counter() - start) / times
        costs.append({"name": name, "seconds": seconds, "value": namespace["value"]})
    json.dump(costs, sys.stdout)
