"""The commands: their arguments, what they do, and their exit statuses."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from difflib import get_close_matches
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

from ..errors import ConfigurationError
from ..settings import from_environment, parse_count
from ..testing.invocation import Invoker, LambdaContext
from .check import check as check_files
from .explanation import Explanation
from .report import ACKNOWLEDGED, Formatter, as_json, as_text, match_lines, show_traceback
from .sample import KINDS, sample
from .sample import options as options_of
from .serve import Function, serve

OK, FAILED, UNUSABLE = 0, 1, 2  # exit statuses


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return the exit status."""
    options = _parser().parse_args(arguments)
    # A character that the terminal cannot show must not abort the report.
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    # The application is in the current directory, as it is in Lambda's deployment package.
    sys.path.insert(0, "")
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except ConfigurationError as error:
        show_traceback(error)
        return _complain(str(error))
    except BrokenPipeError:
        # The reader ("| head") has closed the pipe; the interpreter must not try to flush the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cloud-events",
        description="See where events go, and send them to your application as AWS Lambda would.",
        epilog="Settings are read from the environment, as in Lambda. Exit status: 0 if all went well; 1 if an event "
        "matched no row, was refused or failed; 2 if the command line, a setting or a file cannot be used.",
    )
    parser.add_argument("--version", action="version", version=f"cloud-events {version('cloud-events')}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(
        name: str, run: Callable[[argparse.Namespace], int], does: str, as_json: str = ""
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=does, description=f"{does[0].upper()}{does[1:]}.")
        command.set_defaults(run=run)
        if as_json:
            command.add_argument("--json", action="store_true", help=f"for programs: {as_json}")
        return command

    line = "one line with a JSON object for each event"
    add("routes", _routes, "print every row: its path, and what the sender of such events reads", "a JSON array")
    match = add("match", _match, "show which row matches each event, where it goes, and why", line)
    invoke = add("invoke", _invoke, "send each event to your application, and show what AWS would do next", line)
    check = add("check", _check, "find wiring in templates that would lose events", "a JSON array")
    check.add_argument("files", nargs="+", metavar="FILE", help="a SAM, CloudFormation or Serverless template, or what "
                       "`aws lambda list-event-source-mappings` or `get-function-configuration` prints")  # fmt: skip
    for command in (match, invoke):
        command.add_argument("files", nargs="+", metavar="FILE", help="one event as JSON; - is standard input")
    invoke.add_argument("--repeat", default=1, metavar="N", help="send each event N times")
    invoke.add_argument("--tool", metavar="NAME", help="send each event as a Bedrock AgentCore call of this tool")
    server = add("serve", _serve, "answer Lambda's Invoke API, and serve a page for trying out events")
    server.add_argument("--host", default="127.0.0.1", help="the address to listen on; default 127.0.0.1")
    server.add_argument("--port", default=9000, type=int, help="the port to listen on; default 9000")
    timeout = "the timeout of the function; default 900, the longest in Lambda"
    for command in (invoke, server):
        which = command.add_mutually_exclusive_group()
        for name in ("wsgi", "asgi"):
            instead = f"the path of your application, instead of {name.upper()}_APPLICATION"
            which.add_argument(f"--{name}", metavar="PATH", help=instead)
        command.add_argument("--timeout", default=900, metavar="SECONDS", help=timeout)
    samples = add("sample", _sample, "print a sample event, or list the kinds of events and their options")
    samples.add_argument("kind", nargs="?", metavar="KIND", help="such as s3; without it, the kinds are listed")
    samples.add_argument("options", nargs=argparse.REMAINDER, metavar="OPTION", help="such as --bucket uploads")
    return parser


def _complain(message: str) -> int:
    sys.stdout.flush()
    print(f"cloud-events: {message}", file=sys.stderr)
    return UNUSABLE


def _check(options: argparse.Namespace) -> int:
    return check_files(options.files, options.json)


def _routes(options: argparse.Namespace) -> int:
    routes = Explanation().routes()
    if options.json:
        print(json.dumps(routes, indent=2))
        return OK
    lines = [("ROW", "PATH", "SENDER READS")]
    lines += [(row["row"], row["path"] or ACKNOWLEDGED, row["reads"]) for row in routes]
    widths = [max(len(line[column]) for line in lines) for column in (0, 1)]
    for name, path, reads in dict.fromkeys(lines):  # alternative rows look alike
        print(f"{name:{widths[0]}}  {path:{widths[1]}}  {reads}")
    return OK


