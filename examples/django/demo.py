"""An upload to S3 becomes a row of the database, on this machine: `tox run -e demo` from the project's root.

Everything is real but the upload: the event is one that S3 sends, the handler the one that Lambda would call, the
application the one beside this file, and the row is read back from the database file. Exits with 1 if a step fails.
"""

import json
import os
import sqlite3
import sys
import textwrap
from contextlib import closing
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import django
from django.core.management import call_command
from django.core.signals import request_started

from cloud_events.handler import handler

EVENT_FILE = Path(__file__).with_name("s3_object_created.json")


def main() -> None:
    """Play the story once, and check every step of it."""
    event = json.loads(EVENT_FILE.read_text(encoding="utf-8"))
    with TemporaryDirectory() as folder:
        database = Path(folder, "books.sqlite3")
        # Lambda would have these from template.yaml.
        os.environ.update(
            WSGI_APPLICATION="bookshop.wsgi.application",
            CLOUD_EVENTS_RESPONSE="native",
            DJANGO_SETTINGS_MODULE="bookshop.settings",
            SQLITE_FILE=str(database),
        )
        django.setup()
        call_command("migrate", verbosity=0)
        requests: list[dict[str, Any]] = []
        request_started.connect(lambda environ, **_: requests.append(look_at(environ)), weak=False)

        show("An object is uploaded, and S3 sends an event", json.dumps(event["Records"][0]["s3"]["object"], indent=2))

        reply = handler(event, None)

        check(len(requests) == 1, f"the application was called {len(requests)} times, not once")
        (request,) = requests
        show("It is matched", f"row   {request['matcher']}\npath  {request['path']}")
        check((request["matcher"], request["path"]) == ("s3", "/aws.s3"), "this is not where an S3 event belongs")
        show("The application is called", request["text"])
        check(json.loads(request["body"]) == event, "the body is not the event")

        show("The handler replies", json.dumps(reply, indent=2))
        check(reply["status_code"] == "201", "the application did not store the book")

        row = read_only_row(database)
        show("The database has a new row", "\n".join(f"{column:7} {value}" for column, value in row.items()))
        check(row["key"] == "novels/Moby-Dick; or, The Whale.epub", "this is not the object that was uploaded")


def look_at(environ: dict[str, Any]) -> dict[str, Any]:
    """Return what the application is about to see, and leave it there to be seen."""
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    environ["wsgi.input"] = BytesIO(body)
    headers = {name.removeprefix("HTTP_"): value for name, value in environ.items() if name.startswith("HTTP_")}
    headers |= {name: environ[name] for name in ("CONTENT_TYPE", "CONTENT_LENGTH")}
    lines = [f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {environ['SERVER_PROTOCOL']}"]
    lines += [f"{name.replace('_', '-').lower()}: {value}" for name, value in sorted(headers.items())]
    lines += ["", f"{body[:240].decode()} ... ({len(body)} bytes)"]
    delivery = environ["cloud_events.delivery"]
    return {"matcher": delivery.matcher, "path": delivery.path, "text": "\n".join(lines), "body": body}


def read_only_row(database: Path) -> dict[str, Any]:
    """Return the one row of the table of books, as the database file has it."""
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute("SELECT * FROM books_book").fetchall()
    check(len(rows) == 1, f"the table of books has {len(rows)} rows, not one")
    return dict(rows[0])


def show(title: str, text: str) -> None:
    """Print one step of the story."""
    print(f"\n{title}\n\n{textwrap.indent(text, '    ')}")


def check(holds: bool, otherwise: str) -> None:
    """Stop with status 1 where a step did not do what it should."""
    if not holds:
        sys.exit(f"\nThe demonstration failed: {otherwise}.")


if __name__ == "__main__":
    main()
