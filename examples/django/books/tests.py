"""The function as Lambda calls it: events and API Gateway's requests through one handler."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from django.conf import settings
from django.test import TestCase
from django.utils import timezone

# Loaded here because it configures logging, and what assertLogs has set up would not survive that.
import bookshop.wsgi  # noqa: F401
from books.models import Book
from cloud_events.handler import handler

# As in template.yaml and serverless.yml.
ENVIRONMENT = {
    "WSGI_APPLICATION": "bookshop.wsgi.application",
    "CLOUD_EVENTS_RESPONSE": "native",
    "CLOUD_EVENTS_DELIVERY": "record",
    "CLOUD_EVENTS_HTTP_HANDLER": "apig-wsgi",
}


class FunctionTestCase(TestCase):
    """A test of the whole function."""

    @classmethod
    def setUpClass(cls) -> None:
        """Give the function its environment."""
        super().setUpClass()
        cls.enterClassContext(mock.patch.dict(os.environ, ENVIRONMENT))


class Uploads(FunctionTestCase):
    """What S3 sends."""

    def setUp(self) -> None:
        """Read the event that demo.py plays too."""
        self.event = json.loads(Path(settings.BASE_DIR, "s3_object_created.json").read_text(encoding="utf-8"))

    def test_an_uploaded_object_becomes_a_book(self) -> None:
        """The row has the object's metadata, its key as a person reads it."""
        reply = handler(self.event, None)

        book = Book.objects.get()
        self.assertEqual(reply["status_code"], "201")
        self.assertEqual(book.bucket, "bookshop-uploads")
        self.assertEqual(book.key, "novels/Moby-Dick; or, The Whale.epub")
        self.assertEqual(book.title, "Moby-Dick; or, The Whale")
        self.assertEqual((book.size, book.etag), (815104, "5a105e8b9d40e1329780d62ea2265d8a"))
        self.assertEqual(book.added, datetime(2026, 3, 14, 15, 9, 26, 535000, tzinfo=UTC))

    def test_an_event_that_comes_twice_leaves_one_book(self) -> None:
        """S3 promises each event at least once, not exactly once."""
        handler(self.event, None)
        handler(self.event, None)

        self.assertEqual(Book.objects.count(), 1)

    def test_a_removed_object_takes_its_book_with_it(self) -> None:
        """Whatever kind of removal it was."""
        handler(self.event, None)
        self.event["Records"][0]["eventName"] = "ObjectRemoved:DeleteMarkerCreated"

        reply = handler(self.event, None)

        self.assertEqual((reply["status_code"], Book.objects.count()), ("200", 0))


class Corrections(FunctionTestCase):
    """What the queue sends."""

    def message(self, identifier: str, body: str) -> dict[str, Any]:
        """Return a record as SQS sends it."""
        return {
            "messageId": identifier,
            "receiptHandle": f"receipt-{identifier}",
            "body": body,
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1773500966535"},
            "messageAttributes": {},
            "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:corrections",
            "awsRegion": "eu-west-1",
        }

    def test_only_the_message_that_failed_is_sent_again(self) -> None:
        """The reply names it, so that SQS deletes the other."""
        book = a_book(title="Ema")
        event = {
            "Records": [
                self.message("good", json.dumps({"id": book.pk, "title": "Emma"})),
                self.message("early", json.dumps({"id": book.pk + 1, "title": "Persuasion"})),
            ]
        }

        with self.assertLogs("django.request", "WARNING"):
            reply = handler(event, None)

        book.refresh_from_db()
        self.assertEqual(book.title, "Emma")
        self.assertEqual(reply, {"batchItemFailures": [{"itemIdentifier": "early"}]})


class Nightly(FunctionTestCase):
    """What the schedule sends."""

    def test_old_books_without_content_are_removed(self) -> None:
        """New ones, and those with content, stay."""
        now = timezone.now()
        a_book(key="old and empty", size=0, added=now - timedelta(days=2))
        a_book(key="new and empty", size=0, added=now)
        a_book(key="old", added=now - timedelta(days=2))

        handler(
            {
                "version": "0",
                "id": "5f0d1a7c-5f8e-4b8a-9c2e-1d2f3a4b5c6d",
                "detail-type": "Scheduled Event",
                "source": "aws.events",
                "account": "123456789012",
                "time": "2026-03-15T03:00:00Z",
                "region": "eu-west-1",
                "resources": ["arn:aws:events:eu-west-1:123456789012:rule/nightly"],
                "detail": {},
            },
            None,
        )

        self.assertEqual(set(Book.objects.values_list("key", flat=True)), {"new and empty", "old"})


class Website(FunctionTestCase):
    """What API Gateway sends."""

    def ask(self, method: str, path: str) -> dict[str, Any]:
        """Return the function's answer to an HTTP API's request."""
        request = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {"host": "localhost"},
            "requestContext": {
                "http": {
                    "method": method,
                    "path": path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": "192.0.2.17",
                    "userAgent": "curl",
                },
                "requestId": "request",
                "stage": "$default",
            },
            "isBase64Encoded": False,
        }
        reply: dict[str, Any] = handler(request, None)
        return reply

    def test_the_books_are_listed_by_title(self) -> None:
        """As JSON."""
        second = a_book(key="2", title="Persuasion")
        first = a_book(key="1", title="Emma")

        reply = self.ask("GET", "/books")

        self.assertEqual(reply["statusCode"], 200)
        listed = json.loads(reply["body"])["books"]
        self.assertEqual(
            [(book["id"], book["title"]) for book in listed], [(first.pk, "Emma"), (second.pk, "Persuasion")]
        )

    def test_a_book_can_be_deleted_once(self) -> None:
        """The second time it is not there."""
        book = a_book()

        self.assertEqual(self.ask("DELETE", f"/books/{book.pk}")["statusCode"], 204)
        with self.assertLogs("django.request", "WARNING"):
            self.assertEqual(self.ask("DELETE", f"/books/{book.pk}")["statusCode"], 404)

        self.assertEqual(Book.objects.count(), 0)

    def test_nobody_but_aws_can_send_events(self) -> None:
        """The events' URLs are not there for HTTP requests."""
        for path in ("/aws.s3", "/aws.sqs", "/aws.events"):
            with self.subTest(path), self.assertLogs("django.request", "WARNING"):
                self.assertEqual(self.ask("POST", path)["statusCode"], 404)


def a_book(**values: Any) -> Book:
    """Return a book that is in the shop."""
    defaults = {
        "bucket": "bookshop-uploads",
        "key": "emma.epub",
        "title": "Emma",
        "size": 512,
        "etag": "5a105e8b9d40e1329780d62ea2265d8a",
        "added": timezone.now(),
    }
    return Book.objects.create(**defaults | values)