def _match(options: argparse.Namespace) -> int:
    explanation = Explanation()

    def use(file: str, event: Any) -> int:
        found = explanation.explain(event)
        print(json.dumps({"file": file, **found}) if options.json else "\n".join(match_lines(file, found)))
        return FAILED if found["status"] in ("unmatched", "refused") else OK

    return _each(options.files, use)


def _prepare(options: argparse.Namespace) -> Formatter:
    """Put the application from the command line into the environment; return the formatter of the log."""
    for name in ("wsgi", "asgi"):
        if path := getattr(options, name):
            os.environ.update(WSGI_APPLICATION="", ASGI_APPLICATION="")
            os.environ[f"{name.upper()}_APPLICATION"] = path
    if not (os.environ.get("WSGI_APPLICATION") or os.environ.get("ASGI_APPLICATION")):
        raise ConfigurationError(
            "name the application: --wsgi project.wsgi.application, or --asgi; or set WSGI_APPLICATION or "
            "ASGI_APPLICATION"
        )
    log, formatter = logging.StreamHandler(), Formatter("%(levelname)s %(name)s: %(message)s")
    log.setFormatter(formatter)
    logging.basicConfig(handlers=[log])
    return formatter


def _invoke(options: argparse.Namespace) -> int:
    repeat = parse_count(options.repeat, f"--repeat={options.repeat!r}")
    seconds = parse_count(options.timeout, f"--timeout={options.timeout!r}")
    formatter = _prepare(options)
    out = sys.stdout

    def use(file: str, event: Any) -> int:
        runs = [invoke(event, LambdaContext(seconds * 1000, options.tool)) for _ in range(repeat)]
        load = loading.pop() if loading else None
        report = json.dumps(as_json(file, runs, load), default=repr) if options.json else as_text(file, runs, load)
        print(report, file=out, flush=True)
        show_traceback(runs[0].raised, formatter.shown)
        return FAILED if any(run.failed for run in runs) else OK

    # The output of the application is not JSON.
    with redirect_stdout(sys.stderr if options.json else out):
        started = perf_counter()
        invoke = Invoker(from_environment())
        loading = [(perf_counter() - started) * 1000]  # reported once, with the first event
        try:
            return _each(options.files, use, progress=len(options.files) > 1)
        finally:
            invoke.close()


def _serve(options: argparse.Namespace) -> int:
    seconds = parse_count(options.timeout, f"--timeout={options.timeout!r}")
    serve(options.host, options.port, Function(seconds, _prepare(options)))
    return OK


def _sample(options: argparse.Namespace) -> int:
    if options.kind:
        print(json.dumps(sample(options.kind, options.options), indent=2))
        return OK
    width = max(map(len, KINDS))
    for kind in KINDS:
        print(f"{kind:{width}}  {' '.join(options_of(kind))}".rstrip())
    return OK


def _each(files: list[str], use: Callable[[str, Any], int], progress: bool = False) -> int:
    """Call *use* with the name and the event of each file; return the worst exit status."""
    worst = OK
    for number, file in enumerate(files, 1):
        name = "standard input" if file == "-" else file
        if progress:
            print(f"[{number}/{len(files)}] {name}", file=sys.stderr)
        try:
            event = _read(file)
        except OSError as error:
            worst = _complain(f"{name}: {_remedy(file, error)}")
        except ValueError as error:
            worst = _complain(f"{name}: {error}")
        else:
            worst = max(worst, use(name, event))
    return worst


def _read(name: str) -> Any:
    """Return the event in the file *name*. Raises OSError, or ValueError with the fault."""
    content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    if not content.strip():
        raise ValueError(f"it is empty; {'did the command before | fail?' if name == '-' else 'was it ever saved?'}")
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        reason = error.msg.replace("Extra data", "the event ends before this; one file holds one event")
        raise ValueError(f"not JSON, line {error.lineno}, column {error.colno}: {reason}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"not JSON, byte {error.start}: this is not UTF-8") from None
    except RecursionError:
        raise ValueError("nested too deeply, also for Lambda") from None


def _remedy(name: str, error: OSError) -> str:
    path = Path(name)
    if isinstance(error, IsADirectoryError):
        return f"this is a directory; name the files in it, such as {path / '*.json'}"
    close: list[str] = []
    if isinstance(error, FileNotFoundError) and path.parent.is_dir():
        close = get_close_matches(path.name, os.listdir(path.parent), 1)
    return f"no such file; did you mean {path.with_name(close[0])}?" if close else str(error.strerror)
