"""Views for events, in each of Django's ways of writing one."""

import json
from urllib.parse import unquote_plus

from django.contrib.auth.decorators import login_required
from django.db import connection, connections
from django.http import JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET
from rest_framework.parsers import FormParser
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.serializers import ModelSerializer
from rest_framework.views import APIView

from apps.django_books.models import Book
from apps.shelf import note

# The database connection of each view's own thread, so that a test can see that it was closed.
CONNECTIONS = []


def saw(request, event, environ):
    note(request.method, request.path, request.headers, event, environ)


class BookSerializer(ModelSerializer):
    class Meta:
        model = Book
        fields = ["bucket", "name", "size"]


class Uploads(APIView):
    """S3: a serializer for each record, a row for each book."""

    def post(self, request):
        # The request that REST framework wraps has the environ on WSGI and the scope on ASGI.
        django_request = request._request
        saw(request, request.data, getattr(django_request, "scope", None) or django_request.environ)
        rows = [
            {
                "bucket": record["s3"]["bucket"]["name"],
                "name": unquote_plus(record["s3"]["object"]["key"]),
                "size": record["s3"]["object"]["size"],
            }
            for record in request.data["Records"]
        ]
        serializer = BookSerializer(data=rows, many=True)
        serializer.is_valid(raise_exception=True)
        serializer.save()
        CONNECTIONS.append(connections["default"])
        assert connection.connection is not None
        return Response(serializer.data, 201)


class Staff(APIView):
    """A view for people who have logged in."""

    permission_classes = [IsAuthenticated]

    def post(self, request):
        return Response({})


class Forms(APIView):
    """A view that understands only forms."""

    parser_classes = [FormParser]

    def post(self, request):
        return Response(request.data)


@csrf_exempt
def plain(request):
    book = json.loads(request.body)["detail"]
    Book.objects.create(**book)
    CONNECTIONS.append(connections["default"])
    return JsonResponse({"count": Book.objects.count()})


@csrf_exempt
async def asynchronous(request):
    book = json.loads(request.body)["detail"]
    await Book.objects.acreate(**book)
    return JsonResponse({"count": await Book.objects.acount()})


@csrf_exempt
def stream(request):
    """Each name as it comes out of the database, while the response is being sent."""
    return StreamingHttpResponse((f"{book.name}\n" for book in Book.objects.order_by("name")), "text/plain")


@csrf_exempt
async def asynchronous_stream(request):
    async def names():
        async for book in Book.objects.order_by("name"):
            yield f"{book.name}\n"

    return StreamingHttpResponse(names(), "text/plain")


def protected(request):
    """A view as most are: not exempt from the protection against forged requests."""
    return JsonResponse({})


@csrf_exempt
def opened(request):
    return JsonResponse({"bytes": len(request.body)})


@csrf_exempt
@login_required
def members(request):
    return JsonResponse({})


@csrf_exempt
@require_GET
def readonly(request):
    return JsonResponse({})


@csrf_exempt
def failing(request):
    Book.objects.count()
    CONNECTIONS.append(connections["default"])
    raise RuntimeError("the shelf fell down")
