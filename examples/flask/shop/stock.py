"""What the shop has, and what was taken out of it: SQLite, in one file."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from flask import current_app


class SoldOut(Exception):
    """There is not as much as was ordered."""


@contextmanager
def transaction() -> Iterator[sqlite3.Connection]:
    """Give a connection to the database. What was done with it is kept at the end, or undone by an exception."""
    with closing(sqlite3.connect(current_app.config["DATABASE"])) as database, database:
        yield database


def create_tables() -> None:
    """Make the tables, and fill the shelf, unless that was done before."""
    with transaction() as database, current_app.open_resource("schema.sql", "r") as schema:
        database.executescript(schema.read())


def take(database: sqlite3.Connection, message_id: str, article: str, quantity: int) -> None:
    """Take an article out of the stock, once for each message. Raises SoldOut."""
    new = "INSERT INTO orders VALUES (?, ?, ?) ON CONFLICT (message_id) DO NOTHING"
    if not database.execute(new, (message_id, article, quantity)).rowcount:
        # SQS may deliver a message twice. One that is here was served: both lines are written in one transaction.
        return
    enough = "UPDATE stock SET quantity = quantity - ? WHERE article = ? AND quantity >= ?"
    if not database.execute(enough, (quantity, article, quantity)).rowcount:
        raise SoldOut(f"there is no {quantity} of {article}")


def left(database: sqlite3.Connection) -> dict[str, int]:
    """Return how many of each article there are."""
    return dict(database.execute("SELECT article, quantity FROM stock ORDER BY article"))


def served(database: sqlite3.Connection) -> int:
    """Return how many orders were served."""
    return database.execute("SELECT count(*) FROM orders").fetchone()[0]
