"""Django: the bookshop without a lock of its own."""

from django.http import HttpResponse
from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt

urlpatterns = [
    path("aws.s3", csrf_exempt(lambda request: HttpResponse("reached"))),
    re_path(r"(?i)^aws\.sns$", csrf_exempt(lambda request: HttpResponse("reached"))),
    path("books", csrf_exempt(lambda request: HttpResponse("books"))),
]
