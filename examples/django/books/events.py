"""The views that events are sent to.

AWS delivers an event at least once, so each of them may see the same event twice and has to leave the same rows behind.
"""

import json
from datetime import timedelta
from pathlib import PurePosixPath
from urllib.parse import unquote_plus

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST

from books.models import Book
from cloud_events import events_only


@events_only
@require_POST
def uploads(request: HttpRequest) -> HttpResponse:
    """Keep the shop in step with the bucket: store a book for each new object, and remove that of a removed one."""
    stored = []
    for record in json.loads(request.body)["Records"]:
        found = record["s3"]["object"]
        # S3 writes keys as a form would: "Moby+Dick.epub".
        place = {"bucket": record["s3"]["bucket"]["name"], "key": unquote_plus(found["key"])}
        if record["eventName"].startswith("ObjectRemoved:"):
            Book.objects.filter(**place).delete()
            continue
        metadata = {
            "title": PurePosixPath(place["key"]).stem,
            "size": found["size"],
            "etag": found["eTag"],
            "added": parse_datetime(record["eventTime"]),
        }
        book, _ = Book.objects.update_or_create(**place, defaults=metadata)
        stored.append(book.pk)
    return JsonResponse({"stored": stored}, status=201 if stored else 200)


@events_only
@require_POST
def corrections(request: HttpRequest) -> HttpResponse:
    """Change titles as messages such as {"id": 1, "title": "Emma"} ask for.

    CLOUD_EVENTS_DELIVERY=record sends one message a request. One for a book that is not there yet is answered with 404:
    SQS keeps that message, and no other, and sends it again later.
    """
    for record in json.loads(request.body)["Records"]:
        correction = json.loads(record["body"])
        if not Book.objects.filter(pk=correction["id"]).update(title=correction["title"]):
            raise Http404(f"no book {correction['id']}")
    return HttpResponse(status=204)


@events_only
@require_POST
def nightly(request: HttpRequest) -> HttpResponse:
    """Take books without content out of the shop, unless they are so new that it may still be on its way."""
    yesterday = timezone.now() - timedelta(days=1)
    removed, _ = Book.objects.filter(size=0, added__lt=yesterday).delete()
    return JsonResponse({"removed": removed})
