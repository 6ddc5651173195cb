"""Django: the views of the bookshop."""

from django.http import HttpResponse
from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt

from cloud_events import is_event

urlpatterns = [
    path("aws.s3", csrf_exempt(lambda request: HttpResponse("reached"))),
    re_path(r"(?i)^aws\.sns$", csrf_exempt(lambda request: HttpResponse("reached"))),
    path("books", csrf_exempt(lambda request: HttpResponse(str(is_event(request))))),
]
