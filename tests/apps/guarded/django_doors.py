"""Django: a few routes, each of which answers what it is called."""

from django.http import HttpResponse
from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt


def door(name):
    return csrf_exempt(lambda request, **values: HttpResponse(name.format(**values)))


urlpatterns = [
    path("", door("/")),
    path("admin", door("/admin")),
    path("admin/", door("/admin/")),
    path("aws.s3", door("/aws.s3")),
    path("orders/<str:key>", door("/orders/{key}")),
    path("orders/<str:key>/admin", door("/orders/{key}/admin")),
    re_path(r"^files/(?P<rest>.*)$", door("/files/{rest}")),
]
